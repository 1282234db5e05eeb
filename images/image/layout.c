/* images/image/layout.c: OCI image layouts, in folders and archives, and the store's own blobs [image-spec:
 * image-layout.md]. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/text.h"
#include "images/image/files.h"
#include "images/image/manifest_internal.h"
#include "images/image/source.h"
#include "spec/json.h"

/* ---- blobs ---- */

enum { BLOB_PATH_MAX = DIGEST_TEXT_MAX + 8 };

static const char *blob_path(const struct digest *digest, char *buf)
{
	char path[DIGEST_TEXT_MAX];

	(void)snprintf(buf, BLOB_PATH_MAX, "blobs/%s", digest_path(digest, path));
	return buf;
}

static int read_blob(struct source *source, const struct descriptor *descriptor, unsigned *place, struct arena *arena,
	char **ret_text, size_t *ret_len, struct error *err)
{
	char path[BLOB_PATH_MAX];

	(void)place; /* there is only one */
	return files_read(
		source->files, blob_path(&descriptor->digest, path), DOCUMENT_MAX_BYTES, arena, ret_text, ret_len, err);
}

static int stream_blob(
	struct source *source, const struct descriptor *descriptor, struct blob_stream *ret, struct error *err)
{
	char path[BLOB_PATH_MAX];
	struct extent extent;
	int r = files_find(source->files, blob_path(&descriptor->digest, path), &extent, err);

	if (r == 0)
		return error_bad(err, ENOENT, "%s is missing", path);
	return r < 0 ? r : extent_stream(&extent, &ret->fd, &ret->pump, err);
}

/* ---- oci-layout and index.json ---- */

static bool is_version_1(const char *text)
{
	return text_starts_with(text, "1.");
}

static int check_layout(struct source *source, struct arena *arena, struct error *err)
{
	static const struct string_rule version_1 = { is_version_1, "a version 1" };
	static const struct field fields[] = {
		{ .key = "imageLayoutVersion", .decode = decode_string, .rule = &version_1, .required = true }
	};
	static const struct object_type type = { FIELDS(fields) };
	struct faults faults;
	struct decoder decoder = { .arena = arena, .faults = &faults };
	const struct json *value = NULL;
	const char *version = NULL;
	char *text = NULL;
	size_t len = 0;
	int r = files_read(source->files, "oci-layout", DOCUMENT_MAX_BYTES, arena, &text, &len, err);

	if (r == -ENOENT)
		return error_hint(err, "it is no image layout");
	faults_init(&faults, arena, NULL);
	if (r == 0)
		r = manifest_json(text, len, "oci-layout", &decoder, &value, err);
	if (r < 0)
		return r;
	(void)decode_fields(value, &type, &version, &decoder);
	return manifest_faults(&faults, "oci-layout", err);
}

static bool has_name(const struct descriptor *descriptor, const char *ref)
{
	return (descriptor->ref_name && strcmp(descriptor->ref_name, ref) == 0) ||
		(descriptor->image_name && strcmp(descriptor->image_name, ref) == 0);
}

static const char *name_of(const struct descriptor *descriptor)
{
	return descriptor->ref_name ? descriptor->ref_name : descriptor->image_name ? descriptor->image_name : "";
}

/* Leaves those that are meant: of the name, or all where they have one name among them. */
static int keep_named(struct document *index, const char *ref, struct arena *arena, struct error *err)
{
	const char *names = NULL, *only = NULL;
	size_t count = 0;
	bool several = false;

	for (size_t i = 0; i < index->manifest_count; i++) {
		const struct descriptor *descriptor = &index->manifests[i];
		if (!descriptor_is_image(descriptor))
			continue;
		several = several || (only && strcmp(only, name_of(descriptor)) != 0);
		only = name_of(descriptor);
		if (names ? strlen(names) < 200 : true)
			names = names ? arena_printf(arena, "%s, %.100s", names, only)
				      : arena_printf(arena, "%.100s", only);
		if (!ref || has_name(descriptor, ref))
			index->manifests[count++] = *descriptor;
	}
	if (ref && count == 0)
		return error_bad(err, ENOENT, "it has no image %s, only %s", ref, names ? names : "none at all");
	if (!ref && several)
		return error_bad(err, EINVAL, "it has several images; name one of %s", names);
	index->manifest_count = count;
	return 0;
}

static int first_of_layout(struct source *source, struct arena *arena, struct document *ret, struct error *err)
{
	char *text = NULL;
	size_t len = 0;
	int r = check_layout(source, arena, err);

	if (r == 0)
		r = files_read(source->files, "index.json", DOCUMENT_MAX_BYTES, arena, &text, &len, err);
	if (r == 0)
		r = document_parse(text, len, "application/vnd.oci.image.index.v1+json", "index.json", arena, ret, err);
	return r < 0 ? r : keep_named(ret, source->reference->ref, arena, err);
}

const struct source_ops source_layout = { first_of_layout, read_blob, stream_blob };

/* ---- the store ---- */

static int first_of_store(struct source *source, struct arena *arena, struct document *ret, struct error *err)
{
	struct descriptor descriptor = { .digest = source->stored };
	char *text = NULL;
	size_t len = 0;
	unsigned place = 0;
	int r = read_blob(source, &descriptor, &place, arena, &text, &len, err);

	if (r == 0)
		r = document_parse(text, len, NULL, "manifest", arena, ret, err);
	if (r == 0)
		ret->digest = source->stored;
	return r;
}

const struct source_ops source_store = { first_of_store, read_blob, stream_blob };
