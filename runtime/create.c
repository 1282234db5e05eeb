/* runtime/create.c: the parent's side of a start, in stages.
 *
 *   open    everything the plan names, while nothing has been changed
 *   claim   the id; from here on the record says what to undo; the addresses that it is given
 *   make    the folder of a container from an image; cgroup, gate, first process
 *   fill    id maps, limits, device program, links, while the child mounts
 *   hooks   of the runtime, while the child waits with its mounts in place
 *   let go  the record is complete: the child may outlive us
 *   wait    until the child says that all is set up
 *
 * From a checkpoint, CRIU does what the child would do from the clone on: see restore.h.
 *
 * Whatever fails, the undoing is the same as that of `delete --force`: one way out, taken often. Why it failed is the
 * child's to say, if it said something: a stage of ours that fails may only have noticed that the child is gone. */
#include "runtime/create.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/child.h"
#include "runtime/container.h"
#include "runtime/describe.h"
#include "runtime/folder.h"
#include "runtime/gate.h"
#include "runtime/hooks.h"
#include "runtime/init.h"
#include "runtime/network.h"
#include "runtime/notify.h"
#include "runtime/place.h"
#include "runtime/plan.h"
#include "runtime/report.h"
#include "runtime/restore.h"
#include "runtime/state_dir.h"

struct creation {
	struct plan *plan;
	const struct create_request *request;
	struct container container;
	struct child child;
	struct place place;
	int resctrl; /* the file system's root; -1 = not asked for */
	struct resctrl_group group;
	struct wiring network;
	bool hooked; /* hooks have run: poststop must, too */
};

/* ---- open ---- */

static int check_rootfs(const struct plan *plan, struct error *err)
{
	cleanup_close int fd = path_open_dir(plan->rootfs, err);

	return fd < 0 ? error_at(err, "root.path") : 0;
}

static int open_resctrl(struct creation *creation, struct error *err)
{
	const struct spec_intel_rdt *rdt = &creation->plan->spec->linux_.intel_rdt;

	if (!rdt->given)
		return 0;
	creation->resctrl = resctrl_open(err);
	if (creation->resctrl < 0)
		return error_at(err, "linux.intelRdt");
	return resctrl_look(creation->resctrl, rdt, creation->plan->id, &creation->group, err);
}

static int open_all(struct creation *creation, struct error *err)
{
	struct plan *plan = creation->plan;
	int r = plan->folder ? 0 : check_rootfs(plan, err);

	if (r == 0)
		r = namespaces_open(&plan->namespaces, err);
	if (r == 0 && !plan->child_opens && !plan->folder)
		r = steps_open(&plan->steps, err);
	if (r == 0)
		r = place_open(creation->plan, &creation->place, err);
	if (r == 0)
		r = open_resctrl(creation, err);
	if (r == 0)
		r = child_connect(
			&creation->child, creation->request->console_socket, creation->request->pidfd_socket, err);
	return r < 0 ? r : child_prepare(&creation->child, creation->request->root, err);
}

void plan_close(struct plan *plan)
{
	namespaces_close(&plan->namespaces);
	steps_close(&plan->steps);
	fd_closep(&plan->gate->listener);
	fd_closep(&plan->gate->lock);
}

/* ---- claim ---- */

static int claim(struct creation *creation, struct error *err)
{
	struct container *container = &creation->container;
	const struct plan *plan = creation->plan;
	unsigned existing = 0;
	int r = 0;

	container->dir = state_dir_claim(container->root, plan->id, err);
	if (container->dir < 0)
		return container->dir;
	if (plan->has_cgroup && !plan->cgroup.unit)
		r = cgroup_look(&creation->place.host, plan->cgroup.path, &existing, err);
	if (r < 0)
		return r;
	describe_plan(plan, existing, &container->record);
	container->record.has_resctrl = creation->resctrl >= 0;
	container->record.resctrl = creation->group;
	r = record_write(container->dir, &container->record, -1, err);
	container->has_record = r == 0;
	return r;
}

static int reserve_network(struct creation *creation, struct error *err)
{
	return network_reserve(
		creation->plan, creation->request->store, creation->container.dir, &creation->network, err);
}

/* ---- make ---- */

/* The root of a container from an image, and its volumes, lie in a folder that the record must name first; so what the plan
 * names is opened only now. */
static int make_folder(struct creation *creation, struct error *err)
{
	struct plan *plan = creation->plan;
	int r;

	if (!plan->folder)
		return 0;
	r = folder_make(plan->folder, creation->request->root, plan->config, plan->config_len, err);
	return r < 0 || plan->child_opens ? r : steps_open(&plan->steps, err);
}

static int find_home(struct creation *creation, struct error *err)
{
	struct plan *plan = creation->plan;
	cleanup_close int root = plan->folder ? -1 : path_open_dir(plan->rootfs, NULL);

	(void)err;
	child_find_home(plan, plan->folder ? plan->steps.items[plan->root_step].fd : root);
	return 0;
}

