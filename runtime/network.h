/* runtime/network.h: the network of one container, stage by stage: see create.c, netns/netns.h.
 *
 *   plan     what the annotations ask for: links of husk's, or pasta; and the names that go with either
 *   reserve  addresses, before the container is there: they are in the state directory before they are taken
 *   look     at the namespaces of the first process, while it waits for us: a user's own soon hides
 *   fill     links, pasta, the files that the container sees; others are told its name
 *
 * Undone by what the state directory and the record say (erase.c); only links of the host's that the config moves in are
 * taken back by us. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
struct attachment;
struct container;
struct error;
struct faults;
struct net_devices_moved;
struct plan;

/* Pure. */
void network_plan(struct plan *plan, bool unprivileged, struct faults *faults);

struct wiring {
	struct attachment *attachment;   /* in the plan's arena; NULL: no links of husk's */
	struct net_devices_moved *moved; /* the same; links of the host's */
	int netns, userns;               /* owned: for pasta; -1 = none */
};

/* `store`: where networks are, an absolute path. */
int network_reserve(
	const struct plan *plan, const char *store, int state_dir, struct wiring *network, struct error *err);
int network_look(const struct plan *plan, pid_t child, struct wiring *network, struct error *err);

/* pasta's mark goes into the container's record. */
int network_fill(
	const struct plan *plan, pid_t child, struct container *container, struct wiring *network, struct error *err);

/* The same for a first process that CRIU has made. */
int network_restore(
	const struct plan *plan, pid_t child, struct container *container, struct wiring *network, struct error *err);

/* Ends pasta, and waits until it has ended. */
void network_end_pasta(const struct container *container);

/* Takes back links of the host's; then, or instead, lets go of everything. */
void network_return(struct wiring *network);
void network_close(struct wiring *network);
