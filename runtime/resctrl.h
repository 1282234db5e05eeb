/* runtime/resctrl.h: shares of caches and memory bandwidth [config-linux.md, IntelRdt; resctrl.rst].
 *
 * A container's processes belong to a group, a folder of the resctrl file system: of its own, one that several share
 * (closID), or the root group ("/"). All functions take that file system's root, so that a test can give them another
 * folder. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
struct error;
struct spec_intel_rdt;

/* The mounted file system; -ENOTSUP with words where there is none. */
int resctrl_open(struct error *err);

struct resctrl_group {
	const char *name;      /* "" is the root group */
	bool make;             /* it is not there yet: whoever makes it removes it */
	const char *mon_group; /* the name of a monitoring group in it, which is always ours; NULL */
};

/* Which group that is, and whether it must be made. One that is to exist but does not is an error. Changes nothing. */
int resctrl_look(
	int root, const struct spec_intel_rdt *rdt, const char *id, struct resctrl_group *ret, struct error *err);

/* Makes what is to be made, sets or compares the schemata, and moves the process there. */
int resctrl_join(
	int root, const struct spec_intel_rdt *rdt, const struct resctrl_group *group, pid_t pid, struct error *err);

/* Other schemata for a group that is there; NULL leaves one as it is. */
int resctrl_update(int root, const char *name, const char *l3_cache, const char *memory, struct error *err);

/* Removes what was made. What is gone already is fine. */
int resctrl_remove(int root, const struct resctrl_group *group, struct error *err);
