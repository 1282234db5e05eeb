/* images/image/list.c: husk images. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/table.h"
#include "base/text.h"
#include "images/image/confine.h"
#include "images/image/human.h"
#include "images/image/output.h"
#include "images/image/store.h"
#include "images/image/verb.h"

enum { FORMAT_TABLE, FORMAT_JSON, FORMAT_JSONL };
static const char *const formats[] = { "table", "json", "jsonl", NULL };

enum { COLUMNS_MAX = 6, SHORT_ID = 12 };

struct images_options {
	unsigned format;
	bool quiet, digests, no_trunc;
};

/* One line of the table: an image by one of its names. */
struct row {
	const struct image *image;
	const char *name; /* NULL: it has none */
	int64_t created;
};

struct rows {
	struct row *items;
	size_t count;
};

/* ---- collecting ---- */

static int by_age(const void *left, const void *right)
{
	const struct row *a = left, *b = right;
	int order = strcmp(b->image->created, a->image->created); /* RFC 3339: the youngest first */

	if (order == 0)
		order = memcmp(a->image->digest.bytes, b->image->digest.bytes, DIGEST_BYTES_MAX);
	return order ? order : strcmp(a->name ? a->name : "", b->name ? b->name : "");
}

static size_t count_entries(const struct spec_strings *names, size_t images)
{
	size_t count = 0;

	for (size_t i = 0; i < images; i++)
		count += names[i].count ? names[i].count : 1;
	return count;
}

static int collect(int store, struct arena *arena, struct rows *ret, struct error *err)
{
	struct image *images = NULL;
	struct spec_strings *names;
	size_t count = 0;
	int r = store_read_images(store, arena, &images, &count, err);

	if (r < 0)
		return r;
	names = ARENA_ARRAY(arena, count, struct spec_strings);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = store_names_of(store, &images[i].digest, arena, &names[i], err);
	if (r < 0)
		return r;
	ret->items = ARENA_ARRAY(arena, count_entries(names, count), struct row);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < (names[i].count ? names[i].count : 1); j++)
			ret->items[ret->count++] =
				(struct row){ .image = &images[i], .name = names[i].count ? names[i].items[j] : NULL };
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), by_age);
	return 0;
}

/* ---- cells ---- */

static const char *id_of(const struct image *image, bool whole, struct arena *arena)
{
	char buf[DIGEST_TEXT_MAX];

	if (whole)
		return arena_strdup(arena, digest_text(&image->config, buf));
	return arena_copy(arena, digest_hex(&image->config, buf), SHORT_ID);
}

static uint64_t size_of(const struct image *image)
{
	uint64_t size = 0;

	for (size_t i = 0; i < image->layer_count; i++)
		size += image->layers[i].unpacked;
	return size;
}

static size_t fill_row(
	const struct row *row, const struct images_options *options, const char **cells, struct arena *arena)
{
	char buf[DIGEST_TEXT_MAX];
	const char *repository, *tag;
	size_t n = 0;

	image_familiar_name(row->name, arena, &repository, &tag);
	cells[n++] = repository;
	cells[n++] = tag;
	if (options->digests)
		cells[n++] = arena_strdup(arena, digest_text(&row->image->digest, buf));
	cells[n++] = id_of(row->image, options->no_trunc, arena);
	cells[n++] = arena_strdup(arena, human_age(row->image->created, time(NULL), buf));
	cells[n++] = arena_strdup(arena, human_size(size_of(row->image), buf));
	return n;
}

/* ---- forms ---- */

static int write_table(
	const struct rows *rows, const struct images_options *options, struct arena *arena, struct error *err)
{
	const char **cells = ARENA_ARRAY(arena, (rows->count + 1) * COLUMNS_MAX, const char *);
	size_t columns = options->digests ? 6 : 5, n = 0;
	static const char *const titles[] = { "REPOSITORY", "TAG", "DIGEST", "IMAGE ID", "CREATED", "SIZE" };

	for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
		if (i != 2 || options->digests)
			cells[n++] = titles[i];
	for (size_t i = 0; i < rows->count; i++)
		n += fill_row(&rows->items[i], options, cells + n, arena);
	return table_print(cells, columns, rows->count + 1, err);
}