/* In the state, which is there only now; so their steps are opened only now. */
static int make_shown(struct creation *creation, struct error *err)
{
	const struct container *container = &creation->container;
	int r = shown_make(creation->plan, container->dir, err);

	if (r < 0 || !creation->plan->extras[SHOWN_NOTIFY].step || !creation->request->notify)
		return r;
	return notify_listen(container->dir, creation->request->notify, err);
}

static int make_gate(struct creation *creation, struct error *err)
{
	struct gate_args *gate = creation->plan->gate;

	return gate->kind == GATE_PAIR ? 0 : gate_make(creation->container.dir, &gate->listener, &gate->lock, err);
}

static int make_place(struct creation *creation, struct error *err)
{
	return place_make(creation->plan, &creation->place, err);
}

static int clone_init(struct creation *creation, struct error *err)
{
	struct child *child = &creation->child;
	struct init_args args = { .plan = creation->plan, .state_dir = creation->container.dir };
	int r = child_pair(child, err), before;

	if (r < 0)
		return r;
	args.parent_sock = child->sock;
	args.sock = child->other;
	/* It may join a pid namespace where others are. A caller without privileges can write id maps only of a child that
	 * it may look into; then the child itself hides later. */
	before = geteuid() == 0 ? child_hide() : 0;
	child->pid = namespaces_clone(
		&creation->plan->namespaces, creation->place.cgroup.fd, init_walk, &args, &child->pidfd, err);
	child_hidden(before);
	fd_closep(&child->other);
	return child->pid < 0 ? child->pid : 0;
}

/* ---- fill ---- */

static int make_unit(struct creation *creation, pid_t pid, struct error *err)
{
	return place_make_unit(creation->plan, pid, &creation->container.record, &creation->place, err);
}

/* What the child cannot go on without. */
static int map_ids(struct creation *creation, struct error *err)
{
	const struct namespaces_plan *namespaces = &creation->plan->namespaces;
	int r = namespaces->makes_user ? namespaces_write_maps(namespaces, creation->child.pid, err) : 0;

	if (r == 0)
		r = network_look(creation->plan, creation->child.pid, &creation->network, err);
	return r == 0 && plan_awaits_parent(creation->plan) ? child_send(&creation->child, err) : r;
}

static int join_resctrl(struct creation *creation, struct error *err)
{
	return creation->resctrl < 0 ? 0
				     : resctrl_join(creation->resctrl, &creation->plan->spec->linux_.intel_rdt,
					       &creation->group, creation->child.pid, err);
}

static int fill(struct creation *creation, struct error *err)
{
	int r = make_unit(creation, creation->child.pid, err);

	if (r == 0)
		r = map_ids(creation, err);
	if (r == 0)
		r = place_limit(creation->plan, &creation->place, err);
	if (r == 0)
		r = place_close_devices(creation->plan, &creation->place, err);
	if (r == 0)
		r = join_resctrl(creation, err);
	if (r == 0)
		r = network_fill(creation->plan, creation->child.pid, &creation->container, &creation->network, err);
	return r < 0 ? r : child_fill(&creation->child, err);
}

/* ---- hooks ---- */

static int run_runtime_hooks(struct creation *creation, struct error *err)
{
	const struct plan *plan = creation->plan;
	const struct spec_hooks *hooks = plan->spec->hooks;
	int r;

	if (!plan->creating)
		return 0;
	creation->hooked = true;
	r = hooks_run(&hooks[SPEC_HOOK_PRESTART], plan->creating, creation->child.pid, err);
	return r < 0 ? r : hooks_run(&hooks[SPEC_HOOK_CREATE_RUNTIME], plan->creating, creation->child.pid, err);
}

static int run_hooks(struct creation *creation, struct error *err)
{
	const struct plan *plan = creation->plan;
	int r;

	if (!plan->creating && !plan->cgroup.inner)
		return 0;
	r = child_await(&creation->child, REPORT_HOOKS, err);
	if (r == 0)
		r = place_enter_inner(creation->plan, creation->child.pid, &creation->place, err);
	if (r == 0)
		r = run_runtime_hooks(creation, err);
	return r < 0 ? r : child_send(&creation->child, err);
}

/* ---- let go, wait ---- */

static int mark_keeper(struct record *record)
{
	cleanup_close int own = (int)syscall(SYS_pidfd_open, getpid(), 0);

	return own < 0 ? -errno : mark_of(getpid(), own, &record->keeper);
}

static int complete_record(struct creation *creation, struct error *err)
{
	struct record *record = &creation->container.record;
	int r = mark_of(creation->child.pid, creation->child.pidfd, &record->init);

	if (r == 0 && creation->request->keeps)
		r = mark_keeper(record);
	record->has_keeper = creation->request->keeps;
	if (r < 0)
		return error_sys(err, r, "look at the container's first process");
	record->has_init = true;
	return record_write(creation->container.dir, record, creation->plan->gate->lock, err);
}

static int let_go(struct creation *creation, struct error *err)
{
	int r = complete_record(creation, err);

	return r < 0 ? r : child_send(&creation->child, err);
}

