/* tests/unit/unit.h: what every unit test includes; cmocka's header needs the others before it. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"

/* An arena and a list of faults for each test, in *state. */
struct unit {
	struct arena arena;
	struct faults faults;
};

static inline int unit_setup(void **state)
{
	struct unit *unit = calloc(1, sizeof(*unit));

	assert_non_null(unit);
	arena_init(&unit->arena);
	faults_init(&unit->faults, &unit->arena, NULL);
	*state = unit;
	return 0;
}

static inline int unit_teardown(void **state)
{
	struct unit *unit = *state;

	arena_done(&unit->arena);
	free(unit);
	return 0;
}

#define UNIT_TEST(name) cmocka_unit_test_setup_teardown(name, unit_setup, unit_teardown)
#define UNIT_MAIN(tests)                                                                                               \
	int main(void)                                                                                                 \
	{                                                                                                              \
		return cmocka_run_group_tests(tests, NULL, NULL);                                                      \
	}

/* All faults and warnings, a line each; and the list is empty again. */
static inline const char *unit_faults(struct unit *unit)
{
	static char buf[16384];
	char line[2048];
	struct text text;

	text_init(&text, buf, sizeof(buf));
	for (const struct fault *fault = unit->faults.first; fault; fault = fault->next)
		text_add(&text, "%s%s", text.len ? "\n" : "", fault_line(&unit->faults, fault, line, sizeof(line)));
	faults_init(&unit->faults, &unit->arena, NULL);
	return buf;
}
