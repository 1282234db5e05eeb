/* netns/firewall_foreign.c: other firewalls on this host, which drop what ours accepts.
 *
 * Each base chain of a hook has its say, and a drop is final; Docker and ufw drop by policy what is forwarded and not
 * theirs. Our rules stay in our tables; only where the user asks for it are rules put into the chains that these tools
 * leave to their users. They carry a comment with the bridge's name, by which they are found again. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "netns/firewall.h"
#include "netns/firewall_rules.h"

enum { NAME_SIZE = 64, CHAINS_MAX = 32, HANDLES_MAX = 16 };

/* Chains that tools keep for rules of their users, in the table "filter". */
static const struct place {
	const char *tool;
	uint8_t family;
	const char *chain;
} places[] = {
	{ "Docker", NFPROTO_IPV4, "DOCKER-USER" },
	{ "Docker", NFPROTO_IPV6, "DOCKER-USER" },
	{ "ufw", NFPROTO_IPV4, "ufw-user-forward" },
	{ "ufw", NFPROTO_IPV6, "ufw6-user-forward" },
};

#define PLACES_TABLE "filter"
#define FIREWALLD    "firewalld"

static const char *family_name(uint8_t family)
{
	return family == NFPROTO_IPV4 ? "ip" : family == NFPROTO_IPV6 ? "ip6" : "inet";
}

/* ---- what there is ---- */

struct chain {
	uint8_t family;
	char table[NAME_SIZE], name[NAME_SIZE];
	bool drops; /* by its policy; firewalld's do so by their last rule */
};

struct survey {
	struct chain chains[CHAINS_MAX]; /* in which much that is forwarded may end */
	size_t count;
	bool has[ARRAY_SIZE(places)];
};

static void look(const struct nft_found_chain *found, void *data)
{
	struct survey *survey = data;
	bool drops = found->policy == NF_DROP;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		survey->has[i] |= found->family == places[i].family && strcmp(found->table, PLACES_TABLE) == 0 &&
			strcmp(found->name, places[i].chain) == 0;
	if (!found->is_base || found->hook != NF_INET_FORWARD || found->family == NFPROTO_BRIDGE ||
		!(drops || strcmp(found->table, FIREWALLD) == 0) || survey->count == CHAINS_MAX)
		return;
	survey->chains[survey->count] = (struct chain){ .family = found->family, .drops = drops };
	strncat(survey->chains[survey->count].table, found->table, NAME_SIZE - 1);
	strncat(survey->chains[survey->count].name, found->name, NAME_SIZE - 1);
	survey->count++;
}

struct mention {
	const char *name;
	bool found;
};

static void look_for_name(const struct nft_found_rule *rule, void *data)
{
	struct mention *mention = data;

	mention->found |= rule->exprs && memmem(rule->exprs, rule->exprs_len, mention->name, strlen(mention->name) + 1);
}

static const char *tool_of(const struct survey *survey, const struct chain *chain)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (survey->has[i] && places[i].family == chain->family && strcmp(chain->table, PLACES_TABLE) == 0)
			return places[i].tool;
	return strcmp(chain->table, FIREWALLD) == 0 ? FIREWALLD : NULL;
}

static void describe(
	const struct survey *survey, const struct chain *chain, const char *bridge, struct firewall_obstacle *ret)
{
	const char *tool = tool_of(survey, chain);
	bool is_firewalld = tool && strcmp(tool, FIREWALLD) == 0;
	struct text what, hint;

	text_init(&what, ret->what, sizeof(ret->what));
	text_init(&hint, ret->hint, sizeof(ret->hint));
	text_add(&what, "%s %s %s (%s%s%s)", family_name(chain->family), chain->table, chain->name,
		chain->drops ? "policy drop" : "", chain->drops && tool ? ", " : "", tool ? tool : "");
	ret->repairable = tool && !is_firewalld;
	if (ret->repairable)
		text_add(&hint, "husk network repair --with-docker");
	else if (is_firewalld)
		text_add(&hint, "firewall-cmd --permanent --zone=trusted --add-interface=%s", bridge);
	else
		text_add(&hint, "accept there what %s forwards", bridge);
}

