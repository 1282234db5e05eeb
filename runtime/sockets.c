/* runtime/sockets.c: see the header. */
#include "runtime/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

/* Through a descriptor of the socket itself, since sun_path holds 108 bytes only [unix(7)]. */
int socket_connect(const char *path, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int file = open(path, O_PATH | O_CLOEXEC);
	cleanup_close int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (file < 0)
		return error_sys(err, errno, "open the socket %s", path);
	if (sock < 0)
		return error_sys(err, errno, "make a socket");
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", file);
	if (connect(sock, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, errno, "connect to the socket %s", path);
	return fd_take(&sock);
}

int socket_hand_over(int sock, const char *text, int fd, struct error *err)
{
	int r = fd_send(sock, text, strlen(text), fd);

	return r < 0 ? error_sys(err, r, "hand over a descriptor") : 0;
}
