/* netns/firewall.c: networks and containers as elements of the sets that the rules read.
 *
 * The kernel refuses to delete an element that is not there, and with it the whole transaction. So what is removed is
 * added before, in the same transaction: it is there then, whatever was. For a port this asks whose it is, too, since an
 * element with another container's address is refused; only then are elements taken one by one, without that one.
 *
 * Time: a transaction costs some 30 us. But after one that deletes, the kernel frees what was deleted when no packet can
 * see it any more, and whoever closes a socket of this kind meanwhile waits for that, some 10 ms. So nothing is deleted
 * when a container starts; and when one ends, its caller gets the socket to close it last. */
#include "netns/firewall.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "netns/conntrack.h"
#include "netns/firewall_rules.h"

/* nft_add_element() or nft_delete_element(). */
typedef void put_fn(struct nft_transaction *t, const struct nft_set *set, const struct nft_element *element);

static void key_name(struct nft_element *element, const char *name)
{
	char bytes[IFNAMSIZ] = { 0 };

	memcpy(bytes, name, strnlen(name, IFNAMSIZ - 1));
	nft_key(element, bytes, sizeof(bytes));
}

static void put_name(struct nft_transaction *t, put_fn *put, const struct nft_set *set, const char *name)
{
	struct nft_element element = { 0 };

	key_name(&element, name);
	put(t, set, &element);
}

static void put_pair(struct nft_transaction *t, put_fn *put, const struct nft_set *set, const char *name,
	const void *bytes, size_t len, const char *owner)
{
	struct nft_element element = { .owner = owner };

	key_name(&element, name);
	nft_key(&element, bytes, len);
	put(t, set, &element);
}

/* ---- networks ---- */

/* What is to be done with a network's membership in the sets. Deleting is dear, see the head of this file. */
enum change { JOIN, JOIN_AND_LEAVE_OTHERS, LEAVE };

static void put_network(struct nft_transaction *t, const struct firewall_network *network, enum change change)
{
	const struct {
		const struct nft_set *set;
		bool member;
	} sets[] = {
		{ &firewall_bridges, true },
		{ &firewall_masqueraded, network->masquerade },
		{ &firewall_internal, network->internal },
		{ &firewall_isolated, network->isolated },
	};
	char name[IFNAMSIZ] = { 0 };

	memcpy(name, network->bridge, strnlen(network->bridge, IFNAMSIZ - 1));
	put_pair(t, nft_add_element, &firewall_within, name, name, sizeof(name), NULL);
	if (change == LEAVE)
		put_pair(t, nft_delete_element, &firewall_within, name, name, sizeof(name), NULL);
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		bool leaves = change == LEAVE || (change == JOIN_AND_LEAVE_OTHERS && !sets[i].member);
		if (sets[i].member || leaves)
			put_name(t, nft_add_element, sets[i].set, name);
		if (leaves)
			put_name(t, nft_delete_element, sets[i].set, name);
	}
}

int firewall_network_add(const struct firewall_network *network, struct error *err)
{
	cleanup_close int sock = nft_open(err);
	struct nft_transaction t;
	int r = sock < 0 ? sock : firewall_check_rules(sock, err);

	if (r < 0)
		return r;
	nft_begin(&t, FIREWALL_TABLE);
	if (r == NFT_MISSING)
		firewall_put_rules(&t);
	put_network(&t, network, JOIN_AND_LEAVE_OTHERS);
	r = nft_commit(sock, &t, err);
	nft_done(&t);
	return r > 0 ? error_bad(err, -EAGAIN, "the firewall was changed while %s was added to it", network->bridge)
		     : r;
}

static void count_element(const struct nft_found *found, void *data)
{
	(void)found;
	++*(size_t *)data;
}

/* Unless a network came meanwhile: then the generation is another, and the tables stay. */
static int remove_unused_tables(int sock, struct error *err)
{
	struct nft_transaction t;
	size_t bridges = 0;
	uint32_t generation;
	int r = nft_read_generation(sock, &generation, err);

	if (r == 0)
		r = nft_read_elements(sock, FIREWALL_TABLE, &firewall_bridges, NULL, count_element, &bridges, err);
	if (r < 0 || bridges > 0)
		return r < 0 ? r : 0;
	nft_begin_since(&t, FIREWALL_TABLE, generation);
	firewall_delete_tables(&t);
	r = nft_commit(sock, &t, err);
	nft_done(&t);
	return r < 0 ? r : 0;
}

/* A kernel without nf_tables, or without all of it, holds no rules of ours: they were refused when they were to be made. */
static bool has_no_rules(int code)
{
	return code == -EPROTONOSUPPORT || code == -EOPNOTSUPP;
}

