/* netns/rates.c: what says how fast. Pure. Not as tc(8) reads it: there "mbps" are bytes, which nobody expects. */
#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"
#include "netns/shape.h"

enum { BITS = 8 };

static const uint64_t RATE_MIN = 1000, RATE_MAX = UINT64_C(1000000000000) / BITS;

static const struct {
	const char *unit;
	uint64_t times, per;
} units[] = {
	{ "bit", 1, BITS },
	{ "kbit", 1000, BITS },
	{ "mbit", 1000000, BITS },
	{ "gbit", 1000000000, BITS },
	{ "B", 1, 1 },
	{ "kB", 1000, 1 },
	{ "MB", 1000000, 1 },
	{ "GB", 1000000000, 1 },
	{ "KiB", 1 << 10, 1 },
	{ "MiB", 1 << 20, 1 },
	{ "GiB", 1 << 30, 1 },
};

static void parse_rate(const char *text, const char *where, struct arena *arena, uint64_t *ret, struct faults *faults)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	uint64_t number, rate = 0;

	if (text_to_u64(arena_copy(arena, text, digits), 0, RATE_MAX * BITS, &number) < 0) {
		faults_add(faults, where, "\"%s\" is no rate; expected one as 10mbit, or 2MB", text);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(units[i].unit, unit) != 0)
			continue;
		rate = number > RATE_MAX * BITS / units[i].times ? RATE_MAX + 1
								 : number * units[i].times / units[i].per;
		if (rate < RATE_MIN || rate > RATE_MAX)
			faults_add(faults, where, "\"%s\" is out of range; expected 1kB to 1000gbit", text);
		*ret = rate;
		return;
	}
	faults_add(faults, where,
		"\"%s\": \"%s\" is no unit; expected bit, kbit, mbit, gbit, or B, kB, MB, GB, KiB, MiB, GiB", text,
		unit);
}

void rates_parse(const char *text, const char *where, struct arena *arena, struct rates *ret, struct faults *faults)
{
	struct rates rates = { 0 };

	for (const char *at = text;; at++) {
		size_t len = strcspn(at, ",");
		const char *part = arena_copy(arena, at, len);
		uint64_t *rate = text_starts_with(part, "in=") ? &rates.in
			: text_starts_with(part, "out=")       ? &rates.out
							       : NULL;
		if (!rate)
			faults_add(faults, where, "\"%s\": expected in=RATE, out=RATE, or both with a comma", part);
		else if (*rate)
			faults_add(faults, where, "\"%s\" is there twice", part);
		else
			parse_rate(strchr(part, '=') + 1, where, arena, rate, faults);
		at += len;
		if (!*at)
			break;
	}
	*ret = rates;
}
