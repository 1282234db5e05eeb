/* runtime/checkpoint.c: see the header.
 *
 * CRIU finds the processes by itself. What it must be told is what of the container is not the container's: mounts that
 * show the host, namespaces that belong to others, the streams of the first process. */
#include "runtime/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "cgroups/cgroups.h"
#include "runtime/container.h"
#include "runtime/criu.h"
#include "runtime/criu_folder.h"
#include "runtime/criu_request.h"

enum { END_TIMEOUT_MS = 10000, THAW_TIMEOUT_MS = 10000 };

/* One that is being made. */
struct checkpoint {
	const struct container *container;
	const struct criu_options *options;
	struct arena *arena;
	struct spec *spec;
	struct plan plan;
	struct criu_folders folders;
	struct criu_streams streams;
	struct cgroup_host host;
	struct criu criu;
	Criu__Options request;
};

static int check(const struct container *container, struct error *err)
{
	if (container->status != SPEC_RUNNING && container->status != SPEC_PAUSED)
		return error_bad(err, EPERM, "cannot checkpoint the container \"%s\": it is %s", container->id,
			spec_status_names[container->status]);
	if (container->record.unprivileged || geteuid() != 0)
		return error_bad(err, EPERM, "cannot checkpoint the container \"%s\": only root can", container->id);
	return 0;
}

/* ---- what is not the container's ---- */

/* Under the name that it has in the container's mounts, which links may hide. */
static int add_mount(struct checkpoint *checkpoint, int root, const struct view_external *external, struct error *err)
{
	cleanup_close int fd = path_open_in_root(root, external->target, O_PATH);
	char path[PATH_MAX];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || (external->is_mask && !S_ISCHR(st.st_mode)))
		return 0; /* it was passed over, or something lies on it by now: CRIU will see */
	if (path_of_fd(fd, path, sizeof(path)) < 0)
		return 0;
	if (strchr(path, ']'))
		return error_bad(err, EINVAL, "CRIU cannot save a mount whose path holds a \"]\": %s", path);
	criu_request_add_external(&checkpoint->request,
		arena_printf(checkpoint->arena, "mnt[%s]:%s", path, external->target), checkpoint->arena);
	return 0;
}

static int add_mounts(struct checkpoint *checkpoint, struct error *err)
{
	const char *path = arena_printf(checkpoint->arena, "/proc/%d/root", checkpoint->container->pid);
	cleanup_close int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct view_external *externals;
	const struct plan *plan = &checkpoint->plan;
	size_t count = view_externals(&plan->steps, plan->namespaces.makes_user, checkpoint->arena, &externals);
	int r = 0;

	if (root < 0)
		return error_sys(err, errno, "open %s", path);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_mount(checkpoint, root, &externals[i], err);
	return r;
}

static int add_namespace(struct checkpoint *checkpoint, const struct criu_namespace *namespace, struct error *err)
{
	struct arena *arena = checkpoint->arena;
	const char *path = arena_printf(arena, "/proc/%d/ns/%s", checkpoint->container->pid, namespace->word);
	struct stat st;

	if (stat(path, &st) < 0)
		return error_sys(err, errno, "look at %s", path);
	criu_request_add_external(&checkpoint->request,
		arena_printf(arena, "%s[%llu]:%s", namespace->word, (unsigned long long)st.st_ino, namespace->key),
		arena);
	return 0;
}

static bool is_joined(const struct checkpoint *checkpoint, enum spec_namespace kind)
{
	return checkpoint->spec->linux_.namespaces[kind].path != NULL;
}

static int add_namespaces(struct checkpoint *checkpoint, struct error *err)
{
	struct enter_args *args = ARENA_NEW(checkpoint->arena, struct enter_args);
	static const enum spec_namespace entered[] = { SPEC_NS_IPC, SPEC_NS_UTS };
	int r = 0;

	if (is_joined(checkpoint, SPEC_NS_USER))
		return error_bad(err, ENOTSUP, "CRIU cannot save a container in a user namespace of others");
	for (size_t i = 0; r == 0 && i < criu_namespace_count; i++)
		if (is_joined(checkpoint, criu_namespaces[i].kind))
			r = add_namespace(checkpoint, &criu_namespaces[i], err);
	/* One that CRIU shares it does not save. */
	*args = (struct enter_args){ .target = checkpoint->container->pidfd, .pid = checkpoint->container->pid };
	for (size_t i = 0; i < ARRAY_SIZE(entered); i++)
		if (is_joined(checkpoint, entered[i]))
			args->flags |= namespace_flag(entered[i]);
	if (args->flags)
		namespaces_enter_step(args, &checkpoint->criu.walk.steps);
	return r;
}

