/* images/fetch/job.c: the way of a job.
 *
 *	begin ──> the place ──200──> done
 *	            │ ├─3xx──> another host, at most so often
 *	            │ ├─401──> the realm, then the place again, once
 *	            │ └─5xx, 429, broken──> wait, then the place again, at most so often since there was progress
 *	            └─all else──> the next place, or the end */
#include "images/fetch/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "images/fetch/headers.h"
#include "images/fetch/job_internal.h"
#include "images/fetch/words.h"

enum {
	REDIRECTS_MAX = 10,
	DELAY_MAX_MS = 30000,
	RETRY_AFTER_MAX_S = 60,   /* whoever wants us to wait longer is told so instead */
	PROGRESS_BYTES = 1 << 20, /* that make a connection worth having been tried; bounds the tries of a whole blob */
	JOB_ARENA_BYTES = 64 << 20,
};

static const char manifest_types[] = "application/vnd.oci.image.index.v1+json, "
				     "application/vnd.oci.image.manifest.v1+json, "
				     "application/vnd.docker.distribution.manifest.list.v2+json, "
				     "application/vnd.docker.distribution.manifest.v2+json";

/* ---- making and ending ---- */

/* As in images/reference.h; looked at again, since this becomes part of an address and the asker has read strangers' texts. */
static bool is_safe(const char *text, const char *more)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (!*text || *text == '/' || *text == '.' || strstr(text, "/.") || strstr(text, "//"))
		return false;
	for (const char *c = text; *c; c++)
		if (!strchr(letters, *c) && !strchr(more, *c))
			return false;
	return true;
}

int job_new(struct fetcher *fetcher, enum job_kind kind, unsigned id, const char *repository, int first_place,
	const char *reference, uint64_t size, uint64_t offset, int *out, struct job **ret, struct error *err)
{
	struct job *job;

	if (!is_safe(repository, "/") || !is_safe(reference, ":") || offset > size)
		return error_bad(err, EINVAL, "%s of %s cannot be asked for", reference, repository);
	job = calloc(1, sizeof(*job));
	if (!job)
		return error_sys(err, ENOMEM, "begin a download");
	arena_init(&job->arena);
	job->arena.limit = JOB_ARENA_BYTES;
	job->fetcher = fetcher;
	job->kind = kind;
	job->id = id;
	job->place = first_place;
	job->repository = arena_strdup(&job->arena, repository);
	job->reference = arena_strdup(&job->arena, reference);
	job->size = size;
	job->at = job->mark = offset;
	job->out = fd_take(out);
	*ret = job;
	return 0;
}

void job_free(struct job *job)
{
	exchange_end(&job->exchange, job->fetcher->multi);
	fd_closep(&job->out);
	free(job->text);
	arena_done(&job->arena);
	free(job);
}

static void finish(struct job *job)
{
	exchange_end(&job->exchange, job->fetcher->multi);
	fd_closep(&job->out);
	job->phase = JOB_DONE;
}

/* ---- asking ---- */

void job_exchange(struct job *job, enum job_phase phase, const struct exchange_order *order)
{
	struct fetcher *fetcher = job->fetcher;

	job->phase = phase;
	job->to = order->site;
	job->began = job->refused = job->paused = false;
	job->skip = 0;
	job->ahead = 0;
	job->text_len = 0;
	if (exchange_begin(&job->exchange, fetcher->multi, &fetcher->registries, order, job_sink, job) == 0)
		return;
	(void)error_sys(&job->err, ENOMEM, "ask %s", order->site->host);
	finish(job);
}

static const char *place_url(struct job *job)
{
	static const char *const folders[] = { [JOB_MANIFEST] = "manifests", [JOB_BLOB] = "blobs" };
	const struct place *place = &job->places[job->place];
	const struct site *site = job_site(job);

	return arena_printf(&job->arena, "%s://%s/v2/%s/%s/%s", site->plain ? "http" : "https", site->host,
		place->repository, folders[job->kind], job->reference);
}

/* Whether a redirect leads back to the very site of the job's place, which may see what is meant for it. */
static bool is_own(struct job *job, const struct origin *origin)
{
	struct origin own;

	return exchange_origin(place_url(job), &job->arena, &own) == 0 && strcmp(origin->host, own.host) == 0 &&
		strcmp(origin->scheme, own.scheme) == 0;
}

static void fetch(struct job *job)
{
	struct exchange_order order = {
		.url = job->url ? job->url : place_url(job),
		.registry = job_site(job),
		.accept = job->kind == JOB_MANIFEST ? manifest_types : NULL,
		.from = job->kind == JOB_BLOB ? job->at : 0,
	};
	struct origin origin;
	bool own = !job->url;

	order.site = order.registry;
	if (job->url && exchange_origin(job->url, &job->arena, &origin) == 0) {
		own = is_own(job, &origin);
		order.site = own ? order.registry : sites_find(&job->fetcher->sites, origin.host);
	}
	if (own)
		job_identify(job, &order);
	job_exchange(job, JOB_FETCHING, &order);
}

