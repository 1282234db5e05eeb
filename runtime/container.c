/* runtime/container.c: what a container is doing, from its directory, its process and its cgroup.
 *
 * Nothing is believed that can be seen: the record says what was asked; whether the container lives, waits or is frozen
 * is asked of the kernel each time. */
#include "runtime/container.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "cgroups/cgroups.h"
#include "runtime/end.h"
#include "runtime/mark.h"
#include "runtime/plan.h"
#include "runtime/state_dir.h"

enum { LOCK_TIMEOUT_MS = 10000, FREEZE_TIMEOUT_MS = 10000 };

static bool is_frozen(const struct cgroup_host *host, const char *cgroup)
{
	struct cgroup_host own = { .root = -1 };
	bool frozen;

	if (!cgroup || (!host && cgroup_host_open(&own, NULL) < 0))
		return false;
	frozen = cgroup_is_frozen(host ? host : &own, cgroup) > 0;
	cgroup_host_done(&own);
	return frozen;
}

static void look(struct container *container, const struct cgroup_host *host)
{
	const struct record *record = &container->record;

	fd_closep(&container->pidfd);
	container->pid = 0;
	if (!record->has_init) {
		container->status = state_dir_is_locked(container->dir) ? SPEC_CREATING : SPEC_STOPPED;
		return;
	}
	container->pid = record->init.pid;
	container->status = SPEC_CREATED;
	if (record->waits && host) /* who only looks has no use for a descriptor, and the lock says that it is alive */
		return;
	container->pidfd = mark_open(&record->init);
	if (container->pidfd < 0) {
		container->pid = 0;
		container->status = SPEC_STOPPED;
	} else if (!record->waits) {
		container->status = is_frozen(host, record->cgroup) ? SPEC_PAUSED : SPEC_RUNNING;
	}
}

static int open_it(const struct cgroup_host *host, int root, const char *id, struct arena *arena, bool damaged,
	struct container *ret, struct error *err)
{
	struct container container = { .root = root, .id = id, .pidfd = -1 };
	int r;

	container.dir = state_dir_open(root, id, err);
	if (container.dir < 0)
		return container.dir;
	r = record_read(container.dir, arena, &container.record, err);
	if (r < 0 && r != -ENOENT && !(damaged && r == -EINVAL)) {
		fd_closep(&container.dir);
		return error_at(err, "container \"%s\"", id);
	}
	container.has_record = r == 0;
	if (err)
		*err = (struct error){ 0 };
	look(&container, host);
	*ret = container;
	return 0;
}

int container_open_with(const struct cgroup_host *host, int root, const char *id, struct arena *arena,
	struct container *ret, struct error *err)
{
	struct container container = { .root = root, .dir = -1, .id = id, .has_record = true, .pidfd = -1 };

	if (spec_check_id(id, NULL) < 0 || record_read_of(root, id, arena, &container.record, NULL) < 0 ||
		!container.record.has_init)
		return open_it(host, root, id, arena, false, ret, err); /* being made, or damaged: a closer look */
	look(&container, host);
	*ret = container;
	return 0;
}

int container_open_damaged(int root, const char *id, struct arena *arena, struct container *ret, struct error *err)
{
	return open_it(NULL, root, id, arena, true, ret, err);
}

int container_open(int root, const char *id, struct arena *arena, struct container *ret, struct error *err)
{
	return open_it(NULL, root, id, arena, false, ret, err);
}

void container_close(struct container *container)
{
	fd_closep(&container->dir);
	fd_closep(&container->pidfd);
}

int container_lock(struct container *container, struct arena *arena, struct error *err)
{
	int r = state_dir_lock(container->dir, container->id, LOCK_TIMEOUT_MS, err);

	if (r < 0)
		return r;
	r = record_read(container->dir, arena, &container->record, NULL);
	container->has_record = r == 0;
	look(container, NULL);
	return 0;
}

/* ---- documents ---- */

