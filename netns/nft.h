/* netns/nft.h: rules of nf_tables as data, and transactions that put them into the kernel [nft(8)]. Internal to this room.
 *
 * A rule is a row of expressions that work on sixteen registers of four bytes: load something, compare it or look it up,
 * then act. Rows are constants made by the RULE_ macros below. A transaction is all or nothing, and says which message
 * the kernel did not like. No text ever reaches a parser: names are attributes, so a name can be nothing but a name. */
#pragma once
#include <net/if.h>
#include <netinet/in.h> /* before those of linux/, which then leave out what it has */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netns/parcel.h"
struct error;

/* ---- what there is ---- */

/* Types of what sets hold, so that nft(8) shows them as what they are. A key's parts each fill whole registers. */
enum nft_type {
	NFT_TYPE_NONE,
	NFT_TYPE_IPV4,
	NFT_TYPE_IPV6,
	NFT_TYPE_ETHER,
	NFT_TYPE_PROTO,
	NFT_TYPE_PORT,
	NFT_TYPE_IFNAME,
	NFT_TYPES
};

enum { NFT_PARTS = 3 };

struct nft_set {
	uint8_t family; /* NFPROTO_INET, NFPROTO_BRIDGE */
	const char *name;
	enum nft_type key[NFT_PARTS];
	enum nft_type data[NFT_PARTS]; /* a map, where there is some */
};

struct nft_chain {
	uint8_t family;
	const char *name;
	const char *type; /* "filter", "nat"; NULL: only jumped to */
	int hook;         /* NF_INET_FORWARD ... */
	int priority;
};

enum nft_expr_kind {
	NFT_EXPR_END,
	NFT_EXPR_META,
	NFT_EXPR_PAYLOAD,
	NFT_EXPR_CT,
	NFT_EXPR_FIB,
	NFT_EXPR_CMP,
	NFT_EXPR_MASK,
	NFT_EXPR_LOOKUP,
	NFT_EXPR_DNAT,
	NFT_EXPR_MASQUERADE,
	NFT_EXPR_VERDICT,
	NFT_EXPR_KINDS
};

struct nft_expr {
	enum nft_expr_kind kind;
	uint8_t reg, to;     /* registers: what it works on; where else it writes */
	uint32_t key;        /* of meta and ct, base of a payload, operator of a comparison, family of a translation */
	uint8_t offset, len; /* bytes */
	bool inverted;       /* a lookup that wants nothing found */
	bool is_map;         /* a lookup that writes to `to` */
	int verdict;
	const char *name; /* of a set, of a chain */
	union {
		uint32_t number; /* in the order of the machine, as meta, ct and fib load theirs */
		uint8_t bytes[16];
	} value;
};

#define RULE_META(reg_, key_)                                                                                          \
	{                                                                                                              \
		.kind = NFT_EXPR_META, .reg = (reg_), .key = (key_)                                                    \
	}
#define RULE_CT(reg_, key_)                                                                                            \
	{                                                                                                              \
		.kind = NFT_EXPR_CT, .reg = (reg_), .key = (key_)                                                      \
	}
#define RULE_FIB_OF(reg_, flag_)                                                                                       \
	{                                                                                                              \
		.kind = NFT_EXPR_FIB, .reg = (reg_), .key = (flag_)                                                    \
	}
#define RULE_PAYLOAD(reg_, base_, offset_, len_)                                                                       \
	{                                                                                                              \
		.kind = NFT_EXPR_PAYLOAD, .reg = (reg_), .key = (base_), .offset = (offset_), .len = (len_)            \
	}
#define RULE_NUMBER(reg_, op_, number_)                                                                                \
	{                                                                                                              \
		.kind = NFT_EXPR_CMP, .reg = (reg_), .key = (op_), .len = 4, .value.number = (number_)                 \
	}
#define RULE_BYTES(reg_, op_, len_, ...)                                                                               \
	{                                                                                                              \
		.kind = NFT_EXPR_CMP, .reg = (reg_), .key = (op_), .len = (len_), .value.bytes = { __VA_ARGS__ }       \
	}
#define RULE_MASK(reg_, number_)                                                                                       \
	{                                                                                                              \
		.kind = NFT_EXPR_MASK, .reg = (reg_), .len = 4, .value.number = (number_)                              \
	}
#define RULE_MASK_BYTES(reg_, len_, ...)                                                                               \
	{                                                                                                              \
		.kind = NFT_EXPR_MASK, .reg = (reg_), .len = (len_), .value.bytes = { __VA_ARGS__ }                    \
	}
#define RULE_IN(reg_, set_)                                                                                            \
	{                                                                                                              \
		.kind = NFT_EXPR_LOOKUP, .reg = (reg_), .name = (set_)                                                 \
	}
#define RULE_NOT_IN(reg_, set_)                                                                                        \
	{                                                                                                              \
		.kind = NFT_EXPR_LOOKUP, .reg = (reg_), .name = (set_), .inverted = true                               \
	}
#define RULE_MAP(reg_, set_, to_)                                                                                      \
	{                                                                                                              \
		.kind = NFT_EXPR_LOOKUP, .reg = (reg_), .name = (set_), .to = (to_), .is_map = true                    \
	}
#define RULE_DNAT(family_, address_, port_)                                                                            \
	{                                                                                                              \
		.kind = NFT_EXPR_DNAT, .key = (family_), .reg = (address_), .to = (port_)                              \
	}
