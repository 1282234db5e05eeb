/* Names of images, as the grammar of distribution/reference has them, and other transports. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "base/error.h"
#include "images/reference.h"

#define HEX  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define A16  "aaaaaaaaaaaaaaaa"
#define A64  A16 A16 A16 A16
#define A128 A64 A64

static void names_are_completed(void **state)
{
	static const struct {
		const char *text, *name, *host, *repository, *tag;
	} cases[] = {
		{ "debian", "docker.io/library/debian:latest", "docker.io", "library/debian", "latest" },
		{ "debian:13", "docker.io/library/debian:13", "docker.io", "library/debian", "13" },
		{ "docker://debian:13", "docker.io/library/debian:13", "docker.io", "library/debian", "13" },
		{ "docker.io/debian", "docker.io/library/debian:latest", "docker.io", "library/debian", "latest" },
		{ "index.docker.io/debian", "docker.io/library/debian:latest", "docker.io", "library/debian",
			"latest" },
		{ "docker.io/library/debian", "docker.io/library/debian:latest", "docker.io", "library/debian",
			"latest" },
		{ "me/web", "docker.io/me/web:latest", "docker.io", "me/web", "latest" },
		{ "quay.io/fedora/fedora:41", "quay.io/fedora/fedora:41", "quay.io", "fedora/fedora", "41" },
		{ "quay.io/web", "quay.io/web:latest", "quay.io", "web", "latest" },
		{ "localhost/web", "localhost/web:latest", "localhost", "web", "latest" },
		{ "localhost:5000/web:1", "localhost:5000/web:1", "localhost:5000", "web", "1" },
		{ "127.0.0.1:5000/web", "127.0.0.1:5000/web:latest", "127.0.0.1:5000", "web", "latest" },
		{ "[::1]:5000/web", "[::1]:5000/web:latest", "[::1]:5000", "web", "latest" },
		{ "[fe80::1]/web", "[fe80::1]/web:latest", "[fe80::1]", "web", "latest" },
		{ "Host/web", "Host/web:latest", "Host", "web", "latest" },
		{ "a.b-c.example/x/y/z:v1.0-rc_1", "a.b-c.example/x/y/z:v1.0-rc_1", "a.b-c.example", "x/y/z",
			"v1.0-rc_1" },
		{ "a__b/c--d/e.f", "docker.io/a__b/c--d/e.f:latest", "docker.io", "a__b/c--d/e.f", "latest" },
		{ "web:_", "docker.io/library/web:_", "docker.io", "library/web", "_" },
		{ "web:" A128, "docker.io/library/web:" A128, "docker.io", "library/web", A128 },
		{ "web@sha256:" HEX, "docker.io/library/web@sha256:" HEX, "docker.io", "library/web", NULL },
		{ "web:1@sha256:" HEX, "docker.io/library/web@sha256:" HEX, "docker.io", "library/web", "1" },
		{ "h:1/web@sha256:" HEX, "h:1/web@sha256:" HEX, "h:1", "web", NULL },
		{ "deadbeefdeadbeef", "docker.io/library/deadbeefdeadbeef:latest", "docker.io",
			"library/deadbeefdeadbeef", "latest" },
	};
	struct unit *unit = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reference reference;
		assert_int_equal(reference_parse(cases[i].text, &unit->arena, &reference, NULL), 0);
		assert_int_equal(reference.transport, IMAGE_REGISTRY);
		assert_string_equal(reference.name, cases[i].name);
		assert_string_equal(reference.host, cases[i].host);
		assert_string_equal(reference.repository, cases[i].repository);
		assert_string_equal(reference.tag ? reference.tag : "", cases[i].tag ? cases[i].tag : "");
		assert_true((reference.digest.algorithm != DIGEST_NONE) == (strchr(cases[i].text, '@') != NULL));
	}
}

static void a_name_without_a_registry_may_be_one_of_ours(void **state)
{
	static const struct {
		const char *text, *local;
	} cases[] = {
		{ "web", "localhost/web:latest" },
		{ "a/web:1", "localhost/a/web:1" },
		{ "docker.io/web", NULL },
		{ "quay.io/web", NULL },
		{ "web@sha256:" HEX, NULL },
		{ "web:1@sha256:" HEX, NULL },
	};
	struct unit *unit = *state;
	struct reference reference;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(reference_parse(cases[i].text, &unit->arena, &reference, NULL), 0);
		assert_string_equal(
			reference.local_name ? reference.local_name : "", cases[i].local ? cases[i].local : "");
	}
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const texts[] = { "", ":", "/", "@", "web:", "web@", ":13", ("@sha256:" HEX), "Web",
		"web/Web", "web//x", "/web", "web/", "../web", "web/..", "web/../x", "./web", "quay.io/../x",
		"quay.io/", "web:a b", "web: ", " web", "web ", "web:.x", "web:-x", "web:a/b", ("web:" A128 "a"),
		"we\nb", "web\x1b[2J", "web:\x7f", "-web", "web-", "_web", "a___b", "a..b", "a._b", "web@sha256:123",
		("web@sha256:" HEX "0"), ("web@md5:" A16 A16), ("web@sha256:" HEX "@sha256:" HEX), "h:/web", "h:0/web",
		"h:65536/web", "h:123456/web", "h:1x/web", "h:1:2/web", "[::1/web", "[]/web", "[::g]/web",
		"a..example/web", "-h.example/web", "h-.example/web", ".example/web",
		("w\xc3\xa9"
		 "b"),
		"web?x", "web#x", "http://web", "docker://", "docker://docker://web", "user@host/web", A128 A128,
		A128 A64 A16 A16 A16 "aaaaaaaaaa", HEX };
	struct unit *unit = *state;

	assert_true(ARRAY_SIZE(texts) + 23 > 60);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct reference reference = { .name = "untouched" };
		struct error err = { 0 };
		if (reference_parse(texts[i], &unit->arena, &reference, &err) != -EINVAL)
			fail_msg("\"%s\" is taken for %s", texts[i], reference.name);
		assert_string_equal(reference.name, "untouched");
		assert_true(*err.what != '\0');
	}
}

static void other_transports_have_a_path_and_perhaps_a_ref(void **state)
{
	static const struct {
		const char *text;
		enum image_transport transport;
		const char *path, *ref, *name;
	} cases[] = {
		{ "oci:dir", IMAGE_OCI, "dir", NULL, "localhost/dir:latest" },
		{ "oci:../My Dir/:v1", IMAGE_OCI, "../My Dir/", "v1", "localhost/my-dir:v1" },
		{ "oci:/srv/x:quay.io/a/b:2", IMAGE_OCI, "/srv/x", "quay.io/a/b:2", "quay.io/a/b:2" },
		{ "oci-archive:a.tar:debian:13", IMAGE_OCI_ARCHIVE, "a.tar", "debian:13",
			"docker.io/library/debian:13" },
		{ "oci-archive:a.tar", IMAGE_OCI_ARCHIVE, "a.tar", NULL, "localhost/a:latest" },
		{ "docker-archive:/a.tar.gz", IMAGE_DOCKER_ARCHIVE, "/a.tar.gz", NULL, NULL },
		{ "docker-archive:a.tar:web:1", IMAGE_DOCKER_ARCHIVE, "a.tar", "web:1", "docker.io/library/web:1" },
		{ "rootfs:/srv/root:fs", IMAGE_ROOTFS, "/srv/root:fs", NULL, "localhost/root-fs:latest" },
		{ "rootfs:/", IMAGE_ROOTFS, "/", NULL, "localhost/image:latest" },
		{ "oci:.hidden", IMAGE_OCI, ".hidden", NULL, "localhost/hidden:latest" },
	};
	struct unit *unit = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reference reference;
		assert_int_equal(reference_parse(cases[i].text, &unit->arena, &reference, NULL), 0);
		assert_int_equal(reference.transport, cases[i].transport);
		assert_string_equal(reference.path, cases[i].path);
		assert_string_equal(reference.ref ? reference.ref : "-", cases[i].ref ? cases[i].ref : "-");
		assert_string_equal(reference.name ? reference.name : "-", cases[i].name ? cases[i].name : "-");
		assert_int_equal(reference_parse_name(cases[i].text, &unit->arena, &reference, NULL), -EINVAL);
	}
}

static void other_transports_refuse_what_is_no_path_or_ref(void **state)
{
	static const char *const texts[] = { "oci:", "rootfs:", "oci-archive:", "docker-archive::x",
		"oci:dir:", "oci:dir:a b", "oci:dir:Web:1", "oci:d\nir" };
	struct unit *unit = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct reference reference;
		assert_int_equal(reference_parse(texts[i], &unit->arena, &reference, NULL), -EINVAL);
	}
}

static void a_name_longer_than_a_page_is_refused(void **state)
{
	struct unit *unit = *state;
	char *text = malloc(5000);
	struct reference reference;

	assert_non_null(text);
	memset(text, 'a', 4999);
	text[4999] = '\0';
	assert_int_equal(reference_parse(text, &unit->arena, &reference, NULL), -EINVAL);
	free(text);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(names_are_completed),
	UNIT_TEST(a_name_without_a_registry_may_be_one_of_ours),
	UNIT_TEST(what_is_no_name_is_refused),
	UNIT_TEST(other_transports_have_a_path_and_perhaps_a_ref),
	UNIT_TEST(other_transports_refuse_what_is_no_path_or_ref),
	UNIT_TEST(a_name_longer_than_a_page_is_refused),
};

UNIT_MAIN(tests)
