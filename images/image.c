/* images/image.c: images in the store: the record, and who is meant by a name. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/path.h"
#include "base/text.h"
#include "images/fields.h"
#include "images/images.h"
#include "images/reference.h"
#include "spec/json.h"

enum { PREFIX_MIN = 8 /* digits of an id that are enough to name it */ };

/* ---- the record, from text ---- */

static const struct field layer_fields[] = {
	FIELD("id", decode_digest, struct image_layer, id, .required = true),
	FIELD("diffId", decode_digest, struct image_layer, diff_id, .required = true),
	FIELD("digest", decode_digest, struct image_layer, digest, .required = true),
	FIELD("size", decode_u64, struct image_layer, size, .required = true),
	FIELD("unpacked", decode_u64, struct image_layer, unpacked, .required = true),
	FIELD("mediaType", decode_string, struct image_layer, media_type, .required = true),
};
static const struct object_type layer_type = { FIELDS(layer_fields), .size = sizeof(struct image_layer) };

/* Of "process", which is a part of struct image: its fields are those of the whole. */
static const struct field process_fields[] = {
	FIELD("user", decode_string, struct image, user, .required = true),
	FIELD("env", decode_strings, struct image, env, .max = IMAGE_MAX_STRINGS, .required = true),
	FIELD("entrypoint", decode_strings, struct image, entrypoint, .max = IMAGE_MAX_STRINGS, .required = true),
	FIELD("cmd", decode_strings, struct image, cmd, .max = IMAGE_MAX_STRINGS, .required = true),
	FIELD("workingDir", decode_string, struct image, working_dir, .required = true),
	FIELD("volumes", decode_strings, struct image, volumes, .max = IMAGE_MAX_STRINGS, .required = true),
	FIELD("exposedPorts", decode_strings, struct image, exposed_ports, .max = IMAGE_MAX_STRINGS, .required = true),
	LIST("labels", decode_pairs, struct image, labels, label_count, IMAGE_MAX_STRINGS, .required = true),
	FIELD("stopSignal", decode_string, struct image, stop_signal, .required = true),
};
static const struct object_type process_type = { FIELDS(process_fields) };

static const struct field image_fields[] = {
	FIELD("digest", decode_digest, struct image, digest, .required = true),
	FIELD("config", decode_digest, struct image, config, .required = true),
	FIELD("architecture", decode_string, struct image, architecture, .required = true),
	FIELD("variant", decode_string, struct image, variant, .required = true),
	FIELD("os", decode_string, struct image, os, .required = true),
	FIELD("created", decode_string, struct image, created, .required = true),
	FIELD("author", decode_string, struct image, author, .required = true),
	LIST("layers", decode_list, struct image, layers, layer_count, IMAGE_MAX_LAYERS, .type = &layer_type,
		.required = true),
	{ .key = "process", .decode = decode_object, .type = &process_type, .required = true },
};
static const struct object_type image_type = { FIELDS(image_fields) };

int image_record_parse(const char *text, size_t len, struct arena *arena, struct image *ret, struct error *err)
{
	struct faults faults;
	struct decoder decoder = { .arena = arena, .faults = &faults };
	const struct json *value = NULL;
	struct image image = { 0 };
	char line[512];

	faults_init(&faults, arena, NULL);
	if (len > IMAGE_MAX_RECORD || json_parse(text, len, arena, &value, &faults) < 0)
		return error_bad(err, EBADMSG, "the record is too large");
	if (value)
		(void)decode_fields(value, &image_type, &image, &decoder);
	if (faults.count)
		return error_bad(err, EBADMSG, "the record is damaged: %s",
			fault_line(&faults, faults.first, line, sizeof(line)));
	*ret = image;
	return 0;
}

/* ---- and to text ---- */

static void write_digest(struct json_writer *w, const char *key, const struct digest *digest)
{
	char buf[DIGEST_TEXT_MAX];

	json_string(w, key, digest_text(digest, buf));
}

static void write_strings(struct json_writer *w, const char *key, const struct spec_strings *strings)
{
	json_array(w, key);
	for (size_t i = 0; i < strings->count; i++)
		json_string(w, NULL, strings->items[i]);
	json_array_end(w);
}

