/* images/fetch/job_body.c: what comes in an answer's body, and where it goes.
 *
 * Nothing of it is believed: a range must be the one asked for, a length the blob's; an answer that begins at the blob's start
 * again is passed over up to where we are; bytes beyond the end are a lie and end the job's try. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "images/fetch/headers.h"
#include "images/fetch/job_internal.h"
#include "images/fetch_protocol.h"

enum { REFUSAL_MAX = 64 << 10 };

static int refuse(struct job *job, const char *what)
{
	job->refused = true;
	return error_bad(&job->err, EBADMSG, "%s: %s: %s", job_site(job)->host, job->reference, what);
}

static int check_range(struct job *job)
{
	const char *field = exchange_field(&job->exchange, "Content-Range", 0);
	struct content_range range;

	if (!field || header_content_range(field, &range) < 0 || range.first != job->at)
		return refuse(job, "it sends another range than was asked for");
	if (range.total != UINT64_MAX && range.total != job->size)
		return refuse(job, "it says that the blob has another size than the manifest");
	return 0;
}

static int check_length(struct job *job, uint64_t wanted)
{
	int64_t length = exchange_length(&job->exchange);
	char what[160];
	struct text text;

	if (length < 0 || (uint64_t)length == wanted)
		return 0;
	text_init(&text, what, sizeof(what));
	text_add(&text, "it announces %lld bytes where %llu are expected", (long long)length,
		(unsigned long long)wanted);
	return refuse(job, what);
}

int job_check_head(struct job *job)
{
	long status = exchange_status(&job->exchange);

	if (job->began)
		return job->refused ? -EBADMSG : 0;
	job->began = true;
	if (job->phase != JOB_FETCHING || job->kind != JOB_BLOB || !job_is_success(status))
		return 0;
	if (status == 206)
		return check_range(job) < 0 ? -EBADMSG : check_length(job, job->size - job->at);
	job->skip = job->at;
	return check_length(job, job->size);
}

/* ---- texts ---- */

static size_t text_limit(const struct job *job)
{
	if (job->phase == JOB_TOKEN)
		return TOKEN_ANSWER_MAX;
	return job_is_success(exchange_status(&job->exchange)) ? FETCH_MANIFEST_MAX : REFUSAL_MAX;
}

static size_t gather(struct job *job, const char *data, size_t len)
{
	char *larger;

	if (job->text_len + len > text_limit(job)) {
		if (job->phase == JOB_FETCHING && job_is_success(exchange_status(&job->exchange)))
			(void)refuse(job, "the manifest is larger than 4 MiB");
		return 0;
	}
	larger = realloc(job->text, job->text_len + len + 1);
	if (!larger)
		return 0;
	memcpy(larger + job->text_len, data, len);
	job->text = larger;
	job->text_len += len;
	job->text[job->text_len] = '\0';
	return len;
}

/* ---- blobs ---- */

/* How much of `len` bytes may be written without overrunning the blob. */
static size_t room(const struct job *job, size_t len)
{
	uint64_t left = job->size - job->at;

	return left < len ? (size_t)left : len;
}

/* Writes what the pipe takes. How many bytes; less than `len` where it is full; or a negative errno. */
static ssize_t pour(struct job *job, const char *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(job->out, data + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n < 0)
			break;
		done += (size_t)n;
		job->at += (size_t)n;
	}
	return (ssize_t)done;
}

/* libcurl gives the same bytes again after a pause, perhaps in other pieces: those that we are done with are counted. */
static size_t stream(struct job *job, const char *data, size_t len)
{
	size_t known = job->ahead < len ? job->ahead : len, skipped, fits;
	ssize_t written;

	job->ahead -= known;
	skipped = job->skip < len - known ? (size_t)job->skip : len - known;
	job->skip -= skipped;
	fits = room(job, len - known - skipped);
	written = pour(job, data + known + skipped, fits);
	if (written < 0) {
		job->refused = true;
		(void)error_sys(&job->err, (int)written, "hand on %s", job->reference);
		return 0;
	}
	if ((size_t)written < fits) {
		job->ahead += known + skipped + (size_t)written;
		job->paused = true;
		return EXCHANGE_PAUSE;
	}
	if (known + skipped + fits < len) {
		(void)refuse(job, "it sends more bytes than the blob has");
		return 0;
	}
	return len;
}

size_t job_sink(void *arg, const char *data, size_t len)
{
	struct job *job = arg;

	if (job_check_head(job) < 0)
		return 0;
	if (job->phase == JOB_FETCHING && job->kind == JOB_BLOB && job_is_success(exchange_status(&job->exchange)))
		return stream(job, data, len);
	return gather(job, data, len);
}
