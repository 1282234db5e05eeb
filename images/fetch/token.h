/* images/fetch/token.h: the token that a registry wants, got from its realm [distribution: token authentication].
 *
 * The realm is an address that the registry tells us, on a host that need not be its own: docker.io's is auth.docker.io. So it
 * could be made to lead the credentials astray; they go only to a realm that is near the registry, or that the configuration
 * names. [CVE-2020-15157] */
#pragma once
#include <stdbool.h>

#include "images/fetch/exchange.h"
#include "images/fetch/headers.h"

enum { TOKEN_ANSWER_MAX = 1 << 20 };

/* Whether the host of a realm belongs to the registry's: the same, whatever the port, or within the domain that the registry's
 * first label is in, which must have two labels at least. Addresses in numbers are only near themselves. Pure. */
bool realm_is_near(const char *registry, const char *realm);

/* Makes the order: with the credentials, which may be NULL. -EACCES where the realm must not be asked, in words. */
int token_order(const struct challenge *challenge, struct sites *sites, const struct site *site,
	const struct credentials *credentials, const char *repository, struct arena *arena, struct exchange_order *ret,
	struct error *err);

/* The token in the realm's answer; NULL: there is none that could be sent. */
const char *token_read(const char *text, size_t len, struct arena *arena);
