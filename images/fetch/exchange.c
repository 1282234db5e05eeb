/* images/fetch/exchange.c: see the header. */
#include "images/fetch/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"

enum {
	HEADERS_MAX = 128 << 10, /* bytes of all fields of one answer */
	CHUNK_BYTES = 256 << 10, /* that libcurl reads at once: a quarter of a pipe */
	STALLED_BYTES_PER_S = 1000,
};

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct exchange *exchange = arg;

	(void)data;
	exchange->header_bytes += size * count;
	exchange->flooded = exchange->header_bytes > HEADERS_MAX;
	return exchange->flooded ? 0 : size * count;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct exchange *exchange = arg;

	return exchange->sink(exchange->arg, data, size * count);
}

/* ---- the request ---- */

#define set(easy, option, value) (void)curl_easy_setopt(easy, option, value)

static void set_limits(CURL *easy, const struct registries *limits)
{
	set(easy, CURLOPT_CONNECTTIMEOUT, (long)limits->connect_timeout_s);
	set(easy, CURLOPT_LOW_SPEED_LIMIT, (long)STALLED_BYTES_PER_S);
	set(easy, CURLOPT_LOW_SPEED_TIME, (long)limits->stall_timeout_s);
	set(easy, CURLOPT_BUFFERSIZE, (long)CHUNK_BYTES);
	set(easy, CURLOPT_FOLLOWLOCATION, 0L);
	set(easy, CURLOPT_NOSIGNAL, 1L);
	set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
}

static struct curl_blob blob_of(const char *text)
{
	return (struct curl_blob){ .data = (void *)text, .len = strlen(text), .flags = CURL_BLOB_NOCOPY };
}

