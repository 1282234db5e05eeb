/* runtime/create.h: from a plan to a container whose program is about to run, or to nothing at all. */
#pragma once
#include <sys/types.h>
struct container;
struct error;
struct plan;

struct create_request {
	int root;             /* borrowed: the state root, opened to make things */
	int signal_fd;        /* borrowed: from wait_block(); a signal that asks husk to end undoes everything */
	const char *pid_file; /* NULL = none */
};

/* What `run` goes on with. */
struct created {
	int sock;     /* owned; closed by the program's exec, or a report comes; -1 for `create` */
	int terminal; /* owned; the master of the container's pty; -1 = none */
};

/* Opens what the plan needs, takes the id, makes the container and waits until everything but the program is set up.
 * *ret_container is locked, and open: its pidfd is that of a child of ours. A failure leaves nothing behind; what the
 * plan opened is closed by plan_close() in any case. */
int create_container(struct plan *plan, const struct create_request *request, struct container *ret_container,
	struct created *ret, struct error *err);

/* Waits until the program runs (0) or could not be (explained). */
int create_await_exec(const struct plan *plan, struct created *created, struct error *err);

/* Reaps the first process, a child of ours; it must have ended or been killed. */
void create_reap(const struct container *container);

void plan_close(struct plan *plan);
