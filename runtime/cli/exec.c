/* runtime/cli/exec.c: husk exec. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"
#include "runtime/exec.h"
#include "runtime/self.h"
#include "runtime/wait.h"

enum { PROCESS_MAX = 16 << 20 };

struct exec_options {
	const char *process, *pid_file, *console_socket, *pidfd_socket, *user, *cwd, *cgroup, *label, *profile;
	struct option_list env, caps, groups;
	unsigned preserve_fds;
	bool detach, tty, no_new_privs, ignore_paused;
};

/* ---- the process, from a file ---- */

static int read_process(
	const struct invocation *invocation, const char *path, struct spec_process *ret, struct error *err)
{
	struct faults faults;
	char *text = NULL;
	size_t len = 0;
	int r;

	faults_init(&faults, invocation->arena, path);
	if ((r = cli_read_file(invocation, path, PROCESS_MAX, &text, &len, err)) < 0)
		return r;
	if ((r = spec_parse_process(text, len, invocation->arena, ret, &faults, err)) < 0)
		return r;
	return faults.count ? cli_tell_faults(&faults, invocation->arena, err) : 0;
}

/* ---- the process, from options and the container's own ---- */

static int parse_id(const char *text, size_t len, uint32_t *ret_id, struct arena *arena)
{
	uint64_t id;
	int r = text_to_u64(arena_copy(arena, text, len), 0, UINT32_MAX - 1, &id);

	if (r == 0)
		*ret_id = (uint32_t)id;
	return r;
}

/* "1000", "1000:1000" */
static int set_user(const char *text, struct spec_process *process, struct arena *arena, struct error *err)
{
	size_t len = strcspn(text, ":");

	process->user.additional_gid_count = 0;
	if (parse_id(text, len, &process->user.uid, arena) == 0 &&
		(!text[len] || parse_id(text + len + 1, strlen(text + len + 1), &process->user.gid, arena) == 0))
		return 0;
	(void)error_bad(err, EINVAL, "--user: expected UID or UID:GID, found \"%s\"", text);
	return error_hint(err, "numbers; `husk exec ID id NAME` prints those of a name");
}

static int add_groups(
	const struct option_list *list, struct spec_process *process, struct arena *arena, struct error *err)
{
	struct spec_user *user = &process->user;
	gid_t *groups = ARENA_ARRAY(arena, user->additional_gid_count + list->count, gid_t);

	if (user->additional_gid_count)
		memcpy(groups, user->additional_gids, user->additional_gid_count * sizeof(*groups));
	for (size_t i = 0; i < list->count; i++)
		if (parse_id(list->items[i], strlen(list->items[i]), &groups[user->additional_gid_count++], arena) < 0)
			return error_bad(
				err, EINVAL, "--additional-gids: expected a number, found \"%s\"", list->items[i]);
	user->additional_gids = groups;
	return 0;
}

/* A variable that is given again takes the place of the first. */
static int add_variable(struct spec_strings *env, const char *variable, struct error *err)
{
	size_t len = strcspn(variable, "=");

	if (len == 0 || !variable[len])
		return error_bad(err, EINVAL, "--env: expected NAME=VALUE, found \"%s\"", variable);
	for (size_t i = 0; i < env->count; i++)
		if (strncmp(env->items[i], variable, len + 1) == 0) {
			env->items[i] = variable;
			return 0;
		}
	env->items[env->count++] = variable;
	return 0;
}

static int add_environment(
	const struct option_list *list, struct spec_process *process, struct arena *arena, struct error *err)
{
	struct spec_strings env = {
		.items = ARENA_ARRAY(arena, process->env.count + list->count + 1, const char *),
		.count = process->env.count,
	};
	int r = 0;

	if (env.count)
		memcpy(env.items, process->env.items, env.count * sizeof(*env.items));
	for (size_t i = 0; r == 0 && i < list->count; i++)
		r = add_variable(&env, list->items[i], err);
	process->env = env;
	return r;
}

/* A user other than root keeps over exec only what is ambient [capabilities(7)]. */
static int add_capabilities(const struct option_list *list, struct spec_process *process, struct error *err)
{
	struct spec_capabilities *caps = &process->capabilities;

	for (size_t i = 0; i < list->count; i++) {
		int cap = word_capability(list->items[i]);
		if (cap < 0)
			return error_bad(err, EINVAL, "--cap: \"%s\" is no capability", list->items[i]);
		uint64_t bit = UINT64_C(1) << cap;
		caps->bounding |= bit;
		caps->effective |= bit;
		caps->permitted |= bit;
		if (process->user.uid != 0) {
			caps->inheritable |= bit;
			caps->ambient |= bit;
		}
	}
	caps->given = true;
	return 0;
}

