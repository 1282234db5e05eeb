/* runtime/cli/command.h: a command as data: its options, its help, its function. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/options.h"
struct arena;
struct error;

struct globals {
	const char *root, *store, *log;
	unsigned log_format, log_level; /* enum log_format; index into levels */
	bool debug, systemd_cgroup, version, help;
	unsigned cgroup_manager;
	bool rootless; /* accepted and ignored: husk sees for itself */
};

enum { CGROUP_MANAGER_CGROUPFS, CGROUP_MANAGER_SYSTEMD, CGROUP_MANAGER_DISABLED };

/* What a command gets. */
struct invocation {
	const struct command *command;
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
	const struct command *const
		*parts;     /* commands that it consists of, NULL-terminated, by the first argument; or NULL */
	int failure_status; /* of the process, where the error has none of its own */
	const char
		*program; /* of program_folder: it gets the command line, and the rest here is its business; or NULL */
	/* The exit status, or a negative errno with words. */
	int (*run)(const struct invocation *invocation, struct error *err);
};

extern const struct command run_command, create_command, exec_command, start_command, state_command, kill_command,
	stop_command, wait_command, delete_command, list_command, ps_command, events_command, stats_command,
	top_command, pause_command, resume_command, update_command, network_command, network_create_command,
	port_command, pull_command, unshare_command, images_command, image_command, features_command, spec_command,
	plan_command, checkpoint_command, restore_command;
