/* netns/firewall_ports.c: which ports of the host are free, before anything is made.
 *
 * A port may be held by a socket of the host, or be another container's: in the maps. Two that start at one moment may
 * both find it free; then the transaction of the second is refused. One that wants a port of all addresses and one
 * that wants it of one address do not meet in a map, so here each looks into the other's. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "netns/firewall.h"
#include "netns/firewall_rules.h"
#include "netns/port_holder.h"

enum {
	TRIES = 100,
	ASK_ONE_BY_ONE = 8, /* of more, the maps are read whole */
	OWNER_SIZE = 128,
};

/* What is looked for in the maps, and the first that was found. */
struct search {
	const struct published *port;
	const char *id;
	bool any_address; /* of the map that is read: its keys have no address */
	size_t ip_len;
	uint16_t found_port; /* 0 = none */
	char owner[OWNER_SIZE];
};

/* A key: address, unless all are meant; protocol; port; each in whole registers. */
static void match(const struct nft_found *found, void *data)
{
	struct search *search = data;
	const struct published *port = search->port;
	size_t skip = search->any_address ? 0 : search->ip_len;
	uint16_t number;

	if (search->found_port || found->key_len < skip + 8 || strcmp(found->owner, search->id) == 0)
		return;
	memcpy(&number, found->key + skip + 4, sizeof(number));
	number = ntohs(number);
	if (found->key[skip] != port->protocol || number < port->host_port || number - port->host_port >= port->count)
		return;
	if (skip && port->host_ip.len && memcmp(found->key, port->host_ip.bytes, skip) != 0)
		return;
	search->found_port = number;
	strncat(search->owner, found->owner, OWNER_SIZE - 1);
}

/* The one element that could be in the way. */
static int ask_for(int sock, const struct nft_set *set, struct search *search, uint16_t number, struct error *err)
{
	const uint16_t port = htons(number);
	struct nft_element element = { 0 };

	if (!search->any_address)
		nft_key(&element, search->port->host_ip.bytes, search->ip_len);
	nft_key(&element, &search->port->protocol, sizeof(search->port->protocol));
	nft_key(&element, &port, sizeof(port));
	return nft_read_elements(sock, FIREWALL_TABLE, set, &element, match, search, err);
}

static int search_map(int sock, const struct nft_set *set, struct search *search, struct error *err)
{
	bool one_key = search->any_address || search->port->host_ip.len;
	int r = 0;

	if (!one_key || search->port->count > ASK_ONE_BY_ONE)
		return nft_read_elements(sock, FIREWALL_TABLE, set, NULL, match, search, err);
	for (uint16_t i = 0; i < search->port->count && r >= 0; i++)
		r = ask_for(sock, set, search, (uint16_t)(search->port->host_port + i), err);
	return r;
}

/* 1 where no other container has it, 0 where one has. */
static int is_unpublished(
	int sock, const struct published *port, int family, const char *id, struct search *ret, struct error *err)
{
	const struct nft_set *sets = family == AF_INET ? firewall_published4 : firewall_published6;

	*ret = (struct search){ .port = port, .id = id, .ip_len = family == AF_INET ? 4 : 16 };
	for (int kind = 0; kind < PUBLISHED_KINDS && !ret->found_port; kind++) {
		int r;
		ret->any_address = kind == PUBLISHED_ANY;
		r = search_map(sock, &sets[kind], ret, err);
		if (r < 0)
			return r;
	}
	return !ret->found_port;
}

static int refuse_published(const struct search *search, struct error *err)
{
	return error_bad(err, -EADDRINUSE, "%u/%s is published by container %s", search->found_port,
		port_protocol(search->port->protocol), search->owner);
}

static int refuse_bound(const struct published *port, uint16_t number, int code, struct error *err)
{
	const char *protocol = port_protocol(port->protocol);
	char holder[PORT_HOLDER], ip[IP_TEXT];

	if (code == -EADDRNOTAVAIL)
		return error_bad(err, code, "publish %u/%s on %s: this host has no such address", number, protocol,
			ip_text(&port->host_ip, ip));
	if (*port_holder(port->protocol, number, holder))
		return error_bad(err, code, "%u/%s is held by %s", number, protocol, holder);
	return error_bad(err, code, "%u/%s is in use on this host", number, protocol);
}

/* ---- fixed ports ---- */

