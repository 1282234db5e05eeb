/* runtime/cli/network_options.h: --network and -p of run, create and plan.
 *
 * Flags become the annotations of the config that mean the same, and win over those that are there: one way from what is
 * asked to what is done. */
#pragma once
#include "base/options.h"
#include "runtime/cli/names_options.h"
struct arena;
struct error;
struct faults;
struct invocation;
struct spec;
struct spec_pair;

struct network_options {
	struct option_list networks, aliases;
	const char *otherwise; /* of a container from an image, where none is named: cli_default_network(); or NULL */
	const char *ip, *ip6, *mac;
	const char *rate;
	struct option_list ports;
	struct names_options names;
};

/* Rows of a table of options whose struct has a `struct network_options network`. */
#define NETWORK_OPTIONS(type)                                                                                          \
	OPTION("network", 0, OPTION_LIST, type, network.networks, .value = "NET",                                      \
		.help = "none, host, bridge, NAME, ns:PATH, container:ID, macvlan:LINK, ipvlan:LINK, pasta"),          \
		OPTION("publish", 'p', OPTION_LIST, type, network.ports, .value = "PORTS",                             \
			.help = "[[IP:]HOST:]CONTAINER[/tcp|udp|sctp], also ranges"),                                  \
		OPTION("ip", 0, OPTION_TEXT, type, network.ip, .value = "ADDRESS", .help = "in the first network"),    \
		OPTION("ip6", 0, OPTION_TEXT, type, network.ip6, .value = "ADDRESS", .help = "in the first network"),  \
		OPTION("mac-address", 0, OPTION_TEXT, type, network.mac, .value = "MAC",                               \
			.help = "in the first network"),                                                               \
		OPTION("network-alias", 0, OPTION_LIST, type, network.aliases, .value = "NAME",                        \
			.help = "another name in the first network"),                                                  \
		OPTION("network-rate", 0, OPTION_TEXT, type, network.rate, .value = "RATES",                           \
			.help = "limits of bandwidth, as in=10mbit,out=5mbit"),                                        \
		NAMES_OPTIONS(type, network.names)

/* What a container from an image gets that names no network: $HUSK_NETWORK, else for root the default bridge. NULL = only a
 * loopback. */
const char *cli_default_network(void);

/* Turns the options (NULL = none) into annotations of the spec, and its namespaces into those that the annotations ask for;
 * containers are looked up by the state root of the invocation. What is wrong is a fault, or an error. */
int cli_settle_network(const struct invocation *invocation, const struct network_options *options, struct spec *spec,
	struct faults *faults, struct error *err);

/* The options that come to the same as the annotations that settling left in a record. */
void cli_network_again(
	const struct spec_pair *annotations, size_t count, struct arena *arena, struct network_options *ret);

/* The store of the invocation as an absolute path, in the arena; NULL where there is none. */
const char *cli_store_absolute(const struct invocation *invocation, struct error *err);
