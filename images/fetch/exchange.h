/* images/fetch/exchange.h: one HTTP request and its answer, over libcurl.
 *
 * Redirects are not followed here, since who may be shown what is decided anew for each host. What a server can cost is
 * bounded: time to connect, time of standing still, bytes of headers; bytes of the body are the sink's business. */
#pragma once
#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/fetch/site.h"

/* Takes bytes of the body: `len` if all, EXCHANGE_PAUSE to get the same again later, anything else to break off. */
typedef size_t exchange_sink(void *arg, const char *data, size_t len);
enum { EXCHANGE_PAUSE = CURL_WRITEFUNC_PAUSE };

struct exchange_order {
	const char *url;
	const struct site *site; /* of the URL's host */
	const struct site
		*registry;  /* for which it is asked; its authorities count for hosts that have none of their own */
	const char *accept; /* NULL: anything */
	const char *bearer; /* a token, or */
	const char *user, *password; /* these; NULL: neither is sent */
	const char *form;            /* sent by POST; NULL: GET */
	uint64_t from;               /* first byte wanted; 0 = all */
};

struct exchange {
	CURL *easy;                /* owned; NULL: none under way */
	struct curl_slist *fields; /* owned */
	size_t header_bytes;
	bool flooded; /* by more of them than there may be */
	exchange_sink *sink;
	void *arg;
	char words[CURL_ERROR_SIZE]; /* libcurl's, where it failed */
};

/* Sends it off; curl_multi_info_read() tells its end, with `arg` as CURLINFO_PRIVATE. -ENOMEM. */
int exchange_begin(struct exchange *exchange, CURLM *multi, const struct registries *limits,
	const struct exchange_order *order, exchange_sink *sink, void *arg);
void exchange_end(struct exchange *exchange, CURLM *multi); /* at any time; twice is fine */

/* Of the answer so far. */
long exchange_status(const struct exchange *exchange);
int64_t exchange_length(const struct exchange *exchange); /* Content-Length; -1 = not told */

/* The `index`th field of that name; NULL where there is none. Valid until exchange_end(). */
const char *exchange_field(const struct exchange *exchange, const char *name, size_t index);

/* Where an absolute URL leads: "http" or "https", host with port (without where it is the scheme's own), in the arena. What is
 * no such URL is -EINVAL; one with a user in it, too. */
struct origin {
	const char *scheme, *host;
};
int exchange_origin(const char *url, struct arena *arena, struct origin *ret);

/* `url` with name=value added to its query; NULL where it is no URL. In the arena. */
const char *exchange_add_query(const char *url, const char *name, const char *value, struct arena *arena);
