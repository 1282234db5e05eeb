/* linux.resources as writes to cgroup v2 files: every row of the specification's table, and its errors. */
#include "tests/unit/unit.h"

#include "base/error.h"
#include "cgroups/cgroups.h"
#include "spec/spec.h"

/* "memory.max=1048576 pids.max=7", or the faults. */
static const char *limits_of(struct unit *unit, const char *json)
{
	static char buf[2048];
	struct spec_resources resources = { 0 };
	struct cgroup_plan plan;
	struct error err = { 0 };
	struct text text;

	assert_int_equal(spec_parse_resources(json, strlen(json), &unit->arena, &resources, &unit->faults, &err), 0);
	if (unit->faults.count)
		return unit_faults(unit);
	assert_int_equal(cgroup_plan_make(NULL, "x", &resources, &unit->arena, &plan, &unit->faults), 0);
	if (unit->faults.count)
		return unit_faults(unit);
	text_init(&text, buf, sizeof(buf));
	for (size_t i = 0; i < plan.value_count; i++) {
		const struct cgroup_value *value = &plan.values[i];
		text_add(&text, "%s%s=%s", i ? "; " : "", value->file, value->text);
		if (value->fallback)
			text_add(&text, " or %s=%s", value->fallback, value->fallback_text);
	}
	return buf;
}

