/* images/images.h: images that are in the store, as the start of a container needs them.
 *
 * The store is a folder (--store) which husk-image fills; nothing in it is trusted for its name alone, all was verified
 * before it got its name, and is never changed after that:
 *
 *	blobs/sha256/HEX       manifests, configs, compressed layers, as they came
 *	layers/sha256/HEX/     one per layer, by DiffID: `tree`, as overlayfs wants it (0:0 nodes and opaque xattrs are whiteouts)
 *	images/HEX             one per image, by the digest of its manifest: the image record, a line of JSON (below)
 *	names/NAME             the digest of the image that has the name; "/" is written %2F and "%" %25
 *	tmp/                   what is being made, each with a lock of its maker
 *	containers/ID/         a container's `upper` and `work`, and `image`: the digest of the image whose layers it uses
 *
 * The image record is what husk-image, in its sandbox, has understood of manifest and config, checked and in one form, so that
 * nobody with privileges reads a stranger's JSON:
 *
 *	{"digest":D, "config":D, "architecture":"amd64", "variant":"", "os":"linux", "created":"...", "author":"...",
 *	 "layers":[{"diffId":D, "digest":D, "size":N, "mediaType":"..."}, ...],            base first
 *	 "process":{"user":"", "env":[], "entrypoint":[], "cmd":[], "workingDir":"", "volumes":[], "exposedPorts":[],
 *	            "labels":{}, "stopSignal":""}}                                          as the config has them, never absent
 *
 * Locks: who uses the store holds a shared flock(2) of `lock`; who removes from it, an exclusive one. A layer is in use while
 * an image record, or a container's `image`, names it. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "spec/spec.h"
struct arena;
struct error;

enum {
	IMAGE_MAX_LAYERS = 512,
	IMAGE_MAX_RECORD = 4 << 20, /* bytes */
};

struct image_layer {
	struct digest diff_id, digest;
	uint64_t size; /* of the blob, bytes */
	const char *media_type;
};

struct image {
	struct digest digest, config;                               /* of the manifest; of the config */
	const char *architecture, *variant, *os, *created, *author; /* "" where not given */
	struct image_layer *layers;                                 /* base first */
	size_t layer_count;
	const char *user, *working_dir, *stop_signal; /* "" where not given */
	struct spec_strings env, entrypoint, cmd, volumes, exposed_ports;
	struct spec_pair *labels;
	size_t label_count;
};

/* Opens the store at `path` with its shared lock, which lasts as long as the descriptor; missing, it is made (0700 and ours).
 * The caller's to close. */
int store_open(const char *path, int *ret_store, struct error *err);

enum { IMAGE_FOUND = 0, IMAGE_UNKNOWN = 1 };

/* Finds an image by name ("debian:13"), by the digest of its manifest or config ("sha256:..."), or by at least 8 of that
 * digest's leading hexadecimal digits if only one image has them. All its layers are there. Texts are in the arena. */
int image_find(int store, const char *name, struct arena *arena, struct image *ret, struct error *err);

/* Reads an image record from text; strict: what husk-image did not write is -EBADMSG. */
int image_record_parse(const char *text, size_t len, struct arena *arena, struct image *ret, struct error *err);

/* Opens the tree of a layer: O_PATH; the caller's. */
int image_open_layer(int store, const struct image_layer *layer, struct error *err);
