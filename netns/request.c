/* netns/request.c: see the header. */
#include "netns/request.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"
#include "netns/network.h"

const char *const net_link_names[NET_LINK_KINDS] = {
	[NET_BRIDGE] = "bridge",
	[NET_MACVLAN] = "macvlan",
	[NET_IPVLAN] = "ipvlan",
};

bool net_is_link_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (; *name; name++)
		if (!isascii(*name) || !isgraph((unsigned char)*name) || strchr("/:%", *name))
			return false;
	return true;
}

bool net_is_host_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > 253 || *name == '-' || *name == '.')
		return false;
	for (size_t label = 0; *name; name++) {
		label = *name == '.' ? 0 : label + 1;
		if (label > NET_NAME_MAX || !isascii(*name) || !(isalnum((unsigned char)*name) || strchr("-_.", *name)))
			return false;
	}
	return true;
}

/* ---- options ---- */

struct reading {
	const char *where;
	struct faults *faults;
	struct net_link_request *link;
};

static void bad_value(const struct reading *reading, const char *key, const char *value, const char *wants)
{
	faults_add(reading->faults, reading->where, "%s: expected %s, found \"%s\"", key, wants, value);
}

/* Of a network it is an address, and the prefix is the network's. */
static void read_ip(const struct reading *reading, const char *key, const char *value)
{
	bool v6 = strcmp(key, "ip6") == 0, shares = reading->link->kind != NET_BRIDGE;
	struct subnet subnet;

	if (!subnet_parse(value, &subnet) || (subnet.ip.len == 16) != v6 || (strchr(value, '/') != NULL) != shares)
		bad_value(reading, key, value,
			shares       ? "an address with its prefix, as 192.0.2.7/24 or 2001:db8::7/64"
				: v6 ? "an IPv6 address"
				     : "an IPv4 address");
	else
		reading->link->ip[v6] = subnet;
}

static void read_gateway(const struct reading *reading, const char *key, const char *value)
{
	struct ip ip;

	if (reading->link->kind == NET_BRIDGE)
		faults_add(reading->faults, reading->where,
			"gateway: is the network's; see husk network create --gateway");
	else if (!ip_parse(value, &ip))
		bad_value(reading, key, value, "an address");
	else
		reading->link->gateway[ip.len == 16] = ip;
}

static void read_mac(const struct reading *reading, const char *key, const char *value)
{
	if (reading->link->kind == NET_IPVLAN)
		faults_add(reading->faults, reading->where, "mac: an ipvlan has the address of its parent");
	else if (!mac_parse(value, reading->link->mac))
		bad_value(reading, key, value, "the address of one host, as 02:00:00:00:00:01");
	else
		reading->link->has_mac = true;
}

static void read_alias(const struct reading *reading, const char *key, const char *value)
{
	struct net_link_request *link = reading->link;

	if (!net_is_host_name(value))
		bad_value(reading, key, value, "a host name");
	else if (link->alias_count == NET_ALIASES_MAX)
		faults_add(reading->faults, reading->where, "alias: at most %d can be given", NET_ALIASES_MAX);
	else
		link->aliases[link->alias_count++] = value;
}

static void read_interface(const struct reading *reading, const char *key, const char *value)
{
	if (!net_is_link_name(value) || strcmp(value, "lo") == 0)
		bad_value(reading, key, value, "the name of a link, 1 to 15 characters");
	else
		reading->link->interface = value;
}

static const struct {
	const char *key;
	void (*read)(const struct reading *reading, const char *key, const char *value);
} options[] = {
	{ "alias", read_alias },
	{ "gateway", read_gateway },
	{ "interface_name", read_interface },
	{ "ip", read_ip },
	{ "ip6", read_ip },
	{ "mac", read_mac },
};

static void unknown_option(const struct reading *reading, const char *key)
{
	const char *keys[ARRAY_SIZE(options)], *near;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		keys[i] = options[i].key;
	near = text_nearest(key, keys, ARRAY_SIZE(keys));
	if (near)
		faults_add(reading->faults, reading->where, "\"%s\" is no option of a network; did you mean \"%s\"?",
			key, near);
	else
		faults_add(reading->faults, reading->where, "\"%s\" is no option of a network", key);
}

static void read_option(const struct reading *reading, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals) {
		faults_add(reading->faults, reading->where, "expected OPTION=VALUE, found \"%s\"", text);
		return;
	}
	*equals = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (strcmp(text, options[i].key) == 0) {
			options[i].read(reading, text, equals + 1);
			return;
		}
	unknown_option(reading, text);
}

