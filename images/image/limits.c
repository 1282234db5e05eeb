/* images/image/limits.c: see the header. */
#include "images/image/limits.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/options.h"
#include "base/text.h"
#include "images/image/layer.h"

enum { NUMBER_TEXT = 24 };

static const struct limit {
	const char *name;
	size_t offset; /* in struct layer_limits */
	size_t size;   /* of the member: 4 or 8 */
	uint64_t max;
} limits[] = {
	{ "bytes", offsetof(struct layer_limits, bytes), sizeof(uint64_t), INT64_MAX },
	{ "entries", offsetof(struct layer_limits, entries), sizeof(uint64_t), INT64_MAX },
	{ "depth", offsetof(struct layer_limits, depth), sizeof(unsigned), LAYER_DEPTH_MAX },
	{ "pax", offsetof(struct layer_limits, pax_bytes), sizeof(uint64_t), 1 << 30 },
	{ "ratio", offsetof(struct layer_limits, ratio), sizeof(unsigned), INT32_MAX },
	{ "free", offsetof(struct layer_limits, free_percent), sizeof(unsigned), 100 },
};

/* "64g" */
static int read_number(const char *text, uint64_t max, uint64_t *ret)
{
	static const char suffixes[] = "kmgt";
	size_t len = strlen(text);
	const char *suffix = len > 1 ? strchr(suffixes, text[len - 1]) : NULL;
	unsigned shift = suffix ? 10 * (unsigned)(suffix - suffixes + 1) : 0;
	char digits[NUMBER_TEXT];
	uint64_t number;

	if (len - (suffix != NULL) >= sizeof(digits))
		return -ERANGE;
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)(len - (suffix != NULL)), text);
	int r = text_to_u64(digits, 0, max >> shift, &number);
	if (r == 0)
		*ret = number << shift;
	return r;
}

static int apply(const char *text, struct layer_limits *ret, struct error *err)
{
	const char *names[ARRAY_SIZE(limits)], *near, *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		const struct limit *limit = &limits[i];
		uint64_t value = 0;
		names[i] = limit->name;
		if (!equals || strlen(limit->name) != len || strncmp(limit->name, text, len) != 0)
			continue;
		if (read_number(equals + 1, limit->max, &value) < 0)
			return error_bad(err, EINVAL, "--limit %s: expected a number from 0 to %llu, found \"%s\"",
				limit->name, (unsigned long long)limit->max, equals + 1);
		if (limit->size == sizeof(uint64_t))
			*(uint64_t *)(void *)((char *)ret + limit->offset) = value;
		else
			*(unsigned *)(void *)((char *)ret + limit->offset) = (unsigned)value;
		return 0;
	}
	near = text_nearest(text, names, ARRAY_SIZE(names));
	(void)error_bad(err, EINVAL,
		"--limit: expected bytes, entries, depth, pax, ratio or free, and =NUMBER, found \"%s\"", text);
	return near ? error_hint(err, "did you mean %s=NUMBER?", near) : err->code;
}

int limits_parse(const struct option_list *list, struct layer_limits *ret, struct error *err)
{
	struct layer_limits parsed = layer_limits_default;
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->count; i++)
		r = apply(list->items[i], &parsed, err);
	if (r == 0)
		*ret = parsed;
	return r;
}
