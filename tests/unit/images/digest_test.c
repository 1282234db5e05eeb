/* Digests: whole and lower-case, or none [CVE-2024-3727]. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "base/error.h"
#include "images/digest.h"

#define HEX32 "0123456789abcdef0123456789abcdef"
#define HEX64 HEX32 HEX32

static void a_digest_reads_and_writes_the_same(void **state)
{
	static const char *const texts[] = { "sha256:" HEX64, "sha512:" HEX64 HEX64 };
	char buf[DIGEST_TEXT_MAX];
	struct digest digest;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(digest_parse(texts[i], &digest, NULL), 0);
		assert_string_equal(digest_text(&digest, buf), texts[i]);
		assert_string_equal(digest_hex(&digest, buf), texts[i] + 7);
		digest_path(&digest, buf);
		assert_int_equal(buf[6], '/');
	}
}

static void what_is_no_digest_is_refused(void **state)
{
	static const char *const texts[] = { "", ":", "sha256", "sha256:", "sha256:../../etc/passwd", "sha256:" HEX32,
		"sha256:" HEX64 "0", "sha256:" HEX64 "/", "SHA256:" HEX64,
		"sha256:0123456789ABCDEF" HEX32 "0123456789abcdef", "sha512:" HEX64, "md5:" HEX32, " sha256:" HEX64,
		"sha256 :" HEX64, "sha256:" HEX32 "0123456789abcdef0123456789abcde\n", "blake3:" HEX64,
		"sha256:0x" HEX64, HEX64 };
	struct digest digest = { .algorithm = DIGEST_SHA512 };
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct error err = { 0 };
		assert_int_equal(digest_parse(texts[i], &digest, &err), -EINVAL);
		assert_non_null(strstr(err.what, "is no digest"));
		assert_int_equal(digest.algorithm, DIGEST_SHA512);
	}
}

static void two_are_equal_by_algorithm_and_bytes(void **state)
{
	struct digest a, b;
	(void)state;

	assert_int_equal(digest_parse("sha256:" HEX64, &a, NULL), 0);
	b = a;
	assert_true(digest_equal(&a, &b));
	b.bytes[31] ^= 1;
	assert_false(digest_equal(&a, &b));
	b = a;
	b.algorithm = DIGEST_SHA512;
	assert_false(digest_equal(&a, &b));
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(a_digest_reads_and_writes_the_same),
	UNIT_TEST(what_is_no_digest_is_refused),
	UNIT_TEST(two_are_equal_by_algorithm_and_bytes),
};

UNIT_MAIN(tests)
