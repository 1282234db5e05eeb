/* Bounded strings, strict numbers, near words. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <time.h>

static void numbers_are_taken_whole_or_not_at_all(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 0;
		assert_int_equal(text_to_u64(cases[i].text, 0, UINT64_MAX, &value), cases[i].result);
		assert_true(value == cases[i].value);
	}
}

static void signed_numbers_reach_both_ends(void **state)
{
	int64_t value;
	(void)state;

	assert_int_equal(text_to_s64("-9223372036854775808", INT64_MIN, INT64_MAX, &value), 0);
	assert_true(value == INT64_MIN);
	assert_int_equal(text_to_s64("9223372036854775807", INT64_MIN, INT64_MAX, &value), 0);
	assert_true(value == INT64_MAX);
	assert_int_equal(text_to_s64("-9223372036854775809", INT64_MIN, INT64_MAX, &value), -ERANGE);
	assert_int_equal(text_to_s64("11", -10, 10, &value), -ERANGE);
	assert_int_equal(text_to_s64("--1", INT64_MIN, INT64_MAX, &value), -EINVAL);
	assert_int_equal(text_to_s64("-", INT64_MIN, INT64_MAX, &value), -EINVAL);
}

static void what_does_not_fit_is_cut_and_marked(void **state)
{
	char buf[8];
	struct text text;
	(void)state;

	text_init(&text, buf, sizeof(buf));
	text_add(&text, "%s", "1234567");
	assert_false(text.cut);
	text_add(&text, "8");
	assert_true(text.cut);
	assert_string_equal(buf, "1234567");
}

static void what_could_steer_a_terminal_is_escaped(void **state)
{
	static const struct {
		const char *bytes, *escaped;
	} cases[] = {
		{ "plain", "plain" },
		{ "\x1b[31m", "\\x1B[31m" },
		{ "a\nb", "a\\x0Ab" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xff", "\\xFF" },
		{ "\xc3", "\\xC3" },
	};
	char buf[64];
	struct text text;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		text_init(&text, buf, sizeof(buf));
		text_add_escaped(&text, cases[i].bytes, strlen(cases[i].bytes));
		assert_string_equal(buf, cases[i].escaped);
	}
}

static void the_nearest_word_is_one_that_may_have_been_meant(void **state)
{
	static const char *const words[] = { "create", "delete", NULL, "run", "state" };
	(void)state;

	assert_string_equal(text_nearest("craete", words, ARRAY_SIZE(words)), "create");
	assert_string_equal(text_nearest("rnu", words, ARRAY_SIZE(words)), "run");
	assert_null(text_nearest("frobnicate", words, ARRAY_SIZE(words)));
	assert_null(text_nearest("", words, ARRAY_SIZE(words)));
}

static void utf8_is_checked_strictly(void **state)
{
	(void)state;

	assert_true(text_is_utf8("\xf0\x9f\x98\x80", 4));
	assert_false(text_is_utf8("\xc0\xaf", 2));         /* overlong '/' */
	assert_false(text_is_utf8("\xed\xa0\x80", 3));     /* a surrogate */
	assert_false(text_is_utf8("\xf4\x90\x80\x80", 4)); /* beyond U+10FFFF */
	assert_false(text_is_utf8("\xe2\x82", 2));         /* cut off */
}

static void times_are_those_of_gmtime(void **state)
{
	static const time_t seconds[] = { 0, -1, 951782400, 951868800, 1709164800, 1772323199, 4107542400, -2203891200,
		253402300799 };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
		const struct timespec time = { .tv_sec = seconds[i], .tv_nsec = 123456789 };
		char buf[64], expected[64];
		struct text text;
		struct tm tm;
		assert_non_null(gmtime_r(&seconds[i], &tm));
		assert_true(strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.123Z", &tm) > 0);
		text_init(&text, buf, sizeof(buf));
		text_add_time(&text, &time, 3);
		assert_string_equal(buf, expected);
	}
}

static void lists_of_numbers_are_bits(void **state)
{
	static const char *const bad[] = { "x", "1-", "-1", "1,", "1,,2", "1 2", "0-3x" };
	unsigned long bits[2] = { 0 };
	(void)state;

	assert_int_equal(text_to_bits("0-3,7,64-65", bits, ARRAY_SIZE(bits)), 0);
	assert_int_equal(bits[0], 0x8f);
	assert_int_equal(bits[1], 3);
	assert_int_equal(text_to_bits("", bits, ARRAY_SIZE(bits)), 0);
	assert_int_equal(text_to_bits("128", bits, ARRAY_SIZE(bits)), -ERANGE);
	assert_int_equal(text_to_bits("0-128", bits, ARRAY_SIZE(bits)), -ERANGE);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(text_to_bits(bad[i], bits, ARRAY_SIZE(bits)), -EINVAL);
}

static void numbers_are_written_without_stdio(void **state)
{
	char buf[21];
	(void)state;

	assert_int_equal(text_put_u64(buf, 0), 1);
	assert_string_equal(buf, "0");
	assert_int_equal(text_put_u64(buf, UINT64_MAX), 20);
	assert_string_equal(buf, "18446744073709551615");
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(numbers_are_taken_whole_or_not_at_all),
	UNIT_TEST(signed_numbers_reach_both_ends),
	UNIT_TEST(what_does_not_fit_is_cut_and_marked),
	UNIT_TEST(what_could_steer_a_terminal_is_escaped),
	UNIT_TEST(the_nearest_word_is_one_that_may_have_been_meant),
	UNIT_TEST(utf8_is_checked_strictly),
	UNIT_TEST(times_are_those_of_gmtime),
	UNIT_TEST(lists_of_numbers_are_bits),
	UNIT_TEST(numbers_are_written_without_stdio),
};
UNIT_MAIN(tests)
