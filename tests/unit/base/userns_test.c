/* Which ids a user has, by files as /etc has them; and the texts of the maps. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/userns.h"

static char folder[] = "/tmp/husk-userns.XXXXXX";

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static void write_file(const char *name, const char *text)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int tear_down(void **state)
{
	static const char *const names[] = { "passwd", "subuid", "subgid" };
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

/* For user 1000, group 100: both maps, or why there is but one id. */
static void expect(const char *subuid, const char *subgid, const char *expected)
{
	static char text[USERNS_IDS_TEXT_MAX + 2048];
	cleanup_close int etc = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct userns_ids ids;
	struct error why = { 0 };
	char line[1024];

	write_file(
		"passwd", "root:x:0:0::/:/bin/sh\nshort:x\nme:x:1000:100:Me:/home/me:/bin/sh\nalso:x:1000:100::/:\n");
	write_file("subuid", subuid);
	write_file("subgid", subgid);
	if (userns_read_ids(etc, 1000, 100, &ids, &why) == USERNS_ONE_ID) {
		assert_int_equal(ids.uids.count, 1);
		assert_int_equal(ids.gids.count, 1);
		(void)snprintf(text, sizeof(text), "%s", error_line(&why, line, sizeof(line)));
	} else {
		userns_ids_text(&ids, text);
	}
	assert_string_equal(text, expected);
}

static void test_ranges(void **state)
{
	(void)state;
	expect("me:100000:65536\n", "me:200000:65536\n", "0 1000 1\n1 100000 65536\n0 100 1\n1 200000 65536\n");
	expect("you:1:2\n1000:300000:10\n# me:1:1\nme:100000:20\nmee:5:5\nme:400000:1", "1000:7:8\n",
		"0 1000 1\n1 300000 10\n11 100000 20\n31 400000 1\n0 100 1\n1 7 8\n");
}

static void test_what_is_no_range(void **state)
{
	(void)state;
	expect("me:x:1\nme:1\nme::5\nme:-1:5\nme:5:0\nme:4294967295:2\nme:1:4294967295\n:::\nme:9:9:\nme:50:5 \n",
		"me:1:1\n", "0 1000 1\n1 9 9\n0 100 1\n1 1 1\n");
	expect("me:1:4294967290\nme:10:10\n", "me:1:1\n", "0 1000 1\n1 1 4294967290\n0 100 1\n1 1 1\n");
}

static void test_none(void **state)
{
	static const char hint[] = " (usermod --add-subuids 100000-165535 --add-subgids 100000-165535 me)";
	char expected[256];

	(void)state;
	(void)snprintf(expected, sizeof(expected), "no ids for me in /etc/subuid%s", hint);
	expect("you:1:2\n", "me:1:1\n", expected);
	expect("", "", expected);
	(void)snprintf(expected, sizeof(expected), "no ids for me in /etc/subgid%s", hint);
	expect("me:1:2\n", "you:1:1\n", expected);
}

static void test_many(void **state)
{
	char lines[40 * 20] = "", expected[40 * 40] = "0 1000 1\n";
	size_t len = 0, expected_len = strlen(expected);

	(void)state;
	for (int i = 0; i < 20; i++) {
		len += (size_t)snprintf(lines + len, sizeof(lines) - len, "me:%d:10\n", 100000 + 10 * i);
		if (i < USERNS_RANGES_MAX)
			expected_len += (size_t)snprintf(expected + expected_len, sizeof(expected) - expected_len,
				"%d %d 10\n", 1 + 10 * i, 100000 + 10 * i);
	}
	(void)snprintf(expected + expected_len, sizeof(expected) - expected_len, "0 100 1\n1 5 6\n");
	expect(lines, "me:5:6\n", expected);
}

/* 1000 and two ranges, of 5 and 10 ids, in the order in which he is `own`. */
static void expect_order(uint32_t own, const char *expected)
{
	struct userns_ids ids = { .uids = { { { 0, 1000, 1 }, { 1, 50, 5 }, { 6, 70, 10 } }, 3 } }, kept;
	char text[USERNS_TEXT_MAX], line[1024];
	struct error err = { 0 };

	ids.gids = ids.uids;
	if (userns_keep(&ids, own, own, &kept, &err) < 0) {
		assert_string_equal(error_line(&err, line, sizeof(line)), expected);
		return;
	}
	userns_text(&kept.gids, text);
	assert_string_equal(text, expected);
	userns_text(&kept.uids, text);
	assert_string_equal(text, expected);
	assert_int_equal(userns_inside(&kept.uids, 1000), own);
	assert_int_equal(userns_inside(&kept.uids, 69), -1);
}

static void test_keeping(void **state)
{
	(void)state;
	expect_order(0, "0 1000 1\n1 50 5\n6 70 10\n");
	expect_order(2, "0 50 2\n2 1000 1\n3 52 3\n6 70 10\n");
	expect_order(5, "0 50 5\n5 1000 1\n6 70 10\n");
	expect_order(6, "0 50 5\n5 70 1\n6 1000 1\n7 71 9\n");
	expect_order(15, "0 50 5\n5 70 10\n15 1000 1\n");
	expect_order(16, "the id 16 needs 16 subordinate ids, not 15");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_what_is_no_range),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_keeping),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
