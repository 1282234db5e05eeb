/* runtime/main.c: argv to a command, its answer to an exit status and a line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"
#include "spec/spec.h"

enum { USAGE_STATUS = 125, MAX_PARTS = 32 };

/* In the order of help: by purpose. */
static const struct command *const commands[] = {
	&run_command,
	&create_command,
	&start_command,
	&exec_command,
	&state_command,
	&list_command,
	&ps_command,
	&events_command,
	&stats_command,
	&top_command,
	&kill_command,
	&stop_command,
	&wait_command,
	&pause_command,
	&resume_command,
	&update_command,
	&checkpoint_command,
	&restore_command,
	&delete_command,
	&network_command,
	&port_command,
	&pull_command,
	&images_command,
	&image_command,
	&unshare_command,
	&spec_command,
	&plan_command,
	&features_command,
};

static const char *const log_formats[] = { "text", "json", NULL };
static const char *const log_levels[] = { "default", "error", "warning", "info", "debug", NULL };
static const char *const cgroup_managers[] = { "cgroupfs", "systemd", "disabled", NULL };

#define GLOBAL(name, letter, kind, member, ...) OPTION(name, letter, kind, struct globals, member, __VA_ARGS__)

static const struct option global_options[] = {
	GLOBAL("root", 0, OPTION_TEXT, root, .value = "DIR", .help = "state of containers (default: /run/husk)"),
	GLOBAL("store", 0, OPTION_TEXT, store, .value = "DIR", .help = "images and networks (default: /var/lib/husk)"),
	GLOBAL("log", 0, OPTION_TEXT, log, .value = "FILE", .help = "write messages there too"),
	GLOBAL("log-format", 0, OPTION_CHOICE, log_format, .value = "FORMAT", .choices = log_formats,
		.help = "text or json"),
	GLOBAL("log-level", 0, OPTION_CHOICE, log_level, .value = "LEVEL", .choices = log_levels,
		.help = "error, warning, info or debug"),
	GLOBAL("debug", 0, OPTION_FLAG, debug, .help = "the same as --log-level debug"),
	GLOBAL("cgroup-manager", 0, OPTION_CHOICE, cgroup_manager, .value = "NAME", .choices = cgroup_managers,
		.help = "cgroupfs, systemd or disabled"),
	GLOBAL("systemd-cgroup", 0, OPTION_FLAG, systemd_cgroup, .help = "the same as --cgroup-manager systemd"),
	GLOBAL("rootless", 0, OPTION_FLAG, rootless, .help = "accepted; husk sees for itself"),
	GLOBAL("version", 'v', OPTION_FLAG, version, .help = "print the version"),
	GLOBAL("help", 'h', OPTION_FLAG, help, .help = "print this, or the help of a command"),
};

/* ---- help ---- */

static int print_version(void)
{
	(void)printf("husk version " HUSK_VERSION "\ncommit: " HUSK_COMMIT "\nspec: " SPEC_VERSION "\n");
	return fflush(stdout) ? 1 : 0;
}

static int print_help(void)
{
	(void)printf("Usage: husk [OPTIONS] COMMAND [ARGUMENTS]\n\n"
		     "Runs OCI bundles in containers: isolated, limited, and gone without a trace.\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		(void)printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
	(void)printf("\nOptions:\n");
	options_print(global_options, ARRAY_SIZE(global_options));
	(void)printf("\nExamples:\n"
		     "  husk run /srv/web/             run a bundle in the foreground\n"
		     "  husk plan /srv/web/            see what that would do\n"
		     "  husk COMMAND --help            more about a command\n");
	return fflush(stdout) ? 1 : 0;
}

static int print_command_help(const struct command *command)
{
	(void)printf("Usage: husk %s %s\n\n%s\n", command->name, command->usage, command->summary);
	for (const struct command *const *part = command->parts; part && *part; part++)
		(void)printf("%s  %-18s %s\n", part == command->parts ? "\nCommands:\n" : "", (*part)->name,
			(*part)->summary);
	if (command->option_count) {
		(void)printf("\nOptions:\n");
		options_print(command->options, command->option_count);
	}
	if (command->examples)
		(void)printf("\nExamples:\n%s\n", command->examples);
	return fflush(stdout) ? 1 : 0;
}

/* ---- commands ---- */

/* What people of docker, podman and runc type without thinking. */
static const char *our_word(const char *word)
{
	static const char *const words[][2] = {
		{ "export", "image export" },
		{ "import", "image import" },
		{ "info", "features" },
		{ "inspect", "state or husk image inspect" },
		{ "load", "image import" },
		{ "rm", "delete" },
		{ "rmi", "image rm" },
		{ "save", "image export" },
		{ "unpause", "resume" },
		{ "version", "--version" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i][0], word) == 0)
			return words[i][1];
	return NULL;
}

static const struct command *find_command(const char *name, struct error *err)
{
	const char *names[ARRAY_SIZE(commands)], *near;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
		names[i] = commands[i]->name;
	}
	near = our_word(name);
	(void)error_bad(err, EINVAL, "unknown command \"%s\"", name);
	if (near)
		(void)error_hint(err, "here it is husk %s", near);
	near = text_nearest(name, names, ARRAY_SIZE(names));
	if (near)
		(void)error_hint(err, "did you mean %s? try husk --help", near);
	(void)error_hint(err, "try husk --help");
	return NULL;
}

