/* images/image/source.c: what all sources have in common. */
#include "images/image/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "images/image/fetch.h"
#include "images/image/files.h"
#include "images/image/hash.h"

/* ---- opening ---- */

static struct source *source_new(const struct source_ops *ops, const struct reference *reference)
{
	struct source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->ops = ops;
	source->reference = reference;
	source->file = source->folder = -1;
	(void)pthread_mutex_init(&source->lock, NULL);
	return source;
}

void source_close(struct source *source)
{
	if (!source)
		return;
	fetch_stop(source->fetch);
	files_close(source->files);
	fd_closep(&source->file);
	(void)pthread_mutex_destroy(&source->lock);
	free(source);
}

static int open_path(struct source *source, bool folder, struct error *err)
{
	const char *path = source->reference->path;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (folder ? O_DIRECTORY : 0));
	struct stat st;

	if (fd < 0)
		return error_sys(err, errno, "open %s", path);
	source->file = fd;
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "look at %s", path);
	if (S_ISDIR(st.st_mode) && (folder || source->reference->transport == IMAGE_ROOTFS))
		source->folder = fd;
	if (source->folder < 0 && !S_ISREG(st.st_mode))
		return error_bad(err, EINVAL, "%s is not a regular file", path);
	return 0;
}

static const struct kind {
	const struct source_ops *ops;
	bool is_folder;
} kinds[IMAGE_TRANSPORTS] = {
	[IMAGE_REGISTRY] = { &source_registry, false },
	[IMAGE_OCI] = { &source_layout, true },
	[IMAGE_OCI_ARCHIVE] = { &source_layout, false },
	[IMAGE_DOCKER_ARCHIVE] = { &source_made, false },
	[IMAGE_ROOTFS] = { &source_made, false },
};

int source_open(const struct reference *reference, const struct fetch_settings *settings, struct source **ret,
	struct error *err)
{
	const struct kind *kind = &kinds[reference->transport];
	struct source *source = source_new(kind->ops, reference);
	int r;

	if (!source)
		return error_sys(err, ENOMEM, "open the source");
	if (reference->transport == IMAGE_REGISTRY)
		r = fetch_start(settings, reference->host, &source->fetch, err);
	else
		r = open_path(source, kind->is_folder, err);
	if (r < 0) {
		source_close(source);
		return r;
	}
	*ret = source;
	return 0;
}

int source_open_store(int store, const struct digest *manifest, const struct reference *reference, struct source **ret,
	struct error *err)
{
	struct source *source = source_new(&source_store, reference);
	int dir = openat(store, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (!source || dir < 0) {
		source_close(source);
		return error_sys(err, source ? errno : ENOMEM, "open the store");
	}
	source->stored = *manifest;
	r = files_open_dir(&dir, "the store", &source->files, err);
	if (r < 0) {
		source_close(source);
		return r;
	}
	*ret = source;
	return 0;
}

int source_begin(
	struct source *source, const struct platform *platform, int spool, struct arena *arena, struct error *err)
{
	const struct reference *reference = source->reference;