static void read_options(const struct reading *reading, char *text)
{
	for (char *next; text; text = next) {
		next = strchr(text, ',');
		if (next)
			*next++ = '\0';
		read_option(reading, text);
	}
}

/* ---- one network ---- */

static const struct {
	const char *word;
	enum net_mode mode;
	bool has_value, needs_value;
} lone[] = {
	{ "none", NET_NONE, false, false },
	{ "host", NET_HOST, false, false },
	{ "ns", NET_PATH, true, true },
	{ "container", NET_CONTAINER, true, true },
	{ "pasta", NET_PASTA, true, false },
};

/* Those that exclude others. False: it is none of these. */
static bool read_lone(const struct reading *reading, const char *word, const char *rest, struct net_request *request)
{
	for (size_t i = 0; i < ARRAY_SIZE(lone); i++) {
		if (strcmp(word, lone[i].word) != 0)
			continue;
		if (rest && !lone[i].has_value)
			faults_add(reading->faults, reading->where, "%s takes no options, found \"%s\"", word, rest);
		else if (lone[i].needs_value && (!rest || !*rest))
			faults_add(reading->faults, reading->where, "%s needs a value, as %s", word,
				lone[i].mode == NET_PATH ? "ns:/run/netns/NAME" : "container:ID");
		else if (lone[i].mode == NET_PATH && rest && *rest != '/')
			bad_value(reading, word, rest, "an absolute path");
		request->mode = lone[i].mode;
		request->what = rest;
		return true;
	}
	return false;
}

/* Whether `text` begins with an option rather than with a name: "bridge:ip=10.0.0.2", "bridge:web". */
static bool is_option(const char *text)
{
	return text && text[strcspn(text, "=,:")] == '=';
}

static void read_link(const struct reading *reading, char *word, char *rest, struct net_link_request *link)
{
	bool shares = false;
	char *options_text = rest;

	link->name = word;
	for (int kind = 0; kind < NET_LINK_KINDS; kind++)
		if (strcmp(word, net_link_names[kind]) == 0) {
			link->kind = (enum net_link_kind)kind;
			shares = kind != NET_BRIDGE;
			link->name = is_option(rest) || !rest ? NETWORK_DEFAULT : rest;
			if (link->name == rest) {
				options_text = strpbrk(rest, ":,");
				if (options_text)
					*options_text++ = '\0';
			}
		}
	if (shares && (link->name != rest || !net_is_link_name(link->name)))
		faults_add(reading->faults, reading->where, "%s needs a link of the host's, as %s:eth0", word, word);
	else if (!shares && network_check_name(link->name, NULL) < 0)
		faults_add(reading->faults, reading->where, "\"%s\" is no name of a network", link->name);
	if (options_text)
		read_options(reading, options_text);
}

static void read_one(struct reading *reading, char *text, struct net_request *request)
{
	char *rest = strchr(text, ':');

	if (rest)
		*rest++ = '\0';
	if (read_lone(reading, text, rest, request))
		return;
	if (request->link_count == NET_LINKS_MAX) {
		faults_add(reading->faults, reading->where, "at most %d networks can be joined", NET_LINKS_MAX);
		return;
	}
	request->mode = NET_LINKS;
	reading->link = &request->links[request->link_count++];
	read_link(reading, text, rest, reading->link);
}

static void check_twice(const struct reading *reading, const struct net_request *request)
{
	for (size_t i = 0; i < request->link_count; i++)
		for (size_t k = 0; k < i; k++) {
			const struct net_link_request *a = &request->links[i], *b = &request->links[k];
			if (a->kind == NET_BRIDGE && b->kind == NET_BRIDGE && strcmp(a->name, b->name) == 0)
				faults_add(
					reading->faults, reading->where, "the network \"%s\" is given twice", a->name);
			if (a->interface && b->interface && strcmp(a->interface, b->interface) == 0)
				faults_add(reading->faults, reading->where, "interface_name: \"%s\" is given twice",
					a->interface);
		}
}

void net_request_parse(const char *text, const char *where, struct net_request *ret, struct faults *faults)
{
	struct reading reading = { .where = where, .faults = faults };
	size_t count = 0;
	char *at, *next;

	*ret = (struct net_request){ .mode = NET_UNCHANGED };
	if (!text)
		return;
	for (at = arena_strdup(faults->arena, text); at; at = next) {
		next = strchr(at, ';');
		if (next)
			*next++ = '\0';
		read_one(&reading, at, ret);
		count++;
	}
	if (count > 1 && ret->link_count < count)
		faults_add(faults, where, "none, host, ns, container and pasta exclude other networks");
	check_twice(&reading, ret);
}
