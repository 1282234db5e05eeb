/* images/fetch/site.h: the hosts that are spoken to, and what each may be shown.
 *
 * A site is a host with its port. All that is read from files for it is read before the first byte comes from the network:
 * its certificates, and credentials where it is the registry asked for or one of its mirrors. A host that only a redirect led
 * to has a site, too, but never credentials. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "images/fetch/credentials.h"
#include "images/fetch/registries.h"

struct token {
	struct token *next;
	const char *repository, *text;
};

/* Certificates in PEM; "" where there are none. */
struct tls {
	const char *ca, *cert, *key;
};

struct site {
	struct site *next;
	const char *host;  /* "127.0.0.1:5000" */
	bool is_local;     /* this very machine; no proxy is asked for it */
	bool insecure;     /* plain HTTP and any certificate will do */
	bool may_be_plain; /* that, or local: HTTP where HTTPS finds nobody */
	bool plain;        /* HTTP from now on */
	bool answered; /* once: what fails from now on may pass, what failed before is a wrong name or a wrong port */
	bool down;     /* a mirror that could not be reached is not tried again */
	bool basic;    /* it wants user and password themselves */
	const char *trusted_realm; /* host that may be shown its credentials; NULL */
	struct tls tls;
	const char *name; /* as credentials call it: "docker.io" */
	const struct credentials_entry *credentials;
	struct token *tokens;
};

/* What was asked on the command line. */
struct site_settings {
	const char *auth_file, *creds, *cert_dir; /* NULL: not given */
	int tls_verify;                           /* 1, 0; -1 = not given */
};

struct sites {
	struct site *first;
	const char *warning; /* about a file of credentials; NULL */
	struct arena *arena; /* borrowed; holds them */
};

/* Prepares the sites of a registry, of its mirrors, and of all others that the configuration names. */
int sites_prepare(struct sites *sites, const struct registries *registries, const struct site_settings *settings,
	const char *registry, struct error *err);

/* The site of a host; a new one, with nothing but the rules for strangers, where it is not known. */
struct site *sites_find(struct sites *sites, const char *host);

/* The token for a repository, or NULL; keeping one replaces it, and NULL forgets it. */
const char *site_token(const struct site *site, const char *repository);
void site_keep_token(struct sites *sites, struct site *site, const char *repository, const char *token);

/* Reads the certificates for a host: those of `cert_dir` or else of the first of the known folders that exists, and `ca`. */
int tls_load(const char *host, const char *cert_dir, const char *ca, struct arena *arena, struct tls *ret,
	struct error *err);
