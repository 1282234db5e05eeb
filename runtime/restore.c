/* runtime/restore.c: see the header. */
#include "runtime/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/criu.h"
#include "runtime/criu_folder.h"
#include "runtime/criu_request.h"
#include "runtime/plan.h"
#include "runtime/restored.h"

/* One that is under way. */
struct restoring {
	const struct restore *restore;
	struct arena *arena;
	struct criu criu;
	Criu__Options request;
	int work;  /* owned: the folder of its log as CRIU sees it; -1 */
	pid_t pid; /* of the first process; 0 = not there yet */
	int terminal;
};

/* ---- what CRIU is given ---- */

static void add_mounts(struct restoring *restoring)
{
	struct view_external *externals;
	const struct plan *plan = restoring->restore->plan;
	size_t count = view_externals(&plan->steps, plan->namespaces.makes_user, restoring->arena, &externals);

	for (size_t i = 0; i < count; i++)
		if (externals[i].source)
			criu_request_add_external(&restoring->request,
				arena_printf(restoring->arena, "mnt[%s]:%s", externals[i].target, externals[i].source),
				restoring->arena);
}

static void add_inherited(struct restoring *restoring, const char *key, int fd)
{
	criu_request_add_inherited(&restoring->request, key, fd, restoring->arena);
	criu_inherits(&restoring->criu, fd);
}

static void add_namespaces(struct restoring *restoring)
{
	const struct namespaces_plan *namespaces = &restoring->restore->plan->namespaces;

	for (size_t i = 0; i < namespaces->join_count; i++)
		for (size_t j = 0; j < criu_namespace_count; j++)
			if (namespaces->joins[i].kind == criu_namespaces[j].kind)
				add_inherited(restoring, criu_namespaces[j].key, namespaces->joins[i].fd);
}

static int add_streams(struct restoring *restoring, struct error *err)
{
	struct criu_streams streams;
	int r = criu_streams_read(restoring->restore->folders->images, restoring->arena, &streams, err);

	for (int fd = 0; r == 0 && fd < CRIU_STREAMS; fd++)
		if (streams.names[fd])
			criu_request_add_inherited(&restoring->request, streams.names[fd], fd, restoring->arena);
	return r;
}

/* A path that systemd chooses is known once a process was placed there. */
static const char *cgroup_path(const struct restore *restore)
{
	return restore->has_cgroup ? restore->plan->cgroup.path : NULL;
}

/* Only where CRIU was asked to see to cgroups: those of the checkpoint become ours. */
static void add_cgroup_root(struct restoring *restoring)
{
	const char *path = cgroup_path(restoring->restore);
	struct arena *arena = restoring->arena;

	if (!path || restoring->request.manage_cgroups_mode == CRIU__CGROUP_MODE__CGROUPS_IGNORE)
		return;
	restoring->request.cgroup_root = ARENA_ARRAY(arena, 1, Criu__CgroupRoot *);
	restoring->request.cgroup_root[0] = ARENA_NEW(arena, Criu__CgroupRoot);
	criu__cgroup_root__init(restoring->request.cgroup_root[0]);
	/* In a cgroup namespace of the container, where CRIU is by then, its cgroup is all that there is. */
	restoring->request.cgroup_root[0]->path =
		arena_printf(arena, "/%s", restoring->restore->plan->namespaces.make_cgroup ? "" : path);
	restoring->request.n_cgroup_root = 1;
}

static int make_request(struct restoring *restoring, struct error *err)
{
	const struct restore *restore = restoring->restore;
	struct criu_place place = {
		.images = restore->folders->images,
		.work = restore->folders->work,
		.log_file = restore->folders->log,
		.wires_network = plan_wires_network(restore->plan),
	};
	int r = criu_find_config(restore->plan->spec, restoring->arena, &place.config_file, err);

	if (r == 0)
		r = criu_request_make(restore->options, &place, restoring->arena, &restoring->request, err);
	if (r < 0)
		return r;
	restoring->request.root = arena_strdup(restoring->arena, restore->plan->rootfs);
	restoring->request.has_rst_sibling = restoring->request.rst_sibling = true; /* a child of ours, not of CRIU's */
	add_mounts(restoring);
	add_namespaces(restoring);
	return add_streams(restoring, err);
}

/* ---- on the way ---- */

