/* images/image/unpack.c: husk image unpack: a bundle that any OCI runtime takes.
 *
 * The layers are unpacked at the same time, each into a folder of its own beside the root, and then moved into it from the
 * base up, whiteouts applied. Root and config.json get their names last. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/path.h"
#include "base/text.h"
#include "base/userns.h"
#include "images/image/confine.h"
#include "images/image/layers.h"
#include "images/image/limits.h"
#include "images/image/source.h"
#include "images/image/store.h"
#include "images/image/take.h"
#include "images/image/verb.h"
#include "images/passwd.h"
#include "images/to_config.h"

#define VERSION_FOR_ALL "1.0.2" /* of the specification: nothing newer is used, and runtimes of 2022 refuse more */

struct unpack_options {
	struct take_options take;
};

static const struct unpack_options defaults = { .take.tls_verify = true };

struct job {
	const struct call *call;
	const struct take_options *options;
	struct reference reference;
	struct platform platform;
	struct source *source;
	int target; /* owned: the bundle's folder */
	struct work work;
	struct image image;
	struct layer_limits limits;
};

/* ---- opening ---- */

/* A name that the store has, with all that belongs to it, is taken from there. */
static int open_source(struct job *job, struct error *err)
{
	const struct fetch_settings settings = take_fetch_settings(job->options);
	cleanup_close int store = -1;
	struct image image = { 0 };
	int r = 0;

	if (job->reference.transport == IMAGE_REGISTRY) {
		r = store_open(job->call->store, &store, err);
		if (r == 0)
			r = image_find(store, job->call->args[0], job->call->arena, &image, err);
		if (r < 0)
			return r;
		if (r == IMAGE_FOUND)
			return source_open_store(store, &image.digest, &job->reference, &job->source, err);
	}
	r = source_open(&job->reference, &settings, &job->source, err);
	if (r == 0)
		job->source->strangers_are_root = job->call->ids;
	return r;
}

static int check_empty(void *data, const char *name, struct error *err)
{
	const char *path = data;

	return text_starts_with(name, ".husk-")
		? 0
		: error_bad(err, ENOTEMPTY, "%s is not empty: it has %.100s", path, name);
}

static int open_target(struct job *job, struct error *err)
{
	char *path = job->call->args[1];
	int r;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make %s", path);
	job->target = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (job->target < 0)
		return error_sys(err, errno, "open %s", path);
	r = store_list(job->target, ".", check_empty, path, err);
	return r < 0 ? r : work_open(job->target, &job->work, err);
}

/* ---- the root ---- */

