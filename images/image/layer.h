/* images/image/layer.h: one layer, from the stream of its blob to a tree.
 *
 * The stream is read once: hashed, copied to the blob that is kept, decompressed, hashed again, and its tar entries are put
 * into an empty directory, in the form that overlayfs takes as a lower layer. Nothing of it counts before both digests are
 * right; the caller gives the tree its name then. Everything in the stream is hostile: every path is resolved beneath the tree,
 * every size is bounded. Runs in the sandbox (sandbox.h). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
struct error;

enum { LAYER_DEPTH_MAX = 256 };

/* Against bombs; what is over a limit is refused. layer_limits_default has the defaults. */
struct layer_limits {
	uint64_t bytes;        /* of all files together, 64 GiB */
	uint64_t entries;      /* 2^21 */
	unsigned depth;        /* components of a path, 256 */
	uint64_t pax_bytes;    /* of one entry's extended header, 1 MiB */
	unsigned ratio;        /* decompressed to compressed, beyond the first 64 MiB: 1000 */
	unsigned free_percent; /* of the file system that must stay free, 5 */
};
extern const struct layer_limits layer_limits_default;

struct layer_request {
	const char *name; /* for messages: "debian:13, layer 2 of 5" */
	int stream;       /* borrowed: the blob's bytes, a file or a pipe, from where it stands to its end */
	int keep;         /* borrowed: gets the bytes as they come; -1 = they are not kept */
	bool has_size;    /* false for a tar that no descriptor speaks of (rootfs:) */
	uint64_t size;    /* the blob's, exactly */
	struct digest digest, diff_id; /* DIGEST_NONE: not known, computed only */
	/* Borrowed: an empty directory of ours, 0700 parent; becomes the root of the layer. */
	int tree;
	/* Borrowed: trees of the layers below, nearest first, for hard links into them and for the attributes of parents that
	 * this layer does not have. */
	const int *lower;
	size_t lower_count;
	/* Called before the first look into one of `lower`: layers are unpacked at the same time, so it waits until all below are
	 * whole. 0, or a negative errno where one of them failed. NULL: they are. */
	int (*wait_lower)(void *data);
	bool many_owners; /* in a user namespace of many ids, where files can be given away, whoever we are in it */
	bool rootless;    /* no devices, no trusted.* xattrs; user.overlay.* instead */
	const struct layer_limits *limits; /* NULL: layer_limits_default */
	/* Called now and then, in the caller's thread, with how much of the blob has been read; a negative errno ends the work.
	 * May be NULL. */
	int (*progress)(void *data, uint64_t bytes);
	void *data;
};

struct layer_result {
	struct digest digest, diff_id; /* as computed, sha256 where none was asked for */
	uint64_t size;                 /* of the blob */
	uint64_t entries, bytes;       /* what was unpacked */
	bool rests_on_lower; /* another tree would have come out on other layers: parents are missing, or links lead down; true
	                      * also for a base layer whose parents had to be made up. Such a tree is no other image's. */
};

/* 0, or a negative errno with one line that names the layer and the entry. What is in `tree` then is for the caller to remove
 * (tree_erase()). Sets the umask to 0, and has three more threads while it works. */
int layer_unpack(const struct layer_request *request, struct layer_result *ret, struct error *err);

/* Moves an unpacked upper tree into a lower one, with its whiteouts applied and gone: how a bundle's rootfs is made of layers
 * that were unpacked at the same time: into an empty folder, base first. Directories that both have are merged, what is new is
 * renamed in one piece. Both on one file system. `upper` is left empty. */
int layer_merge(int lower, int upper, const char *name, struct error *err);
