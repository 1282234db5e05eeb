/* namespaces/plan.c: which namespaces the init is born into, joins, or makes itself. Pure. */
#include <linux/sched.h>

#include "base/arena.h"
#include "base/step.h"
#include "base/text.h"
#include "namespaces/namespaces.h"
#include "namespaces/namespaces_internal.h"

static const uint64_t flags[] = {
	[SPEC_NS_USER] = CLONE_NEWUSER,
	[SPEC_NS_PID] = CLONE_NEWPID,
	[SPEC_NS_NETWORK] = CLONE_NEWNET,
	[SPEC_NS_MOUNT] = CLONE_NEWNS,
	[SPEC_NS_IPC] = CLONE_NEWIPC,
	[SPEC_NS_UTS] = CLONE_NEWUTS,
	[SPEC_NS_CGROUP] = CLONE_NEWCGROUP,
	[SPEC_NS_TIME] = CLONE_NEWTIME,
};
static_assert(ARRAY_SIZE(flags) == SPEC_NAMESPACES, "a namespace has no flag");

uint64_t namespace_flag(enum spec_namespace kind)
{
	return flags[kind];
}

const char *id_map_text(const struct spec_id_mappings *mappings, struct arena *arena)
{
	size_t size = mappings->count * sizeof("4294967295 4294967295 4294967295\n") + 1;
	struct text text;

	if (mappings->count == 0)
		return NULL;
	text_init(&text, arena_alloc(arena, size), size);
	for (size_t i = 0; i < mappings->count; i++) {
		const struct spec_id_mapping *m = &mappings->items[i];
		text_add(&text, "%u %u %u\n", m->container_id, m->host_id, m->size);
	}
	return text.buf;
}

/* [time_namespaces(7)] */
static const char *offsets_text(const struct spec_linux *linux_, struct arena *arena)
{
	enum { OFFSETS_MAX = 2 * sizeof("monotonic -9223372036854775808 4294967295\n") };
	struct text text;

	if (!linux_->monotonic.given && !linux_->boottime.given)
		return NULL;
	text_init(&text, arena_alloc(arena, OFFSETS_MAX), OFFSETS_MAX);
	if (linux_->monotonic.given)
		text_add(&text, "monotonic %lld %u\n", (long long)linux_->monotonic.secs, linux_->monotonic.nanosecs);
	if (linux_->boottime.given)
		text_add(&text, "boottime %lld %u\n", (long long)linux_->boottime.secs, linux_->boottime.nanosecs);
	return text.buf;
}

void namespaces_plan(const struct spec *spec, struct arena *arena, struct namespaces_plan *ret_plan)
{
	const struct spec_linux *linux_ = &spec->linux_;
	struct namespaces_plan plan = { 0 };

	for (int kind = 0; kind < SPEC_NAMESPACES; kind++) {
		const struct spec_namespace_request *request = &linux_->namespaces[kind];
		if (!request->given)
			continue;
		if (request->path)
			plan.joins[plan.join_count++] =
				(struct namespace_join){ .kind = kind, .path = request->path, .fd = -1 };
		else if (kind == SPEC_NS_CGROUP)
			plan.make_cgroup = true;
		else if (kind == SPEC_NS_TIME)
			plan.make_time = true;
		else
			plan.make |= flags[kind];
	}
	plan.makes_user = plan.make & CLONE_NEWUSER;
	plan.joins_user = linux_->namespaces[SPEC_NS_USER].given && !plan.makes_user;
	plan.make_ipc = (plan.makes_user || plan.joins_user) && (plan.make & CLONE_NEWIPC);
	if (plan.make_ipc)
		plan.make &= ~(uint64_t)CLONE_NEWIPC;
	plan.time_offsets = offsets_text(linux_, arena);
	if (plan.makes_user) {
		plan.uid_map = id_map_text(&linux_->uid_mappings, arena);
		plan.gid_map = id_map_text(&linux_->gid_mappings, arena);
	}
	*ret_plan = plan;
}

void namespaces_steps(struct namespaces_plan *plan, struct steps *steps)
{
	for (size_t i = 0; i < plan->join_count; i++)
		if (!namespace_joins_before_clone(plan, &plan->joins[i]))
			steps_add(steps, &join_step, "linux.namespaces", &plan->joins[i]);
	if (plan->make_ipc)
		steps_add(steps, &ipc_namespace_step, "linux.namespaces", NULL);
	if (plan->make_cgroup)
		steps_add(steps, &cgroup_namespace_step, "linux.namespaces", NULL);
}

void namespaces_inherited_steps(struct namespaces_plan *plan, struct steps *steps)
{
	static const bool inherited[SPEC_NAMESPACES] = {
		[SPEC_NS_IPC] = true,
		[SPEC_NS_UTS] = true,
		[SPEC_NS_CGROUP] = true,
	};

	for (size_t i = 0; i < plan->join_count; i++)
		if (inherited[plan->joins[i].kind])
			steps_add(steps, &join_step, "linux.namespaces", &plan->joins[i]);
	if (plan->make_cgroup)
		steps_add(steps, &cgroup_namespace_step, "linux.namespaces", NULL);
}
