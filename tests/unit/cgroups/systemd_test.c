/* tests/unit/cgroups/systemd_test.c: what systemd would be told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/faults.h"
#include "cgroups/cgroups.h"
#include "spec/spec.h"

struct fixture {
	struct arena arena;
	struct faults faults;
	struct cgroup_plan plan;
};

static void make(
	struct fixture *f, const char *path, const struct spec_pair *annotation, struct spec_resources *resources)
{
	static struct spec_resources none;

	arena_init(&f->arena);
	faults_init(&f->faults, &f->arena, "config.json");
	cgroup_plan_make_unit(
		&(struct cgroup_unit_request){
			.cgroups_path = path,
			.id = "web",
			.annotations = annotation,
			.annotation_count = annotation != NULL,
		},
		resources ? resources : &none, &f->arena, &f->plan, &f->faults);
}

static void done(struct fixture *f)
{
	arena_done(&f->arena);
}

static const char *find(const struct cgroup_properties *list, const char *name, const char **ret_signature)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].name, name) == 0) {
			*ret_signature = list->items[i].signature;
			return list->items[i].text;
		}
	return NULL;
}

static const char *start_text(const struct fixture *f, const char *name)
{
	const char *signature;

	return find(&f->plan.unit->start, name, &signature);
}

static void names(void **state)
{
	static const struct {
		const char *path, *slice, *unit;
	} cases[] = {
		{ NULL, "system.slice", "husk-web.scope" },
		{ "", "system.slice", "husk-web.scope" },
		{ "::name", "system.slice", "name.scope" },
		{ "machine.slice:libpod:abc", "machine.slice", "libpod-abc.scope" },
		{ "a-b-c.slice:cri:x", "a-b-c.slice", "cri-x.scope" },
		{ "-:p:n", "-.slice", "p-n.scope" },
		{ ":docker:n", "system.slice", "docker-n.scope" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		make(&f, cases[i].path, NULL, NULL);
		assert_int_equal(f.faults.count, 0);
		assert_string_equal(f.plan.unit->name, cases[i].unit);
		assert_string_equal(start_text(&f, "Slice"), cases[i].slice);
		done(&f);
	}
}

static void bad_names(void **state)
{
	static char long_name[300];
	const char *cases[] = { "/a/b", "name", "a:b", "a.slice:b:c:d", "-a.slice:p:n", "a-.slice:p:n",
		"a--b.slice:p:n", "a:p:n", "../x.slice:p:n", "a/b.slice:p:n", ".slice:p:n", "a.slice:p:n/m",
		"a.slice:p:n m", "a.slice:p:n.slice", long_name };

	(void)state;
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[0] = long_name[1] = ':';
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		make(&f, cases[i], NULL, NULL);
		if (f.faults.count == 0)
			print_error("accepted: %s\n", cases[i]);
		assert_int_not_equal(f.faults.count, 0);
		done(&f);
	}
}

static void annotations(void **state)
{
	static const struct {
		const char *name, *value, *property, *signature, *text;
	} cases[] = {
		{ "TasksMax", "uint64 5", "TasksMax", "t", "5" },
		{ "Description", "'it\\'s'", "Description", "s", "it's" },
		{ "After", "['a.service', \"b.service\"]", "After", "as", "a.service\nb.service" },
		{ "SendSIGHUP", "true", "SendSIGHUP", "b", "true" },
		{ "KillSignal", "15", "KillSignal", "i", "15" },
		{ "OOMScoreAdjust", "-5", "OOMScoreAdjust", "i", "-5" },
		{ "TimeoutStopSec", "7", "TimeoutStopUSec", "t", "7000000" },
		{ "TimeoutStopUSec", "uint64 7", "TimeoutStopUSec", "t", "7" },
		{ "MemoryHigh", "uint64 18446744073709551615", "MemoryHigh", "t", "18446744073709551615" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char key[100];
		struct spec_pair pair = { .key = key, .value = cases[i].value };
		const char *signature = "", *text = NULL;
		struct fixture f;
		(void)snprintf(key, sizeof(key), "org.systemd.property.%s", cases[i].name);
		make(&f, NULL, &pair, NULL);
		assert_int_equal(f.faults.count, 0);
		for (size_t k = 0; k < f.plan.unit->start.count; k++) /* the last of the name stands */
			if (strcmp(f.plan.unit->start.items[k].name, cases[i].property) == 0) {
				text = f.plan.unit->start.items[k].text;
				signature = f.plan.unit->start.items[k].signature;
			}
		assert_non_null(text);
		assert_string_equal(text, cases[i].text);
		assert_string_equal(signature, cases[i].signature);
		done(&f);
	}
}