#define RULE_MASQUERADE                                                                                                \
	{                                                                                                              \
		.kind = NFT_EXPR_MASQUERADE                                                                            \
	}
#define RULE_VERDICT(verdict_)                                                                                         \
	{                                                                                                              \
		.kind = NFT_EXPR_VERDICT, .verdict = (verdict_)                                                        \
	}
#define RULE_JUMP(chain_)                                                                                              \
	{                                                                                                              \
		.kind = NFT_EXPR_VERDICT, .verdict = NFT_JUMP, .name = (chain_)                                        \
	}

enum { RULE_EXPRS = 13 }; /* the last one stays empty */

struct nft_rule {
	uint8_t family;
	const char *chain;
	const char *why; /* shown by nft(8) as the rule's comment */
	struct nft_expr exprs[RULE_EXPRS];
};

/* ---- transactions ---- */

struct nft_message;

struct nft_transaction {
	const char *table;
	struct parcel parcel;
	struct nft_message *messages; /* owned; what each is about */
	size_t size;
	const struct nft_set *set; /* the list of elements that is open, and its place */
	uint16_t operation;
	size_t list;
	struct parcel_refusal refusal; /* after nft_commit() */
};

/* A socket for transactions; errors: no nf_tables in this kernel. */
int nft_open(struct error *err);

/* Of `table`, borrowed as all names are until the transaction is done. */
void nft_begin(struct nft_transaction *transaction, const char *table);
/* The same; but nothing happens, and nft_commit() answers NFT_MISSING, if anybody has changed anything since. */
void nft_begin_since(struct nft_transaction *transaction, const char *table, uint32_t generation);
void nft_done(struct nft_transaction *transaction);

void nft_add_table(struct nft_transaction *transaction, uint8_t family);
void nft_delete_table(struct nft_transaction *transaction, uint8_t family);
void nft_add_chain(struct nft_transaction *transaction, const struct nft_chain *chain);
void nft_add_set(struct nft_transaction *transaction, const struct nft_set *set);
void nft_flush_rules(struct nft_transaction *transaction, uint8_t family);
/* As the last of its chain; or as its first. */
void nft_add_rule(struct nft_transaction *transaction, const struct nft_rule *rule);
void nft_insert_rule(struct nft_transaction *transaction, const struct nft_rule *rule);
void nft_delete_rule(struct nft_transaction *transaction, uint8_t family, const char *chain, uint64_t handle);

/* An element of a set: the key as its registers hold it, data for a map, whose it is for who looks with nft(8). */
struct nft_element {
	uint8_t key[NFT_PARTS * 16], data[NFT_PARTS * 16];
	size_t key_len, data_len;
	const char *owner; /* may be NULL */
};

/* Appends a part of a key, or of data, padded to whole registers. */
void nft_key(struct nft_element *element, const void *bytes, size_t len);
void nft_data(struct nft_element *element, const void *bytes, size_t len);

/* An element that is there with the same data is fine; with other data it is NFT_TAKEN. */
void nft_add_element(struct nft_transaction *t, const struct nft_set *set, const struct nft_element *element);
void nft_delete_element(struct nft_transaction *t, const struct nft_set *set, const struct nft_element *element);

/* All of it, or nothing. NFT_MISSING: something that a message speaks of is not there (any more); NFT_TAKEN: an element is there
 * with other data. Anything else that the kernel refuses is an error, which names the message. */
enum nft_result { NFT_OK, NFT_MISSING, NFT_TAKEN };
int nft_commit(int sock, struct nft_transaction *transaction, struct error *err);

/* After NFT_MISSING, where nothing can be missing but a part of the kernel: the error for it. */
int nft_missing(const struct nft_transaction *transaction, struct error *err);

/* ---- for nft*.c alone ---- */

void nft_put_exprs(struct parcel *parcel, uint16_t type, const struct nft_expr *exprs);
void nft_put_element(struct parcel *parcel, const struct nft_element *element);
/* The error of a refusal: code, what was tried on what, the kernel's words and a hint. */
int nft_refused(int code, const char *verb, const char *name, const struct parcel_refusal *refusal, struct error *err);

/* ---- questions ---- */

/* The number of the ruleset's last change. */
int nft_read_generation(int sock, uint32_t *ret_generation, struct error *err);

/* Calls `each` for the elements of a set, or for the one with the key of `one`. 0, or NFT_MISSING. */
struct nft_found {
	const uint8_t *key, *data;
	size_t key_len, data_len;
	const char *owner; /* "" where it says none */
};
int nft_read_elements(int sock, const char *table, const struct nft_set *set, const struct nft_element *one,
	void (*each)(const struct nft_found *found, void *data), void *data, struct error *err);

/* Rules of a chain, or of all chains where it is NULL; chains of all tables. */
struct nft_found_rule {
	const char *chain, *why;
	uint64_t handle;
	const void *exprs; /* as attributes, unread */
	size_t exprs_len;
};
int nft_read_rules(int sock, uint8_t family, const char *table, const char *chain,
	void (*each)(const struct nft_found_rule *found, void *data), void *data, struct error *err);

struct nft_found_chain {
	uint8_t family;
	const char *table, *name;
	bool is_base;
	uint32_t hook, policy; /* of a base chain */
};
int nft_read_chains(
	int sock, void (*each)(const struct nft_found_chain *found, void *data), void *data, struct error *err);
