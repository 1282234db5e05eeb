/* runtime/place.h: the cgroup of one container, stage by stage: see create.c, cgroups/cgroups.h.
 *
 *   open   the host's tree: a limit that it cannot have is an error before anything is there
 *   make   the cgroup, or have systemd make it for a process, which must be there first
 *   fill   limits and the device program, before the program runs
 *
 * Undone by what the record says (erase.c). */
#pragma once
#include <sys/types.h>

#include "cgroups/cgroups.h"
struct error;
struct plan;
struct record;

struct place {
	struct cgroup_host host;
	struct cgroup cgroup;
};

/* What cannot be had and was not asked for is dropped from the plan. */
int place_open(struct plan *plan, struct place *place, struct error *err);

int place_make(const struct plan *plan, struct place *place, struct error *err);

/* For the process `pid`; nothing where husk makes the cgroup. Plan and record then have its path. */
int place_make_unit(struct plan *plan, pid_t pid, struct record *record, struct place *place, struct error *err);

int place_limit(const struct plan *plan, const struct place *place, struct error *err);
int place_close_devices(const struct plan *plan, const struct place *place, struct error *err);

/* Moves the first process to the cgroup that the payload manages itself, where there is to be one. */
int place_enter_inner(const struct plan *plan, pid_t pid, const struct place *place, struct error *err);

/* Lets go of the descriptors. */
void place_close(struct place *place);
