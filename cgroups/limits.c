/* cgroups/limits.c: linux.resources as writes to cgroup v2 files [config-linux.md, Control groups; cgroup-v2.rst].
 *
 * What the specification took over from v1 is converted where v2 has the same notion and refused where it has none
 * [config-linux.md, Unified]. Values that ask for nothing (0, false, -1 where that means no limit at all) are left out,
 * because callers fill in every field. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"
#include "cgroups/cgroups_internal.h"
#include "spec/spec.h"

#define RESOURCES "linux.resources."

enum {
	CPU_PERIOD_US = 100000, /* the kernel's default */
	CPU_PERIOD_MIN_US = 1000,
	CPU_PERIOD_MAX_US = 1000000,
	CPU_QUOTA_MIN_US = 1000,
	SHARES_MIN = 2,
	SHARES_MAX = 262144,
	WEIGHT_MAX = 10000,
};

struct limits {
	struct arena *arena;
	struct faults *faults;
	struct cgroup_plan *plan;
	size_t size; /* of plan->values */
};

/* The controller is the file's first word; files of the core begin with "cgroup". */
static const char *controller_of(const char *file, struct arena *arena)
{
	size_t len = strcspn(file, ".");

	return strncmp(file, "cgroup.", len + 1) == 0 ? NULL : arena_copy(arena, file, len);
}

static struct cgroup_value *add(struct limits *limits, const char *file, const char *text, const char *origin)
{
	struct cgroup_plan *plan = limits->plan;

	if (plan->value_count == limits->size) {
		struct cgroup_value *before = plan->values;
		limits->size = limits->size ? limits->size * 2 : 16;
		plan->values = ARENA_ARRAY(limits->arena, limits->size, struct cgroup_value);
		if (plan->value_count)
			memcpy(plan->values, before, plan->value_count * sizeof(*before));
	}
	plan->values[plan->value_count] = (struct cgroup_value){
		.file = file,
		.text = text,
		.controller = controller_of(file, limits->arena),
		.origin = origin,
	};
	return &plan->values[plan->value_count++];
}

static const char *number(struct limits *limits, int64_t value)
{
	return value < 0 ? "max" : arena_printf(limits->arena, "%" PRId64, value);
}

static bool asks(const struct spec_limit *limit)
{
	return limit->given && limit->value != 0;
}

static void only_v1(struct limits *limits, bool asked, const char *where)
{
	if (asked)
		faults_add(limits->faults, where, "cgroup v2 has nothing like it; leave it out");
}

/* ---- cpu ---- */

/* So that both ends and the defaults (1024 and 100) meet, with l = log2(shares). */
uint64_t cgroup_weight_from_shares(uint64_t shares)
{
	double l;

	if (shares <= SHARES_MIN)
		return 1;
	if (shares >= SHARES_MAX)
		return WEIGHT_MAX;
	l = log2((double)shares);
	return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612 - 7.0 / 34));
}

static void add_cpu_max(struct limits *limits, const struct spec_resources *r)
{
	int64_t quota = asks(&r->cpu.quota) ? r->cpu.quota.value : -1;
	int64_t period = asks(&r->cpu.period) ? r->cpu.period.value : CPU_PERIOD_US;

	if (period < CPU_PERIOD_MIN_US || period > CPU_PERIOD_MAX_US)
		faults_add(limits->faults, RESOURCES "cpu.period", "expected %d to %d us, found %" PRId64,
			CPU_PERIOD_MIN_US, CPU_PERIOD_MAX_US, period);
	if (quota > 0 && quota < CPU_QUOTA_MIN_US)
		faults_add(limits->faults, RESOURCES "cpu.quota", "expected at least %d us, found %" PRId64,
			CPU_QUOTA_MIN_US, quota);
	if (asks(&r->cpu.quota) || asks(&r->cpu.period))
		add(limits, "cpu.max", arena_printf(limits->arena, "%s %" PRId64, number(limits, quota), period),
			asks(&r->cpu.quota) ? RESOURCES "cpu.quota" : RESOURCES "cpu.period");
}

/* What ends something that an update may have begun before. */
static void add_zero(struct limits *limits, const struct spec_limit *limit, const char *file, const char *origin)
{
	if (limit->given && limit->value == 0)
		add(limits, file, "0", origin)->may_lack = true;
}

