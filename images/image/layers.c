/* images/image/layers.c: see the header.
 *
 * Theory of operation
 * Threads take the layers from the base up, so whoever must wait for the layers below (wait_lower) waits for some that are
 * under way or done, never for one that nobody has begun. The first that fails gives the error; the others hear of it at
 * their next progress call. Nothing is placed before all have succeeded, so a refused image leaves the store as it was. */
#include "images/image/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/tree.h"
#include "base/userns.h"
#include "images/image/hash.h"
#include "images/image/progress.h"
#include "images/image/source.h"
#include "images/image/store.h"

enum { THREADS_MAX = 4 /* each has a few MiB of buffers; all together stay below 64 MiB */ };

enum state { WAITS, UNDER_WAY, DONE, FAILED };

struct unit {
	struct layers *layers;
	size_t index;
	enum state state;
	bool present;        /* it was in the store */
	int tree;            /* owned */
	struct digest chain; /* its ChainID */
	struct layer_result result;
};

struct layers {
	struct layers_request request;
	size_t count;
	struct unit *units;
	int *lower; /* all trees, the top first: those below layer i are its last i */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t next;
	int code; /* of the first that failed */
	struct error error;
};

/* ---- names ---- */

static void layer_name(const struct unit *unit, const char *what, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s-%zu", what, unit->index);
}

