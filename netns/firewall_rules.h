/* netns/firewall_rules.h: the sets that the rules of firewall_rules.c read. Internal to this room. */
#pragma once
#include <stddef.h>

#include "netns/nft.h"

#define FIREWALL_TABLE "husk"

/* What is published: by one address of the host, or by all of them; for both versions of IP. */
enum { PUBLISHED_ONE, PUBLISHED_ANY, PUBLISHED_KINDS };

/* Family inet: names of bridges, by what their networks are; pairs of a bridge with itself, and with its containers'
 * addresses. */
extern const struct nft_set firewall_bridges, firewall_within, firewall_masqueraded, firewall_internal,
	firewall_isolated, firewall_members4, firewall_members6;
extern const struct nft_set firewall_published4[PUBLISHED_KINDS], firewall_published6[PUBLISHED_KINDS];

/* Family bridge: links of containers, with the addresses that are theirs. */
extern const struct nft_set firewall_links, firewall_macs, firewall_addresses4, firewall_addresses6;

/* Makes tables, chains and sets where they are missing, and all rules anew: at no moment do packets meet none. */
void firewall_put_rules(struct nft_transaction *transaction);

void firewall_delete_tables(struct nft_transaction *transaction);

/* NFT_OK where every chain has as many rules as it should, and every set is there; NFT_MISSING where not. */
int firewall_check_rules(int sock, struct error *err);
