/* netns/attach.h: the links of one container: what they are, on disk, and their making and end. Internal to this room.
 *
 * Everything is written to the file `network` in the container's state directory before it is made: the addresses that it
 * takes, the links, the ports. So the end is the same for a container that ran for a year and for one whose husk was killed
 * half-way: what the file names is taken away, and what is gone already is fine. */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netns/ip.h"
#include "netns/network.h"
#include "netns/ports.h"
#include "netns/request.h"
#include "netns/shape.h"
struct arena;
struct error;

#define ATTACHMENT_FILE "network"

struct net_link {
	enum net_link_kind kind;
	const char *network;   /* its name; of the parent link for a macvlan or ipvlan */
	char bridge[IFNAMSIZ]; /* of the network */
	char host[IFNAMSIZ];   /* the end on the host; "" where there is none */
	char name[IFNAMSIZ];   /* in the container */
	uint8_t mac[ETH_ALEN];
	bool has_mac;
	struct subnet ip[2]; /* version 4 and 6; len 0 = none */
	struct ip gateway[2];
	unsigned mtu;
	bool internal, isolated, nameless; /* the network is */
	const char *dns[NETWORK_DNS_MAX];  /* of the network, while it is made */
	size_t dns_count;
	const char *const *names; /* aliases */
	size_t name_count;
	int master; /* number of the bridge or parent, known while it is made */
};

struct attachment {
	const char *store; /* absolute path */
	const char *id;    /* of the container */
	const char *state; /* path of its state directory */
	struct net_link links[NET_LINKS_MAX];
	size_t link_count;
	struct published *ports; /* of the first link to a bridge */
	size_t port_count;
	struct rates rates; /* of each link to a bridge */
	bool held;          /* links to bridges stay down on the host's side until attachment_release(); not written */
};

/* Reads what a container has; -ENOENT where it has none of ours, -EINVAL with words where the file is damaged. */
int attachment_read(int state_dir, struct arena *arena, struct attachment *ret, struct error *err);
int attachment_write(int state_dir, const struct attachment *attachment, struct error *err);

/* Adds a link that is asked for: takes its addresses, and writes it all down before that. The bridge is there after it. */
int attachment_reserve(struct attachment *attachment, int state_dir, const struct net_link_request *request,
	struct arena *arena, struct error *err);

/* Makes the links from `first` on, in the namespace `netns`. */
int attachment_wire(const struct attachment *attachment, size_t first, int netns, struct error *err);

/* Lets through what is held. */
int attachment_release(const struct attachment *attachment, struct error *err);

/* ---- attach_rules.c ---- */

/* The link that published ports lead to; NULL = none. */
const struct net_link *attachment_ports_link(const struct attachment *attachment);

/* Finds free ports where a choice was left; refuses those that are taken. */
int attachment_choose_ports(struct attachment *attachment, struct error *err);

/* Lets the links from `first` on, and the ports, through the firewall; or takes that away: *ret_sock is closed last. */
int attachment_guard(const struct attachment *attachment, size_t first, struct error *err);
int attachment_unguard(const struct attachment *attachment, size_t first, int *ret_sock, struct error *err);

/* ---- */

/* Puts the links of the network `network` back onto its bridge, which is `master` now, and into the firewall. */
int attachment_repair(const struct attachment *attachment, const char *network, int master, struct error *err);

/* Writes the names of all members of the networks of the links from `first` on into the files of each. */
int attachment_publish(const struct attachment *attachment, size_t first, struct error *err);

/* Takes the links from `first` on away, and gives their addresses back. What is gone is fine. */
int attachment_undo(struct attachment *attachment, size_t first, struct error *err);
