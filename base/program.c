/* base/program.c: see the header. */
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

static int reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int program_run(
	char *const *argv, int fd, size_t max, struct arena *arena, char **ret_text, int *ret_status, struct error *err)
{
	posix_spawn_file_actions_t actions;
	int pipes[2], r;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return error_sys(err, errno, "make a pipe");
	cleanup_close int in = pipes[0], out = pipes[1];
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, out, fd);
	r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r > 0)
		return error_sys(err, r, "run %s", argv[0]);
	fd_closep(&out);
	r = file_read_fd(in, argv[0], max, arena, ret_text, NULL, err);
	fd_closep(&in); /* one that has more to say hears that nobody listens */
	*ret_status = reap(pid);
	return r;
}