/* After the id; a "--" in front of it, as people know it from elsewhere, is no part of it. */
static struct spec_strings command_of(const struct invocation *invocation)
{
	int first = invocation->arg_count > 2 && strcmp(invocation->args[1], "--") == 0 ? 2 : 1;

	return (struct spec_strings){
		.items = (const char **)invocation->args + first,
		.count = (size_t)(invocation->arg_count - first),
	};
}

static int describe_process(const struct invocation *invocation, struct spec_process *process, struct error *err)
{
	const struct exec_options *options = invocation->options;
	struct arena *arena = invocation->arena;
	int r = options->user ? set_user(options->user, process, arena, err) : 0;

	process->args = command_of(invocation);
	process->terminal = options->tty;
	process->has_console_size = false;
	process->no_new_privileges = process->no_new_privileges || options->no_new_privs;
	if (options->cwd)
		process->cwd = options->cwd;
	if (options->label)
		process->selinux_label = options->label;
	if (options->profile)
		process->apparmor_profile = options->profile;
	if (*process->cwd != '/')
		return error_bad(err, EINVAL, "--cwd: expected an absolute path, found \"%s\"", process->cwd);
	if (r == 0)
		r = add_groups(&options->groups, process, arena, err);
	if (r == 0)
		r = add_environment(&options->env, process, arena, err);
	return r < 0 ? r : add_capabilities(&options->caps, process, err);
}

/* What the document leaves open is the container's [crun, runc]. */
static void inherit(const struct spec_process *container, struct spec_process *process)
{
	if (!process->has_user)
		process->user = container->user;
	if (!process->capabilities.given)
		process->capabilities = container->capabilities;
	if (!process->apparmor_profile)
		process->apparmor_profile = container->apparmor_profile;
	if (!process->selinux_label)
		process->selinux_label = container->selinux_label;
}

static int choose_process(
	const struct invocation *invocation, const struct spec *spec, struct spec_process *ret, struct error *err)
{
	const struct exec_options *options = invocation->options;
	int r;

	*ret = spec->process;
	if (!options->process && invocation->arg_count < 2) {
		(void)error_bad(err, EINVAL, "exec requires an argument: the command to run");
		return error_hint(err, "husk exec %s COMMAND, or --process FILE", invocation->args[0]);
	}
	if (!options->process)
		return describe_process(invocation, ret, err);
	r = read_process(invocation, options->process, ret, err);
	if (r == 0)
		inherit(&spec->process, ret);
	ret->terminal = ret->terminal || options->tty;
	return r;
}

/* ---- the command ---- */

static int check_options(const struct exec_options *options, bool terminal, struct error *err)
{
	const char *cgroup = options->cgroup;

	if (options->console_socket && !terminal)
		return error_bad(err, EINVAL, "--console-socket: the process has no terminal; add --tty");
	if (terminal && options->detach && !options->console_socket)
		return error_bad(err, EINVAL, "a process in the background with a terminal needs --console-socket");
	for (const char *part = cgroup; part; part = strchr(part, '/'), part = part ? part + 1 : NULL)
		if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2]))
			return error_bad(err, EINVAL, "--cgroup %s: \"..\" leads out of the container", cgroup);
	return 0;
}

static int run_process(const struct invocation *invocation, const struct container *container, struct plan *plan,
	int root, struct error *err)
{
	const struct exec_options *options = invocation->options;
	cleanup_close int signal_fd = wait_block(err);
	const struct exec_request request = {
		.root = root,
		.signal_fd = signal_fd,
		.pid_file = options->pid_file,
		.console_socket = options->console_socket,
		.pidfd_socket = options->pidfd_socket,
		.cgroup = options->cgroup && strcmp(options->cgroup, "/") != 0 ? options->cgroup : NULL,
		.ignore_paused = options->ignore_paused,
	};
	struct child child;
	int r;

	if (signal_fd < 0)
		return signal_fd;
	r = container_exec(container, plan, &request, &child, err);
	if (r == 0 && !options->detach)
		r = cli_foreground(child.pidfd, &child.terminal, signal_fd, NULL, NULL, err);
	child_close(&child);
	return r;
}