int firewall_foreign_drop(const char *bridge, struct firewall_obstacle *ret, struct error *err)
{
	cleanup_close int sock = nft_open(err);
	struct survey survey = { 0 };
	int r = sock < 0 ? sock : nft_read_chains(sock, look, &survey, err);

	*ret = (struct firewall_obstacle){ 0 };
	for (size_t i = 0; i < survey.count && r >= 0; i++) {
		const struct chain *chain = &survey.chains[i];
		struct mention mention = { .name = bridge };
		r = nft_read_rules(sock, chain->family, chain->table, NULL, look_for_name, &mention, err);
		if (r < 0 || mention.found)
			continue;
		describe(&survey, chain, bridge, ret);
		break;
	}
	return r < 0 ? r : 0;
}

/* ---- rules of ours at their places ---- */

struct ours {
	const char *why;
	uint64_t handles[HANDLES_MAX];
	size_t count;
};

static void look_for_ours(const struct nft_found_rule *rule, void *data)
{
	struct ours *ours = data;

	for (size_t i = 0; i < ours->count; i++) /* a dump that was disturbed begins again */
		if (ours->handles[i] == rule->handle)
			return;
	if (strcmp(rule->why, ours->why) == 0 && ours->count < HANDLES_MAX)
		ours->handles[ours->count++] = rule->handle;
}

static const char *comment_of(const char *bridge, char buf[NAME_SIZE])
{
	struct text text;

	text_init(&text, buf, NAME_SIZE);
	text_add(&text, "husk: %s", bridge);
	return buf;
}

/* The name with its NUL alone, as iptables(8) writes and reads it. */
static void accept_link(
	struct nft_transaction *t, const struct place *place, uint32_t meta, const char *link, const char *why)
{
	struct nft_rule rule = {
		.family = place->family,
		.chain = place->chain,
		.why = why,
		.exprs = { RULE_META(0, meta), RULE_BYTES(0, NFT_CMP_EQ, 0), RULE_VERDICT(NF_ACCEPT) },
	};

	rule.exprs[1].len = (uint8_t)(strnlen(link, IFNAMSIZ - 1) + 1);
	memcpy(rule.exprs[1].value.bytes, link, rule.exprs[1].len - 1u);
	nft_insert_rule(t, &rule);
}

static void add_ours(struct nft_transaction *t, const struct place *place, const char *bridge, const struct ours *ours)
{
	if (ours->count > 0)
		return;
	accept_link(t, place, NFT_META_OIFNAME, bridge, ours->why);
	accept_link(t, place, NFT_META_IIFNAME, bridge, ours->why);
}

static void delete_ours(
	struct nft_transaction *t, const struct place *place, const char *bridge, const struct ours *ours)
{
	(void)bridge;
	for (size_t i = 0; i < ours->count; i++)
		nft_delete_rule(t, place->family, place->chain, ours->handles[i]);
}

/* Where one of these chains vanishes meanwhile, nothing was to be done there. */
static int at_each_place(const char *bridge,
	void (*put)(struct nft_transaction *t, const struct place *place, const char *bridge, const struct ours *ours),
	struct error *err)
{
	cleanup_close int sock = nft_open(err);
	char why[NAME_SIZE];
	struct survey survey = { 0 };
	struct nft_transaction t;
	int changes, r = sock < 0 ? sock : nft_read_chains(sock, look, &survey, err);

	if (r < 0)
		return r;
	nft_begin(&t, PLACES_TABLE);
	for (size_t i = 0; i < ARRAY_SIZE(places) && r >= 0; i++) {
		struct ours ours = { .why = comment_of(bridge, why) };
		if (!survey.has[i])
			continue;
		r = nft_read_rules(sock, places[i].family, PLACES_TABLE, places[i].chain, look_for_ours, &ours, err);
		if (r == NFT_OK)
			put(&t, &places[i], bridge, &ours);
	}
	changes = (int)t.parcel.count - 1;
	if (r >= 0 && changes > 0)
		r = nft_commit(sock, &t, err);
	nft_done(&t);
	return r < 0 ? r : changes;
}

int firewall_foreign_accept(const char *bridge, struct error *err)
{
	return at_each_place(bridge, add_ours, err);
}

int firewall_foreign_forget(const char *bridge, struct error *err)
{
	return at_each_place(bridge, delete_ours, err);
}
