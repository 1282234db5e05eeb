/* runtime/place.c: see the header. */
#include "runtime/place.h"

#include <errno.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "runtime/plan.h"
#include "runtime/record.h"

/* ---- open ---- */

int place_open(struct plan *plan, struct place *place, struct error *err)
{
	int r;

	if (!plan->has_cgroup)
		return 0;
	r = cgroup_host_open(&place->host, err);
	if (r == 0)
		r = cgroup_check_host(&place->host, &plan->cgroup, err);
	if (r == 0 && place->host.root < 0 && plan->cgroup.unit)
		return error_bad(err, ENOTSUP, "systemd has no cgroup v2 here; use --cgroup-manager cgroupfs");
	if (plan->cgroup.unit)
		return r;
	if (place->host.root < 0) /* and no limit asks for one */
		plan->has_cgroup = false;
	/* A user to whom no cgroup was delegated has none to make one in. */
	if (r == 0 && plan->cgroup.value_count == 0 && (geteuid() != 0 || namespaces_ids_mapped()) &&
		!cgroup_may_make(&place->host, plan->cgroup.path))
		plan->has_cgroup = false;
	return r;
}

/* ---- make ---- */

int place_make(const struct plan *plan, struct place *place, struct error *err)
{
	if (!plan->has_cgroup || plan->cgroup.unit) /* that one is made for a process, which must be there first */
		return 0;
	return cgroup_make(&place->host, &plan->cgroup, &place->cgroup, err);
}

/* Where it put the cgroup, systemd says only then; until the record is complete, the unit's name is enough to undo it. */
int place_make_unit(struct plan *plan, pid_t pid, struct record *record, struct place *place, struct error *err)
{
	int r;

	if (!plan->cgroup.unit)
		return 0;
	r = cgroup_unit_start(plan->cgroup.unit, pid, plan->arena, &plan->cgroup.path, err);
	if (r == -EEXIST || r == -ENOENT || r == -ENOTCONN) /* nothing of ours to stop */
		record->unit = NULL;
	if (r < 0)
		return r;
	if (plan->cgroup.unit->subgroup) {
		r = cgroup_enter(
			&place->host, plan->cgroup.path, plan->cgroup.unit->subgroup, pid, &place->cgroup, err);
		cgroup_done(&place->cgroup);
		plan->cgroup.path = arena_printf(plan->arena, "%s/%s", plan->cgroup.path, plan->cgroup.unit->subgroup);
	}
	if (r < 0)
		return r;
	record->cgroup = plan->cgroup.path;
	return cgroup_take(&place->host, &plan->cgroup, &place->cgroup, err);
}

/* ---- fill ---- */

int place_limit(const struct plan *plan, const struct place *place, struct error *err)
{
	int r;

	if (!plan->has_cgroup)
		return 0;
	r = cgroup_write_values(&place->cgroup, &plan->cgroup, err);
	if (r == 0 && plan->delegates && geteuid() == 0)
		r = cgroup_delegate(&place->cgroup, plan->cgroup_owner, err);
	return r;
}

int place_close_devices(const struct plan *plan, const struct place *place, struct error *err)
{
	return plan->has_cgroup ? cgroup_attach_devices(&place->cgroup, &plan->cgroup, err) : 0;
}

/* The cgroup namespace has been made above it, so that the payload sees where its own begins. */
int place_enter_inner(const struct plan *plan, pid_t pid, const struct place *place, struct error *err)
{
	struct cgroup inner = { .fd = -1 };
	int r;

	if (!plan->cgroup.inner || !plan->has_cgroup)
		return 0;
	r = cgroup_enter(&place->host, plan->cgroup.path, plan->cgroup.inner, pid, &inner, err);
	if (r == 0 && plan->delegates && geteuid() == 0)
		r = cgroup_delegate(&inner, plan->cgroup_owner, err);
	cgroup_done(&inner);
	return r;
}

void place_close(struct place *place)
{
	cgroup_done(&place->cgroup);
	cgroup_host_done(&place->host);
}
