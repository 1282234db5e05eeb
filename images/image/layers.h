/* images/image/layers.h: all layers of an image, unpacked at the same time. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "images/image/layer.h"
#include "images/images.h"
struct error;
struct progress;
struct source;
struct userns_ids;
struct work;

struct layers_request {
	struct source *source;        /* borrowed, as everything here */
	struct image *image;          /* gets ids and unpacked sizes */
	const char *name;             /* for messages */
	const struct work *work;      /* gets a folder layer-N with `tree` for each layer, and the file blob-N */
	int store;                    /* where layers may be already, and whose blobs are kept; -1: neither */
	const struct userns_ids *ids; /* what those of the files become, for a user; NULL = root */
	const char *
		form; /* "" as a rule; else the layers become forms of those that the store has, whose blobs it has, too */
	const struct layer_limits *limits;
	struct progress *progress;
};

struct layers;

/* Unpacks what is not in the store yet, one thread for each processor. What has been made lies in `work` afterwards. */
int layers_unpack(const struct layers_request *request, struct layers **ret, struct error *err);
void layers_free(struct layers *layers); /* NULL is fine */

/* Gives what has been made its place in the store, after it has reached the disk. */
int layers_place(struct layers *layers, struct error *err);

/* The tree of a layer that has been unpacked: borrowed. */
int layers_tree(const struct layers *layers, size_t index);
