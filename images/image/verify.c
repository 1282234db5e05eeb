/* images/image/verify.c: husk image verify: whether the store is what it says.
 *
 * Every blob has the digest that it is called by, every record what it names, every name an image. With --full the layers'
 * blobs are decompressed, too, and their DiffIDs compared. What is there and needed by nobody is no fault: a pull that was
 * killed leaves such, and prune removes it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/path.h"
#include "base/text.h"
#include "images/image/confine.h"
#include "images/image/manifest.h"
#include "images/image/hash.h"
#include "images/image/output.h"
#include "images/image/source.h"
#include "images/image/spool.h"
#include "images/image/store.h"
#include "images/image/verb.h"

enum { COPY = 1 << 20 };
enum { FORMAT_TEXT, FORMAT_JSON };
static const char *const formats[] = { "text", "json", NULL };

struct verify_options {
	unsigned format;
	bool full;
};

struct verification {
	int store;
	const struct verify_options *options;
	struct arena *arena;
	const char *algorithm;
	char *buf; /* COPY bytes */
	struct json_writer faults;
	size_t fault_count, images, layers, blobs, names;
};

/* A fault is said, and the rest is looked at. */
static void add_fault(struct verification *verification, const struct error *err)
{
	char line[2048];

	verification->fault_count++;
	(void)error_line(err, line, sizeof(line));
	json_string(&verification->faults, NULL, line);
	if (verification->options->format == FORMAT_TEXT)
		output_say("%s\n", line);
}

/* ---- blobs ---- */

static int hash_file(struct verification *verification, int file, enum digest_algorithm algorithm, struct digest *ret,
	struct error *err)
{
	struct hash *hash = NULL;
	ssize_t n;
	int r = hash_new(algorithm, &hash, err);

