/* images/image/layer.c: one layer from its blob to its tree: the loop, the limits, and the words of what went wrong. */
#include "images/image/layer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "images/image/layer_internal.h"
#include "images/image/stream.h"

enum { CHECK_ENTRIES = 8192, CHECK_BYTES = 64 << 20 };

const struct layer_limits layer_limits_default = {
	.bytes = (uint64_t)64 << 30,
	.entries = 1 << 21,
	.depth = LAYER_DEPTH_MAX,
	.pax_bytes = 1 << 20,
	.ratio = 1000,
	.free_percent = 5,
};

/* ---- limits ---- */

static int check_free(struct layer *layer, struct error *err)
{
	struct statvfs fs;

	layer->checked_entries = layer->entries;
	layer->checked_bytes = layer->bytes;
	if (fstatvfs(layer->request->tree, &fs) < 0)
		return error_sys(err, errno, "look at the free space");
	if (fs.f_blocks > 0 && fs.f_bavail * 100 / fs.f_blocks < layer->limits.free_percent)
		return error_bad(
			err, ENOSPC, "less than %u %% of the file system are free", layer->limits.free_percent);
	if (fs.f_files > 0 && fs.f_favail * 100 / fs.f_files < layer->limits.free_percent)
		return error_bad(err, ENOSPC, "less than %u %% of the file system's inodes are free",
			layer->limits.free_percent);
	return 0;
}

static int count_entry(struct layer *layer, const struct tar_entry *entry, struct error *err)
{
	layer->bytes +=
		entry->kind == TAR_FILE ? entry->size : 0; /* each at most limits.bytes, so it does not wrap around */
	if (++layer->entries > layer->limits.entries)
		return error_bad(err, EFBIG, "more than %" PRIu64 " entries", layer->limits.entries);
	if (layer->bytes > layer->limits.bytes)
		return error_bad(
			err, EFBIG, "the layer's files have more than %" PRIu64 " bytes together", layer->limits.bytes);
	if (layer->entries - layer->checked_entries >= CHECK_ENTRIES ||
		layer->bytes - layer->checked_bytes >= CHECK_BYTES)
		return check_free(layer, err);
	return 0;
}

/* ---- the loop ---- */

struct feed {
	const struct layer_request *request;
	struct stream *stream;
};

static int next_bytes(void *data, const unsigned char **ret_bytes, size_t *ret_len)
{
	const struct feed *feed = data;
	const struct layer_request *request = feed->request;
	int r = request->progress ? request->progress(request->data, stream_position(feed->stream)) : 0;

	return r < 0 ? r : stream_next(feed->stream, ret_bytes, ret_len);
}

/* Which entry it was; a stage of the stream that failed has nothing to do with one. */
static int at_entry(const struct tar *tar, int r, struct error *err)
{
	if (err->code == 0)
		return r;
	if (*tar_path(tar))
		return error_at(err, "%s", tar_path(tar));
	return error_at(err, "at byte %" PRIu64 " of the archive", tar_position(tar));
}

static int unpack_entries(struct layer *layer, struct tar *tar, struct error *err)
{
	const struct tar_entry *entry = NULL;
	int r;

	while ((r = tar_next(tar, &entry, err)) == TAR_ENTRY) {
		r = count_entry(layer, entry, err);
		if (r == 0)
			r = place_entry(layer, tar, entry, err);
		if (r < 0)
			break;
	}
	if (r < 0)
		return at_entry(tar, r, err);
	if (r == TAR_END_UNMARKED && layer->request->diff_id.algorithm == DIGEST_NONE)
		return error_bad(err, EBADMSG, "the archive ends without an end mark: it may have been cut off");
	return 0;
}

static int finish_tree(struct layer *layer, struct error *err)
{
	int r = whiteout_sweep(layer, err);

	return r < 0 ? r : later_apply(&layer->later, layer->request->tree, err);
}

static int unpack_tar(struct layer *layer, struct feed *feed, struct error *err)
{
	const struct tar_source source = { next_bytes, feed };
	const struct tar_limits limits = { layer->limits.bytes, layer->limits.pax_bytes };
	struct tar *tar;
	int r = tar_new(&source, &limits, &tar, err);

	if (r < 0)
		return r;
	r = unpack_entries(layer, tar, err);
	tar_free(tar);
	return r < 0 ? r : finish_tree(layer, err);
}

/* ---- all of it ---- */

static int begin_tree(struct layer *layer, struct error *err)
{
	const struct layer_request *request = layer->request;

	(void)umask(0);
	if (fchmodat(request->tree, ".", 0755, 0) < 0)
		return error_sys(err, errno, "set the mode of the layer's root");
	if (!layer->one_owner && layer->uid != 0 && fchown(request->tree, 0, 0) < 0)
		return error_sys(err, errno, "give the layer's root to root");
	return later_add(&layer->later, "", 0, LAYER_IMPLIED_MTIME, LATER_NO_MODE, NULL, err);
}

static int unpack(struct layer *layer, struct stream_result *ret, struct error *err)
{
	const struct layer_request *request = layer->request;
	const struct stream_request wanted = {
		.source = request->stream,
		.keep = request->keep,
		.has_size = request->has_size,
		.size = request->size,
		.digest = request->digest,
		.diff_id = request->diff_id,
		.bytes = layer->limits.bytes,
		.ratio = layer->limits.ratio,
	};
	struct feed feed = { .request = request };
	int r;

	if ((r = begin_tree(layer, err)) < 0 || (r = check_free(layer, err)) < 0 ||
		(r = stream_start(&wanted, &feed.stream, err)) < 0)
		return r;
	r = unpack_tar(layer, &feed, err);
	return stream_finish(feed.stream, r, ret, err);
}

int layer_unpack(const struct layer_request *request, struct layer_result *ret, struct error *err)
{
	struct layer layer = {
		.request = request,
		.limits = request->limits ? *request->limits : layer_limits_default,
		.uid = geteuid(),
		.gid = getegid(),
		.one_owner = geteuid() != 0 && !request->many_owners,
	};
	struct stream_result stream;
	int r;

	if (layer.limits.depth > LAYER_DEPTH_MAX)
		layer.limits.depth = LAYER_DEPTH_MAX;
	parents_init(&layer.parents, request->tree);
	r = unpack(&layer, &stream, err);
	parents_done(&layer.parents);
	free(layer.later.bytes);
	free(layer.deleted.slots);
	if (r < 0)
		(void)error_at(err, "%s", request->name);
	else
		*ret = (struct layer_result){ stream.digest, stream.diff_id, stream.size, layer.entries, layer.bytes,
			layer.rests_on_lower };
	return r;
}
