/* images/image/tar_sparse.c: the maps of sparse files: which stored pieces go where. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "images/image/tar_internal.h"

int segments_add(struct segments *segments, uint64_t offset, uint64_t len, struct error *err)
{
	uint64_t end;

	if (segments->count == TAR_SEGMENTS_MAX)
		return error_bad(err, E2BIG, "a sparse file of more than %d pieces", TAR_SEGMENTS_MAX);
	if (offset < segments->end || __builtin_add_overflow(offset, len, &end) || end > INT64_MAX)
		return error_bad(err, EBADMSG, "a sparse file whose pieces overlap, or are not in order");
	if (segments->count == segments->size) {
		size_t size = segments->size ? segments->size * 2 : 64;
		struct segment *items = reallocarray(segments->items, size, sizeof(*items));
		if (!items)
			return error_sys(err, ENOMEM, "read a sparse file's map");
		segments->items = items;
		segments->size = size;
	}
	segments->items[segments->count++] = (struct segment){ offset, len };
	segments->stored += len; /* at most `end` */
	segments->end = end;
	return 0;
}

/* The decimal number at *list and the mark behind it; *list moves on. */
static int next_number(const char **list, char mark, uint64_t *ret)
{
	const char *at = *list;
	uint64_t value = 0;

	if (*at < '0' || *at > '9')
		return -EINVAL;
	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *at - '0', &value))
			return -ERANGE;
	if (*at != mark && !(mark == ',' && *at == '\0'))
		return -EINVAL;
	*list = *at ? at + 1 : at;
	*ret = value;
	return 0;
}

int segments_add_list(struct segments *segments, const char *list, struct error *err)
{
	uint64_t offset, len;
	int r = 0;

	while (*list && r == 0) {
		if (next_number(&list, ',', &offset) < 0 || next_number(&list, ',', &len) < 0)
			return error_bad(err, EBADMSG, "GNU.sparse.map is no list of pairs of numbers");
		r = segments_add(segments, offset, len, err);
	}
	return r;
}
