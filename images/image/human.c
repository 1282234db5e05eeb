/* images/image/human.c: see the header. */
#include "images/image/human.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

const char *human_size(uint64_t bytes, char *buf)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1000 && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(buf, HUMAN_MAX, "%.4g%s", value, units[unit]);
	return buf;
}

/* Days from 1970-01-01, of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t era, of_era, of_year;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	of_era = year - era * 400;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* "2026-01-02T03:04:05", whatever follows; the zone is a matter of hours, and these are ages. */
static bool parse_time(const char *text, int64_t *ret)
{
	static const struct {
		unsigned at, digits;
	} parts[] = { { 0, 4 }, { 5, 2 }, { 8, 2 }, { 11, 2 }, { 14, 2 }, { 17, 2 } };
	int64_t number[ARRAY_SIZE(parts)] = { 0 };

	if (strlen(text) < 19)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		for (unsigned j = 0; j < parts[i].digits; j++) {
			char c = text[parts[i].at + j];
			if (c < '0' || c > '9')
				return false;
			number[i] = number[i] * 10 + (c - '0');
		}
	*ret = days_of(number[0], number[1], number[2]) * 86400 + number[3] * 3600 + number[4] * 60 + number[5];
	return true;
}

#define DAY INT64_C(86400)

/* The unit that an age is counted in up to a limit; docker's limits [go-units]. All in seconds. */
static const struct unit {
	int64_t below, seconds;
	const char *one, *many;
} units_of_age[] = {
	{ 60, 1, "1 second", "seconds" },
	{ 3600, 60, "About a minute", "minutes" },
	{ 2 * DAY, 3600, "About an hour", "hours" },
	{ 14 * DAY, DAY, "1 day", "days" },
	{ 60 * DAY, 7 * DAY, "1 week", "weeks" },
	{ 730 * DAY, 30 * DAY, "1 month", "months" },
	{ INT64_MAX, 365 * DAY, "1 year", "years" },
};

const char *human_age(const char *time, int64_t now, char *buf)
{
	int64_t then, age;

	if (!parse_time(time, &then)) {
		(void)snprintf(buf, HUMAN_MAX, "N/A");
		return buf;
	}
	age = now > then ? now - then : 0;
	if (age == 0) {
		(void)snprintf(buf, HUMAN_MAX, "Less than a second ago");
		return buf;
	}
	const struct unit *unit = units_of_age;
	while (age >= unit->below)
		unit++;
	if (age / unit->seconds == 1)
		(void)snprintf(buf, HUMAN_MAX, "%s ago", unit->one);
	else
		(void)snprintf(buf, HUMAN_MAX, "%lld %s ago", (long long)(age / unit->seconds), unit->many);
	return buf;
}
