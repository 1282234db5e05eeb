/* runtime/child.h: a process on its way to becoming a program: the parent's side, for create and exec alike.
 *
 * The child walks the plan's steps and talks over one socket: what it needs, that it is ready, why it failed. The parent
 * answers with single bytes, in the order in which the walk waits for them. */
#pragma once
#include <sys/types.h>

#include "spec/spec.h"
struct container;
struct error;
struct plan;

struct child {
	struct plan *plan; /* borrowed */
	int signal_fd;     /* borrowed: from wait_block(); a signal that asks husk to end is a failure */
	int sock, other;   /* owned: our end and the child's; -1 */
	pid_t pid;
	int pidfd;                /* owned; -1 before the clone */
	int terminal;             /* owned: the master of its pty, once it came; -1 */
	int console, pidfd_taker; /* owned: sockets of callers that take the terminal and a pidfd; -1 = none */
	enum spec_status status;  /* the container's, for a seccomp agent */
};

/* Nothing but borrowed things and no descriptors. */
struct child child_of(struct plan *plan, int signal_fd, enum spec_status status);

/* What the steps need at run time and only the system knows: the compiled filter, ignored signals. `root` is the state
 * root. */
int child_prepare(const struct child *child, int root, struct error *err);

/* HOME, where the config has none, from /etc/passwd of the container's root; -1 = it cannot be seen. */
void child_find_home(struct plan *plan, int root);

/* Makes the pair of sockets. */
int child_pair(struct child *child, struct error *err);

/* Around a clone: the child is born so that nobody in a container that it is made for may look into it; we stay as we
 * were [CVE-2016-9962; prctl(2), PR_SET_DUMPABLE]. What child_hide() returns is for child_hidden(). */
int child_hide(void);
void child_hidden(int before);

/* One byte: the child may go on. */
int child_send(const struct child *child, struct error *err);

/* What only the parent may set of a process: its OOM score, hard limits above our own. */
int child_fill(const struct child *child, struct error *err);

/* Waits for a message (REPORT_READY, REPORT_HOOKS), or for the end of the socket (REPORT_END), which is its exec. A
 * failure of the child, and an end that was not asked for, is told in `err`. */
int child_await(struct child *child, int wanted, struct error *err);

/* Connects to the sockets that the caller named; NULL = none. */
int child_connect(struct child *child, const char *console_socket, const char *pidfd_socket, struct error *err);

/* Gives callers what they asked for: terminal and pidfd to their sockets, the pid, without a newline as they parse it, to
 * the file (NULL = none). */
int child_hand_out(struct child *child, const char *pid_file, struct error *err);

/* After a failure: kills it and reaps it. What it said of its own failure replaces `err`, which may only have noticed
 * that the child is gone. */
void child_end(struct child *child, struct error *err);

/* Kills and reaps a child of ours. */
void child_kill(int pidfd);

void child_close(struct child *child);
