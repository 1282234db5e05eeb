/* runtime/plan.c: from a spec to every decision, by asking each room for its part.
 *
 * The order of the calls is the order of the init's walk; the reasons for it stand in namespaces/view.c and
 * process_plan.c. Pure: nothing is opened, nothing is asked of the system. */
#include "runtime/plan.h"

#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"
#include "netns/netns.h"
#include "runtime/folder.h"
#include "runtime/hooks.h"
#include "runtime/network.h"
#include "runtime/process.h"
#include "runtime/steps.h"

static void check_possible(const struct spec *spec, bool unprivileged, struct faults *faults)
{
	if (unprivileged && !spec->linux_.namespaces[SPEC_NS_USER].given)
		faults_add(faults, "linux.namespaces",
			"without root a user namespace is required: husk spec --rootless writes a config with one");
	if (spec->linux_.net_device_count && !spec->linux_.namespaces[SPEC_NS_NETWORK].given)
		faults_add(faults, "linux.netDevices",
			"needs a network namespace: add {\"type\": \"network\"} to linux.namespaces");
	if (unprivileged && spec->linux_.net_device_count)
		faults_add(faults, "linux.netDevices", "only root can move links of the host");
	if (!spec->has_process)
		faults_add(faults, "process", "required: there is nothing to run without it");
	if (!spec->linux_.namespaces[SPEC_NS_MOUNT].given)
		faults_add(faults, "linux.namespaces", "a mount namespace is required: add {\"type\": \"mount\"}");
}

struct hook_setting *plan_hook_setting(const struct plan *plan, enum spec_status status)
{
	const struct spec_state state = {
		.id = plan->id,
		.status = status,
		.bundle = plan->bundle,
		.rootfs = plan->rootfs,
		.annotations = plan->spec->annotations,
		.annotation_count = plan->spec->annotation_count,
	};
	struct hook_setting *setting = ARENA_NEW(plan->arena, struct hook_setting);

	*setting = hook_setting_of(plan->spec, &state, plan->arena);
	return setting;
}

void plan_add_hooks(struct plan *plan, enum spec_hook_kind kind, const struct hook_setting *setting)
{
	const struct spec_hooks *hooks = &plan->spec->hooks[kind];

	for (size_t i = 0; i < hooks->count; i++) {
		struct hook_args *args = ARENA_NEW(plan->arena, struct hook_args);
		*args = (struct hook_args){ .hook = &hooks->items[i], .setting = setting };
		steps_add(&plan->steps, &hook_step, hooks->items[i].origin, args);
	}
}

static const char *absolute_rootfs(const struct spec *spec, const char *bundle, struct arena *arena)
{
	if (spec->root_path[0] == '/')
		return spec->root_path;
	return arena_printf(arena, "%s/%s", bundle, spec->root_path);
}

static bool has_hooks_before_pivot(const struct spec *spec)
{
	return spec->hooks[SPEC_HOOK_PRESTART].count || spec->hooks[SPEC_HOOK_CREATE_RUNTIME].count ||
		spec->hooks[SPEC_HOOK_CREATE_CONTAINER].count;
}

/* When all mounts are there and the host's view, too: the runtime's own first, then those inside
 * [runtime.md, Lifecycle, 3 to 5]. */
static void add_hooks_before_pivot(struct plan *plan)
{
	if (has_hooks_before_pivot(plan->spec))
		plan->creating = plan_hook_setting(plan, SPEC_CREATING);
	if (plan->creating || plan->cgroup.inner)
		steps_add(&plan->steps, &runtime_hooks_step, NULL, NULL);
	if (plan->creating)
		plan_add_hooks(plan, SPEC_HOOK_CREATE_CONTAINER, plan->creating);
}

static void add_view(struct plan *plan, const struct plan_request *wanted)
{
	struct view_request request = {
		.bundle = plan->bundle,
		.rootfs = plan->rootfs,
		.devices_by_bind = plan->namespaces.makes_user || plan->namespaces.joins_user || wanted->mapped,
		.terminal = plan->terminal,
		.overlay = plan->folder ? &plan->folder->overlay : NULL,
		.ret_root = &plan->root_step,
		.extras = plan->extras,
		.extra_count = ARRAY_SIZE(plan->extras),
	};

	shown_plan(wanted->notify, plan->names, plan->extras);
	request.root_at_path = wanted->restores || has_hooks_before_pivot(plan->spec);
	view_steps(plan->spec, &request, plan->arena, &plan->steps);
	add_hooks_before_pivot(plan);
	if (plan->folder && plan->spec->root_readonly) /* an image may lack it, and then it is too late */
		steps_add(&plan->steps, &make_cwd_step, "process.cwd", (void *)plan->process->cwd);
	view_enter_steps(plan->spec, wanted->no_pivot, &plan->steps);
	names_steps(plan->spec, &plan->steps);
}