/* It must be the child that CRIU made for us, and in none of our namespaces but those that it is to share. */
static int hear_of_birth(struct restoring *restoring, pid_t pid, struct error *err)
{
	const struct restore *restore = restoring->restore;
	cleanup_close int pidfd = pidfd_open(pid, 0);
	siginfo_t info = { 0 };
	int r;

	if (pidfd < 0 || waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return error_sys(err, errno, "look at the restored process %d", pid);
	restoring->pid = pid;
	r = restored_check_namespaces(restore->plan, pid, err);
	return r < 0 ? r : restore->born(restore->arg, pid, &pidfd, err);
}

static int hear_of_end(struct restoring *restoring, struct error *err)
{
	const struct restore *restore = restoring->restore;
	int r = restoring->pid ? 0 : error_bad(err, EPROTO, "criu does not say which process it restores");

	if (r == 0)
		r = restored_check(restore->plan, restoring->pid, cgroup_path(restore), restoring->arena, err);
	return r < 0 ? r : restore->complete(restore->arg, err);
}

static int hear(void *arg, const struct criu_notice *notice, struct error *err)
{
	struct restoring *restoring = arg;

	if (strcmp(notice->script, "orphan-pts-master") == 0) {
		fd_closep(&restoring->terminal);
		restoring->terminal = fd_take(notice->fd);
		return 0;
	}
	if (strcmp(notice->script, "setup-namespaces") == 0)
		return hear_of_birth(restoring, notice->pid, err);
	if (strcmp(notice->script, "pre-resume") == 0)
		return hear_of_end(restoring, err);
	return 0;
}

/* ---- all of it ---- */

static void add_steps(struct restoring *restoring)
{
	struct plan *plan = restoring->restore->plan;
	struct steps *steps = &restoring->criu.walk.steps;

	namespaces_inherited_steps(&plan->namespaces, steps);
	view_root_steps(&plan->steps, plan->root_step, plan->namespaces.makes_user, steps);
}

/* CRIU mounts in the folder of its log, so it must have it in its own mount namespace: the same path there, and the same
 * folder. */
static void reopen_work(struct restoring *restoring)
{
	int work = restoring->restore->folders->work;
	struct stat here, there;
	char path[PATH_MAX];

	if (path_of_fd(work, path, sizeof(path)) < 0)
		return;
	restoring->work = open(arena_printf(restoring->arena, "/proc/%d/root%s", restoring->criu.child.pid, path),
		O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (restoring->work >= 0 && fstat(work, &here) == 0 && fstat(restoring->work, &there) == 0 &&
		here.st_ino == there.st_ino && here.st_dev == there.st_dev)
		restoring->request.work_dir_fd = restoring->work;
}

/* In a user namespace the container's root reads what is root's of the host. */
static void open_folders(const struct restore *restore, bool open)
{
	const struct spec_id_mappings *maps = &restore->plan->spec->linux_.uid_mappings;

	for (size_t i = 0; restore->plan->namespaces.makes_user && i < maps->count; i++)
		if (maps->items[i].container_id == 0)
			criu_folders_allow(restore->folders, maps->items[i].host_id, open);
}

static int go(struct restoring *restoring, struct error *err)
{
	const struct restore *restore = restoring->restore;
	const struct criu_ear ear = { hear, restoring };
	pid_t pid = 0;
	int r = make_request(restoring, err);

	if (r < 0)
		return r;
	add_steps(restoring);
	if (restore->options->shell_job)
		criu_shares_terminal(&restoring->criu);
	open_folders(restore, true);
	r = criu_clone(&restoring->criu, restore->cgroup, restore->state_dir, true, err);
	if (r == 0)
		r = restore->place(restore->arg, restoring->criu.child.pid, err);
	if (r == 0)
		r = criu_begin(&restoring->criu, err);
	if (r < 0)
		return r;
	add_cgroup_root(restoring);
	reopen_work(restoring);
	r = criu_ask(
		&restoring->criu, CRIU__KIND__RESTORE, &restoring->request, &ear, restore->folders->work, &pid, err);
	if (r == 0 && pid != restoring->pid)
		r = error_bad(err, EPROTO, "criu has restored process %d, and not %d", pid, restoring->pid);
	if (r < 0)
		(void)error_hint(err, "all of it is in %s/%s", restore->folders->work_path, restore->folders->log);
	return r;
}

int restore_run(const struct restore *restore, int *ret_terminal, struct error *err)
{
	struct restoring restoring = {
		.restore = restore,
		.arena = restore->plan->arena,
		.work = -1,
		.terminal = -1,
	};
	int r = criu_prepare(&restoring.criu, restore->plan->id, restore->signal_fd, restoring.arena, err);

	if (r == 0)
		r = go(&restoring, err);
	criu_done(&restoring.criu);
	open_folders(restore, false);
	fd_closep(&restoring.work);
	if (r < 0)
		fd_closep(&restoring.terminal);
	else
		*ret_terminal = restoring.terminal;
	return r;
}
