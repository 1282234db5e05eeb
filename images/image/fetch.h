/* images/image/fetch.h: husk-image's side of husk-fetch, the one program that speaks to registries.
 *
 * husk-fetch (images/fetch/, libcurl) is started before husk-image enters its sandbox. It has the network, the credentials and the
 * registries' configuration, but no right to the store: what it fetches goes into pipes and messages. What it says is as little
 * trusted as the registry: sizes and digests are checked by whoever asked. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "images/digest.h"
struct arena;
struct error;
struct reference;

struct fetch_settings {
	const char *auth_file; /* --authfile; NULL: where podman and docker keep theirs */
	const char *creds;     /* --creds USER[:PASSWORD]; NULL */
	const char *cert_dir;  /* --cert-dir: ca.crt, client.cert, client.key; NULL */
	const char *config;    /* registries.conf; NULL: $XDG_CONFIG_HOME/husk/, /etc/husk/ */
	int tls_verify;        /* 1, 0; -1 = as configured */
	unsigned parallel;     /* downloads at once; 0 = default */
	unsigned retries;      /* 0 = default */
};

struct fetch; /* a running husk-fetch */

/* Starts one for the registry at `host` (reference.host): it reads the configuration, and the credentials for that registry and
 * its mirrors, and gives up its rights, before this returns. -ENOENT: it is not installed; faults of those files. */
int fetch_start(const struct fetch_settings *settings, const char *host, struct fetch **ret, struct error *err);
void fetch_stop(struct fetch *fetch); /* NULL is fine; ends it */

/* What is fetched comes from the first place that has it: a mirror, or the registry itself. Where that turns out to be something
 * else than was meant, another place may have it: `place` is 0, or the *ret_next of what came; 0 there: it was the last. */

/* A manifest or index by tag, or by digest where `digest` is not NULL, else by what the reference has, its digest first.
 * *ret_type is its media type as the registry said it. At most 4 MiB. The text is not verified. -ENOENT: there is none of that
 * name; -EACCES: the registry does not let us. */
int fetch_manifest(struct fetch *fetch, const struct reference *reference, const struct digest *digest, unsigned place,
	struct arena *arena, char **ret_text, size_t *ret_len, const char **ret_type, unsigned *ret_next,
	struct error *err);

/* Begins to fetch a blob from byte `offset` on; *ret_stream is the caller's: it gives the bytes, never more than `size` -
 * `offset`, then its end. Many can be under way, `parallel` of them move; they are begun in the order of the calls, so whoever
 * reads some must not leave earlier ones unread. husk-fetch resumes what breaks, with back-off, before it gives up. A stream
 * may be closed early. *ret_id is for fetch_blob_end(), which each wants once. */
int fetch_blob(struct fetch *fetch, const struct reference *reference, const struct digest *digest, unsigned place,
	uint64_t size, uint64_t offset, int *ret_stream, unsigned *ret_id, struct error *err);

/* After the stream's end: whether that was the blob's, and if not, why. Waits for the answer. One that
 * was closed early has not failed. *ret_next is set in any case. */
int fetch_blob_end(struct fetch *fetch, unsigned id, unsigned *ret_next, struct error *err);

/* One process asks; the streams may be handed to others. */