int firewall_network_remove(const struct firewall_network *network, struct error *err)
{
	cleanup_close int sock = nft_open(err);
	struct nft_transaction t;
	int r;

	if (sock < 0)
		return has_no_rules(sock) ? 0 : sock;
	nft_begin(&t, FIREWALL_TABLE);
	put_network(&t, network, LEAVE);
	r = nft_commit(sock, &t, err);
	nft_done(&t);
	if (has_no_rules(r))
		return 0;
	return r == NFT_OK ? remove_unused_tables(sock, err) : r < 0 ? r : 0;
}

/* ---- containers ---- */

/* What the kernel makes itself of a hardware address [RFC 4291, appendix A]. */
static struct ip link_local_of(const uint8_t mac[ETH_ALEN])
{
	return (struct ip){ .len = 16,
		.bytes = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4],
			mac[5] } };
}

static void put_address(struct nft_transaction *t, put_fn *put, const struct firewall_link *link, const struct ip *ip,
	const char *owner)
{
	const struct nft_set *set = ip->len == 4 ? &firewall_addresses4 : &firewall_addresses6;

	put_pair(t, put, set, link->name, ip->bytes, ip->len, owner);
}

static void put_member(struct nft_transaction *t, put_fn *put, const struct firewall_link *link, const struct ip *ip,
	const char *owner)
{
	const struct nft_set *set = ip->len == 4 ? &firewall_members4 : &firewall_members6;

	put_pair(t, put, set, link->bridge, ip->bytes, ip->len, owner);
}

static void put_links(struct nft_transaction *t, put_fn *put, const struct firewall_container *container)
{
	for (size_t i = 0; i < container->link_count; i++) {
		const struct firewall_link *link = &container->links[i];
		const struct ip link_local = link_local_of(link->mac);
		bool ipv6 = false;
		put_name(t, put, &firewall_links, link->name);
		put_pair(t, put, &firewall_macs, link->name, link->mac, ETH_ALEN, container->id);
		for (size_t j = 0; j < link->address_count; j++) {
			put_address(t, put, link, &link->addresses[j], container->id);
			put_member(t, put, link, &link->addresses[j], container->id);
			ipv6 |= link->addresses[j].len == 16;
		}
		if (ipv6)
			put_address(t, put, link, &link_local, container->id);
	}
}

/* One of the ports of `port`, to where it leads. */
static void put_port(struct nft_transaction *t, put_fn *put, const struct published *port, uint16_t nth,
	const struct ip *to, const char *owner)
{
	const uint16_t host = htons((uint16_t)(port->host_port + nth)),
		       inside = htons((uint16_t)(port->container_port + nth));
	const struct nft_set *sets = to->len == 4 ? firewall_published4 : firewall_published6;
	struct nft_element element = { .owner = owner };

	if (port->host_ip.len)
		nft_key(&element, port->host_ip.bytes, port->host_ip.len);
	nft_key(&element, &port->protocol, sizeof(port->protocol));
	nft_key(&element, &host, sizeof(host));
	nft_data(&element, to->bytes, to->len);
	nft_data(&element, &inside, sizeof(inside));
	put(t, &sets[port->host_ip.len ? PUBLISHED_ONE : PUBLISHED_ANY], &element);
}

/* A port of an IPv4 address cannot lead to an IPv6 one. */
static bool leads_to(const struct published *port, const struct ip *to)
{
	return to->len && (!port->host_ip.len || port->host_ip.len == to->len);
}

static void put_ports_to(
	struct nft_transaction *t, put_fn *put, const struct firewall_container *container, const struct ip *to)
{
	for (size_t i = 0; i < container->port_count; i++)
		for (uint16_t nth = 0; leads_to(&container->ports[i], to) && nth < container->ports[i].count; nth++)
			put_port(t, put, &container->ports[i], nth, to, container->id);
}

static void put_container(struct nft_transaction *t, put_fn *put, const struct firewall_container *container)
{
	put_links(t, put, container);
	put_ports_to(t, put, container, &container->ipv4);
	put_ports_to(t, put, container, &container->ipv6);
}

static const char *bridge_of(const struct firewall_container *container, const struct ip *ip)
{
	for (size_t i = 0; i < container->link_count; i++)
		for (size_t j = 0; j < container->links[i].address_count; j++)
			if (ip_compare(&container->links[i].addresses[j], ip) == 0)
				return container->links[i].bridge;
	return NULL;
}

static bool is_for_localhost(const struct published *port)
{
	return !port->host_ip.len || (port->host_ip.len == 4 && port->host_ip.bytes[0] == 127);
}

