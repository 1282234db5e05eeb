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
	return table_print(cells, COLUMNS, count + 1, err);
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
	struct network *networks = NULL;
	struct json_writer w;
	size_t count = 0;
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
	struct net_pruned pruned = { 0 };
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

static int network_connect_run(const struct invocation *invocation, struct error *err)
{
	return cli_with_container(invocation, connect_it, err);
}

static int network_disconnect_run(const struct invocation *invocation, struct error *err)
{
	return cli_with_container(invocation, disconnect_it, err);
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