static const struct {
	const char *json, *limits;
} cases[] = {
	/* nothing asked for, in all the ways callers write it */
	{ "{}", "" },
	{ "{\"memory\": {}, \"cpu\": {}, \"blockIO\": {}, \"hugepageLimits\": [], \"network\": {}, \"rdma\": {}}", "" },
	{ "{\"memory\": {\"limit\": 0, \"swap\": 0, \"kernel\": 0, \"swappiness\": 0, \"disableOOMKiller\": false,"
	  " \"useHierarchy\": true}, \"cpu\": {\"shares\": 0, \"quota\": 0, \"period\": 0, \"cpus\": \"\"}}",
		"" },
	{ "{\"memory\": {\"kernel\": -1, \"kernelTCP\": -1}}", "" },
	/* cpu */
	{ "{\"cpu\": {\"shares\": 2}}", "cpu.weight=1" },
	{ "{\"cpu\": {\"shares\": 102}}", "cpu.weight=17" },
	{ "{\"cpu\": {\"shares\": 256}}", "cpu.weight=35" },
	{ "{\"cpu\": {\"shares\": 512}}", "cpu.weight=59" },
	{ "{\"cpu\": {\"shares\": 1024}}", "cpu.weight=100" },
	{ "{\"cpu\": {\"shares\": 2048}}", "cpu.weight=174" },
	{ "{\"cpu\": {\"shares\": 10240}}", "cpu.weight=639" },
	{ "{\"cpu\": {\"shares\": 100000}}", "cpu.weight=4340" },
	{ "{\"cpu\": {\"shares\": 262144}}", "cpu.weight=10000" },
	{ "{\"cpu\": {\"quota\": 50000}}", "cpu.max=50000 100000" },
	{ "{\"cpu\": {\"quota\": 50000, \"period\": 200000, \"burst\": 1000}}",
		"cpu.max=50000 200000; cpu.max.burst=1000" },
	{ "{\"cpu\": {\"quota\": -1, \"period\": 200000}}", "cpu.max=max 200000" },
	{ "{\"cpu\": {\"idle\": 1, \"shares\": 512}}", "cpu.idle=1" },
	{ "{\"cpu\": {\"idle\": 0, \"shares\": 512}}", "cpu.idle=0; cpu.weight=59" },
	{ "{\"cpu\": {\"burst\": 0, \"quota\": 5000}}", "cpu.max.burst=0; cpu.max=5000 100000" },
	{ "{\"cpu\": {\"cpus\": \"0-3,7\", \"mems\": \"0\"}}", "cpuset.cpus=0-3,7; cpuset.mems=0" },
	{ "{\"cpu\": {\"cpus\": \"0-3,x\"}}", "cpu.cpus: expected a list of numbers as \"0-3,7\", found \"0-3,x\"" },
	{ "{\"cpu\": {\"quota\": 999}}", "linux.resources.cpu.quota: expected at least 1000 us, found 999" },
	{ "{\"cpu\": {\"period\": 999}}", "linux.resources.cpu.period: expected 1000 to 1000000 us, found 999" },
	{ "{\"cpu\": {\"quota\": 2000, \"burst\": 3000}}",
		"linux.resources.cpu.burst: 3000 is above the quota of 2000" },
	{ "{\"cpu\": {\"realtimeRuntime\": 1}}",
		"linux.resources.cpu.realtimeRuntime: cgroup v2 has nothing like it; leave it out" },
	/* memory: swap is memory plus swap in the config, swap alone in the kernel */
	{ "{\"memory\": {\"limit\": 100, \"reservation\": 50, \"swap\": 150}}",
		"memory.max=100; memory.low=50; memory.swap.max=50" },
	{ "{\"memory\": {\"limit\": 100, \"swap\": 100}}", "memory.max=100; memory.swap.max=0" },
	{ "{\"memory\": {\"limit\": 100, \"swap\": -1}}", "memory.max=100; memory.swap.max=max" },
	{ "{\"memory\": {\"limit\": -1}}", "memory.max=max; memory.swap.max=max" },
	{ "{\"memory\": {\"limit\": 9223372036854775807}}", "memory.max=9223372036854775807" },
	{ "{\"memory\": {\"limit\": 100, \"swap\": 99}}",
		"linux.resources.memory.swap: 99 is memory plus swap, so it cannot be below memory.limit, 100" },
	{ "{\"memory\": {\"swap\": 99}}",
		"linux.resources.memory.swap: is memory plus swap, so it needs memory.limit beside it" },
	{ "{\"memory\": {\"swappiness\": 10}}",
		"linux.resources.memory.swappiness: cgroup v2 has nothing like it; leave it out" },
	{ "{\"memory\": {\"disableOOMKiller\": true}}",
		"linux.resources.memory.disableOOMKiller: cgroup v2 has nothing like it; leave it out" },
	/* io: bfq takes the numbers of v1, io.weight others */
	{ "{\"blockIO\": {\"weight\": 10}}", "io.bfq.weight=10 or io.weight=1" },
	{ "{\"blockIO\": {\"weight\": 100}}", "io.bfq.weight=100 or io.weight=910" },
	{ "{\"blockIO\": {\"weight\": 500}}", "io.bfq.weight=500 or io.weight=4950" },
	{ "{\"blockIO\": {\"weight\": 1000}}", "io.bfq.weight=1000 or io.weight=10000" },
	{ "{\"blockIO\": {\"weightDevice\": [{\"major\": 8, \"minor\": 0, \"weight\": 100}]}}",
		"io.bfq.weight=8:0 100 or io.weight=8:0 910" },
	{ "{\"blockIO\": {\"throttleReadBpsDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 600}],"
	  " \"throttleWriteBpsDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 0}],"
	  " \"throttleReadIOPSDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 1}],"
	  " \"throttleWriteIOPSDevice\": [{\"major\": 8, \"minor\": 16, \"rate\": 300}]}}",
		"io.max=8:0 rbps=600; io.max=8:0 wbps=max; io.max=8:0 riops=1; io.max=8:16 wiops=300" },
	{ "{\"blockIO\": {\"leafWeight\": 10}}",
		"linux.resources.blockIO.leafWeight: cgroup v2 has nothing like it; leave it out" },
	/* pids, huge pages, rdma, network */
	{ "{\"pids\": {\"limit\": 7}}", "pids.max=7" },
	{ "{\"pids\": {\"limit\": 0}}", "pids.max=0" },
	{ "{\"pids\": {\"limit\": -1}}", "pids.max=max" },
	{ "{\"hugepageLimits\": [{\"pageSize\": \"2MB\", \"limit\": 4194304}]}",
		"hugetlb.2MB.max=4194304; hugetlb.2MB.rsvd.max=4194304" },
	{ "{\"rdma\": {\"mlx5_1\": {\"hcaHandles\": 3, \"hcaObjects\": 10000}, \"mlx4_0\": {\"hcaObjects\": 1}}}",
		"rdma.max=mlx5_1 hca_handle=3 hca_object=10000; rdma.max=mlx4_0 hca_object=1" },
	{ "{\"network\": {\"classID\": 1}}",
		"linux.resources.network.classID: cgroup v2 has nothing like it; leave it out" },
	{ "{\"network\": {\"priorities\": [{\"name\": \"eth0\", \"priority\": 1}]}}",
		"linux.resources.network.priorities: cgroup v2 has nothing like it; leave it out" },
	{ "{\"unified\": {\"misc.max\": \"sev 5\"}}", "misc.max=sev 5" },
	/* unified: last, a line a write, only files that limit */
	{ "{\"memory\": {\"limit\": 100}, \"unified\": {\"memory.max\": \"200\", \"io.max\": \"8:0 rbps=1\\n8:16 wbps=2\\n\"}}",
		"memory.max=100; memory.max=200; io.max=8:0 rbps=1; io.max=8:16 wbps=2" },
	{ "{\"unified\": {\"../x.y\": \"1\"}}",
		"linux.resources.unified[\"../x.y\"]: expected the name of a cgroup file, as \"memory.high\"" },
	{ "{\"unified\": {\"cgroup.kill\": \"1\"}}",
		"linux.resources.unified[\"cgroup.kill\"]: is no limit, and the runtime's own to write" },
};

