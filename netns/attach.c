/* netns/attach.c: see the header.
 *
 * The order of a start: with the network's lock held, the bridge is made if it is not there, an address is looked for, what
 * will be done is written down, the address is taken. Then, once the container's namespace exists, all links in two sends on
 * the host's side and in the container: a pair whose far end is born in the container, so that it never has a name on the
 * host; and, there, up, addresses, routes. */
#include "netns/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "netns/lease.h"
#include "netns/link.h"
#include "netns/names.h"
#include "netns/netlink.h"

/* ---- reserving ---- */

/* "hv" and 52 bits of a hash of whose link it is: the same whenever it is asked for. */
static void name_host_end(const struct attachment *attachment, const char *network, char ret[IFNAMSIZ])
{
	char text[4096 + NETWORK_NAME_MAX + 2];

	(void)snprintf(text, sizeof(text), "%s %s", attachment->state, network);
	(void)snprintf(ret, IFNAMSIZ, "hv%013" PRIx64, name_hash(text) >> 12);
}

static bool has_interface(const struct attachment *attachment, const char *name)
{
	for (size_t i = 0; i < attachment->link_count; i++)
		if (strcmp(attachment->links[i].name, name) == 0)
			return true;
	return false;
}

static int name_interface(
	const struct attachment *attachment, const char *wanted, char ret[IFNAMSIZ], struct error *err)
{
	for (unsigned n = 0; !wanted; n++) {
		(void)snprintf(ret, IFNAMSIZ, "eth%u", n);
		if (!has_interface(attachment, ret))
			return 0;
	}
	(void)snprintf(ret, IFNAMSIZ, "%s", wanted);
	return has_interface(attachment, wanted) ? error_bad(err, EEXIST, "the container has a link %s already", wanted)
						 : 0;
}

/* What the network says of it. */
static void describe(const struct network *network, struct net_link *link)
{
	memcpy(link->bridge, network->bridge, sizeof(link->bridge));
	link->mtu = network->mtu;
	link->internal = network->internal;
	link->isolated = network->isolated;
	link->nameless = network->nameless;
	memcpy(link->dns, network->dns, sizeof(link->dns));
	link->dns_count = network->dns_count;
	for (size_t i = 0; i < network->range_count; i++) {
		bool v6 = network->ranges[i].subnet.ip.len == 16;
		link->ip[v6].prefix = network->ranges[i].subnet.prefix;
		link->gateway[v6] = network->ranges[i].gateway;
	}
}

static int has_no_range(const struct network *network, const struct subnet *wanted, struct error *err)
{
	char ip[IP_TEXT];

	return error_bad(err, EINVAL, "the address %s cannot be given: the network \"%s\" has no IPv%d subnet",
		ip_text(&wanted->ip, ip), network->name, wanted->ip.len == 16 ? 6 : 4);
}

static void choose_mac(struct net_link *link, const struct net_link_request *request)
{
	link->has_mac = request->has_mac || link->kind == NET_BRIDGE;
	if (request->has_mac)
		memcpy(link->mac, request->mac, sizeof(link->mac));
	else if (link->kind == NET_BRIDGE)
		mac_of_ip(&link->ip[link->ip[0].ip.len == 0].ip, link->mac);
}

/* Takes an address of each range. The file says which before it is taken; what is not taken after all is not given back,
 * since the lease names its holder. */
static int take_addresses(struct attachment *attachment, int state_dir, const struct network *network, int dir,
	const struct net_link_request *request, struct error *err)
{
	struct net_link *link = &attachment->links[attachment->link_count - 1];
	const char *names[NET_ALIASES_MAX + 1] = { attachment->id };
	const struct lease lease = {
		.id = attachment->id,
		.state = attachment->state,
		.names = names,
		.name_count = link->name_count + 1,
	};
	cleanup_close int leases = leases_open(dir, err);
	int r = leases < 0 ? leases : 0;

	for (size_t i = 0; i < link->name_count; i++)
		names[i + 1] = link->names[i];
	for (size_t i = 0; r == 0 && i < network->range_count; i++) {
		const struct network_range *range = &network->ranges[i];
		struct subnet *mine = &link->ip[range->subnet.ip.len == 16];
		r = lease_find(
			dir, leases, network, range, &request->ip[range->subnet.ip.len == 16].ip, &mine->ip, err);
	}
	choose_mac(link, request);
	if (r == 0)
		r = attachment_write(state_dir, attachment, err);
	for (size_t i = 0; r == 0 && i < network->range_count; i++)
		r = lease_take(dir, leases, &lease, &link->ip[network->ranges[i].subnet.ip.len == 16].ip, err);
	return r;
}

