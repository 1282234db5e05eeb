/* cgroups/cgroups_internal.h: what the files of this room share. */
#pragma once
#include "cgroups/cgroups.h"

enum { CGROUP_FILE_MAX = 64 << 10 }; /* bytes of a cgroup file that is read whole */

/* limits.c: linux.resources as writes, appended to *plan. */
void cgroup_limits(
	const struct spec_resources *resources, struct arena *arena, struct cgroup_plan *plan, struct faults *faults);

/* devices_program.c */
void cgroup_devices(const struct spec_resources *resources, struct arena *arena, struct cgroup_plan *plan);

/* make.c: one write, and enabling on the way to an existing cgroup what the values need. */
int cgroup_write_value(int dir, const struct cgroup_value *value, struct error *err);
int cgroup_enable_controllers(const struct cgroup_host *host, const struct cgroup_plan *plan, struct error *err);

/* Whether `list`, as cgroup.controllers has it, holds `word`. */
bool cgroup_list_has(const char *list, const char *word);

/* The value of `key` in a file of "key value" lines, cgroup.events or memory.events; `missing` where there is none. */
uint64_t cgroup_keyed_value(int dir, const char *file, const char *key, uint64_t missing);

/* Whether something lives in the cgroup or below [cgroup.events, populated]. */
bool cgroup_is_populated(int dir);

/* O_PATH of the cgroup at `path`; a negative errno. "" is the root. */
int cgroup_open_path(const struct cgroup_host *host, const char *path);

/* The first `parts` components of the path, in the caller's buffer; -ENAMETOOLONG. */
int cgroup_path_head(const char *path, unsigned parts, char *buf, size_t size);
unsigned cgroup_path_parts(const char *path);
