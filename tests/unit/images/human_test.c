/* Sizes and ages as docker's tables have them. */
#include "tests/unit/unit.h"

#include "images/image/human.h"

static void sizes_have_four_digits(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0B" },
		{ 999, "999B" },
		{ 1000, "1kB" },
		{ 24900000, "24.9MB" },
		{ 1234567, "1.235MB" },
		{ 400000000, "400MB" },
		{ 5368709120, "5.369GB" },
		{ UINT64_MAX, "18.45EB" },
	};
	char buf[HUMAN_MAX];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(human_size(cases[i].bytes, buf), cases[i].text);
}

#define DAY INT64_C(86400)

static void ages_are_in_one_unit(void **state)
{
	enum { NOW = 1767323045 /* 2026-01-02T03:04:05Z */ };
	static const struct {
		int64_t age;
		const char *text;
	} cases[] = {
		{ -5, "Less than a second ago" },
		{ 0, "Less than a second ago" },
		{ 1, "1 second ago" },
		{ 59, "59 seconds ago" },
		{ 60, "About a minute ago" },
		{ 3599, "59 minutes ago" },
		{ 3600, "About an hour ago" },
		{ INT64_C(47) * 3600, "47 hours ago" },
		{ 2 * DAY, "2 days ago" },
		{ 13 * DAY, "13 days ago" },
		{ 14 * DAY, "2 weeks ago" },
		{ 59 * DAY, "8 weeks ago" },
		{ 60 * DAY, "2 months ago" },
		{ 729 * DAY, "24 months ago" },
		{ 730 * DAY, "2 years ago" },
		{ 20000 * DAY, "54 years ago" },
	};
	char buf[HUMAN_MAX];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(human_age("2026-01-02T03:04:05.123456Z", NOW + cases[i].age, buf), cases[i].text);
}

static void what_is_no_time_has_no_age(void **state)
{
	static const char *const texts[] = { "", "yesterday", "2026-01-02", "2026-01-02T0x:04:05Z" };
	char buf[HUMAN_MAX];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_string_equal(human_age(texts[i], 0, buf), "N/A");
	assert_string_equal(human_age("0001-01-01T00:00:00Z", 0, buf), "1970 years ago");
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(sizes_have_four_digits),
	UNIT_TEST(ages_are_in_one_unit),
	UNIT_TEST(what_is_no_time_has_no_age),
};

UNIT_MAIN(tests)