static int reserve_in_network(struct attachment *attachment, int state_dir, const struct net_link_request *request,
	struct arena *arena, struct error *err)
{
	struct net_link *link = &attachment->links[attachment->link_count - 1];
	cleanup_close int networks = networks_open(attachment->store, err), sock = -1, dir = -1;
	struct network network;
	int r;

	if (networks < 0)
		return networks;
	dir = network_open_or_make(networks, request->name, arena, &network, err);
	if (dir < 0)
		return dir;
	for (size_t i = 0; i < 2; i++)
		if (request->ip[i].ip.len && !network_range_of(&network, request->ip[i].ip.len))
			return has_no_range(&network, &request->ip[i], err);
	sock = netlink_open();
	r = sock < 0 ? error_sys(err, sock, "open a netlink socket") : network_lock(dir, err);
	if (r == 0)
		r = link->master = bridge_settle(sock, &network, false, err);
	if (r < 0)
		return r;
	name_host_end(attachment, network.name, link->host);
	describe(&network, link);
	return take_addresses(attachment, state_dir, &network, dir, request, err);
}

static int reserve_shared(
	struct attachment *attachment, int state_dir, const struct net_link_request *request, struct error *err)
{
	struct net_link *link = &attachment->links[attachment->link_count - 1];
	cleanup_close int sock = netlink_open();

	link->master = sock < 0 ? sock : link_index(sock, request->name, NULL, NULL);
	if (link->master < 0)
		return error_sys(err, link->master, "find the link %s, which the container is to share", request->name);
	memcpy(link->ip, request->ip, sizeof(link->ip));
	memcpy(link->gateway, request->gateway, sizeof(link->gateway));
	choose_mac(link, request);
	return attachment_write(state_dir, attachment, err);
}

int attachment_reserve(struct attachment *attachment, int state_dir, const struct net_link_request *request,
	struct arena *arena, struct error *err)
{
	struct net_link *link = &attachment->links[attachment->link_count];
	int r;

	if (attachment->link_count == NET_LINKS_MAX)
		return error_bad(err, E2BIG, "the container has %d links already", NET_LINKS_MAX);
	*link = (struct net_link){
		.kind = request->kind,
		.network = request->name,
		.names = request->aliases,
		.name_count = request->alias_count,
	};
	r = name_interface(attachment, request->interface, link->name, err);
	if (r < 0)
		return r;
	attachment->link_count++;
	if (request->kind == NET_BRIDGE)
		r = reserve_in_network(attachment, state_dir, request, arena, err);
	else
		r = reserve_shared(attachment, state_dir, request, err);
	return r;
}

/* ---- wiring ---- */

static void add_host_side(const struct net_link *link, int netns, const char *alias, bool held, struct batch *batch)
{
	const struct veth veth = {
		.host = link->host,
		.name = link->name,
		.mac = link->mac,
		.mtu = link->mtu,
		.master = link->master,
		.netns = netns,
	};
	const struct sharer sharer = {
		.kind = net_link_names[link->kind],
		.name = link->name,
		.mac = link->has_mac ? link->mac : NULL,
		.mtu = link->mtu,
		.parent = link->master,
		.netns = netns,
	};

	if (link->kind == NET_BRIDGE) {
		link_add_veth(batch, &veth);
		link_add_port(batch, link->host, alias, !held);
	} else {
		link_add_sharer(batch, &sharer);
	}
}

/* The first link that leads out has the default route. */
static const struct net_link *find_way_out(const struct attachment *attachment, size_t version)
{
	for (size_t i = 0; i < attachment->link_count; i++)
		if (!attachment->links[i].internal && attachment->links[i].gateway[version].len)
			return &attachment->links[i];
	return NULL;
}