/* [config-linux.md, Cgroup ownership]: where the container can write to cgroups, and they are its own. */
static bool has_cgroups_to_write(const struct spec *spec)
{
	bool writable = false;

	if (!spec->linux_.namespaces[SPEC_NS_CGROUP].given || spec->linux_.namespaces[SPEC_NS_CGROUP].path)
		return false;
	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct spec_mount *mount = &spec->mounts[i];
		if (strcmp(mount->destination, "/sys/fs/cgroup") == 0)
			writable = text_starts_with(mount->type, "cgroup") && !mount->read_only;
	}
	return writable;
}

static void plan_delegation(struct plan *plan)
{
	const struct spec_id_mappings *maps = &plan->spec->linux_.uid_mappings;
	uid_t uid = plan->process->user.uid;

	if (!plan->has_cgroup || !has_cgroups_to_write(plan->spec))
		return;
	plan->delegates = !plan->namespaces.makes_user;
	plan->cgroup_owner = uid;
	for (size_t i = 0; plan->namespaces.makes_user && i < maps->count; i++)
		if (uid >= maps->items[i].container_id && uid - maps->items[i].container_id < maps->items[i].size) {
			plan->delegates = true;
			plan->cgroup_owner = maps->items[i].host_id + (uid - maps->items[i].container_id);
		}
	plan->delegates = plan->delegates && plan->cgroup_owner != 0; /* root's it is already */
}

static void plan_cgroup(struct plan *plan, const struct plan_request *request, struct faults *faults)
{
	const struct spec *spec = plan->spec;
	const struct spec_linux *linux_ = &spec->linux_;

	if (!plan->has_cgroup)
		return;
	if (request->systemd)
		cgroup_plan_make_unit(
			&(struct cgroup_unit_request){
				.cgroups_path = linux_->cgroups_path,
				.id = plan->id,
				.user = request->systemd_user,
				.annotations = spec->annotations,
				.annotation_count = spec->annotation_count,
			},
			&linux_->resources, plan->arena, &plan->cgroup, faults);
	else
		cgroup_plan_make(
			linux_->cgroups_path, plan->id, &linux_->resources, plan->arena, &plan->cgroup, faults);
	/* Who is not the host's root may load no program, and makes no nodes: what is there to open was bound. */
	if (request->unprivileged || request->mapped)
		plan->cgroup.device_program_must = false;
	cgroup_plan_annotations(spec->annotations, spec->annotation_count, &plan->cgroup, faults);
}

int plan_make(const struct spec *spec, const struct plan_request *request, struct arena *arena, struct plan *ret_plan,
	struct faults *faults)
{
	const struct spec_linux *linux_ = &spec->linux_;
	struct plan *plan = ret_plan;

	*plan = (struct plan){
		.folder = request->folder,
		.closed_streams = request->closed_streams,
		.given_up = request->given_up,
		.given_up_count = request->given_up_count,
		.arena = arena,
		.id = request->id,
		.bundle = request->bundle,
		.rootfs = absolute_rootfs(spec, request->bundle, arena),
		.spec = spec,
		.process = &spec->process,
		.has_cgroup = !request->no_cgroup,
		.terminal = spec->process.terminal,
		.no_new_keyring = request->no_new_keyring,
	};
	check_possible(spec, request->unprivileged, faults);
	if (faults->count)
		return 0;
	steps_init(&plan->steps, arena);
	namespaces_plan(spec, arena, &plan->namespaces);

	plan_cgroup(plan, request, faults);
	plan->child_opens = request->unprivileged && plan->namespaces.makes_user;
	network_plan(plan, request->unprivileged, faults);
	process_first_steps(plan);
	if (plan->child_opens)
		steps_add(&plan->steps, &open_step, NULL, &plan->steps);
	namespaces_steps(&plan->namespaces, &plan->steps);
	if (linux_->namespaces[SPEC_NS_NETWORK].given && !linux_->namespaces[SPEC_NS_NETWORK].path)
		loopback_steps(&plan->steps);
	add_view(plan, request);
	process_last_steps(plan, request, faults);
	plan_delegation(plan);
	return 0;
}

bool plan_wires_network(const struct plan *plan)
{
	const struct spec_namespace_request *own = &plan->spec->linux_.namespaces[SPEC_NS_NETWORK];

	return plan->network || (own->given && !own->path && has_hooks_before_pivot(plan->spec));
}

void plan_make_joining(const struct spec *spec, const struct spec_process *process, uint64_t flags,
	const struct plan_request *request, struct arena *arena, struct plan *ret_plan)
{
	struct plan *plan = ret_plan;

	*plan = (struct plan){
		.arena = arena,
		.id = request->id,
		.bundle = request->bundle,
		.spec = spec,
		.process = process,
		.terminal = process->terminal,
		.no_new_keyring = request->no_new_keyring,
		.enter = ARENA_NEW(arena, struct enter_args),
	};
	plan->enter->flags = flags;
	plan->enter->target = -1;
	steps_init(&plan->steps, arena);
	process_joining_steps(plan, request);
}
