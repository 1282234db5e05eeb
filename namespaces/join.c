/* namespaces/join.c: entering namespaces that exist already.
 *
 * Most are entered by the init, by setns(2) on a descriptor that the parent opened and whose kind it checked. Three
 * kinds are not: a pid namespace is for children only, the one of time takes a process alone in its memory, and after
 * entering a user namespace the rights over namespaces outside it are gone. Those are entered by the hop (clone.c). */
#include "namespaces/namespaces.h"
#include "namespaces/namespaces_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

bool namespace_joins_before_clone(const struct namespaces_plan *plan, const struct namespace_join *join)
{
	return join->kind == SPEC_NS_PID || join->kind == SPEC_NS_TIME || plan->makes_user || plan->joins_user;
}

static int open_namespace(struct namespace_join *join, struct error *err)
{
	const char *name = spec_namespace_names[join->kind];
	/* Never O_PATH alone: a FIFO or device by that name must not block us, and setns needs a real open. */
	cleanup_close int fd = open(join->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int type;

	if (fd < 0)
		return error_sys(err, errno, "open the %s namespace %s", name, join->path);
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type < 0)
		return error_bad(
			err, EINVAL, "%s is no namespace, but one of kind %s is to be joined", join->path, name);
	if ((uint64_t)type != namespace_flag(join->kind))
		return error_bad(err, EINVAL, "%s is a namespace of another kind than %s", join->path, name);
	join->fd = fd_take(&fd);
	return 0;
}

static bool is_our_user_namespace(int fd)
{
	struct stat theirs, ours;

	return fstat(fd, &theirs) == 0 && stat("/proc/self/ns/user", &ours) == 0 && theirs.st_ino == ours.st_ino &&
		theirs.st_dev == ours.st_dev;
}

int namespaces_open(struct namespaces_plan *plan, struct error *err)
{
	for (size_t i = 0; i < plan->join_count; i++) {
		int r = open_namespace(&plan->joins[i], err);
		if (r < 0)
			return error_at(err, "linux.namespaces");
		if (plan->joins[i].kind == SPEC_NS_USER && is_our_user_namespace(plan->joins[i].fd)) {
			plan->joins[i].done = true; /* setns(2) to one's own is EINVAL */
			plan->joins_user = false;
		}
	}
	return 0;
}

void namespaces_close(struct namespaces_plan *plan)
{
	for (size_t i = 0; i < plan->join_count; i++)
		fd_closep(&plan->joins[i].fd);
}

static void join_say(const struct step *step, struct text *text)
{
	const struct namespace_join *join = step->args;

	text_add(text, "join the %s namespace %s", spec_namespace_names[join->kind], join->path);
}

static int join_apply(const struct step *step, struct walk *walk)
{
	const struct namespace_join *join = step->args;

	(void)walk;
	if (join->done)
		return 0;
	return setns(join->fd, (int)namespace_flag(join->kind)) < 0 ? -errno : 0;
}

const struct step_kind join_step = { .name = "join", .say = join_say, .apply = join_apply };

static void cgroup_namespace_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "make a cgroup namespace rooted in the container's cgroup");
}

static int cgroup_namespace_apply(const struct step *step, struct walk *walk)
{
	(void)step, (void)walk;
	return unshare(CLONE_NEWCGROUP) < 0 ? -errno : 0;
}

const struct step_kind cgroup_namespace_step = {
	.name = "cgroup-namespace",
	.say = cgroup_namespace_say,
	.apply = cgroup_namespace_apply,
};

static void ipc_namespace_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "make an IPC namespace, as root of the user namespace");
}

static int ipc_namespace_apply(const struct step *step, struct walk *walk)
{
	(void)step, (void)walk;
	return unshare(CLONE_NEWIPC) < 0 ? -errno : 0;
}

const struct step_kind ipc_namespace_step = {
	.name = "ipc-namespace",
	.say = ipc_namespace_say,
	.apply = ipc_namespace_apply,
};

/* ---- a process that joins a container ---- */

bool namespaces_user_differs(pid_t pid)
{
	struct stat theirs, ours;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	return stat(path, &theirs) == 0 && stat("/proc/self/ns/user", &ours) == 0 && theirs.st_ino != ours.st_ino;
}

static void enter_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "enter the namespaces of the container");
}

static int enter_apply(const struct step *step, struct walk *walk)
{
	const struct enter_args *args = step->args;

	if (setns(args->target, (int)args->flags) < 0)
		return -errno;
	walk->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return walk->root < 0 ? -errno : 0;
}

static const struct step_kind enter_step = { .name = "enter", .say = enter_say, .apply = enter_apply };

void namespaces_enter_step(struct enter_args *args, struct steps *steps)
{
	steps_add(steps, &enter_step, NULL, args);
}
