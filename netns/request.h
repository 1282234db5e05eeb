/* netns/request.h: what a container asks of its network: the annotation org.husk.network, which --network fills. Pure.
 *
 *	MODE[:OPTION,OPTION...][;MODE...]
 *
 *	none | host | ns:PATH | container:ID         one alone, without options
 *	pasta[:OPTION...]                            alone; options are pasta's
 *	bridge | bridge:NAME | NAME                  a network; several may be joined
 *	macvlan:PARENT | ipvlan:PARENT               a link of the host's to share
 *
 *	ip=ADDRESS  ip6=ADDRESS  mac=  alias=NAME  interface_name=NAME        macvlan, ipvlan: ip=ADDRESS/PREFIX, gateway= */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "netns/ip.h"
struct arena;
struct faults;

enum { NET_LINKS_MAX = 16, NET_ALIASES_MAX = 16, NET_NAME_MAX = 63 };

enum net_mode {
	NET_UNCHANGED, /* nothing is asked: nothing is done */
	NET_NONE,
	NET_HOST,
	NET_PATH,
	NET_CONTAINER,
	NET_PASTA,
	NET_LINKS, /* husk makes links */
	NET_MODES,
};

enum net_link_kind { NET_BRIDGE, NET_MACVLAN, NET_IPVLAN, NET_LINK_KINDS };
extern const char *const net_link_names[NET_LINK_KINDS]; /* "bridge", "macvlan", "ipvlan" */

struct net_link_request {
	enum net_link_kind kind;
	const char *name;    /* of the network, or of the parent link */
	struct subnet ip[2]; /* version 4 and 6; len 0 = not asked for */
	struct ip gateway[2];
	uint8_t mac[6];
	bool has_mac;
	const char *aliases[NET_ALIASES_MAX];
	size_t alias_count;
	const char *interface; /* its name in the container; NULL: eth0, eth1... */
};

struct net_request {
	enum net_mode mode;
	const char *what; /* path, container, or options of pasta (NULL = none) */
	struct net_link_request links[NET_LINKS_MAX];
	size_t link_count;
};

/* Reads the text; NULL asks for nothing. What is wrong with it is a fault at `where`. The texts are in the faults' arena. */
void net_request_parse(const char *text, const char *where, struct net_request *ret, struct faults *faults);

/* Whether it can be the name of a link: 1 to 15 characters, no "/", no blank, not "." or ".." [dev_valid_name()]. */
bool net_is_link_name(const char *name);

/* A name by which a container is found: letters, digits, "-", "_" and ".", at most 63 between dots. */
bool net_is_host_name(const char *name);
