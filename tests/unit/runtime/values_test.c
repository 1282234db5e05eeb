/* Sizes, processors, limits, devices and mounts as docker's users write them. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/error.h"
#include "runtime/cli/mount_flags.h"
#include "runtime/cli/values.h"

static void sizes_are_binary(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes; /* -2 = refused */
	} cases[] = {
		{ "0", 0 },
		{ "100", 100 },
		{ "100b", 100 },
		{ "1k", 1024 },
		{ "1K", 1024 },
		{ "1kb", 1024 },
		{ "1KiB", 1024 },
		{ "512m", 512 << 20 },
		{ "1.5g", INT64_C(3) << 29 },
		{ "1.5 GiB", INT64_C(3) << 29 },
		{ "0.5k", 512 },
		{ "2t", INT64_C(2) << 40 },
		{ "1p", INT64_C(1) << 50 },
		{ "-1", -1 },
		{ "", -2 },
		{ "m", -2 },
		{ "1.5", -2 },
		{ "1.", -2 },
		{ ".5k", -2 },
		{ "1.5.5k", -2 },
		{ "1x", -2 },
		{ "1ib", -2 },
		{ "1kk", -2 },
		{ "1  k", -2 },
		{ " 1k", -2 },
		{ "+1", -2 },
		{ "-2", -2 },
		{ "0x10", -2 },
		{ "1e3", -2 },
		{ "9223372036854775807k", -2 },
		{ "99999999999999999999", -2 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t bytes = -2;
		int r = value_bytes("memory", cases[i].text, true, &bytes, NULL);
		assert_int_equal(r, cases[i].bytes == -2 ? -EINVAL : 0);
		if (r == 0)
			assert_true(bytes == cases[i].bytes);
	}
	assert_int_equal(value_bytes("memory", "-1", false, &(int64_t){ 0 }, NULL), -EINVAL);
}

static void processors_are_parts_of_a_period(void **state)
{
	static const struct {
		const char *text;
		int64_t quota; /* 0 = refused */
	} cases[] = { { "1", 100000 }, { "1.5", 150000 }, { "0.01", 1000 }, { "0.000000001", 0 },
		{ "2.123456789", 212345 }, { "0", 0 }, { "0.009", 0 }, { "1.0000000001", 0 }, { "9999", 0 },
		{ "1,5", 0 }, { "", 0 } };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t quota = 0;
		int r = value_cpus(cases[i].text, &quota, NULL);
		assert_int_equal(r, cases[i].quota ? 0 : -EINVAL);
		if (r == 0)
			assert_true(quota == cases[i].quota);
	}
}

static void limits_have_names_and_two_values(void **state)
{
	struct spec_rlimit limit;
	(void)state;

	assert_int_equal(value_ulimit("nofile=1024:4096", &limit, NULL), 0);
	assert_true(limit.resource == RLIMIT_NOFILE && limit.soft == 1024 && limit.hard == 4096);
	assert_int_equal(value_ulimit("CORE=-1", &limit, NULL), 0);
	assert_true(limit.resource == RLIMIT_CORE && limit.soft == RLIM_INFINITY && limit.hard == RLIM_INFINITY);
	assert_int_equal(value_ulimit("nproc=5:unlimited", &limit, NULL), 0);
	assert_true(limit.soft == 5 && limit.hard == RLIM_INFINITY);
	for (const char *const *bad = (const char *const[]){ "", "nofile", "nofile=", "=5", "x=5", "nofile=5:4",
		     "nofile=a", "nofile=1:2:3", "nofile=-2", "averyveryverylongnameofalimit=1", NULL };
		*bad; bad++)
		assert_int_equal(value_ulimit(*bad, &limit, NULL), -EINVAL);
}

static void device_rules_are_strict(void **state)
{
	struct spec_device_rule rule;
	(void)state;

	assert_int_equal(value_device_rule("c 1:3 rwm", &rule, NULL), 0);
	assert_true(rule.type == 'c' && rule.major == 1 && rule.minor == 3 && rule.read && rule.write && rule.mknod);
	assert_int_equal(value_device_rule("b 8:* r", &rule, NULL), 0);
	assert_true(rule.type == 'b' && rule.major == 8 && rule.minor == -1 && rule.read && !rule.write && !rule.mknod);
	assert_int_equal(value_device_rule("a", &rule, NULL), 0);
	assert_true(rule.type == 'a' && rule.major == -1);
	for (const char *const *bad = (const char *const[]){ "", "c", "c 1:3", "x 1:3 rwm", "c 1:3 q", "c 1:3 rwmr",
		     "c -1:3 r", "c 1:3 r more", "c 4294967296:0 r", "ca", NULL };
		*bad; bad++)
		assert_int_equal(value_device_rule(*bad, &rule, NULL), -EINVAL);
}

