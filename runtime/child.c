/* runtime/child.c: the parent's side of a process that walks a plan. */
#include "runtime/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/listener.h"
#include "images/passwd.h"
#include "runtime/plan.h"
#include "runtime/report.h"
#include "runtime/sockets.h"
#include "runtime/wait.h"

struct child child_of(struct plan *plan, int signal_fd, enum spec_status status)
{
	return (struct child){
		.plan = plan,
		.signal_fd = signal_fd,
		.sock = -1,
		.other = -1,
		.pidfd = -1,
		.terminal = -1,
		.console = -1,
		.pidfd_taker = -1,
		.status = status,
	};
}

/* ---- before the clone ---- */

/* Signals that our caller has us ignore: exec keeps them ignored, so the child resets them [signal(7)]. */
static uint64_t ignored_signals(void)
{
	char status[8192];
	char *line;

	if (file_read_small_at(AT_FDCWD, "/proc/self/status", status, sizeof(status)) < 0)
		return ~UINT64_C(0);
	line = strstr(status, "\nSigIgn:");
	return line ? strtoull(line + strlen("\nSigIgn:"), NULL, 16) : ~UINT64_C(0);
}

void child_find_home(struct plan *plan, int root)
{
	const char *home;

	if (!plan->exec->home || root < 0)
		return;
	home = passwd_find(root, plan->process->user.uid, plan->arena).home;
	if (home && *home)
		*plan->exec->home = arena_printf(plan->arena, "HOME=%s", home);
}

static int compile_seccomp(struct plan *plan, int root, struct error *err)
{
	cleanup_close int cache = -1;

	if (!plan->seccomp)
		return 0;
	if (mkdirat(root, ".seccomp", 0700) == 0 || errno == EEXIST)
		cache = openat(root, ".seccomp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return seccomp_compile(&plan->spec->linux_.seccomp, cache, plan->arena, plan->seccomp, err);
}

int child_prepare(const struct child *child, int root, struct error *err)
{
	int r = compile_seccomp(child->plan, root, err);

	if (r < 0)
		return r;
	child->plan->exec->ignored_signals = ignored_signals();
	return 0;
}

int child_pair(struct child *child, struct error *err)
{
	int socks[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return error_sys(err, errno, "make a pair of sockets");
	child->sock = socks[0];
	child->other = socks[1];
	return 0;
}

int child_hide(void)
{
	int before = prctl(PR_GET_DUMPABLE);

	(void)prctl(PR_SET_DUMPABLE, 0);
	return before;
}

void child_hidden(int before)
{
	if (before == 1) /* another value cannot be set, and says already that nobody may */
		(void)prctl(PR_SET_DUMPABLE, 1);
}

/* ---- while it walks ---- */

int child_send(const struct child *child, struct error *err)
{
	if (send(child->sock, "", 1, MSG_NOSIGNAL) == 1)
		return 0;
	return error_sys(err, errno, "talk to the first process"); /* replaced by what it said, if it said something */
}

static int set_oom_score(const struct child *child, struct error *err)
{
	const struct spec_process *process = child->plan->process;
	char path[64], value[16];
	int r;

	if (!process->has_oom_score_adj)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", child->pid);
	(void)snprintf(value, sizeof(value), "%d", process->oom_score_adj);
	r = file_write_at(AT_FDCWD, path, value, err);
	if (r == -EACCES)
		(void)error_hint(err, "only a privileged caller may lower it");
	return r < 0 ? error_at(err, "process.oomScoreAdj") : 0;
}

/* The child sets the exact limits as the last thing it does, when it may no longer raise a hard one. */
static int raise_rlimits(const struct child *child, struct error *err)
{
	const struct spec_process *process = child->plan->process;

	for (size_t i = 0; i < process->rlimit_count; i++) {
		const struct spec_rlimit *limit = &process->rlimits[i];
		struct rlimit now;
		if (getrlimit(limit->resource, &now) < 0 || limit->hard <= now.rlim_max)
			continue;
		now.rlim_max = limit->hard;
		if (prlimit(child->pid, limit->resource, &now, NULL) == 0)
			continue;
		(void)error_sys(err, errno, "raise the hard limit %s to %llu", word_rlimit_name(limit->resource),
			(unsigned long long)limit->hard);
		(void)error_hint(err,
			limit->resource == RLIMIT_NOFILE
				? "it needs CAP_SYS_RESOURCE, and goes no higher than the sysctl fs.nr_open"
				: "it needs CAP_SYS_RESOURCE");
		return error_at(err, "process.rlimits[%zu]", i);
	}
	return 0;
}

int child_fill(const struct child *child, struct error *err)
{
	int r = set_oom_score(child, err);

	return r < 0 ? r : raise_rlimits(child, err);
}

static int interrupted(int signal, struct error *err)
{
	(void)error_bad(err, EINTR, "interrupted by %s before the container was ready", word_signal_name(signal));
	err->exit_status = 128 + signal;
	return -EINTR;
}

/* The next message of the child; a signal that asks husk to end is a failure like any other. */
static int next_report(const struct child *child, struct report *report, int *ret_fd, struct error *err)
{
	struct pollfd fds[] = {
		{ .fd = child->sock, .events = POLLIN },
		{ .fd = child->signal_fd, .events = POLLIN },
	};
	int signal;

	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return error_sys(err, errno, "poll");
		signal = fds[1].revents ? wait_interrupted(child->signal_fd) : 0;
		if (signal)
			return interrupted(signal, err);
		if (fds[0].revents)
			return report_receive(child->sock, report, ret_fd);
	}
}

static int pass_listener(const struct child *child, int page, struct error *err)
{
	const struct plan *plan = child->plan;
	const struct spec_state state = {
		.id = plan->id,
		.status = child->status,
		.pid = plan->enter ? plan->enter->pid : child->pid,
		.bundle = plan->bundle,
		.rootfs = plan->rootfs,
		.annotations = plan->spec->annotations,
		.annotation_count = plan->spec->annotation_count,
	};

	cleanup_close int pidfd = pidfd_open(child->pid, 0); /* `run` has given ours to its container by now */

	return listener_pass(plan->spec, &state, pidfd, child->pid, page, err);
}

int child_await(struct child *child, int wanted, struct error *err)
{
	for (;;) {
		struct report report;
		int fd = -1, r = next_report(child, &report, &fd, err);
		if (r == -EINTR)
			return r;
		if (r < 0)
			return error_sys(err, r, "hear from the first process");
		if (r == REPORT_TERMINAL) {
			fd_closep(&child->terminal);
			child->terminal = fd;
		}
		if (r == REPORT_LISTENER) {
			r = pass_listener(child, fd, err);
			fd_closep(&fd);
			if (r < 0)
				return r;
			continue;
		}
		if (r == wanted)
			return 0;
		if (r == REPORT_FAILED)
			return report_explain(&report, &child->plan->steps, err);
		if (r == REPORT_END)
			return error_bad(err, ESRCH, "the container's first process ended before it was ready");
	}
}

static int write_pid_file(const struct child *child, const char *path, struct error *err)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	cleanup_close int dir = -1;
	char text[16];
	int len, r;

	if (!path)
		return 0;
	/* "dir/" of "dir/file" */
	dir = path_open_dir(slash ? arena_copy(child->plan->arena, path, (size_t)(slash - path) + 1) : ".", err);
	len = snprintf(text, sizeof(text), "%d", child->pid);
	r = dir < 0 ? dir : file_replace_at(dir, slash ? slash + 1 : path, text, (size_t)len, 0644, err);
	return r < 0 ? error_hint(err, "--pid-file %s", path) : 0;
}

