/* base/program.c: see the header. */
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

int program_reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* With no signal blocked, as we may have. Returns a positive errno, as posix_spawn(3) does. */
static int spawn(pid_t *ret_pid, char *const *argv, posix_spawn_file_actions_t *actions)
{
	posix_spawnattr_t attributes;
	sigset_t none;
	int r;

	(void)sigemptyset(&none);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	r = posix_spawnp(ret_pid, argv[0], actions, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
	return r;
}

/* `streams`: what becomes its 0, 1 and 2; -1: ours. The one at `heard` is filled here. */
static int run(char *const *argv, int streams[3], int heard, size_t max, struct arena *arena, char **ret_text,
	int *ret_status, struct error *err)
{
	posix_spawn_file_actions_t actions;
	int pipes[2], r;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return error_sys(err, errno, "make a pipe");
	cleanup_close int in = pipes[0], out = pipes[1];
	streams[heard] = out;
	(void)posix_spawn_file_actions_init(&actions);
	for (int i = 0; i < 3; i++)
		if (streams[i] >= 0)
			(void)posix_spawn_file_actions_adddup2(&actions, streams[i], i);
	(void)posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	r = spawn(&pid, argv, &actions);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r > 0)
		return error_sys(err, r, "run %s", argv[0]);
	fd_closep(&out);
	r = file_read_fd(in, argv[0], max, arena, ret_text, NULL, err);
	fd_closep(&in); /* one that has more to say hears that nobody listens */
	*ret_status = program_reap(pid);
	return r;
}

int program_run(
	char *const *argv, int fd, size_t max, struct arena *arena, char **ret_text, int *ret_status, struct error *err)
{
	return run(argv, (int[]){ -1, -1, -1 }, fd, max, arena, ret_text, ret_status, err);
}

int program_feed(char *const *argv, const char *input, size_t max, struct arena *arena, char **ret_text,
	int *ret_status, struct error *err)
{
	cleanup_close int in = memfd_create("input", MFD_CLOEXEC);
	int r = in < 0 ? -errno : file_write_all(in, input, strlen(input));

	if (r < 0 || lseek(in, 0, SEEK_SET) < 0)
		return error_sys(err, r < 0 ? r : errno, "keep the input of %s", argv[0]);
	return run(argv, (int[]){ in, -1, -1 }, STDOUT_FILENO, max, arena, ret_text, ret_status, err);
}

int program_complain(char *const *argv, int in, int out, size_t max, struct arena *arena, char **ret_text,
	int *ret_status, struct error *err)
{
	return run(argv, (int[]){ in, out, -1 }, STDERR_FILENO, max, arena, ret_text, ret_status, err);
}

char *program_find(const char *name, const char *folders, struct arena *arena)
{
	for (size_t len; *folders; folders += len + (folders[len] == ':')) {
		len = strcspn(folders, ":");
		char *path = arena_printf(arena, "%.*s/%s", (int)len, folders, name);
		if (*folders == '/' && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
			return path;
	}
	return NULL;
}

/* ---- our own ---- */

int program_start(const char *name, pid_t *ret_pid, int *ret_sock, struct error *err)
{
	posix_spawn_file_actions_t actions;
	char path[PATH_MAX];
	char *const argv[] = { path, NULL };
	int pair[2], r;

	(void)snprintf(path, sizeof(path), "%s/%s", program_folder, name);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "make a pair of sockets");
	cleanup_close int own = pair[0], other = pair[1];
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, other, STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, other, STDOUT_FILENO);
	(void)posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	r = spawn(ret_pid, argv, &actions);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r > 0) {
		(void)error_sys(err, r, "run %s", path);
		return r == ENOENT ? error_hint(err, "husk was built or installed without it") : -r;
	}
	*ret_sock = fd_take(&own);
	return 0;
}

static ssize_t talk(int sock, const void *request, size_t len, char *answer, size_t size, unsigned timeout_ms)
{
	struct pollfd wait = { .fd = sock, .events = POLLIN };
	ssize_t n;
	int r;

	if (send(sock, request, len, MSG_NOSIGNAL) < 0)
		return -errno;
	do
		r = poll(&wait, 1, (int)timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return r < 0 ? -errno : -ETIMEDOUT;
	n = recv(sock, answer, size - 1, 0);
	if (n <= 0)
		return n < 0 && errno != ECONNRESET ? -errno : -EPIPE;
	answer[n] = '\0';
	return n;
}

ssize_t program_ask(const char *name, const void *request, size_t len, char *answer, size_t size, unsigned timeout_ms,
	struct error *err)
{
	cleanup_close int sock = -1;
	pid_t pid = 0;
	int r = program_start(name, &pid, &sock, err);
	ssize_t n;

	if (r < 0)
		return r;
	n = talk(sock, request, len, answer, size, timeout_ms);
	if (n < 0)
		(void)kill(pid, SIGKILL); /* our child, not reaped yet: the number is still its own */
	(void)program_reap(pid);
	return n < 0 ? error_sys(err, (int)n, "hear from %s", name) : n;
}