static void bad_annotations(void **state)
{
	static const struct spec_pair cases[] = {
		{ "org.systemd.property.ExecStart", "'/bin/sh'" },
		{ "org.systemd.property.Slice", "'../x.slice'" },
		{ "org.systemd.property.OnFailure", "['poweroff.target']" },
		{ "org.systemd.property.Requires", "['x.service']" },
		{ "org.systemd.property.Delegate", "false" },
		{ "org.systemd.property.PIDs", "[uint32 1]" },
		{ "org.systemd.property.", "true" },
		{ "org.systemd.property.TasksMax", "" },
		{ "org.systemd.property.TasksMax", "uint64 -1" },
		{ "org.systemd.property.TasksMax", "uint64 99999999999999999999" },
		{ "org.systemd.property.TasksMax", "uint64 5 6" },
		{ "org.systemd.property.Description", "'open" },
		{ "org.systemd.property.Description", "'a\nb'" },
		{ "org.systemd.property.After", "['a', 5]" },
		{ "org.systemd.property.After", "['a'" },
		{ "org.systemd.property.After", "[]" },
		{ "org.systemd.property.TimeoutStopSec", "'x'" },
		{ "org.systemd.property.TimeoutStopSec", "uint64 18446744073709551615" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		make(&f, NULL, &cases[i], NULL);
		if (f.faults.count == 0)
			print_error("accepted: %s = %s\n", cases[i].key, cases[i].value);
		assert_int_not_equal(f.faults.count, 0);
		done(&f);
	}
}

static void values(void **state)
{
	struct spec_pair unified[] = {
		{ "memory.high", "512M" },
		{ "memory.max", "max" },
		{ "io.max", "8:0 rbps=1048576 wiops=max" },
		{ "io.latency", "8:16 target=75000" },
		{ "io.weight", "default 200" },
		{ "cpuset.cpus", "0-3,9" },
		{ "memory.oom.group", "1" },
		{ "memory.zswap.max", "nonsense" },
	};
	struct spec_resources resources = {
		.cpu = { .quota = { true, 12345 }, .period = { true, 70000 } },
		.memory = { .limit = { true, 1000000 } },
		.pids = { true, -1 },
		.unified = unified,
		.unified_count = sizeof(unified) / sizeof(unified[0]),
	};
	static const struct {
		const char *name, *signature, *text;
	} expected[] = {
		{ "CPUQuotaPerSecUSec", "t", "176400" }, /* 176357.2, in hundredths of a percent */
		{ "CPUQuotaPeriodUSec", "t", "70000" },
		{ "MemoryMax", "t", "18446744073709551615" }, /* unified stands */
		{ "MemoryHigh", "t", "536870912" },
		{ "TasksMax", "t", "18446744073709551615" },
		{ "IOReadBandwidthMax", "a(st)", "/dev/block/8:0 1048576" },
		{ "IOWriteIOPSMax", "a(st)", "/dev/block/8:0 18446744073709551615" },
		{ "IODeviceLatencyTargetUSec", "a(st)", "/dev/block/8:16 75000" },
		{ "IOWeight", "t", "200" },
		{ "AllowedCPUs", "ay", "0f02" },
	};
	const char *signature = "", *text;
	struct fixture f;

	(void)state;
	make(&f, NULL, NULL, &resources);
	assert_int_equal(f.faults.count, 0);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		text = find(&f.plan.unit->limits, expected[i].name, &signature);
		if (!text)
			print_error("missing: %s\n", expected[i].name);
		assert_non_null(text);
		assert_string_equal(text, expected[i].text);
		assert_string_equal(signature, expected[i].signature);
	}
	assert_null(find(&f.plan.unit->limits, "MemoryZSwapMax", &signature));
	assert_string_equal(start_text(&f, "OOMPolicy"), "kill");
	assert_null(start_text(&f, "TasksMax"));
	done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(bad_names),
		cmocka_unit_test(annotations),
		cmocka_unit_test(bad_annotations),
		cmocka_unit_test(values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
