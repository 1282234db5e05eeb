/* runtime/sockets.h: descriptors for whoever called us: --console-socket, --pidfd-socket, a seccomp agent.
 *
 * All speak the same: connect to a unix stream socket, one message with one descriptor, close. */
#pragma once
struct error;

/* Connects to the stream socket at `path`, of any length. A descriptor of the caller's, or a negative errno. */
int socket_connect(const char *path, struct error *err);

/* Sends `text` with the descriptor `fd`. */
int socket_hand_over(int sock, const char *text, int fd, struct error *err);
