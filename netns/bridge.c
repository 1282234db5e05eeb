/* netns/bridge.c: the bridge of a network: the switch that its containers hang on, and their gateway.
 *
 * It is made when the first container of the network starts, and stays; its addresses come after its settings, so there is no
 * moment in which it listens to router advertisements of a container's [CVE-2020-13401]. Forwarding is the one setting that is
 * the whole host's: where it is off, no container reaches anything, so it is turned on with the first network that is not
 * internal, and stays on, as nobody could tell who else has come to rely on it since. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "netns/link.h"
#include "netns/netlink.h"
#include "netns/network.h"

static void add_bridge(struct batch *batch, const struct network *network)
{
	const struct ifinfomsg info = { .ifi_family = AF_UNSPEC };
	const uint16_t vlan = (uint16_t)network->vlan;
	const uint8_t on = 1, off = 0;
	uint8_t mac[ETH_ALEN];
	struct message message;
	size_t linkinfo, data;

	mac_of_ip(&network->ranges[0].gateway, mac); /* its own, not the lowest of its ports': these come and go */
	message_init(&message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	message_add(&message, IFLA_IFNAME, network->bridge, strlen(network->bridge) + 1);
	message_add(&message, IFLA_ADDRESS, mac, sizeof(mac));
	if (network->mtu)
		message_add(&message, IFLA_MTU, &network->mtu, sizeof(network->mtu));
	linkinfo = message_nest(&message, IFLA_LINKINFO);
	message_add(&message, IFLA_INFO_KIND, "bridge", sizeof("bridge"));
	data = message_nest(&message, IFLA_INFO_DATA);
	message_add(&message, IFLA_BR_MCAST_SNOOPING, &off, sizeof(off));
	if (vlan) {
		message_add(&message, IFLA_BR_VLAN_FILTERING, &on, sizeof(on));
		message_add(&message, IFLA_BR_VLAN_DEFAULT_PVID, &vlan, sizeof(vlan));
	}
	message_unnest(&message, data);
	message_unnest(&message, linkinfo);
	batch_add(batch, &message, "make the bridge", network->bridge);
}

/* ---- settings ---- */

/* Beneath /proc/sys/net: a name that leads elsewhere is refused. Where this kernel has no such file, there is nothing to set. */
static int set(const char *folder, const char *link, const char *name, const char *value, struct error *err)
{
	cleanup_close int net = path_open_dir("/proc/sys/net", err);
	char path[128], now[16];
	cleanup_close int dir = -1;
	int r;

	if (net < 0)
		return net;
	(void)snprintf(path, sizeof(path), "%s%s%s", folder, *link ? "/" : "", link);
	dir = path_open_beneath(net, path, O_PATH | O_DIRECTORY);
	if (dir == -ENOENT)
		return 0;
	r = dir < 0 ? dir : (int)file_read_small_at(dir, name, now, sizeof(now));
	if (r == -ENOENT || (r > 0 && strcmp(now, value) == 0))
		return 0;
	r = r < 0 ? r : file_write_raw_at(dir, name, value, strlen(value));
	return r < 0 ? error_sys(err, r, "set net/%s/%s to %s", path, name, value) : 0;
}

static int set_all(const struct network *network, struct error *err)
{
	bool v4 = network_range_of(network, 4), v6 = network_range_of(network, 16);
	int r = set("ipv6/conf", network->bridge, "accept_ra", "0", err);

	if (r == 0) /* an address that nobody asked for is a way in [CVE-2024-32473] */
		r = set("ipv6/conf", network->bridge, "disable_ipv6", v6 ? "0" : "1", err);
	if (r == 0 && v4 && !network->internal)
		r = set("ipv4", "", "ip_forward", "1", err);
	if (r == 0 && v6 && !network->internal)
		r = set("ipv6/conf", "all", "forwarding", "1", err);
	return r;
}

static void add_settings(struct batch *batch, int index, const struct network *network, const char *alias)
{
	const struct ifinfomsg info = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = index,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP,
	};
	struct message message;

	message_init(&message, RTM_NEWLINK, 0, &info, sizeof(info));
	message_add(&message, IFLA_IFALIAS, alias, strlen(alias));
	batch_add(batch, &message, "bring up the bridge", network->bridge);
	for (size_t i = 0; i < network->range_count; i++) {
		const struct network_range *range = &network->ranges[i];
		const struct subnet address = { .ip = range->gateway, .prefix = range->subnet.prefix };
		link_add_address(batch, index, &address);
	}
}

static int is_no_bridge(const struct network *network, struct error *err)
{
	return error_bad(err, EEXIST, "the network \"%s\" wants the bridge %s, but that link is no bridge",
		network->name, network->bridge);
}

static int settle(int sock, int index, const struct network *network, struct error *err)
{
	char alias[NETWORK_NAME_MAX + sizeof("husk network ")];
	struct batch batch;
	int r = set_all(network, err);

	if (r < 0)
		return r;
	(void)snprintf(alias, sizeof(alias), "husk network %s", network->name);
	batch_init(&batch);
	add_settings(&batch, index, network, alias);
	return batch_send(sock, &batch, err);
}

static int make(int sock, const struct network *network, struct error *err)
{
	struct batch batch;
	int r, index;

	batch_init(&batch);
	add_bridge(&batch, network);
	r = batch_send(sock, &batch, err);
	if (r == -EOPNOTSUPP && network->vlan)
		return error_hint(err, "bridges of this kernel know no VLANs: CONFIG_BRIDGE_VLAN_FILTERING");
	if (r < 0)
		return r;
	index = link_index(sock, network->bridge, "bridge", NULL);
	r = index < 0 ? error_sys(err, index, "find the bridge %s", network->bridge)
		      : settle(sock, index, network, err);
	if (r < 0)
		(void)bridge_remove(sock, network, NULL);
	return r < 0 ? r : index;
}

/* One that is down is what a husk that was killed had begun. */
int bridge_settle(int sock, const struct network *network, bool repair, struct error *err)
{
	bool up = false;
	int index = link_index(sock, network->bridge, "bridge", &up), r;

	if (index >= 0 && up && !repair)
		return index;
	if (index == -EMEDIUMTYPE)
		return is_no_bridge(network, err);
	if (index < 0 && index != -ENODEV)
		return error_sys(err, index, "find the bridge %s", network->bridge);
	if (index == -ENODEV)
		r = index = make(sock, network, err);
	else
		r = settle(sock, index, network, err);
	if (r == -EPERM)
		(void)error_hint(err, "making links needs root, or CAP_NET_ADMIN; others have --network pasta");
	return r < 0 ? r : index;
}

int bridge_remove(int sock, const struct network *network, struct error *err)
{
	struct batch batch;
	int r;

	if (link_index(sock, network->bridge, "bridge", NULL) < 0)
		return 0;
	batch_init(&batch);
	link_add_removal(&batch, network->bridge);
	r = batch_send(sock, &batch, err);
	return r == -ENODEV ? 0 : r;
}