static int write_ids(
	const struct rows *rows, const struct images_options *options, struct arena *arena, struct error *err)
{
	const struct image *last = NULL;

	for (size_t i = 0; i < rows->count; i++) {
		if (rows->items[i].image != last)
			output_say("%s\n", id_of(rows->items[i].image, options->no_trunc, arena));
		last = rows->items[i].image;
	}
	return output_end(err);
}

/* As podman's: an array of typed values. */
static void write_json_image(struct json_writer *w, const struct rows *rows, size_t first, size_t count)
{
	const struct image *image = rows->items[first].image;
	char buf[DIGEST_TEXT_MAX];

	json_object(w, NULL);
	json_string(w, "Id", digest_text(&image->config, buf));
	json_string(w, "Digest", digest_text(&image->digest, buf));
	json_array(w, "Names");
	for (size_t i = first; i < first + count; i++)
		if (rows->items[i].name)
			json_string(w, NULL, rows->items[i].name);
	json_array_end(w);
	json_string(w, "Created", image->created);
	json_uint(w, "Size", size_of(image));
	json_string(w, "Architecture", image->architecture);
	json_string(w, "Os", image->os);
	json_object(w, "Labels");
	for (size_t i = 0; i < image->label_count; i++)
		json_string(w, image->labels[i].key, image->labels[i].value);
	json_object_end(w);
	json_object_end(w);
}

static int write_json(const struct rows *rows, struct error *err)
{
	struct json_writer w;
	size_t count;

	json_write_init(&w);
	json_array(&w, NULL);
	for (size_t i = 0; i < rows->count; i += count) {
		for (count = 1; i + count < rows->count && rows->items[i + count].image == rows->items[i].image;
			count++)
			;
		write_json_image(&w, rows, i, count);
	}
	json_array_end(&w);
	return output_json(&w, err);
}

/* As docker's: a line for each name, with docker's keys and texts for values. */
static int write_json_line(const struct row *row, struct arena *arena, struct error *err)
{
	const char *repository, *tag;
	char buf[DIGEST_TEXT_MAX];
	struct json_writer w;

	image_familiar_name(row->name, arena, &repository, &tag);
	json_write_init(&w);
	json_object(&w, NULL);
	json_string(&w, "Repository", repository);
	json_string(&w, "Tag", tag);
	json_string(&w, "Digest", digest_text(&row->image->digest, buf));
	json_string(&w, "ID", id_of(row->image, true, arena));
	json_string(&w, "CreatedAt", row->image->created);
	json_string(&w, "CreatedSince", human_age(row->image->created, time(NULL), buf));
	json_string(&w, "Size", human_size(size_of(row->image), buf));
	json_object_end(&w);
	return output_json(&w, err);
}

static int write_json_lines(const struct rows *rows, struct arena *arena, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < rows->count; i++)
		r = write_json_line(&rows->items[i], arena, err);
	return r;
}

/* ---- the verb ---- */

static int images_run(const struct call *call, struct error *err)
{
	const struct images_options *options = call->options;
	struct rows rows = { 0 };
	cleanup_close int store = -1;
	int r = store_open(call->store, &store, err);

	if (r == 0)
		r = confine_store(call, store, err);
	if (r == 0)
		r = collect(store, call->arena, &rows, err);
	if (r < 0)
		return r;
	if (options->quiet)
		return write_ids(&rows, options, call->arena, err);
	switch (options->format) {
	case FORMAT_JSON: return write_json(&rows, err);
	case FORMAT_JSONL: return write_json_lines(&rows, call->arena, err);
	default: return write_table(&rows, options, call->arena, err);
	}
}

static const struct option images_options[] = {
	OPTION("digests", 0, OPTION_FLAG, struct images_options, digests, .help = "digests of the manifests, too"),
	OPTION("format", 0, OPTION_CHOICE, struct images_options, format, .value = "FORMAT", .choices = formats,
		.help = "table, json (an array) or jsonl (a line each)"),
	OPTION("no-trunc", 0, OPTION_FLAG, struct images_options, no_trunc, .help = "whole ids"),
	OPTION("quiet", 'q', OPTION_FLAG, struct images_options, quiet, .help = "ids only"),
};

const struct verb verb_images = {
	.name = "images",
	.usage = "[OPTIONS]",
	.summary = "List the images of the store.",
	.examples = "  husk images\n"
		    "  husk images --format json | jq -r '.[].Names[]'",
	.options = images_options,
	.option_count = ARRAY_SIZE(images_options),
	.options_size = sizeof(struct images_options),
	.run = images_run,
};