/* An own authority stands beside those in the system's folder, as libcurl keeps looking there. */
static void set_tls(CURL *easy, const struct site *site, const struct site *registry)
{
	struct curl_blob ca = blob_of(*site->tls.ca ? site->tls.ca : registry->tls.ca), cert = blob_of(site->tls.cert),
			 key = blob_of(site->tls.key);

	set(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	set(easy, CURLOPT_SSL_VERIFYPEER, site->insecure ? 0L : 1L);
	set(easy, CURLOPT_SSL_VERIFYHOST, site->insecure ? 0L : 2L);
	if (ca.len > 0)
		set(easy, CURLOPT_CAINFO_BLOB, &ca);
	if (cert.len == 0)
		return;
	set(easy, CURLOPT_SSLCERT_BLOB, &cert);
	set(easy, CURLOPT_SSLKEY_BLOB, &key);
}

static void set_identity(CURL *easy, const struct exchange_order *order)
{
	if (order->bearer) {
		set(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		set(easy, CURLOPT_XOAUTH2_BEARER, order->bearer);
	} else if (order->user) {
		set(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		set(easy, CURLOPT_USERNAME, order->user);
		set(easy, CURLOPT_PASSWORD, order->password);
	}
}

static int set_fields(struct exchange *exchange, const struct exchange_order *order)
{
	char field[1024];
	struct text text;

	text_init(&text, field, sizeof(field));
	if (!order->accept)
		return 0;
	text_add(&text, "Accept: %s", order->accept);
	exchange->fields = curl_slist_append(NULL, field);
	set(exchange->easy, CURLOPT_HTTPHEADER, exchange->fields);
	return exchange->fields && !text.cut ? 0 : -ENOMEM;
}

static void set_request(CURL *easy, const struct exchange_order *order)
{
	char range[32];
	struct text text;

	/* A plain URL was allowed by whoever made it; that nothing else is spoken is sure here. */
	set(easy, CURLOPT_PROTOCOLS_STR, "https,http");
	set(easy, CURLOPT_URL, order->url);
	set(easy, CURLOPT_USERAGENT, "husk");
	if (order->site->is_local)
		set(easy, CURLOPT_PROXY, "");
	if (order->form)
		set(easy, CURLOPT_POSTFIELDS, order->form);
	if (order->from == 0)
		return;
	text_init(&text, range, sizeof(range));
	text_add(&text, "%llu-", (unsigned long long)order->from);
	set(easy, CURLOPT_RANGE, range);
}

int exchange_begin(struct exchange *exchange, CURLM *multi, const struct registries *limits,
	const struct exchange_order *order, exchange_sink *sink, void *arg)
{
	exchange_end(exchange, multi);
	*exchange = (struct exchange){ .easy = curl_easy_init(), .sink = sink, .arg = arg };
	if (!exchange->easy || set_fields(exchange, order) < 0)
		return -ENOMEM;
	set_limits(exchange->easy, limits);
	set_tls(exchange->easy, order->site, order->registry);
	set_identity(exchange->easy, order);
	set_request(exchange->easy, order);
	set(exchange->easy, CURLOPT_ERRORBUFFER, exchange->words);
	set(exchange->easy, CURLOPT_HEADERFUNCTION, on_header);
	set(exchange->easy, CURLOPT_HEADERDATA, exchange);
	set(exchange->easy, CURLOPT_WRITEFUNCTION, on_body);
	set(exchange->easy, CURLOPT_WRITEDATA, exchange);
	set(exchange->easy, CURLOPT_PRIVATE, arg);
	return curl_multi_add_handle(multi, exchange->easy) == CURLM_OK ? 0 : -ENOMEM;
}

void exchange_end(struct exchange *exchange, CURLM *multi)
{
	if (exchange->easy) {
		(void)curl_multi_remove_handle(multi, exchange->easy);
		curl_easy_cleanup(exchange->easy);
	}
	curl_slist_free_all(exchange->fields);
	exchange->easy = NULL;
	exchange->fields = NULL;
}

/* ---- the answer ---- */

long exchange_status(const struct exchange *exchange)
{
	long status = 0;

	(void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

int64_t exchange_length(const struct exchange *exchange)
{
	curl_off_t length = -1;

	(void)curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	return length;
}

const char *exchange_field(const struct exchange *exchange, const char *name, size_t index)
{
	struct curl_header *header = NULL;

	if (curl_easy_header(exchange->easy, name, index, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return NULL;
	return header->value;
}

/* ---- URLs ---- */

/* One part of a URL, in the arena; "" where it has none. */
static const char *part(CURLU *url, CURLUPart which, unsigned flags, struct arena *arena)
{
	char *text = NULL;
	const char *copied;

	if (curl_url_get(url, which, &text, flags) != CURLUE_OK)
		return "";
	copied = arena_strdup(arena, text);
	curl_free(text);
	return copied;
}

static void lower(char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
}

int exchange_origin(const char *text, struct arena *arena, struct origin *ret)
{
	CURLU *url = curl_url();
	struct origin origin = { 0 };
	bool good = url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK;

	if (good) {
		const char *host = part(url, CURLUPART_HOST, 0, arena);
		const char *port = part(url, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT, arena);
		char *whole = arena_printf(arena, "%s%s%s", host, *port ? ":" : "", port);
		lower(whole);
		origin = (struct origin){ part(url, CURLUPART_SCHEME, 0, arena), whole };
		good = *host && !*part(url, CURLUPART_USER, 0, arena) &&
			(strcmp(origin.scheme, "https") == 0 || strcmp(origin.scheme, "http") == 0);
	}
	curl_url_cleanup(url);
	if (!good)
		return -EINVAL;
	*ret = origin;
	return 0;
}

const char *exchange_add_query(const char *text, const char *name, const char *value, struct arena *arena)
{
	const char *pair = arena_printf(arena, "%s=%s", name, value), *whole = NULL;
	CURLU *url = curl_url();

	if (url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
		curl_url_set(url, CURLUPART_QUERY, pair, CURLU_APPENDQUERY | CURLU_URLENCODE) == CURLUE_OK)
		whole = part(url, CURLUPART_URL, 0, arena);
	curl_url_cleanup(url);
	return whole && *whole ? whole : NULL;
}