static int help_on(int argc, char **argv, struct arena *arena, struct error *err)
{
	static const struct globals globals;
	const struct command *command = argc ? find_command(argv[0], err) : NULL;
	char *help[] = { "--help", NULL };

	if (argc == 0)
		return print_help();
	if (command && command->program)
		return command->run(
			&(struct invocation){ .arena = arena, .globals = &globals, .args = help, .arg_count = 1 }, err);
	return command ? print_command_help(command) : err->code;
}

static int check_count(const struct invocation *invocation, struct error *err)
{
	const struct command *command = invocation->command;

	if (invocation->arg_count < command->min_args)
		return cli_wrong_count(invocation, command->min_args, err);
	return invocation->arg_count > command->max_args ? cli_wrong_count(invocation, command->max_args, err) : 0;
}

/* Of "network create", the last word is what is typed. */
static const char *last_word(const struct command *command)
{
	const char *blank = strrchr(command->name, ' ');

	return blank ? blank + 1 : command->name;
}

static const struct command *find_part(const struct command *command, const char *word, struct error *err)
{
	const char *names[MAX_PARTS], *near;
	size_t count = 0;

	for (const struct command *const *part = command->parts; *part && count < MAX_PARTS; part++) {
		names[count++] = last_word(*part);
		if (strcmp(names[count - 1], word) == 0)
			return *part;
	}
	near = text_nearest(word, names, count);
	(void)error_bad(err, EINVAL, "unknown command \"%s %s\"", command->name, word);
	if (near)
		(void)error_hint(err, "did you mean %s %s?", command->name, near);
	(void)error_hint(err, "try husk %s --help", command->name);
	return NULL;
}

static int run_command_with(const struct command *command, const struct globals *globals, int argc, char **argv,
	struct arena *arena, struct error *err)
{
	bool help = false;
	const struct option_parse parse = {
		.ret_help = &help,
		.options = command->options,
		.count = command->option_count,
		.owner = command->name,
		.options_first = command->options_first,
		.arena = arena,
	};
	struct invocation invocation = {
		.command = command,
		.arena = arena,
		.globals = globals,
		.args = argv,
		.arg_count = argc,
	};
	int r;

	if (command->program)
		return command->run(&invocation, err);
	if (command->parts && argc && argv[0][0] != '-') {
		const struct command *part = find_part(command, argv[0], err);
		return part ? run_command_with(part, globals, argc - 1, argv + 1, arena, err) : err->code;
	}
	invocation.options = arena_alloc(arena, command->options_size);
	r = options_parse(&parse, argc, argv, invocation.options, &invocation.arg_count, err);
	if (help)
		return print_command_help(command);
	if (r == 0)
		r = check_count(&invocation, err);
	return r < 0 ? r : command->run(&invocation, err);
}

/* ---- main ---- */

static int open_log(const struct globals *globals, const struct command *command, struct error *err)
{
	enum log_level level =
		command == &run_command || command == &plan_command ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR;

	if (globals->debug)
		level = LOG_LEVEL_DEBUG;
	else if (globals->log_level) /* 0 is the default above */
		level = (enum log_level)(globals->log_level - 1);
	return log_open(globals->log, (enum log_format)globals->log_format, level, err);
}

static int exit_status(const struct command *command, int r, const struct error *err)
{
	if (r >= 0)
		return r;
	if (err->exit_status)
		return err->exit_status;
	return command ? command->failure_status : USAGE_STATUS;
}

static int husk(int argc, char **argv, struct arena *arena, struct error *err, const struct command **ret_command)
{
	const struct option_parse parse = {
		.options = global_options,
		.count = ARRAY_SIZE(global_options),
		.owner = "",
		.options_first = true,
	};
	struct globals globals = { 0 };
	int count = 0;
	int r = options_parse(&parse, argc, argv, &globals, &count, err);

	if (r < 0)
		return r;
	if (globals.version)
		return print_version();
	if (globals.help)
		return print_help();
	if (count == 0) {
		(void)error_bad(err, EINVAL, "a command is missing");
		return error_hint(err, "try husk --help");
	}
	if (strcmp(argv[0], "help") == 0)
		return help_on(count - 1, argv + 1, arena, err);
	*ret_command = find_command(argv[0], err);
	if (!*ret_command)
		return err->code;
	r = open_log(&globals, *ret_command, err);
	return r < 0 ? r : run_command_with(*ret_command, &globals, count - 1, argv + 1, arena, err);
}

int main(int argc, char **argv)
{
	const struct command *command = NULL;
	struct error err = { 0 };
	struct arena arena;
	int r;

	arena_init(&arena);
	r = fd_open_missing_stdio(&err);
	/* Started by descriptor, we would be called by its number. */
	(void)prctl(PR_SET_NAME, "husk");
	if (r == 0)
		r = husk(argc - 1, argv + 1, &arena, &err, &command);
	if (r < 0)
		log_error(&err);
	arena_done(&arena);
	return exit_status(command, r, &err);
}
