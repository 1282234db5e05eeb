/* Faults of a config: each with its JSON path, what was found and what is allowed; all of them in one go. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "base/error.h"
#include "spec/spec.h"

/* A config that is whole but for what the test adds: members of the top object, of process and of linux. */
struct config {
	const char *top, *process, *linux_;
};

static struct spec *read_config(struct unit *unit, const struct config *config)
{
	char *text = arena_printf(&unit->arena,
		"{\"ociVersion\": \"1.2.0\", \"root\": {\"path\": \"rootfs\"}%s%s,"
		" \"process\": {\"cwd\": \"/\", \"args\": [\"sh\"], \"user\": {\"uid\": 0, \"gid\": 0}%s%s},"
		" \"linux\": {\"namespaces\": [{\"type\": \"mount\"}]%s%s}}",
		config->top ? ", " : "", config->top ? config->top : "", config->process ? ", " : "",
		config->process ? config->process : "", config->linux_ ? ", " : "",
		config->linux_ ? config->linux_ : "");
	struct spec *spec = NULL;
	struct error err = { 0 };

	assert_int_equal(spec_parse(text, strlen(text), &unit->arena, &spec, &unit->faults, &err), 0);
	return spec;
}

static void each_mistake_has_its_path_and_its_words(void **state)
{
	static const struct {
		struct config config;
		const char *fault;
	} cases[] = {
		{ { .process = "\"rlimits\": [{\"type\": \"RLIMIT_CPU\", \"soft\": 1, \"hard\": 2},"
			       " {\"type\": \"RLIMIT_NOFILE\", \"soft\": \"many\", \"hard\": 2}]" },
			"process.rlimits[1].soft: expected an unsigned integer, found \"many\"" },
		{ { .process = "\"rlimits\": [{\"type\": \"RLIMIT_CPU\", \"soft\": 3, \"hard\": 2}]" },
			"process.rlimits[0].soft: 3 is above the hard limit of 2" },
		{ { .process = "\"rlimits\": [{\"type\": \"RLIMIT_CPU\", \"soft\": 1, \"hard\": 18446744073709551616}]" },
			"process.rlimits[0].hard: expected an integer from 0 to 18446744073709551615, found 18446744073709551616" },
		{ { .process = "\"rlimits\": [{\"type\": \"RLIMIT_CPUS\", \"soft\": 1, \"hard\": 2}]" },
			"process.rlimits[0].type: \"RLIMIT_CPUS\" is no resource limit; did you mean \"RLIMIT_CPU\"?" },
		{ { .process = "\"oomScoreAdj\": 1001" },
			"process.oomScoreAdj: expected an integer from -1000 to 1000, found 1001" },
		{ { .process = "\"noNewPrivileges\": \"yes\"" },
			"process.noNewPrivileges: expected true or false, found \"yes\"" },
		{ { .process = "\"env\": [\"A=1\", \"B\"]" }, "process.env[1]: " },
		{ { .process = "\"env\": \"A=1\"" }, "process.env: expected an array, found \"A=1\"" },
		{ { .top = "\"mounts\": [{\"destination\": \"/a\", \"type\": \"tmpfs\"}, 7]" },
			"mounts[1]: expected an object, found 7" },
		{ { .top = "\"mounts\": [{\"type\": \"tmpfs\"}]" }, "mounts[0].destination: required, but missing" },
		{ { .top = "\"mounts\": [{\"destination\": \"/a\", \"options\": [\"bind\"]}]" },
			"mounts[0].source: required for a bind mount, but missing" },
		{ { .top = "\"hostname\": \"box\"" },
			"hostname: needs a uts namespace: add {\"type\": \"uts\"} to linux.namespaces" },
		{ { .linux_ = "\"uidMappings\": [{\"containerID\": 0, \"hostID\": 0, \"size\": 1}]" },
			"linux.uidMappings: needs a user namespace: add {\"type\": \"user\"} to linux.namespaces" },
		{ { .linux_ = "\"sysctl\": {\"kernel.panic\": \"1\"}" },
			"linux.sysctl[\"kernel.panic\"]: is not namespaced: it can only be set for the whole host" },
		{ { .linux_ = "\"sysctl\": {\"net.ipv4.ip_forward\": \"1\"}" },
			"linux.sysctl[\"net.ipv4.ip_forward\"]: needs a network namespace of the container's own; without"
			" it the host's value would change" },
		{ { .linux_ = "\"sysctl\": {\"net/../kernel/panic\": \"1\"}" },
			"linux.sysctl[\"net/../kernel/panic\"]: expected a name as \"net.ipv4.ip_forward\"" },
		{ { .linux_ = "\"devices\": [{\"path\": \"/dev/x\", \"type\": \"c\", \"minor\": 1}]" },
			"linux.devices[0].major: required for a device of type \"c\", but missing" },
		{ { .linux_ = "\"seccomp\": {\"defaultAction\": \"SCMP_ACT_ALOW\"}" },
			"linux.seccomp.defaultAction: \"SCMP_ACT_ALOW\" is no seccomp action; did you mean \"SCMP_ACT_ALLOW\"?" },
		{ { .linux_ = "\"resources\": {\"blockIO\": {\"weight\": 9}}" }, "linux.resources.blockIO.weight: " },
		{ { .linux_ = "\"timeOffsets\": {\"boottime\": {\"secs\": 1}}" },
			"linux.timeOffsets: needs a time namespace: add {\"type\": \"time\"} to linux.namespaces" },
		{ { .top = "\"ociVersion\": \"2.0.0\"" }, "ociVersion: the key is there twice" },
	};
	struct unit *unit = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)read_config(unit, &cases[i].config);
		const char *faults = unit_faults(unit);
		if (!text_starts_with(faults, cases[i].fault) || strchr(faults, '\n'))
			fail_msg("expected \"%s\", found \"%s\"", cases[i].fault, faults);
	}
}

