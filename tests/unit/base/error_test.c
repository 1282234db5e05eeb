/* The one line that a person gets. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "base/error.h"

static void the_line_has_place_cause_reason_and_advice(void **state)
{
	struct error err;
	char line[256];
	(void)state;

	assert_int_equal(error_sys(&err, ENOENT, "open %s", "/x"), -ENOENT);
	assert_string_equal(error_line(&err, line, sizeof(line)), "open /x: No such file or directory");
	assert_int_equal(error_at(&err, "mounts[%d]", 3), -ENOENT);
	assert_int_equal(error_at(&err, "config.json"), -ENOENT);
	assert_int_equal(error_hint(&err, "make it"), -ENOENT);
	assert_string_equal(error_line(&err, line, sizeof(line)),
		"config.json: mounts[3]: open /x: No such file or directory (make it)");
}

static void our_own_verdict_needs_no_errno(void **state)
{
	struct error err;
	char line[256];
	(void)state;

	assert_int_equal(error_bad(&err, EEXIST, "container \"a\" exists"), -EEXIST);
	assert_string_equal(error_line(&err, line, sizeof(line)), "container \"a\" exists");
}

static void the_first_advice_stays(void **state)
{
	struct error err;
	(void)state;

	(void)error_bad(&err, EINVAL, "x");
	(void)error_hint(&err, "near the cause");
	(void)error_hint(&err, "far from it");
	assert_string_equal(err.hint, "near the cause");
}

static void a_line_that_does_not_fit_ends_in_dots(void **state)
{
	struct error err;
	char line[16];
	(void)state;

	(void)error_bad(&err, EINVAL, "a sentence longer than the buffer");
	assert_string_equal(error_line(&err, line, sizeof(line)), "a sentence l...");
}

static void without_an_error_only_the_number_travels(void **state)
{
	(void)state;

	assert_int_equal(error_sys(NULL, EPERM, "x"), -EPERM);
	assert_int_equal(error_sys(NULL, -EPERM, "x"), -EPERM);
	assert_true(error_at(NULL, "x") < 0);
	assert_true(error_hint(NULL, "x") < 0);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(the_line_has_place_cause_reason_and_advice),
	UNIT_TEST(our_own_verdict_needs_no_errno),
	UNIT_TEST(the_first_advice_stays),
	UNIT_TEST(a_line_that_does_not_fit_ends_in_dots),
	UNIT_TEST(without_an_error_only_the_number_travels),
};
UNIT_MAIN(tests)