/* From the base up, into an empty folder, so that whiteouts of the base go as well. */
static int merge(const struct job *job, const struct layers *layers, struct error *err)
{
	cleanup_close int root = -1;
	int r = 0;

	if (mkdirat(job->work.dir, "rootfs", 0755) < 0)
		return error_sys(err, errno, "make the root");
	root = openat(job->work.dir, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (root < 0)
		return error_sys(err, errno, "open the root");
	for (size_t i = 0; r == 0 && i < job->image.layer_count; i++)
		r = layer_merge(root, layers_tree(layers, i), job->call->args[0], err);
	return r;
}

static int unpack(struct job *job, struct error *err)
{
	struct layers_request request = {
		.source = job->source,
		.image = &job->image,
		.name = job->call->args[0],
		.work = &job->work,
		.store = -1,
		.ids = job->call->ids,
		.form = "",
		.limits = &job->limits,
		.progress =
			progress_new(job->options->quiet ? PROGRESS_NONE : (enum progress_style)job->options->progress,
				job->image.layer_count),
	};
	struct layers *layers = NULL;
	int r = layers_unpack(&request, &layers, err);

	progress_free(request.progress);
	if (r == 0)
		r = merge(job, layers, err);
	layers_free(layers);
	return r;
}

/* ---- config.json ---- */

static int fill_config(struct job *job, struct config *config, struct error *err)
{
	static const char *shell[] = { "/bin/sh", NULL };
	cleanup_close int root = openat(job->work.dir, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = root < 0 ? error_sys(err, errno, "open the root") : 0;

	config_init(config, job->call->arena);
	if (r == 0)
		r = config_check_volumes(&job->image, err);
	if (r == 0)
		r = config_take_image(config, &job->image, err);
	if (r == 0)
		r = passwd_resolve(root, job->image.user, job->call->arena, &config->user, err);
	if (r < 0)
		return r;
	config_add_volumes(config, &job->image);
	if (job->call->ids) {
		config_map_ids(config, job->call->ids);
		config_fit_user_namespace(config, true);
		if (job->call->ids->gids.count == 1) /* and groups cannot be set in it */
			config->user.additional_gid_count = 0;
	}
	config->version = VERSION_FOR_ALL;
	config->limits.pids.given = false; /* not every host has the controller */
	if (config->args.count == 0)
		config->args = (struct spec_strings){ shell, 1 };
	return 0;
}

static int write_config(struct job *job, struct error *err)
{
	struct config config;
	struct json_writer w;
	const char *text;
	char *pretty;
	size_t len = 0;
	int r = fill_config(job, &config, err);

	if (r < 0)
		return r;
	json_write_init(&w);
	config_write(&config, &w);
	text = json_write_end(&w, &len);
	pretty = text ? json_pretty(text, len, 2) : NULL;
	json_write_done(&w);
	r = pretty ? file_replace_at(job->work.dir, "config.json", pretty, strlen(pretty), 0644, err)
		   : error_sys(err, ENOMEM, "write config.json");
	free(pretty);
	return r;
}

/* ---- all ---- */

static int publish(const struct job *job, struct error *err)
{
	static const char *const names[] = { "rootfs", "config.json" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (renameat(job->work.dir, names[i], job->target, names[i]) < 0)
			return error_sys(err, errno, "write %s/%s", job->call->args[1], names[i]);
	return 0;
}

static int carry_out(struct job *job, struct error *err)
{
	struct arena *arena = job->call->arena;
	struct document manifest = { 0 }, config = { 0 };
	int r = open_source(job, err);

	if (r == 0)
		r = open_target(job, err);
	if (r == 0)
		r = confine_take(job->call, job->target, job->source, err);
	if (r == 0)
		r = source_begin(job->source, &job->platform, job->work.dir, arena, err);
	if (r == 0)
		r = source_choose(job->source, &job->platform, arena, &job->image, &manifest, &config, err);
	if (r == 0)
		r = unpack(job, err);
	if (r == 0)
		r = write_config(job, err);
	return r < 0 ? r : publish(job, err);
}

static int unpack_run(const struct call *call, struct error *err)
{
	const struct unpack_options *options = call->options;
	struct job job = { .call = call, .options = &options->take, .target = -1, .work.dir = -1 };
	int r = reference_parse(call->args[0], call->arena, &job.reference, err);

	if (r == 0)
		r = limits_parse(&options->take.limits, &job.limits, err);
	if (r == 0)
		r = platform_parse(options->take.platform, call->arena, &job.platform, err);
	if (r < 0)
		return r;
	r = carry_out(&job, err);
	source_close(job.source);
	work_close(&job.work);
	fd_closep(&job.target);
	return r < 0 ? take_say_image(call->args[0], err) : 0;
}

static const struct option unpack_options[] = {
	TAKE_PLATFORM(struct unpack_options),
	TAKE_QUIET(struct unpack_options),
	TAKE_PROGRESS(struct unpack_options),
	TAKE_LIMITS(struct unpack_options),
	TAKE_REGISTRY(struct unpack_options),
};

const struct verb verb_unpack = {
	.name = "image unpack",
	.usage = "[OPTIONS] IMAGE DIR",
	.summary = "Make a bundle of an image: DIR/rootfs and DIR/config.json, for any OCI runtime.",
	.examples = "  husk image unpack debian:13 bundle && husk run bundle/\n"
		    "  husk image unpack oci:./layout:v1 bundle",
	.options = unpack_options,
	.option_count = ARRAY_SIZE(unpack_options),
	.options_size = sizeof(struct unpack_options),
	.defaults = &defaults,
	.min_args = 2,
	.max_args = 2,
	.files = VERB_FILES_MADE,
	.run = unpack_run,
};
