/* images/fetch/words.h: what went wrong with a registry, in words, and whether trying again may help. */
#pragma once
#include <stdbool.h>

#include "images/fetch/exchange.h"
struct error;

/* Whether libcurl failed for a reason that may pass: a broken connection, a time-out. */
bool words_may_pass(CURLcode code);

/* Whether HTTPS found nobody who speaks it, so that plain HTTP is worth a try where it is allowed. */
bool words_is_not_tls(CURLcode code);

/* About a failed connection. Returns err->code. */
int words_of_connection(const struct exchange *exchange, CURLcode code, const struct site *site,
	const struct registries *limits, struct error *err);

/* About an answer with a status that is not what was hoped for; `body` is its text, and may be of any kind. */
struct refusal {
	const struct site *site; /* the registry */
	const char *from;        /* the host that said it, where a redirect led elsewhere; NULL */
	long status;
	unsigned retry_after_s; /* 0 = not told */
	const char *wanted;     /* "library/debian:13" */
	const struct credentials *credentials;
	const char *body;
	size_t body_len;
};
int words_of_refusal(const struct refusal *refusal, struct arena *arena, struct error *err);
