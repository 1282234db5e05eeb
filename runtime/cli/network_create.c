/* runtime/cli/network_create.c: husk network create. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "netns/netns.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"

struct network_create_options {
	struct option_list subnets, gateways, ranges, dns, labels, driver_options;
	unsigned mtu, vlan;
	bool internal, isolated, nameless, ipv6;
	const char *driver;
};

static int read_subnets(const struct option_list *list, struct network *network, struct error *err)
{
	for (size_t i = 0; i < list->count; i++) {
		struct network_range *range = &network->ranges[network->range_count];
		if (!strchr(list->items[i], '/') || !subnet_parse(list->items[i], &range->subnet))
			return error_bad(err, EINVAL, "--subnet: expected a subnet as 10.1.0.0/24, found \"%s\"",
				list->items[i]);
		if (network_range_of(network, range->subnet.ip.len) || network->range_count == NETWORK_RANGES)
			return error_bad(err, EINVAL,
				"--subnet: a network has one of each version of IP, so \"%s\" is too many",
				list->items[i]);
		network->range_count++;
	}
	return 0;
}

/* The range that an address of --gateway or --ip-range belongs to. */
static struct network_range *range_for(struct network *network, const struct ip *ip)
{
	for (size_t i = 0; i < network->range_count; i++)
		if (subnet_holds(&network->ranges[i].subnet, ip))
			return &network->ranges[i];
	return NULL;
}

static int read_gateways(const struct option_list *list, struct network *network, struct error *err)
{
	for (size_t i = 0; i < list->count; i++) {
		struct network_range *range;
		struct ip ip;
		if (!ip_parse(list->items[i], &ip))
			return error_bad(err, EINVAL, "--gateway: expected an address, found \"%s\"", list->items[i]);
		range = range_for(network, &ip);
		if (!range)
			return error_bad(err, EINVAL, "--gateway: %s is in none of the subnets given by --subnet",
				list->items[i]);
		range->gateway = ip;
	}
	return 0;
}

static int read_ranges(const struct option_list *list, struct network *network, struct error *err)
{
	for (size_t i = 0; i < list->count; i++) {
		struct network_range *range;
		struct subnet part;
		if (!strchr(list->items[i], '/') || !subnet_parse(list->items[i], &part))
			return error_bad(err, EINVAL,
				"--ip-range: expected a part of a subnet as 10.1.0.128/25, found \"%s\"",
				list->items[i]);
		range = range_for(network, &part.ip);
		if (!range || part.prefix < range->subnet.prefix)
			return error_bad(err, EINVAL, "--ip-range: %s is in none of the subnets given by --subnet",
				list->items[i]);
		range->first = subnet_first(&part);
		range->last = subnet_last(&part);
	}
	return 0;
}

static int read_dns(const struct option_list *list, struct network *network, struct error *err)
{
	struct ip ip;

	for (size_t i = 0; i < list->count; i++) {
		if (!ip_parse(list->items[i], &ip))
			return error_bad(err, EINVAL, "--dns: expected an address, found \"%s\"", list->items[i]);
		if (network->dns_count == NETWORK_DNS_MAX)
			return error_bad(err, EINVAL, "--dns: at most %d can be given", NETWORK_DNS_MAX);
		network->dns[network->dns_count++] = list->items[i];
	}
	return 0;
}

static int read_labels(const struct option_list *list, struct network *network, struct arena *arena, struct error *err)
{
	if (list->count > NETWORK_LABELS_MAX)
		return error_bad(err, EINVAL, "--label: at most %d can be given", NETWORK_LABELS_MAX);
	network->labels = ARENA_ARRAY(arena, list->count + 1, struct spec_pair);
	for (size_t i = 0; i < list->count; i++) {
		const char *equals = strchr(list->items[i], '=');
		size_t len = equals ? (size_t)(equals - list->items[i]) : strlen(list->items[i]);
		if (len == 0)
			return error_bad(err, EINVAL, "--label: expected KEY=VALUE, found \"%s\"", list->items[i]);
		network->labels[network->label_count++] = (struct spec_pair){
			.key = arena_copy(arena, list->items[i], len),
			.value = equals ? equals + 1 : "",
		};
	}
	return 0;
}

static int read_number(const char *key, const char *text, unsigned max, unsigned *ret, struct error *err)
{
	uint64_t number;

	if (text_to_u64(text, 1, max, &number) < 0)
		return error_bad(err, EINVAL, "--opt %s: expected a number from 1 to %u, found \"%s\"", key, max, text);
	*ret = (unsigned)number;
	return 0;
}

enum { MTU_MIN = 68, MTU_MIN_V6 = 1280, MTU_MAX = 65535, VLAN_MAX = 4094 };