static int add_inner_side(const struct attachment *attachment, const struct net_link *link, int sock,
	struct batch *batch, struct error *err)
{
	int index = link_index(sock, link->name, NULL, NULL);

	if (index < 0)
		return error_sys(err, index, "find the link %s in the container", link->name);
	link_add_up(batch, index, link->name, link->ip[1].ip.len == 0 && link->kind == NET_BRIDGE);
	for (size_t i = 0; i < 2; i++)
		if (link->ip[i].ip.len)
			link_add_address(batch, index, &link->ip[i]);
	for (size_t i = 0; i < 2; i++)
		if (link == find_way_out(attachment, i))
			link_add_default_route(batch, index, &link->gateway[i]);
	return 0;
}

/* In the container's network, before it has links: they begin with what is set here. A router is who the network says, and
 * not whoever advertises himself [CVE-2020-10749]. */
struct visit {
	bool v6;
};

static int prepare_there(void *data)
{
	const struct visit *visit = data;
	static const char folder[] = "/proc/sys/net/ipv6/conf/default/";
	cleanup_close int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0) {
		int r = file_write_raw_at(dir, "accept_ra", "0", 1);
		if (r == 0 && !visit->v6)
			r = file_write_raw_at(dir, "disable_ipv6", "1", 1);
		if (r < 0)
			return r;
	}
	return netlink_open();
}

static bool has_v6(const struct attachment *attachment)
{
	for (size_t i = 0; i < attachment->link_count; i++)
		if (attachment->links[i].ip[1].ip.len || attachment->links[i].kind != NET_BRIDGE)
			return true;
	return false;
}

static int wire_inside(const struct attachment *attachment, size_t first, int sock, struct error *err)
{
	struct batch batch;
	int r = 0;

	batch_init(&batch);
	for (size_t i = first; r == 0 && i < attachment->link_count; i++) {
		r = add_inner_side(attachment, &attachment->links[i], sock, &batch, err);
		if (r == 0 && batch.count + 5 > BATCH_MESSAGES) /* what one link takes at most */
			r = batch_send(sock, &batch, err);
	}
	return r < 0 ? r : batch_send(sock, &batch, err);
}

static int limit(const struct attachment *attachment, size_t first, const char *alias, struct error *err)
{
	int r = 0;

	if (!attachment->rates.in && !attachment->rates.out)
		return 0;
	for (size_t i = first; r == 0 && i < attachment->link_count; i++)
		if (attachment->links[i].kind == NET_BRIDGE)
			r = shape_apply(attachment->links[i].host, alias, &attachment->rates, err);
	return r;
}

int attachment_wire(const struct attachment *attachment, size_t first, int netns, struct error *err)
{
	struct visit visit = { .v6 = has_v6(attachment) };
	cleanup_close int sock = netlink_open(), inside = -1;
	char alias[256];
	struct batch batch;
	int r;

	if (sock < 0)
		return error_sys(err, sock, "open a netlink socket");
	inside = netns_visit(netns, prepare_there, &visit, err);
	if (inside < 0)
		return inside;
	(void)snprintf(alias, sizeof(alias), "husk:%.200s", attachment->id);
	batch_init(&batch);
	for (size_t i = first; i < attachment->link_count; i++)
		add_host_side(&attachment->links[i], netns, alias, attachment->held, &batch);
	r = batch_send(sock, &batch, err);
	if (r == -EPERM)
		(void)error_hint(err, "making links needs root, or CAP_NET_ADMIN; others have --network pasta");
	if (r == 0)
		r = wire_inside(attachment, first, inside, err);
	if (r == 0)
		r = limit(attachment, first, alias, err);
	return r < 0 ? r : attachment_guard(attachment, first, err);
}

int attachment_release(const struct attachment *attachment, struct error *err)
{
	cleanup_close int sock = attachment->held ? netlink_open() : -1;
	struct batch batch;

	if (!attachment->held)
		return 0;
	if (sock < 0)
		return error_sys(err, sock, "open a netlink socket");
	batch_init(&batch);
	for (size_t i = 0; i < attachment->link_count; i++)
		if (attachment->links[i].kind == NET_BRIDGE)
			link_add_up(&batch, 0, attachment->links[i].host, false);
	return batch_send(sock, &batch, err);
}