static void write_layers(struct json_writer *w, const struct image *image)
{
	json_array(w, "layers");
	for (size_t i = 0; i < image->layer_count; i++) {
		const struct image_layer *layer = &image->layers[i];
		json_object(w, NULL);
		write_digest(w, "id", &layer->id);
		write_digest(w, "diffId", &layer->diff_id);
		write_digest(w, "digest", &layer->digest);
		json_uint(w, "size", layer->size);
		json_uint(w, "unpacked", layer->unpacked);
		json_string(w, "mediaType", layer->media_type);
		json_object_end(w);
	}
	json_array_end(w);
}

static void write_process(struct json_writer *w, const struct image *image)
{
	json_object(w, "process");
	json_string(w, "user", image->user);
	write_strings(w, "env", &image->env);
	write_strings(w, "entrypoint", &image->entrypoint);
	write_strings(w, "cmd", &image->cmd);
	json_string(w, "workingDir", image->working_dir);
	write_strings(w, "volumes", &image->volumes);
	write_strings(w, "exposedPorts", &image->exposed_ports);
	json_object(w, "labels");
	for (size_t i = 0; i < image->label_count; i++)
		json_string(w, image->labels[i].key, image->labels[i].value);
	json_object_end(w);
	json_string(w, "stopSignal", image->stop_signal);
	json_object_end(w);
}

char *image_record_write(const struct image *image)
{
	struct json_writer w;
	const char *text;
	char *copy;

	json_write_init(&w);
	json_object(&w, NULL);
	write_digest(&w, "digest", &image->digest);
	write_digest(&w, "config", &image->config);
	json_string(&w, "architecture", image->architecture);
	json_string(&w, "variant", image->variant);
	json_string(&w, "os", image->os);
	json_string(&w, "created", image->created);
	json_string(&w, "author", image->author);
	write_layers(&w, image);
	write_process(&w, image);
	json_object_end(&w);
	text = json_write_end(&w, NULL);
	copy = text ? strdup(text) : NULL;
	json_write_done(&w);
	return copy;
}

/* ---- in the store ---- */

int image_read(int store, const struct digest *digest, struct arena *arena, struct image *ret, struct error *err)
{
	char hex[DIGEST_TEXT_MAX], path[DIGEST_TEXT_MAX + 8], *text;
	struct error why = { 0 };
	size_t len = 0;
	int r;

	(void)snprintf(path, sizeof(path), "images/%s", digest_hex(digest, hex));
	r = file_read_at(store, path, IMAGE_MAX_RECORD, arena, &text, &len, &why);
	if (r == -ENOENT)
		return IMAGE_UNKNOWN;
	if (r == 0)
		r = image_record_parse(text, len, arena, ret, &why);
	if (r == 0 && !digest_equal(&ret->digest, digest))
		r = error_bad(&why, EBADMSG, "the record is another image's");
	if (r < 0) {
		(void)error_at(&why, "%s", path);
		if (err)
			*err = why;
	}
	return r;
}

const char *image_layer_path(const struct digest *id, const char *form, const char *file, char *buf)
{
	char digest[DIGEST_TEXT_MAX];

	(void)snprintf(buf, IMAGE_LAYER_PATH_MAX, "layers/%s%.32s%s", digest_path(id, digest), form ? form : "", file);
	return buf;
}

int image_open_layer(int store, const struct image_layer *layer, struct error *err)
{
	char path[IMAGE_LAYER_PATH_MAX];
	int fd = path_open_beneath(
		store, image_layer_path(&layer->id, layer->form, "/tree", path), O_PATH | O_DIRECTORY);

	return fd < 0 ? error_sys(err, fd, "open the layer %s", path) : fd;
}

int image_layer_ids(int store, const struct image_layer *layer, char *buf, size_t size)
{
	char path[IMAGE_LAYER_PATH_MAX];
	ssize_t len = file_read_small_at(store, image_layer_path(&layer->id, layer->form, "/ids", path), buf, size - 1);

	if (len < 0)
		return 0;
	buf[len] = '\n'; /* the one at the end, which is dropped there */
	buf[len + 1] = '\0';
	return 1;
}

/* [RFC draft-eastlake-fnv: FNV-1a] */
const char *image_form(const char *ids, struct arena *arena)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *ids; ids++)
		hash = (hash ^ (unsigned char)*ids) * 0x100000001b3;
	return arena_printf(arena, ".%016llx", (unsigned long long)hash);
}

static bool has_all_layers(int store, const struct image *image)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		cleanup_close int fd = image_open_layer(store, &image->layers[i], NULL);
		if (fd < 0)
			return false;
	}
	return true;
}

