/* base/fd.h: who owns a descriptor.
 *
 * A parameter `int fd` is borrowed; `int *fd` is taken and left at -1; a returned descriptor is the caller's; a stored
 * one says in its comment whether it is owned. All are close-on-exec. [open(2), O_CLOEXEC] */
#pragma once
#include <unistd.h>

static inline void fd_closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* once, even after EINTR: Linux has let go of it already [close(2)] */
	*fd = -1;
}
#define cleanup_close __attribute__((cleanup(fd_closep)))

/* Hands a descriptor over: returns it and leaves -1. */
static inline int fd_take(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

struct error;

/* Marks every open descriptor from `first` on close-on-exec [close_range(2), Linux 5.11]. */
int fd_cloexec_from(unsigned first);

/* Opens /dev/null on each of 0, 1 and 2 that is closed, so that no file of ours ever lands there. */
int fd_open_missing_stdio(struct error *err);

/* Sends `len` bytes with the descriptor `fd` (or none, when -1), or receives them. `sock` is a connected AF_UNIX
 * socket. Receiving: the bytes read or a negative errno; *ret_fd is -1 where none came, close-on-exec otherwise; more
 * than one is -EBADMSG and none is kept. [unix(7), SCM_RIGHTS] */
int fd_send(int sock, const void *data, size_t len, int fd);
ssize_t fd_receive(int sock, void *data, size_t size, int *ret_fd);