/* ChainID: of the base its DiffID, above it the digest of "CHAIN DIFF" [image-spec: config.md, Layer ChainID]. */
static int chain_ids(struct layers *layers, struct error *err)
{
	const struct image *image = layers->request.image;

	for (size_t i = 0; i < layers->count; i++) {
		char below[DIGEST_TEXT_MAX], own[DIGEST_TEXT_MAX], text[2 * DIGEST_TEXT_MAX];
		int r;
		layers->units[i].chain = image->layers[i].diff_id;
		if (i == 0)
			continue;
		(void)snprintf(text, sizeof(text), "%s %s", digest_text(&layers->units[i - 1].chain, below),
			digest_text(&image->layers[i].diff_id, own));
		r = hash_of(DIGEST_SHA256, text, strlen(text), &layers->units[i].chain, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- what is there, and room for what is not ---- */

/* A tree by DiffID serves everybody if it rests on nothing; the base has nothing to rest on. */
static bool find_present(struct unit *unit)
{
	const struct layers_request *request = &unit->layers->request;
	struct image_layer *layer = &request->image->layers[unit->index];
	struct layer_info info = { 0 };

	if (request->store < 0 || !store_has_blob(request->store, &layer->digest, layer->size))
		return false;
	layer->form = request->form;
	if (store_has_layer(request->store, &layer->diff_id, request->form, &info) &&
		(unit->index == 0 || !info.rests_on_lower))
		layer->id = layer->diff_id;
	else if (store_has_layer(request->store, &unit->chain, request->form, &info))
		layer->id = unit->chain;
	else
		return false;
	layer->unpacked = info.unpacked;
	return true;
}

static int make_tree(const struct unit *unit, struct error *err)
{
	int work = unit->layers->request.work->dir, tree;
	char name[32], path[40];

	layer_name(unit, "layer", name, sizeof(name));
	(void)snprintf(path, sizeof(path), "%s/tree", name);
	if (mkdirat(work, name, 0700) < 0 || mkdirat(work, path, 0755) < 0)
		return error_sys(err, errno, "make a folder for a layer");
	tree = openat(work, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return tree < 0 ? error_sys(err, errno, "open the folder of a layer") : tree;
}

static int prepare(struct layers *layers, struct error *err)
{
	const struct layers_request *request = &layers->request;
	int r = chain_ids(layers, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < layers->count; i++) {
		struct unit *unit = &layers->units[i];
		const struct image_layer *layer = &request->image->layers[i];
		unit->present = find_present(unit);
		unit->state = unit->present ? DONE : WAITS;
		unit->tree = unit->present ? image_open_layer(request->store, layer, err) : make_tree(unit, err);
		if (unit->tree < 0)
			return unit->tree;
		layers->lower[layers->count - 1 - i] = unit->tree;
		progress_layer(request->progress, i, &layer->digest, layer->size);
		if (unit->present)
			progress_done(request->progress, i, true);
	}
	return 0;
}

/* ---- one layer ---- */

static int on_progress(void *data, uint64_t bytes)
{
	struct unit *unit = data;
	int code;

	(void)pthread_mutex_lock(&unit->layers->lock);
	code = unit->layers->code;
	(void)pthread_mutex_unlock(&unit->layers->lock);
	progress_bytes(unit->layers->request.progress, unit->index, bytes);
	return code < 0 ? -ECANCELED : 0;
}

static int wait_lower(void *data)
{
	struct unit *unit = data;
	struct layers *layers = unit->layers;
	int r = 0;

	(void)pthread_mutex_lock(&layers->lock);
	for (size_t i = 0; r == 0 && i < unit->index; i++) {
		while (layers->units[i].state != DONE && layers->units[i].state != FAILED)
			(void)pthread_cond_wait(&layers->changed, &layers->lock);
		if (layers->units[i].state == FAILED)
			r = -ECANCELED;
	}
	(void)pthread_mutex_unlock(&layers->lock);
	return r;
}

static int unpack_stream(struct unit *unit, int stream, int keep, struct error *err)
{
	const struct layers_request *request = &unit->layers->request;
	const struct image_layer *layer = &request->image->layers[unit->index];
	char name[320];
	struct layer_request unpack = {
		.name = name,
		.stream = stream,
		.keep = keep,
		.has_size = true,
		.size = layer->size,
		.digest = layer->digest,
		.diff_id = layer->diff_id,
		.tree = unit->tree,
		.lower = unit->layers->lower + (unit->layers->count - unit->index),
		.lower_count = unit->index,
		.wait_lower = wait_lower,
		.rootless = request->ids,
		.many_owners = request->ids && request->ids->uids.count > 1,
		.limits = request->limits,
		.progress = on_progress,
		.data = unit,
	};

	(void)snprintf(
		name, sizeof(name), "%.250s, layer %zu of %zu", request->name, unit->index + 1, unit->layers->count);
	return layer_unpack(&unpack, &unit->result, err);
}

static int open_keep(const struct unit *unit, int *ret_keep, struct error *err)
{
	char name[32];

	*ret_keep = -1;
	if (unit->layers->request.store < 0 || *unit->layers->request.form)
		return 0;
	layer_name(unit, "blob", name, sizeof(name));
	*ret_keep = openat(
		unit->layers->request.work->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return *ret_keep < 0 ? error_sys(err, errno, "make a file for a layer") : 0;
}

/* Where the source knows why its stream was cut short, that is the error. */
static int try_place(struct unit *unit, unsigned *place, struct error *err)
{
	const struct layers_request *request = &unit->layers->request;
	const struct image_layer *layer = &request->image->layers[unit->index];
	struct descriptor descriptor = {
		.media_type = layer->media_type, .digest = layer->digest, .size = layer->size
	};
	struct blob_stream stream = { .fd = -1, .place = *place };
	struct error end = { 0 };
	cleanup_close int keep = -1;
	int r = open_keep(unit, &keep, err), ended;

	*place = 0;
	if (r == 0)
		r = source_stream(request->source, &descriptor, &stream, err);
	if (r < 0)
		return r;
	r = unpack_stream(unit, stream.fd, keep, err);
	ended = source_stream_end(request->source, &stream, &end);
	*place = stream.place;
	if (ended < 0 && ended != -ECANCELED && r != -ECANCELED) {
		*err = end;
		(void)error_at(err, "%.250s, layer %zu of %zu", request->name, unit->index + 1, unit->layers->count);
		r = ended;
	}
	return r;
}

/* As if nothing had come yet; the tree of what came is nobody's but ours until the layer is done. */
static int start_again(struct unit *unit, struct error *err)
{
	struct layers *layers = unit->layers;
	int work = layers->request.work->dir, r;
	char name[32];

	layer_name(unit, "blob", name, sizeof(name));
	(void)unlinkat(work, name, 0);
	layer_name(unit, "layer", name, sizeof(name));
	r = tree_erase(work, name, err);
	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&layers->lock);
	fd_closep(&unit->tree);
	unit->tree = r = make_tree(unit, err);
	layers->lower[layers->count - 1 - unit->index] = unit->tree;
	(void)pthread_mutex_unlock(&layers->lock);
	return r < 0 ? r : 0;
}

static bool is_cancelled(struct layers *layers)
{
	bool cancelled;

	(void)pthread_mutex_lock(&layers->lock);
	cancelled = layers->code < 0;
	(void)pthread_mutex_unlock(&layers->lock);
	return cancelled;
}

/* A mirror may have anything under a layer's digest; whatever came of it, the next place is asked. */
static int unpack_unit(struct unit *unit, struct error *err)
{
	unsigned place = 0, asked;
	int r;

	for (;;) {
		asked = place;
		r = try_place(unit, &place, err);
		if (r >= 0 || place <= asked || is_cancelled(unit->layers))
			return r;
		*err = (struct error){ 0 };
		r = start_again(unit, err);
		if (r < 0)
			return r;
	}
}

/* ---- the threads ---- */

static struct unit *take_unit(struct layers *layers)
{
	while (layers->code == 0 && layers->next < layers->count) {
		struct unit *unit = &layers->units[layers->next++];
		if (!unit->present) {
			unit->state = UNDER_WAY;
			return unit;
		}
	}
	return NULL;
}

static void *work_on(void *data)
{
	struct layers *layers = data;

	(void)pthread_mutex_lock(&layers->lock);
	for (struct unit *unit; (unit = take_unit(layers));) {
		struct error err = { 0 };
		int r;
		(void)pthread_mutex_unlock(&layers->lock);
		r = unpack_unit(unit, &err);
		if (r == 0)
			progress_done(layers->request.progress, unit->index, false);
		(void)pthread_mutex_lock(&layers->lock);
		unit->state = r < 0 ? FAILED : DONE;
		if (r < 0 && layers->code == 0) {
			layers->code = r;
			layers->error = err;
		}
		(void)pthread_cond_broadcast(&layers->changed);
	}
	(void)pthread_mutex_unlock(&layers->lock);
	return NULL;
}

static size_t thread_count(const struct layers *layers)
{
	size_t needed = 0, allowed = THREADS_MAX;
	cpu_set_t processors;

	for (size_t i = 0; i < layers->count; i++)
		needed += !layers->units[i].present;
	if (sched_getaffinity(0, sizeof(processors), &processors) == 0 && CPU_COUNT(&processors) < THREADS_MAX)
		allowed = (size_t)CPU_COUNT(&processors);
	return needed < allowed ? needed : allowed;
}

/* This thread is one of them; that others could not be started only makes it slower. */
static int run_threads(struct layers *layers, struct error *err)
{
	pthread_t threads[THREADS_MAX];
	size_t started = 0, wanted = thread_count(layers);

	while (started + 1 < wanted && pthread_create(&threads[started], NULL, work_on, layers) == 0)
		started++;
	(void)work_on(layers);
	while (started > 0)
		(void)pthread_join(threads[--started], NULL);
	if (layers->code < 0 && err)
		*err = layers->error;
	return layers->code;
}

static void finish(struct layers *layers)
{
	for (size_t i = 0; i < layers->count; i++) {
		const struct unit *unit = &layers->units[i];
		struct image_layer *layer = &layers->request.image->layers[i];
		if (unit->present)
			continue;
		layer->id = unit->result.rests_on_lower ? unit->chain : layer->diff_id;
		layer->unpacked = unit->result.bytes;
	}
}

/* ---- in and out ---- */

static struct layers *layers_new(const struct layers_request *request)
{
	struct layers *layers = calloc(1, sizeof(*layers));

	if (!layers)
		return NULL;
	layers->request = *request;
	layers->count = request->image->layer_count;
	layers->units = calloc(layers->count + 1, sizeof(*layers->units));
	layers->lower = calloc(layers->count + 1, sizeof(*layers->lower));
	(void)pthread_mutex_init(&layers->lock, NULL);
	(void)pthread_cond_init(&layers->changed, NULL);
	if (!layers->units || !layers->lower) {
		layers->count = 0;
		layers_free(layers);
		return NULL;
	}
	for (size_t i = 0; i < layers->count; i++)
		layers->units[i] = (struct unit){ .layers = layers, .index = i, .tree = -1 };
	return layers;
}

void layers_free(struct layers *layers)
{
	if (!layers)
		return;
	for (size_t i = 0; i < layers->count; i++)
		fd_closep(&layers->units[i].tree);
	(void)pthread_mutex_destroy(&layers->lock);
	(void)pthread_cond_destroy(&layers->changed);
	free(layers->units);
	free(layers->lower);
	free(layers);
}

int layers_unpack(const struct layers_request *request, struct layers **ret, struct error *err)
{
	struct layers *layers = layers_new(request);
	int r;

	if (!layers)
		return error_sys(err, ENOMEM, "unpack the layers");
	r = prepare(layers, err);
	if (r == 0)
		r = run_threads(layers, err);
	progress_end(request->progress);
	if (r < 0) {
		layers_free(layers);
		return r;
	}
	finish(layers);
	*ret = layers;
	return 0;
}

int layers_tree(const struct layers *layers, size_t index)
{
	return layers->units[index].tree;
}

static int place(const struct unit *unit, struct error *err)
{
	const struct layers_request *request = &unit->layers->request;
	const struct image_layer *layer = &request->image->layers[unit->index];
	char name[32];
	int r = 0;

	layer_name(unit, "blob", name, sizeof(name));
	if (!*request->form)
		r = store_place_blob(request->store, request->work, name, &layer->digest, err);
	if (r < 0)
		return r;
	layer_name(unit, "layer", name, sizeof(name));
	return store_place_layer(request->store, request->work, name, &layer->id, request->form, err);
}

int layers_place(struct layers *layers, struct error *err)
{
	const struct layers_request *request = &layers->request;
	char name[32];
	int r = 0;

	for (size_t i = 0; r == 0 && i < layers->count; i++) {
		const struct unit *unit = &layers->units[i];
		const struct layer_info info = { unit->result.bytes, unit->result.rests_on_lower };
		layer_name(unit, "layer", name, sizeof(name));
		r = unit->present ? 0 : store_write_info(request->work, name, &info, request->ids, err);
	}
	if (r == 0 && syncfs(request->work->dir) < 0)
		r = error_sys(err, errno, "sync the file system of the store");
	for (size_t i = 0; r == 0 && i < layers->count; i++)
		if (!layers->units[i].present)
			r = place(&layers->units[i], err);
	return r;
}
