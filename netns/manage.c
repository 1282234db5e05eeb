/* netns/manage.c: networks by name: making, listing, removing them, and giving back what the dead held. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/path.h"
#include "netns/attach.h"
#include "netns/firewall.h"
#include "netns/lease.h"
#include "netns/link.h"
#include "netns/netlink.h"
#include "netns/netns.h"
#include "netns/network.h"

int net_create(const char *store, struct network *network, struct arena *arena, struct error *err)
{
	cleanup_close int networks = networks_open(store, err);
	int r = networks < 0 ? networks : network_lock(networks, err);

	return r < 0 ? r : network_make(networks, network, arena, err);
}

int net_list(
	const char *store, struct arena *arena, struct network **ret_networks, size_t *ret_count, struct error *err)
{
	cleanup_close int networks = networks_open(store, err);
	const char **names;
	size_t count;
	int r = networks < 0 ? networks : networks_list(networks, arena, &names, &count, err);

	*ret_count = 0;
	if (r < 0)
		return r;
	*ret_networks = ARENA_ARRAY(arena, count + 1, struct network);
	for (size_t i = 0; i < count; i++) {
		cleanup_close int dir = network_open(networks, names[i], arena, &(*ret_networks)[*ret_count], NULL);
		if (dir >= 0)
			(*ret_count)++;
	}
	return 0;
}

/* ---- members ---- */

/* Of the network with the directory `dir`; without those that are void. */
static int list_members(int dir, struct arena *arena, struct lease **ret_members, size_t *ret_count, struct error *err)
{
	cleanup_close int leases = leases_open(dir, err);
	size_t count, kept = 0;
	int r = leases < 0 ? leases : leases_list(leases, arena, ret_members, &count, err);

	*ret_count = 0;
	for (size_t i = 0; r == 0 && i < count; i++)
		if (!(*ret_members)[i].is_void)
			(*ret_members)[kept++] = (*ret_members)[i];
	*ret_count = kept;
	return r;
}

size_t net_count_members(const char *store, const char *name, struct arena *arena)
{
	cleanup_close int networks = networks_open(store, NULL);
	struct network network;
	cleanup_close int dir = networks < 0 ? -1 : network_open(networks, name, arena, &network, NULL);
	struct lease *members;
	size_t count = 0, different = 0;

	if (dir < 0 || list_members(dir, arena, &members, &count, NULL) < 0)
		return 0;
	for (size_t i = 0; i < count; i++) { /* one of each version is one container */
		bool seen = false;
		for (size_t k = 0; k < i && !seen; k++)
			seen = strcmp(members[i].state, members[k].state) == 0;
		different += !seen;
	}
	return different;
}

int net_inspect(const char *store, const char *name, struct json_writer *w, struct arena *arena, struct error *err)
{
	cleanup_close int networks = networks_open(store, err);
	struct network network;
	cleanup_close int dir = networks < 0 ? networks : network_open(networks, name, arena, &network, err);
	struct lease *members;
	char ip[IP_TEXT];
	size_t count;
	int r = dir < 0 ? dir : list_members(dir, arena, &members, &count, err);

	if (r < 0)
		return r;
	json_object(w, NULL);
	network_write(&network, w);
	json_array(w, "containers");
	for (size_t i = 0; i < count; i++) {
		json_object(w, NULL);
		json_string(w, "id", members[i].id);
		json_string(w, "address", ip_text(&members[i].ip, ip));
		json_string(w, "state", members[i].state);
		json_array(w, "names");
		for (size_t k = 0; k < members[i].name_count; k++)
			json_string(w, NULL, members[i].names[k]);
		json_array_end(w);
		json_object_end(w);
	}
	json_array_end(w);
	json_object_end(w);
	return 0;
}

/* ---- removing ---- */

static int remove_bridge(const struct network *network, struct error *err)
{
	cleanup_close int sock = netlink_open();
	int r = sock < 0 ? error_sys(err, sock, "open a netlink socket") : bridge_remove(sock, network, err);

	if (r == 0)
		r = firewall_foreign_forget(network->bridge, err);
	return r < 0 ? r : firewall_network_remove(&(struct firewall_network){ .bridge = network->bridge }, err);
}

static int refuse_used(const char *name, const struct lease *member, struct error *err)
{
	(void)error_bad(err, EBUSY, "the network \"%s\" is in use by the container \"%s\"", name, member->id);
	return error_hint(err, "husk network disconnect %s %s, or delete it", member->id, name);
}

/* The lock of the networks is held, so no container that starts can find it and miss it later. */
static int remove_one(int networks, const char *name, bool force, struct arena *arena, struct error *err)
{
	struct network network;
	cleanup_close int dir = network_open(networks, name, arena, &network, err);
	struct lease *members;
	size_t count;
	int r;

	if (dir == -EINVAL && force &&
		network_check_name(name, NULL) == 0) /* damaged: which was its bridge, nobody knows */
		return network_remove(networks, name, err);
	if (dir < 0)
		return dir;
	r = network_lock(dir, err);
	if (r == 0)
		r = list_members(dir, arena, &members, &count, err);
	if (r == 0 && count && !force)
		return refuse_used(name, &members[0], err);
	if (r == 0)
		r = remove_bridge(&network, err);
	return r < 0 ? r : network_remove(networks, name, err);
}

