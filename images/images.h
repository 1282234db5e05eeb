/* images/images.h: images that are in the store, as the start of a container needs them.
 *
 * The store is a folder (--store) which husk-image fills; nothing in it is trusted for its name alone, all was verified
 * before it got its name, and is never changed after that:
 *
 *	blobs/sha256/HEX       manifests, configs, compressed layers, as they came
 *	layers/sha256/HEX/     one per layer, by DiffID: `tree`, as overlayfs wants it (0:0 nodes and opaque xattrs are whiteouts);
 *	                       by ChainID where the tree rests on those below, or one image could give another's layer its parents;
 *	                       `ids`: in a user's store, what the ids of its files are on the host (userns_ids_text())
 *	layers/sha256/HEX.FORM/   the same layer once more, unpacked for other ids: /etc/subuid has changed, or a container keeps the
 *	                       user's own id (--userns keep-id); it stays and goes with the first
 *	images/HEX             one per image, by the digest of its manifest: the image record, a line of JSON (below)
 *	names/NAME             the digest of the image that has the name; "/" is written %2F and "%" %25
 *	tmp/                   what is being made, each locked by its maker (images/image/store.h)
 *	version                "1"; written last when a store is made
 *	containers/ID/         a container's `upper` and `work`, and `image`: the digest of the image whose layers it uses
 *
 * The image record is what husk-image, in its sandbox, has understood of manifest and config, checked and in one form, so that
 * nobody with privileges reads a stranger's JSON:
 *
 *	{"digest":D, "config":D, "architecture":"amd64", "variant":"", "os":"linux", "created":"...", "author":"...",
 *	 "layers":[{"id":D, "diffId":D, "digest":D, "size":N, "unpacked":N, "mediaType":"..."}, ...],   base first
 *	 "process":{"user":"", "env":[], "entrypoint":[], "cmd":[], "workingDir":"", "volumes":[], "exposedPorts":[],
 *	            "labels":{}, "stopSignal":""}}                                          as the config has them, never absent
 *
 * Locks: who uses the store holds a shared flock(2) of its folder; who removes from it, an exclusive one. A layer is in use while
 * an image record, or a container's `image`, names it: whoever starts a container holds the lock until its `image` is there. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "spec/spec.h"
struct arena;
struct error;

enum {
	IMAGE_MAX_LAYERS = 512,
	IMAGE_MAX_RECORD = 16 << 20, /* bytes; a config of 4 MiB with every byte escaped still fits */
	IMAGE_MAX_STRINGS = 4096,    /* of each list in a config */
	IMAGE_NAME_MAX = 255,        /* of a name as a file in names/ [NAME_MAX] */
};

struct image_layer {
	struct digest id; /* of its folder: the DiffID, or the ChainID */
	struct digest diff_id, digest;
	uint64_t size;     /* of the blob, bytes */
	uint64_t unpacked; /* of its files, bytes */
	const char *media_type;
	const char *
		form; /* what follows the id in its folder's name (image_form()); NULL = nothing. No part of the record */
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

/* What the ids of the layer's files are on the host, into buf (userns_ids_text()): 1; 0 where nothing says it: in a store of
 * root's. */
int image_layer_ids(int store, const struct image_layer *layer, char *buf, size_t size);

/* The form of layers for ids (their text), other than those that the image was unpacked for first: ".HEX", in the arena. */
const char *image_form(const char *ids, struct arena *arena);

/* ---- the store, store.c ---- */

/* Opens the store at `path` with its shared lock, which lasts as long as the descriptor and its copies; missing, it is made
 * (0700 and ours). The caller's to close. */
int store_open(const char *path, int *ret_store, struct error *err);

/* The same with the lock for one alone: waits until nobody else uses the store. `waits` is called before a wait; may be
 * NULL. */
int store_open_alone(const char *path, void (*waits)(void), int *ret_store, struct error *err);

/* A name of an image as a file in names/, into buf of IMAGE_NAME_MAX + 1 bytes, and back. -ENAMETOOLONG; -EINVAL for a file
 * that is no name. */
int store_name_encode(const char *name, char *buf, struct error *err);
int store_name_decode(const char *file, char *buf, size_t size);

/* ---- images in it, image.c ---- */

enum { IMAGE_FOUND = 0, IMAGE_UNKNOWN = 1 };

/* Finds an image by name ("debian:13": docker.io's, else localhost's, which was made here), by the digest of its manifest or config ("sha256:..."), or by at least 8 of that
 * digest's leading hexadecimal digits if only one image has them. All its layers are there: where one is missing, the image is
 * unknown. Texts are in the arena. */
int image_find(int store, const char *name, struct arena *arena, struct image *ret, struct error *err);

/* The same, whether its layers are there or not: for those who take care of the store. */
int image_find_record(int store, const char *name, struct arena *arena, struct image *ret, struct error *err);

/* Reads the record of the image with this manifest; IMAGE_UNKNOWN where there is none. Looks at no layer. */
int image_read(int store, const struct digest *digest, struct arena *arena, struct image *ret, struct error *err);

/* Reads an image record from text; strict: what husk-image did not write is -EBADMSG. */
int image_record_parse(const char *text, size_t len, struct arena *arena, struct image *ret, struct error *err);

/* The line of the record, without a newline; owned by the caller, NULL where there is no memory. */
char *image_record_write(const struct image *image);

/* Where the store has a layer: "layers/sha256/HEX" and its form (NULL = none), then `file`, which begins with a "/" or is empty.
 * Into buf of IMAGE_LAYER_PATH_MAX bytes; returns buf. */
enum { IMAGE_LAYER_PATH_MAX = DIGEST_TEXT_MAX + 48 };
const char *image_layer_path(const struct digest *id, const char *form, const char *file, char *buf);

/* Opens the tree of a layer: O_PATH; the caller's. */
int image_open_layer(int store, const struct image_layer *layer, struct error *err);
