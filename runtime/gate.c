/* runtime/gate.c: a socket in the container's directory. */
#include "runtime/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/fd.h"
#include "runtime/record.h"

/* A path of any length fits: it goes through the descriptor of the directory. */
static struct sockaddr_un address(int dir)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" GATE_SOCKET_FILE, dir);
	return address;
}

int gate_make(int dir, int *ret_listener, int *ret_lock, struct error *err)
{
	const struct sockaddr_un here = address(dir);
	cleanup_close int lock = record_reserve(dir, err);
	cleanup_close int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (lock < 0)
		return lock;
	if (listener < 0 || bind(listener, (const struct sockaddr *)&here, sizeof(here)) < 0 || listen(listener, 1) < 0)
		return error_sys(err, errno, "make the socket on which the container waits for start");
	*ret_lock = fd_take(&lock);
	*ret_listener = fd_take(&listener);
	return 0;
}

int gate_pass(int dir, struct error *err)
{
	const struct sockaddr_un there = address(dir);
	cleanup_close int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (sock < 0)
		return error_sys(err, errno, "make a socket");
	if (connect(sock, (const struct sockaddr *)&there, sizeof(there)) < 0)
		return error_sys(err, errno, "reach the container that waits for start");
	if (send(sock, "", 1, MSG_NOSIGNAL) != 1)
		return error_sys(err, errno, "tell the container to start");
	return fd_take(&sock);
}