int net_remove(const char *store, const char *name, bool force, struct arena *arena, struct error *err)
{
	cleanup_close int networks = networks_open(store, err);
	int r = networks < 0 ? networks : network_lock(networks, err);

	return r < 0 ? r : remove_one(networks, name, force, arena, err);
}

/* ---- repairing ---- */

static int repair_members(const struct network *network, int dir, int master, struct arena *arena, struct error *err)
{
	struct lease *members;
	size_t count;
	int r = list_members(dir, arena, &members, &count, err);

	for (size_t i = 0; r == 0 && i < count; i++) {
		cleanup_close int state = path_open_dir(members[i].state, NULL);
		struct attachment attachment;
		if (state >= 0 && attachment_read(state, arena, &attachment, NULL) == 0)
			r = attachment_repair(&attachment, network->name, master, err);
	}
	return r;
}

int net_repair(const char *store, const char *name, bool with_others, struct arena *arena, struct error *err)
{
	cleanup_close int networks = networks_open(store, err), sock = netlink_open();
	struct network network;
	cleanup_close int dir = networks < 0 ? networks : network_open(networks, name, arena, &network, err);
	int r = dir < 0 ? dir : network_lock(dir, err), master;

	if (r < 0)
		return r;
	master = sock < 0 ? error_sys(err, sock, "open a netlink socket") : bridge_settle(sock, &network, true, err);
	if (master < 0)
		return master;
	const struct firewall_network rules = {
		.bridge = network.bridge,
		.internal = network.internal,
		.isolated = network.isolated,
		.masquerade = !network.internal,
	};
	r = firewall_network_add(&rules, err);
	if (r == 0)
		r = repair_members(&network, dir, master, arena, err);
	if (r == 0 && with_others)
		r = firewall_foreign_accept(network.bridge, err);
	return r < 0 ? r : 0;
}

int net_check(const char *store, const char *name, struct arena *arena, const char **ret_what, struct error *err)
{
	cleanup_close int networks = networks_open(store, err), sock = netlink_open();
	struct network network;
	cleanup_close int dir = networks < 0 ? networks : network_open(networks, name, arena, &network, err);
	struct firewall_obstacle obstacle = { 0 };
	int r = dir < 0 ? dir : 0;

	*ret_what = NULL;
	if (r < 0)
		return r;
	if (sock >= 0 && link_index(sock, network.bridge, "bridge", NULL) < 0) {
		if (net_count_members(store, name, arena))
			*ret_what = arena_printf(
				arena, "the bridge %s is gone (husk network repair %s)", network.bridge, name);
		return 0; /* else it is made with the next container */
	}
	r = firewall_check(err);
	if (r == FIREWALL_BROKEN)
		*ret_what = arena_printf(arena, "rules of husk's are missing (husk network repair %s)", name);
	if (r == 0)
		r = firewall_foreign_drop(network.bridge, &obstacle, err);
	if (r >= 0 && *obstacle.what)
		*ret_what = arena_printf(arena, "forwarding from %s is dropped by %s%s%s%s", network.bridge,
			obstacle.what, obstacle.repairable ? " (husk network repair --with-docker " : "",
			obstacle.repairable ? name : "", obstacle.repairable ? ")" : "");
	return r < 0 ? r : 0;
}

/* ---- pruning ---- */

static int prune_leases(int networks, const char *name, struct arena *arena, struct error *err)
{
	cleanup_close int dir = openat(networks, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int leases = dir < 0 ? -1 : leases_open(dir, NULL);
	int r;

	if (leases < 0)
		return 0;
	r = network_lock(dir, err);
	return r < 0 ? r : leases_prune(leases, arena, err);
}

int net_prune(const char *store, bool all, struct arena *arena, struct net_pruned *ret, struct error *err)
{
	cleanup_close int networks = networks_open(store, err);
	const char **names = NULL;
	size_t count = 0;
	int r = networks < 0 ? networks : network_lock(networks, err);

	*ret = (struct net_pruned){ 0 };
	if (r == 0)
		r = networks_list(networks, arena, &names, &count, err);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		r = prune_leases(networks, names[i], arena, err);
		if (r < 0)
			return r;
		ret->leases += (unsigned)r;
		if (!all)
			continue;
		r = remove_one(networks, names[i], false, arena, err);
		if (r == 0)
			ret->networks++;
		else if (r == -EBUSY || r == -EINVAL) /* in use, or to be looked at by a person */
			r = 0;
	}
	return r < 0 ? r : 0;
}