	source->platform = platform;
	if (source->file < 0)
		return 0;
	switch (reference->transport) {
	case IMAGE_OCI: return files_open_dir(&source->file, reference->path, &source->files, err);
	case IMAGE_OCI_ARCHIVE: return files_open_tar(&source->file, reference->path, spool, &source->files, err);
	case IMAGE_DOCKER_ARCHIVE: {
		int r = files_open_tar(&source->file, reference->path, spool, &source->files, err);
		return r < 0 ? r : source_begin_docker(source, arena, err);
	}
	case IMAGE_ROOTFS: return source_begin_root(source, spool, arena, err);
	case IMAGE_REGISTRY:
	case IMAGE_TRANSPORTS: break;
	}
	return 0;
}

/* ---- blobs ---- */

int source_stream(
	struct source *source, const struct descriptor *descriptor, struct blob_stream *ret, struct error *err)
{
	*ret = (struct blob_stream){ .fd = -1, .place = ret->place };
	return source->ops->stream(source, descriptor, ret, err);
}

int source_stream_end(struct source *source, struct blob_stream *stream, struct error *err)
{
	int r = 0;

	fd_closep(&stream->fd);
	pump_end(stream->pump);
	stream->pump = NULL;
	stream->place = 0;
	if (source->fetch) { /* the answer is there, or as good as there: the stream has ended, or was closed */
		(void)pthread_mutex_lock(&source->lock);
		r = fetch_blob_end(source->fetch, stream->id, &stream->place, err);
		(void)pthread_mutex_unlock(&source->lock);
	}
	return r;
}

/* ---- documents ---- */

static int verify(
	const struct descriptor *descriptor, const char *text, size_t len, const char *what, struct error *err)
{
	char expected[DIGEST_TEXT_MAX], found[DIGEST_TEXT_MAX];
	struct digest digest = { 0 };
	int r;

	if (len != descriptor->size)
		return error_bad(err, EBADMSG, "the %s has %zu bytes instead of %llu", what, len,
			(unsigned long long)descriptor->size);
	r = hash_of(descriptor->digest.algorithm, text, len, &digest, err);
	if (r < 0)
		return r;
	if (digest_equal(&digest, &descriptor->digest))
		return 0;
	return error_bad(err, EBADMSG, "the %s has the digest %s instead of %s", what, digest_text(&digest, found),
		digest_text(&descriptor->digest, expected));
}

/* A mirror that has something else under the name is no reason to do without: the next place may have what is meant. */
static int read_verified(struct source *source, const struct descriptor *descriptor, const char *what,
	struct arena *arena, struct document *ret, struct error *err)
{
	unsigned place = 0, asked;
	char *text = NULL;
	size_t len = 0;
	int r = 0;

	if (descriptor->size > DOCUMENT_MAX_BYTES)
		return error_bad(err, EFBIG, "the %s has %llu bytes; at most %d are allowed", what,
			(unsigned long long)descriptor->size, DOCUMENT_MAX_BYTES);
	do {
		asked = place;
		*err = (struct error){ 0 };
		r = source->ops->read(source, descriptor, &place, arena, &text, &len, err);
		if (r == 0)
			r = verify(descriptor, text, len, what, err);
	} while (r < 0 && place > asked);
	if (r < 0)
		return r;
	*ret = (struct document){ .text = text, .len = len, .digest = descriptor->digest };
	return 0;
}

/* ---- the choice ---- */

enum { INDEX_DEPTH = 4, DOCUMENTS_MAX = 64, OFFERED_MAX = 8 };

struct choice {
	struct source *source;
	const struct platform *platform;
	struct arena *arena;
	struct image image;
	struct document manifest, config;
	unsigned documents; /* read so far */
	unsigned waiting;   /* to be read, the next on top */
	struct {
		const struct descriptor *descriptor;
		unsigned depth;
	} stack[DOCUMENTS_MAX];
	const char *offered; /* platforms that were not the one, for the message */
	unsigned offered_count;
};

enum { CHOSEN = 1 };

static void offer(struct choice *choice, const struct platform *platform)
{
	const char *text = platform_text(platform, choice->arena);

	if (choice->offered_count++ < OFFERED_MAX)
		choice->offered = choice->offered ? arena_printf(choice->arena, "%s, %s", choice->offered, text) : text;
}

static int join_layers(const struct document *manifest, struct image *image, struct error *err)
{
	if (manifest->layer_count != image->layer_count)
		return error_bad(err, EBADMSG, "the manifest has %zu layers, but the config %zu", manifest->layer_count,
			image->layer_count);
	for (size_t i = 0; i < manifest->layer_count; i++) {
		image->layers[i].digest = manifest->layers[i].digest;
		image->layers[i].size = manifest->layers[i].size;
		image->layers[i].media_type = manifest->layers[i].media_type;
	}
	image->digest = manifest->digest;
	image->config = manifest->config.digest;
	return 0;
}

/* A manifest is chosen if its config is for the platform. */
static int try_manifest(struct choice *choice, const struct document *manifest, struct error *err)
{
	struct image image = { 0 };
	struct platform has;
	int r = read_verified(choice->source, &manifest->config, "config", choice->arena, &choice->config, err);

	if (r == 0)
		r = config_parse(choice->config.text, choice->config.len, "config", choice->arena, &image, err);
	if (r < 0)
		return r;
	has = (struct platform){ .os = image.os, .architecture = image.architecture, .variant = image.variant };
	if (platform_distance(choice->platform, &has) < 0) {
		offer(choice, &has);
		return 0;
	}
	r = join_layers(manifest, &image, err);
	if (r < 0)
		return r;
	choice->image = image;
	choice->manifest = *manifest;
	return CHOSEN;
}

/* The nearest of those that say what they are for, the first of equals; -1 where none is. */
static ssize_t nearest(struct choice *choice, const struct document *index)
{
	ssize_t best = -1;
	int best_distance = INT32_MAX;

	for (size_t i = 0; i < index->manifest_count; i++) {
		const struct descriptor *descriptor = &index->manifests[i];
		int distance;
		if (!descriptor->has_platform || !descriptor_is_image(descriptor))
			continue;
		distance = platform_distance(choice->platform, &descriptor->platform);
		if (distance < 0)
			offer(choice, &descriptor->platform);
		if (distance >= 0 && distance < best_distance) {
			best = (ssize_t)i;
			best_distance = distance;
		}
	}
	return best;
}

static int push(struct choice *choice, const struct descriptor *descriptor, unsigned depth, struct error *err)
{
	if (depth > INDEX_DEPTH)
		return error_bad(err, EBADMSG, "indexes are nested deeper than %d levels", INDEX_DEPTH);
	if (choice->waiting == DOCUMENTS_MAX)
		return error_bad(err, EBADMSG, "more than %d manifests would have to be read", DOCUMENTS_MAX);
	choice->stack[choice->waiting].descriptor = descriptor;
	choice->stack[choice->waiting++].depth = depth;
	return 0;
}

/* What does not say what it is for must be read; the first of them on top. */
static int push_index(struct choice *choice, const struct document *index, unsigned depth, struct error *err)
{
	ssize_t best = nearest(choice, index);
	int r = 0;

	if (best >= 0)
		return push(choice, &index->manifests[best], depth, err);
	for (size_t i = index->manifest_count; r == 0 && i-- > 0;)
		if (!index->manifests[i].has_platform && descriptor_is_image(&index->manifests[i]))
			r = push(choice, &index->manifests[i], depth, err);
	return r;
}

static int read_document(
	struct choice *choice, const struct descriptor *descriptor, struct document *ret, struct error *err)
{
	struct document read = { 0 };
	int r;

