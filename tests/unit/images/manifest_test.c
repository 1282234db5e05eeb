/* Indexes, manifests and configs: what they say, and what two readers could read differently. */
#include "tests/unit/unit.h"

#include <errno.h>

#include "base/error.h"
#include "images/image/manifest.h"

#define OCI(kind)   "application/vnd.oci.image." kind ".v1+json"
#define HEX         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CONFIG      "\"config\":{\"mediaType\":\"" OCI("config") "\",\"digest\":\"sha256:" HEX "\",\"size\":2}"
#define LAYER(type) "{\"mediaType\":\"" type "\",\"digest\":\"sha256:" HEX "\",\"size\":7}"
#define LAYERS      "\"layers\":[" LAYER("application/vnd.oci.image.layer.v1.tar+gzip") "]"
#define MANIFEST    "{\"schemaVersion\":2," CONFIG "," LAYERS "}"

static int parse(struct unit *unit, const char *text, const char *type, struct document *ret, struct error *err)
{
	return document_parse(text, strlen(text), type, "manifest", &unit->arena, ret, err);
}

static void media_types_of_both_families_are_known(void **state)
{
	static const struct {
		const char *type;
		enum media media;
	} cases[] = {
		{ OCI("index"), MEDIA_INDEX },
		{ "application/vnd.docker.distribution.manifest.list.v2+json", MEDIA_INDEX },
		{ OCI("manifest"), MEDIA_MANIFEST },
		{ "application/vnd.docker.distribution.manifest.v2+json", MEDIA_MANIFEST },
		{ "application/vnd.docker.container.image.v1+json", MEDIA_CONFIG },
		{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MEDIA_LAYER },
		{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER },
		{ "application/vnd.docker.distribution.manifest.v1+prettyjws", MEDIA_SCHEMA1 },
		{ "application/vnd.oci.image.layer.v1.tar+gzip+encrypted", MEDIA_ENCRYPTED },
		{ "application/vnd.in-toto+json", MEDIA_UNKNOWN },
		{ "+encrypted", MEDIA_UNKNOWN },
		{ "", MEDIA_UNKNOWN },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(media_of(cases[i].type), cases[i].media);
}

static void a_manifest_is_read_with_and_without_a_type(void **state)
{
	static const char *const types[] = { NULL, OCI("manifest"), "text/plain",
		"application/vnd.docker.distribution.manifest.v2+json" };
	struct unit *unit = *state;
	struct document document;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		assert_int_equal(parse(unit, MANIFEST, types[i], &document, NULL), 0);
		assert_int_equal(document.kind, DOCUMENT_MANIFEST);
		assert_int_equal(document.layer_count, 1);
		assert_true(document.layers[0].size == 7 && document.config.size == 2);
	}
}

static void an_index_is_read_with_its_platforms(void **state)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"manifests\":["
		"{\"mediaType\":\"" OCI(
			"manifest") "\",\"digest\":\"sha256:" HEX "\",\"size\":1,"
				    "\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\",\"os.features\":[]},"
				    "\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\",\"other\":\"x\"}},"
				    "{\"mediaType\":\"" OCI(
					    "manifest") "\",\"digest\":\"sha256:" HEX "\",\"size\":1,"
							"\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"},\"data\":null}]}";
	struct unit *unit = *state;
	struct document document;

	assert_int_equal(parse(unit, text, NULL, &document, NULL), 0);
	assert_int_equal(document.kind, DOCUMENT_INDEX);
	assert_string_equal(document.manifests[0].platform.variant, "v7");
	assert_string_equal(document.manifests[0].ref_name, "v1");
	assert_true(descriptor_is_image(&document.manifests[0]));
	assert_string_equal(document.manifests[1].platform.variant, "");
	assert_false(descriptor_is_image(&document.manifests[1]));
}

static void what_could_be_two_things_is_refused(void **state)
{
	static const struct {
		const char *text, *type, *words;
	} cases[] = {
		{ "{\"schemaVersion\":2,\"manifests\":[]," CONFIG "," LAYERS "}", NULL, "an index or a manifest" },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"fsLayers\":[]}", OCI("index"), "an index or a manifest" },
		{ "{\"schemaVersion\":2,\"mediaType\":\"" OCI("index") "\"," CONFIG "," LAYERS "}", NULL,
			"manifests: required" },
		{ "{\"schemaVersion\":2,\"mediaType\":\"" OCI("index") "\"," CONFIG "," LAYERS "}", OCI("manifest"),
			"was announced as" },
		{ MANIFEST, OCI("index"), "manifests: required" },
		{ MANIFEST, OCI("config"), "expected an index or a manifest" },
		{ "{\"schemaVersion\":2,\"schemaVersion\":1}", NULL, "the key is there twice" },
		{ "{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, "schema 1" },
		{ "{\"schemaVersion\":2,\"layers\":[]}", "application/vnd.docker.distribution.manifest.v1+json",
			"schema 1" },
		{ "{\"schemaVersion\":2,\"mediaType\":\"text/plain\"}", NULL, "is no type" },
		{ "{}", NULL, "schemaVersion: required" },
		{ "[]", NULL, "expected an object" },
		{ "", NULL, "no JSON" },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER("text/plain") "]}", NULL, "unknown type" },
		{ "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER("x+encrypted") "]}", NULL, "encrypted" },
	};
	struct unit *unit = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct document document;
		struct error err = { 0 };
		assert_int_equal(parse(unit, cases[i].text, cases[i].type, &document, &err), -EBADMSG);
		if (!strstr(err.what, cases[i].words))
			fail_msg("%s: %s", cases[i].text, err.what);
	}
}

static void a_config_with_nothing_in_it_is_full_of_empty_texts(void **state)
{
	static const char text[] =
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":null,\"WorkingDir\":\"srv\","
		"\"Volumes\":{\"/data\":{}},\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}},\"OnBuild\":[1]},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX "\"]},\"history\":[{}]}";
	struct unit *unit = *state;
	struct image image;

	assert_int_equal(config_parse(text, strlen(text), "config", &unit->arena, &image, NULL), 0);
	assert_string_equal(image.user, "");
	assert_string_equal(image.stop_signal, "");
	assert_string_equal(image.working_dir, "/srv");
	assert_int_equal(image.env.count, 0);
	assert_string_equal(image.volumes.items[0], "/data");
	assert_string_equal(image.exposed_ports.items[1], "53/udp");
	assert_int_equal(image.layer_count, 1);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(media_types_of_both_families_are_known),
	UNIT_TEST(a_manifest_is_read_with_and_without_a_type),
	UNIT_TEST(an_index_is_read_with_its_platforms),
	UNIT_TEST(what_could_be_two_things_is_refused),
	UNIT_TEST(a_config_with_nothing_in_it_is_full_of_empty_texts),
};

UNIT_MAIN(tests)
