/* netns/firewall_rules.c: the rules, all of them, as one table.
 *
 * They are written once and hold for every network and container: what differs between those is in sets and maps, so a
 * packet costs the same beside one container or a thousand, and starting one adds elements, never rules.
 *
 * Two tables, `inet husk` and `bridge husk`. Chains and their priorities (each ten before the usual place, so that what
 * comes later finds our verdict; an accept of ours ends only our own chain, a drop of anybody's is final):
 *
 *	inet early      prerouting  -310  before conntrack: 127.0.0.0/8 never comes from outside [CVE-2020-8558]
 *	inet prerouting prerouting  -110  published ports, from other hosts and from containers
 *	inet output     output      -110  published ports, from the host itself
 *	inet forward    forward      -10  who may reach whom
 *	inet postrouting postrouting  90  masquerading
 *	bridge guard    prerouting  -310  containers speak with their own addresses only [CVE-2020-10749, CVE-2020-13401]
 *
 * A port is published for packets to the host's own addresses alone (fib type local): what the host forwards for others
 * passes by [CVE-2025-67499]. What reaches a container from elsewhere than its own bridge must have come by a published
 * port (ct status dnat), so neither a container's address nor a port published for 127.0.0.1 is open to neighbours that
 * add a route [CVE-2025-54388].
 *
 * From localhost a packet keeps its source 127.0.0.1 until postrouting. The kernel lets it leave by a bridge only with
 * that bridge's route_localnet set (firewall.c sets it where such a port is published), which is what chain `early` is
 * the guard of. For ::1 there is no such switch: it is not translated, and finds the port closed.
 *
 * A container that asks for its own published port needs its bridge port in hairpin mode: with br_netfilter, what is
 * translated to an address of the same bridge is bridged, not routed. */
#include "netns/firewall_rules.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter_bridge.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* ---- sets ---- */

#define IFNAME_SET(name_)                                                                                              \
	{                                                                                                              \
		.family = NFPROTO_INET, .name = (name_), .key = { NFT_TYPE_IFNAME }                                    \
	}
