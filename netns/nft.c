/* netns/nft.c: transactions, as the messages of nf_tables [linux/netfilter/nf_tables.h].
 *
 * Numbers are in network order except those within a value, which are as the registers hold them. What a message is
 * about is kept beside it, so that a refusal can say it. */
#include "netns/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

enum {
	LIST_MAX = 32 << 10, /* an attribute's length has 16 bits */
	OWNER_MAX = 120,
	USERDATA_COMMENT = 0, /* the tag by which nft(8) knows a comment, for rules and for elements */
};

/* What a message does and to what, in the words of its error. */
struct nft_message {
	const char *verb, *name;
	bool element;
};

static const struct {
	uint8_t id; /* as nft(8) numbers them */
	uint8_t len;
} types[] = {
	[NFT_TYPE_IPV4] = { 7, 4 },
	[NFT_TYPE_IPV6] = { 8, 16 },
	[NFT_TYPE_ETHER] = { 9, 6 },
	[NFT_TYPE_PROTO] = { 12, 1 },
	[NFT_TYPE_PORT] = { 13, 2 },
	[NFT_TYPE_IFNAME] = { 41, IFNAMSIZ },
};
static_assert(ARRAY_SIZE(types) == NFT_TYPES, "a type has no length");

static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

/* ---- messages ---- */

static bool remember(struct nft_transaction *t, struct nft_message about)
{
	if (t->parcel.code < 0)
		return false;
	if (t->parcel.count >= t->size) {
		size_t size = t->size ? t->size * 2 : 128;
		struct nft_message *messages = reallocarray(t->messages, size, sizeof(*messages));
		if (!messages)
			return t->parcel.code = -ENOMEM, false;
		t->messages = messages;
		t->size = size;
	}
	t->messages[t->parcel.count] = about;
	return true;
}

