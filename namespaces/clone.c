/* namespaces/clone.c: one clone3(2) into everything.
 *
 * Theory of operation
 * As a rule the caller clones the init itself: all new namespaces, the cgroup and a pidfd in one call. Where the process
 * that clones must itself be somewhere else first (a pid, time or user namespace to join, offsets of a new time
 * namespace, other namespaces to join before a new user namespace takes the rights away), a hop goes there in the
 * caller's place: a short-lived child that clones the init with CLONE_PARENT, so that the init is still the caller's
 * own child, and ends. The caller's namespaces never change, so there is nothing to restore when something fails.
 * The hop shares the descriptor table (the pidfd appears in the caller's) but not the memory: a process is refused by
 * the time namespace unless it is alone in its memory [setns(2)]. Its answer comes back through a shared page. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/syscalls.h"
#include "base/text.h"
#include "namespaces/namespaces.h"
#include "namespaces/namespaces_internal.h"

/* What the hop tells, in memory that both see. */
struct hop {
	int code;        /* 0 or a negative errno */
	int failed_kind; /* which namespace refused; -1: the clone itself */
	pid_t pid;
	int pidfd;
	bool joined[SPEC_NAMESPACES];
};

static bool needs_hop(const struct namespaces_plan *plan)
{
	if (plan->make_time)
		return true;
	for (size_t i = 0; i < plan->join_count; i++)
		if (!plan->joins[i].done && namespace_joins_before_clone(plan, &plan->joins[i]))
			return true;
	return false;
}

static pid_t clone_init(uint64_t flags, int cgroup, void (*child)(void *), void *arg, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)ret_pidfd,
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD, /* with CLONE_PARENT: that of the hop [clone(2)] */
	};
	pid_t pid;

	if (cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP; /* [Linux 5.7] */
		args.cgroup = (uint64_t)cgroup;
	}
	pid = (pid_t)sys_clone3(&args);
	if (pid == 0)
		child(arg);
	return pid < 0 ? -errno : pid;
}

/* Joins all namespaces of the hop but the user namespace; where one refuses, it is tried again from inside the user
 * namespace, which may be its owner. */
static int hop_join(const struct namespaces_plan *plan, struct hop *hop, bool user, bool last)
{
	for (size_t i = 0; i < plan->join_count; i++) {
		const struct namespace_join *join = &plan->joins[i];
		if (join->done || hop->joined[i] || (join->kind == SPEC_NS_USER) != user)
			continue;
		if (setns(join->fd, (int)namespace_flag(join->kind)) == 0)
			hop->joined[i] = true;
		else if (errno != EPERM || last) {
			hop->failed_kind = (int)join->kind;
			return -errno;
		}
	}
	return 0;
}

static int hop_make_time(const struct namespaces_plan *plan, struct hop *hop)
{
	int r;

	hop->failed_kind = SPEC_NS_TIME;
	if (unshare(CLONE_NEWTIME) < 0)
		return -errno;
	/* Children are in it at once; this process is not, and so may still write [time_namespaces(7)]. */
	r = plan->time_offsets ? file_write_raw_at(AT_FDCWD, "/proc/self/timens_offsets", plan->time_offsets,
					 strlen(plan->time_offsets))
			       : 0;
	return r < 0 ? r : 0;
}

static int hop_go(const void *where, struct hop *hop)
{
	const struct namespaces_plan *plan = where;
	int r;

	if (plan->make_time && (r = hop_make_time(plan, hop)) < 0)
		return r;
	if ((r = hop_join(plan, hop, false, !plan->joins_user)) < 0)
		return r;
	if ((r = hop_join(plan, hop, true, true)) < 0)
		return r;
	return hop_join(plan, hop, false, true);
}

/* What a hop does, and then clones. `go` fills hop->code and failed_kind. */
struct journey {
	int (*go)(const void *where, struct hop *hop);
	const void *where;
	uint64_t make; /* CLONE_NEW* for the clone that follows */
	int cgroup;
	void (*child)(void *);
	void *arg;
};

static int say_failure(const struct hop *hop, struct error *err)
{
	if (hop->failed_kind < 0)
		return error_sys(err, hop->code, "clone the container's first process");
	return error_sys(err, hop->code, "enter or make the %s namespace", spec_namespace_names[hop->failed_kind]);
}

static void travel(const struct journey *journey, struct hop *hop)
{
	hop->code = journey->go(journey->where, hop);
	if (hop->code < 0)
		return;
	hop->failed_kind = -1;
	hop->pid = clone_init(journey->make | CLONE_PARENT, journey->cgroup, journey->child, journey->arg, &hop->pidfd);
	hop->code = hop->pid < 0 ? hop->pid : 0;
}