int container_spec(const struct container *container, struct arena *arena, struct spec **ret_spec, struct error *err)
{
	struct faults faults;
	const char *text;
	size_t len;
	int r;

	if (!container->has_record)
		return error_bad(err, EPERM, "the container \"%s\" is being created", container->id);
	faults_init(&faults, arena, NULL);
	r = record_read_config(container->dir, arena, &text, &len, err);
	if (r == 0)
		r = spec_parse(text, len, arena, ret_spec, &faults, err);
	if (r == 0 && faults.count)
		r = error_bad(
			err, EINVAL, "the config of the container \"%s\" is of another version of husk", container->id);
	/* The command line may have asked for another network than the config; the record knows what came of it. */
	if (r == 0) {
		(*ret_spec)->linux_.namespaces[SPEC_NS_NETWORK].given = !container->record.shares_network;
		(*ret_spec)->annotations = container->record.annotations;
		(*ret_spec)->annotation_count = container->record.annotation_count;
	}
	return r;
}

int container_plan(const struct container *container, struct arena *arena, struct spec **ret_spec,
	struct plan *ret_plan, struct error *err)
{
	const struct record *record = &container->record;
	const struct plan_request request = {
		.id = record->id,
		.bundle = record->bundle,
		.gate = GATE_SOCKET,
		.no_cgroup = !record->cgroup,
		.systemd = record->unit != NULL,
		.systemd_user = record->unit_user,
		.no_new_keyring = record->no_new_keyring,
		.unprivileged = record->unprivileged,
		.notify = record->notifies,
	};
	struct faults faults;
	int r = container_spec(container, arena, ret_spec, err);

	faults_init(&faults, arena, NULL);
	if (r == 0)
		r = plan_make(*ret_spec, &request, arena, ret_plan, &faults);
	if (r == 0 && faults.count)
		r = error_bad(
			err, EINVAL, "the config of the container \"%s\" is of another version of husk", container->id);
	return r;
}

struct spec_state container_state(const struct container *container)
{
	const struct record *record = &container->record;
	struct spec_end end = { 0 };

	if (container->status == SPEC_STOPPED) {
		end_read(container->root, container->id, &end);
		if (!end.known && record->has_init)
			end_look(&record->init, &end);
		if (!end.oom)
			end.oom = end_is_oom(record->cgroup);
	}
	return (struct spec_state){
		.end = end,
		.id = container->id,
		.status = container->status,
		.pid = container->pid,
		.bundle = record->bundle ? record->bundle : "",
		.rootfs = record->rootfs,
		.created = record->created,
		.owner = record->owner,
		.annotations = record->annotations,
		.annotation_count = record->annotation_count,
	};
}

/* ---- signals ---- */

static int kill_all(const struct container *container, int signal, struct error *err)
{
	struct cgroup_host host;
	int r = cgroup_host_open(&host, err);

	if (r < 0)
		return r;
	r = cgroup_signal_all(&host, container->record.cgroup, signal, err);
	cgroup_host_done(&host);
	return r;
}

static int not_running(const struct container *container, struct error *err)
{
	return error_bad(
		err, ESRCH, "container not running: \"%s\" is %s", container->id, spec_status_names[container->status]);
}

int container_kill(const struct container *container, int signal, bool all, struct error *err)
{
	/* Without a pid namespace of its own, what it started would live on [runc]. */
	all = all || (signal == SIGKILL && container->record.shares_pids && container->status != SPEC_STOPPED);
	if (all && container->record.cgroup)
		return kill_all(container, signal, err);
	if (container->status == SPEC_STOPPED || container->pidfd < 0)
		return all ? 0 : not_running(container, err);
	if (pidfd_send_signal(container->pidfd, signal, NULL, 0) == 0)
		return 0;
	if (errno == ESRCH)
		return error_bad(err, ESRCH, "container not running: \"%s\" has just ended", container->id);
	return error_sys(err, errno, "signal the container \"%s\"", container->id);
}