int attachment_repair(const struct attachment *attachment, const char *network, int master, struct error *err)
{
	cleanup_close int sock = netlink_open();
	char alias[256];
	struct batch batch;
	int r = sock < 0 ? error_sys(err, sock, "open a netlink socket") : 0;

	(void)snprintf(alias, sizeof(alias), "husk:%.200s", attachment->id);
	for (size_t i = 0; r == 0 && i < attachment->link_count; i++) {
		const struct net_link *link = &attachment->links[i];
		if (link->kind != NET_BRIDGE || strcmp(link->network, network) != 0)
			continue;
		batch_init(&batch);
		link_add_master(&batch, link->host, master);
		link_add_port(&batch, link->host, alias, true);
		r = batch_send(sock, &batch, err);
	}
	return r == 0 || r == -ENODEV ? attachment_guard(attachment, 0, err) : r;
}

/* ---- names ---- */

/* Of one network; its lock is held from before the leases are read until all files are written. */
static int publish(int networks, const char *name, struct error *err)
{
	cleanup_close int dir = openat(networks, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int leases = dir < 0 ? -1 : leases_open(dir, NULL);
	struct arena arena;
	struct lease *members;
	size_t count;
	int r;

	if (leases < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "open the network \"%s\"", name);
	r = network_lock(dir, err);
	if (r < 0)
		return r;
	arena_init(&arena);
	r = leases_list(leases, &arena, &members, &count, err);
	if (r == 0)
		r = names_publish(name, members, count, &arena, err);
	arena_done(&arena);
	return r;
}

static bool has_names(const struct net_link *link)
{
	return link->kind == NET_BRIDGE && !link->nameless && network_check_name(link->network, NULL) == 0;
}

int attachment_publish(const struct attachment *attachment, size_t first, struct error *err)
{
	cleanup_close int networks = -1;
	int r = 0;

	for (size_t i = first; r == 0 && i < attachment->link_count; i++) {
		if (!has_names(&attachment->links[i]))
			continue;
		if (networks < 0)
			networks = networks_open(attachment->store, err);
		r = networks < 0 ? networks : publish(networks, attachment->links[i].network, err);
	}
	return r;
}

/* ---- the end ---- */

static int remove_links(const struct attachment *attachment, size_t first, struct error *err)
{
	cleanup_close int sock = netlink_open();
	struct batch batch;

	if (sock < 0)
		return error_sys(err, sock, "open a netlink socket");
	for (size_t i = first; i < attachment->link_count; i++) {
		const struct net_link *link = &attachment->links[i];
		int r;
		if (!*link->host)
			continue;
		if (attachment->rates.out && (r = shape_remove(link->host, err)) < 0)
			return r;
		batch_init(&batch);
		link_add_removal(&batch, link->host);
		r = batch_send(sock, &batch, err);
		if (r < 0 && r != -ENODEV)
			return r;
	}
	return 0;
}

static void give_back(const struct attachment *attachment, const struct net_link *link, int networks)
{
	cleanup_close int dir = openat(networks, link->network, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int leases = dir < 0 ? -1 : leases_open(dir, NULL);

	for (size_t i = 0; leases >= 0 && i < 2; i++)
		if (link->ip[i].ip.len)
			lease_give_back(leases, &link->ip[i].ip, attachment->state);
}

int attachment_undo(struct attachment *attachment, size_t first, struct error *err)
{
	cleanup_close int firewall = -1; /* closed last, see firewall.h */
	int r = attachment_unguard(attachment, first, &firewall, err);

	if (r == 0)
		r = remove_links(attachment, first, err);
	cleanup_close int networks = r < 0 ? -1 : networks_open(attachment->store, NULL);

	if (r < 0)
		return r;
	for (size_t i = first; networks >= 0 && i < attachment->link_count; i++)
		if (attachment->links[i].kind == NET_BRIDGE &&
			network_check_name(attachment->links[i].network, NULL) == 0)
			give_back(attachment, &attachment->links[i], networks);
	(void)attachment_publish(
		attachment, first, NULL); /* a name that leads nowhere is no reason to keep a container */
	attachment->link_count = first;
	return 0;
}
