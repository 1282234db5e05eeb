/* images/image/stream.h: the bytes of a blob, from a descriptor to tar, verified on the way.
 *
 *	read, hash, keep  ->  decompress  ->  hash
 *	                                  \-> the caller
 *
 * Each stage is a thread of its own; between them are a few MiB in all. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
struct error;

struct stream_request {
	int source, keep; /* borrowed; keep: -1 = the blob is not kept */
	bool has_size;
	uint64_t size;                 /* of the blob, bytes */
	struct digest digest, diff_id; /* DIGEST_NONE: computed only */
	uint64_t bytes;                /* that may come out */
	unsigned ratio;                /* decompressed to compressed, beyond the first 64 MiB */
};

struct stream_result {
	struct digest digest, diff_id;
	uint64_t size;
};

struct stream;

int stream_start(const struct stream_request *request, struct stream **ret, struct error *err);

/* The next bytes of tar; they stay until the next call. 1; 0 at the end; -EPIPE where a stage has failed: stream_finish() has
 * the words. */
int stream_next(struct stream *stream, const unsigned char **ret_bytes, size_t *ret_len);
uint64_t stream_position(const struct stream *stream); /* bytes of the blob that have been read */

/* Ends it, early where not all was read, and frees it. After all was read: size, digest and DiffID are as asked for, or
 * -EBADMSG with words. `code` is what the caller's own work came to; where that is negative, `err` is filled, and the stages
 * have not failed before it, it is returned as it is. */
int stream_finish(struct stream *stream, int code, struct stream_result *ret, struct error *err);
