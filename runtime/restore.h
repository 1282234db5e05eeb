/* runtime/restore.h: the first process of a container made by CRIU, from what `checkpoint` saved.
 *
 * A restored container is made as any other (create.c), but for its processes: a child of ours, in its cgroup, lays the
 * root where CRIU finds it and becomes CRIU, which makes them as children of ours. Nothing that is saved decides what they
 * may do: mounts, namespaces and cgroup are those of the config, and what CRIU has made is compared with it before it runs. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
struct criu_folders;
struct criu_options;
struct error;
struct plan;

struct restore {
	struct plan *plan;                   /* borrowed; opened */
	const struct criu_options *options;  /* borrowed */
	const struct criu_folders *folders;  /* borrowed; looked at */
	int signal_fd, cgroup, state_dir;    /* borrowed; the cgroup may be -1 */
	bool has_cgroup;                     /* the plan's; its path may be known only once a process is placed */

	/* What the caller does on the way, by `arg`. */
	void *arg;
	/* A process is there that the cgroup can be made for, where that needs one; it is not the container's. */
	int (*place)(void *arg, pid_t pid, struct error *err);
	/* The first process is there, with its namespaces and nothing else. Takes the pidfd. */
	int (*born)(void *arg, pid_t pid, int *pidfd, struct error *err);
	/* All is there, and about to run. */
	int (*complete)(void *arg, struct error *err);
};

/* *ret_terminal: the master of its terminal, where it has one; else -1. */
int restore_run(const struct restore *restore, int *ret_terminal, struct error *err);
