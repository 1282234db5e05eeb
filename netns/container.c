/* netns/container.c: the network of one container, from reserving to its end: what the runtime calls. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/path.h"
#include "netns/attach.h"
#include "netns/netns.h"
#include "netns/plan.h"

static int begin(const struct net_owner *owner, struct arena *arena, struct attachment *ret, struct error *err)
{
	char path[PATH_MAX];
	int r = path_of_fd(owner->state_dir, path, sizeof(path));

	if (r < 0)
		return error_sys(err, r, "find the path of the container's state");
	*ret = (struct attachment){ .store = owner->store, .id = owner->id, .state = arena_strdup(arena, path) };
	return 0;
}

int net_reserve(const struct net_plan *plan, const struct net_owner *owner, struct arena *arena,
	struct attachment **ret_attachment, struct error *err)
{
	struct attachment *attachment = ARENA_NEW(arena, struct attachment);
	int r = begin(owner, arena, attachment, err);

	attachment->rates = plan->rates;
	for (size_t i = 0; r == 0 && i < plan->request.link_count; i++)
		r = attachment_reserve(attachment, owner->state_dir, &plan->request.links[i], arena, err);
	if (r == 0 && plan->port_count) {
		attachment->ports = plan->ports;
		attachment->port_count = plan->port_count;
		r = attachment_choose_ports(attachment, err);
		if (r == 0)
			r = attachment_write(owner->state_dir, attachment, err);
	}
	*ret_attachment = attachment;
	return r;
}

int net_wire(const struct attachment *attachment, int netns, struct error *err)
{
	return attachment_wire(attachment, 0, netns, err);
}

int net_wire_held(struct attachment *attachment, int netns, struct error *err)
{
	attachment->held = true;
	return attachment_wire(attachment, 0, netns, err);
}

int net_release(const struct attachment *attachment, struct error *err)
{
	return attachment_release(attachment, err);
}

static const struct net_link *way_out(const struct attachment *attachment)
{
	for (size_t i = 0; i < attachment->link_count; i++)
		if (attachment->links[i].kind == NET_BRIDGE)
			return &attachment->links[i];
	return NULL;
}

void net_describe(const struct attachment *attachment, struct arena *arena, struct names_network *ret)
{
	const struct net_link *out = way_out(attachment);
	const char **addresses = ARENA_ARRAY(arena, (size_t)NET_LINKS_MAX * 2, const char *);
	char text[IP_TEXT];

	*ret = (struct names_network){ .addresses.items = addresses };
	for (size_t i = 0; i < attachment->link_count; i++)
		for (size_t v = 0; v < 2; v++)
			if (attachment->links[i].ip[v].ip.len)
				addresses[ret->addresses.count++] =
					arena_strdup(arena, ip_text(&attachment->links[i].ip[v].ip, text));
	if (!out)
		return;
	ret->gateway = arena_strdup(arena, ip_text(&out->gateway[out->gateway[0].len == 0], text));
	ret->internal = out->internal;
	ret->servers = (struct spec_strings){ .items = (const char **)out->dns, .count = out->dns_count };
}

int net_publish(const struct attachment *attachment, struct error *err)
{
	return attachment_publish(attachment, 0, err);
}

/* ---- of one that runs ---- */

static int read_request(const char *network, struct arena *arena, struct net_link_request *ret, struct error *err)
{
	struct net_request request;
	struct faults faults;

	faults_init(&faults, arena, NULL);
	net_request_parse(network, NULL, &request, &faults);
	if (faults.count)
		return error_bad(err, EINVAL, "%s", faults.first->what);
	if (request.mode != NET_LINKS || request.link_count != 1)
		return error_bad(err, EINVAL, "\"%s\" is no network that a running container can join", network);
	*ret = request.links[0];
	return 0;
}

static bool is_member(const struct attachment *attachment, const char *network)
{
	for (size_t i = 0; i < attachment->link_count; i++)
		if (strcmp(attachment->links[i].network, network) == 0)
			return true;
	return false;
}

