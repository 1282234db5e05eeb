/* netns/netns.h: the container's network, as far as husk makes it itself.
 *
 * The loopback of a new network namespace, links of the host's that move into one, and, where the annotation
 * org.husk.network asks for it, networks: see request.h for what can be asked, docs/networking.md for what is made of it.
 * Where nothing is asked, nothing is done: a namespace that a caller has made, or fills later, is the caller's. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "netns/names.h"
#include "netns/network.h"
#include "netns/pasta.h"
struct arena;
struct error;
struct spec;
struct spec_net_device;
struct steps;
struct attachment;
struct faults;
struct json_writer;
struct text;

/* Adds the step that brings lo up in the namespace the init is in. */
void loopback_steps(struct steps *steps);

/* Brings lo up in another one, by a visit there. */
int loopback_bring_up(int netns, struct error *err);

/* What is needed to take a move back. */
struct net_devices_moved;

/* Moves links of our network namespace into `netns` (borrowed), under their new names, with their permanent global
 * addresses, and brings them up. All of them or, after a failure, none. *ret_moved lives in the arena. */
int net_devices_move(const struct spec_net_device *devices, size_t count, int netns, struct arena *arena,
	struct net_devices_moved **ret_moved, struct error *err);

/* Takes the move back, or is done with it: one of the two. NULL is fine. */
void net_devices_return(struct net_devices_moved *moved);
void net_devices_done(struct net_devices_moved *moved);

/* ---- networks ---- */

/* The annotations that ask for one; flags of the command line become them. */
#define NET_ANNOTATION       "org.husk.network"
#define NET_PORTS_ANNOTATION "org.husk.network.ports"
#define NET_RATE_ANNOTATION  "org.husk.network.rate"

/* What is asked, checked. */
struct net_plan;

/* The container that `container:ID` names; NULL = nothing of the kind is asked. Pure. */
const char *net_asks_container(const struct spec *spec, struct arena *arena);

/* The options that pasta is asked for with, "" without any; NULL = it is not asked for. Pure. */
const char *net_asks_pasta(const struct spec *spec, struct faults *faults);

/* Makes the namespaces of the spec those that the annotation asks for: none, host, ns:PATH, and container:ID, for which `peer`
 * is the path of its namespace. What contradicts the config is a fault. Pure. */
void net_settle_namespaces(struct spec *spec, const char *peer, struct arena *arena, struct faults *faults);

/* Reads the annotations. *ret_plan is NULL where husk makes no network; else it lives in the arena. Pure. */
void net_plan_make(const struct spec *spec, bool unprivileged, struct arena *arena, struct net_plan **ret_plan,
	struct faults *faults);

/* A line for each link that would be made, for `husk plan`. */
void net_plan_say(const struct net_plan *plan, struct text *text);
void net_plan_write(const struct net_plan *plan, struct json_writer *w);

/* Whose network it is. */
struct net_owner {
	const char *store; /* absolute path */
	const char *id;
	int state_dir; /* borrowed: its directory in the state root */
};

/* Before the container is there: takes addresses, makes bridges. Everything is written to the state directory before, so
 * that net_undo() finds it. *ret_attachment lives in the arena. */
int net_reserve(const struct net_plan *plan, const struct net_owner *owner, struct arena *arena,
	struct attachment **ret_attachment, struct error *err);

/* Makes the links, addresses and routes of the container whose network namespace is `netns`. */
int net_wire(const struct attachment *attachment, int netns, struct error *err);

/* What the container's own files say of its network: its addresses, where the host is. In the arena. */
void net_describe(const struct attachment *attachment, struct arena *arena, struct names_network *ret);

/* Tells the others in its networks its names, and it theirs: their files must be there. */
int net_publish(const struct attachment *attachment, struct error *err);

/* Takes away whatever the state directory says; nothing there, or gone already, is fine. */
int net_undo(int state_dir, struct error *err);

/* ---- of a container that runs ---- */

/* Joins one more network, as --network names it; `netns` is the container's own network namespace. */
int net_connect(const struct net_owner *owner, const char *network, int netns, struct arena *arena, struct error *err);

/* Leaves it. -ENOENT with words where it is no member. */
int net_disconnect(int state_dir, const char *network, struct error *err);

/* ---- networks by name: see network.h ---- */

int net_create(const char *store, struct network *network, struct arena *arena, struct error *err);

/* All definitions that can be read, by name, in the arena. */
int net_list(
	const char *store, struct arena *arena, struct network **ret_networks, size_t *ret_count, struct error *err);

/* One object: its definition, and the containers that are in it. */
int net_inspect(const char *store, const char *name, struct json_writer *w, struct arena *arena, struct error *err);

/* How many containers are in it. */
size_t net_count_members(const char *store, const char *name, struct arena *arena);

/* Removes its bridge, rules and definition. One that a container is in is -EBUSY and names it, unless `force`. */
int net_remove(const char *store, const char *name, bool force, struct arena *arena, struct error *err);

/* Gives back what containers held that are gone; `all`: removes networks that no container is in then, too. */
struct net_pruned {
	unsigned leases, networks;
};
int net_prune(const char *store, bool all, struct arena *arena, struct net_pruned *ret, struct error *err);

/* Sets up again whatever somebody has taken away under running containers: the bridge, links on it, rules. `with_others`: and
 * has the firewalls of Docker and ufw let pass what the bridge forwards. */
int net_repair(const char *store, const char *name, bool with_others, struct arena *arena, struct error *err);

/* What stands in the way of a network, in words, in the arena; NULL = nothing. */
int net_check(const char *store, const char *name, struct arena *arena, const char **ret_what, struct error *err);

/* The ports that a container publishes: "80/tcp -> 0.0.0.0:8080" a line, in the arena. */
int net_ports(int state_dir, struct arena *arena, const char **ret_lines, struct error *err);

/* What went through one link: bytes, packets, errors, dropped. */
enum { NET_COUNTERS_MAX = 64 };
struct net_counters {
	char name[32];
	uint64_t rx[4], tx[4];
};

/* Those of the network that the process is in; returns how many. */
size_t net_counters_read(pid_t pid, struct net_counters *ret, size_t size);
