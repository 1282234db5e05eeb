/* netns/link.c: see the header. */
#include "netns/link.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>

#include "netns/netlink.h"

static void add_text(struct message *message, uint16_t type, const char *text)
{
	message_add(message, type, text, strlen(text) + 1);
}

static void add_u32(struct message *message, uint16_t type, uint32_t number)
{
	message_add(message, type, &number, sizeof(number));
}

static void add_u8(struct message *message, uint16_t type, uint8_t number)
{
	message_add(message, type, &number, sizeof(number));
}

static void begin(struct message *message, uint16_t type, uint16_t flags, int index, unsigned change)
{
	const struct ifinfomsg info = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = index,
		.ifi_flags = change,
		.ifi_change = change,
	};

	message_init(message, type, flags, &info, sizeof(info));
}

/* ---- finding ---- */

struct found {
	int index;
	bool up;
	char kind[16];
};

static void keep_link(const struct nlmsghdr *answer, void *data)
{
	const struct ifinfomsg *info = NLMSG_DATA(answer);
	struct found *found = data;
	size_t len = 0, kind_len = 0;
	const char *linkinfo, *kind;

	if (answer->nlmsg_type != RTM_NEWLINK)
		return;
	found->index = info->ifi_index;
	found->up = info->ifi_flags & IFF_UP;
	linkinfo = answer_attribute(answer, sizeof(*info), IFLA_LINKINFO, &len);
	kind = linkinfo ? attributes_find(linkinfo, len, IFLA_INFO_KIND, &kind_len) : NULL;
	if (kind && kind_len <= sizeof(found->kind))
		memcpy(found->kind, kind, kind_len);
	found->kind[sizeof(found->kind) - 1] = '\0';
}

int link_index(int sock, const char *name, const char *kind, bool *ret_up)
{
	struct found found = { 0 };
	struct message message;
	int r;

	begin(&message, RTM_GETLINK, 0, 0, 0);
	add_text(&message, IFLA_IFNAME, name);
	r = netlink_ask(sock, &message, keep_link, &found);
	if (r < 0 || !found.index)
		return r < 0 ? r : -ENODEV;
	if (ret_up)
		*ret_up = found.up;
	return kind && strcmp(kind, found.kind) != 0 ? -EMEDIUMTYPE : found.index;
}

/* ---- links ---- */

static void add_peer(struct message *message, const struct veth *veth)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	size_t peer = message_nest(message, VETH_INFO_PEER);

	message_add_raw(message, &info, sizeof(info));
	add_text(message, IFLA_IFNAME, veth->name);
	message_add(message, IFLA_ADDRESS, veth->mac, ETH_ALEN);
	if (veth->mtu)
		add_u32(message, IFLA_MTU, veth->mtu);
	message_add(message, IFLA_NET_NS_FD, &veth->netns, sizeof(veth->netns));
	message_unnest(message, peer);
}

void link_add_veth(struct batch *batch, const struct veth *veth)
{
	struct message message;
	size_t linkinfo, data;

	begin(&message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0);
	add_text(&message, IFLA_IFNAME, veth->host);
	add_u32(&message, IFLA_MASTER, (uint32_t)veth->master);
	if (veth->mtu)
		add_u32(&message, IFLA_MTU, veth->mtu);
	linkinfo = message_nest(&message, IFLA_LINKINFO);
	add_text(&message, IFLA_INFO_KIND, "veth");
	data = message_nest(&message, IFLA_INFO_DATA);
	add_peer(&message, veth);
	message_unnest(&message, data);
	message_unnest(&message, linkinfo);
	batch_add(batch, &message, "make the link", veth->host);
}

static void add_bare(struct message *message)
{
	size_t spec = message_nest(message, IFLA_AF_SPEC), inet6 = message_nest(message, AF_INET6);

	add_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	message_unnest(message, inet6);
	message_unnest(message, spec);
}