int child_connect(struct child *child, const char *console_socket, const char *pidfd_socket, struct error *err)
{
	if (console_socket && (child->console = socket_connect(console_socket, err)) < 0)
		return error_at(err, "--console-socket");
	if (pidfd_socket && (child->pidfd_taker = socket_connect(pidfd_socket, err)) < 0)
		return error_at(err, "--pidfd-socket");
	return 0;
}

int child_hand_out(struct child *child, const char *pid_file, struct error *err)
{
	int r = 0;

	if (child->console >= 0 && child->terminal >= 0) {
		r = socket_hand_over(child->console, "/dev/ptmx", child->terminal, err);
		fd_closep(&child->terminal);
	}
	if (r == 0 && child->pidfd_taker >= 0)
		r = socket_hand_over(child->pidfd_taker, "pidfd", child->pidfd, err);
	return r < 0 ? r : write_pid_file(child, pid_file, err);
}

/* ---- its end ---- */

void child_kill(int pidfd)
{
	(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)pidfd, &(siginfo_t){ 0 }, WEXITED) < 0 && errno == EINTR)
		;
}

/* One that failed said so before it ended, so the message is there once it is reaped. One that we end says nothing. */
static void ask(const struct child *child, struct error *err)
{
	struct report report;
	int fd = -1, r;

	do {
		r = report_receive(child->sock, &report, &fd);
		fd_closep(&fd);
	} while (r > REPORT_FAILED);
	if (r == REPORT_FAILED)
		(void)report_explain(&report, &child->plan->steps, err);
}

void child_end(struct child *child, struct error *err)
{
	if (child->pidfd < 0)
		return;
	child_kill(child->pidfd);
	fd_closep(&child->other);
	if (child->sock >= 0)
		ask(child, err);
	fd_closep(&child->pidfd);
}

void child_close(struct child *child)
{
	fd_closep(&child->sock);
	fd_closep(&child->other);
	fd_closep(&child->pidfd);
	fd_closep(&child->terminal);
	fd_closep(&child->console);
	fd_closep(&child->pidfd_taker);
}
