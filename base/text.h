/* base/text.h: bounded strings and strict numbers. */
#pragma once
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* A string being built in a buffer of fixed size; always NUL-terminated, `cut` once something did not fit. */
struct text {
	char *buf;
	size_t size, len;
	bool cut;
};

void text_init(struct text *text, char *buf, size_t size); /* size >= 1 */
void text_add(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_add_escaped(struct text *text, const char *bytes, size_t len); /* control bytes, bad UTF-8 as \xNN */

/* Decimal, all of the string, no sign but '-' for the signed one, no blank, in [min, max]; else -EINVAL or -ERANGE. */
int text_to_u64(const char *str, uint64_t min, uint64_t max, uint64_t *ret_value);
int text_to_s64(const char *str, int64_t min, int64_t max, int64_t *ret_value);

/* Writes a number in decimal and a NUL; returns how many digits. `buf` holds 21 bytes. Async-signal-safe. */
size_t text_put_u64(char *buf, uint64_t number);

/* "0-3,7" as bits of an array of `count` words; -EINVAL, or -ERANGE for a number that has no bit there. */
int text_to_bits(const char *list, unsigned long *bits, size_t count);

/* The word of `words` (`count` entries, NULLs skipped) nearest to `word`, or NULL where none is near enough to be meant:
 * at most a third of its letters differ. For "did you mean". */
const char *text_nearest(const char *word, const char *const *words, size_t count);

bool text_is_utf8(const char *bytes, size_t len); /* strict: no overlong forms, no surrogates [RFC 3629] */
/* RFC 3339 in UTC, with `digits` (0 to 9) of the second's fraction: "2026-01-02T03:04:05.000006Z". Unlike gmtime_r(3)
 * it does not look for the host's time zone. */
struct timespec;
void text_add_time(struct text *text, const struct timespec *time, int digits);

bool text_starts_with(const char *str, const char *prefix);
