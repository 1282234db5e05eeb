/* netns/network.h: networks by name, on disk.
 *
 * STORE/networks/NAME/ holds `network` (JSON), `last` and `leases/`. A network is there as soon as its directory is: it is
 * made under another name and renamed, so nobody sees half of one. Who makes or removes networks holds the lock of the
 * directory above; who takes or gives back addresses holds the network's own. Knows nothing of containers. */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netns/ip.h"
struct arena;
struct error;
struct json_writer;
struct spec_pair;

#define NETWORK_DEFAULT "husk"

enum { NETWORK_NAME_MAX = 63, NETWORK_RANGES = 2, NETWORK_DNS_MAX = 8, NETWORK_LABELS_MAX = 64 };

/* A subnet and who has which address of it. */
struct network_range {
	struct subnet subnet;  /* the host part is zero */
	struct ip gateway;     /* of the bridge */
	struct ip first, last; /* what containers get where they ask for none in particular */
};

struct network {
	const char *name;
	char bridge[IFNAMSIZ];
	struct network_range ranges[NETWORK_RANGES]; /* at most one of each version */
	size_t range_count;
	unsigned mtu;  /* 0 = the kernel's default */
	unsigned vlan; /* 0 = none */
	bool internal; /* no way out of it */
	bool isolated; /* nothing of other networks reaches its containers, not even by published ports */
	bool nameless; /* its containers do not find each other by name */
	const char *dns[NETWORK_DNS_MAX];
	size_t dns_count;
	struct spec_pair *labels;
	size_t label_count;
	const char *created; /* RFC 3339 */
};

/* 1 to 63 of [a-zA-Z0-9_.-], the first one a letter or digit. */
int network_check_name(const char *name, struct error *err);

/* Completes what was asked: the gateway is the first address, the range all of them; checks that all fit together. */
int network_range_complete(struct network_range *range, struct error *err);

/* The range of the version whose addresses have `len` bytes; NULL where it has none. */
const struct network_range *network_range_of(const struct network *network, uint8_t len);

/* Opens STORE/networks, made where missing: a readable directory, the caller's. */
int networks_open(const char *store, struct error *err);

/* Locks it, or one network's directory, until it is closed. Waits. */
int network_lock(int dir, struct error *err);

/* The names, in order, in the arena. */
int networks_list(int networks, struct arena *arena, const char ***ret_names, size_t *ret_count, struct error *err);

/* Opens the directory of one and reads its definition into the arena: the descriptor, the caller's. -ENOENT "network
 * \"x\" does not exist". */
int network_open(int networks, const char *name, struct arena *arena, struct network *ret, struct error *err);

/* Makes it: subnets that are missing are chosen, the bridge's name, too; what overlaps a network or a route of the host is
 * refused. The lock of `networks` must be held. -EEXIST. */
int network_make(int networks, struct network *network, struct arena *arena, struct error *err);

/* Removes its directory, with all leases. */
int network_remove(int networks, const char *name, struct error *err);

/* As network_open(), but the default network is made where it is not there yet. It has no names: telling every container of
 * every other one would make each start dearer than the one before, and those who did not ask for a network of their own
 * have not asked for neighbours. */
int network_open_or_make(int networks, const char *name, struct arena *arena, struct network *ret, struct error *err);

void network_write(const struct network *network, struct json_writer *w);
