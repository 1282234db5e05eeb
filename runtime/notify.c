/* runtime/notify.c: see the header. */
#include "runtime/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "runtime/wait.h"

enum { MESSAGE_MAX = 4096 };

int notify_listen(int dir, struct notify *ret, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)unlinkat(dir, NOTIFY_FOLDER "/" NOTIFY_SOCKET, 0);
	(void)snprintf(
		address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" NOTIFY_FOLDER "/" NOTIFY_SOCKET, dir);
	if (sock < 0 || bind(sock, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return error_sys(err, errno, "make the container's NOTIFY_SOCKET");
	/* any user of the container may write to it */
	if (fchmodat(dir, NOTIFY_FOLDER "/" NOTIFY_SOCKET, 0777, 0) < 0)
		return error_sys(err, errno, "open the container's NOTIFY_SOCKET to its users");
	ret->sock = fd_take(&sock);
	return 0;
}

/* "/run/x" or "@abstract" [sd_notify(3)] */
static int send_to_host(const char *host, const char *text, size_t len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t path_len = strlen(host);
	cleanup_close int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (path_len >= sizeof(address.sun_path) || sock < 0)
		return -EINVAL;
	memcpy(address.sun_path, host, path_len);
	if (*host == '@')
		address.sun_path[0] = '\0';
	if (sendto(sock, text, len, MSG_NOSIGNAL, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_len)) < 0)
		return -errno;
	return 0;
}

/* What a container may say: not which process the host's main one is. */
static bool may_pass(const char *line)
{
	return !text_starts_with(line, "MAINPID") && !text_starts_with(line, "BARRIER=") &&
		!text_starts_with(line, "FD");
}

void notify_pass(const struct notify *notify, bool *ret_ready)
{
	char message[MESSAGE_MAX], passed[MESSAGE_MAX + 64];
	ssize_t n = recv(notify->sock, message, sizeof(message) - 1, 0);
	char *save = NULL;
	struct text text;

	if (n <= 0)
		return;
	message[n] = '\0';
	text_init(&text, passed, sizeof(passed));
	for (const char *line = strtok_r(message, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!may_pass(line))
			continue;
		text_add(&text, "%s\n", line);
		if (strcmp(line, "READY=1") != 0)
			continue;
		*ret_ready = true;
		if (notify->main_pid)
			text_add(&text, "MAINPID=%d\n", notify->main_pid);
	}
	if (text.len)
		(void)send_to_host(notify->host, passed, text.len); /* a host that went away hears nothing */
}

int notify_wait(const struct notify *notify, int pidfd, int signal_fd)
{
	enum { MESSAGES, END, SIGNALS };
	struct pollfd fds[] = {
		[MESSAGES] = { .fd = notify->sock, .events = POLLIN },
		[END] = { .fd = pidfd, .events = POLLIN },
		[SIGNALS] = { .fd = signal_fd, .events = POLLIN },
	};
	bool ready = false;
	int signal = 0;

	while (!ready && !signal) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			break;
		if (fds[SIGNALS].revents)
			signal = wait_interrupted(signal_fd);
		if (fds[MESSAGES].revents)
			notify_pass(notify, &ready);
		else if (fds[END].revents)
			break;
	}
	return signal ? 128 + signal : 0;
}

void notify_done(struct notify *notify)
{
	fd_closep(&notify->sock);
}
