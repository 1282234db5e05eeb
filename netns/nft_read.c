/* netns/nft_read.c: what nf_tables has, asked without a transaction [linux/netfilter/nf_tables.h]. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/error.h"
#include "netns/nft.h"

enum { DISTURBED_MAX = 100 };

static void begin(struct parcel *parcel, uint16_t type, uint16_t flags, uint8_t family)
{
	const struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };

	parcel_message(parcel, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &header, sizeof(header));
}

/* A dump that another transaction disturbed is begun again; who counts what it is told must not mind. */
static int ask(int sock, struct parcel *parcel, void (*each)(const struct nlmsghdr *, void *), void *data,
	const char *name, struct error *err)
{
	struct parcel_refusal refusal;
	int r;

	for (int i = 0; i < DISTURBED_MAX; i++) {
		r = parcel_send(sock, parcel, each, data, &refusal);
		if (r != -EINTR)
			break;
	}
	parcel_done(parcel);
	if (r == -ENOENT)
		return NFT_MISSING;
	return r < 0 ? nft_refused(r, "read", name, &refusal, err) : NFT_OK;
}

/* The attribute of a message, or of a nest. */
static const struct nlattr *of_message(const struct nlmsghdr *answer, uint16_t type)
{
	size_t skip = NLMSG_LENGTH(sizeof(struct nfgenmsg));

	return answer->nlmsg_len < skip ? NULL
					: attribute_find((const char *)answer + skip, answer->nlmsg_len - skip, type);
}

static const struct nlattr *of_nest(const struct nlattr *nest, uint16_t type)
{
	return nest ? attribute_find(attribute_data(nest), attribute_len(nest), type) : NULL;
}

/* The text of a comment, as nft(8) writes it: tag, length, text with its NUL. */
static const char *comment(const struct nlattr *userdata)
{
	const uint8_t *bytes = attribute_data(userdata);
	size_t len = attribute_len(userdata);

	if (len < 3 || bytes[0] != 0 || bytes[1] == 0 || bytes[1] > len - 2 || bytes[2 + bytes[1] - 1] != '\0')
		return "";
	return (const char *)bytes + 2;
}

static void read_generation(const struct nlmsghdr *answer, void *data)
{
	*(uint32_t *)data = attribute_be32(of_message(answer, NFTA_GEN_ID), 0);
}

int nft_read_generation(int sock, uint32_t *ret_generation, struct error *err)
{
	struct parcel parcel = { 0 };
	uint32_t generation = 0;
	int r;

	begin(&parcel, NFT_MSG_GETGEN, NLM_F_ACK, NFPROTO_UNSPEC);
	r = ask(sock, &parcel, read_generation, &generation, "the generation", err);
	if (r == NFT_OK)
		*ret_generation = generation;
	return r;
}

/* ---- elements ---- */

struct elements {
	void (*each)(const struct nft_found *found, void *data);
	void *data;
};

