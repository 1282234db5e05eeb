/* images/image/stream.c: the stages and who is to blame.
 *
 * Theory of operation
 * Three threads and the caller's own, two rings between them. A stage that fails breaks the ring behind it and stops the one
 * before it, so that all others end too, without words of their own: they have RING_BROKEN or no block. So at most the stage
 * that failed first has filled its error, or two that failed at the same time; the earlier in the stream is told then, since
 * what it gave on explains the other. */
#include "images/image/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "images/image/decompress.h"
#include "images/image/hash.h"
#include "images/image/ring.h"

enum {
	BLOCK = 256 << 10,
	BLOB_BLOCKS = 6,
	TAR_BLOCKS = 12,
	RATIO_FREE = 64 << 20,
};
enum { READER_HASH, READER_CALLER };
enum stage_name { STAGE_BLOB, STAGE_DECODE, STAGE_HASH, STAGES };

struct stage {
	pthread_t thread;
	bool runs;
	struct error err; /* code 0: it has not failed */
};

struct stream {
	struct stream_request request;
	struct ring *blob, *tar;
	struct hash *blob_hash, *tar_hash;
	struct stage stages[STAGES];
	struct digest digest, diff_id;
	_Atomic uint64_t position;
	int stop; /* owned; readable: do not wait for the source any more, which may be a registry that hangs */
};

/* ---- the blob ---- */

static int too_long(const struct stream *stream, struct error *err)
{
	return error_bad(err, EBADMSG, "the blob has more than the %" PRIu64 " bytes that its descriptor says",
		stream->request.size);
}

/* Reads what is there, waited for; 0 at the end, or when all is to end. */
static ssize_t read_some(const struct stream *stream, unsigned char *bytes, size_t size)
{
	struct pollfd wait[] = { { .fd = stream->request.source, .events = POLLIN },
		{ .fd = stream->stop, .events = POLLIN } };
	ssize_t n;

	do
		n = poll(wait, ARRAY_SIZE(wait), -1) < 0 ? -1
			: wait[1].revents                ? 0
							 : read(stream->request.source, bytes, size);
	while (n < 0 && errno == EINTR);
	return n;
}

static bool is_stopped(const struct stream *stream)
{
	struct pollfd stop = { .fd = stream->stop, .events = POLLIN };

	return poll(&stop, 1, 0) > 0;
}

/* Reads one block; 0 at the end. */
static ssize_t read_block(struct stream *stream, unsigned char *block, struct error *err)
{
	size_t len = 0;
	ssize_t n = 1;

	while (len < BLOCK && n > 0) {
		n = read_some(stream, block + len, BLOCK - len);
		if (n < 0)
			return error_sys(err, errno, "read the blob");
		len += (size_t)n;
		if (n > 0 && stream->request.has_size && stream->position + (uint64_t)n > stream->request.size)
			return too_long(stream, err);
		stream->position += (uint64_t)n;
	}
	return (ssize_t)len;
}

static int read_blob(struct stream *stream, struct error *err)
{
	unsigned char *block;
	ssize_t len = 1;
	int r;

	while (len > 0 && (block = ring_fill(stream->blob))) {
		len = read_block(stream, block, err);
		if (len <= 0)
			break;
		ring_filled(stream->blob, (size_t)len); /* it is not filled anew before the next ring_fill() */
		hash_add(stream->blob_hash, block, (size_t)len);
		if (stream->request.keep >= 0 && (r = file_write_all(stream->request.keep, block, (size_t)len)) < 0)
			return error_sys(err, r, "write the blob");
	}
	if (len == 0 && !is_stopped(stream) && stream->request.has_size && stream->position != stream->request.size)
		return error_bad(err, EBADMSG, "the blob ends after %" PRIu64 " of %" PRIu64 " bytes", stream->position,
			stream->request.size);
	hash_end(stream->blob_hash, &stream->digest);
	return len < 0 ? (int)len : 0;
}

/* ---- decompressing ---- */

struct output {
	unsigned char *block; /* being filled; NULL: nobody wants more */
	size_t len;
	uint64_t total;
};

static int check_growth(struct stream *stream, const struct output *output, struct error *err)
{
	if (output->total > stream->request.bytes)
		return error_bad(err, EFBIG, "it unpacks to more than the %" PRIu64 " bytes that a layer may have",
			stream->request.bytes);
	if (output->total > RATIO_FREE && output->total / stream->request.ratio > stream->position)
		return error_bad(err, EFBIG, "it unpacks to more than %u times its size", stream->request.ratio);
	return 0;
}

/* All that one block of the blob gives. */
static int decode_block(struct stream *stream, struct decoder *decoder, struct output *output, const unsigned char *in,
	size_t in_len, struct error *err)
{
	size_t len;
	int r;

	while (output->block) {
		r = decoder_run(decoder, &in, &in_len, output->block + output->len, BLOCK - output->len, &len, err);
		if (r < 0)
			return r;
		output->len += len;
		output->total += len;
		if ((r = check_growth(stream, output, err)) < 0)
			return r;
		if (output->len < BLOCK)
			return 0;
		ring_filled(stream->tar, output->len);
		output->block = ring_fill(stream->tar);
		output->len = 0;
	}
	return 0;
}

