/* images/image/manifest.c: index and manifest. */
#include "images/image/manifest.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/text.h"
#include "images/fields.h"
#include "images/image/manifest_internal.h"
#include "spec/json.h"

/* ---- media types ---- */

static const struct media_type {
	const char *name;
	enum media media;
} media_types[] = {
	{ "application/vnd.oci.image.index.v1+json", MEDIA_INDEX },
	{ "application/vnd.docker.distribution.manifest.list.v2+json", MEDIA_INDEX },
	{ "application/vnd.oci.image.manifest.v1+json", MEDIA_MANIFEST },
	{ "application/vnd.docker.distribution.manifest.v2+json", MEDIA_MANIFEST },
	{ "application/vnd.oci.image.config.v1+json", MEDIA_CONFIG },
	{ "application/vnd.docker.container.image.v1+json", MEDIA_CONFIG },
	{ "application/vnd.oci.image.layer.v1.tar", MEDIA_LAYER },
	{ "application/vnd.oci.image.layer.v1.tar+gzip", MEDIA_LAYER },
	{ "application/vnd.oci.image.layer.v1.tar+zstd", MEDIA_LAYER },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar", MEDIA_LAYER },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MEDIA_LAYER },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MEDIA_LAYER },
	{ "application/vnd.docker.image.rootfs.diff.tar", MEDIA_LAYER },
	{ "application/vnd.docker.image.rootfs.diff.tar.gzip", MEDIA_LAYER },
	{ "application/vnd.docker.image.rootfs.diff.tar.zstd", MEDIA_LAYER },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar", MEDIA_LAYER },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER },
	{ "application/vnd.docker.distribution.manifest.v1+json", MEDIA_SCHEMA1 },
	{ "application/vnd.docker.distribution.manifest.v1+prettyjws", MEDIA_SCHEMA1 },
};

enum media media_of(const char *type)
{
	size_t len = strlen(type);

	for (size_t i = 0; i < ARRAY_SIZE(media_types); i++)
		if (strcmp(media_types[i].name, type) == 0)
			return media_types[i].media;
	return len > strlen("+encrypted") && strcmp(type + len - strlen("+encrypted"), "+encrypted") == 0
		? MEDIA_ENCRYPTED
		: MEDIA_UNKNOWN;
}

/* ---- descriptors ---- */

static const struct field platform_fields[] = {
	FIELD("os", decode_string, struct platform, os, .required = true),
	FIELD("architecture", decode_string, struct platform, architecture, .required = true),
	FIELD("variant", decode_string, struct platform, variant),
};

static void finish_platform(const struct json *value, void *object, struct decoder *decoder)
{
	struct platform *platform = object;
	(void)value, (void)decoder;

	if (!platform->variant)
		platform->variant = "";
}

static const struct object_type platform_type = { FIELDS(platform_fields), .finish = finish_platform };

/* Those annotations that say something to us; the others are nobody's business here. */
static void decode_annotations(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	static const struct field annotations[] = {
		FIELD("org.opencontainers.image.ref.name", decode_string, struct descriptor, ref_name),
		FIELD("io.containerd.image.name", decode_string, struct descriptor, image_name),
	};
	static const struct object_type type = { FIELDS(annotations) };
	struct descriptor *descriptor = object;
	(void)field;

	if (!decode_fields(value, &type, descriptor, decoder))
		return;
	descriptor->is_attestation = json_member(value, "vnd.docker.reference.type") != NULL;
}

static const struct field descriptor_fields[] = {
	FIELD("mediaType", decode_string, struct descriptor, media_type, .rule = &rule_not_empty, .required = true),
	FIELD("digest", decode_digest, struct descriptor, digest, .required = true),
	FIELD("size", decode_u64, struct descriptor, size, .max = INT64_MAX, .required = true),
	FIELD("platform", decode_object, struct descriptor, platform, .type = &platform_type,
		.given = MARK(struct descriptor, has_platform)),
	FIELD("artifactType", decode_string, struct descriptor, artifact_type, .empty_is_absent = true),
	{ .key = "annotations", .decode = decode_annotations },
};
static const struct object_type descriptor_type = { FIELDS(descriptor_fields), .size = sizeof(struct descriptor) };

bool descriptor_is_image(const struct descriptor *descriptor)
{
	enum media media = media_of(descriptor->media_type);

	if (descriptor->has_platform && strcmp(descriptor->platform.os, "unknown") == 0)
		return false;
	return (media == MEDIA_INDEX || media == MEDIA_MANIFEST || media == MEDIA_SCHEMA1) &&
		!descriptor->artifact_type && !descriptor->is_attestation;
}

/* ---- documents ---- */

static const struct field index_fields[] = {
	LIST("manifests", decode_list, struct document, manifests, manifest_count, INDEX_MAX_MANIFESTS,
		.type = &descriptor_type, .required = true),
};
static const struct object_type index_type = { FIELDS(index_fields) };

