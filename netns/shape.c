/* netns/shape.c: see the header.
 *
 * A token bucket (tbf) at the root of a link delays what is sent there, and drops what its queue cannot hold. What the
 * container sends is received by the link, where nothing can be delayed, so it is redirected to an ifb, sent there
 * (where there can), and goes on from the link as if nothing had been. */
#include "netns/shape.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "netns/parcel.h"

enum {
	BUCKET_MIN = 32 << 10,
	QUEUE_MIN = 128 << 10,
	BUCKETS_A_SECOND = 100, /* a timer of the slowest kernels ticks that often */
	QUEUES_A_SECOND = 10,
	INGRESS = 0xffff0000U,
	ROOT_HANDLE = 0x10000,
	FIRST_PRIORITY = 1,
};

const char *shape_ifb(const char *link, char buf[IFNAMSIZ])
{
	struct text text;

	text_init(&text, buf, IFNAMSIZ);
	text_add(&text, "hi%s", strlen(link) > 2 ? link + 2 : link);
	return buf;
}

/* ---- messages ---- */

static void begin(
	struct parcel *parcel, uint16_t type, uint16_t flags, unsigned index, uint32_t parent, uint32_t handle)
{
	const struct tcmsg header = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)index,
		.tcm_parent = parent,
		.tcm_handle = handle,
		.tcm_info = type == RTM_NEWTFILTER ? TC_H_MAKE(FIRST_PRIORITY << 16, htons(ETH_P_ALL)) : 0,
	};

	parcel_message(parcel, type, flags, &header, sizeof(header));
}

static uint32_t at_least(uint64_t bytes, uint32_t least)
{
	return bytes < least ? least : (uint32_t)bytes;
}

static void put_bucket(struct parcel *parcel, unsigned index, uint64_t rate)
{
	uint32_t bucket = at_least(rate / BUCKETS_A_SECOND, BUCKET_MIN);
	const struct tc_tbf_qopt options = {
		/* With a link layer that is known, the kernel needs no table of us. */
		.rate = { .rate = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX, .linklayer = TC_LINKLAYER_ETHERNET },
		.limit = bucket + at_least(rate / QUEUES_A_SECOND, QUEUE_MIN),
	};
	size_t nest;

	begin(parcel, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, index, TC_H_ROOT, ROOT_HANDLE);
	parcel_put_text(parcel, TCA_KIND, "tbf");
	nest = parcel_nest(parcel, TCA_OPTIONS);
	parcel_put(parcel, TCA_TBF_PARMS, &options, sizeof(options));
	parcel_put_u32(parcel, TCA_TBF_BURST, bucket);
	if (rate >= UINT32_MAX)
		parcel_put(parcel, TCA_TBF_RATE64, &rate, sizeof(rate));
	parcel_unnest(parcel, nest);
}

static void put_ingress(struct parcel *parcel, unsigned index)
{
	begin(parcel, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, index, TC_H_INGRESS, INGRESS);
	parcel_put_text(parcel, TCA_KIND, "ingress");
}

/* One key that any packet has: no bit of it is looked at. u32 is older than matchall, and in more kernels. */
static void put_redirection(struct parcel *parcel, unsigned from, unsigned to)
{
	static const struct tc_u32_sel head = { .flags = TC_U32_TERMINAL, .nkeys = 1 };
	char all[sizeof(struct tc_u32_sel) + sizeof(struct tc_u32_key)] = { 0 };
	const struct tc_mirred redirect = {
		.action = TC_ACT_STOLEN,
		.eaction = TCA_EGRESS_REDIR,
		.ifindex = to,
	};
	size_t options, actions, action, parameters;

	begin(parcel, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, from, INGRESS, 0);
	parcel_put_text(parcel, TCA_KIND, "u32");
	options = parcel_nest(parcel, TCA_OPTIONS);
	memcpy(all, &head, sizeof(head));
	parcel_put(parcel, TCA_U32_SEL, all, sizeof(all));
	actions = parcel_nest(parcel, TCA_U32_ACT);
	action = parcel_nest(parcel, 1);
	parcel_put_text(parcel, TCA_ACT_KIND, "mirred");
	parameters = parcel_nest(parcel, TCA_ACT_OPTIONS);
	parcel_put(parcel, TCA_MIRRED_PARMS, &redirect, sizeof(redirect));
	parcel_unnest(parcel, parameters);
	parcel_unnest(parcel, action);
	parcel_unnest(parcel, actions);
	parcel_unnest(parcel, options);
}

static void put_ifb(struct parcel *parcel, const char *name)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	size_t nest;

	parcel_message(parcel, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header, sizeof(header));
	parcel_put_text(parcel, IFLA_IFNAME, name);
	nest = parcel_nest(parcel, IFLA_LINKINFO);
	parcel_put_text(parcel, IFLA_INFO_KIND, "ifb");
	parcel_unnest(parcel, nest);
}