/* -o as docker and podman have it: mtu=, vlan=, isolate=, and the long names of docker. */
static int read_driver_option(const char *text, struct network *network, struct error *err)
{
	const char *value = strchr(text, '=');
	size_t len = value ? (size_t)(value - text) : strlen(text);

	value = value ? value + 1 : "true";
	if ((len == 3 && strncmp(text, "mtu", 3) == 0) ||
		(len == 25 && strncmp(text, "com.docker.network.driver.mtu", len) == 0))
		return read_number("mtu", value, MTU_MAX, &network->mtu, err);
	if (len == 4 && strncmp(text, "vlan", 4) == 0)
		return read_number("vlan", value, VLAN_MAX, &network->vlan, err);
	if (len != 7 || strncmp(text, "isolate", 7) != 0)
		return error_bad(
			err, EINVAL, "--opt: \"%s\" is no option of a network; there are mtu=, vlan=, isolate=", text);
	network->isolated = strcmp(value, "true") == 0 || strcmp(value, "1") == 0 || strcmp(value, "strict") == 0;
	if (network->isolated || strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
		return 0;
	return error_bad(err, EINVAL, "--opt isolate: expected true or false, found \"%s\"", value);
}

static int read_flags(const struct network_create_options *options, struct network *network, struct error *err)
{
	int r = 0;

	network->internal = options->internal;
	network->isolated = options->isolated;
	network->nameless = options->nameless;
	network->mtu = options->mtu;
	network->vlan = options->vlan;
	for (size_t i = 0; r == 0 && i < options->driver_options.count; i++)
		r = read_driver_option(options->driver_options.items[i], network, err);
	if (r < 0)
		return r;
	unsigned least = network_range_of(network, 16) ? MTU_MIN_V6 : MTU_MIN;
	if (network->mtu && (network->mtu < least || network->mtu > MTU_MAX))
		return error_bad(err, EINVAL, "--mtu: expected %u to %d, found %u", least, MTU_MAX, network->mtu);
	if (network->vlan > VLAN_MAX)
		return error_bad(err, EINVAL, "--vlan: expected 1 to %d, found %u", VLAN_MAX, network->vlan);
	if (options->driver && strcmp(options->driver, "bridge") != 0)
		return error_bad(err, EINVAL,
			"--driver: there is bridge; macvlan and ipvlan need no network: --network macvlan:LINK");
	return 0;
}

static int network_create_run(const struct invocation *invocation, struct error *err)
{
	const struct network_create_options *options = invocation->options;
	struct network network = { .name = invocation->args[0] };
	const char *store = cli_store_absolute(invocation, err);
	int r = store ? read_subnets(&options->subnets, &network, err) : err->code;

	if (r == 0)
		r = read_gateways(&options->gateways, &network, err);
	if (r == 0)
		r = read_ranges(&options->ranges, &network, err);
	if (r == 0)
		r = read_dns(&options->dns, &network, err);
	if (r == 0)
		r = read_labels(&options->labels, &network, invocation->arena, err);
	if (r == 0)
		r = read_flags(options, &network, err);
	if (r == 0)
		r = net_create(store, &network, invocation->arena, err);
	if (r < 0)
		return r;
	const char *line = arena_printf(invocation->arena, "%s\n", network.name);
	return cli_write(line, strlen(line), err);
}

#define NET_OPTION(name, letter, kind, member, ...)                                                                    \
	OPTION(name, letter, kind, struct network_create_options, member, __VA_ARGS__)

static const struct option network_create_options[] = {
	NET_OPTION("subnet", 0, OPTION_LIST, subnets, .value = "SUBNET",
		.help = "one of IPv4, one of IPv6 (default: a free one of IPv4)"),
	NET_OPTION(
		"gateway", 0, OPTION_LIST, gateways, .value = "ADDRESS", .help = "of the bridge (default: the first)"),
	NET_OPTION("ip-range", 0, OPTION_LIST, ranges, .value = "SUBNET", .help = "what containers get addresses from"),
	NET_OPTION("mtu", 0, OPTION_NUMBER, mtu, .value = "BYTES", .help = "of its links"),
	NET_OPTION("vlan", 0, OPTION_NUMBER, vlan, .value = "ID", .help = "of its ports"),
	NET_OPTION("internal", 0, OPTION_FLAG, internal, .help = "no way out"),
	NET_OPTION("isolated", 0, OPTION_FLAG, isolated, .help = "no way in from other networks"),
	NET_OPTION("disable-dns", 0, OPTION_FLAG, nameless, .help = "containers do not find each other by name"),
	NET_OPTION("dns", 0, OPTION_LIST, dns, .value = "ADDRESS", .help = "server that its containers ask"),
	NET_OPTION("label", 0, OPTION_LIST, labels, .value = "KEY=VALUE", .help = "kept with it"),
	NET_OPTION("driver", 'd', OPTION_TEXT, driver, .value = "NAME", .help = "bridge"),
	NET_OPTION("opt", 'o', OPTION_LIST, driver_options, .value = "KEY=VALUE", .help = "mtu=, vlan=, isolate="),
};

const struct command network_create_command = {
	.name = "network create",
	.usage = "[OPTIONS] NAME",
	.summary = "Make a network.",
	.examples = "  husk network create web\n"
		    "  husk network create --subnet 10.9.0.0/24 --subnet fd00:9::/64 --internal db",
	.options = network_create_options,
	.option_count = ARRAY_SIZE(network_create_options),
	.options_size = sizeof(struct network_create_options),
	.min_args = 1,
	.max_args = 1,
	.failure_status = 1,
	.run = network_create_run,
};
