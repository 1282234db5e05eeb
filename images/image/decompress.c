/* images/image/decompress.c: ISA-L for gzip, libzstd for zstd. ISA-L has code of its own for processors without vector
 * instructions, so there is no second library to fall back to. */
#include "images/image/decompress.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/error.h"
#include "base/text.h"

enum { WINDOW_LOG_MAX = 27 }; /* 128 MiB, what `zstd --ultra -22` makes; a frame may ask for 2 GiB */

struct decoder_kind {
	const char *name;
	int (*begin)(struct decoder *decoder);
	int (*run)(struct decoder *decoder, const unsigned char **in, size_t *in_len, unsigned char *out, size_t size,
		size_t *ret_len, struct error *err);
	void (*done)(struct decoder *decoder);
};

struct decoder {
	const struct decoder_kind *kind;
	bool between; /* members or frames: the stream may end here */
	bool padding; /* zeros follow, and nothing else */
	struct inflate_state *gzip;
	ZSTD_DCtx *zstd;
};

/* ---- as it is ---- */

static int copy(struct decoder *decoder, const unsigned char **in, size_t *in_len, unsigned char *out, size_t size,
	size_t *ret_len, struct error *err)
{
	size_t len = *in_len < size ? *in_len : size;

	(void)decoder;
	(void)err;
	memcpy(out, *in, len);
	*in += len;
	*in_len -= len;
	*ret_len = len;
	return 0;
}

static int begin_copy(struct decoder *decoder)
{
	decoder->between = true;
	return 0;
}

static void end_copy(struct decoder *decoder)
{
	(void)decoder;
}

/* ---- gzip [RFC 1952] ---- */

static int begin_gzip(struct decoder *decoder)
{
	decoder->gzip = malloc(sizeof(*decoder->gzip));
	if (!decoder->gzip)
		return -ENOMEM;
	isal_inflate_init(decoder->gzip);
	decoder->gzip->crc_flag = ISAL_GZIP;
	return 0;
}

static void end_gzip(struct decoder *decoder)
{
	free(decoder->gzip);
}

static const char *gzip_fault(int code)
{
	switch (code) {
	case ISAL_INCORRECT_CHECKSUM: return "the checksum is wrong";
	case ISAL_INVALID_WRAPPER: return "something that is no gzip follows";
	case ISAL_UNSUPPORTED_METHOD: return "a method that is not deflate";
	default: return "the compressed data is broken";
	}
}

static int skip_zeros(const unsigned char **in, size_t *in_len, struct error *err)
{
	for (; *in_len > 0; (*in)++, (*in_len)--)
		if (**in != 0)
			return error_bad(err, EBADMSG, "gzip: something follows its end");
	return 0;
}

/* At the end of a member: what comes next? */
static void next_member(struct decoder *decoder, const unsigned char *next)
{
	decoder->padding = *next == 0;
	if (decoder->padding)
		return;
	isal_inflate_reset(decoder->gzip);
	decoder->between = false;
}

static int run_gzip(struct decoder *decoder, const unsigned char **in, size_t *in_len, unsigned char *out, size_t size,
	size_t *ret_len, struct error *err)
{
	struct inflate_state *state = decoder->gzip;

	*ret_len = 0;
	for (;;) {
		if (decoder->between && *in_len > 0 && !decoder->padding)
			next_member(decoder, *in);
		if (decoder->padding)
			return skip_zeros(in, in_len, err);
		if (decoder->between)
			return 0;
		state->next_in = (unsigned char *)*in; /* it only reads */
		state->avail_in = (uint32_t)*in_len;
		state->next_out = out + *ret_len;
		state->avail_out = (uint32_t)(size - *ret_len);
		int r = isal_inflate(state);
		*in = state->next_in;
		*in_len = state->avail_in;
		*ret_len = size - state->avail_out;
		if (r < 0)
			return error_bad(err, EBADMSG, "gzip: %s", gzip_fault(r));
		decoder->between = state->block_state == ISAL_BLOCK_FINISH;
		if (!decoder->between || *ret_len == size)
			return 0;
	}
}

/* ---- zstd [RFC 8878] ---- */