static void all_mistakes_are_told_at_once(void **state)
{
	static const struct config config = {
		.top = "\"hostname\": 1, \"mounts\": 2",
		.process = "\"terminal\": 3",
		.linux_ = "\"sysctl\": 4",
	};
	struct unit *unit = *state;

	(void)read_config(unit, &config);
	assert_int_equal(unit->faults.count, 4);
}

static void unknown_keys_are_left_alone(void **state)
{
	static const struct config config = {
		.top = "\"windows\": {\"x\": []}, \"vendor\": 1", .process = "\"new\": {}", .linux_ = "\"later\": null"
	};
	struct unit *unit = *state;

	assert_non_null(read_config(unit, &config));
	assert_string_equal(unit_faults(unit), "");
}

static void an_unknown_capability_is_a_warning(void **state)
{
	static const struct config config = {
		.process = "\"capabilities\": {\"bounding\": [\"CAP_CHOWN\", \"CAP_FLY\"]}"
	};
	struct unit *unit = *state;
	const struct spec *spec = read_config(unit, &config);

	assert_int_equal(unit->faults.count, 0);
	assert_int_equal(unit->faults.warnings, 1);
	assert_non_null(strstr(unit_faults(unit), "CAP_FLY"));
	assert_true(spec->process.capabilities.bounding == 1);
}

static void what_is_right_arrives_as_it_was_written(void **state)
{
	static const struct config config = {
		.top = "\"mounts\": [{\"destination\": \"/t\", \"type\": \"tmpfs\", \"source\": \"tmpfs\","
		       " \"options\": [\"nosuid\", \"suid\", \"ro\", \"size=1m\", \"rshared\"]}]",
		.process = "\"rlimits\": [{\"type\": \"RLIMIT_CORE\", \"soft\": 0, \"hard\": 18446744073709551615}],"
			   " \"oomScoreAdj\": -1000, \"consoleSize\": {\"height\": 24, \"width\": 80}",
		.linux_ = "\"rootfsPropagation\": \"rslave\", \"resources\": {\"memory\": {\"limit\": -1},"
			  " \"pids\": {\"limit\": 0}}, \"personality\": {\"domain\": \"LINUX32\"}",
	};
	struct unit *unit = *state;
	const struct spec *spec = read_config(unit, &config);

	assert_string_equal(unit_faults(unit), "");
	assert_string_equal(spec->mounts[0].origin, "mounts[0]");
	assert_true(spec->mounts[0].read_only);
	assert_int_equal(spec->mounts[0].attr_set & 2, 0); /* suid came later than nosuid */
	assert_string_equal(spec->mounts[0].data.items[0], "size=1m");
	assert_int_equal(spec->mounts[0].propagation[0].kind, SPEC_PROPAGATION_SHARED);
	assert_true(spec->mounts[0].propagation[0].recursive);
	assert_true(spec->process.rlimits[0].hard == UINT64_MAX);
	assert_int_equal(spec->process.oom_score_adj, -1000);
	assert_int_equal(spec->process.console_height, 24);
	assert_int_equal(spec->linux_.rootfs_propagation.kind, SPEC_PROPAGATION_SLAVE);
	assert_true(spec->linux_.resources.pids.given && spec->linux_.resources.pids.value == 0);
	assert_true(spec->linux_.resources.memory.limit.value == -1);
	assert_true(spec->linux_.has_personality);
}

static void the_config_of_spec_is_without_fault(void **state)
{
	struct unit *unit = *state;

	for (int rootless = 0; rootless < 2; rootless++) {
		char *text = spec_default(rootless, 1000, 1000);
		struct spec *spec = NULL;
		struct error err = { 0 };
		assert_int_equal(spec_parse(text, strlen(text), &unit->arena, &spec, &unit->faults, &err), 0);
		assert_string_equal(unit_faults(unit), "");
		assert_int_equal(spec->linux_.namespaces[SPEC_NS_USER].given, rootless);
		free(text);
	}
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(each_mistake_has_its_path_and_its_words),
	UNIT_TEST(all_mistakes_are_told_at_once),
	UNIT_TEST(unknown_keys_are_left_alone),
	UNIT_TEST(an_unknown_capability_is_a_warning),
	UNIT_TEST(what_is_right_arrives_as_it_was_written),
	UNIT_TEST(the_config_of_spec_is_without_fault),
};
UNIT_MAIN(tests)
