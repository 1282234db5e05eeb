/* runtime/cli/network.c: husk network, husk port. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/text.h"
#include "netns/netns.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"

enum { FORMAT_TABLE, FORMAT_JSON };
static const char *const formats[] = { "table", "json", NULL };

static int say(const struct invocation *invocation, const char *text, struct error *err)
{
	text = arena_printf(invocation->arena, "%s\n", text);
	return cli_write(text, strlen(text), err);
}

/* ---- create ---- */

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
	return r < 0 ? r : say(invocation, network.name, err);
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

static const struct command network_create_command = {
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

/* ---- ls, inspect ---- */

struct network_list_options {
	unsigned format;
	bool quiet;
};

enum { COLUMNS = 5 };

static const char *subnets_text(const struct network *network, struct arena *arena)
{
	char subnet[SUBNET_TEXT];
	const char *text = "";

	for (size_t i = 0; i < network->range_count; i++)
		text = arena_printf(
			arena, "%s%s%s", text, i ? "," : "", subnet_text(&network->ranges[i].subnet, subnet));
	return text;
}

static int write_networks(const struct invocation *invocation, const char *store, const struct network *networks,
	size_t count, struct error *err)
{
	static const char *const titles[COLUMNS] = { "NAME", "BRIDGE", "SUBNETS", "FLAGS", "CONTAINERS" };
	const char **cells = ARENA_ARRAY(invocation->arena, (count + 1) * COLUMNS, const char *);

	memcpy(cells, titles, sizeof(titles));
	for (size_t i = 0; i < count; i++) {
		const char **row = cells + (i + 1) * COLUMNS;
		row[0] = networks[i].name;
		row[1] = networks[i].bridge;
		row[2] = subnets_text(&networks[i], invocation->arena);
		row[3] = networks[i].internal  ? networks[i].isolated ? "internal,isolated" : "internal"
			: networks[i].isolated ? "isolated"
					       : "-";
		row[4] = arena_printf(
			invocation->arena, "%zu", net_count_members(store, networks[i].name, invocation->arena));
	}
	return cli_write_table(cells, COLUMNS, count + 1, err);
}

static int write_names(
	const struct invocation *invocation, const struct network *networks, size_t count, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = say(invocation, networks[i].name, err);
	return r;
}

static int network_ls_run(const struct invocation *invocation, struct error *err)
{
	const struct network_list_options *options = invocation->options;
	const char *store = cli_store_absolute(invocation, err);
	struct network *networks;
	struct json_writer w;
	size_t count;
	int r = store ? net_list(store, invocation->arena, &networks, &count, err) : err->code;

	if (r < 0)
		return r;
	if (options->quiet)
		return write_names(invocation, networks, count, err);
	if (options->format != FORMAT_JSON)
		return write_networks(invocation, store, networks, count, err);
	json_write_init(&w);
	json_array(&w, NULL);
	for (size_t i = 0; i < count; i++) {
		json_object(&w, NULL);
		network_write(&networks[i], &w);
		json_object_end(&w);
	}
	json_array_end(&w);
	return cli_write_json(&w, false, err);
}

static const struct option network_list_options[] = {
	OPTION("format", 'f', OPTION_CHOICE, struct network_list_options, format, .value = "FORMAT", .choices = formats,
		.help = "table or json"),
	OPTION("quiet", 'q', OPTION_FLAG, struct network_list_options, quiet, .help = "names only"),
};

static const struct command network_ls_command = {
	.name = "network ls",
	.usage = "[OPTIONS]",
	.summary = "List the networks.",
	.examples = "  husk network ls --format json | jq -r '.[].bridge'",
	.options = network_list_options,
	.option_count = ARRAY_SIZE(network_list_options),
	.options_size = sizeof(struct network_list_options),
	.max_args = 0,
	.failure_status = 1,
	.run = network_ls_run,
};

static int network_inspect_run(const struct invocation *invocation, struct error *err)
{
	const char *store = cli_store_absolute(invocation, err);
	struct json_writer w;
	int r = store ? 0 : err->code;

	if (r < 0)
		return r;
	json_write_init(&w);
	json_array(&w, NULL);
	for (int i = 0; r == 0 && i < invocation->arg_count; i++)
		r = net_inspect(store, invocation->args[i], &w, invocation->arena, err);
	json_array_end(&w);
	if (r == 0)
		return cli_write_json(&w, true, err);
	json_write_done(&w);
	return r;
}

static const struct command network_inspect_command = {
	.name = "network inspect",
	.usage = "NAME...",
	.summary = "Print networks and the containers in them as JSON.",
	.examples = "  husk network inspect web | jq '.[0].containers'",
	.min_args = 1,
	.max_args = 1 << 16,
	.failure_status = 1,
	.run = network_inspect_run,
};

/* ---- rm, prune ---- */

struct network_rm_options {
	bool force;
};

static int network_rm_run(const struct invocation *invocation, struct error *err)
{
	const struct network_rm_options *options = invocation->options;
	const char *store = cli_store_absolute(invocation, err);
	int r = store ? 0 : err->code;

	for (int i = 0; r == 0 && i < invocation->arg_count; i++) {
		r = net_remove(store, invocation->args[i], options->force, invocation->arena, err);
		if (r == -ENOENT && options->force)
			r = 0;
	}
	return r;
}

static const struct option network_rm_options[] = {
	OPTION("force", 'f', OPTION_FLAG, struct network_rm_options, force,
		.help = "also if containers are in it, or it is damaged; a missing one is fine"),
};

static const struct command network_rm_command = {
	.name = "network rm",
	.usage = "[OPTIONS] NAME...",
	.summary = "Remove networks, with their bridges and rules.",
	.examples = "  husk network rm web",
	.options = network_rm_options,
	.option_count = ARRAY_SIZE(network_rm_options),
	.options_size = sizeof(struct network_rm_options),
	.min_args = 1,
	.max_args = 1 << 16,
	.failure_status = 1,
	.run = network_rm_run,
};

struct network_prune_options {
	bool all;
};

static int network_prune_run(const struct invocation *invocation, struct error *err)
{
	const struct network_prune_options *options = invocation->options;
	const char *store = cli_store_absolute(invocation, err);
	struct net_pruned pruned;
	int r = store ? net_prune(store, options->all, invocation->arena, &pruned, err) : err->code;

	if (r < 0)
		return r;
	return say(invocation,
		arena_printf(invocation->arena, "%u addresses given back, %u networks removed", pruned.leases,
			pruned.networks),
		err);
}

static const struct option network_prune_options[] = {
	OPTION("all", 'a', OPTION_FLAG, struct network_prune_options, all,
		.help = "remove networks that no container is in, too"),
};

static const struct command network_prune_command = {
	.name = "network prune",
	.usage = "[OPTIONS]",
	.summary = "Give back what containers held that are gone.",
	.examples = "  husk network prune --all",
	.options = network_prune_options,
	.option_count = ARRAY_SIZE(network_prune_options),
	.options_size = sizeof(struct network_prune_options),
	.max_args = 0,
	.failure_status = 1,
	.run = network_prune_run,
};

/* ---- connect, disconnect ---- */

/* Only in a network namespace that husk made, and for a process that is there. */
static int open_own_network(const struct container *container, struct arena *arena, struct error *err)
{
	struct spec *spec;
	char path[64];
	int r, fd;

	if (!container->pid)
		return error_bad(err, ESRCH, "container not running: \"%s\" is %s", container->id,
			spec_status_names[container->status]);
	r = container_spec(container, arena, &spec, err);
	if (r < 0)
		return r;
	if (container->record.shares_network || spec->linux_.namespaces[SPEC_NS_NETWORK].path)
		return error_bad(
			err, ENOTSUP, "the container \"%s\" has no network namespace of its own", container->id);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", container->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "open %s", path) : fd;
}

static int connect_it(const struct invocation *invocation, struct container *container, struct error *err)
{
	cleanup_close int netns = open_own_network(container, invocation->arena, err);
	const struct net_owner owner = {
		.store = cli_store_absolute(invocation, err),
		.id = container->id,
		.state_dir = container->dir,
	};

	if (netns < 0 || !owner.store)
		return err->code;
	return net_connect(&owner, invocation->args[1], netns, invocation->arena, err);
}

static int disconnect_it(const struct invocation *invocation, struct container *container, struct error *err)
{
	return net_disconnect(container->dir, invocation->args[1], err);
}

static int with_container(const struct invocation *invocation,
	int (*act)(const struct invocation *, struct container *, struct error *), struct error *err)
{
	struct container container;
	cleanup_close int root = -1;
	int r = cli_open_container(invocation, &root, &container, err);

	if (r < 0)
		return r;
	r = container_lock(&container, invocation->arena, err);
	if (r == 0)
		r = act(invocation, &container, err);
	container_close(&container);
	return r;
}

static int network_connect_run(const struct invocation *invocation, struct error *err)
{
	return with_container(invocation, connect_it, err);
}

static int network_disconnect_run(const struct invocation *invocation, struct error *err)
{
	return with_container(invocation, disconnect_it, err);
}

static const struct command network_connect_command = {
	.name = "network connect",
	.usage = "ID NAME[:OPTION,...]",
	.summary = "Give a running container a link to a network.",
	.examples = "  husk network connect web db\n"
		    "  husk network connect web db:ip=10.9.0.7,alias=cache",
	.min_args = 2,
	.max_args = 2,
	.failure_status = 1,
	.run = network_connect_run,
};

static const struct command network_disconnect_command = {
	.name = "network disconnect",
	.usage = "ID NAME",
	.summary = "Take a container's link to a network away.",
	.examples = "  husk network disconnect web db",
	.min_args = 2,
	.max_args = 2,
	.failure_status = 1,
	.run = network_disconnect_run,
};

/* ---- check, repair ---- */

struct network_repair_options {
	bool with_docker;
};

/* Calls `act` for each network that is named, or for all. */
static int for_each_network(const struct invocation *invocation,
	int (*act)(const struct invocation *, const char *store, const char *name, struct error *), struct error *err)
{
	const char *store = cli_store_absolute(invocation, err);
	struct network *networks;
	size_t count;
	int r = store ? 0 : err->code, result = 0;

	for (int i = 0; r >= 0 && i < invocation->arg_count; i++)
		result = (r = act(invocation, store, invocation->args[i], err)) > 0 ? r : result;
	if (r < 0 || invocation->arg_count)
		return r < 0 ? r : result;
	r = net_list(store, invocation->arena, &networks, &count, err);
	for (size_t i = 0; r >= 0 && i < count; i++)
		result = (r = act(invocation, store, networks[i].name, err)) > 0 ? r : result;
	return r < 0 ? r : result;
}

static int check_one(const struct invocation *invocation, const char *store, const char *name, struct error *err)
{
	const char *what;
	int r = net_check(store, name, invocation->arena, &what, err);

	if (r < 0 || !what)
		return r;
	r = say(invocation, arena_printf(invocation->arena, "%s: %s", name, what), err);
	return r < 0 ? r : 1;
}

static int network_check_run(const struct invocation *invocation, struct error *err)
{
	return for_each_network(invocation, check_one, err);
}

static const struct command network_check_command = {
	.name = "network check",
	.usage = "[NAME...]",
	.summary = "Say what stands in the way of networks.",
	.examples = "  husk network check",
	.max_args = 1 << 16,
	.failure_status = 1,
	.run = network_check_run,
};

static int repair_one(const struct invocation *invocation, const char *store, const char *name, struct error *err)
{
	const struct network_repair_options *options = invocation->options;

	return net_repair(store, name, options->with_docker, invocation->arena, err);
}

static int network_repair_run(const struct invocation *invocation, struct error *err)
{
	return for_each_network(invocation, repair_one, err);
}

static const struct option network_repair_options[] = {
	OPTION("with-docker", 0, OPTION_FLAG, struct network_repair_options, with_docker,
		.help = "have the firewalls of Docker and ufw let them pass, too"),
};

static const struct command network_repair_command = {
	.name = "network repair",
	.usage = "[OPTIONS] [NAME...]",
	.summary = "Set up again what was taken away under running containers.",
	.examples = "  nft flush ruleset; husk network repair",
	.options = network_repair_options,
	.option_count = ARRAY_SIZE(network_repair_options),
	.options_size = sizeof(struct network_repair_options),
	.max_args = 1 << 16,
	.failure_status = 1,
	.run = network_repair_run,
};

/* ---- port ---- */

static int port_run(const struct invocation *invocation, struct error *err)
{
	cleanup_close int root = -1;
	struct container container;
	const char *lines;
	int r = cli_open_container(invocation, &root, &container, err);

	if (r < 0)
		return r;
	r = net_ports(container.dir, invocation->arena, &lines, err);
	container_close(&container);
	return r < 0 ? r : cli_write(lines, strlen(lines), err);
}

const struct command port_command = {
	.name = "port",
	.usage = "ID",
	.summary = "List the ports that a container publishes.",
	.examples = "  husk port web",
	.min_args = 1,
	.max_args = 1,
	.failure_status = 1,
	.run = port_run,
};

/* ---- network ---- */

static const struct command *const network_parts[] = {
	&network_create_command,
	&network_ls_command,
	&network_inspect_command,
	&network_rm_command,
	&network_prune_command,
	&network_connect_command,
	&network_disconnect_command,
	&network_check_command,
	&network_repair_command,
	NULL,
};

static int network_run(const struct invocation *invocation, struct error *err)
{
	(void)invocation;
	(void)error_bad(err, EINVAL, "network: a command is missing");
	return error_hint(err, "try husk network --help");
}

const struct command network_command = {
	.name = "network",
	.usage = "COMMAND [ARGUMENTS]",
	.summary = "Make, list and remove networks; connect containers.",
	.examples = "  husk network create web\n"
		    "  husk run --network web -p 8080:80 /srv/web/",
	.parts = network_parts,
	.max_args = 0,
	.failure_status = 1,
	.run = network_run,
};
