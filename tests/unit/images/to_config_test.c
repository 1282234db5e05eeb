/* From an image's config to one that spec_parse() takes [image-spec: conversion.md]. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "base/error.h"
#include "base/json_write.h"
#include "images/to_config.h"

#define STRINGS(...)                                                                                                   \
	(struct spec_strings)                                                                                          \
	{                                                                                                              \
		.items = (const char *[]){ __VA_ARGS__, NULL },                                                        \
		.count = sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(const char *)                                \
	}

static struct image plain(void)
{
	return (struct image){ .architecture = "amd64",
		.variant = "",
		.os = "linux",
		.created = "",
		.author = "",
		.user = "",
		.working_dir = "",
		.stop_signal = "" };
}

static struct spec *convert(struct unit *unit, const struct config *config)
{
	struct spec *spec = NULL;
	struct json_writer w;
	const char *text;
	size_t len;

	json_write_init(&w);
	config_write(config, &w);
	text = json_write_end(&w, &len);
	assert_int_equal(
		spec_parse(arena_copy(&unit->arena, text, len), len, &unit->arena, &spec, &unit->faults, NULL), 0);
	json_write_done(&w);
	assert_string_equal(unit_faults(unit), "");
	return spec;
}

static void what_nobody_spoke_of_is_little(void **state)
{
	struct unit *unit = *state;
	struct image image = plain();
	struct config config;
	struct spec *spec;

	image.cmd = STRINGS("true");
	config_init(&config, &unit->arena);
	assert_int_equal(config_take_image(&config, &image, NULL), 0);
	spec = convert(unit, &config);
	assert_string_equal(spec->process.args.items[0], "true");
	assert_string_equal(spec->process.cwd, "/");
	assert_true(spec->process.no_new_privileges);
	assert_true(spec->process.capabilities.bounding == 0x800405fb);
	assert_true(spec->process.capabilities.effective == 0x800405fb);
	assert_true(spec->process.capabilities.ambient == 0 && spec->process.capabilities.inheritable == 0);
	assert_true(spec->linux_.resources.pids.value == 2048);
	assert_int_equal(spec->linux_.namespaces[SPEC_NS_USER].given, false);
	for (int kind = SPEC_NS_PID; kind <= SPEC_NS_CGROUP; kind++)
		assert_true(spec->linux_.namespaces[kind].given && !spec->linux_.namespaces[kind].path);
	assert_true(spec->linux_.masked_paths.count > 10 && spec->linux_.readonly_paths.count == 5);
	assert_int_equal(spec->linux_.resources.devices[0].allow, false);
}

static void image_config_becomes_process_and_annotations(void **state)
{
	struct unit *unit = *state;
	struct image image = plain();
	struct spec_pair labels[] = { { "a", "1" }, { "org.opencontainers.image.author", "label" },
		{ "run.oci.x", "y" }, { "org.husk.x", "y" }, { "org.systemd.property.X", "y" }, { "", "y" } };
	struct config config;
	struct spec *spec;

	image.entrypoint = STRINGS("/entry", "-x");
	image.cmd = STRINGS("cmd");
	image.env = STRINGS("A=1=2", "A=3", "EMPTY=");
	image.working_dir = "srv/x";
	image.author = "author";
	image.stop_signal = "SIGRTMIN+3";
	image.exposed_ports = STRINGS("80/tcp", "53/udp");
	image.labels = labels;
	image.label_count = ARRAY_SIZE(labels);
	config_init(&config, &unit->arena);
	assert_int_equal(config_take_image(&config, &image, NULL), 0);
	assert_string_equal(config_env(&config, "A"), "3");
	assert_string_equal(config_env(&config, "EMPTY"), "");
	assert_null(config_env(&config, "B"));
	config.user = (struct spec_user){ .uid = 5, .gid = 6 };
	spec = convert(unit, &config);
	assert_int_equal(spec->process.args.count, 3);
	assert_string_equal(spec->process.args.items[2], "cmd");
	assert_string_equal(spec->process.cwd, "/srv/x");
	assert_true(spec->process.capabilities.effective == 0 && spec->process.capabilities.bounding != 0);
	assert_string_equal(spec_annotation(spec, "org.opencontainers.image.author"), "label");
	assert_string_equal(spec_annotation(spec, "org.opencontainers.image.stopSignal"), "SIGRTMIN+3");
	assert_string_equal(spec_annotation(spec, "org.opencontainers.image.exposedPorts"), "80/tcp,53/udp");
	assert_null(spec_annotation(spec, "run.oci.x"));
	assert_null(spec_annotation(spec, "org.husk.x"));
	assert_null(spec_annotation(spec, "org.systemd.property.X"));
	assert_int_equal(spec->annotation_count, 6);
}

static void volumes_have_honest_paths(void **state)
{
	static const char *const bad[] = { "", "/", "//", "/.", "/..", "/../etc", "/a/..", "/a/../b", "a", "./a",
		"/./../" };
	static const char *const good[] = { "/a", "/a/b/", "/a..b", "/..a", "/a/.b" };
	struct image image = plain();
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		image.volumes = STRINGS(bad[i]);
		assert_int_equal(config_check_volumes(&image, NULL), -EINVAL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		image.volumes = STRINGS(good[i]);
		assert_int_equal(config_check_volumes(&image, NULL), 0);
	}
}

static void mounts_of_one_place_replace_each_other(void **state)
{
	struct unit *unit = *state;
	struct image image = plain();
	struct config config;
	size_t before;

	image.cmd = STRINGS("true");
	image.volumes = STRINGS("/data", "/data", "/dev/shm");
	config_init(&config, &unit->arena);
	assert_int_equal(config_take_image(&config, &image, NULL), 0);
	before = config.mount_count;
	config_add_volumes(&config, &image);
	assert_int_equal(config.mount_count, before + 1);
	config_drop_mount(&config, "/data");
	assert_int_equal(config.mount_count, before);
	(void)convert(unit, &config);
}

static void bad_variables_and_signals_are_refused(void **state)
{
	struct unit *unit = *state;
	struct image image = plain();
	struct config config;

	image.env = STRINGS("GOOD=1", "BAD");
	config_init(&config, &unit->arena);
	assert_int_equal(config_take_image(&config, &image, NULL), -EINVAL);
	image.env = STRINGS("=1");
	assert_int_equal(config_take_image(&config, &image, NULL), -EINVAL);
	image.env = (struct spec_strings){ 0 };
	image.stop_signal = "SIGNOTHING";
	assert_int_equal(config_take_image(&config, &image, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(what_nobody_spoke_of_is_little),
		UNIT_TEST(image_config_becomes_process_and_annotations),
		UNIT_TEST(volumes_have_honest_paths),
		UNIT_TEST(mounts_of_one_place_replace_each_other),
		UNIT_TEST(bad_variables_and_signals_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