/* ---- who is meant ---- */

static int find_by_name(int store, const char *name, struct digest *ret, struct error *err)
{
	char path[IMAGE_NAME_MAX + 8] = "names/", text[DIGEST_TEXT_MAX + 1];
	ssize_t len;
	int r = store_name_encode(name, path + strlen("names/"), err);

	if (r < 0)
		return r;
	len = file_read_small_at(store, path, text, sizeof(text));
	if (len == -ENOENT)
		return IMAGE_UNKNOWN;
	r = len < 0 ? error_sys(err, (int)len, "read it") : digest_parse(text, ret, err);
	if (r < 0)
		(void)error_at(err, "%s", path);
	return r;
}

struct search {
	int store;
	const char *hex; /* the leading digits of an id */
	struct arena *arena;
	struct image found;
	size_t count;
};

static bool has_digits(const struct digest *digest, const char *hex)
{
	char buf[DIGEST_TEXT_MAX];

	return text_starts_with(digest_hex(digest, buf), hex);
}

static int look_at(struct search *search, const char *file, struct error *err)
{
	const char *algorithm = strlen(file) == DIGEST_HEX_MAX ? "sha512" : "sha256";
	struct digest digest = { 0 };
	struct image image = { 0 };
	int r;

	if (digest_parse(arena_printf(search->arena, "%s:%s", algorithm, file), &digest, NULL) < 0)
		return 0; /* not one of ours: a temporary file */
	r = image_read(search->store, &digest, search->arena, &image, err);
	if (r != IMAGE_FOUND)
		return r < 0 ? r : 0;
	if (!has_digits(&image.digest, search->hex) && !has_digits(&image.config, search->hex))
		return 0;
	/* The same config in two manifests is one image whose layers came packed in two ways. */
	if (search->count == 0 || !digest_equal(&image.config, &search->found.config))
		search->count++;
	search->found = image;
	return 0;
}

static int find_by_id(int store, const char *hex, struct arena *arena, struct image *ret, struct error *err)
{
	struct search search = { .store = store, .hex = hex, .arena = arena };
	int fd = openat(store, "images", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);

	if (!listing)
		return error_sys(err, errno, "list the images of the store");
	for (const struct dirent *entry; r == 0 && (entry = readdir(listing));)
		r = look_at(&search, entry->d_name, err);
	(void)closedir(listing);
	if (r < 0)
		return r;
	if (search.count > 1)
		return error_bad(err, EINVAL, "%zu images have an id that begins with %s", search.count, hex);
	*ret = search.found;
	return search.count ? IMAGE_FOUND : IMAGE_UNKNOWN;
}

static bool is_id(const char *text)
{
	size_t len = strspn(text, "0123456789abcdef");

	return text[len] == '\0' && len >= PREFIX_MIN && len <= DIGEST_HEX_MAX;
}

int image_find_record(int store, const char *name, struct arena *arena, struct image *ret, struct error *err)
{
	bool may_be_id = is_id(name);
	struct reference reference = { 0 };
	struct digest digest = { 0 };
	int r;

	if (text_starts_with(name, "sha256:") || text_starts_with(name, "sha512:")) {
		r = digest_parse(name, &digest, err);
		return r < 0 ? r : find_by_id(store, strchr(name, ':') + 1, arena, ret, err);
	}
	r = reference_parse_name(name, arena, &reference, may_be_id ? NULL : err);
	if (r < 0 && !may_be_id)
		return r;
	r = r < 0 ? IMAGE_UNKNOWN : find_by_name(store, reference.name, &digest, err);
	if (r == IMAGE_UNKNOWN && reference.local_name)
		r = find_by_name(store, reference.local_name, &digest, err);
	if (r == IMAGE_FOUND)
		return image_read(store, &digest, arena, ret, err);
	return r == IMAGE_UNKNOWN && may_be_id ? find_by_id(store, name, arena, ret, err) : r;
}

int image_find(int store, const char *name, struct arena *arena, struct image *ret, struct error *err)
{
	struct image image = { 0 };
	int r = image_find_record(store, name, arena, &image, err);

	if (r != IMAGE_FOUND)
		return r;
	if (!has_all_layers(store, &image))
		return IMAGE_UNKNOWN;
	*ret = image;
	return IMAGE_FOUND;
}
