/* runtime/cli/options.h: the command line as data.
 *
 * A command is a table of options and a function; parsing, messages and help come from the table. The grammar is the
 * one that callers and people of runc, crun and docker know: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, flags with
 * =true or =false, "--" ends options. An abbreviation is refused, since it would change its meaning when an option is
 * added. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
struct arena;
struct error;

enum option_kind {
	OPTION_FLAG,   /* bool */
	OPTION_TEXT,   /* const char * */
	OPTION_NUMBER, /* unsigned */
	OPTION_CHOICE, /* unsigned: index into `choices` */
	OPTION_LIST,   /* struct option_list: may be given many times */
};

struct option_list {
	const char **items;
	size_t count;
};

struct option {
	const char *name;
	char letter; /* 0 = none */
	enum option_kind kind;
	size_t offset;              /* in the struct that is filled */
	const char *value;          /* the word in help: "FILE" */
	const char *const *choices; /* NULL-terminated */
	const char *help;
};

#define OPTION(name_, letter_, kind_, type, member, ...)                                                               \
	{                                                                                                              \
		.name = (name_), .letter = (letter_), .kind = (kind_), .offset = offsetof(type, member), __VA_ARGS__   \
	}

struct globals {
	const char *root, *log;
	unsigned log_format, log_level; /* enum log_format; index into levels */
	bool debug, systemd_cgroup, version, help;
	unsigned cgroup_manager;
	bool rootless; /* accepted and ignored: husk sees for itself */
};

enum { CGROUP_MANAGER_CGROUPFS, CGROUP_MANAGER_SYSTEMD, CGROUP_MANAGER_DISABLED };

/* What a command gets. */
struct invocation {
	struct arena *arena;
	const struct globals *globals;
	void *options; /* the command's own struct, filled */
	char **args;   /* positional */
	int arg_count;
};

struct command {
	const char *name;
	const char *usage; /* after the name: "[OPTIONS] ID" */
	const char *summary;
	const char *examples; /* lines, or NULL */
	const struct option *options;
	size_t option_count;
	size_t options_size; /* of its struct */
	int min_args, max_args;
	bool options_first; /* the first positional ends the options */
	int failure_status; /* of the process, where the error has none of its own */
	/* The exit status, or a negative errno with words. */
	int (*run)(const struct invocation *invocation, struct error *err);
};

extern const struct command run_command, create_command, exec_command, start_command, state_command, kill_command,
	delete_command, list_command, ps_command, events_command, stats_command, top_command, pause_command,
	resume_command, update_command, features_command, spec_command, plan_command;

/* Fills `target` from argv[*at] on and moves *at past the options; positionals are moved to the front of argv, where
 * they may be mixed, counted in *ret_count and ended by a NULL. `owner` names the command in messages; "" for the options before it. */
struct option_parse {
	const struct option *options;
	size_t count;
	const char *owner;
	bool options_first;
	struct arena *arena; /* for lists */
};
int options_parse(
	const struct option_parse *parse, int argc, char **argv, void *target, int *ret_count, struct error *err);

/* The lines of help. */
void options_print(const struct option *options, size_t count);
