/* base/text.c: bounded strings and strict numbers. Nothing here allocates. */
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void text_init(struct text *text, char *buf, size_t size)
{
	*text = (struct text){ .buf = buf, .size = size };
	buf[0] = '\0';
}

void text_add(struct text *text, const char *fmt, ...)
{
	size_t room = text->size - text->len;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text->buf + text->len, room, fmt, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= room) {
		text->cut = true;
		text->len = text->size - 1;
	} else {
		text->len += (size_t)n;
	}
}

/* The length of the UTF-8 sequence at `bytes`, or 0 where there is none: no overlong form, no surrogate, nothing beyond
 * U+10FFFF [RFC 3629, section 4]. */
static size_t sequence(const char *bytes, size_t len)
{
	const unsigned char *b = (const unsigned char *)bytes;
	size_t need = b[0] < 0x80 ? 1 : b[0] < 0xc2 ? 0 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : b[0] < 0xf5 ? 4 : 0;

	if (need == 0 || need > len)
		return 0;
	for (size_t i = 1; i < need; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) || (b[0] == 0xf0 && b[1] < 0x90) ||
		(b[0] == 0xf4 && b[1] > 0x8f))
		return 0;
	return need;
}

/* C1 controls act on terminals too. */
static bool is_control(const char *bytes, size_t len)
{
	unsigned char first = (unsigned char)bytes[0];

	return first < 0x20 || first == 0x7f || (len == 2 && first == 0xc2 && (unsigned char)bytes[1] < 0xa0);
}

void text_add_escaped(struct text *text, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = sequence(bytes + i, len - i);
		if (n == 0 || is_control(bytes + i, n)) {
			text_add(text, "\\x%02X", (unsigned char)bytes[i]);
			i++;
		} else {
			text_add(text, "%.*s", (int)n, bytes + i);
			i += n;
		}
	}
}

static int parse_digits(const char *str, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!*str)
		return -EINVAL;
	for (const char *c = str; *c; c++)
		if (*c < '0' || *c > '9')
			return -EINVAL;
	for (const char *c = str; *c; c++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
			return -ERANGE;
	if (value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int text_to_u64(const char *str, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	uint64_t value;
	int r = parse_digits(str, max, &value);

	if (r < 0)
		return r;
	if (value < min)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int text_to_s64(const char *str, int64_t min, int64_t max, int64_t *ret_value)
{
	bool negative = *str == '-';
	uint64_t value;
	int r = parse_digits(str + negative, negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX, &value);
	int64_t result;

	if (r < 0)
		return r;
	if (negative && value == 0)
		return -EINVAL; /* "-0" is a float's notion */
	result = negative ? (int64_t)(0 - value) : (int64_t)value;
	if (result < min || result > max)
		return -ERANGE;
	*ret_value = result;
	return 0;
}

size_t text_put_u64(char *buf, uint64_t number)
{
	char digits[20], *first = digits + sizeof(digits);
	size_t len;

	do
		*--first = (char)('0' + number % 10);
	while (number /= 10);
	len = (size_t)(digits + sizeof(digits) - first);
	memcpy(buf, first, len);
	buf[len] = '\0';
	return len;
}

/* Digits at *at, which moves past them. */
static int list_number(const char **at, size_t limit, size_t *ret_number)
{
	char *end;

	if (**at < '0' || **at > '9')
		return -EINVAL;
	errno = 0;
	*ret_number = strtoul(*at, &end, 10);
	*at = end;
	return errno || *ret_number >= limit ? -ERANGE : 0;
}

int text_to_bits(const char *list, unsigned long *bits, size_t count)
{
	enum { WORD = sizeof(*bits) * CHAR_BIT };

	for (const char *at = list; *at;) {
		size_t first = 0, last;
		int r = list_number(&at, count * WORD, &first);
		last = first;
		if (r == 0 && *at == '-') {
			at++;
			r = list_number(&at, count * WORD, &last);
		}
		if (r < 0)
			return r;
		for (; first <= last; first++)
			bits[first / WORD] |= 1UL << (first % WORD);
		if (*at == ',' && at[1])
			at++;
		else if (*at)
			return -EINVAL;
	}
	return 0;
}

enum { WORD_MAX = 64 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters were missed, added, changed or swapped with their neighbour; words are short. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1], len_b = strlen(b), i;

	for (size_t j = 0; j <= len_b; j++)
		rows[0][j] = j;
	for (i = 1; a[i - 1]; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *higher = rows[(i + 1) % 3];
		row[0] = i;
		for (size_t j = 1; j <= len_b; j++) {
			row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]), 1 + least(above[j], row[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], higher[j - 2] + 1);
		}
	}
	return rows[(i - 1) % 3][len_b];
}

const char *text_nearest(const char *word, const char *const *words, size_t count)
{
	size_t len = strlen(word), best = len / 3 + 1;
	const char *nearest = NULL;

	if (len == 0 || len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (!words[i] || strlen(words[i]) > WORD_MAX)
			continue;
		size_t d = distance(word, words[i]);
		if (d < best) {
			best = d;
			nearest = words[i];
		}
	}
	return nearest;
}

bool text_is_utf8(const char *bytes, size_t len)
{
	for (size_t i = 0, n; i < len; i += n)
		if ((n = sequence(bytes + i, len - i)) == 0)
			return false;
	return true;
}

bool text_starts_with(const char *str, const char *prefix)
{
	return strncmp(str, prefix, strlen(prefix)) == 0;
}

/* ---- time ---- */

/* Years of 365.2425 days that begin in March, so that a leap day is the last of its year; month 0 is March. The months
 * from there have 31 30 31 30 31 days, again, and again: 153 days in five [RFC 3339, appendix B, the other way]. */
static void civil_date(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
	enum { TO_MARCH_OF_0000 = 719468, DAYS_400_YEARS = 146097, DAYS_100_YEARS = 36524, DAYS_4_YEARS = 1461 };
	int64_t since = days + TO_MARCH_OF_0000;
	int64_t era = (since >= 0 ? since : since - DAYS_400_YEARS + 1) / DAYS_400_YEARS;
	int64_t day = since - era * DAYS_400_YEARS;
	int64_t year = (day - day / (DAYS_4_YEARS - 1) + day / DAYS_100_YEARS - day / (DAYS_400_YEARS - 1)) / 365;
	int of_year = (int)(day - (365 * year + year / 4 - year / 100));
	int month = (5 * of_year + 2) / 153;

	*ret_day = of_year - (153 * month + 2) / 5 + 1;
	*ret_month = month < 10 ? month + 3 : month - 9;
	*ret_year = year + era * 400 + (month >= 10);
}

void text_add_time(struct text *text, const struct timespec *time, int digits)
{
	enum { DAY = 24 * 60 * 60 };
	int64_t days = time->tv_sec / DAY - (time->tv_sec % DAY < 0);
	int second = (int)(time->tv_sec - days * DAY), month, day;
	int64_t year;
	char fraction[16];

	civil_date(days, &year, &month, &day);
	(void)snprintf(fraction, sizeof(fraction), ".%09ld", time->tv_nsec);
	text_add(text, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02d%.*sZ", year, month, day, second / 3600, second / 60 % 60,
		second % 60, digits ? digits + 1 : 0, fraction);
}