#define LINK_SET(name_, ...)                                                                                           \
	{                                                                                                              \
		.family = NFPROTO_BRIDGE, .name = (name_), .key = { NFT_TYPE_IFNAME, ##__VA_ARGS__ }                   \
	}

const struct nft_set firewall_bridges = IFNAME_SET("bridges");
const struct nft_set firewall_masqueraded = IFNAME_SET("masqueraded");
const struct nft_set firewall_internal = IFNAME_SET("internal");
const struct nft_set firewall_isolated = IFNAME_SET("isolated");
const struct nft_set firewall_within = {
	.family = NFPROTO_INET,
	.name = "within",
	.key = { NFT_TYPE_IFNAME, NFT_TYPE_IFNAME },
};

const struct nft_set firewall_members4 = {
	.family = NFPROTO_INET,
	.name = "members4",
	.key = { NFT_TYPE_IFNAME, NFT_TYPE_IPV4 },
};
const struct nft_set firewall_members6 = {
	.family = NFPROTO_INET,
	.name = "members6",
	.key = { NFT_TYPE_IFNAME, NFT_TYPE_IPV6 },
};

const struct nft_set firewall_published4[PUBLISHED_KINDS] = {
	[PUBLISHED_ONE] = { NFPROTO_INET, "published4", { NFT_TYPE_IPV4, NFT_TYPE_PROTO, NFT_TYPE_PORT },
		{ NFT_TYPE_IPV4, NFT_TYPE_PORT } },
	[PUBLISHED_ANY] = { NFPROTO_INET, "published4_any", { NFT_TYPE_PROTO, NFT_TYPE_PORT },
		{ NFT_TYPE_IPV4, NFT_TYPE_PORT } },
};
const struct nft_set firewall_published6[PUBLISHED_KINDS] = {
	[PUBLISHED_ONE] = { NFPROTO_INET, "published6", { NFT_TYPE_IPV6, NFT_TYPE_PROTO, NFT_TYPE_PORT },
		{ NFT_TYPE_IPV6, NFT_TYPE_PORT } },
	[PUBLISHED_ANY] = { NFPROTO_INET, "published6_any", { NFT_TYPE_PROTO, NFT_TYPE_PORT },
		{ NFT_TYPE_IPV6, NFT_TYPE_PORT } },
};

const struct nft_set firewall_links = LINK_SET("links");
const struct nft_set firewall_macs = LINK_SET("macs", NFT_TYPE_ETHER);
const struct nft_set firewall_addresses4 = LINK_SET("addresses4", NFT_TYPE_IPV4);
const struct nft_set firewall_addresses6 = LINK_SET("addresses6", NFT_TYPE_IPV6);

static const struct nft_set *const sets[] = {
	&firewall_bridges,
	&firewall_within,
	&firewall_masqueraded,
	&firewall_internal,
	&firewall_isolated,
	&firewall_members4,
	&firewall_members6,
	&firewall_published4[PUBLISHED_ONE],
	&firewall_published4[PUBLISHED_ANY],
	&firewall_published6[PUBLISHED_ONE],
	&firewall_published6[PUBLISHED_ANY],
	&firewall_links,
	&firewall_macs,
	&firewall_addresses4,
	&firewall_addresses6,
};

/* ---- chains ---- */

static const struct nft_chain chains[] = {
	{ NFPROTO_INET, "publish", NULL, 0, 0 },
	{ NFPROTO_INET, "early", "filter", NF_INET_PRE_ROUTING, -310 },
	{ NFPROTO_INET, "prerouting", "nat", NF_INET_PRE_ROUTING, -110 },
	{ NFPROTO_INET, "output", "nat", NF_INET_LOCAL_OUT, -110 },
	{ NFPROTO_INET, "forward", "filter", NF_INET_FORWARD, -10 },
	{ NFPROTO_INET, "postrouting", "nat", NF_INET_POST_ROUTING, 90 },
	{ NFPROTO_BRIDGE, "guard", "filter", NF_BR_PRE_ROUTING, -310 },
};

/* ---- rules ---- */

/* The name of a link fills registers 0 to 3; what is looked up with it goes behind. */
#define IIFNAME         RULE_META(0, NFT_META_IIFNAME)
#define OIFNAME         RULE_META(0, NFT_META_OIFNAME)
#define IIF_AND_OIF     RULE_META(0, NFT_META_IIFNAME), RULE_META(4, NFT_META_OIFNAME)
#define IS_IPV4         RULE_META(0, NFT_META_NFPROTO), RULE_BYTES(0, NFT_CMP_EQ, 1, NFPROTO_IPV4)
#define IS_IPV6         RULE_META(0, NFT_META_NFPROTO), RULE_BYTES(0, NFT_CMP_EQ, 1, NFPROTO_IPV6)
#define TO_LOCAL        RULE_FIB_OF(0, NFTA_FIB_F_DADDR), RULE_NUMBER(0, NFT_CMP_EQ, RTN_LOCAL)
#define FROM_LOCAL      RULE_FIB_OF(0, NFTA_FIB_F_SADDR), RULE_NUMBER(0, NFT_CMP_EQ, RTN_LOCAL)
#define L4PROTO(reg_)   RULE_META(reg_, NFT_META_L4PROTO)
#define DPORT(reg_)     RULE_PAYLOAD(reg_, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2)
#define SADDR4(reg_)    RULE_PAYLOAD(reg_, NFT_PAYLOAD_NETWORK_HEADER, 12, 4)
#define DADDR4(reg_)    RULE_PAYLOAD(reg_, NFT_PAYLOAD_NETWORK_HEADER, 16, 4)
#define SADDR6(reg_)    RULE_PAYLOAD(reg_, NFT_PAYLOAD_NETWORK_HEADER, 8, 16)
#define DADDR6(reg_)    RULE_PAYLOAD(reg_, NFT_PAYLOAD_NETWORK_HEADER, 24, 16)
#define LOOPBACK4(reg_) RULE_MASK_BYTES(reg_, 4, 255, 0, 0, 0), RULE_BYTES(reg_, NFT_CMP_EQ, 4, 127, 0, 0, 0)
#define CT_STATE(bits_) RULE_CT(0, NFT_CT_STATE), RULE_MASK(0, bits_), RULE_NUMBER(0, NFT_CMP_NEQ, 0)
#define CT_DNAT         RULE_CT(0, NFT_CT_STATUS), RULE_MASK(0, IPS_DST_NAT), RULE_NUMBER(0, NFT_CMP_NEQ, 0)
#define ACCEPT          RULE_VERDICT(NF_ACCEPT)
#define DROP            RULE_VERDICT(NF_DROP)

/* Frames of a bridge. */
#define ETHERTYPE            RULE_PAYLOAD(0, NFT_PAYLOAD_LL_HEADER, 12, 2)
#define IS(high_, low_)      RULE_BYTES(0, NFT_CMP_EQ, 2, high_, low_)
#define ISNT(high_, low_)    RULE_BYTES(0, NFT_CMP_NEQ, 2, high_, low_)
#define FRAME_IPV4           ETHERTYPE, IS(0x08, 0x00)
#define FRAME_ARP            ETHERTYPE, IS(0x08, 0x06)
#define FRAME_IPV6           ETHERTYPE, IS(0x86, 0xdd)
#define ARP(reg_, at_, len_) RULE_PAYLOAD(reg_, NFT_PAYLOAD_NETWORK_HEADER, at_, len_)
/* Behind extension headers, too: the kernel has walked along them. */
#define IS_ICMP6(type_)                                                                                                \
	L4PROTO(0), RULE_BYTES(0, NFT_CMP_EQ, 1, IPPROTO_ICMPV6), RULE_PAYLOAD(0, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1), \
		RULE_BYTES(0, NFT_CMP_EQ, 1, type_)
#define ND_TARGET(reg_) RULE_PAYLOAD(reg_, NFT_PAYLOAD_TRANSPORT_HEADER, 8, 16)
#define ZEROES_16       0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define LOOPBACK6       0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1

/* Types of ICMPv6 [RFC 4861]. */
enum { ROUTER_ADVERTISEMENT = 134, ND_SOLICITATION = 135, ND_ADVERTISEMENT = 136, REDIRECT = 137 };

static const struct nft_rule rules[] = {
	{ NFPROTO_INET, "early", "localhost is never reached from outside",
		{ IS_IPV4, IIFNAME, RULE_BYTES(0, NFT_CMP_NEQ, IFNAMSIZ, 'l', 'o'), DADDR4(0), LOOPBACK4(0), DROP } },
	{ NFPROTO_INET, "early", "nor does it speak from a container",
		{ IS_IPV4, IIFNAME, RULE_IN(0, "bridges"), SADDR4(0), LOOPBACK4(0), DROP } },

	{ NFPROTO_INET, "publish", "a port of one address",
		{ IS_IPV4, DADDR4(0), L4PROTO(1), DPORT(2), RULE_MAP(0, "published4", 0),
			RULE_DNAT(NFPROTO_IPV4, 0, 1) } },
	{ NFPROTO_INET, "publish", "a port of all addresses",
		{ IS_IPV4, L4PROTO(0), DPORT(1), RULE_MAP(0, "published4_any", 0), RULE_DNAT(NFPROTO_IPV4, 0, 1) } },
	{ NFPROTO_INET, "publish", "a port of one address",
		{ IS_IPV6, DADDR6(0), L4PROTO(4), DPORT(5), RULE_MAP(0, "published6", 0),
			RULE_DNAT(NFPROTO_IPV6, 0, 4) } },
	{ NFPROTO_INET, "publish", "a port of all addresses",
		{ IS_IPV6, L4PROTO(0), DPORT(1), RULE_MAP(0, "published6_any", 0), RULE_DNAT(NFPROTO_IPV6, 0, 4) } },

	{ NFPROTO_INET, "prerouting", "published ports, not what is forwarded for others",
		{ TO_LOCAL, RULE_JUMP("publish") } },

	{ NFPROTO_INET, "output", "::1 cannot leave the host",
		{ IS_IPV6, DADDR6(0), RULE_BYTES(0, NFT_CMP_EQ, 16, LOOPBACK6), ACCEPT } },
	{ NFPROTO_INET, "output", "published ports, from the host itself", { TO_LOCAL, RULE_JUMP("publish") } },

	{ NFPROTO_INET, "forward", "what no connection knows would leave untranslated",
		{ IIFNAME, RULE_IN(0, "bridges"), CT_STATE(NF_CT_STATE_INVALID_BIT), DROP } },
	{ NFPROTO_INET, "forward", "within a network", { IIF_AND_OIF, RULE_IN(0, "within"), ACCEPT } },
	{ NFPROTO_INET, "forward", "an internal network has no outside", { IIFNAME, RULE_IN(0, "internal"), DROP } },
	{ NFPROTO_INET, "forward", "an internal network has no outside", { OIFNAME, RULE_IN(0, "internal"), DROP } },
	{ NFPROTO_INET, "forward", "an isolated network reaches no other",
		{ IIFNAME, RULE_IN(0, "isolated"), OIFNAME, RULE_IN(0, "bridges"), DROP } },
	{ NFPROTO_INET, "forward", "no other reaches an isolated network",
		{ IIFNAME, RULE_IN(0, "bridges"), OIFNAME, RULE_IN(0, "isolated"), DROP } },
	{ NFPROTO_INET, "forward", "answers",
		{ OIFNAME, RULE_IN(0, "bridges"),
			CT_STATE(NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED)), ACCEPT } },
	{ NFPROTO_INET, "forward", "what came by a published port",
		{ OIFNAME, RULE_IN(0, "bridges"), CT_DNAT, ACCEPT } },
	{ NFPROTO_INET, "forward", "nothing else reaches a container", { OIFNAME, RULE_IN(0, "bridges"), DROP } },

	/* By the source, as a bridged packet does not tell here where it came in. */
	{ NFPROTO_INET, "postrouting", "a container that asks for its own network's published port",
		{ IS_IPV4, OIFNAME, SADDR4(4), RULE_IN(0, "members4"), CT_DNAT, RULE_MASQUERADE } },
	{ NFPROTO_INET, "postrouting", "a container that asks for its own network's published port",
		{ IS_IPV6, OIFNAME, SADDR6(4), RULE_IN(0, "members6"), CT_DNAT, RULE_MASQUERADE } },
	{ NFPROTO_INET, "postrouting", "the host that asks for a published port",
		{ OIFNAME, RULE_IN(0, "bridges"), CT_DNAT, FROM_LOCAL, RULE_MASQUERADE } },
	{ NFPROTO_INET, "postrouting", "containers to the outside",
		{ IIF_AND_OIF, RULE_NOT_IN(0, "within"), RULE_IN(0, "masqueraded"), RULE_MASQUERADE } },

	{ NFPROTO_BRIDGE, "guard", "links of others", { IIFNAME, RULE_NOT_IN(0, "links"), ACCEPT } },
	{ NFPROTO_BRIDGE, "guard", "a foreign hardware address",
		{ IIFNAME, RULE_PAYLOAD(4, NFT_PAYLOAD_LL_HEADER, 6, 6), RULE_NOT_IN(0, "macs"), DROP } },
	{ NFPROTO_BRIDGE, "guard", "neither IP nor ARP: nothing could be checked, as in a VLAN's frame",
		{ ETHERTYPE, ISNT(0x08, 0x00), ISNT(0x08, 0x06), ISNT(0x86, 0xdd), DROP } },
	{ NFPROTO_BRIDGE, "guard", "ARP of anything but IPv4", { FRAME_ARP, ARP(0, 2, 2), ISNT(0x08, 0x00), DROP } },
	{ NFPROTO_BRIDGE, "guard", "ARP of anything but Ethernet",
		{ FRAME_ARP, ARP(0, 4, 1), RULE_BYTES(0, NFT_CMP_NEQ, 1, ETH_ALEN), DROP } },
	{ NFPROTO_BRIDGE, "guard", "ARP for a foreign hardware address",
		{ FRAME_ARP, ARP(4, 8, 6), IIFNAME, RULE_NOT_IN(0, "macs"), DROP } },
	{ NFPROTO_BRIDGE, "guard", "ARP for a foreign address; 0.0.0.0 only asks [RFC 5227]",
		{ FRAME_ARP, ARP(4, 14, 4), RULE_BYTES(4, NFT_CMP_NEQ, 4, 0, 0, 0, 0), IIFNAME,
			RULE_NOT_IN(0, "addresses4"), DROP } },
	{ NFPROTO_BRIDGE, "guard", "from a foreign address",
		{ FRAME_IPV4, SADDR4(4), IIFNAME, RULE_NOT_IN(0, "addresses4"), DROP } },
	{ NFPROTO_BRIDGE, "guard", "from a foreign address; :: only asks [RFC 4862]",
		{ FRAME_IPV6, SADDR6(4), RULE_BYTES(4, NFT_CMP_NEQ, 16, ZEROES_16), IIFNAME,
			RULE_NOT_IN(0, "addresses6"), DROP } },
	{ NFPROTO_BRIDGE, "guard", "claims a foreign address",
		{ FRAME_IPV6, SADDR6(4), RULE_BYTES(4, NFT_CMP_EQ, 16, ZEROES_16), IS_ICMP6(ND_SOLICITATION),
			ND_TARGET(4), IIFNAME, RULE_NOT_IN(0, "addresses6"), DROP } },
	{ NFPROTO_BRIDGE, "guard", "answers for a foreign address",
		{ FRAME_IPV6, IS_ICMP6(ND_ADVERTISEMENT), ND_TARGET(4), IIFNAME, RULE_NOT_IN(0, "addresses6"), DROP } },
	{ NFPROTO_BRIDGE, "guard", "a container is no router", { FRAME_IPV6, IS_ICMP6(ROUTER_ADVERTISEMENT), DROP } },
	{ NFPROTO_BRIDGE, "guard", "a container is no router", { FRAME_IPV6, IS_ICMP6(REDIRECT), DROP } },
};

