/* The bounded JSON reader: what it takes, what it refuses, and the words. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "spec/json.h"

static const struct json *parse(struct unit *unit, const char *text, size_t len)
{
	const struct json *value = NULL;

	assert_int_equal(json_parse(text, len, &unit->arena, &value, &unit->faults), 0);
	return value;
}

static void documents_are_trees_in_their_own_order(void **state)
{
	struct unit *unit = *state;
	static const char text[] = " {\"b\": [1, {\"x y\": null}], \"a\": \"\\u00fc\\ud83d\\ude00\"} ";
	const struct json *top = parse(unit, text, strlen(text)), *list;

	assert_non_null(top);
	assert_int_equal(top->count, 2);
	assert_string_equal(top->first->key, "b");
	list = json_member(top, "b");
	assert_string_equal(json_path(list->first->next->first, &unit->arena), "b[1][\"x y\"]");
	assert_string_equal(json_member(top, "a")->text, "\xc3\xbc\xf0\x9f\x98\x80");
	assert_null(json_member(top, "c"));
}

static void a_null_counts_as_absent(void **state)
{
	assert_null(json_member(parse(*state, "{\"a\": null}", 11), "a"));
}

static void a_member_of_another_kind_is_its_default(void **state)
{
	static const char text[] = "{\"t\": \"x\", \"b\": true, \"n\": 7, \"a\": [1]}";
	const struct json *top = parse(*state, text, strlen(text));

	assert_string_equal(json_member_text(top, "t", "none"), "x");
	assert_string_equal(json_member_text(top, "n", "none"), "none");
	assert_null(json_member_text(top, "missing", NULL));
	assert_true(json_member_bool(top, "b"));
	assert_false(json_member_bool(top, "t"));
	assert_int_equal(json_member_u64(top, "n", 7), 7);
	assert_int_equal(json_member_u64(top, "n", 6), 0);
	assert_int_equal(json_member_u64(top, "a", 7), 0);
	assert_int_equal(json_member_array(top, "a")->count, 1);
	assert_null(json_member_array(top, "t")->first);
}

static void what_others_let_pass_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *words;
	} cases[] = {
		{ "{\"a\": 1, \"a\": 2}", 16, "a: the key is there twice" },
		{ "{\"a\": {\"b\": 1, \"b\": 1}}", 23, "a.b: the key is there twice" },
		{ "{\"a\\u0000\": 1}", 14, "NUL" },
		{ "[\"\\ud800\"]", 10, "surrogate" },
		{ "[\"\xff\"]", 5, "UTF-8" },
		{ "{} {}", 5, "line 1, column" },
		{ "{", 1, "line 1, column" },
		{ "", 0, "line 1, column" },
		{ "{]", 2, "line 1, column" },
		{ "{\"a\": 01}", 9, "line 1, column" },
		{ "// no\n{}", 8, "line 1, column" },
		{ "\n\n[1,]", 6, "line 3, column" },
	};
	struct unit *unit = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_null(parse(unit, cases[i].text, cases[i].len));
		const char *words = unit_faults(unit);
		if (!strstr(words, cases[i].words))
			fail_msg("%s: \"%s\" is missing in \"%s\"", cases[i].text, cases[i].words, words);
	}
}

static void nesting_is_bounded(void **state)
{
	struct unit *unit = *state;
	char text[2UL * (JSON_MAX_DEPTH + 1)];

	memset(text, '[', JSON_MAX_DEPTH);
	memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	assert_non_null(parse(unit, text, 2UL * JSON_MAX_DEPTH));
	memset(text, '[', JSON_MAX_DEPTH + 1);
	memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	assert_null(parse(unit, text, sizeof(text)));
	assert_non_null(strstr(unit_faults(unit), "64"));
}

static void the_number_of_values_is_bounded(void **state)
{
	struct unit *unit = *state;
	size_t len = 2 * (size_t)JSON_MAX_VALUES + 3;
	char *text = malloc(len);

	assert_non_null(text);
	for (size_t i = 0; i < len; i++)
		text[i] = i % 2 ? '1' : ',';
	text[0] = '[';
	text[len - 1] = ']';
	assert_null(parse(unit, text, len));
	assert_true(unit->faults.count > 0);
	free(text);
}

static void a_document_that_is_too_large_is_not_read(void **state)
{
	struct unit *unit = *state;
	const struct json *value;

	assert_int_equal(json_parse("", (size_t)JSON_MAX_BYTES + 1, &unit->arena, &value, &unit->faults), -EFBIG);
}

static void integers_are_exact(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t value;
	} cases[] = {
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "-0", -EINVAL, 0 },
		{ "-1", -ERANGE, 0 },
		{ "1.0", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "\"1\"", -EINVAL, 0 },
		{ "true", -EINVAL, 0 },
		{ "9007199254740993", 0, 9007199254740993 },
	};
	struct unit *unit = *state;
	int64_t smallest;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 0;
		int r = json_to_u64(parse(unit, cases[i].text, strlen(cases[i].text)), 0, UINT64_MAX, &value);
		if ((r < 0) != (cases[i].result < 0) || value != cases[i].value)
			fail_msg("%s: %d, %lu", cases[i].text, r, (unsigned long)value);
	}
	assert_int_equal(json_to_s64(parse(unit, "-9223372036854775808", 20), INT64_MIN, INT64_MAX, &smallest), 0);
	assert_true(smallest == INT64_MIN);
}

static void what_was_found_is_shown_short(void **state)
{
	struct unit *unit = *state;
	static const char text[] =
		"[\"many\", -1, {\"a\": 1}, [], null, \"0123456789012345678901234567890123456789012345678\"]";
	static const char *const found[] = { "\"many\"", "-1", "an object", "an array", "null" };
	const struct json *value = parse(unit, text, strlen(text))->first;

	for (size_t i = 0; i < ARRAY_SIZE(found); i++, value = value->next)
		assert_string_equal(json_found(value, &unit->arena), found[i]);
	assert_true(strlen(json_found(value, &unit->arena)) < 48);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(documents_are_trees_in_their_own_order),
	UNIT_TEST(a_null_counts_as_absent),
	UNIT_TEST(a_member_of_another_kind_is_its_default),
	UNIT_TEST(what_others_let_pass_is_refused),
	UNIT_TEST(nesting_is_bounded),
	UNIT_TEST(the_number_of_values_is_bounded),
	UNIT_TEST(a_document_that_is_too_large_is_not_read),
	UNIT_TEST(integers_are_exact),
	UNIT_TEST(what_was_found_is_shown_short),
};
UNIT_MAIN(tests)
