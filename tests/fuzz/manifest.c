/* tests/fuzz/manifest.c: any bytes as an index, a manifest, a config, an image record, or a name: read or refused.
 *
 * The first byte says what the rest is. What was read must say the same when it is written and read again: a config as a
 * record, a name as a name and as a file of the store. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "images/image/manifest.h"
#include "images/images.h"
#include "images/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void try_document(const char *text, size_t len, struct arena *arena)
{
	static const char *const types[] = { NULL, "application/vnd.oci.image.index.v1+json",
		"application/vnd.docker.distribution.manifest.v2+json" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct document document = { 0 };
		struct error err = { 0 };
		int r = document_parse(text, len, types[i], "fuzz", arena, &document, &err);
		must(r == 0 || (r < 0 && *err.what));
		for (size_t j = 0; r == 0 && j < document.manifest_count; j++)
			(void)descriptor_is_image(&document.manifests[j]);
	}
}

static void try_record(const char *text, size_t len, struct arena *arena)
{
	struct error err = { 0 };
	struct image image, again;
	char *first, *second;

	if (image_record_parse(text, len, arena, &image, &err) < 0) {
		must(*err.what != '\0');
		return;
	}
	first = image_record_write(&image);
	must(first && image_record_parse(first, strlen(first), arena, &again, NULL) == 0);
	second = image_record_write(&again);
	must(second && strcmp(first, second) == 0);
	free(first);
	free(second);
}

static void try_config(const char *text, size_t len, struct arena *arena)
{
	struct error err = { 0 };
	struct image image, again;
	char *record;

	if (config_parse(text, len, "fuzz", arena, &image, &err) < 0) {
		must(*err.what != '\0');
		return;
	}
	(void)digest_parse(
		"sha256:0000000000000000000000000000000000000000000000000000000000000000", &image.digest, NULL);
	image.config = image.digest;
	for (size_t i = 0; i < image.layer_count; i++) {
		image.layers[i].id = image.layers[i].digest = image.layers[i].diff_id;
		image.layers[i].media_type = "";
	}
	record = image_record_write(&image);
	must(record && image_record_parse(record, strlen(record), arena, &again, NULL) == 0);
	free(record);
}

static void try_name(const char *text, struct arena *arena)
{
	char file[IMAGE_NAME_MAX + 1], name[IMAGE_NAME_MAX + 1];
	struct reference reference, again;

	if (reference_parse(text, arena, &reference, NULL) < 0 || !reference.name)
		return;
	must(reference_parse_name(reference.name, arena, &again, NULL) == 0 && strcmp(again.name, reference.name) == 0);
	if (store_name_encode(reference.name, file, NULL) == 0) {
		must(!strchr(file, '/') && file[0] != '.');
		must(store_name_decode(file, name, sizeof(name)) == 0 && strcmp(name, reference.name) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	char *text;

	if (size == 0)
		return 0;
	arena_init(&arena);
	text = arena_copy(&arena, (const char *)data + 1, size - 1);
	switch (data[0] & 3) {
	case 0: try_document(text, size - 1, &arena); break;
	case 1: try_config(text, size - 1, &arena); break;
	case 2: try_record(text, size - 1, &arena); break;
	default: try_name(text, &arena); break;
	}
	arena_done(&arena);
	return 0;
}
