/* netns/firewall.h: what packets to and from containers may do, in the kernel's nf_tables.
 *
 * The rules are in firewall_rules.c, with the theory; here networks and containers come and go, each in one transaction
 * that holds or leaves nothing. Adding is repairing: what is there stays, what is missing comes back, also where
 * somebody has flushed the ruleset. Removing what is gone is fine. Needs CAP_NET_ADMIN in our network namespace. */
#pragma once
#include <net/ethernet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netns/ip.h"
#include "netns/ports.h"
struct error;

struct firewall_network {
	const char *bridge; /* the name of its link */
	bool internal;      /* no way to the outside, nor from it */
	bool isolated;      /* no way to other networks of husk, not even by published ports */
	bool masquerade;    /* what leaves by another link gets the host's address */
};

/* The host's end of a container's link, and what may come in by it. */
struct firewall_link {
	const char *name; /* of the port of the bridge */
	const char *bridge;
	const uint8_t *mac; /* ETH_ALEN bytes: the container's end */
	const struct ip *addresses;
	size_t address_count;
};

struct firewall_container {
	const char *id; /* shown beside its elements, and in the errors of others that want its ports */
	const struct firewall_network *networks;
	size_t network_count;
	const struct firewall_link *links;
	size_t link_count;
	struct ip ipv4, ipv6; /* where published ports lead: addresses of its links; none for a version that it lacks */
	const struct published *ports; /* chosen: no host_port is 0 [firewall_choose_ports] */
	size_t port_count;
};

/* The rules, if need be, and a network; again after a change of its flags. */
int firewall_network_add(const struct firewall_network *network, struct error *err);
/* With the last network, the rules go, too. */
int firewall_network_remove(const struct firewall_network *network, struct error *err);

/* With its networks, and the rules where they are missing. -EADDRINUSE where a port is another container's by now. */
int firewall_container_add(const struct firewall_container *container, struct error *err);
/* *ret_sock is a socket that the caller closes when nothing else is left to do, since the kernel lets wait who does so
 * soon after a removal: some 10 ms, which pass beside the rest. */
int firewall_container_remove(const struct firewall_container *container, int *ret_sock, struct error *err);

/* Whether every rule and set is there as it should be. */
enum { FIREWALL_WHOLE = 0, FIREWALL_BROKEN = 1 };
int firewall_check(struct error *err);

/* Before anything is made: finds free ports where a choice was left, and refuses those that another container or a
 * socket of the host has: -EADDRINUSE, naming the holder. `id` is whose ports they are to be; `err` is not NULL. A port
 * that was found may be another's when the container is added; then this may be asked again. */
int firewall_choose_ports(
	struct published *ports, size_t count, bool ipv4, bool ipv6, const char *id, struct error *err);

/* The first chain of others that drops what a bridge forwards, as far as can be seen: a base chain of the hook forward
 * whose policy is drop (or which is firewalld's), in a table that does not name the bridge. A drop anywhere is final. */
struct firewall_obstacle {
	char what[192];  /* "ip filter FORWARD (policy drop, Docker)"; empty where there is none */
	char hint[128];  /* what to do about it */
	bool repairable; /* firewall_foreign_accept() helps */
};
int firewall_foreign_drop(const char *bridge, struct firewall_obstacle *ret, struct error *err);

/* Adds rules that accept what a bridge forwards at the places that Docker and ufw keep for their users (chains DOCKER-USER,
 * ufw-user-forward); or takes them away. Both may be done twice, and do nothing where there is no such place. Returns how
 * many rules were added or removed. */
int firewall_foreign_accept(const char *bridge, struct error *err);
int firewall_foreign_forget(const char *bridge, struct error *err);
