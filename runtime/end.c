/* runtime/end.c: see the header. */
#include "runtime/end.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "cgroups/cgroups.h"
#include "netns/netns.h"
#include "runtime/container.h"
#include "runtime/mark.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

enum { LINE_MAX_ = 64, KEPT_FROM = 100 };

/* "137 9 oom": exit code, signal, and whether memory was short */
void end_write(int dir, const struct spec_end *end)
{
	char line[LINE_MAX_];
	int len = snprintf(line, sizeof(line), "%d %d%s\n", end->code, end->signal, end->oom ? " oom" : "");

	(void)file_replace_at(dir, END_FILE, line, (size_t)len, 0600, NULL);
}

void end_read(int root, const char *id, struct spec_end *ret)
{
	char path[NAME_MAX + sizeof("/" END_FILE)], line[LINE_MAX_], *save = NULL, *code, *signal, *oom;
	uint64_t number;

	*ret = (struct spec_end){ 0 };
	(void)snprintf(path, sizeof(path), "%s/" END_FILE, id);
	if (file_read_small_at(root, path, line, sizeof(line)) < 0)
		return;
	code = strtok_r(line, " ", &save);
	signal = strtok_r(NULL, " ", &save);
	oom = strtok_r(NULL, " ", &save);
	if (!code || !signal || text_to_u64(code, 0, 255, &number) < 0)
		return;
	ret->code = (int)number;
	ret->signal = text_to_u64(signal, 0, 64, &number) == 0 ? (int)number : 0;
	ret->oom = oom && strcmp(oom, "oom") == 0;
	ret->known = true;
}

void end_look(const struct mark *init, struct spec_end *ret)
{
	int status;

	*ret = (struct spec_end){ 0 };
	if (!mark_read_end(init, &status))
		return;
	ret->known = true;
	ret->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	ret->code = ret->signal ? 128 + ret->signal : WEXITSTATUS(status);
}

bool end_is_oom(const char *cgroup)
{
	struct cgroup_host host;
	bool oom;

	if (!cgroup || cgroup_host_open(&host, NULL) < 0)
		return false;
	oom = cgroup_oom_kills(&host, cgroup) > 0;
	cgroup_host_done(&host);
	return oom;
}

/* Neither a terminal nor a pipe nor a mount of our caller's may be held for as long as the container lives. */
static void let_go_of_all(int *dir, int *pidfd)
{
	int first = fcntl(*dir, F_DUPFD_CLOEXEC, KEPT_FROM), second = fcntl(*pidfd, F_DUPFD_CLOEXEC, KEPT_FROM);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (first < 0 || second < 0 || null < 0)
		_exit(1);
	for (int fd = 0; fd <= 2; fd++)
		(void)dup2(null, fd);
	(void)syscall(SYS_close_range, 3U, (unsigned)first - 1, 0U);
	if (second > first + 1)
		(void)syscall(SYS_close_range, (unsigned)first + 1, (unsigned)second - 1, 0U);
	(void)syscall(SYS_close_range, (unsigned)second + 1, ~0U, 0U);
	*dir = first;
	*pidfd = second;
	(void)setsid();
	(void)!chdir("/");
}

void end_keep(struct container *container)
{
	struct spec_end end = { .known = true };
	siginfo_t info = { 0 };
	int r;

	let_go_of_all(&container->dir, &container->pidfd);
	do
		r = waitid(P_PIDFD, (id_t)container->pidfd, &info, WEXITED);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		_exit(1);
	end.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	end.code = end.signal ? 128 + end.signal : info.si_status;
	end.oom = end_is_oom(container->record.cgroup);
	end_write(container->dir, &end);
	pasta_end(container->dir); /* nobody is left whom it could serve */
	_exit(0);
}
