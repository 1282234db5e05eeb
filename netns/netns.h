/* netns/netns.h: the container's network, as far as husk makes it itself.
 *
 * Knows links and addresses, nothing of containers: the loopback of a new network namespace, and links of the host's that
 * move into one. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "netns/names.h"
#include "netns/pasta.h"
struct arena;
struct error;
struct spec_net_device;
struct steps;

/* Adds the step that brings lo up in the namespace the init is in. */
void loopback_steps(struct steps *steps);

/* What is needed to take a move back. */
struct net_devices_moved;

/* Moves links of our network namespace into `netns` (borrowed), under their new names, with their permanent global
 * addresses, and brings them up. All of them or, after a failure, none. *ret_moved lives in the arena. */
int net_devices_move(const struct spec_net_device *devices, size_t count, int netns, struct arena *arena,
	struct net_devices_moved **ret_moved, struct error *err);

/* Takes the move back, or is done with it: one of the two. NULL is fine. */
void net_devices_return(struct net_devices_moved *moved);
void net_devices_done(struct net_devices_moved *moved);

/* What went through one link: bytes, packets, errors, dropped. */
enum { NET_COUNTERS_MAX = 64 };
struct net_counters {
	char name[32];
	uint64_t rx[4], tx[4];
};

/* Those of the network that the process is in; returns how many. */
size_t net_counters_read(pid_t pid, struct net_counters *ret, size_t size);