int net_connect(const struct net_owner *owner, const char *network, int netns, struct arena *arena, struct error *err)
{
	struct net_link_request request = { 0 };
	struct attachment attachment = { 0 };
	struct error none = { 0 };
	int r = read_request(network, arena, &request, err);

	if (r < 0)
		return r;
	r = attachment_read(owner->state_dir, arena, &attachment, &none);
	if (r == -ENOENT)
		r = begin(owner, arena, &attachment, err);
	else if (r < 0)
		return error_sys(err, r, "read the links of the container \"%s\"", owner->id);
	if (r == 0 && is_member(&attachment, request.name))
		return error_bad(
			err, EEXIST, "the container \"%s\" is in the network \"%s\" already", owner->id, request.name);
	const size_t first = attachment.link_count;
	if (r == 0)
		r = attachment_reserve(&attachment, owner->state_dir, &request, arena, err);
	if (r == 0)
		r = attachment_wire(&attachment, first, netns, err);
	if (r == 0)
		r = attachment_publish(&attachment, first, err);
	if (r < 0 && attachment.link_count > first && attachment_undo(&attachment, first, NULL) == 0)
		(void)attachment_write(owner->state_dir, &attachment, NULL);
	return r;
}

/* Takes the link away alone, and the ports with it if they lead there. */
static int undo_one(struct attachment *attachment, const char *network, struct error *err)
{
	const struct net_link *led = attachment_ports_link(attachment);
	struct attachment one = *attachment;
	size_t i = 0;
	int r;

	while (strcmp(attachment->links[i].network, network) != 0)
		i++;
	one.links[0] = attachment->links[i];
	one.link_count = 1;
	if (led != &attachment->links[i])
		one.port_count = 0;
	r = attachment_undo(&one, 0, err);
	if (r < 0)
		return r;
	if (led == &attachment->links[i])
		attachment->port_count = 0;
	attachment->link_count--;
	memmove(&attachment->links[i], &attachment->links[i + 1],
		(attachment->link_count - i) * sizeof(attachment->links[0]));
	return 0;
}

int net_disconnect(int state_dir, const char *network, struct error *err)
{
	struct attachment attachment = { 0 };
	struct error none = { 0 };
	struct arena arena;
	int r;

	arena_init(&arena);
	r = attachment_read(state_dir, &arena, &attachment, &none);
	if (r < 0 && r != -ENOENT)
		r = error_sys(err, r, "read the links of the container");
	else if (r == -ENOENT || !is_member(&attachment, network))
		r = error_bad(err, ENOENT, "the container is not in the network \"%s\"", network);
	else
		r = undo_one(&attachment, network, err);
	if (r == 0)
		r = attachment_write(state_dir, &attachment, err);
	if (r == 0)
		r = names_withdraw(network, attachment.state, &arena, err);
	arena_done(&arena);
	return r;
}

int net_ports(int state_dir, struct arena *arena, const char **ret_lines, struct error *err)
{
	struct attachment attachment = { 0 };
	int r = attachment_read(state_dir, arena, &attachment, err);
	char ip[IP_TEXT];

	*ret_lines = "";
	if (r == -ENOENT) {
		*err = (struct error){ 0 };
		return 0;
	}
	for (size_t i = 0; r == 0 && i < attachment.port_count; i++) {
		const struct published *port = &attachment.ports[i];
		bool v6 = port->host_ip.len == 16;
		for (unsigned n = 0; n < port->count; n++)
			*ret_lines = arena_printf(arena, "%s%u/%s -> %s%s%s:%u\n", *ret_lines, port->container_port + n,
				port_protocol(port->protocol), v6 ? "[" : "",
				port->host_ip.len ? ip_text(&port->host_ip, ip) : "0.0.0.0", v6 ? "]" : "",
				port->host_port + n);
	}
	return r;
}

/* ---- the end ---- */

int net_undo(int state_dir, struct error *err)
{
	struct error why = { 0 };
	struct attachment attachment;
	struct arena arena;
	int r;

	arena_init(&arena);
	r = attachment_read(state_dir, &arena, &attachment, &why);
	if (r == 0)
		r = attachment_undo(&attachment, 0, err);
	else if (r == -ENOENT || r == -EINVAL) /* what a damaged one says, nobody can undo; `network prune` finds it */
		r = 0;
	else
		r = error_sys(err, r, "read the links of the container");
	arena_done(&arena);
	return r;
}
