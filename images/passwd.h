/* images/passwd.h: lines of an /etc/passwd and /etc/group that may have been written to harm their reader.
 *
 * Links stay inside the root; only regular files of at most 1 MiB are read. [passwd(5), group(5); CVE-2024-9676,
 * CVE-2026-47262] */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "spec/spec.h"
struct arena;
struct error;

struct passwd_entry {
	const char *name, *home; /* in the arena; NULL where there is no entry */
};

/* The first entry of `uid` in /etc/passwd beneath `root`. What cannot be read counts as absent. */
struct passwd_entry passwd_find(int root, uid_t uid, struct arena *arena);

/* Whether who is meant by "NAME|UID[:GROUP|GID]" only files can say: all but "", which is root, and UID:GID. */
bool passwd_needs_files(const char *user);

/* Who that is [image-spec: config.md, User]. Digits are never looked up as a name. The group is that of the entry where none
 * is given, and the groups that name the user are its additional ones then. `root` may be -1 where no files are needed. A
 * name that is not there is -ENOENT; a file that cannot be read whole is an error, not half an answer. */
int passwd_resolve(int root, const char *user, struct arena *arena, struct spec_user *ret, struct error *err);

/* The number of a group by name or number. */
int passwd_group(int root, const char *group, struct arena *arena, gid_t *ret, struct error *err);
