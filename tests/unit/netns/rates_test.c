/* What says how fast: every unit, and the mistakes. */
#include "tests/unit/unit.h"

#include "netns/shape.h"

/* "in out" in bytes a second, or the faults. */
static const char *rates_of(struct unit *unit, const char *said)
{
	static char buf[1024];
	struct rates rates;
	struct text text;

	rates_parse(said, "--rate", &unit->arena, &rates, &unit->faults);
	if (unit->faults.count)
		return unit_faults(unit);
	text_init(&text, buf, sizeof(buf));
	text_add(&text, "%llu %llu", (unsigned long long)rates.in, (unsigned long long)rates.out);
	return buf;
}

#define UNITS "expected bit, kbit, mbit, gbit, or B, kB, MB, GB, KiB, MiB, GiB"

static const struct {
	const char *said, *rates;
} cases[] = {
	{ "in=10mbit,out=5mbit", "1250000 625000" },
	{ "out=5mbit,in=10mbit", "1250000 625000" },
	{ "in=10mbit", "1250000 0" },
	{ "out=500kbit", "0 62500" },
	{ "in=8000bit", "1000 0" },
	{ "in=1gbit", "125000000 0" },
	{ "in=1000gbit", "125000000000 0" },
	{ "in=1000B,out=1kB", "1000 1000" },
	{ "in=2MB,out=1GB", "2000000 1000000000" },
	{ "in=1KiB,out=1MiB", "1024 1048576" },
	{ "out=1GiB", "0 1073741824" },

	{ "", "--rate: \"\": expected in=RATE, out=RATE, or both with a comma" },
	{ "10mbit", "--rate: \"10mbit\": expected in=RATE, out=RATE, or both with a comma" },
	{ "in=10mbit,", "--rate: \"\": expected in=RATE, out=RATE, or both with a comma" },
	{ "in=1mbit,in=2mbit", "--rate: \"in=2mbit\" is there twice" },
	{ "in=", "--rate: \"\" is no rate; expected one as 10mbit, or 2MB" },
	{ "in=fast", "--rate: \"fast\" is no rate; expected one as 10mbit, or 2MB" },
	{ "in=-1mbit", "--rate: \"-1mbit\" is no rate; expected one as 10mbit, or 2MB" },
	{ "in=10", "--rate: \"10\": \"\" is no unit; " UNITS },
	{ "in=10mbps", "--rate: \"10mbps\": \"mbps\" is no unit; " UNITS },
	{ "in=10 mbit", "--rate: \"10 mbit\": \" mbit\" is no unit; " UNITS },
	{ "in=1.5mbit", "--rate: \"1.5mbit\": \".5mbit\" is no unit; " UNITS },
	{ "in=0mbit", "--rate: \"0mbit\" is out of range; expected 1kB to 1000gbit" },
	{ "in=7999bit", "--rate: \"7999bit\" is out of range; expected 1kB to 1000gbit" },
	{ "in=1001gbit", "--rate: \"1001gbit\" is out of range; expected 1kB to 1000gbit" },
	{ "in=999999999999GiB", "--rate: \"999999999999GiB\" is out of range; expected 1kB to 1000gbit" },
	{ "in=99999999999999999999bit",
		"--rate: \"99999999999999999999bit\" is no rate; expected one as 10mbit, or 2MB" },
};

static void each_unit_is_read_as_it_is_meant(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(rates_of(*state, cases[i].said), cases[i].rates);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(each_unit_is_read_as_it_is_meant),
};
UNIT_MAIN(tests)
