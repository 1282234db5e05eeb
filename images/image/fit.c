/* images/image/fit.c: husk image fit: the layers of an image once more, for other ids.
 *
 * Files of a layer belong to ids of the user who unpacked it, and a user namespace shows each of them as one id: so a
 * container with another map, or one after a change of /etc/subuid, needs layers of its own. They are unpacked anew from the
 * blobs that the store has kept, as forms of the layers that are there (images/images.h). husk run starts this by itself. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/userns.h"
#include "images/image/confine.h"
#include "images/image/layers.h"
#include "images/image/progress.h"
#include "images/image/source.h"
#include "images/image/store.h"
#include "images/image/verb.h"

struct fit_options {
	const char *keep_id;
	bool quiet;
};

struct job {
	const struct call *call;
	int store, tmp, lock; /* owned */
	struct work work;
	struct source *source;
	struct image image;
	const char *form;
};

/* ---- the ids ---- */

static int take_ids(const struct call *call, struct userns_ids *ids, struct error *err)
{
	const struct fit_options *options = call->options;
	const struct userns_ids own = *ids;
	char *uid, *gid;
	uint64_t uid_value, gid_value;

	if (!options->keep_id)
		return 0;
	uid = arena_strdup(call->arena, options->keep_id);
	gid = strchr(uid, ':');
	if (gid)
		*gid++ = '\0';
	if (!gid || text_to_u64(uid, 0, UINT32_MAX - 1, &uid_value) < 0 ||
		text_to_u64(gid, 0, UINT32_MAX - 1, &gid_value) < 0)
		return error_bad(err, EINVAL, "--keep-id: expected UID:GID, found \"%s\"", options->keep_id);
	return userns_keep(&own, (uid_t)uid_value, (gid_t)gid_value, ids, err);
}

/* ---- the work ---- */

static int open_all(struct job *job, struct error *err)
{
	static const struct reference stored = { .name = "" };
	const struct call *call = job->call;
	char text[USERNS_IDS_TEXT_MAX];
	int r = store_open(call->store, &job->store, err);

	if (r == 0)
		r = image_find_record(job->store, call->args[0], call->arena, &job->image, err);
	if (r == IMAGE_UNKNOWN)
		return error_bad(err, ENOENT, "the store has no image %.300s", call->args[0]);
	if (r >= 0)
		r = source_open_store(job->store, &job->image.digest, &stored, &job->source, err);
	if (r < 0)
		return r;
	userns_ids_text(call->ids, text);
	job->form = image_form(text, call->arena);
	job->tmp = store_open_tmp(job->store, err);
	return job->tmp < 0 ? job->tmp : work_open(job->tmp, &job->work, err);
}

static int make(struct job *job, struct error *err)
{
	const struct fit_options *options = job->call->options;
	struct layers_request request = {
		.source = job->source,
		.image = &job->image,
		.name = job->call->args[0],
		.work = &job->work,
		.store = job->store,
		.ids = job->call->ids,
		.form = job->form,
		.limits = &layer_limits_default,
		.progress = progress_new(options->quiet ? PROGRESS_NONE : PROGRESS_AUTO, job->image.layer_count),
	};
	struct layers *layers = NULL;
	int r = layers_unpack(&request, &layers, err);

	progress_free(request.progress);
	if (r == 0)
		r = layers_place(layers, err);
	layers_free(layers);
	return r;
}

static int carry_out(struct job *job, struct error *err)
{
	int r = open_all(job, err);

	if (r == 0)
		r = confine_take(job->call, job->store, job->source, err);
	if (r == 0)
		r = job->lock = store_lock_image(job->store, &job->image.digest, err);
	if (r >= 0)
		r = make(job, err);
	store_unlock_image(job->store, &job->image.digest, &job->lock);
	return r;
}

static int fit_run(const struct call *call, struct error *err)
{
	struct job job = { .call = call, .store = -1, .tmp = -1, .lock = -1, .work.dir = -1 };
	int r;

	if (!call->ids) {
		(void)error_bad(err, EPERM, "image fit is for users");
		return error_hint(err, "for root the ids of an image are those of the host");
	}
	r = carry_out(&job, err);
	source_close(job.source);
	work_close(&job.work);
	fd_closep(&job.tmp);
	fd_closep(&job.store);
	return r;
}

static const struct option fit_options[] = {
	OPTION("keep-id", 0, OPTION_TEXT, struct fit_options, keep_id, .value = "UID:GID",
		.help = "what the caller is in the container"),
	OPTION("quiet", 'q', OPTION_FLAG, struct fit_options, quiet, .help = "show no progress"),
};

const struct verb verb_fit = {
	.name = "image fit",
	.usage = "[OPTIONS] IMAGE",
	.summary = "Unpack the layers of an image once more, for the ids that a user has now.",
	.options = fit_options,
	.option_count = ARRAY_SIZE(fit_options),
	.options_size = sizeof(struct fit_options),
	.min_args = 1,
	.max_args = 1,
	.files = VERB_FILES_USED,
	.ids = take_ids,
	.run = fit_run,
};
