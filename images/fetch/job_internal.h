/* images/fetch/job_internal.h: what job.c, job_body.c and job_auth.c share. */
#pragma once
#include "images/fetch/job.h"
#include "images/fetch/token.h"

static inline bool job_is_success(long status)
{
	return status == 200 || status == 206;
}

static inline struct site *job_site(const struct job *job)
{
	return sites_find(&job->fetcher->sites, job->places[job->place].host);
}

/* Who we are at the job's place; NULL: nobody. */
static inline const struct credentials *job_credentials(const struct job *job)
{
	const struct site *site = job_site(job);

	return credentials_find(site->credentials, site->name, job->places[job->place].repository);
}

/* ---- job_body.c ---- */

/* Looks at an answer's head, once, before its body or at its end: negative where it is not what was asked for. */
int job_check_head(struct job *job);

/* An exchange's sink. */
size_t job_sink(void *job, const char *data, size_t len);

/* ---- job_auth.c ---- */

/* Adds to an order to the job's own place who we are, as far as we know what it wants. */
void job_identify(const struct job *job, struct exchange_order *order);

/* After a 401: begins to get a token, or finds that user and password will do. 1: an exchange is under way; 0: ask again;
 * negative: there is no way, in words. */
int job_authenticate(struct job *job);

/* Reads and keeps the token. Negative where there is none, in words. */
int job_take_token(struct job *job);

/* ---- job.c ---- */

/* Begins an exchange; without memory for it, fails the job. */
void job_exchange(struct job *job, enum job_phase phase, const struct exchange_order *order);

/* The words about a status that was not hoped for. */
int job_refusal(struct job *job, const struct site *site, const char *from);