bool container_await_end(const struct container *container, int timeout_ms)
{
	struct pollfd end = { .fd = container->pidfd, .events = POLLIN };
	int64_t deadline = clock_ms() + timeout_ms;
	int r;

	if (container->pidfd < 0)
		return true;
	do {
		int64_t left = deadline - clock_ms();
		r = poll(&end, 1, timeout_ms < 0 ? -1 : left < 0 ? 0 : (int)left);
	} while (r < 0 && errno == EINTR);
	return r != 0;
}

/* ---- its cgroup ---- */

static int need_cgroup(const struct container *container, const char *verb, struct error *err)
{
	if (container->status == SPEC_STOPPED || container->status == SPEC_CREATING)
		return not_running(container, err);
	if (!container->record.cgroup)
		return error_bad(err, ENOTSUP, "cannot %s the container \"%s\": it has no cgroup", verb, container->id);
	return 0;
}

int container_freeze(const struct container *container, bool freeze, struct error *err)
{
	struct cgroup_host host;
	int r = need_cgroup(container, freeze ? "pause" : "resume", err);

	if (r < 0)
		return r;
	if (freeze == (container->status == SPEC_PAUSED))
		return error_bad(err, EPERM,
			freeze ? "the container \"%s\" is paused already" : "the container \"%s\" is not paused",
			container->id);
	r = cgroup_host_open(&host, err);
	if (r < 0)
		return r;
	r = cgroup_freeze(&host, container->record.cgroup, freeze, FREEZE_TIMEOUT_MS, err);
	if (r < 0 && freeze) /* half frozen is not what was asked for */
		(void)cgroup_freeze(&host, container->record.cgroup, false, 0, NULL);
	cgroup_host_done(&host);
	return r;
}

int container_update(const struct container *container, struct spec_resources *resources, struct arena *arena,
	struct faults *faults, struct error *err)
{
	struct cgroup_unit unit = { .name = container->record.unit, .user = container->record.unit_user };
	struct cgroup_host host;
	struct cgroup_plan plan;
	int r = need_cgroup(container, "update", err);

	if (r < 0)
		return r;
	r = cgroup_host_open(&host, err);
	if (r < 0)
		return r;
	r = cgroup_complete(&host, container->record.cgroup, resources, err);
	if (r == 0)
		r = cgroup_plan_make(container->record.cgroup, container->id, resources, arena, &plan, faults);
	if (r == 0 && unit.name) {
		plan.unit = &unit;
		cgroup_unit_limits(&unit, &plan, arena);
	}
	if (r == 0 && faults->count == 0)
		r = cgroup_check_host(&host, &plan, err);
	if (r == 0 && faults->count == 0)
		r = cgroup_update(&host, &plan, arena, err);
	cgroup_host_done(&host);
	return r;
}

int container_update_resctrl(
	const struct container *container, const char *l3_cache, const char *memory, struct error *err)
{
	cleanup_close int root = -1;

	if (!container->record.has_resctrl)
		return error_bad(err, ENOTSUP,
			"the container \"%s\" has no resctrl group: linux.intelRdt was not given", container->id);
	root = resctrl_open(err);
	return root < 0 ? root : resctrl_update(root, container->record.resctrl.name, l3_cache, memory, err);
}

int container_pids(
	const struct container *container, struct arena *arena, int **ret_pids, size_t *ret_count, struct error *err)
{
	struct cgroup_host host;
	int r = 0;

	*ret_count = 0;
	*ret_pids = ARENA_NEW(arena, int);
	if (container->record.cgroup) {
		r = cgroup_host_open(&host, err);
		if (r < 0)
			return r;
		r = cgroup_pids(&host, container->record.cgroup, arena, ret_pids, ret_count, err);
		cgroup_host_done(&host);
	} else if (container->pid) {
		**ret_pids = container->pid;
		*ret_count = 1;
	}
	return r;
}
