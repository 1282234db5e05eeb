/* runtime/plan.c: from a spec to every decision, by asking each room for its part.
 *
 * The order of the calls is the order of the init's walk; the reasons for it stand in namespaces/view.c and
 * process_plan.c. Pure: nothing is opened, nothing is asked of the system. */
#include "runtime/plan.h"

#include "base/arena.h"
#include "base/faults.h"
#include "netns/netns.h"
#include "runtime/process.h"

static void check_possible(const struct spec *spec, struct faults *faults)
{
	if (!spec->has_process)
		faults_add(faults, "process", "required: there is nothing to run without it");
	if (!spec->linux_.namespaces[SPEC_NS_MOUNT].given)
		faults_add(faults, "linux.namespaces", "a mount namespace is required: add {\"type\": \"mount\"}");
}

static const char *absolute_rootfs(const struct spec *spec, const char *bundle, struct arena *arena)
{
	if (spec->root_path[0] == '/')
		return spec->root_path;
	return arena_printf(arena, "%s/%s", bundle, spec->root_path);
}

static void add_view(struct plan *plan, struct faults *faults)
{
	struct view_request request = {
		.bundle = plan->bundle,
		.rootfs = plan->rootfs,
		.devices_by_bind = plan->namespaces.makes_user || plan->namespaces.joins_user,
		.terminal = plan->terminal,
	};

	view_steps(plan->spec, &request, plan->arena, &plan->steps, faults);
	names_steps(plan->spec, &plan->steps);
}

int plan_make(const struct spec *spec, const struct plan_request *request, struct arena *arena, struct plan *ret_plan,
	struct faults *faults)
{
	const struct spec_linux *linux_ = &spec->linux_;
	struct plan *plan = ret_plan;

	*plan = (struct plan){
		.arena = arena,
		.id = request->id,
		.bundle = request->bundle,
		.rootfs = absolute_rootfs(spec, request->bundle, arena),
		.spec = spec,
		.has_cgroup = !request->no_cgroup,
		.terminal = spec->process.terminal,
		.no_new_keyring = request->no_new_keyring,
	};
	check_possible(spec, faults);
	if (faults->count)
		return 0;
	steps_init(&plan->steps, arena);
	namespaces_plan(spec, arena, &plan->namespaces);

	process_first_steps(plan);
	namespaces_steps(&plan->namespaces, &plan->steps);
	if (linux_->namespaces[SPEC_NS_NETWORK].given && !linux_->namespaces[SPEC_NS_NETWORK].path)
		loopback_steps(&plan->steps);
	add_view(plan, faults);
	process_last_steps(plan, request, faults);

	if (!plan->has_cgroup)
		return 0;
	return cgroup_plan_make(linux_->cgroups_path, plan->id, &linux_->resources, arena, &plan->cgroup, faults);
}
