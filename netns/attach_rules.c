/* netns/attach_rules.c: the links of a container as the firewall wants them: one transaction when they come or go. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "netns/attach.h"
#include "netns/firewall.h"

/* What firewall.h borrows, in one place. */
struct rules {
	struct firewall_container container;
	struct firewall_network networks[NET_LINKS_MAX];
	struct firewall_link links[NET_LINKS_MAX];
	struct ip addresses[NET_LINKS_MAX][2];
};

static void add_link(struct rules *rules, const struct net_link *link)
{
	size_t n = rules->container.link_count++;
	size_t count = 0;

	rules->container.network_count++;
	rules->networks[n] = (struct firewall_network){
		.bridge = link->bridge,
		.internal = link->internal,
		.isolated = link->isolated,
		.masquerade = !link->internal,
	};
	for (size_t v = 0; v < 2; v++)
		if (link->ip[v].ip.len)
			rules->addresses[n][count++] = link->ip[v].ip;
	rules->links[n] = (struct firewall_link){
		.name = link->host,
		.bridge = link->bridge,
		.mac = link->mac,
		.addresses = rules->addresses[n],
		.address_count = count,
	};
}

static void collect(const struct attachment *attachment, size_t first, struct rules *rules)
{
	const struct net_link *led = attachment_ports_link(attachment);

	*rules = (struct rules){ 0 };
	rules->container = (struct firewall_container){
		.id = attachment->id,
		.networks = rules->networks,
		.links = rules->links,
	};
	for (size_t i = first; i < attachment->link_count; i++)
		if (attachment->links[i].kind == NET_BRIDGE)
			add_link(rules, &attachment->links[i]);
	if (!led || led < attachment->links + first)
		return;
	rules->container.ipv4 = led->ip[0].ip;
	rules->container.ipv6 = led->ip[1].ip;
	rules->container.ports = attachment->ports;
	rules->container.port_count = attachment->port_count;
}

const struct net_link *attachment_ports_link(const struct attachment *attachment)
{
	for (size_t i = 0; i < attachment->link_count; i++)
		if (attachment->links[i].kind == NET_BRIDGE)
			return &attachment->links[i];
	return NULL;
}

int attachment_guard(const struct attachment *attachment, size_t first, struct error *err)
{
	struct rules rules;

	collect(attachment, first, &rules);
	return rules.container.link_count ? firewall_container_add(&rules.container, err) : 0;
}

int attachment_unguard(const struct attachment *attachment, size_t first, int *ret_sock, struct error *err)
{
	struct rules rules;

	collect(attachment, first, &rules);
	return rules.container.link_count ? firewall_container_remove(&rules.container, ret_sock, err) : 0;
}

int attachment_choose_ports(struct attachment *attachment, struct error *err)
{
	const struct net_link *led = attachment_ports_link(attachment);

	if (!attachment->port_count)
		return 0;
	if (!led)
		return error_bad(err, EINVAL, "ports can be published of a container in a bridge network only");
	return firewall_choose_ports(attachment->ports, attachment->port_count, led->ip[0].prefix != 0,
		led->ip[1].prefix != 0, attachment->id, err);
}
