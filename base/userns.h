/* base/userns.h: user namespaces: their id maps, and those that a user can make of the ids which the host gives him.
 *
 * Whoever has no privileges may map no other id than the own one. More are given to him in /etc/subuid and /etc/subgid, and are
 * mapped by two setuid programs that look there: newuidmap and newgidmap. In a namespace of all these ids he is root,
 * and may give files to any of them, and take away files that belong to them. Knows nothing of images or containers.
 * [user_namespaces(7), subuid(5), newuidmap(1)] */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
struct error;

enum {
	USERNS_EXTENTS_MAX = 340, /* the kernel's, of one map [user_namespaces(7), Linux 4.15] */
	USERNS_RANGES_MAX = 16,   /* ours, of one user in one file; what he has beyond these stays unused */
	USERNS_RUNS_MAX = USERNS_RANGES_MAX + 2, /* each range, one of them split in two, and the own id */
	USERNS_TEXT_MAX = USERNS_RUNS_MAX * 33 + 1,
	USERNS_IDS_TEXT_MAX = 2 * USERNS_TEXT_MAX,
};

/* ---- the ids of a user ---- */

struct userns_extent {
	uint32_t inside, outside, count;
};

struct userns_map {
	struct userns_extent items[USERNS_RUNS_MAX];
	size_t count;
};

struct userns_ids {
	struct userns_map uids, gids;
};

/* The ids of the caller, the effective ones: himself as 0, and from 1 on those of his ranges, in the order of the files' lines.
 * USERNS_ONE_ID: he has no ranges, or nothing that maps them, and is all alone; `why` says what is missing and what to do
 * about it (may be NULL). */
enum { USERNS_ONE_ID = 0, USERNS_MANY_IDS = 1 };
int userns_ids(struct userns_ids *ret, struct error *why);

/* The same for anybody, from a folder like /etc (borrowed): its passwd, for the name that may stand in its subuid and subgid.
 * Does not look for the programs. */
int userns_read_ids(int etc, uid_t uid, gid_t gid, struct userns_ids *ret, struct error *why);

/* The same ids in another order: the user is `uid` and `gid` in the namespace instead of 0, and those of his ranges are the others,
 * from 0 on. -ERANGE where they are too few for that. */
int userns_keep(const struct userns_ids *ids, uid_t uid, gid_t gid, struct userns_ids *ret, struct error *err);

/* What an id of the host is in the namespace; -1 = nothing. */
int64_t userns_inside(const struct userns_map *map, uint32_t outside);

/* The map as /proc/PID/uid_map takes it, into buf of USERNS_TEXT_MAX bytes. */
void userns_text(const struct userns_map *map, char *buf);

/* Both maps, one behind the other, into buf of USERNS_IDS_TEXT_MAX bytes: to see later whether they are still the same. */
void userns_ids_text(const struct userns_ids *ids, char *buf);

/* ---- namespaces ---- */

/* Writes the map of a process in a new user namespace, by ourselves where we may, else by newuidmap or newgidmap. `proc` is
 * /proc/PID, opened (borrowed); `map` as above, at most USERNS_EXTENTS_MAX lines. */
int userns_write_uid_map(int proc, pid_t pid, const char *map, struct error *err);
int userns_write_gid_map(int proc, pid_t pid, const char *map, struct error *err);

/* Makes a namespace for a moment in which nobody is: a process is born in it, `write_maps` writes its maps, and it ends. The
 * descriptor is the caller's. */
int userns_make(int (*write_maps)(const void *data, pid_t pid, struct error *err), const void *data, struct error *err);

/* Goes into a namespace of these ids, with all capabilities there, for good. For a process with one thread that may still be
 * looked into (PR_SET_DUMPABLE). */
int userns_enter(const struct userns_ids *ids, struct error *err);

/* Calls `act` in a child that has gone there. */
int userns_run(const struct userns_ids *ids, int (*act)(const void *data, struct error *err), const void *data,
	struct error *err);
