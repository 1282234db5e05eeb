/* runtime/erase.c: the end of a container, by whoever gets to it.
 *
 * The order makes it repeatable: processes, cgroup, links, the folder of its root, then state, and of the state the record
 * last. Killed in between, or
 * stopped by something that will not die, it leaves enough to be called again. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "cgroups/cgroups.h"
#include "netns/netns.h"
#include "runtime/container.h"
#include "runtime/folder.h"
#include "runtime/hooks.h"
#include "runtime/network.h"
#include "runtime/state_dir.h"

enum { KILL_TIMEOUT_MS = 10000, KEEPER_TIMEOUT_MS = 1000 };

/* A pid namespace ends with its first process, and everything in it before that one can be waited for. */
static int end_init(struct container *container, struct error *err)
{
	if (container->pidfd < 0)
		return 0;
	if (pidfd_send_signal(container->pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return error_sys(err, errno, "kill the first process of the container \"%s\"", container->id);
	if (!container_await_end(container, KILL_TIMEOUT_MS))
		return error_bad(err, ETIMEDOUT,
			"pid %d of the container \"%s\" does not end: it is stuck in the kernel", container->pid,
			container->id);
	fd_closep(&container->pidfd);
	return 0;
}

/* It ends with the first process, whose end it writes down. */
static void await_keeper(const struct record *record)
{
	cleanup_close int keeper = -1;

	if (!record->has_keeper || record->keeper.pid == getpid())
		return;
	keeper = mark_open(&record->keeper);
	if (keeper >= 0)
		(void)poll(&(struct pollfd){ .fd = keeper, .events = POLLIN }, 1, KEEPER_TIMEOUT_MS);
}

static int erase_cgroup(const struct record *record, struct error *err)
{
	struct cgroup_host host;
	int r;

	if (!record->cgroup)
		return 0;
	r = cgroup_host_open(&host, err);
	if (r < 0)
		return r;
	r = cgroup_kill_all(&host, record->cgroup, KILL_TIMEOUT_MS, err);
	if (r == 0 && !record->unit)
		r = cgroup_remove(&host, record->cgroup, record->cgroup_existing, err);
	cgroup_host_done(&host);
	return r;
}

/* The cgroup goes with it. */
static int erase_unit(const struct record *record, struct error *err)
{
	struct arena arena;
	int r;

	if (!record->unit)
		return 0;
	arena_init(&arena);
	r = cgroup_unit_stop(record->unit, record->unit_user, &arena, err);
	arena_done(&arena);
	return r;
}

static int erase_resctrl(const struct record *record, struct error *err)
{
	cleanup_close int root = record->has_resctrl ? resctrl_open(NULL) : -1;

	return root < 0 ? 0 : resctrl_remove(root, &record->resctrl, err); /* unmounted, its groups are gone, too */
}

/* Before the state goes, so that a husk that is killed here runs them again rather than never. */
static void poststop(const struct container *container)
{
	struct spec_state state = container_state(container);
	struct hook_setting setting;
	struct arena arena;
	struct spec *spec;

	if (!container->record.has_poststop)
		return;
	arena_init(&arena);
	state.status = SPEC_STOPPED;
	if (container_spec(container, &arena, &spec, NULL) == 0) {
		setting = hook_setting_of(spec, &state, &arena);
		hooks_run_all(&spec->hooks[SPEC_HOOK_POSTSTOP], &setting, 0);
	}
	arena_done(&arena);
}

int container_erase(struct container *container, struct error *err)
{
	int r = end_init(container, err);

	if (r == 0)
		await_keeper(&container->record);
	if (r == 0)
		network_end_pasta(container);
	if (r == 0)
		r = erase_cgroup(&container->record, err);
	if (r == 0)
		r = erase_unit(&container->record, err);
	if (r == 0)
		r = erase_resctrl(&container->record, err);
	if (r == 0)
		r = net_undo(container->dir, err);
	if (r == 0)
		poststop(container);
	if (r == 0 && container->record.folder)
		r = folder_remove(container->record.folder, container->root, err);
	return r < 0 ? r : state_dir_remove(container->root, container->id, container->dir, err);
}
