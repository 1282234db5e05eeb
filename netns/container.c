/* netns/container.c: the network of one container, from reserving to its end: what the runtime calls. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
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

	for (size_t i = 0; r == 0 && i < plan->request.link_count; i++)
		r = attachment_reserve(attachment, owner->state_dir, &plan->request.links[i], arena, err);
	*ret_attachment = attachment;
	return r;
}

int net_wire(const struct attachment *attachment, int netns, struct error *err)
{
	return attachment_wire(attachment, 0, netns, err);
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
	const char **addresses = ARENA_ARRAY(arena, NET_LINKS_MAX * 2, const char *);
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
