/* images/digest.h: what content is called: "sha256:" and 64 hexadecimal digits [image-spec: descriptor.md, Digests].
 *
 * Only whole, lower-case sha256 and sha512 digests are read, so what came through here can be part of a path
 * [CVE-2024-3727]. Computing them is husk-image's business. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
struct error;

enum digest_algorithm { DIGEST_NONE, DIGEST_SHA256, DIGEST_SHA512 };
enum { DIGEST_BYTES_MAX = 64, DIGEST_TEXT_MAX = 136, DIGEST_HEX_MAX = 128 };

struct digest {
	enum digest_algorithm algorithm; /* DIGEST_NONE: not given */
	unsigned char bytes[DIGEST_BYTES_MAX];
};

/* Reads "sha256:..." or "sha512:..."; -EINVAL with words that name what is wrong. */
int digest_parse(const char *text, struct digest *ret, struct error *err);

/* "sha256:..." into buf of DIGEST_TEXT_MAX bytes; returns buf. */
const char *digest_text(const struct digest *digest, char *buf);

/* "sha256/HEX", the place of a blob or a layer beneath its folder; buf of DIGEST_TEXT_MAX bytes; returns buf. */
const char *digest_path(const struct digest *digest, char *buf);

/* The digits alone, which name an image record; points into buf of DIGEST_TEXT_MAX bytes. */
const char *digest_hex(const struct digest *digest, char *buf);

bool digest_equal(const struct digest *a, const struct digest *b);