/* 1 where all of them are free, 0 where not: then the error says why. */
static int is_free(int sock, const struct published *port, int family, const char *id, struct error *err)
{
	struct search search;
	int r = is_unpublished(sock, port, family, id, &search, err);

	if (r < 0)
		return r;
	if (r == 0)
		return (void)refuse_published(&search, err), 0;
	for (uint16_t i = 0; i < port->count; i++) {
		uint16_t number = (uint16_t)(port->host_port + i), got;
		int tried = port_try(family, &port->host_ip, port->protocol, number, &got);
		if (tried < 0)
			return (void)refuse_bound(port, number, tried, err), 0;
	}
	return 1;
}

struct versions {
	int family[2];
	size_t count;
};

static int is_free_in_all(
	int sock, const struct published *port, const struct versions *versions, const char *id, struct error *err)
{
	int r = 1;

	for (size_t i = 0; i < versions->count && r == 1; i++)
		r = is_free(sock, port, versions->family[i], id, err);
	return r;
}

/* ---- a choice ---- */

/* The kernel finds a port that no socket has; it may be a container's all the same. */
static uint16_t propose(const struct published *port, const struct versions *versions, unsigned try)
{
	uint16_t number = 0;

	if (port->host_port)
		return (uint16_t)(port->host_port + try);
	if (versions->count == 0)
		return 0;
	(void)port_try(versions->family[0], &port->host_ip, port->protocol, 0, &number);
	return number;
}

/* No port twice within one container. */
static bool chosen_before(const struct published *ports, size_t count, const struct published *port)
{
	for (size_t i = 0; i < count; i++)
		if (ports[i].protocol == port->protocol && ports[i].host_port &&
			port->host_port >= ports[i].host_port && port->host_port - ports[i].host_port < ports[i].count)
			return true;
	return false;
}

static int choose(int sock, struct published *ports, size_t at, const struct versions *versions, const char *id,
	struct error *err)
{
	struct published *port = &ports[at];
	unsigned tries = port->host_port ? port->host_choices : TRIES;
	char text[PORT_TEXT];

	for (unsigned i = 0; i < tries; i++) {
		struct published one = *port;
		int r;
		one.host_choices = 1;
		one.host_port = propose(port, versions, i);
		if (one.host_port == 0 || chosen_before(ports, at, &one))
			continue;
		*err = (struct error){ 0 };
		r = is_free_in_all(sock, &one, versions, id, err);
		if (r == 1)
			*port = one;
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return error_bad(
		err, -EADDRINUSE, "publish %s: none of %u ports of the host is free", port_text(port, text), tries);
}

/* The versions of IP by which a port can lead to the container; an address that does not fit is a mistake. */
static int versions_of(const struct published *port, bool ipv4, bool ipv6, struct versions *ret, struct error *err)
{
	static const struct ip localhost6 = { .len = 16, .bytes = { [15] = 1 } };
	char ip[IP_TEXT];

	*ret = (struct versions){ 0 };
	if (port->host_ip.len && ip_compare(&port->host_ip, &localhost6) == 0) {
		(void)error_bad(err, -EINVAL, "publish %u/%s on ::1: the kernel lets nothing from ::1 leave the host",
			port->host_port, port_protocol(port->protocol));
		return error_hint(err, "use 127.0.0.1");
	}
	if (ipv4 && port->host_ip.len != 16)
		ret->family[ret->count++] = AF_INET;
	if (ipv6 && port->host_ip.len != 4)
		ret->family[ret->count++] = AF_INET6;
	return ret->count ? 0
			  : error_bad(err, -EINVAL, "publish %u/%s on %s: the container has no IPv%d address",
				    port->container_port, port_protocol(port->protocol),
				    port->host_ip.len ? ip_text(&port->host_ip, ip) : "any address",
				    port->host_ip.len == 16 ? 6 : 4);
}

int firewall_choose_ports(
	struct published *ports, size_t count, bool ipv4, bool ipv6, const char *id, struct error *err)
{
	cleanup_close int sock = count ? nft_open(err) : -1;

	if (count && sock < 0)
		return sock;
	for (size_t i = 0; i < count; i++) {
		struct versions versions;
		int r = versions_of(&ports[i], ipv4, ipv6, &versions, err);
		if (r == 0 && (ports[i].host_port == 0 || ports[i].host_choices > 1))
			r = choose(sock, ports, i, &versions, id, err);
		else if (r == 0)
			r = is_free_in_all(sock, &ports[i], &versions, id, err) == 1 ? 0 : err->code;
		if (r < 0)
			return r;
	}
	return 0;
}
