/* runtime/cli/network_options.c: see the header. */
#include "runtime/cli/network_options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "base/text.h"
#include "netns/netns.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"

const char *cli_store_absolute(const struct invocation *invocation, struct error *err)
{
	const char *path = cli_store_path(invocation, err);
	char here[PATH_MAX];

	if (!path || *path == '/' || !getcwd(here, sizeof(here)))
		return path;
	return arena_printf(invocation->arena, "%s/%s", here, path);
}

const char *cli_default_network(void)
{
	const char *named = getenv("HUSK_NETWORK");

	if (named && *named)
		return named;
	return geteuid() == 0 ? "bridge" : NULL;
}

/* ---- annotations ---- */

static void annotate(struct spec *spec, const char *key, const char *value, struct arena *arena)
{
	struct spec_pair *pairs = ARENA_ARRAY(arena, spec->annotation_count + 1, struct spec_pair);
	size_t count = 0;

	for (size_t i = 0; i < spec->annotation_count; i++)
		if (strcmp(spec->annotations[i].key, key) != 0)
			pairs[count++] = spec->annotations[i];
	pairs[count++] = (struct spec_pair){ .key = key, .value = value };
	spec->annotations = pairs;
	spec->annotation_count = count;
}

static const char *join(const struct option_list *list, struct arena *arena)
{
	const char *joined = list->count ? list->items[0] : NULL;

	for (size_t i = 1; i < list->count; i++)
		joined = arena_printf(arena, "%s;%s", joined, list->items[i]);
	return joined;
}

/* "web" to "web:ip=...", "web:ip=..." to "web:ip=...,mac=...". */
static const char *with_option(const char *network, const char *key, const char *value, struct arena *arena)
{
	if (!value)
		return network;
	return arena_printf(arena, "%s%c%s=%s", network, strchr(network, ':') ? ',' : ':', key, value);
}

/* --ip and what is like it belong to the first network. */
static const char *first_network(const char *network, const struct network_options *options, struct arena *arena)
{
	network = with_option(network, "ip", options->ip, arena);
	network = with_option(network, "ip6", options->ip6, arena);
	network = with_option(network, "mac", options->mac, arena);
	for (size_t i = 0; i < options->aliases.count; i++)
		network = with_option(network, "alias", options->aliases.items[i], arena);
	return network;
}

static const char *networks_text(const struct network_options *options, const struct spec *spec, struct arena *arena)
{
	bool details = options->ip || options->ip6 || options->mac || options->aliases.count;
	const char *asked = spec_annotation(spec, NET_ANNOTATION), *first;

	if (!options->networks.count && !details && ((!options->ports.count && !options->rate) || asked))
		return asked ? NULL : options->otherwise;
	first = options->networks.count ? options->networks.items[0]
		: asked                 ? asked
		: options->otherwise    ? options->otherwise
					: "bridge";
	if (!options->networks.count && asked) { /* what follows the first one stays */
		const char *rest = strchr(asked, ';');
		if (!rest)
			return first_network(asked, options, arena);
		first = arena_copy(arena, asked, (size_t)(rest - asked));
		return arena_printf(arena, "%s%s", first_network(first, options, arena), rest);
	}
	const char *text = first_network(first, options, arena);
	for (size_t i = 1; i < options->networks.count; i++)
		text = arena_printf(arena, "%s;%s", text, options->networks.items[i]);
	return text;
}

/* Those that may be given several times. */
static const struct {
	size_t offset; /* of a struct option_list */
	const char *key;
} lists[] = {
	{ offsetof(struct network_options, ports), NET_PORTS_ANNOTATION },
	{ offsetof(struct network_options, names.servers), NAMES_DNS },
	{ offsetof(struct network_options, names.searches), NAMES_DNS_SEARCH },
	{ offsetof(struct network_options, names.options), NAMES_DNS_OPTION },
	{ offsetof(struct network_options, names.hosts), NAMES_ADD_HOSTS },
};

static void add_annotations(const struct network_options *options, struct spec *spec, struct arena *arena)
{
	const char *networks = networks_text(options, spec, arena);

	if (networks)
		annotate(spec, NET_ANNOTATION, networks, arena);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct option_list *list = (const void *)((const char *)options + lists[i].offset);
		if (list->count)
			annotate(spec, lists[i].key, join(list, arena), arena);
	}
	if (options->rate)
		annotate(spec, NET_RATE_ANNOTATION, options->rate, arena);
}

static void set_list(struct option_list *list, const char *value, struct arena *arena)
{
	list->items = ARENA_ARRAY(arena, 1, const char *);
	list->items[0] = value;
	list->count = 1;
}

void cli_network_again(
	const struct spec_pair *annotations, size_t count, struct arena *arena, struct network_options *ret)
{
	for (size_t i = 0; i < count; i++) {
		const char *key = annotations[i].key, *value = annotations[i].value;
		if (strcmp(key, NET_ANNOTATION) == 0)
			set_list(&ret->networks, value, arena);
		else if (strcmp(key, NET_RATE_ANNOTATION) == 0)
			ret->rate = value;
		for (size_t j = 0; j < ARRAY_SIZE(lists); j++)
			if (strcmp(key, lists[j].key) == 0)
				set_list((void *)((char *)ret + lists[j].offset), value, arena);
	}
}

/* ---- container:ID ---- */

/* Its namespace, held by a descriptor of ours: its pid may be somebody else's by the time the namespace is joined. */
static int find_peer(const struct invocation *invocation, const char *id, const char **ret_path, struct error *err)
{
	cleanup_close int root = -1, netns = -1;
	struct container peer = { .dir = -1, .pidfd = -1 };
	char path[64];
	int r = cli_open_root(invocation, false, &root, err);

	if (r == 0)
		r = container_open(root, id, invocation->arena, &peer, err);
	if (r < 0)
		return error_at(err, "--network container:%s", id);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", peer.pid);
	netns = peer.pid ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (netns < 0 || pidfd_send_signal(peer.pidfd, 0, NULL, 0) < 0)
		r = error_bad(
			err, ESRCH, "container not running: \"%s\", whose network is to be joined, has ended", id);
	container_close(&peer);
	if (r == 0)
		*ret_path = arena_printf(invocation->arena, "/proc/self/fd/%d", fd_take(&netns));
	return r;
}

int cli_settle_network(const struct invocation *invocation, const struct network_options *options, struct spec *spec,
	struct faults *faults, struct error *err)
{
	const char *peer, *path = NULL;

	if (options)
		add_annotations(options, spec, invocation->arena);
	peer = net_asks_container(spec, invocation->arena);
	if (peer) {
		int r = find_peer(invocation, peer, &path, err);
		if (r < 0)
			return r;
	}
	net_settle_namespaces(spec, path, invocation->arena, faults);
	return 0;
}
