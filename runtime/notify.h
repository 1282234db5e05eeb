/* runtime/notify.h: "I am ready", from a container to the service manager that started husk [sd_notify(3)].
 *
 * Where husk is given a $NOTIFY_SOCKET, the container gets a folder of its state at /run/notify, and a socket in it as its
 * own $NOTIFY_SOCKET. Whoever starts the program listens there and passes on what it says. The host's socket itself is
 * not handed in: it would trust a container's word on any process. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
struct error;

#define NOTIFY_FOLDER "notify" /* in the container's state */
#define NOTIFY_PLACE  "/run/notify"
#define NOTIFY_SOCKET "notify.sock"

struct notify {
	int sock;         /* owned; -1 = nothing to pass on */
	const char *host; /* the caller's $NOTIFY_SOCKET */
	pid_t main_pid;   /* told to the host when ready; 0: husk itself stays what it watches */
};

/* The socket in the state directory `dir`, made anew. */
int notify_listen(int dir, struct notify *ret, struct error *err);

/* Reads one message and passes it on; *ret_ready where it held READY=1. */
void notify_pass(const struct notify *notify, bool *ret_ready);

/* Passes on until the container is ready, or has ended: 0; or until `signal_fd` (of wait_block(), or -1) has a signal that
 * asks husk to end: 128 plus its number. */
int notify_wait(const struct notify *notify, int pidfd, int signal_fd);

void notify_done(struct notify *notify);
