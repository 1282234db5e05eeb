/* images/fetch/token.c: see the header. */
#include "images/fetch/token.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/text.h"
#include "spec/json.h"

/* ---- near ---- */

/* The length of a host without its port. */
static size_t name_length(const char *host)
{
	const char *end = *host == '[' ? strchr(host, ']') : NULL;

	return end ? (size_t)(end + 1 - host) : strcspn(host, ":");
}

static bool is_address(const char *host, size_t len)
{
	return *host == '[' || strspn(host, "0123456789.") >= len;
}

bool realm_is_near(const char *registry, const char *realm)
{
	size_t len = name_length(registry), realm_len = name_length(realm), label = strcspn(registry, ".") + 1;

	if (len == realm_len && strncasecmp(registry, realm, len) == 0)
		return true;
	if (is_address(registry, len) || is_address(realm, realm_len) || label >= len)
		return false;
	const char *domain = registry + label;
	size_t domain_len = len - label;
	if (!memchr(domain, '.', domain_len) || realm_len < domain_len)
		return false;
	return strncasecmp(realm + realm_len - domain_len, domain, domain_len) == 0 &&
		(realm_len == domain_len || realm[realm_len - domain_len - 1] == '.');
}

/* ---- asking ---- */

static bool is_trusted(const struct site *site, const char *realm)
{
	return realm_is_near(site->host, realm) || (site->trusted_realm && strcasecmp(site->trusted_realm, realm) == 0);
}

static int check_realm(const struct challenge *challenge, const struct site *site, const struct site *realm_site,
	const struct origin *origin, bool with_credentials, struct error *err)
{
	if (strcmp(origin->scheme, "http") == 0 && !(site->plain && realm_site->may_be_plain)) {
		(void)error_bad(
			err, EACCES, "%s wants us to get a token in plain HTTP, from %s", site->host, challenge->realm);
		return error_hint(err, "insecure = true in registries.conf allows it for a host");
	}
	if (with_credentials && !is_trusted(site, origin->host)) {
		(void)error_bad(err, EACCES, "%s wants the credentials to be shown to another host, %s", site->host,
			origin->host);
		return error_hint(
			err, "if that is right, say realm = %s in its section of registries.conf", origin->host);
	}
	return 0;
}

/* One field of a form, escaped. */
static const char *add_field(const char *form, const char *name, const char *value, struct arena *arena)
{
	char *escaped = curl_easy_escape(NULL, value, 0);
	const char *longer = arena_printf(arena, "%s%s%s=%s", form, *form ? "&" : "", name, escaped ? escaped : "");

	curl_free(escaped);
	return longer;
}

/* With an identity token, by OAuth 2. */
static void order_by_identity(const struct challenge *challenge, const char *scope, const char *identity,
	struct arena *arena, struct exchange_order *order)
{
	const char *form = add_field("", "grant_type", "refresh_token", arena);

	if (challenge->service)
		form = add_field(form, "service", challenge->service, arena);
	form = add_field(form, "scope", scope, arena);
	form = add_field(form, "client_id", "husk", arena);
	order->form = add_field(form, "refresh_token", identity, arena);
}

int token_order(const struct challenge *challenge, struct sites *sites, const struct site *site,
	const struct credentials *credentials, const char *repository, struct arena *arena, struct exchange_order *ret,
	struct error *err)
{
	const char *scope = arena_printf(arena, "repository:%s:pull", repository), *url = challenge->realm;
	struct exchange_order order = { 0 };
	struct origin origin;
	int r;

	if (!url || exchange_origin(url, arena, &origin) < 0)
		return error_bad(err, EACCES, "%s wants a token, but does not say properly from where", site->host);
	order.registry = site;
	order.site = sites_find(sites, origin.host);
	r = check_realm(challenge, site, order.site, &origin, credentials != NULL, err);
	if (r < 0)
		return r;
	if (credentials && credentials->identity_token) {
		order_by_identity(challenge, scope, credentials->identity_token, arena, &order);
	} else {
		if (challenge->service)
			url = exchange_add_query(url, "service", challenge->service, arena);
		url = url ? exchange_add_query(url, "scope", scope, arena) : NULL;
		order.user = credentials ? credentials->user : NULL;
		order.password = credentials ? credentials->password : NULL;
	}
	if (!url)
		return error_bad(err, EACCES, "the realm of %s is no address", site->host);
	order.url = url;
	*ret = order;
	return 0;
}

/* It becomes a header's text, so it may hold nothing that could end one. */
static bool can_be_sent(const char *token)
{
	for (const char *c = token; *c; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	return *token != '\0';
}

const char *token_read(const char *text, size_t len, struct arena *arena)
{
	static const char *const names[] = { "token", "access_token" };
	const struct json *top = NULL;
	struct faults faults;

	faults_init(&faults, arena, "token");
	if (len == 0 || json_parse(text, len, arena, &top, &faults) < 0 || faults.first || top->kind != JSON_OBJECT)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *token = json_member_text(top, names[i], NULL);
		if (token && can_be_sent(token))
			return token;
	}
	return NULL;
}
