/* runtime/passwd.h: lines of an /etc/passwd that may have been written to harm its reader. */
#pragma once
#include <sys/types.h>
struct arena;

struct passwd_entry {
	const char *name, *home; /* in the arena; NULL where there is no entry */
};

/* The first entry of `uid` in /etc/passwd beneath `root`. Links stay inside; what is no regular file, or larger than
 * 1 MiB, counts as absent. [passwd(5)] */
struct passwd_entry passwd_find(int root, uid_t uid, struct arena *arena);
