/* netns/conntrack.c: see the header. All connections are listed, as the kernel finds none by its port, and those that match
 * are deleted by what identifies them: their original tuple, and their id, lest a newer one be meant. */
#include "netns/conntrack.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "base/error.h"
#include "netns/parcel.h"
#include "netns/port_holder.h"

enum { DISTURBED_MAX = 100 };

struct forgetting {
	const struct published *ports;
	size_t count;
	struct parcel deletions;
};

static void begin(struct parcel *parcel, uint16_t type, uint16_t flags, uint8_t family)
{
	const struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };

	parcel_message(parcel, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), flags, &header, sizeof(header));
}

static const struct nlattr *within(const struct nlattr *nest, uint16_t type)
{
	return attribute_find(attribute_data(nest), attribute_len(nest), type);
}

/* Where the first packet went to. */
struct target {
	uint8_t protocol;
	uint16_t port;
	struct ip ip;
};

static bool read_target(const struct nlattr *tuple, struct target *ret)
{
	const struct nlattr *ips = within(tuple, CTA_TUPLE_IP), *proto = within(tuple, CTA_TUPLE_PROTO);
	const struct nlattr *ip4 = within(ips, CTA_IP_V4_DST), *ip6 = within(ips, CTA_IP_V6_DST);
	const struct nlattr *ip = ip4 ? ip4 : ip6;
	const struct nlattr *number = within(proto, CTA_PROTO_NUM), *port = within(proto, CTA_PROTO_DST_PORT);
	size_t len = attribute_len(ip);

	if (attribute_len(number) != 1 || attribute_len(port) != sizeof(ret->port) || len != (ip4 ? 4 : 16))
		return false;
	*ret = (struct target){ .protocol = *(const uint8_t *)attribute_data(number), .ip.len = (uint8_t)len };
	memcpy(ret->ip.bytes, attribute_data(ip), len);
	memcpy(&ret->port, attribute_data(port), sizeof(ret->port));
	ret->port = ntohs(ret->port);
	return true;
}

static bool is_published(const struct target *target, const struct published *port)
{
	return port->protocol != IPPROTO_TCP && target->protocol == port->protocol && target->port >= port->host_port &&
		target->port - port->host_port < port->count &&
		(!port->host_ip.len || ip_compare(&port->host_ip, &target->ip) == 0);
}

/* What only passes through this host to the same port of another is nobody's business. */
static bool is_ours(const struct ip *ip)
{
	uint16_t port;

	return port_try(ip_family(ip), ip, IPPROTO_UDP, 0, &port) == 0;
}

static void forget_if_published(const struct nlmsghdr *answer, void *data)
{
	size_t skip = NLMSG_LENGTH(sizeof(struct nfgenmsg));
	const char *attributes = (const char *)answer + skip;
	size_t len = answer->nlmsg_len - skip;
	const struct nlattr *tuple = attribute_find(attributes, len, CTA_TUPLE_ORIG),
			    *id = attribute_find(attributes, len, CTA_ID);
	struct forgetting *forgetting = data;
	struct target target;

	if (answer->nlmsg_len < skip || !tuple || !id || !read_target(tuple, &target))
		return;
	for (size_t i = 0; i < forgetting->count; i++) {
		if (!is_published(&target, &forgetting->ports[i]) || !is_ours(&target.ip))
			continue;
		begin(&forgetting->deletions, IPCTNL_MSG_CT_DELETE, 0, (uint8_t)ip_family(&target.ip));
		parcel_put(&forgetting->deletions, CTA_TUPLE_ORIG | NLA_F_NESTED, attribute_data(tuple),
			attribute_len(tuple));
		parcel_put(&forgetting->deletions, CTA_ID, attribute_data(id), attribute_len(id));
		return;
	}
}

static int list(int sock, struct forgetting *forgetting)
{
	int r = -EINTR;

	for (int i = 0; i < DISTURBED_MAX && r == -EINTR; i++) {
		struct parcel question = { 0 };
		parcel_done(&forgetting->deletions);
		begin(&question, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
		r = parcel_send(sock, &question, forget_if_published, forgetting, NULL);
		parcel_done(&question);
	}
	return r;
}

int conntrack_forget(int sock, const struct published *ports, size_t count, struct error *err)
{
	struct forgetting forgetting = { .ports = ports, .count = count };
	bool needed = false;
	int r, forgotten;

	for (size_t i = 0; i < count; i++)
		needed |= ports[i].protocol != IPPROTO_TCP;
	if (!needed)
		return 0;
	r = list(sock, &forgetting);
	if (r == 0 && forgetting.deletions.count)
		r = parcel_send(sock, &forgetting.deletions, NULL, NULL, NULL);
	forgotten = (int)forgetting.deletions.count;
	parcel_done(&forgetting.deletions);
	if (r == -EOPNOTSUPP || r == -ENOENT) /* no ctnetlink; or one had ended by itself */
		r = 0;
	return r < 0 ? error_sys(err, r, "forget old connections to published ports") : forgotten;
}
