/* images/fetch/words.c: see the header. */
#include "images/fetch/words.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/text.h"
#include "spec/json.h"

enum { SAID_MAX = 200 };

/* ---- connections ---- */

bool words_may_pass(CURLcode code)
{
	switch ((int)code) {
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM: return true;
	default: return false;
	}
}

bool words_is_not_tls(CURLcode code)
{
	return code == CURLE_SSL_CONNECT_ERROR || code == CURLE_COULDNT_CONNECT;
}

static int of_timeout(
	const struct exchange *exchange, const char *host, const struct registries *limits, struct error *err)
{
	curl_off_t connected = 0;

	(void)curl_easy_getinfo(exchange->easy, CURLINFO_CONNECT_TIME_T, &connected);
	if (connected == 0)
		return error_bad(err, ETIMEDOUT, "%s: no connection within %u s", host, limits->connect_timeout_s);
	return error_bad(err, ETIMEDOUT, "%s: the answer stood still for %u s", host, limits->stall_timeout_s);
}

static int of_certificate(const struct exchange *exchange, const char *host, struct error *err)
{
	static const char prefix[] = "SSL certificate problem: ";
	const char *words = exchange->words;

	if (text_starts_with(words, prefix))
		words += strlen(prefix);
	(void)error_bad(err, EKEYREJECTED, "%s: its certificate is not trusted (x509): %s", host, words);
	return error_hint(err,
		"put the authority's into /etc/containers/certs.d/%s/ca.crt, or name it by ca = in registries.conf",
		host);
}

static int of_handshake(const struct exchange *exchange, const char *host, struct error *err)
{
	/* What OpenSSL makes of "HTTP/1.1 400 Bad Request". */
	if (!strstr(exchange->words, "wrong version number") && !strstr(exchange->words, "packet length too long"))
		return error_bad(err, EPROTO, "%s: no secure connection: %s", host, exchange->words);
	(void)error_bad(err, EPROTO, "%s gave a plain HTTP response to an HTTPS client", host);
	return error_hint(err, "insecure = true for it in registries.conf, or --tls-verify=false, allows that");
}

static int of_connect(const struct exchange *exchange, const char *host, struct error *err)
{
	long code = 0;

	(void)curl_easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &code);
	return error_sys(err, code ? (int)code : ECONNREFUSED, "connect to %s", host);
}

int words_of_connection(const struct exchange *exchange, CURLcode code, const struct site *site,
	const struct registries *limits, struct error *err)
{
	const char *said = exchange->words[0] ? exchange->words : curl_easy_strerror(code);

	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_HOST: return error_bad(err, EHOSTUNREACH, "%s: no such host", site->host);
	case CURLE_COULDNT_RESOLVE_PROXY: return error_bad(err, EHOSTUNREACH, "%s: %s", site->host, said);
	case CURLE_COULDNT_CONNECT: return of_connect(exchange, site->host, err);
	case CURLE_OPERATION_TIMEDOUT: return of_timeout(exchange, site->host, limits, err);
	case CURLE_PEER_FAILED_VERIFICATION: return of_certificate(exchange, site->host, err);
	case CURLE_SSL_CONNECT_ERROR: return of_handshake(exchange, site->host, err);
	default: break;
	}
	if (exchange->flooded)
		return error_bad(err, EMSGSIZE, "%s sends more headers than an answer may have", site->host);
	return error_bad(err, ECONNRESET, "%s: the connection broke: %s", site->host, said);
}

/* ---- refusals ---- */

/* The first message of {"errors": [{"code": C, "message": M}]}; "" where there is none. */
static void read_errors(
	const struct refusal *refusal, struct arena *arena, const char **ret_code, const char **ret_message)
{
	const struct json *top = NULL, *errors;
	struct faults faults;

	*ret_code = *ret_message = "";
	faults_init(&faults, arena, "answer");
	if (refusal->body_len == 0 || json_parse(refusal->body, refusal->body_len, arena, &top, &faults) < 0 ||
		faults.first || top->kind != JSON_OBJECT)
		return;
	errors = json_member_array(top, "errors");
	if (!errors->first || errors->first->kind != JSON_OBJECT)
		return;
	*ret_code = json_member_text(errors->first, "code", "");
	*ret_message = json_member_text(errors->first, "message", "");
}

static int of_rights(const struct refusal *refusal, const char *host, const char *said, struct error *err)
{
	const struct credentials *as = refusal->credentials;
	const char *word = refusal->status == 403 ? "denied" : "unauthorized";

	if (!as) {
		(void)error_bad(err, EACCES, "%s: %s: %s, without credentials%s", host, refusal->wanted, word, said);
		return error_hint(err, "none were found for %s; --creds or --authfile gives them", refusal->site->name);
	}
	return error_bad(err, EACCES, "%s: %s: %s as user %s from %s%s", host, refusal->wanted, word,
		as->user ? as->user : "of an identity token", as->source, said);
}

static int of_rate(const struct refusal *refusal, const char *host, const char *said, struct error *err)
{
	unsigned minutes = (refusal->retry_after_s + 59) / 60;

	if (minutes > 0)
		(void)error_bad(err, EBUSY, "%s: toomanyrequests: it wants us to wait for %u minute%s%s", host, minutes,
			minutes == 1 ? "" : "s", said);
	else
		(void)error_bad(err, EBUSY, "%s: toomanyrequests: it wants us to wait%s", host, said);
	return refusal->credentials ? err->code : error_hint(err, "with credentials it may allow more");
}

static int of_absence(
	const struct refusal *refusal, const char *host, const char *code, const char *said, struct error *err)
{
	if (strcmp(code, "NAME_UNKNOWN") == 0)
		return error_bad(err, ENOENT, "%s: %s: repository name unknown%s", host, refusal->wanted, said);
	if (strcmp(code, "MANIFEST_UNKNOWN") == 0)
		return error_bad(err, ENOENT, "%s: %s: manifest unknown%s", host, refusal->wanted, said);
	if (strcmp(code, "BLOB_UNKNOWN") == 0)
		return error_bad(err, ENOENT, "%s: %s: blob unknown%s", host, refusal->wanted, said);
	return error_bad(err, ENOENT, "%s: %s: not found%s", host, refusal->wanted, said);
}

int words_of_refusal(const struct refusal *refusal, struct arena *arena, struct error *err)
{
	const char *host = refusal->from ? refusal->from : refusal->site->host, *code, *message, *said;

	read_errors(refusal, arena, &code, &message);
	said = *message ? arena_printf(arena, ": it says \"%.*s\"", SAID_MAX, message) : "";
	switch (refusal->status) {
	case 401:
	case 403: return of_rights(refusal, host, said, err);
	case 404: return of_absence(refusal, host, code, said, err);
	case 429: return of_rate(refusal, host, said, err);
	default:
		return error_bad(err, refusal->status >= 500 ? EREMOTEIO : EPROTO, "%s: %s: it answers %ld%s", host,
			refusal->wanted, refusal->status, said);
	}
}
