/* netns/conntrack.h: connections that the kernel remembers [linux/netfilter/nfnetlink_conntrack.h]. Internal to this room.
 *
 * A translation is decided by a connection's first packet. For UDP a "connection" lives as long as somebody sends, so a
 * client that goes on would be led to the container that had the port before, or past the one that has it now. */
#pragma once
#include <stddef.h>

#include "netns/ports.h"
struct error;

/* Forgets those to an address of this host and one of these ports; of TCP none, since it notices itself. A kernel without
 * ctnetlink has nothing to forget that we could reach. `sock` is one of nft_open(). Returns how many. */
int conntrack_forget(int sock, const struct published *ports, size_t count, struct error *err);