	if (++choice->documents > DOCUMENTS_MAX)
		return error_bad(err, EBADMSG, "more than %d manifests would have to be read", DOCUMENTS_MAX);
	r = read_verified(choice->source, descriptor, "manifest", choice->arena, &read, err);
	if (r == 0)
		r = document_parse(read.text, read.len, descriptor->media_type, "manifest", choice->arena, ret, err);
	if (r == 0)
		ret->digest = read.digest;
	return r;
}

/* Walks down from the first document; the way is short, however documents lead to each other. */
static int choose(struct choice *choice, const struct document *first, struct error *err)
{
	const struct document *document = first;
	unsigned depth = 0;

	for (;;) {
		struct document *next;
		int r = document->kind == DOCUMENT_INDEX ? push_index(choice, document, depth + 1, err)
							 : try_manifest(choice, document, err);
		if (r != 0 || choice->waiting == 0)
			return r;
		choice->waiting--;
		depth = choice->stack[choice->waiting].depth;
		next = ARENA_NEW(choice->arena, struct document);
		r = read_document(choice, choice->stack[choice->waiting].descriptor, next, err);
		if (r < 0)
			return r;
		document = next;
	}
}

int source_choose(struct source *source, const struct platform *platform, struct arena *arena, struct image *ret,
	struct document *ret_manifest, struct document *ret_config, struct error *err)
{
	struct choice choice = { .source = source, .platform = platform, .arena = arena };
	struct document first = { 0 };
	int r = source->ops->first(source, arena, &first, err);

	if (r == 0)
		r = choose(&choice, &first, err);
	if (r == 0)
		r = error_bad(err, ENOENT, "it has nothing for %s, only for %s", platform_text(platform, arena),
			choice.offered ? choice.offered : "no platform at all");
	if (r < 0)
		return r;
	*ret = choice.image;
	*ret_manifest = choice.manifest;
	*ret_config = choice.config;
	return 0;
}
