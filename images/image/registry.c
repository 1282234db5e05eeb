/* images/image/registry.c: images of registries, through husk-fetch. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "images/image/fetch.h"
#include "images/image/hash.h"
#include "images/image/source.h"

static int ask_manifest(struct source *source, const struct digest *digest, unsigned *place, struct arena *arena,
	char **ret_text, size_t *ret_len, const char **ret_type, struct error *err)
{
	unsigned next = 0;
	int r;

	(void)pthread_mutex_lock(&source->lock);
	r = fetch_manifest(
		source->fetch, source->reference, digest, *place, arena, ret_text, ret_len, ret_type, &next, err);
	(void)pthread_mutex_unlock(&source->lock);
	*place = next;
	return r;
}

/* What a tag leads to is called by its own digest; where a digest was asked for, it must be that. */
static int ask_first(
	struct source *source, unsigned *place, struct arena *arena, struct document *ret, struct error *err)
{
	const struct digest *wanted = &source->reference->digest;
	char expected[DIGEST_TEXT_MAX], found[DIGEST_TEXT_MAX], *text;
	struct digest digest = { 0 };
	const char *type = NULL;
	size_t len = 0;
	int r = ask_manifest(source, wanted->algorithm ? wanted : NULL, place, arena, &text, &len, &type, err);

	if (r == 0)
		r = hash_of(wanted->algorithm, text, len, &digest, err);
	if (r < 0)
		return r;
	if (wanted->algorithm && !digest_equal(&digest, wanted))
		return error_bad(err, EBADMSG, "the manifest has the digest %s instead of %s",
			digest_text(&digest, found), digest_text(wanted, expected));
	r = document_parse(text, len, type, "manifest", arena, ret, err);
	if (r == 0)
		ret->digest = digest;
	return r;
}

static int first_of_registry(struct source *source, struct arena *arena, struct document *ret, struct error *err)
{
	unsigned place = 0, asked;
	int r;

	do {
		asked = place;
		*err = (struct error){ 0 };
		r = ask_first(source, &place, arena, ret, err);
	} while (r < 0 && place > asked);
	return r;
}

static int stream_blob(
	struct source *source, const struct descriptor *descriptor, struct blob_stream *ret, struct error *err)
{
	int r;

	(void)pthread_mutex_lock(&source->lock);
	r = fetch_blob(source->fetch, source->reference, &descriptor->digest, ret->place, descriptor->size, 0, &ret->fd,
		&ret->id, err);
	(void)pthread_mutex_unlock(&source->lock);
	return r;
}

/* Configs are blobs to a registry, and manifests are not. */
static int read_document(struct source *source, const struct descriptor *descriptor, unsigned *place,
	struct arena *arena, char **ret_text, size_t *ret_len, struct error *err)
{
	struct blob_stream stream = { .fd = -1, .place = *place };
	const char *type = NULL;
	int r, ended;

	if (media_of(descriptor->media_type) != MEDIA_CONFIG)
		return ask_manifest(source, &descriptor->digest, place, arena, ret_text, ret_len, &type, err);
	*place = 0;
	r = source_stream(source, descriptor, &stream, err);
	if (r < 0)
		return r;
	r = file_read_fd(stream.fd, "the config", DOCUMENT_MAX_BYTES, arena, ret_text, ret_len, err);
	ended = source_stream_end(source, &stream, err);
	*place = stream.place;
	return r < 0 ? r : ended;
}

const struct source_ops source_registry = { first_of_registry, read_document, stream_blob };
