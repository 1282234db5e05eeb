/* runtime/exec.c: the parent's side of a process that joins a container.
 *
 * It is cloned as the container's first process is: into the cgroup, and walking steps; but the walk enters namespaces
 * instead of making them. Everything of the container is held by the pidfd of its first process, which was compared with
 * its record: a number that was used again cannot be taken for it. */
#include "runtime/exec.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/child.h"
#include "runtime/container.h"
#include "runtime/init.h"
#include "runtime/plan.h"
#include "runtime/report.h"

enum { END_TIMEOUT_MS = 1000 };

struct joining {
	const struct container *container;
	const struct exec_request *request;
	struct plan *plan;
	struct child child;
	int cgroup;
};

int exec_check(const struct container *container, bool ignore_paused, struct error *err)
{
	enum spec_status status = container->status;

	if (status == SPEC_CREATED || status == SPEC_RUNNING || (status == SPEC_PAUSED && ignore_paused))
		return 0;
	(void)error_bad(err, status == SPEC_STOPPED ? ESRCH : EPERM, "cannot exec in the container \"%s\": %s",
		container->id, status == SPEC_STOPPED ? "container not running" : "it is not running");
	if (status == SPEC_PAUSED) {
		(void)error_bad(err, EPERM, "cannot exec in the container \"%s\": it is paused", container->id);
		(void)error_hint(err, "husk resume %s", container->id);
	}
	return err->code;
}

/* A user namespace that is ours already, as one that the container joined may be, cannot be entered. */
static uint64_t namespaces_of(const struct spec *spec, pid_t pid)
{
	uint64_t flags = 0;

	for (int kind = 0; kind < SPEC_NAMESPACES; kind++) {
		const struct spec_namespace_request *request = &spec->linux_.namespaces[kind];
		if (request->given && (kind != SPEC_NS_USER || !request->path || namespaces_user_differs(pid)))
			flags |= namespace_flag((enum spec_namespace)kind);
	}
	return flags;
}

void exec_plan(const struct container *container, const struct spec *spec, const struct spec_process *process,
	const struct plan_request *request, struct arena *arena, struct plan *ret_plan)
{
	plan_make_joining(spec, process, namespaces_of(spec, container->pid), request, arena, ret_plan);
	ret_plan->enter->target = container->pidfd;
	ret_plan->enter->pid = container->pid;
	ret_plan->rootfs = container->record.rootfs;
}

/* ---- stages ---- */

static int open_all(struct joining *joining, struct error *err)
{
	const struct exec_request *request = joining->request;
	cleanup_close int root = -1;
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/root", joining->container->pid);
	root = path_open_dir(path, NULL);
	child_find_home(joining->child.plan, root);
	r = child_connect(&joining->child, request->console_socket, request->pidfd_socket, err);
	return r < 0 ? r : child_prepare(&joining->child, request->root, err);
}

static int open_cgroup(struct joining *joining, const char *path, struct error *err)
{
	struct cgroup_host host;
	bool gone = false;
	int r = cgroup_host_open(&host, err);

	if (r < 0)
		return r;
	fd_closep(&joining->cgroup);
	joining->cgroup = cgroup_open(&host, path, &gone, err);
	cgroup_host_done(&host);
	if (gone)
		return error_bad(err, ENOENT, "there is no cgroup %s", path);
	return joining->cgroup < 0 ? joining->cgroup : 0;
}

static int find_cgroup(struct joining *joining, struct error *err)
{
	const char *own = joining->container->record.cgroup, *below = joining->request->cgroup;

	if (!own)
		return below ? error_bad(err, EINVAL, "--cgroup %s: the container has no cgroup", below) : 0;
	return open_cgroup(joining, below ? arena_printf(joining->plan->arena, "%s/%s", own, below) : own, err);
}

static pid_t clone_it(struct joining *joining, struct error *err)
{
	struct child *child = &joining->child;
	struct init_args args = {
		.plan = joining->plan,
		.parent_sock = child->sock,
		.sock = child->other,
		.state_dir = joining->container->dir,
	};

	child->pid =
		namespaces_clone_beside(joining->plan->enter, joining->cgroup, init_walk, &args, &child->pidfd, err);
	return child->pid;
}

/* A container that manages cgroups of its own has moved its processes out of the one it was given, which then takes no
 * process [cgroup-v2.rst, No Internal Process Constraint]: where its first process is, another may be. */
static int clone_where_it_is(struct joining *joining, struct error *err)
{
	const uint64_t flags = joining->plan->enter->flags;
	const char *path;
	pid_t pid = clone_it(joining, err);

	if (pid != -EBUSY || joining->request->cgroup)
		return pid;
	joining->plan->enter->flags = flags;
	if (cgroup_of_process(joining->container->pid, joining->plan->arena, &path, err) < 0 ||
		open_cgroup(joining, path, err) < 0)
		return err->code;
	return clone_it(joining, err);
}

static int set_initial_affinity(const struct plan *plan, struct error *err)
{
	const char *list = plan->process->exec_affinity_initial;
	unsigned long bits[128] = { 0 };

	if (!list ||
		(text_to_bits(list, bits, ARRAY_SIZE(bits)) == 0 &&
			sched_setaffinity(0, sizeof(bits), (const cpu_set_t *)bits) == 0))
		return 0;
	(void)error_sys(err, errno, "run on the processors %s", list);
	return error_at(err, "process.execCPUAffinity.initial");
}

static int clone_child(struct joining *joining, struct error *err)
{
	struct child *child = &joining->child;
	int r = set_initial_affinity(joining->plan, err);

	if (r == 0)
		r = child_pair(child, err);
	if (r == 0) {
		int before = child_hide();
		r = clone_where_it_is(joining, err);
		child_hidden(before);
	}
	fd_closep(&child->other);
	return r < 0 ? r : 0;
}

static int let_go(struct joining *joining, struct error *err)
{
	int r = child_fill(&joining->child, err);

	return r < 0 ? r : child_send(&joining->child, err);
}

static int await_exec(struct joining *joining, struct error *err)
{
	return child_await(&joining->child, REPORT_END, err);
}

static int hand_out(struct joining *joining, struct error *err)
{
	return child_hand_out(&joining->child, joining->request->pid_file, err);
}

/* Whatever failed: where the container has ended meanwhile, that is why. */
static void blame_its_end(const struct container *container, struct error *err)
{
	struct pollfd end = { .fd = container->pidfd, .events = POLLIN };

	/* A process that vanished, or namespaces that did, are the first signs of it [setns(2), ESRCH]. */
	bool is_ending = err->code == -ESRCH || err->code == -EPIPE;

	if (poll(&end, 1, is_ending ? END_TIMEOUT_MS : 0) <= 0)
		return;
	*err = (struct error){ 0 };
	(void)error_bad(err, ESRCH, "container not running: \"%s\" has just ended", container->id);
}

int container_exec(const struct container *container, struct plan *plan, const struct exec_request *request,
	struct child *ret_child, struct error *err)
{
	static int (*const stages[])(struct joining *, struct error *) = {
		open_all,
		find_cgroup,
		clone_child,
		let_go,
		await_exec,
		hand_out,
	};
	struct joining joining = {
		.container = container,
		.request = request,
		.plan = plan,
		.child = child_of(plan, request->signal_fd, container->status),
		.cgroup = -1,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(stages); i++)
		r = stages[i](&joining, err);
	if (r < 0) {
		child_end(&joining.child, err);
		blame_its_end(container, err);
	}
	fd_closep(&joining.cgroup);
	*ret_child = joining.child;
	return r < 0 ? err->code : 0;
}