static void add_cpu(struct limits *limits, const struct spec_resources *r)
{
	bool idle = asks(&r->cpu.idle);

	add_zero(limits, &r->cpu.idle, "cpu.idle", RESOURCES "cpu.idle");
	if (idle) /* an idle cgroup has no weight: writing one is EINVAL [cgroup-v2.rst, cpu.idle] */
		add(limits, "cpu.idle", "1", RESOURCES "cpu.idle");
	else if (asks(&r->cpu.shares))
		add(limits, "cpu.weight",
			number(limits, (int64_t)cgroup_weight_from_shares((uint64_t)r->cpu.shares.value)),
			RESOURCES "cpu.shares");
	add_zero(limits, &r->cpu.burst, "cpu.max.burst", RESOURCES "cpu.burst"); /* before a quota below it */
	add_cpu_max(limits, r);
	if (asks(&r->cpu.burst) && asks(&r->cpu.quota) && r->cpu.quota.value > 0 &&
		r->cpu.burst.value > r->cpu.quota.value)
		faults_add(limits->faults, RESOURCES "cpu.burst", "%" PRId64 " is above the quota of %" PRId64,
			r->cpu.burst.value, r->cpu.quota.value);
	if (asks(&r->cpu.burst)) /* after cpu.max, which bounds it */
		add(limits, "cpu.max.burst", number(limits, r->cpu.burst.value), RESOURCES "cpu.burst");
	if (r->cpu.cpus)
		add(limits, "cpuset.cpus", r->cpu.cpus, RESOURCES "cpu.cpus");
	if (r->cpu.mems)
		add(limits, "cpuset.mems", r->cpu.mems, RESOURCES "cpu.mems");
	only_v1(limits, asks(&r->cpu.realtime_runtime), RESOURCES "cpu.realtimeRuntime");
	only_v1(limits, asks(&r->cpu.realtime_period), RESOURCES "cpu.realtimePeriod");
}

/* ---- memory ---- */

/* v1 limits memory and swap together, v2 swap alone. */
static void add_swap(struct limits *limits, const struct spec_limit *limit, const struct spec_limit *swap)
{
	static const char where[] = RESOURCES "memory.swap";
	bool limited = asks(limit) && limit->value > 0;
	const char *text;

	if (!asks(swap) && !(asks(limit) && limit->value < 0))
		return;
	if (!asks(swap) || swap->value < 0) {
		text = "max";
	} else if (!asks(limit)) {
		faults_add(limits->faults, where, "is memory plus swap, so it needs memory.limit beside it");
		return;
	} else if (limited && swap->value < limit->value) {
		faults_add(limits->faults, where,
			"%" PRId64 " is memory plus swap, so it cannot be below memory.limit, %" PRId64, swap->value,
			limit->value);
		return;
	} else {
		text = number(limits, limited ? swap->value - limit->value : swap->value);
	}
	/* a kernel without swap swaps nothing and needs no bound */
	add(limits, "memory.swap.max", text, where)->may_lack = !strcmp(text, "0") || !strcmp(text, "max");
}

static void add_memory(struct limits *limits, const struct spec_resources *r)
{
	if (asks(&r->memory.limit))
		add(limits, "memory.max", number(limits, r->memory.limit.value), RESOURCES "memory.limit");
	if (asks(&r->memory.reservation))
		add(limits, "memory.low", number(limits, r->memory.reservation.value), RESOURCES "memory.reservation");
	add_swap(limits, &r->memory.limit, &r->memory.swap);
	only_v1(limits, asks(&r->memory.kernel) && r->memory.kernel.value > 0, RESOURCES "memory.kernel");
	only_v1(limits, asks(&r->memory.kernel_tcp) && r->memory.kernel_tcp.value > 0, RESOURCES "memory.kernelTCP");
	only_v1(limits, asks(&r->memory.swappiness), RESOURCES "memory.swappiness");
	only_v1(limits, r->memory.disable_oom_killer, RESOURCES "memory.disableOOMKiller");
	/* useHierarchy: v2 knows nothing else */
}

/* ---- io ---- */

uint64_t cgroup_io_weight_from_blkio(uint64_t weight)
{
	return 1 + (weight - 10) * 9999 / 990;
}

/* The scheduler bfq takes v1's numbers; io.weight is for all others. */
static void add_io_weight(struct limits *limits, const char *device, uint64_t weight, const char *origin)
{
	struct cgroup_value *value =
		add(limits, "io.bfq.weight", arena_printf(limits->arena, "%s%" PRIu64, device, weight), origin);

	value->fallback = "io.weight";
	value->fallback_text = arena_printf(limits->arena, "%s%" PRIu64, device, cgroup_io_weight_from_blkio(weight));
}

static const char *device_words(struct limits *limits, const struct spec_device_number *device)
{
	return arena_printf(limits->arena, "%" PRIu32 ":%" PRIu32 " ", device->major, device->minor);
}

