/* base/subids.c: which ids the host gives to a user: lines of /etc/subuid and /etc/subgid, "NAME:START:COUNT".
 *
 * Instead of the name a line may have the number of the user; all lines of either form count [subuid(5)]. What newuidmap(1) would
 * not read as a range is none. Without a name service, for we are linked statically: whoever is not in /etc/passwd is
 * known by his number alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/program.h"
#include "base/text.h"
#include "base/userns.h"

enum { FILE_MAX = 1 << 20, FIELDS = 3 };

/* ---- lines ---- */

/* The first fields of the next line that has as many, split in place; false at the end. */
static bool next_line(char **text, char *ret_fields[FIELDS])
{
	for (char *line; (line = strsep(text, "\n"));) {
		size_t count = 0;
		while (count < FIELDS && line)
			ret_fields[count++] = strsep(&line, ":");
		if (count == FIELDS)
			return true;
	}
	return false;
}

/* What cannot be read has no lines. */
static char *read_lines(int etc, const char *name, struct arena *arena)
{
	char *text = NULL;

	return file_read_at(etc, name, FILE_MAX, arena, &text, NULL, NULL) < 0 ? NULL : text;
}

static bool is_number(const char *text, uint32_t number)
{
	uint64_t value;

	return text_to_u64(text, number, number, &value) == 0;
}

static const char *name_of(int etc, uid_t uid, struct arena *arena)
{
	char *text = read_lines(etc, "passwd", arena), *fields[FIELDS] = { NULL };

	while (text && next_line(&text, fields))
		if (is_number(fields[2], uid))
			return fields[0];
	return NULL;
}

/* ---- ranges ---- */

static void add_range(struct userns_map *map, uint64_t start, uint64_t count)
{
	const struct userns_extent *last = &map->items[map->count - 1];
	uint32_t inside = last->inside + last->count;

	if (map->count <= USERNS_RANGES_MAX && start + count <= UINT32_MAX && inside + count <= UINT32_MAX)
		map->items[map->count++] = (struct userns_extent){ inside, (uint32_t)start, (uint32_t)count };
}

static void read_ranges(int etc, const char *file, uid_t uid, const char *name, struct userns_map *map)
{
	struct arena arena;
	char *fields[FIELDS] = { NULL }, *text;
	uint64_t start, count;

	arena_init(&arena);
	text = read_lines(etc, file, &arena);
	while (text && next_line(&text, fields)) {
		if (!is_number(fields[0], uid) && (!name || strcmp(fields[0], name) != 0))
			continue;
		if (text_to_u64(fields[1], 0, UINT32_MAX, &start) == 0 &&
			text_to_u64(fields[2], 1, UINT32_MAX, &count) == 0)
			add_range(map, start, count);
	}
	arena_done(&arena);
}

static int lacks(const char *file, const char *name, uid_t uid, struct error *why)
{
	char number[21];

	(void)text_put_u64(number, uid);
	if (!name)
		name = number;
	(void)error_bad(why, ENOENT, "no ids for %s in /etc/%s", name, file);
	(void)error_hint(why, "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", name);
	return USERNS_ONE_ID;
}

int userns_read_ids(int etc, uid_t uid, gid_t gid, struct userns_ids *ret, struct error *why)
{
	struct userns_ids one = { { { { 0, uid, 1 } }, 1 }, { { { 0, gid, 1 } }, 1 } };
	struct arena arena;
	const char *name;
	int r = USERNS_MANY_IDS;

	arena_init(&arena);
	name = name_of(etc, uid, &arena);
	*ret = one;
	read_ranges(etc, "subuid", uid, name, &ret->uids);
	read_ranges(etc, "subgid", uid, name, &ret->gids);
	if (ret->uids.count == 1)
		r = lacks("subuid", name, uid, why);
	else if (ret->gids.count == 1)
		r = lacks("subgid", name, uid, why);
	if (r == USERNS_ONE_ID)
		*ret = one;
	arena_done(&arena);
	return r;
}

/* ---- another order ---- */

static void append(struct userns_map *map, uint32_t *inside, uint32_t outside, uint32_t count)
{
	if (count == 0)
		return;
	map->items[map->count++] = (struct userns_extent){ *inside, outside, count };
	*inside += count;
}

static int keep(const struct userns_map *map, uint32_t own, struct userns_map *ret, struct error *err)
{
	uint32_t inside = 0;

	ret->count = 0;
	for (size_t i = 1; i < map->count; i++) {
		const struct userns_extent *range = &map->items[i];
		uint32_t below = inside > own ? 0 : own - inside < range->count ? own - inside : range->count;
		append(ret, &inside, range->outside, below);
		if (inside == own)
			append(ret, &inside, map->items[0].outside, 1);
		append(ret, &inside, range->outside + below, range->count - below);
	}
	return inside > own ? 0
			    : error_bad(err, ERANGE, "the id %u needs %u subordinate ids, not %u", own, own, inside);
}

int userns_keep(const struct userns_ids *ids, uid_t uid, gid_t gid, struct userns_ids *ret, struct error *err)
{
	int r = keep(&ids->uids, uid, &ret->uids, err);

	return r < 0 ? r : keep(&ids->gids, gid, &ret->gids, err);
}

int64_t userns_inside(const struct userns_map *map, uint32_t outside)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct userns_extent *extent = &map->items[i];
		if (outside >= extent->outside && outside - extent->outside < extent->count)
			return (int64_t)extent->inside + (outside - extent->outside);
	}
	return -1;
}

/* ---- the caller's ---- */

static bool is_installed(const char *program)
{
	const char *path = getenv("PATH");
	struct arena arena;
	bool found;

	arena_init(&arena);
	found = program_find(program, path ? path : "/usr/bin:/bin", &arena);
	arena_done(&arena);
	return found;
}

int userns_ids(struct userns_ids *ret, struct error *why)
{
	static const char *const programs[] = { "newuidmap", "newgidmap" };
	cleanup_close int etc = open("/etc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = userns_read_ids(etc, geteuid(), getegid(), ret, why);

	for (size_t i = 0; r == USERNS_MANY_IDS && i < ARRAY_SIZE(programs); i++) {
		if (is_installed(programs[i]))
			continue;
		ret->uids.count = ret->gids.count = 1;
		(void)error_bad(why, ENOENT, "%s is not there to map the ids of /etc/subuid", programs[i]);
		(void)error_hint(why, "install uidmap");
		r = USERNS_ONE_ID;
	}
	return r;
}
