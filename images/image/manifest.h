/* images/image/manifest.h: what registries and layouts say of an image, as typed C. Pure; everything in it is hostile.
 *
 * An index lists manifests, a manifest names a config and layers, a config says how to run. Each is decoded by tables into
 * one struct, checked whole; what is ambiguous is refused: a document that could be two things [CVE-2021-41190], a media type that
 * differs from the one it was announced with, a key that is there twice.
 * [image-spec: image-index.md, manifest.md, config.md, media-types.md; Docker's manifest-v2-2] */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "images/image/platform.h"
#include "images/images.h"
struct arena;
struct error;

enum {
	DOCUMENT_MAX_BYTES = 4 << 20, /* of an index, manifest or config */
	INDEX_MAX_MANIFESTS = 1024,
};

enum media {
	MEDIA_UNKNOWN,
	MEDIA_INDEX,
	MEDIA_MANIFEST,
	MEDIA_CONFIG,
	MEDIA_LAYER,
	MEDIA_SCHEMA1,   /* Docker's of before 2016 */
	MEDIA_ENCRYPTED, /* layers for which one needs a key */
};
enum media media_of(const char *type);

struct descriptor {
	const char *media_type;
	struct digest digest;
	uint64_t size;
	struct platform platform; /* where has_platform */
	bool has_platform;
	const char *artifact_type; /* NULL where not given */
	const char *ref_name;      /* org.opencontainers.image.ref.name, NULL */
	const char *image_name;    /* io.containerd.image.name, NULL */
	bool is_attestation;       /* vnd.docker.reference.type is there */
};

enum document_kind { DOCUMENT_INDEX, DOCUMENT_MANIFEST };

struct document {
	enum document_kind kind;
	struct descriptor *manifests; /* of an index */
	size_t manifest_count;
	struct descriptor config; /* of a manifest */
	struct descriptor *layers;
	size_t layer_count;
	struct digest digest; /* of the text; for whoever computed it */
	const char *text;     /* as it came; in the arena */
	size_t len;
};

/* An index or manifest. `type` is what it was announced as: by a descriptor, or by a registry's header; NULL = nobody did.
 * `name` is for messages. -EBADMSG with the JSON path; -ENOTSUP for an old or encrypted form. */
int document_parse(const char *text, size_t len, const char *type, const char *name, struct arena *arena,
	struct document *ret, struct error *err);

/* Whether a descriptor of an index can be an image at all: attestations and other artifacts are not. */
bool descriptor_is_image(const struct descriptor *descriptor);

/* A config: fills architecture, os, what stands in `config`, and the DiffIDs of `ret->layers`, which it makes. The rest of
 * the record, digests and sizes of layers, is the manifest's. */
int config_parse(
	const char *text, size_t len, const char *name, struct arena *arena, struct image *ret, struct error *err);
