/* runtime/wait.h: the foreground's job while a container runs.
 *
 * Signals are blocked from the start of the command (wait_block) and read by signalfd, so none is lost between clone
 * and wait; all but SIGCHLD, SIGWINCH and SIGURG go on to the container's init through its pidfd, never to a number
 * [pidfd_send_signal(2)]. The init, a child of ours, is reaped here. */
#pragma once
struct error;
struct notify;
struct relay;

/* Blocks everything that is forwarded. Returns the signalfd, owned by the caller, or a negative errno. SIGPIPE is among
 * the blocked ones, so a closed stdout cannot kill husk. */
int wait_block(struct error *err);

/* What was read from the signalfd and asks husk to end (SIGINT, SIGTERM, SIGHUP, SIGQUIT); 0 where nothing did. For the
 * time before there is a program to pass it on to. */
int wait_interrupted(int signal_fd);

struct wait {
	int pidfd; /* a child */
	int signal_fd;
	struct relay *relay;         /* moves the terminal's bytes meanwhile; NULL */
	int *ret_signal;             /* the signal that killed it, or 0; NULL */
	const struct notify *notify; /* passes on what it says to the service manager; NULL */
};

/* Waits until the child has ended. *ret_status: its exit status, or 128 plus the signal that killed it. */
int wait_for(const struct wait *wait, int *ret_status, struct error *err);
