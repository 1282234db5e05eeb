/* runtime/create.h: from a plan to a container whose program is about to run, or to nothing at all. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
struct child;
struct container;
struct criu_folders;
struct criu_options;
struct error;
struct notify;
struct plan;

struct create_request {
	int root;                   /* borrowed: the state root, opened to make things */
	const char *store;          /* absolute path, for networks; NULL where the plan has none */
	int signal_fd;              /* borrowed: from wait_block(); a signal that asks husk to end undoes everything */
	const char *pid_file;       /* NULL = none */
	const char *console_socket; /* takes the terminal's master; NULL: the caller of create_container() does */
	const char *pidfd_socket;   /* NULL = none */
	bool keeps;                 /* we stay as the container's keeper: see end.h */
	const struct criu_options *checkpoint; /* its processes come from a checkpoint; NULL = it runs its program */
	const struct criu_folders *folders;    /* of the checkpoint, opened */
	struct notify *notify;      /* starts to listen before the program can speak; NULL where `start` will */
};

/* Opens what the plan needs, takes the id, makes the container and waits until everything but the program is set up.
 * *ret_container is locked, and open: its pidfd is that of a child of ours. *ret_child is what `run` goes on with. A
 * failure leaves nothing behind; what the plan opened is closed by plan_close() in any case. */
int create_container(struct plan *plan, const struct create_request *request, struct container *ret_container,
	struct child *ret_child, struct error *err);

void plan_close(struct plan *plan);