static void every_resource_becomes_its_file(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *limits = limits_of(*state, cases[i].json);
		if (strcmp(limits, cases[i].limits) != 0)
			fail_msg("%s: expected \"%s\", found \"%s\"", cases[i].json, cases[i].limits, limits);
	}
}

static void weights_keep_their_order(void **state)
{
	(void)state;

	for (uint64_t shares = 3; shares <= 262144; shares++)
		assert_true(cgroup_weight_from_shares(shares) >= cgroup_weight_from_shares(shares - 1));
	for (uint64_t weight = 11; weight <= 1000; weight++)
		assert_true(cgroup_io_weight_from_blkio(weight) > cgroup_io_weight_from_blkio(weight - 1));
}

static void a_path_stays_in_the_tree(void **state)
{
	static const struct {
		const char *path, *plan; /* NULL: a fault */
	} paths[] = {
		{ NULL, "husk-x" },
		{ "/a/b", "a/b" },
		{ "a//b/./c/", "a/b/c" },
		{ "/a..b/...", "a..b/..." },
		{ "..", NULL },
		{ "/a/../../b", NULL },
		{ "/", NULL },
		{ "", NULL },
		{ "a\nb", NULL },
		{ "system.slice:husk:x", "system.slice:husk:x" },
	};
	struct unit *unit = *state;
	struct spec_resources none = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct cgroup_plan plan;
		(void)cgroup_plan_make(paths[i].path, "x", &none, &unit->arena, &plan, &unit->faults);
		bool refused = unit->faults.count > 0;
		const char *faults = unit_faults(unit);
		assert_int_equal(refused, paths[i].plan == NULL);
		if (refused)
			assert_true(text_starts_with(faults, "linux.cgroupsPath: "));
		else
			assert_string_equal(plan.path, paths[i].plan);
	}
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(every_resource_becomes_its_file),
	UNIT_TEST(weights_keep_their_order),
	UNIT_TEST(a_path_stays_in_the_tree),
};
UNIT_MAIN(tests)