static int exec_in(const struct invocation *invocation, const struct container *container, int root, struct error *err)
{
	const struct exec_options *options = invocation->options;
	const struct plan_request request = {
		.id = container->id,
		.bundle = container->record.bundle,
		.no_new_keyring = container->record.no_new_keyring,
		.preserve_fds = cli_listen_fds() + options->preserve_fds,
		.listen_fds = cli_listen_fds(),
		.listen_names = getenv("LISTEN_FDNAMES"),
	};
	struct spec_process process;
	struct spec *spec = NULL;
	struct plan plan;
	int r = exec_check(container, options->ignore_paused, err);

	if (r == 0)
		r = container_spec(container, invocation->arena, &spec, err);
	if (r == 0)
		r = choose_process(invocation, spec, &process, err);
	if (r == 0)
		r = check_options(options, process.terminal, err);
	if (r < 0)
		return r;
	exec_plan(container, spec, &process, &request, invocation->arena, &plan);
	return run_process(invocation, container, &plan, root, err);
}

static int exec_run(const struct invocation *invocation, struct error *err)
{
	const struct exec_options *options = invocation->options;
	struct container container;
	cleanup_close int root = -1;
	int r = self_check(err);

	if (r == 0)
		r = cli_check_preserved(cli_listen_fds() + options->preserve_fds, err);
	if (r == 0)
		r = cli_open_container(invocation, &root, &container, err);
	if (r < 0)
		return r;
	r = exec_in(invocation, &container, root, err);
	container_close(&container);
	return r;
}

#define EXEC_OPTION(name, letter, kind, member, ...)                                                                   \
	OPTION(name, letter, kind, struct exec_options, member, __VA_ARGS__)

static const struct option exec_options[] = {
	EXEC_OPTION("tty", 't', OPTION_FLAG, tty, .help = "give it a terminal"),
	EXEC_OPTION("detach", 'd', OPTION_FLAG, detach, .help = "return once it runs"),
	EXEC_OPTION("user", 'u', OPTION_TEXT, user, .value = "UID[:GID]",
		.help = "run as this user (default: the container's)"),
	EXEC_OPTION(
		"additional-gids", 'g', OPTION_LIST, groups, .value = "GID", .help = "one more group; may be repeated"),
	EXEC_OPTION("env", 'e', OPTION_LIST, env, .value = "NAME=VALUE", .help = "one more variable; may be repeated"),
	EXEC_OPTION("cwd", 0, OPTION_TEXT, cwd, .value = "DIR", .help = "working directory"),
	EXEC_OPTION("cap", 'c', OPTION_LIST, caps, .value = "CAP", .help = "one more capability; may be repeated"),
	EXEC_OPTION("no-new-privs", 0, OPTION_FLAG, no_new_privs, .help = "set no_new_privs"),
	EXEC_OPTION("process-label", 0, OPTION_TEXT, label, .value = "LABEL", .help = "SELinux label"),
	EXEC_OPTION("apparmor", 0, OPTION_TEXT, profile, .value = "PROFILE", .help = "AppArmor profile"),
	EXEC_OPTION("cgroup", 0, OPTION_TEXT, cgroup, .value = "PATH", .help = "a cgroup beneath the container's"),
	EXEC_OPTION("process", 'p', OPTION_TEXT, process, .value = "FILE",
		.help = "the whole process as JSON (- is stdin); then the options above do not count"),
	EXEC_OPTION("pid-file", 0, OPTION_TEXT, pid_file, .value = "FILE", .help = "write its pid there once it runs"),
	EXEC_OPTION("console-socket", 0, OPTION_TEXT, console_socket, .value = "SOCKET",
		.help = "send the terminal's master there"),
	EXEC_OPTION("pidfd-socket", 0, OPTION_TEXT, pidfd_socket, .value = "SOCKET", .help = "send its pidfd there"),
	EXEC_OPTION(
		"preserve-fds", 0, OPTION_NUMBER, preserve_fds, .value = "N", .help = "pass on descriptors 3 to 3+N-1"),
	EXEC_OPTION("ignore-paused", 0, OPTION_FLAG, ignore_paused,
		.help = "also where it is paused: it runs once resumed"),
};

const struct command exec_command = {
	.name = "exec",
	.usage = "[OPTIONS] ID COMMAND [ARGUMENTS] | --process FILE [OPTIONS] ID",
	.summary = "Run another program in a container and end with its exit code.",
	.examples = "  husk exec web ps aux\n"
		    "  husk exec -t web sh\n"
		    "  husk exec -d --pid-file /run/job.pid -u 1000:1000 web /bin/job",
	.options = exec_options,
	.option_count = ARRAY_SIZE(exec_options),
	.options_size = sizeof(struct exec_options),
	.min_args = 1,
	.max_args = 1 << 20,
	.options_first = true,
	.failure_status = 125,
	.run = exec_run,
};
