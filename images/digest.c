/* images/digest.c: see the header. */
#include "images/digest.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const struct algorithm {
	const char *name;
	size_t bytes;
} algorithms[] = {
	[DIGEST_NONE] = { "", 0 },
	[DIGEST_SHA256] = { "sha256", 32 },
	[DIGEST_SHA512] = { "sha512", 64 },
};

static const char digits[] = "0123456789abcdef";

/* The number of a lower-case digit; -1 if it is none. */
static int digit(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool parse_bytes(const char *hex, unsigned char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int high = digit(hex[2 * i]), low = high < 0 ? -1 : digit(hex[2 * i + 1]);
		if (low < 0)
			return false;
		bytes[i] = (unsigned char)(high << 4 | low);
	}
	return hex[2 * count] == '\0';
}

int digest_parse(const char *text, struct digest *ret, struct error *err)
{
	const char *colon = strchr(text, ':');
	struct digest digest = { 0 };

	for (size_t i = DIGEST_SHA256; colon && i < ARRAY_SIZE(algorithms); i++) {
		size_t len = strlen(algorithms[i].name);
		if ((size_t)(colon - text) != len || memcmp(text, algorithms[i].name, len) != 0)
			continue;
		digest.algorithm = (enum digest_algorithm)i;
		if (!parse_bytes(colon + 1, digest.bytes, algorithms[i].bytes))
			return error_bad(err, EINVAL,
				"\"%.160s\" is no digest: %s has %zu lower-case hexadecimal digits", text,
				algorithms[i].name, 2 * algorithms[i].bytes);
		*ret = digest;
		return 0;
	}
	return error_bad(err, EINVAL, "\"%.160s\" is no digest: expected sha256:... or sha512:...", text);
}

static const char *write_digest(const struct digest *digest, char separator, char *buf)
{
	const struct algorithm *algorithm = &algorithms[digest->algorithm];
	size_t len = strlen(algorithm->name);

	memcpy(buf, algorithm->name, len);
	buf[len++] = separator;
	for (size_t i = 0; i < algorithm->bytes; i++) {
		buf[len++] = digits[digest->bytes[i] >> 4];
		buf[len++] = digits[digest->bytes[i] & 15];
	}
	buf[len] = '\0';
	return buf;
}

const char *digest_text(const struct digest *digest, char *buf)
{
	return write_digest(digest, ':', buf);
}

const char *digest_path(const struct digest *digest, char *buf)
{
	return write_digest(digest, '/', buf);
}

const char *digest_hex(const struct digest *digest, char *buf)
{
	return strchr(write_digest(digest, ':', buf), ':') + 1;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return a->algorithm == b->algorithm && memcmp(a->bytes, b->bytes, algorithms[a->algorithm].bytes) == 0;
}
