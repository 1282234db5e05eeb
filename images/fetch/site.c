/* images/fetch/site.c: see the header. */
#include "images/fetch/site.h"

#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

/* ---- finding ---- */

/* 127.0.0.1 and its like are this machine: nobody between can listen, or answer in its place. */
static bool is_loopback(const char *host)
{
	static const char *const names[] = { "localhost", "[::1]" };
	size_t len = strspn(host, "0123456789.");

	if (text_starts_with(host, "127.") && (host[len] == '\0' || host[len] == ':'))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		len = strlen(names[i]);
		if (strncmp(host, names[i], len) == 0 && (host[len] == '\0' || host[len] == ':'))
			return true;
	}
	return false;
}

static struct site *known(const struct sites *sites, const char *host)
{
	for (struct site *site = sites->first; site; site = site->next)
		if (strcmp(site->host, host) == 0)
			return site;
	return NULL;
}

struct site *sites_find(struct sites *sites, const char *host)
{
	struct site *site = known(sites, host);

	if (site)
		return site;
	site = ARENA_NEW(sites->arena, struct site);
	site->host = arena_strdup(sites->arena, host);
	site->is_local = site->may_be_plain = is_loopback(host);
	site->tls = (struct tls){ "", "", "" };
	site->name = strcmp(host, "registry-1.docker.io") == 0 ? "docker.io" : site->host;
	site->next = sites->first;
	sites->first = site;
	return site;
}

/* ---- preparing ---- */

struct preparation {
	struct sites *sites;
	const struct registries *registries;
	const struct site_settings *settings;
	const char *registry; /* as asked for */
	struct error *err;
};

static int prepare_host(const struct preparation *p, const char *host)
{
	const struct registries_section *section = registries_of_host(p->registries, host);
	struct site *site;

	if (known(p->sites, host))
		return 0;
	site = sites_find(p->sites, host);
	site->insecure = section && section->insecure;
	site->may_be_plain |= site->insecure;
	site->trusted_realm = section ? section->realm : NULL;
	return tls_load(host, NULL, section ? section->ca : NULL, p->sites->arena, &site->tls, p->err);
}

static int read_credentials(const struct preparation *p, struct site *site, const char *creds)
{
	struct credentials_entry *entry = ARENA_NEW(p->sites->arena, struct credentials_entry);
	struct credentials_known found = { 0 };
	int r;

	if (creds) {
		entry->key = site->name;
		r = credentials_parse(creds, p->sites->arena, &entry->is, p->err);
		entry->is.source = "--creds";
		site->credentials = entry;
		return r;
	}
	r = credentials_load(p->settings->auth_file, site->name, p->sites->arena, &found, p->err);
	site->credentials = found.entries;
	if (found.warning)
		p->sites->warning = found.warning;
	return r;
}

/* What the command line says is about the registry itself, never about a mirror. */
static int apply_settings(const struct preparation *p, struct site *site)
{
	const struct site_settings *settings = p->settings;
	const struct registries_section *section = registries_of_host(p->registries, site->host);

	if (settings->tls_verify >= 0) {
		site->insecure = settings->tls_verify == 0;
		site->may_be_plain = site->insecure;
	}
	if (!settings->cert_dir)
		return 0;
	return tls_load(
		site->host, settings->cert_dir, section ? section->ca : NULL, p->sites->arena, &site->tls, p->err);
}

static int prepare_route(const struct preparation *p, const char *repository)
{
	struct place places[PLACES_MAX];
	int count = registries_route(p->registries, p->registry, repository, p->sites->arena, places, NULL), r = 0;

	for (int i = 0; i < count && r == 0; i++) {
		struct site *site;
		r = prepare_host(p, places[i].host);
		if (r < 0)
			return r;
		site = sites_find(p->sites, places[i].host);
		if (!site->credentials)
			r = read_credentials(p, site, places[i].is_mirror ? NULL : p->settings->creds);
		if (r == 0 && !places[i].is_mirror)
			r = apply_settings(p, site);
	}
	return r;
}

/* The routes of a registry are those of its sections, and that of what no section covers. */
int sites_prepare(struct sites *sites, const struct registries *registries, const struct site_settings *settings,
	const char *registry, struct error *err)
{
	const struct preparation p = { sites, registries, settings, registry, err };
	size_t len = strlen(registry);
	int r = prepare_route(&p, "-");

	for (const struct registries_section *s = registries->sections; s && r == 0; s = s->next) {
		size_t host = strcspn(s->name, "/");
		if (host == len && strncmp(s->name, registry, len) == 0 && s->name[host])
			r = prepare_route(&p, s->name + host + 1);
		else if (r == 0)
			r = prepare_host(&p, arena_copy(sites->arena, s->name, host));
	}
	return r;
}

/* ---- tokens ---- */

const char *site_token(const struct site *site, const char *repository)
{
	for (const struct token *token = site->tokens; token; token = token->next)
		if (strcmp(token->repository, repository) == 0)
			return token->text;
	return NULL;
}

void site_keep_token(struct sites *sites, struct site *site, const char *repository, const char *text)
{
	struct token *token = site->tokens;

	while (token && strcmp(token->repository, repository) != 0)
		token = token->next;
	if (!token) {
		token = ARENA_NEW(sites->arena, struct token);
		token->repository = arena_strdup(sites->arena, repository);
		token->next = site->tokens;
		site->tokens = token;
	}
	token->text = text ? arena_strdup(sites->arena, text) : NULL;
}