static int await_ready(struct creation *creation, struct error *err)
{
	return child_await(&creation->child, REPORT_READY, err);
}

/* The child has its own by now. Ours would keep mounts busy for as long as a `run` waits, and make us the one who unmounts
 * the root at the end, which for an overlay is a long wait in the kernel. */
static int hand_out(struct creation *creation, struct error *err)
{
	steps_close(&creation->plan->steps);
	return child_hand_out(&creation->child, creation->request->pid_file, err);
}

/* ---- or all of that by CRIU ---- */

/* systemd makes a cgroup for a process: CRIU's own, which leaves it to those that it restores there. */
static int place_criu(void *arg, pid_t pid, struct error *err)
{
	struct creation *creation = arg;

	return make_unit(creation, pid, err);
}

/* Where a first process would wait with its namespaces and before its program. Devices are closed before CRIU opens files. */
static int take_first(void *arg, pid_t pid, int *pidfd, struct error *err)
{
	struct creation *creation = arg;
	int r;

	creation->child.pid = pid;
	creation->child.pidfd = fd_take(pidfd);
	r = place_close_devices(creation->plan, &creation->place, err);
	if (r == 0)
		r = network_look(creation->plan, pid, &creation->network, err);
	if (r == 0)
		r = join_resctrl(creation, err);
	if (r == 0)
		r = network_restore(creation->plan, pid, &creation->container, &creation->network, err);
	if (r == 0)
		r = place_enter_inner(creation->plan, creation->child.pid, &creation->place, err);
	if (r == 0)
		r = run_runtime_hooks(creation, err);
	return r < 0 ? r : complete_record(creation, err);
}

/* The limits do not count what CRIU needed. */
static int take_all(void *arg, struct error *err)
{
	struct creation *creation = arg;
	int r = place_limit(creation->plan, &creation->place, err);

	return r < 0 ? r : network_release(&creation->network, err);
}

static int restore(struct creation *creation, struct error *err)
{
	const struct create_request *request = creation->request;

	return restore_run(
		&(struct restore){
			.plan = creation->plan,
			.options = request->checkpoint,
			.folders = request->folders,
			.signal_fd = request->signal_fd,
			.cgroup = creation->place.cgroup.fd,
			.state_dir = creation->container.dir,
			.has_cgroup = creation->plan->has_cgroup,
			.arg = creation,
			.place = place_criu,
			.born = take_first,
			.complete = take_all,
		},
		&creation->child.terminal, err);
}

/* ---- undo ---- */

static void undo(struct creation *creation, struct error *err)
{
	struct container *container = &creation->container;
	struct error also = { 0 };

	network_return(&creation->network);
	child_end(&creation->child, err);
	container->record.has_poststop = container->record.has_poststop && creation->hooked;
	if (container->dir >= 0 && container_erase(container, &also) < 0)
		(void)error_hint(
			err, "and it left something behind: %s; husk delete --force %s", also.what, container->id);
	container_close(container);
	child_close(&creation->child);
}

static void close_all(struct creation *creation)
{
	place_close(&creation->place);
	fd_closep(&creation->resctrl);
	network_close(&creation->network);
}

typedef int stage_fn(struct creation *, struct error *);

static stage_fn *const fresh[] = {
	open_all,
	claim,
	make_folder,
	find_home,
	reserve_network,
	make_shown,
	make_place,
	make_gate,
	clone_init,
	fill,
	run_hooks,
	let_go,
	await_ready,
	hand_out,
};

static stage_fn *const restored[] = {
	open_all,
	claim,
	make_folder,
	reserve_network,
	make_shown,
	make_place,
	restore,
	hand_out,
};

static int run_stages(struct creation *creation, stage_fn *const *stages, size_t count, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = stages[i](creation, err);
	return r;
}

int create_container(struct plan *plan, const struct create_request *request, struct container *ret_container,
	struct child *ret_child, struct error *err)
{
	struct creation creation = {
		.plan = plan,
		.request = request,
		.container = { .root = request->root, .dir = -1, .id = plan->id, .pidfd = -1 },
		.child = child_of(plan, request->signal_fd, SPEC_CREATING),
		.place = { .host.root = -1, .cgroup.fd = -1 },
		.resctrl = -1,
		.network = { .netns = -1, .userns = -1 },
	};
	int r = request->checkpoint ? run_stages(&creation, restored, ARRAY_SIZE(restored), err)
				    : run_stages(&creation, fresh, ARRAY_SIZE(fresh), err);

	if (r < 0) {
		undo(&creation, err);
		if (err->code == -ENOSYS)
			(void)error_hint(err, "husk needs Linux 5.14 or newer, all of it allowed by seccomp");
		if (*err->where) /* a JSON path */
			(void)error_at(err, "config.json");
		if (request->checkpoint)
			(void)error_at(err, "restore the container \"%s\"", plan->id);
	}
	close_all(&creation);
	creation.container.pid = creation.child.pid;
	creation.container.pidfd = fd_take(&creation.child.pidfd);
	*ret_child = creation.child;
	*ret_container = creation.container;
	return r < 0 ? err->code : 0;
}
