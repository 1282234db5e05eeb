/* netns/link.h: links, addresses and routes as messages to the kernel [rtnetlink(7)]. Internal to this room.
 *
 * The link_add_ functions put messages into a batch that the caller sends. */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "netns/ip.h"
struct batch;
struct error;
struct network;

/* The number of a link, or -ENODEV. `kind`, where it is not NULL, is what it must be ("bridge"): else -EMEDIUMTYPE. *ret_up
 * (or NULL): whether it is up. */
int link_index(int sock, const char *name, const char *kind, bool *ret_up);

/* A pair: one end stays in the namespace of the socket, down; the other one is born in `netns`. */
struct veth {
	const char *host, *name; /* the ends */
	const uint8_t *mac;      /* of the far end */
	unsigned mtu;            /* 0 = default */
	int master;              /* the bridge that the near end is a port of */
	int netns;
};
void link_add_veth(struct batch *batch, const struct veth *veth);

/* Makes the near end known as ours by its alias, a port that packets may leave by which came in by it, and, with `up`,
 * brings it up. */
void link_add_port(struct batch *batch, const char *host, const char *alias, bool up);

/* Makes it a port of the bridge with the number `master`, where it is none. */
void link_add_master(struct batch *batch, const char *host, int master);

/* A link that shares the one with the number `parent`, born in `netns`: "macvlan" (bridge mode) or "ipvlan" (layer 2). */
struct sharer {
	const char *kind, *name;
	const uint8_t *mac; /* NULL = chosen by the kernel, or the parent's */
	unsigned mtu;
	int parent, netns;
};
void link_add_sharer(struct batch *batch, const struct sharer *sharer);

void link_add_removal(struct batch *batch, const char *name);

/* Brings it up, by its index or, where that is 0, its name; `bare`: without an IPv6 address of its own making. */
void link_add_up(struct batch *batch, int index, const char *name, bool bare);

/* Without waiting for duplicate address detection: the lease says that it is nobody else's. An address that is there is
 * fine. */
void link_add_address(struct batch *batch, int index, const struct subnet *address);

/* The default route of the gateway's version. */
void link_add_default_route(struct batch *batch, int index, const struct ip *gateway);

/* ---- bridge.c ---- */

/* Finds the bridge of a network, or makes it, with its addresses; `repair`: sets all of it again also where it is there. Its
 * number. The network's lock must be held. */
int bridge_settle(int sock, const struct network *network, bool repair, struct error *err);

/* Removes it; one that is gone is fine. */
int bridge_remove(int sock, const struct network *network, struct error *err);