static int begin_zstd(struct decoder *decoder)
{
	decoder->zstd = ZSTD_createDCtx();
	if (!decoder->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
		return -ENOMEM;
	return 0;
}

static void end_zstd(struct decoder *decoder)
{
	(void)ZSTD_freeDCtx(decoder->zstd);
}

static int run_zstd(struct decoder *decoder, const unsigned char **in, size_t *in_len, unsigned char *out, size_t size,
	size_t *ret_len, struct error *err)
{
	ZSTD_inBuffer input = { .src = *in, .size = *in_len };
	ZSTD_outBuffer output = { .dst = out, .size = size };

	do {
		size_t read = input.pos, written = output.pos, r;
		r = ZSTD_decompressStream(decoder->zstd, &output, &input);
		if (ZSTD_isError(r))
			return error_bad(err, EBADMSG, "zstd: %s", ZSTD_getErrorName(r));
		if (input.pos != read ||
			output.pos != written) /* without either it speaks of the frame that may follow */
			decoder->between = r == 0;
	} while (output.pos < output.size && input.pos < input.size);
	*in += input.pos;
	*in_len -= input.pos;
	*ret_len = output.pos;
	return 0;
}

/* ---- which ---- */

static const struct decoder_kind plain = { "no compression", begin_copy, copy, end_copy };
static const struct decoder_kind gzip = { "gzip", begin_gzip, run_gzip, end_gzip };
static const struct decoder_kind zstd = { "zstd", begin_zstd, run_zstd, end_zstd };

static const struct magic {
	const char *name; /* of what is refused */
	const struct decoder_kind *kind;
	unsigned char bytes[DECODER_SNIFFED], mask_first; /* the first byte counts without these bits */
	size_t len;
} magics[] = {
	{ NULL, &gzip, { 0x1f, 0x8b }, 0, 2 },
	{ NULL, &zstd, { 0x28, 0xb5, 0x2f, 0xfd }, 0, 4 },
	{ NULL, &zstd, { 0x50, 0x2a, 0x4d, 0x18 }, 0x0f, 4 }, /* a skippable frame [RFC 8878, section 3.1.2] */
	{ "xz", NULL, { 0xfd, '7', 'z', 'X', 'Z', 0 }, 0, 6 },
	{ "bzip2", NULL, { 'B', 'Z', 'h' }, 0, 3 },
	{ "lz4", NULL, { 0x04, 0x22, 0x4d, 0x18 }, 0, 4 },
};

static bool has_magic(const struct magic *magic, const unsigned char *first, size_t len)
{
	return len >= magic->len && (first[0] & ~magic->mask_first) == magic->bytes[0] &&
		memcmp(first + 1, magic->bytes + 1, magic->len - 1) == 0;
}

int decoder_new(const unsigned char *first, size_t len, struct decoder **ret, struct error *err)
{
	const struct decoder_kind *kind = &plain;
	struct decoder *decoder;

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		if (!has_magic(&magics[i], first, len))
			continue;
		if (magics[i].name)
			return error_bad(err, ENOTSUP, "it is compressed by %s, which layers are not", magics[i].name);
		kind = magics[i].kind;
	}
	decoder = calloc(1, sizeof(*decoder));
	if (!decoder)
		return error_sys(err, ENOMEM, "decompress");
	decoder->kind = kind;
	if (kind->begin(decoder) < 0) {
		decoder_free(decoder);
		return error_sys(err, ENOMEM, "decompress by %s", kind->name);
	}
	*ret = decoder;
	return 0;
}

void decoder_free(struct decoder *decoder)
{
	if (!decoder)
		return;
	decoder->kind->done(decoder);
	free(decoder);
}

int decoder_run(struct decoder *decoder, const unsigned char **in, size_t *in_len, unsigned char *out, size_t size,
	size_t *ret_len, struct error *err)
{
	return decoder->kind->run(decoder, in, in_len, out, size, ret_len, err);
}

int decoder_end(const struct decoder *decoder, struct error *err)
{
	return decoder->between ? 0 : error_bad(err, EBADMSG, "%s: it ends in the middle", decoder->kind->name);
}
