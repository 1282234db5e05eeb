/* runtime/names.h: the names of one container, from its plan to the files that it sees (see shown.h, netns/names.h). */
#pragma once
#include <stdbool.h>

#include "spec/spec.h"
struct error;
struct names_network;
struct faults;
struct plan;

/* Plans them, for a container whose network husk makes. Sets plan->names, and in plan->spec the sysctl that lets its users
 * ping [icmp(7), ping_group_range], unless the config sets that. */
void names_plan_for(struct plan *plan, struct faults *faults);

/* Fills the files in the state directory `dir`, before the program can read them. */
int names_fill(const struct plan *plan, int dir, const struct names_network *network, struct error *err);