static void add_streams(struct checkpoint *checkpoint)
{
	criu_streams_look(checkpoint->container->pid, checkpoint->arena, &checkpoint->streams);
	for (int fd = 0; fd < CRIU_STREAMS; fd++) {
		const char *name = checkpoint->streams.names[fd];
		if (name && name[0] == 'f')
			criu_request_add_external(&checkpoint->request, name, checkpoint->arena);
	}
}

static void add_cgroup(struct checkpoint *checkpoint)
{
	const char *cgroup = checkpoint->container->record.cgroup;

	if (cgroup && checkpoint->host.root >= 0)
		checkpoint->request.freeze_cgroup =
			arena_printf(checkpoint->arena, "%s/%s", checkpoint->host.mount, cgroup);
}

static int make_request(struct checkpoint *checkpoint, struct error *err)
{
	struct criu_place place = {
		.images = checkpoint->folders.images,
		.work = checkpoint->folders.work,
		.log_file = checkpoint->folders.log,
		.wires_network = plan_wires_network(&checkpoint->plan),
	};
	int r = criu_find_config(checkpoint->spec, checkpoint->arena, &place.config_file, err);

	if (r == 0)
		r = criu_request_make(checkpoint->options, &place, checkpoint->arena, &checkpoint->request, err);
	if (r < 0)
		return r;
	checkpoint->request.has_pid = true;
	checkpoint->request.pid = checkpoint->container->pid;
	checkpoint->request.has_track_mem = checkpoint->request.track_mem = checkpoint->options->pre_dump;
	add_cgroup(checkpoint);
	add_streams(checkpoint);
	r = add_mounts(checkpoint, err);
	return r < 0 ? r : add_namespaces(checkpoint, err);
}

/* ---- the stages ---- */

static int open_all(struct checkpoint *checkpoint, struct error *err)
{
	int r = container_plan(checkpoint->container, checkpoint->arena, &checkpoint->spec, &checkpoint->plan, err);

	if (r == 0)
		r = cgroup_host_open(&checkpoint->host, err);
	return r < 0 ? r : criu_folders_make(checkpoint->options, &checkpoint->folders, checkpoint->arena, err);
}

static int begin(struct checkpoint *checkpoint, struct error *err)
{
	int r = criu_clone(&checkpoint->criu, -1, checkpoint->container->dir, false, err);

	return r < 0 ? r : criu_begin(&checkpoint->criu, err);
}

static int ask(struct checkpoint *checkpoint, struct error *err)
{
	bool whole = !checkpoint->options->pre_dump;
	int r = whole ? criu_streams_write(checkpoint->folders.images, &checkpoint->streams, err) : 0;

	if (r == 0)
		r = criu_ask(&checkpoint->criu, whole ? CRIU__KIND__DUMP : CRIU__KIND__SINGLE_PRE_DUMP,
			&checkpoint->request, NULL, checkpoint->folders.work, NULL, err);
	if (r < 0)
		(void)error_hint(err, "all of it is in %s/%s", checkpoint->folders.work_path, checkpoint->folders.log);
	return r;
}

/* CRIU has killed it. */
static int await_end(struct checkpoint *checkpoint, struct error *err)
{
	if (checkpoint->options->leave_running || checkpoint->options->pre_dump)
		return 0;
	return container_await_end(checkpoint->container, END_TIMEOUT_MS)
		? 0
		: error_bad(err, ETIMEDOUT, "it is saved, but does not end");
}

/* CRIU thaws what it froze, if it comes to that. */
static void thaw(const struct checkpoint *checkpoint)
{
	const struct container *container = checkpoint->container;

	if (container->record.cgroup && container->status != SPEC_PAUSED && checkpoint->host.root >= 0 &&
		cgroup_is_frozen(&checkpoint->host, container->record.cgroup) > 0)
		(void)cgroup_freeze(&checkpoint->host, container->record.cgroup, false, THAW_TIMEOUT_MS, NULL);
}

int container_checkpoint(const struct container *container, const struct criu_options *options, int signal_fd,
	struct arena *arena, struct error *err)
{
	static int (*const stages[])(struct checkpoint *, struct error *) = {
		open_all,
		make_request,
		begin,
		ask,
		await_end,
	};
	struct checkpoint checkpoint = {
		.container = container,
		.options = options,
		.arena = arena,
		.folders = { .images = -1, .work = -1 },
		.host = { .root = -1 },
	};
	int r = check(container, err);

	if (r < 0)
		return r;
	r = criu_prepare(&checkpoint.criu, container->id, signal_fd, arena, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(stages); i++)
		r = stages[i](&checkpoint, err);
	criu_done(&checkpoint.criu);
	thaw(&checkpoint);
	criu_folders_close(&checkpoint.folders);
	cgroup_host_done(&checkpoint.host);
	return r < 0 ? error_at(err, "checkpoint the container \"%s\"", container->id) : 0;
}
