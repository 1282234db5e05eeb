/* images/image/made.c: see the header. */
#include "images/image/made.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "images/image/files.h"
#include "images/image/hash.h"
#include "images/image/source.h"

#define CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define LAYER_TYPE    "application/vnd.oci.image.layer.v1.tar" /* the reader looks for itself how it is compressed */

static void write_descriptor(struct json_writer *w, const char *key, const char *type, const struct made_blob *blob)
{
	char digest[DIGEST_TEXT_MAX];

	json_object(w, key);
	json_string(w, "mediaType", type);
	json_string(w, "digest", digest_text(&blob->digest, digest));
	json_uint(w, "size", blob->size);
	json_object_end(w);
}

/* The same bytes for the same content, so the image has the same name wherever it is made. */
static int write_manifest(struct source *source, struct arena *arena, struct error *err)
{
	size_t layers = source->made_count - 1;
	struct json_writer w;
	const char *text;

	json_write_init(&w);
	json_object(&w, NULL);
	json_uint(&w, "schemaVersion", 2);
	json_string(&w, "mediaType", MANIFEST_TYPE);
	write_descriptor(&w, "config", CONFIG_TYPE, &source->made[layers]);
	json_array(&w, "layers");
	for (size_t i = 0; i < layers; i++)
		write_descriptor(&w, NULL, LAYER_TYPE, &source->made[i]);
	json_array_end(&w);
	json_object_end(&w);
	text = json_write_end(&w, &source->first_len);
	source->first_text = text ? arena_copy(arena, text, source->first_len) : NULL;
	json_write_done(&w);
	return source->first_text ? 0 : error_sys(err, ENOMEM, "write a manifest");
}

int made_finish(struct source *source, const char *config, size_t len, struct arena *arena, struct error *err)
{
	struct made_blob *blob = &source->made[source->made_count++];
	int r;

	*blob = (struct made_blob){ .size = len, .text = config };
	r = hash_of(DIGEST_SHA256, config, len, &blob->digest, err);
	return r < 0 ? r : write_manifest(source, arena, err);
}

/* ---- as a source ---- */

static int first_of_made(struct source *source, struct arena *arena, struct document *ret, struct error *err)
{
	int r = document_parse(source->first_text, source->first_len, MANIFEST_TYPE, "manifest", arena, ret, err);

	return r < 0 ? r : hash_of(DIGEST_SHA256, source->first_text, source->first_len, &ret->digest, err);
}

static const struct made_blob *find(const struct source *source, const struct digest *digest)
{
	for (size_t i = 0; i < source->made_count; i++)
		if (digest_equal(&source->made[i].digest, digest))
			return &source->made[i];
	return NULL;
}

/* Only the config is ever read as a document. */
static int read_made(struct source *source, const struct descriptor *descriptor, unsigned *place, struct arena *arena,
	char **ret_text, size_t *ret_len, struct error *err)
{
	const struct made_blob *blob = find(source, &descriptor->digest);

	(void)place; /* there is only one */
	if (!blob || !blob->text)
		return error_bad(err, ENOENT, "the config is missing");
	*ret_text = arena_copy(arena, blob->text, (size_t)blob->size);
	*ret_len = (size_t)blob->size;
	return 0;
}

static int stream_made(
	struct source *source, const struct descriptor *descriptor, struct blob_stream *ret, struct error *err)
{
	const struct made_blob *blob = find(source, &descriptor->digest);
	struct extent extent = { .fd = -1 };
	int r;

	if (!blob || blob->text)
		return error_bad(err, ENOENT, "the layer is missing");
	if (blob->path) {
		r = files_find(source->files, blob->path, &extent, err);
		return r <= 0 ? r : extent_stream(&extent, &ret->fd, &ret->pump, err);
	}
	extent = (struct extent){ .fd = fcntl(source->file, F_DUPFD_CLOEXEC, 3), .size = blob->size };
	if (extent.fd < 0)
		return error_sys(err, errno, "read the root");
	return extent_stream(
		&extent, &ret->fd, &ret->pump, err); /* a pipe: the offset of `file` is shared by all copies */
}

const struct source_ops source_made = { first_of_made, read_made, stream_made };
