/* netns/lease.h: addresses of a network, one holder each, on disk.
 *
 * A lease is a file in `leases/` that is named after the address and says who holds it. It is put in place by a rename that
 * replaces nothing [renameat2(2), RENAME_NOREPLACE], so no address has two holders and no file is half written, whoever is
 * killed where. A lease of an earlier boot is void, as is one whose container has no state any more: links and containers end
 * with the host, and files do not.
 *
 * The next address is looked for after the one that was given last, so a new container does not get the address of one that
 * has just gone, and the search is as short with a thousand containers as with one. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "netns/ip.h"
struct arena;
struct error;
struct network;
struct network_range;

struct lease {
	struct ip ip;
	const char *id;           /* of the container */
	const char *state;        /* the path of its directory */
	const char *const *names; /* by which others find it: its own name, aliases */
	size_t name_count;
	bool is_void; /* (read) */
};

/* Opens the directory of leases of a network's; the caller's. */
int leases_open(int network, struct error *err);

/* Finds a free address of the range: `wanted`, or the next one where that is none. Void leases on the way are removed. What
 * is taken is -EADDRINUSE and names the holder; no free one is -EADDRNOTAVAIL. The lock of the network must be held until
 * it has been taken. */
int lease_find(int network, int leases, const struct network *of, const struct network_range *range,
	const struct ip *wanted, struct ip *ret_ip, struct error *err);

/* Takes the address for lease->id; whatever lease->ip is. */
int lease_take(int network, int leases, const struct lease *lease, const struct ip *ip, struct error *err);

/* Gives an address back if the container with the directory `state` holds it. What is gone is fine. */
void lease_give_back(int leases, const struct ip *ip, const char *state);

/* Replaces what a lease says. */
int lease_rewrite(int leases, const struct lease *lease, struct error *err);

/* All leases, in the order of their addresses, in the arena; files that are none are left out. */
int leases_list(int leases, struct arena *arena, struct lease **ret_leases, size_t *ret_count, struct error *err);

/* Removes those that are void, and files that are no leases; returns how many. The lock of the network must be held. */
int leases_prune(int leases, struct arena *arena, struct error *err);
