/* images/fetch/job_auth.c: how a job shows who it is.
 *
 * First nothing is shown. A 401 says what the registry wants: a token from its realm, with or without credentials, or user and
 * password themselves. What it wants is remembered for the site, so that later requests come with it. */
#include <errno.h>

#include "images/fetch/job_internal.h"

void job_identify(const struct job *job, struct exchange_order *order)
{
	const struct credentials *as = job_credentials(job);
	const struct site *site = job_site(job);

	if (site->basic && as && as->user) {
		order->user = as->user;
		order->password = as->password;
	} else {
		order->bearer = site_token(site, job->places[job->place].repository);
	}
}

/* All fields of the name together say what may be used. */
static int read_challenges(struct job *job, struct challenge *ret)
{
	const char *field;

	*ret = (struct challenge){ 0 };
	for (size_t i = 0; (field = exchange_field(&job->exchange, "WWW-Authenticate", i)); i++) {
		struct challenge one;
		if (header_challenge(field, &job->arena, &one) < 0)
			return error_bad(
				&job->err, EACCES, "%s does not say properly how to log in", job_site(job)->host);
		ret->basic |= one.basic;
		if (!one.bearer)
			continue;
		ret->bearer = true;
		ret->realm = one.realm;
		ret->service = one.service;
	}
	return 0;
}

int job_authenticate(struct job *job)
{
	const struct credentials *as = job_credentials(job);
	struct site *site = job_site(job);
	struct exchange_order order;
	struct challenge challenge;
	int r;

	if (job->authenticated)
		return job_refusal(job, site, NULL);
	job->authenticated = true;
	r = read_challenges(job, &challenge);
	if (r < 0)
		return r;
	if (challenge.bearer) {
		r = token_order(&challenge, &job->fetcher->sites, site, as, job->places[job->place].repository,
			&job->arena, &order, &job->err);
		if (r < 0)
			return r;
		job_exchange(job, JOB_TOKEN, &order);
		return 1;
	}
	if (!challenge.basic || !as || !as->user)
		return job_refusal(job, site, NULL);
	site->basic = true;
	return 0;
}

int job_take_token(struct job *job)
{
	struct site *site = job_site(job);
	const char *token;

	if (!job_is_success(exchange_status(&job->exchange)))
		return job_refusal(job, site, job->to == site ? NULL : job->to->host);
	token = token_read(job->text, job->text_len, &job->arena);
	if (!token)
		return error_bad(&job->err, EACCES, "the realm of %s gave no token", site->host);
	site_keep_token(&job->fetcher->sites, site, job->places[job->place].repository, token);
	return 0;
}
