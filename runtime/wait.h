/* runtime/wait.h: the foreground's job while a container runs.
 *
 * Signals are blocked from the start of the command (wait_block) and read by signalfd, so none is lost between clone
 * and wait; all but SIGCHLD, SIGWINCH and SIGURG go on to the container's init through its pidfd, never to a number
 * [pidfd_send_signal(2)]. The init, a child of ours, is reaped here. */
#pragma once
#include <signal.h>
#include <sys/types.h>
struct error;
struct relay;

/* Blocks everything that is forwarded; *ret_before is the mask to give the payload. Returns the signalfd, owned by the
 * caller, or a negative errno. SIGPIPE is among the blocked ones, so a closed stdout cannot kill husk. */
int wait_block(sigset_t *ret_before, struct error *err);

/* Waits until `pidfd` (a child) has ended; moves the terminal's bytes meanwhile (`relay` may be NULL).
 * *ret_status: its exit status, or 128 plus the signal that killed it. */
int wait_for(int pidfd, int signal_fd, struct relay *relay, int *ret_status, struct error *err);
