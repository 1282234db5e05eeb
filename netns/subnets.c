/* netns/subnets.c: see the header. */
#include "netns/subnets.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "netns/ip.h"
#include "netns/netlink.h"
#include "netns/network.h"

/* Private use [RFC 1918], in blocks that others do not begin with: docker takes 172.17 and on, podman 10.88 and on, and homes
 * and clouds the lowest. */
static const struct {
	struct subnet first;
	uint32_t step, count;
} pools[] = {
	{ { { 4, { 10, 214 } }, 16 }, 1 << 16, 40 },
	{ { { 4, { 172, 30 } }, 20 }, 1 << 12, 32 },
	{ { { 4, { 192, 168, 192 } }, 24 }, 1 << 8, 64 },
};

enum { ROUTES_MAX = 1024 };

struct routes {
	struct subnet items[ROUTES_MAX];
	size_t count;
};

static void keep_route(const struct nlmsghdr *answer, void *data)
{
	const struct rtmsg *route = NLMSG_DATA(answer);
	struct routes *routes = data;
	struct subnet *subnet = &routes->items[routes->count];
	const void *to;
	size_t len = 0;

	if (answer->nlmsg_type != RTM_NEWROUTE || routes->count == ROUTES_MAX || route->rtm_table != RT_TABLE_MAIN ||
		route->rtm_type != RTN_UNICAST || route->rtm_dst_len == 0)
		return;
	to = answer_attribute(answer, sizeof(*route), RTA_DST, &len);
	if (!to || (len != 4 && len != 16))
		return;
	*subnet = (struct subnet){ .ip = { .len = (uint8_t)len }, .prefix = route->rtm_dst_len };
	memcpy(subnet->ip.bytes, to, len);
	routes->count += !(len == 16 && subnet->ip.bytes[0] == 0xfe); /* every link's own */
}

static int read_routes(struct routes *ret, struct error *err)
{
	const struct rtmsg header = { .rtm_family = AF_UNSPEC };
	struct message message;
	cleanup_close int sock = netlink_open();
	int r = sock < 0 ? sock : 0;

	ret->count = 0;
	message_init(&message, RTM_GETROUTE, NLM_F_DUMP, &header, sizeof(header));
	if (r == 0)
		r = netlink_ask(sock, &message, keep_route, ret);
	return r < 0 ? error_sys(err, r, "read the routes of the host") : 0;
}

static int check_free(const struct subnet *subnet, const struct network *others, size_t count,
	const struct routes *routes, struct error *err)
{
	char own[SUBNET_TEXT], other[SUBNET_TEXT];

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < others[i].range_count; k++)
			if (subnet_overlaps(subnet, &others[i].ranges[k].subnet))
				return error_bad(err, EEXIST, "the subnet %s overlaps %s of the network \"%s\"",
					subnet_text(subnet, own), subnet_text(&others[i].ranges[k].subnet, other),
					others[i].name);
	for (size_t i = 0; i < routes->count; i++)
		if (subnet_overlaps(subnet, &routes->items[i]))
			return error_bad(err, EEXIST, "the subnet %s overlaps %s, to which the host has a route",
				subnet_text(subnet, own), subnet_text(&routes->items[i], other));
	return 0;
}

static int choose(struct network *network, const struct network *others, size_t count, const struct routes *routes,
	struct error *err)
{
	struct network_range *range = &network->ranges[0];

	for (size_t i = 0; i < ARRAY_SIZE(pools); i++)
		for (uint32_t n = 0; n < pools[i].count; n++) {
			*range = (struct network_range){ .subnet = pools[i].first };
			range->subnet.ip = ip_plus(&pools[i].first.ip, n * pools[i].step);
			if (check_free(&range->subnet, others, count, routes, NULL) < 0)
				continue;
			network->range_count = 1;
			return network_range_complete(range, err);
		}
	(void)error_bad(err, ENOSPC, "there is no free subnet for the network \"%s\"", network->name);
	return error_hint(err, "name one with husk network create --subnet");
}

int subnets_settle(struct network *network, const struct network *others, size_t count, struct error *err)
{
	struct routes routes;
	int r = read_routes(&routes, err);

	if (r == 0 && network->range_count == 0)
		return choose(network, others, count, &routes, err);
	for (size_t i = 0; r == 0 && i < network->range_count; i++) {
		r = network_range_complete(&network->ranges[i], err);
		if (r == 0)
			r = check_free(&network->ranges[i].subnet, others, count, &routes, err);
	}
	if (r == 0 && network->range_count == 2 && network->ranges[0].subnet.ip.len == network->ranges[1].subnet.ip.len)
		r = error_bad(err, EINVAL, "a network has one subnet of each version of IP, not two of one");
	return r;
}
