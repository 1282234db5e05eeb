/* netns/devices.c: links of the host's that go into a container, with their addresses [config-linux.md, Network Devices].
 *
 * The kernel takes a link's addresses away when it changes its namespace, so they are read before and given back after.
 * Renaming and moving is one message: there is no moment in which it could clash on the host. A move that fails half-way
 * goes back, as the whole of them does when the container cannot be made after all. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "netns/netlink.h"
#include "netns/netns.h"
#include "spec/spec.h"

enum { NUMBERED_MAX = 1000 };

struct address {
	struct address *next;
	struct ifaddrmsg header;
	unsigned char local[16], peer[16], broadcast[16];
	size_t local_len, peer_len, broadcast_len;
	uint32_t flags;
	char label[IFNAMSIZ];
};

struct link {
	int index;
	bool up;
};

/* One side of a move. */
struct side {
	int sock, netns;
};

/* ---- reading ---- */

static void read_link(const struct nlmsghdr *answer, void *data)
{
	const struct ifinfomsg *info = NLMSG_DATA(answer);
	struct link *link = data;

	if (answer->nlmsg_type == RTM_NEWLINK)
		*link = (struct link){ .index = info->ifi_index, .up = info->ifi_flags & IFF_UP };
}

static int find_link(int sock, const char *name, struct link *ret)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	struct message message;
	int r;

	*ret = (struct link){ 0 };
	message_init(&message, RTM_GETLINK, 0, &info, sizeof(info));
	message_add(&message, IFLA_IFNAME, name, strlen(name) + 1);
	r = netlink_ask(sock, &message, read_link, ret);
	return r < 0 ? r : ret->index ? 0 : -ENODEV;
}

struct addresses {
	struct arena *arena;
	int index;
	struct address *first;
};

static size_t copy_attribute(const struct nlmsghdr *answer, uint16_t type, void *to, size_t size)
{
	size_t len = 0;
	const void *value = answer_attribute(answer, sizeof(struct ifaddrmsg), type, &len);

	if (!value || len > size)
		return 0;
	memcpy(to, value, len);
	return len;
}

/* Those that somebody set for good, and that mean the same elsewhere: not those of a lease, or of the link alone. */
static void keep_address(const struct nlmsghdr *answer, void *data)
{
	const struct ifaddrmsg *header = NLMSG_DATA(answer);
	struct addresses *addresses = data;
	struct address *address;

	if (answer->nlmsg_type != RTM_NEWADDR || (int)header->ifa_index != addresses->index)
		return;
	if (!(header->ifa_flags & IFA_F_PERMANENT) || header->ifa_scope != RT_SCOPE_UNIVERSE)
		return;
	address = ARENA_NEW(addresses->arena, struct address);
	*address = (struct address){ .next = addresses->first, .header = *header, .flags = header->ifa_flags };
	address->local_len = copy_attribute(answer, IFA_LOCAL, address->local, sizeof(address->local));
	address->peer_len = copy_attribute(answer, IFA_ADDRESS, address->peer, sizeof(address->peer));
	address->broadcast_len = copy_attribute(answer, IFA_BROADCAST, address->broadcast, sizeof(address->broadcast));
	(void)copy_attribute(answer, IFA_FLAGS, &address->flags, sizeof(address->flags));
	addresses->first = address;
}

static int read_addresses(int sock, int index, struct arena *arena, struct address **ret)
{
	const struct ifaddrmsg header = { .ifa_family = AF_UNSPEC };
	struct addresses addresses = { .arena = arena, .index = index };
	struct message message;
	int r;

	message_init(&message, RTM_GETADDR, NLM_F_DUMP, &header, sizeof(header));
	r = netlink_ask(sock, &message, keep_address, &addresses);
	*ret = addresses.first;
	return r;
}

/* ---- writing ---- */

static int set_up(int sock, int index, bool up)
{
	const struct ifinfomsg info = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = index,
		.ifi_flags = up ? IFF_UP : 0,
		.ifi_change = IFF_UP,
	};
	struct message message;

	message_init(&message, RTM_NEWLINK, 0, &info, sizeof(info));
	return netlink_do(sock, &message);
}

static int move_link(int sock, int index, int netns, const char *name)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = index };
	struct message message;

	message_init(&message, RTM_NEWLINK, 0, &info, sizeof(info));
	message_add(&message, IFLA_NET_NS_FD, &netns, sizeof(netns));
	message_add(&message, IFLA_IFNAME, name, strlen(name) + 1);
	return netlink_do(sock, &message);
}

static int add_address(int sock, int index, const struct address *address)
{
	struct ifaddrmsg header = address->header;
	struct message message;
	int r;

	header.ifa_index = (unsigned)index;
	header.ifa_flags = 0; /* all of them are in the attribute */
	message_init(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof(header));
	if (address->local_len)
		message_add(&message, IFA_LOCAL, address->local, address->local_len);
	if (address->peer_len)
		message_add(&message, IFA_ADDRESS, address->peer, address->peer_len);
	if (address->broadcast_len)
		message_add(&message, IFA_BROADCAST, address->broadcast, address->broadcast_len);
	message_add(&message, IFA_FLAGS, &address->flags, sizeof(address->flags));
	r = netlink_do(sock, &message);
	return r == -EEXIST ? 0 : r;
}

/* The name that the link gets: as wanted, or for "eth%d" the first that is free. The kernel would find out that a name is
 * taken only after it has moved the link [linux/net/core/rtnetlink.c: do_setlink]. */