static pid_t clone_by_hop(const struct journey *journey, int *ret_pidfd, struct error *err)
{
	struct clone_args args = { .flags = CLONE_FILES | CLONE_VFORK, .exit_signal = SIGCHLD };
	struct hop *hop = mmap(NULL, sizeof(*hop), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid, result;

	if (hop == MAP_FAILED)
		return error_sys(err, errno, "map a page to share with the hop");
	*hop = (struct hop){ .failed_kind = -1, .code = -ECHILD, .pidfd = -1 };
	pid = (pid_t)sys_clone3(&args);
	if (pid == 0) {
		travel(journey, hop);
		_exit(0);
	}
	if (pid < 0)
		result = error_sys(err, errno, "clone a helper process");
	else {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		result = hop->code < 0 ? say_failure(hop, err) : hop->pid;
	}
	if (result > 0)
		*ret_pidfd = hop->pidfd;
	(void)munmap(hop, sizeof(*hop));
	return result;
}

/* Reads a small number of /proc/sys; -1 where it is not there. */
static long read_sysctl(const char *path)
{
	uint64_t value;
	char buf[32];

	if (file_read_small_at(AT_FDCWD, path, buf, sizeof(buf)) < 0 || text_to_u64(buf, 0, INT32_MAX, &value) < 0)
		return -1;
	return (long)value;
}

/* Why a clone was refused, tested and not guessed. */
static void clone_hint(const struct namespaces_plan *plan, int code, struct error *err)
{
	if (plan->makes_user && read_sysctl("/proc/sys/user/max_user_namespaces") == 0)
		error_hint(err, "user.max_user_namespaces is 0; set it to 15000");
	else if (plan->makes_user && code == -EPERM && read_sysctl("/proc/sys/kernel/unprivileged_userns_clone") == 0)
		error_hint(err, "kernel.unprivileged_userns_clone is 0; set it to 1");
	else if (plan->makes_user && code == -EACCES &&
		read_sysctl("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
		error_hint(err, "AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns=1)");
	else if (code == -EPERM && geteuid() != 0 && !plan->makes_user)
		error_hint(err, "not root: the config needs a user namespace, see husk spec --rootless");
	else if (code == -ENOSPC)
		error_hint(err, "a limit of /proc/sys/user/max_*_namespaces is reached");
	else if (code == -EAGAIN)
		error_hint(err, "the limit of processes is reached (ulimit -u, or pids.max of the cgroup)");
}

pid_t namespaces_clone(
	struct namespaces_plan *plan, int cgroup, void (*child)(void *), void *arg, int *ret_pidfd, struct error *err)
{
	const struct journey journey = { hop_go, plan, plan->make, cgroup, child, arg };
	int pidfd = -1;
	pid_t pid;

	if (needs_hop(plan)) {
		pid = clone_by_hop(&journey, &pidfd, err);
	} else {
		pid = clone_init(plan->make, cgroup, child, arg, &pidfd);
		if (pid < 0)
			error_sys(err, pid, "clone the container's first process");
	}
	if (pid < 0)
		clone_hint(plan, pid, err);
	else
		*ret_pidfd = pidfd;
	return pid;
}

/* ---- a process that joins a container ---- */

static int hop_enter(const void *where, struct hop *hop)
{
	const struct enter_args *args = where;

	hop->failed_kind = SPEC_NS_PID;
	return setns(args->target, (int)(args->flags & (CLONE_NEWUSER | CLONE_NEWPID))) < 0 ? -errno : 0;
}

/* A privileged caller says for which pid namespace its next child is, and takes it back after that. Any other gets the
 * right to it by entering the user namespace, and only a hop may do this. */
pid_t namespaces_clone_beside(
	struct enter_args *args, int cgroup, void (*child)(void *), void *arg, int *ret_pidfd, struct error *err)
{
	const struct enter_args whole = *args;
	const struct journey journey = { hop_enter, &whole, 0, cgroup, child, arg };
	cleanup_close int own = -1;
	pid_t pid;

	args->flags &= ~(uint64_t)CLONE_NEWPID;
	if (whole.flags & CLONE_NEWPID) {
		own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
		if (own < 0)
			return error_sys(err, errno, "open our own pid namespace");
	}
	if (own < 0 || setns(args->target, CLONE_NEWPID) == 0) {
		pid = clone_init(0, cgroup, child, arg, ret_pidfd);
		if (own >= 0)
			(void)setns(own, CLONE_NEWPID);
		return pid < 0 ? error_sys(err, pid, "clone a process into the container") : pid;
	}
	if (errno != EPERM)
		return error_sys(err, errno, "enter the pid namespace of the container");
	args->flags &= ~(uint64_t)CLONE_NEWUSER;
	return clone_by_hop(&journey, ret_pidfd, err);
}