static void begin_batch(struct nft_transaction *t, uint16_t type)
{
	const struct nfgenmsg header = { .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	if (remember(t, (struct nft_message){ .verb = "change", .name = "the firewall" }))
		parcel_message(&t->parcel, type, 0, &header, sizeof(header));
}

static void begin(struct nft_transaction *t, uint16_t type, uint16_t flags, uint8_t family, struct nft_message about)
{
	const struct nfgenmsg header = { .nfgen_family = family, .version = NFNETLINK_V0 };

	t->set = NULL;
	if (remember(t, about))
		parcel_message(
			&t->parcel, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &header, sizeof(header));
}

static void put_be64(struct parcel *parcel, uint16_t type, uint64_t value)
{
	const uint32_t halves[2] = { htonl((uint32_t)(value >> 32)), htonl((uint32_t)value) };

	parcel_put(parcel, type, halves, sizeof(halves));
}

/* As nft(8) writes its comments: tag, length, text with its NUL. */
static void put_comment(struct parcel *parcel, uint16_t type, const char *text)
{
	char data[2 + OWNER_MAX + 1] = { USERDATA_COMMENT };
	size_t len = strnlen(text, OWNER_MAX);

	data[1] = (char)(len + 1);
	memcpy(data + 2, text, len);
	parcel_put(parcel, type, data, 2 + len + 1);
}

void nft_begin(struct nft_transaction *t, const char *table)
{
	*t = (struct nft_transaction){ .table = table };
	begin_batch(t, NFNL_MSG_BATCH_BEGIN);
}

void nft_begin_since(struct nft_transaction *t, const char *table, uint32_t generation)
{
	nft_begin(t, table);
	parcel_put_be32(&t->parcel, NFNL_BATCH_GENID, generation);
}

void nft_done(struct nft_transaction *t)
{
	parcel_done(&t->parcel);
	free(t->messages);
	*t = (struct nft_transaction){ 0 };
}

void nft_add_table(struct nft_transaction *t, uint8_t family)
{
	begin(t, NFT_MSG_NEWTABLE, NLM_F_CREATE, family,
		(struct nft_message){ .verb = "make table", .name = t->table });
	parcel_put_text(&t->parcel, NFTA_TABLE_NAME, t->table);
}

void nft_delete_table(struct nft_transaction *t, uint8_t family)
{
	begin(t, NFT_MSG_DELTABLE, 0, family, (struct nft_message){ .verb = "remove table", .name = t->table });
	parcel_put_text(&t->parcel, NFTA_TABLE_NAME, t->table);
}

void nft_add_chain(struct nft_transaction *t, const struct nft_chain *chain)
{
	size_t nest;

	begin(t, NFT_MSG_NEWCHAIN, NLM_F_CREATE, chain->family,
		(struct nft_message){ .verb = "make chain", .name = chain->name });
	parcel_put_text(&t->parcel, NFTA_CHAIN_TABLE, t->table);
	parcel_put_text(&t->parcel, NFTA_CHAIN_NAME, chain->name);
	if (!chain->type)
		return;
	nest = parcel_nest(&t->parcel, NFTA_CHAIN_HOOK);
	parcel_put_be32(&t->parcel, NFTA_HOOK_HOOKNUM, (uint32_t)chain->hook);
	parcel_put_be32(&t->parcel, NFTA_HOOK_PRIORITY, (uint32_t)chain->priority);
	parcel_unnest(&t->parcel, nest);
	parcel_put_text(&t->parcel, NFTA_CHAIN_TYPE, chain->type);
}

/* A row of types as one number of six bits each, and how many bytes they fill. */
static uint32_t types_of(const enum nft_type *parts, uint32_t *ret_len)
{
	uint32_t id = 0;

	*ret_len = 0;
	for (size_t i = 0; i < NFT_PARTS && parts[i]; i++) {
		id = id << 6 | types[parts[i]].id;
		*ret_len += (uint32_t)padded(types[parts[i]].len);
	}
	return id;
}

/* Without it nft(8) takes a name for a number of another order, and shows it empty. */
static const struct {
	uint8_t tag, len;
	uint8_t order[4]; /* 1 in the order of the machine */
} host_order = { 0, 4, { __BYTE_ORDER == __LITTLE_ENDIAN, 0, 0, __BYTE_ORDER == __BIG_ENDIAN } };

void nft_add_set(struct nft_transaction *t, const struct nft_set *set)
{
	uint32_t key_len, data_len;
	uint32_t key = types_of(set->key, &key_len), data = types_of(set->data, &data_len);

	begin(t, NFT_MSG_NEWSET, NLM_F_CREATE, set->family,
		(struct nft_message){ .verb = "make set", .name = set->name });
	parcel_put_text(&t->parcel, NFTA_SET_TABLE, t->table);
	parcel_put_text(&t->parcel, NFTA_SET_NAME, set->name);
	parcel_put_be32(&t->parcel, NFTA_SET_ID, t->parcel.count);
	parcel_put_be32(&t->parcel, NFTA_SET_KEY_TYPE, key);
	parcel_put_be32(&t->parcel, NFTA_SET_KEY_LEN, key_len);
	if (set->key[0] == NFT_TYPE_IFNAME && !set->key[1])
		parcel_put(&t->parcel, NFTA_SET_USERDATA, &host_order, sizeof(host_order));
	if (!data)
		return;
	parcel_put_be32(&t->parcel, NFTA_SET_FLAGS, NFT_SET_MAP);
	parcel_put_be32(&t->parcel, NFTA_SET_DATA_TYPE, data);
	parcel_put_be32(&t->parcel, NFTA_SET_DATA_LEN, data_len);
}

void nft_flush_rules(struct nft_transaction *t, uint8_t family)
{
	begin(t, NFT_MSG_DELRULE, 0, family, (struct nft_message){ .verb = "flush table", .name = t->table });
	parcel_put_text(&t->parcel, NFTA_RULE_TABLE, t->table);
}

static void add_rule(struct nft_transaction *t, const struct nft_rule *rule, uint16_t flags)
{
	begin(t, NFT_MSG_NEWRULE, NLM_F_CREATE | flags, rule->family,
		(struct nft_message){ .verb = "add the rule", .name = rule->why });
	parcel_put_text(&t->parcel, NFTA_RULE_TABLE, t->table);
	parcel_put_text(&t->parcel, NFTA_RULE_CHAIN, rule->chain);
	nft_put_exprs(&t->parcel, NFTA_RULE_EXPRESSIONS, rule->exprs);
	put_comment(&t->parcel, NFTA_RULE_USERDATA, rule->why);
}

void nft_add_rule(struct nft_transaction *t, const struct nft_rule *rule)
{
	add_rule(t, rule, NLM_F_APPEND);
}

void nft_insert_rule(struct nft_transaction *t, const struct nft_rule *rule)
{
	add_rule(t, rule, 0);
}

void nft_delete_rule(struct nft_transaction *t, uint8_t family, const char *chain, uint64_t handle)
{
	begin(t, NFT_MSG_DELRULE, 0, family, (struct nft_message){ .verb = "remove a rule of chain", .name = chain });
	parcel_put_text(&t->parcel, NFTA_RULE_TABLE, t->table);
	parcel_put_text(&t->parcel, NFTA_RULE_CHAIN, chain);
	put_be64(&t->parcel, NFTA_RULE_HANDLE, handle);
}

/* ---- elements ---- */

static void add_part(uint8_t *to, size_t *len, const void *bytes, size_t part)
{
	memcpy(to + *len, bytes, part);
	*len += padded(part);
}

void nft_key(struct nft_element *element, const void *bytes, size_t len)
{
	add_part(element->key, &element->key_len, bytes, len);
}

void nft_data(struct nft_element *element, const void *bytes, size_t len)
{
	add_part(element->data, &element->data_len, bytes, len);
}

static void put_value(struct parcel *parcel, uint16_t type, const void *bytes, size_t len)
{
	size_t nest = parcel_nest(parcel, type);

	parcel_put(parcel, NFTA_DATA_VALUE, bytes, len);
	parcel_unnest(parcel, nest);
}

void nft_put_element(struct parcel *parcel, const struct nft_element *element)
{
	size_t nest = parcel_nest(parcel, NFTA_LIST_ELEM);

	put_value(parcel, NFTA_SET_ELEM_KEY, element->key, element->key_len);
	if (element->data_len)
		put_value(parcel, NFTA_SET_ELEM_DATA, element->data, element->data_len);
	if (element->owner)
		put_comment(parcel, NFTA_SET_ELEM_USERDATA, element->owner);
	parcel_unnest(parcel, nest);
}

/* Neighbours of one set share a message, so far as they fit. */
static void put_in_list(struct nft_transaction *t, uint16_t operation, uint16_t flags, const struct nft_set *set,
	const struct nft_element *element, const char *verb)
{
	if (t->set != set || t->operation != operation || t->parcel.len - t->list > LIST_MAX) {
		begin(t, operation, flags, set->family,
			(struct nft_message){ .verb = verb, .name = set->name, .element = true });
		parcel_put_text(&t->parcel, NFTA_SET_ELEM_LIST_TABLE, t->table);
		parcel_put_text(&t->parcel, NFTA_SET_ELEM_LIST_SET, set->name);
		t->list = parcel_nest(&t->parcel, NFTA_SET_ELEM_LIST_ELEMENTS);
		t->set = set;
		t->operation = operation;
	}
	nft_put_element(&t->parcel, element);
	parcel_unnest(&t->parcel, t->list);
}

void nft_add_element(struct nft_transaction *t, const struct nft_set *set, const struct nft_element *element)
{
	put_in_list(t, NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, element, "add to set");
}

void nft_delete_element(struct nft_transaction *t, const struct nft_set *set, const struct nft_element *element)
{
	put_in_list(t, NFT_MSG_DELSETELEM, 0, set, element, "remove from set");
}

/* ---- to the kernel ---- */

int nft_open(struct error *err)
{
	int sock = parcel_socket(NETLINK_NETFILTER);

	if (sock >= 0)
		return sock;
	(void)error_sys(err, sock, "open a netlink socket for nf_tables");
	return error_hint(err, "the kernel needs CONFIG_NETFILTER_NETLINK and CONFIG_NF_TABLES");
}

#define NEEDS                                                                                                          \
	"the kernel needs CONFIG_NF_TABLES with NF_TABLES_INET, NF_TABLES_BRIDGE, NFT_CT, NFT_FIB_INET, NFT_NAT, NFT_MASQ"

static const struct {
	int code;
	const char *hint;
} hints[] = {
	{ -EPERM, "needs CAP_NET_ADMIN in the network namespace" },
	{ -EOPNOTSUPP, NEEDS },
	{ -ENOENT, NEEDS },
	{ -EEXIST, "another version of husk made it; nft delete table inet husk, then husk network repair" },
};

int nft_refused(int code, const char *verb, const char *name, const struct parcel_refusal *refusal, struct error *err)
{
	const char *colon = refusal->words[0] ? ": " : "";

	(void)error_sys(err, code, "nf_tables: %s %s%s%s", verb, name, colon, refusal->words);
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (hints[i].code == code)
			return error_hint(err, "%s", hints[i].hint);
	return code;
}

static struct nft_message refused_message(const struct nft_transaction *t)
{
	if (t->refusal.message > 0 && t->refusal.message <= t->parcel.count && t->messages)
		return t->messages[t->refusal.message - 1];
	return (struct nft_message){ .verb = "change", .name = "the firewall" };
}

int nft_missing(const struct nft_transaction *t, struct error *err)
{
	const struct nft_message about = refused_message(t);

	return nft_refused(-ENOENT, about.verb, about.name, &t->refusal, err);
}

int nft_commit(int sock, struct nft_transaction *t, struct error *err)
{
	struct nft_message about;
	int r;

	begin_batch(t, NFNL_MSG_BATCH_END);
	r = parcel_send(sock, &t->parcel, NULL, NULL, &t->refusal);
	if (r == 0)
		return NFT_OK;
	if (r == -ENOENT || r == -ERESTART)
		return NFT_MISSING;
	about = refused_message(t);
	if (about.element && (r == -EEXIST || r == -EBUSY)) /* which of the two depends on the kernel */
		return NFT_TAKEN;
	return nft_refused(r, about.verb, about.name, &t->refusal, err);
}