static void capabilities_in_any_spelling(void **state)
{
	uint64_t bits = 0;
	(void)state;

	assert_int_equal(value_capability("cap-add", "net_admin", &bits, NULL), 0);
	assert_true(bits == UINT64_C(1) << 12);
	assert_int_equal(value_capability("cap-add", "Cap_Chown", &bits, NULL), 0);
	assert_true(bits == 1);
	assert_int_equal(value_capability("cap-add", "ALL", &bits, NULL), 0);
	assert_true(bits & 1 && bits >> word_capability_last() == 1);
	assert_int_equal(value_capability("cap-add", "cap_", &bits, NULL), -EINVAL);
	assert_int_equal(value_capability("cap-add", "", &bits, NULL), -EINVAL);
}

/* What the flag says, in a line. */
static const char *say(const struct mount_flag *flag)
{
	static const char *const origins[] = { "host", "volume", "anonymous", "new" };
	static char line[1024];
	struct text text;

	text_init(&text, line, sizeof(line));
	text_add(&text, "%s %s%s%s %s", origins[flag->origin], flag->name ? flag->name : flag->mount.source,
		flag->seeded ? " seeded" : "", flag->makes_source ? " made" : "", flag->mount.destination);
	for (size_t i = 0; i < flag->mount.options.count; i++)
		text_add(&text, "%c%s", i ? ',' : ' ', flag->mount.options.items[i]);
	return line;
}

static void mounts_in_three_spellings(void **state)
{
	static const struct {
		int (*parse)(const char *, struct arena *, struct mount_flag *, struct error *);
		const char *text, *said;
	} cases[] = {
		{ mount_flag_volume, "/a:/b", "host /a /b rbind,nosuid,nodev,rprivate" },
		{ mount_flag_volume, "/a:/b:ro", "host /a /b rbind,rro,nosuid,nodev,rprivate" },
		{ mount_flag_volume, "/a:/b:ro,Z,exec,dev,rslave", "host /a /b exec,dev,rslave,rbind,rro,nosuid" },
		{ mount_flag_volume, "name:/b", "volume name seeded /b rbind,nosuid,nodev,rprivate" },
		{ mount_flag_volume, "name:/b:nocopy,bind,ro", "volume name /b bind,ro,nosuid,nodev,rprivate" },
		{ mount_flag_volume, "/b", "anonymous  seeded /b rbind,nosuid,nodev,rprivate" },
		{ mount_flag_mount, "type=bind,src=/a,dst=/b", "host /a /b rbind,nosuid,nodev,rprivate" },
		{ mount_flag_mount, "type=bind,source=/a,target=/b,readonly=true,bind-recursive=writable",
			"host /a /b ro,rbind,nosuid,nodev,rprivate" },
		{ mount_flag_mount, "type=bind,src=/a,destination=/b,bind-recursive=disabled,bind-create-src,ro=0",
			"host /a made /b bind,nosuid,nodev,rprivate" },
		{ mount_flag_mount, "src=name,dst=/b", "volume name seeded /b rbind,nosuid,nodev,rprivate" },
		{ mount_flag_mount, "dst=/b,volume-nocopy", "anonymous  /b rbind,nosuid,nodev,rprivate" },
		{ mount_flag_mount, "type=tmpfs,dst=/b,tmpfs-size=1m,tmpfs-mode=1777,ro",
			"new tmpfs /b nosuid,nodev,noexec,size=1048576,mode=1777,ro" },
		{ mount_flag_tmpfs, "/b", "new tmpfs /b noexec,nosuid,nodev" },
		{ mount_flag_tmpfs, "/b:size=1m,exec", "new tmpfs /b size=1m,exec,nosuid,nodev" },
	};
	struct unit *unit = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mount_flag flag;
		assert_int_equal(cases[i].parse(cases[i].text, &unit->arena, &flag, NULL), 0);
		assert_string_equal(say(&flag), cases[i].said);
	}
}

static void mounts_that_are_none(void **state)
{
	static const char *const volumes[] = { "", ":", "a", "/a:", "/a:b", "/a:/", "/a:/b:what", "/a:/b:ro:rw",
		"a/b:/c", "-a:/c", "/." };
	static const char *const mounts[] = { "", "type", "type=bind", "type=bind,dst=/b", "type=image,src=a,dst=/b",
		"type=volume,src=/a,dst=/b", "type=bind,src=/a,dst=/b,x", "type=bind,src=/a,dst=/b,ro=x",
		"type=bind,src=/a,dst=/b,bind-propagation=x", "type=tmpfs,dst=/b,tmpfs-mode=9",
		"type=bind,src=/a,dst=b" };
	struct unit *unit = *state;
	struct mount_flag flag;

	for (size_t i = 0; i < ARRAY_SIZE(volumes); i++)
		assert_int_equal(mount_flag_volume(volumes[i], &unit->arena, &flag, NULL), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		assert_int_equal(mount_flag_mount(mounts[i], &unit->arena, &flag, NULL), -EINVAL);
	assert_int_equal(mount_flag_tmpfs("b", &unit->arena, &flag, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(sizes_are_binary),
		UNIT_TEST(processors_are_parts_of_a_period),
		UNIT_TEST(limits_have_names_and_two_values),
		UNIT_TEST(device_rules_are_strict),
		UNIT_TEST(capabilities_in_any_spelling),
		UNIT_TEST(mounts_in_three_spellings),
		UNIT_TEST(mounts_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
