/* netns/names.h: what a container is called and whom it asks: the texts of /etc/hosts, /etc/hostname and /etc/resolv.conf.
 *
 * Pure but for hosts_publish(): texts in, texts out. Everything that an annotation, a config or the host's resolv.conf says
 * is checked word by word before it becomes part of a line. [hosts(5), resolv.conf(5)] */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "spec/spec.h"
struct arena;
struct error;
struct faults;
struct lease;

#define NAMES_DNS         "org.husk.network.dns"
#define NAMES_DNS_SEARCH  "org.husk.network.dns-search"
#define NAMES_DNS_OPTION  "org.husk.network.dns-option"
#define NAMES_ADD_HOSTS   "org.husk.network.add-hosts"
#define NAMES_SEPARATOR   ';'     /* between the words of one annotation */
#define NAMES_HOSTS_FILE  "hosts" /* in the state directory of a container */
#define NAMES_PING_GROUPS "net.ipv4.ping_group_range"

struct names_host {
	const char *name;
	const char *address; /* NULL: of the gateway */
};

/* What one container wants of names. */
struct names_plan {
	bool keeps_resolv; /* --dns none: the image's resolv.conf is the right one */
	struct spec_strings servers, searches, options;
	struct names_host *hosts;
	size_t host_count;
};

/* What only the network knows. */
struct names_network {
	struct spec_strings addresses; /* the container's own; none: not known */
	const char *gateway;           /* where the host is; NULL: it cannot be reached by an address of its own */
	struct spec_strings servers;   /* DNS; none: the host's */
	bool internal;                 /* the host's cannot be reached */
	const char *forwarder;         /* stands for the host's servers where these are on its loopback; NULL = none */
};

/* Reads the annotations above. What is wrong with them is a fault. Pure. */
void names_plan(const struct spec *spec, struct arena *arena, struct names_plan *ret_plan, struct faults *faults);

/* Where husk makes no network, what asks for names in it is a fault. Pure. */
void names_refuse(const struct spec *spec, struct faults *faults);

/* Whether `name` may stand in a hosts file: parts of at most 63 letters, digits, "-" and "_" that begin with none of the
 * dashes, joined by dots, at most 253 bytes [RFC 952, RFC 1123; "_" as DNS has it]. */
bool names_is_name(const char *name);

/* Whether `text` is an IPv4 or IPv6 address in its usual form, without a scope. */
bool names_is_address(const char *text);

bool names_is_domain(const char *text); /* of a search list: a name, or "." for none */
bool names_is_option(const char *text); /* of resolv.conf: "ndots:2", "use-vc" */

/* ---- resolv.conf ---- */

struct names_resolv {
	const char *host;            /* the host's file, as it is; NULL = none */
	struct spec_strings servers; /* the network's own: before the host's, after the container's */
	bool internal;               /* the host's servers cannot be reached from there */
};

/* Whether the host's file names only servers on its own loopback, where a container's is another: then the caller looks
 * for what systemd-resolved itself asks (NAMES_UPLINK). */
bool names_resolv_is_local(const char *host);
#define NAMES_RESOLV "/etc/resolv.conf"
#define NAMES_UPLINK "/run/systemd/resolve/resolv.conf"

const char *names_resolv_text(const struct names_plan *plan, const struct names_resolv *setting, struct arena *arena);

/* ---- hosts ---- */

/* The part that does not change with others: localhost, --add-host, its own name, the host's. */
struct names_own {
	const char *hostname;          /* NULL = none that is known */
	struct spec_strings addresses; /* its own; none: the name leads to the loopback */
	const char *gateway;           /* where the host is; NULL = it cannot be reached */
};
const char *names_hosts_text(const struct names_plan *plan, const struct names_own *own, struct arena *arena);

/* Whether it asks for the host's address (host-gateway), so that a network without one will not do. */
bool names_need_gateway(const struct names_plan *plan);

/* The section of one network, with its two comments; empty where it has no lines. In the arena. */
struct names_section {
	const char *begin, *end; /* lines */
	const char *text;
	size_t len;
};
struct names_section names_section_of(const char *network, const char *lines, struct arena *arena);

/* How a hosts file comes to have that section in the place of the one that it has: from `at` on it consists of `parts`, which
 * borrow from both. Pure. */
struct names_change {
	size_t at;
	struct iovec parts[2];
};
struct names_change names_change_of(const char *old, size_t len, const struct names_section *section);

/* The lines of all members of a network, which are the holders of its leases; void ones are no members. */
const char *names_members_text(const struct lease *leases, size_t count, struct arena *arena);

/* Writes the section of `network` in the hosts file of each member. The lock of the network must be held since before the
 * leases were read, so that the last one to write has seen all. A member that is gone meanwhile, or has no such file, is
 * passed over; the first real failure is returned when all others are done. */
int names_publish(
	const char *network, const struct lease *leases, size_t count, struct arena *arena, struct error *err);

/* The same for one that is no member any more, by the path of its state directory: its section goes. */
int names_withdraw(const char *network, const char *state, struct arena *arena, struct error *err);
