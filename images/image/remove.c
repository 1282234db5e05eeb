/* images/image/remove.c: husk image rm, husk image prune. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/text.h"
#include "images/image/confine.h"
#include "images/image/gc.h"
#include "images/image/human.h"
#include "images/image/output.h"
#include "images/image/store.h"
#include "images/image/verb.h"
#include "images/reference.h"

enum { ARGS_MAX = 4096 };
enum { FORMAT_TEXT, FORMAT_JSON };
static const char *const formats[] = { "text", "json", NULL };

struct remove_options {
	unsigned format;
	bool force, all;
};

/* The store, ours alone, and what has been done to it so far. */
struct removal {
	const struct call *call;
	const struct remove_options *options;
	int store, tmp; /* owned */
	struct work work;
	struct json_writer untagged, removed;
	uint64_t freed;
};

static void say_waiting(void)
{
	log_line(LOG_LEVEL_WARNING, "waiting for others who use the store");
}

static int removal_open(struct removal *removal, const struct call *call, struct error *err)
{
	int r;

	*removal = (struct removal){ .call = call, .options = call->options, .store = -1, .tmp = -1, .work.dir = -1 };
	json_write_init(&removal->untagged);
	json_write_init(&removal->removed);
	json_array(&removal->untagged, NULL);
	json_array(&removal->removed, NULL);
	r = store_open_alone(call->store, say_waiting, &removal->store, err);
	if (r < 0)
		return r;
	removal->tmp = store_open_tmp(removal->store, err);
	r = removal->tmp < 0 ? removal->tmp : work_open(removal->tmp, &removal->work, err);
	return r < 0 ? r : confine_store(call, removal->store, err);
}

static void removal_close(struct removal *removal)
{
	work_close(&removal->work);
	fd_closep(&removal->tmp);
	fd_closep(&removal->store);
	json_write_done(&removal->untagged);
	json_write_done(&removal->removed);
}

/* ---- one image ---- */

static int untag(struct removal *removal, const char *name, struct error *err)
{
	char path[IMAGE_NAME_MAX + 8] = "names/";
	int r = store_name_encode(name, path + strlen("names/"), err);

	if (r < 0)
		return r;
	if (unlinkat(removal->store, path, 0) < 0)
		return error_sys(err, errno, "remove the name %s", name);
	json_string(&removal->untagged, NULL, name);
	if (removal->options->format == FORMAT_TEXT)
		output_say("Untagged: %s\n", name);
	return 0;
}

static int drop(struct removal *removal, const struct image *image, struct error *err)
{
	char id[DIGEST_TEXT_MAX];
	int r = gc_drop_record(removal->store, &image->digest, err);

	if (r < 0)
		return r;
	json_string(&removal->removed, NULL, digest_text(&image->config, id));
	if (removal->options->format == FORMAT_TEXT)
		output_say("Deleted: %s\n", id);
	return 0;
}

/* Without the last name an image goes, unless a container still needs its layers. */
static int check_use(struct removal *removal, const struct image *image, bool *ret_used, struct error *err)
{
	const char *container = NULL;
	int r = gc_user_of(removal->store, &image->digest, removal->call->arena, &container, err);

	*ret_used = container != NULL;
	if (r < 0 || !container || removal->options->force)
		return r;
	(void)error_bad(err, EBUSY, "the container %s uses the image", container);
	return error_hint(err, "delete it first, or take only the names away with --force");
}

static int remove_image(
	struct removal *removal, const struct image *image, const struct spec_strings *names, struct error *err)
{
	bool used = false;
	int r = check_use(removal, image, &used, err);

	for (size_t i = 0; r == 0 && i < names->count; i++)
		r = untag(removal, names->items[i], err);
	return r < 0 || used ? r : drop(removal, image, err);
}

/* ---- rm ---- */

/* The one of the image's names that `arg` is; NULL where it is an id. */
static const char *name_meant(const char *arg, const struct spec_strings *names, struct arena *arena)
{
	struct reference reference = { 0 };

	if (reference_parse_name(arg, arena, &reference, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], reference.name) == 0)
			return names->items[i];
	for (size_t i = 0; reference.local_name && i < names->count; i++)
		if (strcmp(names->items[i], reference.local_name) == 0)
			return names->items[i];
	return NULL;
}

/* Found whether its layers are there or not. */
static int find(struct removal *removal, const char *arg, struct image *ret, struct error *err)
{
	int r = image_find_record(removal->store, arg, removal->call->arena, ret, err);

	return r == IMAGE_UNKNOWN ? error_bad(err, ENOENT, "the store has no image %.300s", arg) : r;
}

