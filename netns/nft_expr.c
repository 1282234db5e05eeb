/* netns/nft_expr.c: expressions of rules, as the attributes of nf_tables [linux/netfilter/nf_tables.h]. */
#include <string.h>

#include "base/text.h"
#include "netns/nft.h"

static uint32_t reg(uint8_t number)
{
	return NFT_REG32_00 + number;
}

static void put_value(struct parcel *parcel, uint16_t type, const void *bytes, size_t len)
{
	size_t nest = parcel_nest(parcel, type);

	parcel_put(parcel, NFTA_DATA_VALUE, bytes, len);
	parcel_unnest(parcel, nest);
}

static void put_meta(struct parcel *parcel, const struct nft_expr *expr)
{
	parcel_put_be32(parcel, NFTA_META_DREG, reg(expr->reg));
	parcel_put_be32(parcel, NFTA_META_KEY, expr->key);
}

static void put_payload(struct parcel *parcel, const struct nft_expr *expr)
{
	parcel_put_be32(parcel, NFTA_PAYLOAD_DREG, reg(expr->reg));
	parcel_put_be32(parcel, NFTA_PAYLOAD_BASE, expr->key);
	parcel_put_be32(parcel, NFTA_PAYLOAD_OFFSET, expr->offset);
	parcel_put_be32(parcel, NFTA_PAYLOAD_LEN, expr->len);
}

static void put_ct(struct parcel *parcel, const struct nft_expr *expr)
{
	parcel_put_be32(parcel, NFTA_CT_DREG, reg(expr->reg));
	parcel_put_be32(parcel, NFTA_CT_KEY, expr->key);
}

static void put_fib(struct parcel *parcel, const struct nft_expr *expr)
{
	parcel_put_be32(parcel, NFTA_FIB_DREG, reg(expr->reg));
	parcel_put_be32(parcel, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	parcel_put_be32(parcel, NFTA_FIB_FLAGS, expr->key);
}

static void put_cmp(struct parcel *parcel, const struct nft_expr *expr)
{
	parcel_put_be32(parcel, NFTA_CMP_SREG, reg(expr->reg));
	parcel_put_be32(parcel, NFTA_CMP_OP, expr->key);
	put_value(parcel, NFTA_CMP_DATA, expr->value.bytes, expr->len);
}

static void put_mask(struct parcel *parcel, const struct nft_expr *expr)
{
	static const uint8_t zeroes[sizeof(expr->value)];

	parcel_put_be32(parcel, NFTA_BITWISE_SREG, reg(expr->reg));
	parcel_put_be32(parcel, NFTA_BITWISE_DREG, reg(expr->reg));
	parcel_put_be32(parcel, NFTA_BITWISE_LEN, expr->len);
	put_value(parcel, NFTA_BITWISE_MASK, expr->value.bytes, expr->len);
	put_value(parcel, NFTA_BITWISE_XOR, zeroes, expr->len);
}

static void put_lookup(struct parcel *parcel, const struct nft_expr *expr)
{
	parcel_put_text(parcel, NFTA_LOOKUP_SET, expr->name);
	parcel_put_be32(parcel, NFTA_LOOKUP_SREG, reg(expr->reg));
	if (expr->is_map)
		parcel_put_be32(parcel, NFTA_LOOKUP_DREG, reg(expr->to));
	if (expr->inverted)
		parcel_put_be32(parcel, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

static void put_dnat(struct parcel *parcel, const struct nft_expr *expr)
{
	parcel_put_be32(parcel, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	parcel_put_be32(parcel, NFTA_NAT_FAMILY, expr->key);
	parcel_put_be32(parcel, NFTA_NAT_REG_ADDR_MIN, reg(expr->reg));
	parcel_put_be32(parcel, NFTA_NAT_REG_PROTO_MIN, reg(expr->to));
}

static void put_masquerade(struct parcel *parcel, const struct nft_expr *expr)
{
	(void)parcel, (void)expr;
}

static void put_verdict(struct parcel *parcel, const struct nft_expr *expr)
{
	size_t data, verdict;

	parcel_put_be32(parcel, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = parcel_nest(parcel, NFTA_IMMEDIATE_DATA);
	verdict = parcel_nest(parcel, NFTA_DATA_VERDICT);
	parcel_put_be32(parcel, NFTA_VERDICT_CODE, (uint32_t)expr->verdict);
	if (expr->name)
		parcel_put_text(parcel, NFTA_VERDICT_CHAIN, expr->name);
	parcel_unnest(parcel, verdict);
	parcel_unnest(parcel, data);
}

static const struct {
	const char *name; /* the kernel's */
	void (*put)(struct parcel *parcel, const struct nft_expr *expr);
} kinds[] = {
	[NFT_EXPR_META] = { "meta", put_meta },
	[NFT_EXPR_PAYLOAD] = { "payload", put_payload },
	[NFT_EXPR_CT] = { "ct", put_ct },
	[NFT_EXPR_FIB] = { "fib", put_fib },
	[NFT_EXPR_CMP] = { "cmp", put_cmp },
	[NFT_EXPR_MASK] = { "bitwise", put_mask },
	[NFT_EXPR_LOOKUP] = { "lookup", put_lookup },
	[NFT_EXPR_DNAT] = { "nat", put_dnat },
	[NFT_EXPR_MASQUERADE] = { "masq", put_masquerade },
	[NFT_EXPR_VERDICT] = { "immediate", put_verdict },
};
static_assert(ARRAY_SIZE(kinds) == NFT_EXPR_KINDS, "an expression has no name");

void nft_put_exprs(struct parcel *parcel, uint16_t type, const struct nft_expr *exprs)
{
	size_t list = parcel_nest(parcel, type);

	for (size_t i = 0; i < RULE_EXPRS && exprs[i].kind != NFT_EXPR_END; i++) {
		size_t element = parcel_nest(parcel, NFTA_LIST_ELEM), data;
		parcel_put_text(parcel, NFTA_EXPR_NAME, kinds[exprs[i].kind].name);
		data = parcel_nest(parcel, NFTA_EXPR_DATA);
		kinds[exprs[i].kind].put(parcel, &exprs[i]);
		parcel_unnest(parcel, data);
		parcel_unnest(parcel, element);
	}
	parcel_unnest(parcel, list);
}