static int decode(struct stream *stream, struct error *err)
{
	struct output output = { .block = ring_fill(stream->tar) };
	struct decoder *decoder = NULL;
	const unsigned char *in = NULL;
	size_t in_len = 0;
	int next, r = 0;

	while (r == 0 && output.block && (next = ring_next(stream->blob, 0, &in, &in_len)) == RING_BLOCK) {
		if (!decoder)
			r = decoder_new(in, in_len, &decoder, err);
		if (r == 0)
			r = decode_block(stream, decoder, &output, in, in_len, err);
	}
	if (r == 0 && output.block && next == RING_END && decoder)
		r = decoder_end(decoder, err);
	if (r == 0 && output.block && next == RING_END)
		ring_filled(stream->tar, output.len);
	else if (r == 0)
		r = -EPIPE; /* someone else's fault */
	decoder_free(decoder);
	return r;
}

/* ---- the tar ---- */

static int hash_tar(struct stream *stream, struct error *err)
{
	const unsigned char *bytes;
	size_t len;
	int next;

	(void)err;
	while ((next = ring_next(stream->tar, READER_HASH, &bytes, &len)) == RING_BLOCK)
		hash_add(stream->tar_hash, bytes, len);
	hash_end(stream->tar_hash, &stream->diff_id);
	return next == RING_END ? 0 : -EPIPE;
}

/* ---- running them ---- */

static void *run_blob(void *data)
{
	struct stream *stream = data;

	ring_end(stream->blob, read_blob(stream, &stream->stages[STAGE_BLOB].err) < 0);
	return NULL;
}

static void *run_decode(void *data)
{
	struct stream *stream = data;
	int r = decode(stream, &stream->stages[STAGE_DECODE].err);

	if (r < 0)
		ring_stop(stream->blob);
	ring_end(stream->tar, r < 0);
	return NULL;
}

static void *run_hash(void *data)
{
	struct stream *stream = data;

	(void)hash_tar(stream, &stream->stages[STAGE_HASH].err);
	return NULL;
}

static void *(*const stage_runs[STAGES])(void *) = { run_blob, run_decode, run_hash };

static void stop_stages(struct stream *stream, bool early)
{
	if (early) {
		(void)eventfd_write(stream->stop, 1);
		ring_stop(stream->blob);
		ring_stop(stream->tar);
	}
	for (size_t i = 0; i < STAGES; i++)
		if (stream->stages[i].runs)
			(void)pthread_join(stream->stages[i].thread, NULL);
}

static void free_stream(struct stream *stream)
{
	fd_closep(&stream->stop);
	ring_free(stream->blob);
	ring_free(stream->tar);
	hash_free(stream->blob_hash);
	hash_free(stream->tar_hash);
	free(stream);
}

int stream_start(const struct stream_request *request, struct stream **ret, struct error *err)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	int r = 0;

	if (!stream)
		return error_sys(err, ENOMEM, "read the blob");
	stream->request = *request;
	stream->stop = eventfd(0, EFD_CLOEXEC);
	stream->blob = ring_new(BLOB_BLOCKS, BLOCK, 1);
	stream->tar = ring_new(TAR_BLOCKS, BLOCK, RING_READERS);
	if (stream->stop < 0)
		r = error_sys(err, errno, "make an event descriptor");
	else if (!stream->blob || !stream->tar)
		r = error_sys(err, ENOMEM, "read the blob");
	if (r == 0)
		r = hash_new(request->digest.algorithm, &stream->blob_hash, err);
	if (r == 0)
		r = hash_new(request->diff_id.algorithm, &stream->tar_hash, err);
	for (size_t i = 0; r == 0 && i < STAGES; i++) {
		int code = pthread_create(&stream->stages[i].thread, NULL, stage_runs[i], stream);
		stream->stages[i].runs = code == 0;
		if (code != 0)
			r = error_sys(err, code, "start a thread");
	}
	if (r < 0) {
		stop_stages(stream, true);
		free_stream(stream);
		return r;
	}
	*ret = stream;
	return 0;
}

int stream_next(struct stream *stream, const unsigned char **ret_bytes, size_t *ret_len)
{
	int next = ring_next(stream->tar, READER_CALLER, ret_bytes, ret_len);

	return next == RING_BROKEN ? -EPIPE : next == RING_BLOCK;
}

uint64_t stream_position(const struct stream *stream)
{
	return stream->position;
}

/* ---- the verdict ---- */

static int check_digest(const struct digest *asked, const struct digest *computed, const char *what, struct error *err)
{
	char asked_text[DIGEST_TEXT_MAX], computed_text[DIGEST_TEXT_MAX];

	if (asked->algorithm == DIGEST_NONE || digest_equal(asked, computed))
		return 0;
	return error_bad(err, EBADMSG, "%s is %s where %s was asked for", what, digest_text(computed, computed_text),
		digest_text(asked, asked_text));
}

int stream_finish(struct stream *stream, int code, struct stream_result *ret, struct error *err)
{
	const struct stream_request *request = &stream->request;
	int r = code;

	stop_stages(stream, code < 0);
	for (size_t i = 0; i < STAGES; i++) {
		if (stream->stages[i].err.code == 0)
			continue;
		*err = stream->stages[i].err;
		r = err->code;
		break;
	}
	if (r >= 0)
		r = check_digest(&request->digest, &stream->digest, "the blob's digest", err);
	if (r >= 0)
		r = check_digest(&request->diff_id, &stream->diff_id, "the DiffID", err);
	if (r >= 0)
		*ret = (struct stream_result){ stream->digest, stream->diff_id, stream->position };
	free_stream(stream);
	return r;
}