/* The kernel takes no alias while it makes a link. */
static void put_alias(struct parcel *parcel, const char *name, const char *alias)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };

	parcel_message(parcel, RTM_SETLINK, NLM_F_ACK, &header, sizeof(header));
	parcel_put_text(parcel, IFLA_IFNAME, name);
	parcel_put(parcel, IFLA_IFALIAS, alias, strlen(alias));
}

static void put_no_qdisc(struct parcel *parcel, unsigned index, uint32_t parent)
{
	begin(parcel, RTM_DELQDISC, NLM_F_ACK, index, parent, 0);
}

static void put_no_link(struct parcel *parcel, unsigned index)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = (int)index };

	parcel_message(parcel, RTM_DELLINK, NLM_F_ACK, &header, sizeof(header));
}

/* ---- doing ---- */

/* Sends what the parcel holds, and empties it. */
static int send_all(int sock, struct parcel *parcel, const char *what, const char *link, struct error *err)
{
	struct parcel_refusal refusal;
	int r = parcel_send(sock, parcel, NULL, NULL, &refusal);

	parcel_done(parcel);
	if (r == 0)
		return 0;
	(void)error_sys(err, r, "%s %s%s%s", what, link, refusal.words[0] ? ": " : "", refusal.words);
	if (r == -ENOENT || r == -EOPNOTSUPP)
		return error_hint(
			err, "the kernel needs sch_tbf, and for what is sent sch_ingress, cls_u32, act_mirred, ifb");
	return r;
}

/* What is not there is no longer there. */
static int drop(int sock, struct parcel *parcel)
{
	int r = parcel_send(sock, parcel, NULL, NULL, NULL);

	parcel_done(parcel);
	return r == -ENOENT || r == -EINVAL || r == -ENODEV ? 0 : r;
}

static int limit_in(int sock, const char *link, unsigned index, uint64_t rate, struct error *err)
{
	struct parcel parcel = { 0 };

	if (rate) {
		put_bucket(&parcel, index, rate);
		return send_all(sock, &parcel, "limit what is sent to", link, err);
	}
	put_no_qdisc(&parcel, index, TC_H_ROOT);
	return drop(sock, &parcel);
}

static int make_ifb(int sock, const char *name, const char *alias, struct error *err)
{
	struct parcel parcel = { 0 };

	if (if_nametoindex(name))
		return 0;
	put_ifb(&parcel, name);
	if (alias)
		put_alias(&parcel, name, alias);
	return send_all(sock, &parcel, "make link", name, err);
}

/* The bucket is there before anything is led to it; what leads there is made anew, as it may lead elsewhere. */
static int limit_out(int sock, const char *link, unsigned index, const char *alias, uint64_t rate, struct error *err)
{
	struct parcel parcel = { 0 };
	char ifb[IFNAMSIZ];
	int r;

	put_no_qdisc(&parcel, index, TC_H_INGRESS);
	r = drop(sock, &parcel);
	if (r < 0)
		return error_sys(err, r, "reset what limits %s", link);
	if (!rate)
		return shape_remove(link, err);
	r = make_ifb(sock, shape_ifb(link, ifb), alias, err);
	if (r < 0)
		return r;
	put_bucket(&parcel, if_nametoindex(ifb), rate);
	put_ingress(&parcel, index);
	put_redirection(&parcel, index, if_nametoindex(ifb));
	r = send_all(sock, &parcel, "limit what is received from", link, err);
	if (r < 0)
		(void)shape_remove(link, NULL);
	return r;
}

int shape_apply(const char *link, const char *alias, const struct rates *rates, struct error *err)
{
	cleanup_close int sock = parcel_socket(NETLINK_ROUTE);
	unsigned index = if_nametoindex(link);
	int r;

	if (sock < 0 || index == 0)
		return error_sys(err, sock < 0 ? sock : -ENODEV, "limit the rate of %s", link);
	r = limit_in(sock, link, index, rates->in, err);
	return r < 0 ? r : limit_out(sock, link, index, alias, rates->out, err);
}

int shape_remove(const char *link, struct error *err)
{
	cleanup_close int sock = -1;
	struct parcel parcel = { 0 };
	char ifb[IFNAMSIZ];
	unsigned index = if_nametoindex(shape_ifb(link, ifb));
	int r;

	if (index == 0)
		return 0;
	sock = parcel_socket(NETLINK_ROUTE);
	if (sock < 0)
		return error_sys(err, sock, "remove link %s", ifb);
	put_no_link(&parcel, index);
	r = drop(sock, &parcel);
	return r < 0 ? error_sys(err, r, "remove link %s", ifb) : 0;
}
