/* images/image/inspect.c: husk image inspect. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/text.h"
#include "images/image/confine.h"
#include "images/image/output.h"
#include "images/image/store.h"
#include "images/image/verb.h"

enum { ARGS_MAX = 4096 };
static const char *const formats[] = { "json", NULL };

struct inspect_options {
	unsigned format;
};

static void write_strings(struct json_writer *w, const char *key, const struct spec_strings *strings)
{
	json_array(w, key);
	for (size_t i = 0; i < strings->count; i++)
		json_string(w, NULL, strings->items[i]);
	json_array_end(w);
}

/* {"80/tcp": {}}: Go's way to have a set. */
static void write_set(struct json_writer *w, const char *key, const struct spec_strings *strings)
{
	json_object(w, key);
	for (size_t i = 0; i < strings->count; i++) {
		json_object(w, strings->items[i]);
		json_object_end(w);
	}
	json_object_end(w);
}

static void write_config(struct json_writer *w, const struct image *image)
{
	json_object(w, "Config");
	json_string(w, "User", image->user);
	write_set(w, "ExposedPorts", &image->exposed_ports);
	write_strings(w, "Env", &image->env);
	write_strings(w, "Entrypoint", &image->entrypoint);
	write_strings(w, "Cmd", &image->cmd);
	write_set(w, "Volumes", &image->volumes);
	json_string(w, "WorkingDir", image->working_dir);
	json_object(w, "Labels");
	for (size_t i = 0; i < image->label_count; i++)
		json_string(w, image->labels[i].key, image->labels[i].value);
	json_object_end(w);
	json_string(w, "StopSignal", image->stop_signal);
	json_object_end(w);
}

static void write_layers(struct json_writer *w, const struct image *image)
{
	char buf[DIGEST_TEXT_MAX];

	json_object(w, "RootFS");
	json_string(w, "Type", "layers");
	json_array(w, "Layers");
	for (size_t i = 0; i < image->layer_count; i++)
		json_string(w, NULL, digest_text(&image->layers[i].diff_id, buf));
	json_array_end(w);
	json_object_end(w);
}

/* docker's RepoTags are the names with a tag, as people write them; RepoDigests the names by the manifest's digest. */
static void write_names(
	struct json_writer *w, const struct image *image, const struct spec_strings *names, struct arena *arena)
{
	const char *repository, *tag, *last = "";
	char digest[DIGEST_TEXT_MAX];

	json_array(w, "RepoTags");
	for (size_t i = 0; i < names->count; i++) {
		image_familiar_name(names->items[i], arena, &repository, &tag);
		if (*tag != '<')
			json_string(w, NULL, arena_printf(arena, "%s:%s", repository, tag));
	}
	json_array_end(w);
	json_array(w, "RepoDigests");
	for (size_t i = 0; i < names->count; i++) {
		image_familiar_name(names->items[i], arena, &repository, &tag);
		if (strcmp(repository, last) != 0)
			json_string(
				w, NULL, arena_printf(arena, "%s@%s", repository, digest_text(&image->digest, digest)));
		last = repository;
	}
	json_array_end(w);
}

static void write_image(
	struct json_writer *w, const struct image *image, const struct spec_strings *names, struct arena *arena)
{
	char buf[DIGEST_TEXT_MAX];
	uint64_t size = 0;

	for (size_t i = 0; i < image->layer_count; i++)
		size += image->layers[i].unpacked;
	json_object(w, NULL);
	json_string(w, "Id", digest_text(&image->config, buf));
	json_string(w, "Digest", digest_text(&image->digest, buf));
	write_names(w, image, names, arena);
	json_string(w, "Created", image->created);
	json_string(w, "Author", image->author);
	json_string(w, "Architecture", image->architecture);
	json_string(w, "Variant", image->variant);
	json_string(w, "Os", image->os);
	json_uint(w, "Size", size);
	write_config(w, image);
	write_layers(w, image);
	json_object_end(w);
}

/* 1 where an image is unknown, which is said, and the others are written. */
static int write_all(const struct call *call, int store, struct json_writer *w, struct error *err)
{
	int status = 0;

	for (int i = 0; i < call->arg_count; i++) {
		struct spec_strings names = { 0 };
		struct image image = { 0 };
		int r = image_find(store, call->args[i], call->arena, &image, err);
		if (r == IMAGE_FOUND)
			r = store_names_of(store, &image.digest, call->arena, &names, err);
		if (r < 0)
			return r;
		if (r == IMAGE_UNKNOWN) {
			(void)error_bad(err, ENOENT, "the store has no image %.300s", call->args[i]);
			log_error(err);
			status = 1;
			continue;
		}
		write_image(w, &image, &names, call->arena);
	}
	return status;
}

static int inspect_run(const struct call *call, struct error *err)
{
	cleanup_close int store = -1;
	struct json_writer w;
	int r = store_open(call->store, &store, err), written;

	if (r == 0)
		r = confine_store(call, store, err);
	if (r < 0)
		return r;
	json_write_init(&w);
	json_array(&w, NULL);
	r = write_all(call, store, &w, err);
	json_array_end(&w);
	if (r < 0) {
		json_write_done(&w);
		return r;
	}
	written = output_json(&w, err);
	return written < 0 ? written : r;
}

static const struct option inspect_options[] = {
	OPTION("format", 'f', OPTION_CHOICE, struct inspect_options, format, .value = "FORMAT", .choices = formats,
		.help = "json"),
};

const struct verb verb_inspect = {
	.name = "image inspect",
	.usage = "[OPTIONS] IMAGE...",
	.summary = "Say all about images, as a JSON array.",
	.examples = "  husk image inspect debian:13 | jq '.[0].Config'",
	.options = inspect_options,
	.option_count = ARRAY_SIZE(inspect_options),
	.options_size = sizeof(struct inspect_options),
	.min_args = 1,
	.max_args = ARGS_MAX,
	.run = inspect_run,
};
