/* runtime/names.h: the names of one container, from its plan to the files that it sees (see shown.h, netns/names.h). */
#pragma once
#include <stdbool.h>

#include "spec/spec.h"
struct error;
struct faults;
struct plan;

/* Plans them, for a container whose network husk makes. Sets plan->names, and in plan->spec the sysctl that lets its users
 * ping [icmp(7), ping_group_range], unless the config sets that. */
void names_plan_for(struct plan *plan, struct faults *faults);

/* What only the network knows. */
struct names_network {
	struct spec_strings addresses; /* the container's own; none: not known */
	const char *gateway;           /* where the host is; NULL: it cannot be reached by an address of its own */
	struct spec_strings servers;   /* DNS; none: the host's */
	bool internal;                 /* the host's cannot be reached */
};

/* Fills the files in the state directory `dir`, before the program can read them. */
int names_fill(const struct plan *plan, int dir, const struct names_network *network, struct error *err);