/* ---- putting and checking ---- */

static const uint8_t families[] = { NFPROTO_INET, NFPROTO_BRIDGE };

void firewall_put_rules(struct nft_transaction *transaction)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		nft_add_table(transaction, families[i]);
		nft_flush_rules(transaction, families[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		nft_add_set(transaction, sets[i]);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		nft_add_chain(transaction, &chains[i]);
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		nft_add_rule(transaction, &rules[i]);
}

void firewall_delete_tables(struct nft_transaction *transaction)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		nft_delete_table(transaction, families[i]);
}

/* Rules come in the order of their chain, so each is the next of that chain in the table, or one too many. */
struct tally {
	uint8_t family;
	size_t next[ARRAY_SIZE(chains)];
	size_t right, wrong;
};

static const struct nft_rule *next_of(const struct nft_chain *chain, size_t from, size_t *ret_at)
{
	for (size_t i = from; i < ARRAY_SIZE(rules); i++)
		if (rules[i].family == chain->family && strcmp(rules[i].chain, chain->name) == 0) {
			*ret_at = i;
			return &rules[i];
		}
	return NULL;
}

static void count_rule(const struct nft_found_rule *found, void *data)
{
	struct tally *tally = data;
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		const struct nft_rule *expected;
		if (chains[i].family != tally->family || strcmp(chains[i].name, found->chain) != 0)
			continue;
		expected = next_of(&chains[i], tally->next[i], &at);
		if (expected && strcmp(expected->why, found->why) == 0) {
			tally->next[i] = at + 1;
			tally->right++;
			return;
		}
	}
	tally->wrong++;
}

static void ignore_element(const struct nft_found *found, void *data)
{
	(void)found, (void)data;
}

int firewall_check_rules(int sock, struct error *err)
{
	struct tally tally = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r;
		tally.family = families[i];
		r = nft_read_rules(sock, families[i], FIREWALL_TABLE, NULL, count_rule, &tally, err);
		if (r != NFT_OK)
			return r;
	}
	if (tally.wrong || tally.right != ARRAY_SIZE(rules))
		return NFT_MISSING;
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		int r = nft_read_elements(sock, FIREWALL_TABLE, sets[i], NULL, ignore_element, NULL, err);
		if (r != NFT_OK)
			return r;
	}
	return NFT_OK;
}
