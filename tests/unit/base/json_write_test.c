/* JSON out: commas, escapes, layout. */
#include "tests/unit/unit.h"

#include "base/json_write.h"

static void values_nest_with_commas_where_they_belong(void **state)
{
	struct json_writer w;
	(void)state;

	json_write_init(&w);
	json_object(&w, NULL);
	json_array(&w, "a");
	json_int(&w, NULL, INT64_MIN);
	json_uint(&w, NULL, UINT64_MAX);
	json_array_end(&w);
	json_object(&w, "o");
	json_object_end(&w);
	json_bool(&w, "b", true);
	json_null(&w, "n");
	json_string(&w, "s", NULL);
	json_object_end(&w);
	assert_string_equal(json_write_end(&w, NULL),
		"{\"a\":[-9223372036854775808,18446744073709551615],\"o\":{},\"b\":true,\"n\":null,\"s\":null}");
	json_write_done(&w);
	json_write_done(&w);
}

static void strings_are_escaped_and_bad_bytes_replaced(void **state)
{
	struct json_writer w;
	size_t len;
	(void)state;

	json_write_init(&w);
	json_string_len(&w, NULL, "q\" b\\ \n\t\x01 \xff \xc3\xbc \0.", 17);
	assert_string_equal(json_write_end(&w, &len), "\"q\\\" b\\\\ \\n\\t\\u0001 \xef\xbf\xbd \xc3\xbc \\u0000.\"");
	assert_int_equal(len, strlen(w.buf));
	json_write_done(&w);
}

static void pretty_text_has_a_line_a_value(void **state)
{
	static const char json[] = "{\"a\":[1,\"x,{\\\"\"],\"e\":{},\"f\":[]}";
	char *pretty = json_pretty(json, strlen(json), 2);
	(void)state;

	assert_string_equal(pretty, "{\n  \"a\": [\n    1,\n    \"x,{\\\"\"\n  ],\n  \"e\": {},\n  \"f\": []\n}");
	free(pretty);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(values_nest_with_commas_where_they_belong),
	UNIT_TEST(strings_are_escaped_and_bad_bytes_replaced),
	UNIT_TEST(pretty_text_has_a_line_a_value),
};
UNIT_MAIN(tests)