static const char *throttle_name(const char *key)
{
	static const struct {
		const char *key, *name;
	} names[] = {
		{ "rbps", RESOURCES "blockIO.throttleReadBpsDevice" },
		{ "wbps", RESOURCES "blockIO.throttleWriteBpsDevice" },
		{ "riops", RESOURCES "blockIO.throttleReadIOPSDevice" },
		{ "wiops", RESOURCES "blockIO.throttleWriteIOPSDevice" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(names[i].key, key) == 0)
			return names[i].name;
	return RESOURCES "blockIO";
}

static void add_io(struct limits *limits, const struct spec_resources *r)
{
	if (asks(&r->io.weight))
		add_io_weight(limits, "", (uint64_t)r->io.weight.value, RESOURCES "blockIO.weight");
	for (size_t i = 0; i < r->io.weight_device_count; i++) {
		const struct spec_weight_device *device = &r->io.weight_devices[i];
		if (device->has_weight)
			add_io_weight(limits, device_words(limits, &device->device), device->weight,
				RESOURCES "blockIO.weightDevice");
	}
	for (size_t i = 0; i < r->io.throttle_device_count; i++) {
		const struct spec_throttle_device *device = &r->io.throttle_devices[i];
		const char *where = device_words(limits, &device->device);
		add(limits, "io.max",
			device->rate ? arena_printf(limits->arena, "%s%s=%" PRIu64, where, device->key, device->rate)
				     : arena_printf(limits->arena, "%s%s=max", where, device->key),
			throttle_name(device->key));
	}
	only_v1(limits, asks(&r->io.leaf_weight), RESOURCES "blockIO.leafWeight");
}

/* ---- the rest ---- */

/* Reservations are what a mapping fails by, at once; faults kill later [hugetlb_rsvd.rst]. Both, where both are. */
static void add_hugepages(struct limits *limits, const struct spec_resources *r)
{
	for (size_t i = 0; i < r->hugepage_count; i++) {
		const char *size = r->hugepages[i].page_size;
		const char *text = arena_printf(limits->arena, "%" PRIu64, r->hugepages[i].limit_bytes);
		add(limits, arena_printf(limits->arena, "hugetlb.%s.max", size), text, RESOURCES "hugepageLimits");
		add(limits, arena_printf(limits->arena, "hugetlb.%s.rsvd.max", size), text, RESOURCES "hugepageLimits")
			->may_lack = true;
	}
}

static void add_rdma(struct limits *limits, const struct spec_resources *r)
{
	for (size_t i = 0; i < r->rdma_count; i++) {
		const struct spec_rdma_limit *limit = &r->rdma[i];
		const char *text = limit->device;
		if (limit->has_handles)
			text = arena_printf(limits->arena, "%s hca_handle=%" PRIu32, text, limit->handles);
		if (limit->has_objects)
			text = arena_printf(limits->arena, "%s hca_object=%" PRIu32, text, limit->objects);
		add(limits, "rdma.max", text, RESOURCES "rdma");
	}
}

/* A file of the core that limits; the others move, kill or freeze, which is the runtime's business. */
static bool is_limit_file(const char *file)
{
	return !text_starts_with(file, "cgroup.") || text_starts_with(file, "cgroup.max.") ||
		strcmp(file, "cgroup.pressure") == 0;
}

/* Line by line: the kernel takes one device or one page size a write [cgroup-v2.rst, Interface Files]. */
static void add_unified(struct limits *limits, const struct spec_resources *r)
{
	for (size_t i = 0; i < r->unified_count; i++) {
		const struct spec_pair *pair = &r->unified[i];
		const char *origin = arena_printf(limits->arena, RESOURCES "unified[\"%s\"]", pair->key);
		if (strchr(pair->key, '/') || !strchr(pair->key, '.') || *pair->key == '.') {
			faults_add(limits->faults, origin, "expected the name of a cgroup file, as \"memory.high\"");
			continue;
		}
		if (!is_limit_file(pair->key)) {
			faults_add(limits->faults, origin, "is no limit, and the runtime's own to write");
			continue;
		}
		for (const char *at = pair->value; *at;) {
			size_t len = strcspn(at, "\n");
			if (len)
				add(limits, pair->key, arena_copy(limits->arena, at, len), origin);
			at += len + (at[len] == '\n');
		}
	}
}

void cgroup_limits(
	const struct spec_resources *resources, struct arena *arena, struct cgroup_plan *plan, struct faults *faults)
{
	struct limits limits = { .arena = arena, .faults = faults, .plan = plan };

	add_cpu(&limits, resources);
	add_memory(&limits, resources);
	add_io(&limits, resources);
	if (resources->pids.given)
		add(&limits, "pids.max", number(&limits, resources->pids.value), RESOURCES "pids.limit");
	add_hugepages(&limits, resources);
	add_rdma(&limits, resources);
	only_v1(&limits, resources->network.class_id != 0, RESOURCES "network.classID");
	only_v1(&limits, resources->network.priority_count != 0, RESOURCES "network.priorities");
	add_unified(&limits, resources); /* last: it overrides [config-linux.md, Unified] */
}