static int remove_one(struct removal *removal, const char *arg, struct error *err)
{
	struct spec_strings names = { 0 };
	const char *name;
	struct image image = { 0 };
	int r = find(removal, arg, &image, err);

	if (r == 0)
		r = store_names_of(removal->store, &image.digest, removal->call->arena, &names, err);
	if (r < 0)
		return r;
	name = name_meant(arg, &names, removal->call->arena);
	if (name && names.count > 1)
		return untag(removal, name, err);
	if (!name && names.count > 1 && !removal->options->force) {
		(void)error_bad(err, EBUSY, "the image %.100s has %zu names", arg, names.count);
		return error_hint(err, "remove it by its names, or all of them with --force");
	}
	return remove_image(removal, &image, &names, err);
}

static int write_result(struct removal *removal, struct error *err)
{
	char size[HUMAN_MAX];
	const char *untagged, *removed;

	if (removal->options->format == FORMAT_TEXT) {
		if (removal->freed)
			output_say("Freed: %s\n", human_size(removal->freed, size));
		return output_end(err);
	}
	json_array_end(&removal->untagged);
	json_array_end(&removal->removed);
	untagged = json_write_end(&removal->untagged, NULL);
	removed = json_write_end(&removal->removed, NULL);
	if (!untagged || !removed)
		return error_sys(err, ENOMEM, "write JSON");
	output_say("{\"Untagged\":%s,\"Deleted\":%s,\"Freed\":%llu}\n", untagged, removed,
		(unsigned long long)removal->freed);
	return output_end(err);
}

/* What cannot be removed is said, and the others are removed. */
static int rm_run(const struct call *call, struct error *err)
{
	struct removal removal;
	int r = removal_open(&removal, call, err), status = 0;

	for (int i = 0; r == 0 && i < call->arg_count; i++)
		if (remove_one(&removal, call->args[i], err) < 0) {
			log_error(err);
			*err = (struct error){ 0 };
			status = 1;
		}
	if (r == 0)
		r = gc_run(removal.store, &removal.work, call->arena, &removal.freed, err);
	if (r == 0)
		r = write_result(&removal, err);
	removal_close(&removal);
	return r < 0 ? r : status;
}

/* ---- prune ---- */

static int prune_one(struct removal *removal, const struct image *image, struct error *err)
{
	struct spec_strings names = { 0 };
	const char *container = NULL;
	int r = store_names_of(removal->store, &image->digest, removal->call->arena, &names, err);

	if (r == 0)
		r = gc_user_of(removal->store, &image->digest, removal->call->arena, &container, err);
	if (r < 0 || container || (names.count && !removal->options->all))
		return r;
	return remove_image(removal, image, &names, err);
}

static int prune_run(const struct call *call, struct error *err)
{
	struct removal removal;
	struct image *images = NULL;
	size_t count = 0;
	int r = removal_open(&removal, call, err);

	if (r == 0)
		r = store_read_images(removal.store, call->arena, &images, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = prune_one(&removal, &images[i], err);
	if (r == 0)
		r = gc_run(removal.store, &removal.work, call->arena, &removal.freed, err);
	if (r == 0)
		r = write_result(&removal, err);
	removal_close(&removal);
	return r;
}

/* ---- the verbs ---- */

#define REMOVE_FORMAT                                                                                                  \
	OPTION("format", 0, OPTION_CHOICE, struct remove_options, format, .value = "FORMAT", .choices = formats,       \
		.help = "text or json")

static const struct option rm_options[] = {
	OPTION("force", 'f', OPTION_FLAG, struct remove_options, force,
		.help = "all names of an id; the names of an image that a container uses"),
	REMOVE_FORMAT,
};

const struct verb verb_rm = {
	.name = "image rm",
	.usage = "[OPTIONS] IMAGE...",
	.summary = "Take names away, and with the last one the image.",
	.examples = "  husk image rm debian:12 debian:13",
	.options = rm_options,
	.option_count = ARRAY_SIZE(rm_options),
	.options_size = sizeof(struct remove_options),
	.min_args = 1,
	.max_args = ARGS_MAX,
	.files = VERB_FILES_USED,
	.run = rm_run,
};

static const struct option prune_options[] = {
	OPTION("all", 'a', OPTION_FLAG, struct remove_options, all,
		.help = "those with names, too, that no container uses"),
	OPTION("force", 'f', OPTION_FLAG, struct remove_options, force, .help = "accepted; husk never asks"),
	REMOVE_FORMAT,
};

const struct verb verb_prune = {
	.name = "image prune",
	.usage = "[OPTIONS]",
	.summary = "Remove images that have no name and are in no use, and what no image needs.",
	.options = prune_options,
	.option_count = ARRAY_SIZE(prune_options),
	.options_size = sizeof(struct remove_options),
	.files = VERB_FILES_USED,
	.run = prune_run,
};