static void finish_manifest(const struct json *value, void *object, struct decoder *decoder)
{
	const struct document *document = object;

	if (media_of(document->config.media_type) != MEDIA_CONFIG) {
		decode_fault(value, decoder, "this is no image, but an artifact with a config of type \"%.100s\"",
			document->config.media_type);
		return;
	}
	for (size_t i = 0; i < document->layer_count; i++) {
		enum media media = media_of(document->layers[i].media_type);
		if (media == MEDIA_ENCRYPTED)
			decode_fault(value, decoder, "layer %zu is encrypted, which is not supported", i + 1);
		else if (media != MEDIA_LAYER)
			decode_fault(value, decoder, "layer %zu has an unknown type \"%.100s\"", i + 1,
				document->layers[i].media_type);
	}
}

static const struct field manifest_fields[] = {
	FIELD("config", decode_object, struct document, config, .type = &descriptor_type, .required = true),
	LIST("layers", decode_list, struct document, layers, layer_count, IMAGE_MAX_LAYERS, .type = &descriptor_type,
		.required = true),
};
static const struct object_type manifest_type = { FIELDS(manifest_fields), .finish = finish_manifest };

/* What all documents have before it is known which of them it is. */
struct head {
	const char *media_type;
	uint64_t schema_version;
	bool has_schema_version;
};

static const struct field head_fields[] = {
	FIELD("schemaVersion", decode_u64, struct head, schema_version, .given = MARK(struct head, has_schema_version),
		.required = true),
	FIELD("mediaType", decode_string, struct head, media_type, .empty_is_absent = true),
};
static const struct object_type head_type = { FIELDS(head_fields) };

/* What it is called, where anybody calls it anything: by itself and by whoever announced it must be the same. */
static enum media announced(
	const struct json *value, const struct head *head, const char *type, struct decoder *decoder)
{
	const char *own = head->media_type;

	if (own && type && media_of(type) != MEDIA_UNKNOWN && strcmp(own, type) != 0) {
		decode_fault(
			value, decoder, "its mediaType is \"%.100s\", but it was announced as \"%.100s\"", own, type);
		return MEDIA_UNKNOWN;
	}
	if (type && media_of(type) != MEDIA_UNKNOWN)
		return media_of(type);
	if (own && media_of(own) == MEDIA_UNKNOWN)
		decode_fault(value, decoder, "\"%.100s\" is no type of an index or manifest", own);
	return own ? media_of(own) : MEDIA_UNKNOWN;
}

static void decode_as_index(const struct json *value, struct document *document, struct decoder *decoder)
{
	document->kind = DOCUMENT_INDEX;
	(void)decode_fields(value, &index_type, document, decoder);
}

static void decode_as_manifest(const struct json *value, struct document *document, struct decoder *decoder)
{
	document->kind = DOCUMENT_MANIFEST;
	(void)decode_fields(value, &manifest_type, document, decoder);
}

static void decode_document(
	const struct json *value, const char *type, struct document *document, struct decoder *decoder)
{
	struct head head = { 0 };
	bool lists, layers;
	enum media media;

	if (!decode_fields(value, &head_type, &head, decoder))
		return;
	media = announced(value, &head, type, decoder);
	lists = json_member(value, "manifests") != NULL;
	layers = json_member(value, "layers") != NULL || json_member(value, "config") != NULL;
	if (media == MEDIA_SCHEMA1 || head.schema_version == 1)
		decode_fault(value, decoder, "the image has the old form of Docker (schema 1), which is not supported");
	else if (head.schema_version != 2)
		decode_fault(value, decoder, "expected schemaVersion 2");
	else if (lists && (layers || json_member(value, "fsLayers")))
		decode_fault(value, decoder, "it could be an index or a manifest: it has \"manifests\" and layers");
	else if (media == MEDIA_INDEX || (media == MEDIA_UNKNOWN && lists))
		decode_as_index(value, document, decoder);
	else if (media == MEDIA_MANIFEST || media == MEDIA_UNKNOWN)
		decode_as_manifest(value, document, decoder);
	else
		decode_fault(value, decoder, "expected an index or a manifest");
}

/* ---- text to struct ---- */

int manifest_faults(const struct faults *faults, const char *name, struct error *err)
{
	char line[1024];

	if (!faults->count)
		return 0;
	return error_bad(err, EBADMSG, "%s: %s", name, fault_line(faults, faults->first, line, sizeof(line)));
}

int manifest_json(const char *text, size_t len, const char *name, struct decoder *decoder,
	const struct json **ret_value, struct error *err)
{
	if (len > DOCUMENT_MAX_BYTES || json_parse(text, len, decoder->arena, ret_value, decoder->faults) < 0)
		return error_bad(err, EFBIG, "%s is larger than the %d bytes allowed", name, DOCUMENT_MAX_BYTES);
	return manifest_faults(decoder->faults, name, err);
}

int document_parse(const char *text, size_t len, const char *type, const char *name, struct arena *arena,
	struct document *ret, struct error *err)
{
	struct faults faults;
	struct decoder decoder = { .arena = arena, .faults = &faults };
	struct document document = { .text = text, .len = len };
	const struct json *value = NULL;
	int r;

	faults_init(&faults, arena, NULL);
	r = manifest_json(text, len, name, &decoder, &value, err);
	if (r < 0)
		return r;
	decode_document(value, type, &document, &decoder);
	r = manifest_faults(&faults, name, err);
	if (r == 0)
		*ret = document;
	return r;
}
