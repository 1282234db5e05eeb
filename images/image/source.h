/* images/image/source.h: where an image comes from: a registry, a layout, an archive, a root, or the store itself.
 *
 * All have the same three things: a first document, an index or a manifest; further documents; and blobs, as streams.
 * Nothing that a source says is trusted: documents are compared with size and digest here, blobs by whoever reads them. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/image/manifest.h"
#include "images/reference.h"
struct arena;
struct error;
struct fetch;
struct files;
struct pump;

struct source;

struct blob_stream {
	int fd; /* owned */
	struct pump *pump;
	unsigned id; /* of fetch_blob() */
	unsigned
		place; /* where to ask (fetch.h): set before the stream begins, 0 as a rule; after its end, where else */
};

struct source_ops {
	/* The first document; whatever a reference leaves of it. */
	int (*first)(struct source *source, struct arena *arena, struct document *ret, struct error *err);
	/* The text of another document, not verified. *place as in struct blob_stream. */
	int (*read)(struct source *source, const struct descriptor *descriptor, unsigned *place, struct arena *arena,
		char **ret_text, size_t *ret_len, struct error *err);
	/* Begins a stream; threads may ask at the same time. */
	int (*stream)(
		struct source *source, const struct descriptor *descriptor, struct blob_stream *ret, struct error *err);
};

/* What is put together of files that have no manifest: its texts and where their bytes are. */
struct made_blob {
	struct digest digest;
	uint64_t size;
	const char *text; /* in memory, or NULL... */
	const char *path; /* ...and a path in `files`, or NULL: the whole of `file` */
};

struct source {
	const struct source_ops *ops;
	const struct reference *reference; /* borrowed */
	const struct platform *platform;   /* borrowed: what a root is for */
	struct spec_strings names;         /* that an archive gives its image; normal ones */
	struct files *files;               /* owned, or NULL */
	int file;                          /* owned, or -1: what the path of the reference leads to */
	int folder;                        /* the same where it is a folder: borrowed; else -1 */
	struct fetch *fetch;               /* owned, or NULL */
	pthread_mutex_t lock;              /* for fetch */
	struct digest stored;              /* of the manifest, where the source is the store */
	struct made_blob *made;            /* docker-archive, rootfs */
	size_t made_count;
	bool strangers_are_root; /* of a folder that becomes a root: see tar_write.h */
	const char *first_text;
	size_t first_len;
};

/* Asks nothing of the outside yet: what must be opened before the sandbox is opened, and no byte is read. */
struct fetch_settings;
int source_open(const struct reference *reference, const struct fetch_settings *settings, struct source **ret,
	struct error *err);

/* The same for an image of the store. The reference names it in messages only. */
int source_open_store(int store, const struct digest *manifest, const struct reference *reference, struct source **ret,
	struct error *err);
void source_close(struct source *source); /* NULL is fine */

/* In the sandbox, before anything else: reads what must be known beforehand. `spool` is a folder for temporary files. */
int source_begin(
	struct source *source, const struct platform *platform, int spool, struct arena *arena, struct error *err);

/* Finds the image for the platform: follows the index, reads manifest and config, verified, and fills *ret but for the
 * layers' ids. Both texts are in `ret_manifest` and `ret_config`. */
int source_choose(struct source *source, const struct platform *platform, struct arena *arena, struct image *ret,
	struct document *ret_manifest, struct document *ret_config, struct error *err);

/* A layer's or config's bytes. Ended in any case; the error of the end says why a stream was short. */
int source_stream(
	struct source *source, const struct descriptor *descriptor, struct blob_stream *ret, struct error *err);
int source_stream_end(struct source *source, struct blob_stream *stream, struct error *err);

/* The kinds. */
extern const struct source_ops source_registry, source_layout, source_store, source_made;
int source_begin_docker(struct source *source, struct arena *arena, struct error *err);          /* docker-archive */
int source_begin_root(struct source *source, int spool, struct arena *arena, struct error *err); /* rootfs */
