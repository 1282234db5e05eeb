/* runtime/terminal.c: bytes both ways between two terminals. */
#include "runtime/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

static const char end_of_file = 4; /* ^D: VEOF as a new pty has it [termios(3)] */

void relay_resize(struct relay *relay)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	(void)ioctl(relay->master, TIOCSWINSZ, &size);
}

int relay_start(struct relay *relay, int *master, struct error *err)
{
	struct termios raw;

	*relay = (struct relay){ .master = fd_take(master), .stdin_open = true, .output_open = true };
	if (fcntl(relay->master, F_SETFL, fcntl(relay->master, F_GETFL) | O_NONBLOCK) < 0)
		return error_sys(err, errno, "set up the container's terminal");
	if (tcgetattr(STDIN_FILENO, &relay->saved) < 0)
		return 0;
	raw = relay->saved;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
		return error_sys(err, errno, "put the terminal into raw mode");
	relay->raw = true;
	return 0;
}

/* ---- one direction each ---- */

enum { CALLER_IN, CALLER_OUT, CONTAINER_IN, CONTAINER_OUT, RELAY_ENTRIES };

int relay_poll(const struct relay *relay, struct pollfd *fds)
{
	bool wants_input = relay->stdin_open && relay->to_container_len == 0;
	bool wants_output = relay->output_open && relay->to_caller_len == 0;

	/* A negative descriptor is skipped [poll(2)]. */
	fds[CALLER_IN] = (struct pollfd){ .fd = wants_input ? STDIN_FILENO : -1, .events = POLLIN };
	fds[CALLER_OUT] = (struct pollfd){ .fd = relay->to_caller_len ? STDOUT_FILENO : -1, .events = POLLOUT };
	fds[CONTAINER_IN] = (struct pollfd){ .fd = relay->to_container_len ? relay->master : -1, .events = POLLOUT };
	fds[CONTAINER_OUT] = (struct pollfd){ .fd = wants_output ? relay->master : -1, .events = POLLIN };
	return RELAY_ENTRIES;
}

static void read_caller(struct relay *relay)
{
	ssize_t n = read(STDIN_FILENO, relay->to_container, sizeof(relay->to_container));

	if (n > 0) {
		relay->to_container_len = (size_t)n;
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		relay->stdin_open = false;
		relay->to_container[0] = end_of_file;
		relay->to_container_len = 1;
	}
}

/* EIO is how a pty says that nobody has its other side open. */
static void read_container(struct relay *relay)
{
	ssize_t n = read(relay->master, relay->to_caller, sizeof(relay->to_caller));

	if (n > 0)
		relay->to_caller_len = (size_t)n;
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		relay->output_open = false;
}

/* Writes what there is; true where the other side is gone. */
static bool write_out(int fd, char *buf, size_t *len)
{
	ssize_t n = write(fd, buf, *len);

	if (n < 0)
		return errno != EINTR && errno != EAGAIN;
	(void)memmove(buf, buf + n, *len - (size_t)n);
	*len -= (size_t)n;
	return false;
}

void relay_move(struct relay *relay, const struct pollfd *fds, int count)
{
	if (count != RELAY_ENTRIES)
		return;
	if (fds[CALLER_IN].revents)
		read_caller(relay);
	if (fds[CONTAINER_OUT].revents)
		read_container(relay);
	if (fds[CONTAINER_IN].revents && write_out(relay->master, relay->to_container, &relay->to_container_len))
		relay->to_container_len = 0;
	if (fds[CALLER_OUT].revents && write_out(STDOUT_FILENO, relay->to_caller, &relay->to_caller_len)) {
		relay->to_caller_len = 0; /* a closed pipe: the container may go on, unheard */
		relay->output_open = false;
	}
}

void relay_stop(struct relay *relay)
{
	while (relay->master > 0 && (relay->to_caller_len || relay->output_open)) {
		if (relay->to_caller_len == 0)
			read_container(relay);
		if (relay->to_caller_len == 0) /* an end, or nothing there: whoever had the terminal is dead */
			break;
		struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
		(void)poll(&out, 1, -1);
		if (write_out(STDOUT_FILENO, relay->to_caller, &relay->to_caller_len))
			break;
	}
	if (relay->master > 0)
		fd_closep(&relay->master);
	if (relay->raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &relay->saved);
	*relay = (struct relay){ .master = -1 };
}