/* A new try at the place. */
static void try_place(struct job *job)
{
	job->err = (struct error){ 0 };
	job->url = NULL;
	job->authenticated = false;
	job->redirects = 0;
	job->was_plain = job_site(job)->plain;
	fetch(job);
}

static bool more_places(const struct job *job)
{
	return job->place + 1 < job->place_count;
}

int job_next_place(const struct job *job)
{
	return more_places(job) ? job->place + 1 : 0;
}

/* All bytes are there, whether they are right or not. */
static bool is_whole(const struct job *job)
{
	return job->kind == JOB_BLOB && job->at == job->size;
}

/* The next place that is not known to be out of reach; the last one is the registry itself, and is always tried. */
static void skip_places(struct job *job)
{
	while (more_places(job) && job_site(job)->down)
		job->place++;
}

void job_begin(struct job *job)
{
	struct fetcher *fetcher = job->fetcher;

	if (job->phase == JOB_QUEUED) {
		job->place_count = registries_route(
			&fetcher->registries, fetcher->registry, job->repository, &job->arena, job->places, &job->err);
		if (job->place_count >= 0 && job->place >= job->place_count)
			(void)error_bad(&job->err, ENOENT, "%s: there is no other place for it", job->reference);
		if (job->err.code < 0 || is_whole(job)) {
			finish(job);
			return;
		}
		skip_places(job);
	}
	try_place(job);
}

void job_resume(struct job *job)
{
	job->paused = false;
	(void)curl_easy_pause(job->exchange.easy, CURLPAUSE_CONT);
}

/* ---- after a failure; the words are in job->err ---- */

static void fail_place(struct job *job)
{
	if (!more_places(job) || job->err.code == -EPIPE) {
		finish(job);
		return;
	}
	if (is_whole(job)) { /* and what followed them does not matter: there is nothing left to ask for */
		job->err = (struct error){ 0 };
		finish(job);
		return;
	}
	job->place++;
	job->tries = 0;
	skip_places(job);
	try_place(job);
}

/* Twice as long each time, give or take a quarter, so that many who failed at once do not come back at once. */
static unsigned delay_ms(const struct job *job, unsigned retry_after_s)
{
	uint64_t delay = (uint64_t)job->fetcher->registries.retry_delay_ms << (job->tries < 16 ? job->tries : 16);
	uint16_t dice = 0;

	if (delay > DELAY_MAX_MS)
		delay = DELAY_MAX_MS;
	if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) < 0)
		dice = UINT16_MAX / 2;
	delay = delay * 3 / 4 + (delay * dice >> 17);
	return delay > retry_after_s * 1000ULL ? (unsigned)delay : retry_after_s * 1000;
}

/* Mirrors are not waited for while there is another place. */
static void try_again(struct job *job, unsigned retry_after_s)
{
	if (job->at - job->mark >= PROGRESS_BYTES) {
		job->tries = 0;
		job->mark = job->at;
	}
	if (more_places(job) || retry_after_s > RETRY_AFTER_MAX_S || job->tries >= job->fetcher->registries.retries) {
		if (job->tries > 0)
			(void)error_hint(&job->err, "tried %u times", job->tries + 1);
		fail_place(job);
		return;
	}
	job->due_ms = clock_ms() + delay_ms(job, retry_after_s);
	job->tries++;
	exchange_end(&job->exchange, job->fetcher->multi);
	job->phase = JOB_WAITING;
}

/* ---- after an exchange ---- */

/* The host that a redirect led to; NULL: none did. */
static const char *elsewhere(const struct job *job)
{
	return job->to == job_site(job) ? NULL : job->to->host;
}

static unsigned retry_after(const struct job *job)
{
	const char *field = exchange_field(&job->exchange, "Retry-After", 0);

	return field ? header_retry_after(field, time(NULL)) : 0;
}

int job_refusal(struct job *job, const struct site *site, const char *from)
{
	const struct place *place = &job->places[job->place];
	const struct refusal refusal = {
		.site = site,
		.from = from,
		.status = exchange_status(&job->exchange),
		.retry_after_s = retry_after(job),
		.wanted = arena_printf(&job->arena, "%s%s%s", place->repository,
			strchr(job->reference, ':') ? "@" : ":", job->reference),
		.credentials = job_credentials(job),
		.body = job->text,
		.body_len = job->text_len,
	};

	return words_of_refusal(&refusal, &job->arena, &job->err);
}

