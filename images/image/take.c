/* images/image/take.c: see the header.
 *
 * In order: open all (store, source, a folder for the work), confine, choose the image, wait for whoever makes the same one,
 * unpack, place layers and blobs, write the record, and last the name. */
#include "images/image/take.h"

#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "images/image/confine.h"
#include "images/image/layers.h"
#include "images/image/limits.h"
#include "images/image/output.h"
#include "images/image/source.h"
#include "images/image/store.h"
#include "images/image/verb.h"

struct job {
	const struct call *call;
	const struct take_options *options;
	struct reference reference;
	struct platform platform;
	const char *name; /* asked for, or NULL */
	int store, tmp;   /* owned */
	struct work work;
	struct source *source;
	struct image image;
	struct layer_limits limits;
	struct document manifest, config;
};

struct fetch_settings take_fetch_settings(const struct take_options *options)
{
	return (struct fetch_settings){
		.auth_file = options->auth_file,
		.creds = options->creds,
		.cert_dir = options->cert_dir,
		.tls_verify = options->tls_verify ? -1 : 0, /* -1: unless registries.conf says otherwise */
	};
}

/* ---- the stages ---- */

static int read_request(struct job *job, const char *source, const char *name, struct error *err)
{
	struct reference named = { 0 };
	int r = reference_parse(source, job->call->arena, &job->reference, err);

	if (r == 0)
		r = limits_parse(&job->options->limits, &job->limits, err);
	if (r == 0)
		r = platform_parse(job->options->platform, job->call->arena, &job->platform, err);
	if (r == 0 && name)
		r = reference_parse_name(name, job->call->arena, &named, err);
	if (r == 0)
		job->name = name ? named.name : job->reference.name;
	return r;
}

static int open_all(struct job *job, struct error *err)
{
	const struct fetch_settings settings = take_fetch_settings(job->options);
	int r = store_open(job->call->store, &job->store, err);

	if (r == 0)
		r = source_open(&job->reference, &settings, &job->source, err);
	if (r < 0)
		return r;
	job->source->strangers_are_root = job->call->ids;
	job->tmp = store_open_tmp(job->store, err);
	return job->tmp < 0 ? job->tmp : work_open(job->tmp, &job->work, err);
}

static int choose(struct job *job, struct error *err)
{
	struct arena *arena = job->call->arena;
	int r = source_begin(job->source, &job->platform, job->work.dir, arena, err);

	return r < 0
		? r
		: source_choose(job->source, &job->platform, arena, &job->image, &job->manifest, &job->config, err);
}

static bool is_whole(const struct job *job)
{
	struct image image = { 0 };

	if (image_read(job->store, &job->image.digest, job->call->arena, &image, NULL) != IMAGE_FOUND)
		return false;
	for (size_t i = 0; i < image.layer_count; i++) {
		cleanup_close int tree = image_open_layer(job->store, &image.layers[i], NULL);
		if (tree < 0 || !store_has_blob(job->store, &image.layers[i].digest, image.layers[i].size))
			return false;
	}
	return true;
}

static int put_documents(struct job *job, struct error *err)
{
	const struct document *manifest = &job->manifest, *config = &job->config;
	int r = store_put_blob(job->store, &job->work, &job->image.config, config->text, config->len, err);

	return r < 0 ? r
		     : store_put_blob(job->store, &job->work, &job->image.digest, manifest->text, manifest->len, err);
}

static int make(struct job *job, struct error *err)
{
	struct layers_request request = {
		.source = job->source,
		.image = &job->image,
		.name = job->call->args[0],
		.work = &job->work,
		.store = job->store,
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
		r = put_documents(job, err);
	if (r == 0)
		r = layers_place(layers, err);
	if (r == 0)
		r = store_put_record(job->store, &job->work, &job->image, err);
	layers_free(layers);
	return r;
}

/* The name that was asked for, or those that the archive gives. */
static int put_names(struct job *job, struct error *err)
{
	const struct spec_strings *names = &job->source->names;
	int r = job->name ? store_put_name(job->store, &job->work, job->name, &job->image.digest, err) : 0;

	for (size_t i = 0; !job->name && r == 0 && i < names->count; i++)
		r = store_put_name(job->store, &job->work, names->items[i], &job->image.digest, err);
	return r;
}

static int carry_out(struct job *job, struct error *err)
{
	int lock = -1, r = open_all(job, err);

	if (r == 0)
		r = confine_take(job->call, job->store, job->source, err);
	if (r < 0)
		return r;
	r = choose(job, err);
	if (r == 0)
		r = lock = store_lock_image(job->store, &job->image.digest, err);
	if (r >= 0)
		r = is_whole(job) ? 0 : make(job, err);
	store_unlock_image(job->store, &job->image.digest, &lock);
	return r < 0 ? r : put_names(job, err);
}

int take_say_image(const char *source, struct error *err)
{
	if (text_starts_with(err->where, source) || text_starts_with(err->what, source))
		return err->code;
	return error_at(err, "%.300s", source);
}

int take(const struct call *call, const struct take_options *options, const char *source, const char *name,
	struct error *err)
{
	struct job job = { .call = call, .options = options, .store = -1, .tmp = -1, .work.dir = -1 };
	char id[DIGEST_TEXT_MAX];
	int r = read_request(&job, source, name, err);

	if (r < 0)
		return r;
	r = carry_out(&job, err);
	source_close(job.source);
	work_close(&job.work);
	fd_closep(&job.tmp);
	fd_closep(&job.store);
	if (r < 0)
		return take_say_image(source, err);
	output_say("%s\n", digest_text(&job.image.config, id));
	return output_end(err);
}
