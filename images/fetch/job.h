/* images/fetch/job.h: one manifest or blob, from the request to the answer.
 *
 * A job goes through the places of its repository in turn: mirrors, then the registry itself. At a place it may be sent to a
 * realm for a token, and by redirects to other hosts; what breaks in a way that may pass is tried again after a while, from
 * where it broke. It never writes more than was asked for, and it ends. */
#pragma once
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "images/fetch/exchange.h"

/* What all jobs have in common. */
struct fetcher {
	CURLM *multi;
	const char *registry;
	struct registries registries;
	struct sites sites;
};

enum job_kind { JOB_MANIFEST, JOB_BLOB };

enum job_phase {
	JOB_QUEUED,   /* not begun */
	JOB_WAITING,  /* for due_ms */
	JOB_TOKEN,    /* an exchange with the realm is under way */
	JOB_FETCHING, /* one with the registry, or with a host that it sent us to */
	JOB_DONE,     /* `err` tells how; the answer may be given */
};

struct job {
	struct job *next;
	struct fetcher *fetcher; /* borrowed */
	struct arena arena;
	enum job_kind kind;
	unsigned id; /* of the asker's */
	const char *repository, *reference;
	uint64_t size; /* where a blob ends */
	uint64_t at;   /* where the next byte belongs */
	int out;       /* owned; -1 once all is in it */
	enum job_phase phase;
	struct error err;
	const char *type; /* of a manifest, when done */

	struct place places[PLACES_MAX];
	int place_count, place; /* where it begins, then where it is */
	unsigned tries;         /* that failed at this place since there was progress */
	uint64_t mark;          /* `at` when they were counted last */
	int64_t due_ms;

	/* of one try */
	struct exchange exchange;
	const char *url;       /* where a redirect led; NULL: the place's own */
	const struct site *to; /* borrowed; whom the exchange is with */
	bool was_plain;        /* HTTP at the place */
	bool authenticated;
	unsigned redirects;

	/* of one answer */
	bool began, refused; /* its head was looked at, and found to be wrong: `err` says how */
	bool paused;         /* the pipe is full */
	uint64_t skip;       /* bytes that we have already and it sends again */
	size_t ahead;        /* of the chunk that comes again after a pause: done with */
	char *text;          /* owned; of a manifest, a token, a refusal */
	size_t text_len;
};

/* Repository and reference are copied, and checked, as they become part of an address: -EINVAL. `*out` is taken. */
int job_new(struct fetcher *fetcher, enum job_kind kind, unsigned id, const char *repository, int first_place,
	const char *reference, uint64_t size, uint64_t offset, int *out, struct job **ret, struct error *err);
void job_free(struct job *job);

void job_begin(struct job *job);                   /* a queued or waiting one */
void job_finished(struct job *job, CURLcode code); /* its exchange is over */
void job_resume(struct job *job);                  /* a paused one's pipe has room, or no reader */

/* The place that follows the one which a job ended at; 0 where there is none. */
int job_next_place(const struct job *job);