void link_add_port(struct batch *batch, const char *host, const char *alias, bool up)
{
	struct message message;
	size_t linkinfo, data;

	begin(&message, RTM_NEWLINK, 0, 0, up ? IFF_UP : 0);
	add_text(&message, IFLA_IFNAME, host);
	message_add(&message, IFLA_IFALIAS, alias, strlen(alias));
	linkinfo = message_nest(&message, IFLA_LINKINFO);
	add_text(&message, IFLA_INFO_SLAVE_KIND, "bridge");
	data = message_nest(&message, IFLA_INFO_SLAVE_DATA);
	add_u8(&message, IFLA_BRPORT_MODE, 1);  /* hairpin: to itself by a published port */
	add_u8(&message, IFLA_BRPORT_GUARD, 1); /* no spanning tree from inside */
	message_unnest(&message, data);
	message_unnest(&message, linkinfo);
	add_bare(&message);
	batch_add(batch, &message, up ? "bring up the link" : "set up the link", host);
}

void link_add_master(struct batch *batch, const char *host, int master)
{
	struct message message;

	begin(&message, RTM_NEWLINK, 0, 0, 0);
	add_text(&message, IFLA_IFNAME, host);
	add_u32(&message, IFLA_MASTER, (uint32_t)master);
	batch_add(batch, &message, "put onto its bridge the link", host);
}

void link_add_sharer(struct batch *batch, const struct sharer *sharer)
{
	bool mac = strcmp(sharer->kind, "macvlan") == 0;
	struct message message;
	size_t linkinfo, data;

	begin(&message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, 0);
	add_text(&message, IFLA_IFNAME, sharer->name);
	add_u32(&message, IFLA_LINK, (uint32_t)sharer->parent);
	message_add(&message, IFLA_NET_NS_FD, &sharer->netns, sizeof(sharer->netns));
	if (sharer->mac)
		message_add(&message, IFLA_ADDRESS, sharer->mac, ETH_ALEN);
	if (sharer->mtu)
		add_u32(&message, IFLA_MTU, sharer->mtu);
	linkinfo = message_nest(&message, IFLA_LINKINFO);
	add_text(&message, IFLA_INFO_KIND, sharer->kind);
	data = message_nest(&message, IFLA_INFO_DATA);
	if (mac)
		add_u32(&message, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
	else
		message_add(&message, IFLA_IPVLAN_MODE, &(uint16_t){ IPVLAN_MODE_L2 }, sizeof(uint16_t));
	message_unnest(&message, data);
	message_unnest(&message, linkinfo);
	batch_add(batch, &message, "make the link", sharer->name);
}

void link_add_removal(struct batch *batch, const char *name)
{
	struct message message;

	begin(&message, RTM_DELLINK, 0, 0, 0);
	add_text(&message, IFLA_IFNAME, name);
	batch_add(batch, &message, "remove the link", name);
}

void link_add_up(struct batch *batch, int index, const char *name, bool bare)
{
	struct message message;

	begin(&message, RTM_NEWLINK, 0, index, IFF_UP);
	if (!index)
		add_text(&message, IFLA_IFNAME, name);
	if (bare)
		add_bare(&message);
	batch_add(batch, &message, "bring up the link", name);
}

/* ---- addresses and routes ---- */

void link_add_address(struct batch *batch, int index, const struct subnet *address)
{
	const struct ip *ip = &address->ip;
	const struct ifaddrmsg header = {
		.ifa_family = (uint8_t)ip_family(ip),
		.ifa_prefixlen = address->prefix,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_flags = ip->len == 16 ? IFA_F_NODAD : 0,
		.ifa_index = (unsigned)index,
	};
	struct ip broadcast = subnet_last(address);
	struct message message;

	message_init(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof(header));
	message_add(&message, IFA_LOCAL, ip->bytes, ip->len);
	message_add(&message, IFA_ADDRESS, ip->bytes, ip->len);
	if (ip->len == 4 && address->prefix < 31)
		message_add(&message, IFA_BROADCAST, broadcast.bytes, broadcast.len);
	batch_add(batch, &message, "add an address to a link of", "the container");
}

void link_add_default_route(struct batch *batch, int index, const struct ip *gateway)
{
	const struct rtmsg header = {
		.rtm_family = (uint8_t)ip_family(gateway),
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};
	struct message message;

	message_init(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof(header));
	message_add(&message, RTA_GATEWAY, gateway->bytes, gateway->len);
	add_u32(&message, RTA_OIF, (uint32_t)index);
	batch_add(batch, &message, "add the default route of", "the container");
}