/* HTTPS found nobody, and HTTP is allowed: that is no failure yet. Another job may have found that out meanwhile. */
static bool turn_plain(struct job *job, CURLcode code)
{
	struct site *site = job_site(job);

	if (job->url || job->was_plain || !site->may_be_plain || (site->answered && !site->plain) ||
		!words_is_not_tls(code))
		return false;
	site->plain = true;
	return true;
}

static void connection_failed(struct job *job, CURLcode code)
{
	if (job->phase == JOB_FETCHING && turn_plain(job, code)) {
		try_place(job);
		return;
	}
	(void)words_of_connection(&job->exchange, code, job->to, &job->fetcher->registries, &job->err);
	if (exchange_status(&job->exchange) == 0 && job->to == job_site(job))
		job_site(job)->down = true;
	if (words_may_pass(code) && job_site(job)->answered)
		try_again(job, 0);
	else
		fail_place(job);
}

/* From HTTPS to HTTP never; from HTTP to HTTP only where that host may be spoken to so. */
static int check_redirect(struct job *job, const char *url, const struct origin *origin)
{
	const struct site *from = job->to;
	bool was_plain = job->url ? text_starts_with(job->url, "http:") : job->was_plain;

	if (++job->redirects > REDIRECTS_MAX)
		return error_bad(&job->err, ELOOP, "%s: more than %d redirects", from->host, REDIRECTS_MAX);
	if (strcmp(origin->scheme, "https") == 0)
		return 0;
	if (!was_plain || !sites_find(&job->fetcher->sites, origin->host)->may_be_plain) {
		(void)error_bad(&job->err, EACCES, "%s sends us to plain HTTP: %.200s", from->host, url);
		return was_plain ? error_hint(&job->err, "insecure = true in registries.conf allows it for a host")
				 : -EACCES;
	}
	return 0;
}

static void redirected(struct job *job)
{
	const char *url = NULL;
	struct origin origin;

	(void)curl_easy_getinfo(job->exchange.easy, CURLINFO_REDIRECT_URL, &url);
	if (!url || exchange_origin(url, &job->arena, &origin) < 0) {
		(void)error_bad(&job->err, EPROTO, "%s: a redirect that leads nowhere", job_site(job)->host);
		fail_place(job);
		return;
	}
	if (check_redirect(job, url, &origin) < 0) {
		fail_place(job);
		return;
	}
	job->url = arena_strdup(&job->arena, url);
	fetch(job);
}

static void unauthorized(struct job *job)
{
	const char *from = elsewhere(job);
	int r = from ? job_refusal(job, job_site(job), from) : job_authenticate(job);

	if (r < 0)
		fail_place(job);
	else if (r == 0)
		fetch(job);
}

static void manifest_done(struct job *job)
{
	const char *type = exchange_field(&job->exchange, "Content-Type", 0);
	int r = file_write_all(job->out, job->text, job->text_len);

	if (r < 0)
		(void)error_sys(&job->err, r, "hand on the manifest");
	job->type = type ? arena_copy(&job->arena, type, strcspn(type, "; \t")) : "";
	finish(job);
}

static void succeeded(struct job *job)
{
	if (job->kind == JOB_MANIFEST) {
		manifest_done(job);
	} else if (job->at == job->size) {
		finish(job);
	} else {
		(void)error_bad(&job->err, EBADMSG, "%s: %s: it ends after %llu of %llu bytes", job_site(job)->host,
			job->reference, (unsigned long long)job->at, (unsigned long long)job->size);
		try_again(job, 0);
	}
}

static void answered(struct job *job)
{
	long status = exchange_status(&job->exchange);

	if (job_is_success(status)) {
		succeeded(job);
	} else if (status >= 301 && status <= 308 && status != 304) {
		redirected(job);
	} else if (status == 401) {
		unauthorized(job);
	} else {
		(void)job_refusal(job, job_site(job), elsewhere(job));
		if (status == 408 || status == 429 || status >= 500)
			try_again(job, retry_after(job));
		else
			fail_place(job);
	}
}

static void got_token(struct job *job)
{
	long status = exchange_status(&job->exchange);

	if (job_take_token(job) == 0)
		fetch(job);
	else if (status == 429 || status >= 500)
		try_again(job, retry_after(job));
	else
		fail_place(job);
}

void job_finished(struct job *job, CURLcode code)
{
	long status = exchange_status(&job->exchange);
	/* A refusal's text may be longer than anybody wants to know. */
	bool enough = code == CURLE_WRITE_ERROR && !job->exchange.flooded && !job_is_success(status);

	if (status > 0 && job->to == job_site(job))
		job_site(job)->answered = true;
	if (code == CURLE_OK)
		(void)job_check_head(job);
	if (job->refused)
		fail_place(job);
	else if (code != CURLE_OK && !enough)
		connection_failed(job, code);
	else if (job->phase == JOB_TOKEN)
		got_token(job);
	else
		answered(job);
}
