/* images/image/decompress.h: what a layer is compressed with, and its bytes without that.
 *
 * Told by the first bytes and not by the media type, which is wrong often enough [oci-contract: image-spec layer.md; docker
 * archives]. gzip of many members (eStargz) and zstd of many frames, skippable ones among them (zstd:chunked), are one
 * stream. Checksums, lengths and the end are verified; only zeros may follow the last member of gzip. */
#pragma once
#include <stddef.h>
struct error;

struct decoder;

enum { DECODER_SNIFFED = 6 }; /* bytes at the start that decide */

/* By the first bytes, fewer only where the stream has no more. xz, bzip2 and lz4, which no layer may use, are -ENOTSUP. */
int decoder_new(const unsigned char *first, size_t len, struct decoder **ret, struct error *err);
void decoder_free(struct decoder *decoder); /* NULL is fine */

/* Reads on from *in, which it moves, and writes at most `size` bytes. Where *ret_len is less than `size`, all input has
 * been used. -EBADMSG: it is broken. */
int decoder_run(struct decoder *decoder, const unsigned char **in, size_t *in_len, unsigned char *out, size_t size,
	size_t *ret_len, struct error *err);

/* The input is over: -EBADMSG where the stream is not. */
int decoder_end(const struct decoder *decoder, struct error *err);
