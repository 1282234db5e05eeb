/* runtime/exec.h: one more process in a container that is there. */
#pragma once
#include <stdbool.h>
struct arena;
struct child;
struct container;
struct error;
struct plan;
struct plan_request;
struct spec;
struct spec_process;

struct exec_request {
	int root;                                             /* borrowed: the state root */
	int signal_fd;                                        /* borrowed: from wait_block() */
	const char *pid_file, *console_socket, *pidfd_socket; /* NULL = none */
	const char *cgroup;                                   /* beneath the container's; NULL = the container's own */
	bool ignore_paused;
};

/* Refuses a container that has stopped, is still being made, or is paused: its process would not run. */
int exec_check(const struct container *container, bool ignore_paused, struct error *err);

/* Plans `process` for the container of `spec`. */
void exec_plan(const struct container *container, const struct spec *spec, const struct spec_process *process,
	const struct plan_request *request, struct arena *arena, struct plan *ret_plan);

/* Runs it: 0 once its program runs. Nothing of it is left after a failure, and no pid file is written. *ret_child is a
 * child of ours. */
int container_exec(const struct container *container, struct plan *plan, const struct exec_request *request,
	struct child *ret_child, struct error *err);
