/* images/image/config.c: the config of an image [image-spec: config.md].
 *
 * Whoever runs the image gets these values as they stand here, so they are held to the rules of config.json; what a path or a
 * user means is decided where the root is at hand. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/text.h"
#include "images/fields.h"
#include "images/image/manifest.h"
#include "images/image/manifest_internal.h"
#include "spec/json.h"

enum { USER_MAX = 255 };

/* ---- what texts must look like ---- */

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static bool is_user(const char *text)
{
	return strlen(text) <= USER_MAX && !has_control(text);
}

static bool is_folder(const char *text)
{
	return strlen(text) < 4096 && !has_control(text);
}

/* A place for a volume: absolute, beneath the root and not the root, and the same wherever links lead [CVE-2022-23648]. */
static bool is_volume(const char *path)
{
	bool has_name = false;

	if (*path != '/' || !is_folder(path))
		return false;
	while (*path) {
		size_t len = 0;
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && memcmp(path, "..", 2) == 0)
			return false;
		has_name = has_name || (len > 0 && !(len == 1 && *path == '.'));
		path += len;
	}
	return has_name;
}

/* "80", "80/tcp", "8000-8010/udp" */
static bool is_port(const char *text)
{
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > 5)
		return false;
	if (text[len] == '-') {
		size_t more = strspn(text + len + 1, "0123456789");
		if (more == 0 || more > 5)
			return false;
		len += 1 + more;
	}
	return text[len] == '\0' || strcmp(text + len, "/tcp") == 0 || strcmp(text + len, "/udp") == 0 ||
		strcmp(text + len, "/sctp") == 0;
}

static bool is_signal(const char *text)
{
	return word_signal(text) > 0;
}

static bool is_layers(const char *text)
{
	return strcmp(text, "layers") == 0;
}

static bool is_plain(const char *text)
{
	return strlen(text) < 64 && !has_control(text);
}

static const struct string_rule rule_user = { is_user, "a user as \"name\", \"1000\" or \"1000:1000\"" };
static const struct string_rule rule_folder = { is_folder, "a path" };
static const struct string_rule rule_volume = { is_volume, "an absolute path without \"..\" that is not the root" };
static const struct string_rule rule_port = { is_port, "a port as \"80/tcp\"" };
static const struct string_rule rule_signal = { is_signal, "a signal" };
static const struct string_rule rule_layers = { is_layers, "\"layers\"" };
static const struct string_rule rule_plain = { is_plain, "a short word" };

/* ---- the tables ---- */

/* {"80/tcp": {}, ...} as a list of its keys. */
static void decode_keys(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_strings keys = { 0 };

	if (!decode_is_map(value, field->max, decoder))
		return;
	keys.items = ARENA_ARRAY(decoder->arena, value->count + 1, const char *);
	json_for_each(child, value) {
		if (!field->rule->accepts(child->key))
			decode_fault(child, decoder, "expected %s as key", field->rule->wants);
		else
			keys.items[keys.count++] = child->key;
	}
	*(struct spec_strings *)field_at(field, object) = keys;
}

static const struct field process_fields[] = {
	FIELD("User", decode_string, struct image, user, .rule = &rule_user),
	FIELD("Env", decode_strings, struct image, env, .max = IMAGE_MAX_STRINGS, .rule = &rule_environment),
	FIELD("Entrypoint", decode_strings, struct image, entrypoint, .max = IMAGE_MAX_STRINGS),
	FIELD("Cmd", decode_strings, struct image, cmd, .max = IMAGE_MAX_STRINGS),
	FIELD("WorkingDir", decode_string, struct image, working_dir, .rule = &rule_folder),
	FIELD("Volumes", decode_keys, struct image, volumes, .max = IMAGE_MAX_STRINGS, .rule = &rule_volume),
	FIELD("ExposedPorts", decode_keys, struct image, exposed_ports, .max = IMAGE_MAX_STRINGS, .rule = &rule_port),
	LIST("Labels", decode_pairs, struct image, labels, label_count, IMAGE_MAX_STRINGS),
	FIELD("StopSignal", decode_string, struct image, stop_signal, .rule = &rule_signal, .empty_is_absent = true),
};
static const struct object_type process_type = { FIELDS(process_fields) };

static void decode_diff_ids(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	static const struct field diff_id = { .decode = decode_digest,
		.offset = offsetof(struct image_layer, diff_id) };
	struct image *image = object;
	(void)field;

	if (!decode_is_array(value, IMAGE_MAX_LAYERS, decoder))
		return;
	image->layers = ARENA_ARRAY(decoder->arena, value->count, struct image_layer);
	json_for_each(child, value)
		decode_digest(child, &diff_id, &image->layers[image->layer_count++], decoder);
}

/* rootfs.type is only looked at; where it would go, `os` comes after it. */
static const struct field rootfs_fields[] = {
	FIELD("type", decode_string, struct image, os, .rule = &rule_layers, .required = true),
	{ .key = "diff_ids", .decode = decode_diff_ids, .required = true },
};
static const struct object_type rootfs_type = { FIELDS(rootfs_fields) };

static const struct field config_fields[] = {
	{ .key = "rootfs", .decode = decode_object, .type = &rootfs_type, .required = true },
	FIELD("architecture", decode_string, struct image, architecture, .rule = &rule_plain, .required = true),
	FIELD("os", decode_string, struct image, os, .rule = &rule_plain, .required = true),
	FIELD("variant", decode_string, struct image, variant, .rule = &rule_plain),
	FIELD("created", decode_string, struct image, created, .rule = &rule_plain),
	FIELD("author", decode_string, struct image, author),
	{ .key = "config", .decode = decode_object, .type = &process_type },
};
static const struct object_type config_type = { FIELDS(config_fields) };

/* What was not given is "" in an image. */
static void fill_texts(struct image *image)
{
	const char **texts[] = { &image->variant, &image->created, &image->author, &image->user, &image->working_dir,
		&image->stop_signal };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!*texts[i])
			*texts[i] = "";
}

int config_parse(
	const char *text, size_t len, const char *name, struct arena *arena, struct image *ret, struct error *err)
{
	struct faults faults;
	struct decoder decoder = { .arena = arena, .faults = &faults };
	const struct json *value = NULL;
	struct image image = { 0 };
	int r;

	faults_init(&faults, arena, NULL);
	r = manifest_json(text, len, name, &decoder, &value, err);
	if (r < 0)
		return r;
	(void)decode_fields(value, &config_type, &image, &decoder);
	r = manifest_faults(&faults, name, err);
	if (r < 0)
		return r;
	fill_texts(&image);
	if (*image.working_dir && *image.working_dir != '/')
		image.working_dir = arena_printf(arena, "/%s", image.working_dir);
	*ret = image;
	return 0;
}