/* The kernel sends a packet from 127.0.0.1 out by a bridge only where this is set; chain `early` is its guard. */
static int let_localhost_out(const struct firewall_container *container, struct error *err)
{
	const char *bridge = container->ipv4.len ? bridge_of(container, &container->ipv4) : NULL;
	cleanup_close int conf = -1, dir = -1;
	bool needed = false;

	for (size_t i = 0; i < container->port_count; i++)
		needed |= is_for_localhost(&container->ports[i]);
	if (!needed || !bridge)
		return 0;
	conf = open("/proc/sys/net/ipv4/conf", O_PATH | O_DIRECTORY | O_CLOEXEC);
	dir = openat(conf, bridge, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, errno, "open net.ipv4.conf.%s", bridge);
	return file_write_at(dir, "route_localnet", "1", err);
}

static int add_container(int sock, const struct firewall_container *container, bool from_scratch, struct error *err)
{
	struct nft_transaction t;
	int r;

	nft_begin(&t, FIREWALL_TABLE);
	if (from_scratch)
		firewall_put_rules(&t);
	for (size_t i = 0; i < container->network_count; i++)
		put_network(&t, &container->networks[i], JOIN);
	put_container(&t, nft_add_element, container);
	r = nft_commit(sock, &t, err);
	if (r == NFT_MISSING && from_scratch)
		r = nft_missing(&t, err);
	nft_done(&t);
	return r;
}

int firewall_container_add(const struct firewall_container *container, struct error *err)
{
	cleanup_close int sock = nft_open(err);
	int r = sock < 0 ? sock : add_container(sock, container, false, err);

	if (r == NFT_MISSING)
		r = add_container(sock, container, true, err);
	if (r == NFT_TAKEN)
		return error_bad(err, -EADDRINUSE, "a port that it publishes was taken by another container meanwhile");
	if (r == NFT_OK)
		r = conntrack_forget(sock, container->ports, container->port_count, err);
	return r < 0 ? r : let_localhost_out(container, err);
}

/* Both, so that neither what is missing nor what is there is in the way. */
static void remove_element(struct nft_transaction *t, const struct nft_set *set, const struct nft_element *element)
{
	nft_add_element(t, set, element);
	nft_delete_element(t, set, element);
}

static int remove_port(
	int sock, const struct published *port, uint16_t nth, const struct ip *to, const char *owner, struct error *err)
{
	struct nft_transaction t;
	int r;

	nft_begin(&t, FIREWALL_TABLE);
	put_port(&t, remove_element, port, nth, to, owner);
	r = nft_commit(sock, &t, err);
	nft_done(&t);
	return r;
}

/* Those of its ports that another container has by now stay with that one. */
static int remove_one_by_one(int sock, const struct firewall_container *container, struct error *err)
{
	const struct ip *const to[] = { &container->ipv4, &container->ipv6 };
	struct nft_transaction t;
	int r;

	nft_begin(&t, FIREWALL_TABLE);
	put_links(&t, remove_element, container);
	r = nft_commit(sock, &t, err);
	nft_done(&t);
	for (size_t i = 0; i < container->port_count; i++)
		for (size_t v = 0; v < ARRAY_SIZE(to); v++)
			for (uint16_t nth = 0;
				r >= 0 && leads_to(&container->ports[i], to[v]) && nth < container->ports[i].count;
				nth++)
				r = remove_port(sock, &container->ports[i], nth, to[v], container->id, err);
	return r;
}

int firewall_container_remove(const struct firewall_container *container, int *ret_sock, struct error *err)
{
	cleanup_close int sock = nft_open(err);
	struct nft_transaction t;
	int r;

	*ret_sock = -1;
	if (sock < 0)
		return has_no_rules(sock) ? 0 : sock;
	nft_begin(&t, FIREWALL_TABLE);
	put_container(&t, nft_add_element, container);
	put_container(&t, nft_delete_element, container);
	r = nft_commit(sock, &t, err);
	nft_done(&t);
	if (has_no_rules(r))
		return 0;
	if (r == NFT_TAKEN)
		r = remove_one_by_one(sock, container, err);
	if (r >= 0)
		r = conntrack_forget(sock, container->ports, container->port_count, err);
	if (r < 0)
		return r;
	*ret_sock = fd_take(&sock);
	return 0;
}

/* ---- is it there ---- */

int firewall_check(struct error *err)
{
	cleanup_close int sock = nft_open(err);
	int r = sock < 0 ? sock : firewall_check_rules(sock, err);

	return r < 0 ? r : r == NFT_OK ? FIREWALL_WHOLE : FIREWALL_BROKEN;
}