static void read_element(const struct nlattr *element, const struct elements *elements)
{
	const struct nlattr *key = of_nest(of_nest(element, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);
	const struct nlattr *data = of_nest(of_nest(element, NFTA_SET_ELEM_DATA), NFTA_DATA_VALUE);

	if (!key)
		return;
	elements->each(
		&(struct nft_found){
			.key = attribute_data(key),
			.key_len = attribute_len(key),
			.data = attribute_data(data),
			.data_len = attribute_len(data),
			.owner = comment(of_nest(element, NFTA_SET_ELEM_USERDATA)),
		},
		elements->data);
}

static void read_elements(const struct nlmsghdr *answer, void *data)
{
	const struct nlattr *list = of_message(answer, NFTA_SET_ELEM_LIST_ELEMENTS);
	const char *at = attribute_data(list);
	const char *end = at + attribute_len(list);

	while (at && at < end) {
		const struct nlattr *element = attribute_find(at, (size_t)(end - at), NFTA_LIST_ELEM);
		if (!element)
			return;
		read_element(element, data);
		at = (const char *)element + NLA_ALIGN(element->nla_len);
	}
}

int nft_read_elements(int sock, const char *table, const struct nft_set *set, const struct nft_element *one,
	void (*each)(const struct nft_found *found, void *data), void *data, struct error *err)
{
	struct elements elements = { each, data };
	struct parcel parcel = { 0 };
	size_t list;

	begin(&parcel, NFT_MSG_GETSETELEM, one ? NLM_F_ACK : NLM_F_DUMP, set->family);
	parcel_put_text(&parcel, NFTA_SET_ELEM_LIST_TABLE, table);
	parcel_put_text(&parcel, NFTA_SET_ELEM_LIST_SET, set->name);
	if (one) {
		list = parcel_nest(&parcel, NFTA_SET_ELEM_LIST_ELEMENTS);
		nft_put_element(&parcel, one);
		parcel_unnest(&parcel, list);
	}
	return ask(sock, &parcel, read_elements, &elements, set->name, err);
}

/* ---- rules and chains ---- */

struct rules {
	void (*each)(const struct nft_found_rule *found, void *data);
	void *data;
};

static void read_rule(const struct nlmsghdr *answer, void *data)
{
	const struct nlattr *handle = of_message(answer, NFTA_RULE_HANDLE);
	const struct nlattr *exprs = of_message(answer, NFTA_RULE_EXPRESSIONS);
	const struct rules *rules = data;
	uint32_t halves[2];

	if (attribute_len(handle) != sizeof(halves))
		return;
	memcpy(halves, attribute_data(handle), sizeof(halves));
	rules->each(
		&(struct nft_found_rule){
			.chain = attribute_text(of_message(answer, NFTA_RULE_CHAIN)),
			.why = comment(of_message(answer, NFTA_RULE_USERDATA)),
			.handle = (uint64_t)ntohl(halves[0]) << 32 | ntohl(halves[1]),
			.exprs = attribute_data(exprs),
			.exprs_len = attribute_len(exprs),
		},
		rules->data);
}

int nft_read_rules(int sock, uint8_t family, const char *table, const char *chain,
	void (*each)(const struct nft_found_rule *found, void *data), void *data, struct error *err)
{
	struct rules rules = { each, data };
	struct parcel parcel = { 0 };

	begin(&parcel, NFT_MSG_GETRULE, NLM_F_DUMP, family);
	parcel_put_text(&parcel, NFTA_RULE_TABLE, table);
	if (chain)
		parcel_put_text(&parcel, NFTA_RULE_CHAIN, chain);
	return ask(sock, &parcel, read_rule, &rules, table, err);
}

struct chains {
	void (*each)(const struct nft_found_chain *found, void *data);
	void *data;
};

static void read_chain(const struct nlmsghdr *answer, void *data)
{
	const struct nfgenmsg *header = NLMSG_DATA(answer);
	const struct nlattr *hook = of_message(answer, NFTA_CHAIN_HOOK);
	const struct chains *chains = data;

	if (answer->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return;
	chains->each(
		&(struct nft_found_chain){
			.family = header->nfgen_family,
			.table = attribute_text(of_message(answer, NFTA_CHAIN_TABLE)),
			.name = attribute_text(of_message(answer, NFTA_CHAIN_NAME)),
			.is_base = hook != NULL,
			.hook = attribute_be32(of_nest(hook, NFTA_HOOK_HOOKNUM), 0),
			.policy = attribute_be32(of_message(answer, NFTA_CHAIN_POLICY), NF_ACCEPT),
		},
		chains->data);
}

int nft_read_chains(
	int sock, void (*each)(const struct nft_found_chain *found, void *data), void *data, struct error *err)
{
	struct chains chains = { each, data };
	struct parcel parcel = { 0 };

	begin(&parcel, NFT_MSG_GETCHAIN, NLM_F_DUMP, NFPROTO_UNSPEC);
	return ask(sock, &parcel, read_chain, &chains, "chains", err);
}