	if (r < 0)
		return r;
	while ((n = read(file, verification->buf, COPY)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			hash_add(hash, verification->buf, (size_t)n);
	hash_end(hash, ret);
	hash_free(hash);
	return n < 0 ? error_sys(err, errno, "read it") : 0;
}

static int check_blob_file(struct verification *verification, int file, const struct digest *digest, struct error *err)
{
	char found[DIGEST_TEXT_MAX];
	struct digest computed = { 0 };
	int r = file < 0 ? error_sys(err, file, "open it")
			 : hash_file(verification, file, digest->algorithm, &computed, err);

	if (r < 0)
		return r;
	return digest_equal(&computed, digest)
		? 0
		: error_bad(err, EBADMSG, "its digest is %s", digest_text(&computed, found));
}

static int check_blob(void *data, const char *name, struct error *unused)
{
	struct verification *verification = data;
	const char *path = arena_printf(verification->arena, "blobs/%s/%s", verification->algorithm, name);
	cleanup_close int file = -1;
	struct digest digest = { 0 };
	struct error err = { 0 };
	(void)unused;

	verification->blobs++;
	if (digest_parse(arena_printf(verification->arena, "%s:%s", verification->algorithm, name), &digest, &err) ==
		0) {
		file = path_open_beneath(verification->store, path, O_RDONLY | O_NONBLOCK);
		(void)check_blob_file(verification, file, &digest, &err);
	}
	if (err.code < 0) {
		(void)error_at(&err, "%s", path);
		add_fault(verification, &err);
	}
	return 0;
}

/* ---- layers ---- */

static int check_diff_id(struct verification *verification, const struct image_layer *layer, struct error *err)
{
	char buf[DIGEST_TEXT_MAX], path[DIGEST_TEXT_MAX + 8];
	struct spool_digests digests = { 0 };
	cleanup_close int file = -1;
	int r;

	(void)snprintf(path, sizeof(path), "blobs/%s", digest_path(&layer->digest, buf));
	file = path_open_beneath(verification->store, path, O_RDONLY | O_NONBLOCK);
	r = file < 0 ? error_sys(err, file, "open it") : spool_digest(file, &digests, err);
	if (r == 0 && layer->diff_id.algorithm == DIGEST_SHA256 && !digest_equal(&digests.diff_id, &layer->diff_id))
		r = error_bad(err, EBADMSG, "its DiffID is %s", digest_text(&digests.diff_id, buf));
	return r < 0 ? error_at(err, "%s", path) : 0;
}

static int check_layer(struct verification *verification, const struct image_layer *layer, struct error *err)
{
	char buf[DIGEST_TEXT_MAX];
	cleanup_close int tree = image_open_layer(verification->store, layer, err);
	struct layer_info info = { 0 };

	verification->layers++;
	if (tree < 0)
		return tree;
	if (!store_has_layer(verification->store, &layer->id, "", &info))
		return error_bad(err, EBADMSG, "layers/%s has no info", digest_path(&layer->id, buf));
	if (!store_has_blob(verification->store, &layer->digest, layer->size))
		return error_bad(
			err, EBADMSG, "blobs/%s is missing or has another size", digest_path(&layer->digest, buf));
	return verification->options->full ? check_diff_id(verification, layer, err) : 0;
}

/* ---- images ---- */

/* What manifest and config say now is what the record says. */
static int check_documents(struct verification *verification, const struct image *image, struct error *err)
{
	const struct platform platform = { image->os, image->architecture, image->variant };
	static const struct reference stored = { .name = "" };
	struct document manifest = { 0 }, config = { 0 };
	struct source *source = NULL;
	struct image again = { 0 };
	char *now, *then;
	int r = source_open_store(verification->store, &image->digest, &stored, &source, err);

	if (r == 0)
		r = source_choose(source, &platform, verification->arena, &again, &manifest, &config, err);
	source_close(source);
	if (r < 0)
		return r;
	for (size_t i = 0; i < again.layer_count && i < image->layer_count; i++) {
		again.layers[i].id = image->layers[i].id;
		again.layers[i].unpacked = image->layers[i].unpacked;
	}
	now = image_record_write(&again);
	then = image_record_write(image);
	if (!now || !then)
		r = error_sys(err, ENOMEM, "compare the record");
	else if (strcmp(now, then) != 0)
		r = error_bad(err, EBADMSG, "the record differs from manifest and config");
	free(now);
	free(then);
	return r;
}

static int check_image(void *data, const char *name, struct error *unused)
{
	struct verification *verification = data;
	const char *algorithm = strlen(name) == DIGEST_HEX_MAX ? "sha512" : "sha256";
	struct error err = { 0 };
	struct digest digest = { 0 };
	struct image image = { 0 };
	int r = digest_parse(arena_printf(verification->arena, "%s:%s", algorithm, name), &digest, &err);
	(void)unused;

	verification->images++;
	if (r == 0)
		r = image_read(verification->store, &digest, verification->arena, &image, &err);
	if (r == 0)
		r = check_documents(verification, &image, &err);
	for (size_t i = 0; r == 0 && i < image.layer_count; i++)
		r = check_layer(verification, &image.layers[i], &err);
	if (r < 0) {
		(void)error_at(&err, "images/%s", name);
		add_fault(verification, &err);
	}
	return 0;
}

static int check_name(void *data, const char *file, struct error *unused)
{
	struct verification *verification = data;
	char name[IMAGE_NAME_MAX + 1], text[DIGEST_TEXT_MAX + 1];
	const char *path = arena_printf(verification->arena, "names/%s", file);
	struct error err = { 0 };
	struct digest digest = { 0 };
	struct image image = { 0 };
	ssize_t len;
	(void)unused;

	verification->names++;
	len = file_read_small_at(verification->store, path, text, sizeof(text));
	if (store_name_decode(file, name, sizeof(name)) < 0)
		(void)error_bad(&err, EBADMSG, "it is no name of an image");
	else if (len < 0)
		(void)error_sys(&err, (int)len, "read it");
	else if (digest_parse(text, &digest, &err) == 0 &&
		image_read(verification->store, &digest, verification->arena, &image, NULL) == IMAGE_UNKNOWN)
		(void)error_bad(&err, EBADMSG, "it names an image that is not there");
	if (err.code < 0) {
		(void)error_at(&err, "%s", path);
		add_fault(verification, &err);
	}
	return 0;
}

/* ---- all ---- */

static int check_all(struct verification *verification, struct error *err)
{
	static const char *const algorithms[] = { "sha256", "sha512" };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(algorithms); i++) {
		verification->algorithm = algorithms[i];
		r = store_list(verification->store, arena_printf(verification->arena, "blobs/%s", algorithms[i]),
			check_blob, verification, err);
	}
	if (r == 0)
		r = store_list(verification->store, "images", check_image, verification, err);
	return r < 0 ? r : store_list(verification->store, "names", check_name, verification, err);
}

static int write_result(struct verification *verification, struct error *err)
{
	const char *faults;

	if (verification->options->format == FORMAT_TEXT) {
		output_say("%zu images, %zu layers, %zu blobs, %zu names: %s\n", verification->images,
			verification->layers, verification->blobs, verification->names,
			verification->fault_count ? "damaged" : "good");
		return output_end(err);
	}
	json_array_end(&verification->faults);
	faults = json_write_end(&verification->faults, NULL);
	if (!faults)
		return error_sys(err, ENOMEM, "write JSON");
	output_say("{\"Good\":%s,\"Images\":%zu,\"Layers\":%zu,\"Blobs\":%zu,\"Names\":%zu,\"Faults\":%s}\n",
		verification->fault_count ? "false" : "true", verification->images, verification->layers,
		verification->blobs, verification->names, faults);
	return output_end(err);
}

static int verify_run(const struct call *call, struct error *err)
{
	struct verification verification = { .store = -1, .options = call->options, .arena = call->arena };
	int r = store_open(call->store, &verification.store, err);

	if (r == 0)
		r = confine_store(call, verification.store, err);
	if (r < 0) {
		fd_closep(&verification.store);
		return r;
	}
	verification.buf = arena_alloc(call->arena, COPY);
	json_write_init(&verification.faults);
	json_array(&verification.faults, NULL);
	r = check_all(&verification, err);
	if (r == 0)
		r = write_result(&verification, err);
	json_write_done(&verification.faults);
	fd_closep(&verification.store);
	return r < 0 ? r : verification.fault_count > 0;
}

static const struct option verify_options[] = {
	OPTION("full", 0, OPTION_FLAG, struct verify_options, full,
		.help = "decompress layers and compare their DiffIDs, too"),
	OPTION("format", 0, OPTION_CHOICE, struct verify_options, format, .value = "FORMAT", .choices = formats,
		.help = "text or json"),
};

const struct verb verb_verify = {
	.name = "image verify",
	.usage = "[OPTIONS]",
	.summary = "Say whether everything in the store is whole; 1 where something is not.",
	.examples = "  husk image verify --full",
	.options = verify_options,
	.option_count = ARRAY_SIZE(verify_options),
	.options_size = sizeof(struct verify_options),
	.files = VERB_FILES_USED,
	.run = verify_run,
};
