/* Platforms: their names, and which of them run what. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "images/image/platform.h"

static void names_are_those_of_images(void **state)
{
	static const struct {
		const char *text, *platform;
	} cases[] = {
		{ "linux/amd64", "linux/amd64" },
		{ "x86_64", "linux/amd64" },
		{ "aarch64", "linux/arm64" },
		{ "armv7l", "linux/arm/v7" },
		{ "linux/arm/v6", "linux/arm/v6" },
		{ "armhf", "linux/arm/v7" },
		{ "windows/amd64", "windows/amd64" },
		{ "riscv64", "linux/riscv64" },
	};
	struct unit *unit = *state;
	struct platform platform;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(platform_parse(cases[i].text, &unit->arena, &platform, NULL), 0);
		assert_string_equal(platform_text(&platform, &unit->arena), cases[i].platform);
	}
	assert_int_equal(platform_parse(NULL, &unit->arena, &platform, NULL), 0);
	assert_string_equal(platform.os, "linux");
}

static void what_is_no_platform_is_refused(void **state)
{
	static const char *const texts[] = { "", "/", "linux/", "/amd64", "linux/arm/v7/x", "linux//v7", "a b",
		"lin\nux/amd64" };
	struct unit *unit = *state;
	struct platform platform;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(platform_parse(texts[i], &unit->arena, &platform, NULL), -EINVAL);
}

static void older_variants_run_and_newer_do_not(void **state)
{
	static const struct {
		const char *wanted, *has;
		bool runs;
	} cases[] = {
		{ "linux/amd64", "linux/amd64", true },
		{ "linux/amd64", "linux/amd64/v1", true },
		{ "linux/amd64", "linux/amd64/v2", false },
		{ "linux/amd64/v3", "linux/amd64/v2", true },
		{ "linux/amd64/v3", "linux/amd64", true },
		{ "linux/amd64", "linux/386", true },
		{ "linux/386", "linux/amd64", false },
		{ "linux/arm64", "linux/arm64/v8", true },
		{ "linux/arm64/v8.2", "linux/arm64/v8.1", true },
		{ "linux/arm64", "linux/arm64/v9", false },
		{ "linux/arm/v7", "linux/arm/v5", true },
		{ "linux/arm/v6", "linux/arm/v7", false },
		{ "linux/arm", "linux/arm/v7", true },
		{ "linux/arm64", "linux/arm/v7", false },
		{ "linux/amd64", "windows/amd64", false },
		{ "linux/arm/v7", "linux/arm/odd", false },
		{ "linux/arm/odd", "linux/arm/odd", true },
	};
	struct unit *unit = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct platform wanted, has;
		assert_int_equal(platform_parse(cases[i].wanted, &unit->arena, &wanted, NULL), 0);
		assert_int_equal(platform_parse(cases[i].has, &unit->arena, &has, NULL), 0);
		if ((platform_distance(&wanted, &has) >= 0) != cases[i].runs)
			fail_msg("%s on %s", cases[i].has, cases[i].wanted);
	}
}

static void the_same_is_nearer_than_an_older_one(void **state)
{
	static const char *const by_distance[] = { "linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386" };
	struct unit *unit = *state;
	struct platform wanted, has;
	int last = -1;

	assert_int_equal(platform_parse(by_distance[0], &unit->arena, &wanted, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(by_distance); i++) {
		assert_int_equal(platform_parse(by_distance[i], &unit->arena, &has, NULL), 0);
		assert_true(platform_distance(&wanted, &has) > last);
		last = platform_distance(&wanted, &has);
	}
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(names_are_those_of_images),
	UNIT_TEST(what_is_no_platform_is_refused),
	UNIT_TEST(older_variants_run_and_newer_do_not),
	UNIT_TEST(the_same_is_nearer_than_an_older_one),
};

UNIT_MAIN(tests)