static int choose_name(int sock, const char *wanted, char name[IFNAMSIZ])
{
	const char *number = strstr(wanted, "%d");
	struct link link;
	int r;

	(void)snprintf(name, IFNAMSIZ, "%s", wanted);
	for (int i = 0; number && i < NUMBERED_MAX; i++) {
		(void)snprintf(name, IFNAMSIZ, "%.*s%d%s", (int)(number - wanted), wanted, i, number + 2);
		if (find_link(sock, name, &link) == -ENODEV)
			break;
	}
	r = find_link(sock, name, &link);
	return r == -ENODEV ? 0 : r == 0 ? -EEXIST : r;
}

/* Names, addresses and the state "up" on the other side. */
static int arrive(const struct side *to, const char *name, const struct address *addresses)
{
	struct link link;
	int r = find_link(to->sock, name, &link);

	for (const struct address *address = addresses; r == 0 && address; address = address->next)
		if (address->header.ifa_family != AF_INET6)
			r = add_address(to->sock, link.index, address);
	if (r == 0)
		r = set_up(to->sock, link.index, true);
	/* A link that is down loses its addresses of version 6 when it comes up. */
	for (const struct address *address = addresses; r == 0 && address; address = address->next)
		if (address->header.ifa_family == AF_INET6)
			r = add_address(to->sock, link.index, address);
	return r;
}

/* After a move that failed: wherever it is now, it goes back to what it was. */
static void restore(const struct side *from, const struct side *to, const char *name, const char *new_name, bool up,
	const struct address *addresses)
{
	struct link link;

	if (find_link(from->sock, name, &link) == -ENODEV &&
		(find_link(to->sock, new_name, &link) == 0 || find_link(to->sock, name, &link) == 0))
		(void)move_link(to->sock, link.index, from->netns, name);
	if (find_link(from->sock, name, &link) < 0)
		return;
	(void)set_up(from->sock, link.index, up);
	for (; addresses; addresses = addresses->next)
		(void)add_address(from->sock, link.index, addresses);
}

static int cannot_move(int code, const char *name, const char *new_name, struct error *err)
{
	(void)error_sys(err, code, "move the link %s into the container as %s", name, new_name);
	return code == -EEXIST ? error_hint(err, "the container has a link of that name already") : code;
}

static int carry(const struct side *from, const struct side *to, const struct spec_net_device *device,
	char new_name[IFNAMSIZ], struct arena *arena, struct error *err)
{
	const char *name = device->host_name;
	struct address *addresses = NULL;
	struct link link;
	int r = find_link(from->sock, name, &link);

	if (r < 0)
		return error_sys(err, r, "find the link %s", name);
	r = choose_name(to->sock, device->container_name, new_name);
	if (r == 0)
		r = read_addresses(from->sock, link.index, arena, &addresses);
	if (r < 0)
		return cannot_move(r, name, new_name, err);
	r = set_up(from->sock, link.index, false);
	if (r == 0)
		r = move_link(from->sock, link.index, to->netns, new_name);
	if (r == 0)
		r = arrive(to, new_name, addresses);
	if (r < 0)
		restore(from, to, name, new_name, link.up, addresses);
	return r < 0 ? cannot_move(r, name, new_name, err) : 0;
}

/* ---- all of a container's ---- */

struct net_devices_moved {
	struct side host, container;
	const struct spec_net_device *devices;
	size_t count; /* that have moved */
	char (*names)[IFNAMSIZ];
	struct arena *arena;
};

void net_devices_return(struct net_devices_moved *moved)
{
	char name[IFNAMSIZ];

	if (!moved)
		return;
	while (moved->count > 0) {
		moved->count--;
		const struct spec_net_device back = {
			.host_name = moved->names[moved->count],
			.container_name = moved->devices[moved->count].host_name,
		};
		(void)carry(&moved->container, &moved->host, &back, name, moved->arena, NULL);
	}
	net_devices_done(moved);
}

void net_devices_done(struct net_devices_moved *moved)
{
	if (!moved)
		return;
	fd_closep(&moved->host.sock);
	fd_closep(&moved->host.netns);
	fd_closep(&moved->container.sock);
	fd_closep(&moved->container.netns);
}

static int open_sides(struct net_devices_moved *moved, int netns, struct error *err)
{
	moved->host.netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	moved->host.sock = netlink_open();
	moved->container.netns = fcntl(netns, F_DUPFD_CLOEXEC, 0);
	if (moved->host.netns < 0 || moved->host.sock < 0 || moved->container.netns < 0)
		return error_sys(err, errno, "look at the network namespaces");
	moved->container.sock = netlink_open_in(netns, err);
	return moved->container.sock < 0 ? moved->container.sock : 0;
}

int net_devices_move(const struct spec_net_device *devices, size_t count, int netns, struct arena *arena,
	struct net_devices_moved **ret_moved, struct error *err)
{
	struct net_devices_moved *moved = ARENA_NEW(arena, struct net_devices_moved);
	int r;

	*moved = (struct net_devices_moved){
		.host = { -1, -1 },
		.container = { -1, -1 },
		.devices = devices,
		.names = arena_array(arena, count, IFNAMSIZ),
		.arena = arena,
	};
	r = open_sides(moved, netns, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = carry(&moved->host, &moved->container, &devices[i], moved->names[i], arena, err);
		if (r == 0)
			moved->count++;
		if (r < 0)
			(void)error_at(err, "linux.netDevices[\"%s\"]", devices[i].host_name);
	}
	if (r < 0)
		net_devices_return(moved);
	else
		*ret_moved = moved;
	return r;
}
