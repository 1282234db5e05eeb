/* images/image/docker.c: what `docker save` writes, before it also was an OCI layout: manifest.json names a config and
 * layers by their paths; no manifest has a digest, so we make one.
 *
 * Layers of such an archive are tars, called by anything; what they are is the config's DiffIDs. A layer that is
 * compressed all the same is hashed first. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "images/image/files.h"
#include "images/image/made.h"
#include "images/image/manifest_internal.h"
#include "images/image/source.h"
#include "images/image/spool.h"
#include "spec/json.h"

enum { IMAGES_MAX = 1024 };

struct saved {
	const char *config;
	struct spec_strings tags, layers;
};

struct saved_list {
	struct saved *items;
	size_t count;
};

static const struct field saved_fields[] = {
	FIELD("Config", decode_string, struct saved, config, .rule = &rule_not_empty, .required = true),
	FIELD("RepoTags", decode_strings, struct saved, tags, .max = IMAGE_MAX_STRINGS),
	FIELD("Layers", decode_strings, struct saved, layers, .max = IMAGE_MAX_LAYERS, .required = true),
};
static const struct object_type saved_type = { FIELDS(saved_fields), .size = sizeof(struct saved) };
static const struct field list_field =
	LIST("", decode_list, struct saved_list, items, count, IMAGES_MAX, .type = &saved_type);

static int read_list(struct source *source, struct arena *arena, struct saved_list *ret, struct error *err)
{
	struct faults faults;
	struct decoder decoder = { .arena = arena, .faults = &faults };
	const struct json *value = NULL;
	char *text = NULL;
	size_t len = 0;
	int r = files_read(source->files, "manifest.json", DOCUMENT_MAX_BYTES, arena, &text, &len, err);

	if (r == -ENOENT)
		return error_hint(err, "it is no archive of docker save");
	faults_init(&faults, arena, NULL);
	if (r == 0)
		r = manifest_json(text, len, "manifest.json", &decoder, &value, err);
	if (r < 0)
		return r;
	decode_list(value, &list_field, ret, &decoder);
	return manifest_faults(&faults, "manifest.json", err);
}

/* ---- which image ---- */

/* The tags that are names, in their one form; others are left out. */
static struct spec_strings names_of(const struct saved *saved, struct arena *arena)
{
	struct spec_strings names = { .items = ARENA_ARRAY(arena, saved->tags.count + 1, const char *) };
	struct reference reference = { 0 };

	for (size_t i = 0; i < saved->tags.count; i++)
		if (reference_parse_name(saved->tags.items[i], arena, &reference, NULL) == 0)
			names.items[names.count++] = reference.name;
	return names;
}

static bool has_name(const struct spec_strings *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

static int find_saved(struct source *source, const struct saved_list *list, struct arena *arena,
	const struct saved **ret, struct error *err)
{
	const char *wanted = source->reference->ref ? source->reference->name : NULL, *all = NULL;

	for (size_t i = 0; i < list->count; i++) {
		struct spec_strings names = names_of(&list->items[i], arena);
		const char *first = names.count ? names.items[0] : "one without a name";
		if (wanted ? has_name(&names, wanted) : list->count == 1) {
			*ret = &list->items[i];
			source->names = names;
			return 0;
		}
		if (i < 8)
			all = all ? arena_printf(arena, "%s, %.200s", all, first) : first;
	}
	if (wanted)
		return error_bad(err, ENOENT, "it has no image %s, only %s", wanted, all ? all : "none at all");
	return error_bad(err, EINVAL, "it has %zu images; name one of %s", list->count, all ? all : "none at all");
}

/* ---- the manifest ---- */

static bool is_compressed(const struct extent *extent)
{
	unsigned char first[4] = { 0 };

	if (pread(extent->fd, first, sizeof(first), (off_t)extent->offset) < (ssize_t)sizeof(first))
		return false;
	return (first[0] == 0x1f && first[1] == 0x8b) || memcmp(first, "\x28\xb5\x2f\xfd", 4) == 0;
}

static int digest_extent(struct extent *extent, struct digest *ret, struct error *err)
{
	struct blob_stream stream = { .fd = -1 };
	struct spool_digests digests = { 0 };
	int r = extent_stream(extent, &stream.fd, &stream.pump, err);

	if (r == 0)
		r = spool_digest(stream.fd, &digests, err);
	fd_closep(&stream.fd);
	pump_end(stream.pump);
	if (r == 0)
		*ret = digests.digest;
	return r;
}

static int add_layer(
	struct source *source, const char *path, const struct digest *diff_id, struct made_blob *ret, struct error *err)
{
	struct extent extent = { .fd = -1 };
	int r = files_find(source->files, path, &extent, err);

	if (r <= 0)
		return r < 0 ? r : error_bad(err, ENOENT, "the layer %.200s is missing", path);
	*ret = (struct made_blob){ .digest = *diff_id, .size = extent.size, .path = path };
	r = is_compressed(&extent) ? digest_extent(&extent, &ret->digest, err) : 0;
	fd_closep(&extent.fd);
	return r;
}

int source_begin_docker(struct source *source, struct arena *arena, struct error *err)
{
	struct saved_list list = { 0 };
	const struct saved *saved = NULL;
	struct image image = { 0 };
	char *text = NULL;
	size_t len = 0;
	int r = read_list(source, arena, &list, err);

	if (r == 0)
		r = find_saved(source, &list, arena, &saved, err);
	if (r == 0 && saved)
		r = files_read(source->files, saved->config, DOCUMENT_MAX_BYTES, arena, &text, &len, err);
	if (r == 0)
		r = config_parse(text, len, "config", arena, &image, err);
	if (r < 0 || !saved)
		return r;
	if (image.layer_count != saved->layers.count)
		return error_bad(err, EBADMSG, "manifest.json has %zu layers, but the config %zu", saved->layers.count,
			image.layer_count);
	source->made = ARENA_ARRAY(arena, image.layer_count + 1, struct made_blob);
	for (size_t i = 0; r == 0 && i < image.layer_count; i++)
		r = add_layer(source, saved->layers.items[i], &image.layers[i].diff_id, &source->made[i], err);
	source->made_count = image.layer_count;
	return r < 0 ? r : made_finish(source, text, len, arena, err);
}
