/* images/image/export.c: husk image export: an image of the store as a layout or archive, its blobs byte for byte.
 *
 * A docker-archive is an OCI layout that has a manifest.json, too, as `docker save` writes it today: older readers find what
 * they know, and so do newer ones. */
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
#include "images/image/confine.h"
#include "images/image/output.h"
#include "images/image/store.h"
#include "images/image/tar_write.h"
#include "images/image/verb.h"
#include "images/reference.h"

enum { COPY = 1 << 20 };
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define LAYOUT        "{\"imageLayoutVersion\":\"1.0.0\"}"

struct job {
	const struct call *call;
	struct reference target;
	const char *name; /* of the image, in the index; NULL = none */
	const char *tag;
	int store, out;        /* owned: out is the folder or the file */
	const char *temporary; /* the file's name until it is whole; NULL */
	int parent;            /* owned: the folder it lies in */
	struct image image;
	uint64_t manifest_size, config_size;
	const char *manifest_type;
	char *buf; /* COPY bytes */
};

static bool is_folder(const struct job *job)
{
	return job->target.transport == IMAGE_OCI;
}

/* ---- one file ---- */

static int put_text(struct job *job, const char *path, const char *text, size_t len, struct error *err)
{
	int r;

	if (is_folder(job))
		return file_replace_at(job->out, path, text, len, 0644, err);
	r = tar_write_file_header(job->out, path, len, err);
	if (r == 0)
		r = file_write_all(job->out, text, len);
	return r < 0 ? error_sys(err, r, "write %s", job->call->args[1]) : tar_write_padding(job->out, len, err);
}

static int copy(struct job *job, int from, int to, const char *path, uint64_t size, struct error *err)
{
	while (size > 0) {
		ssize_t n = read(from, job->buf, size < COPY ? (size_t)size : COPY);
		int r = n > 0 ? file_write_all(to, job->buf, (size_t)n) : 0;
		if (n < 0)
			return error_sys(err, errno, "read %s", path);
		if (n == 0)
			return error_bad(err, EBADMSG, "%s is shorter than it was", path);
		if (r < 0)
			return error_sys(err, r, "write %s", job->call->args[1]);
		size -= (uint64_t)n;
	}
	return 0;
}

static int put_blob_file(struct job *job, int blob, const char *path, uint64_t size, struct error *err)
{
	cleanup_close int file = openat(job->out, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

	return file < 0 ? error_sys(err, errno, "make %s", path) : copy(job, blob, file, path, size, err);
}

static int put_blob(struct job *job, const struct digest *digest, uint64_t *ret_size, struct error *err)
{
	char buf[DIGEST_TEXT_MAX], path[DIGEST_TEXT_MAX + 8];
	cleanup_close int blob = -1;
	struct stat st;
	int r;

	(void)snprintf(path, sizeof(path), "blobs/%s", digest_path(digest, buf));
	blob = path_open_beneath(job->store, path, O_RDONLY | O_NOFOLLOW);
	if (blob < 0)
		return error_sys(err, blob, "open %s", path);
	if (fstat(blob, &st) < 0)
		return error_sys(err, errno, "look at %s", path);
	*ret_size = (uint64_t)st.st_size;
	if (is_folder(job))
		return put_blob_file(job, blob, path, *ret_size, err);
	r = tar_write_file_header(job->out, path, *ret_size, err);
	if (r == 0)
		r = copy(job, blob, job->out, path, *ret_size, err);
	return r < 0 ? r : tar_write_padding(job->out, *ret_size, err);
}

/* ---- the documents ---- */

static int put_json(struct job *job, const char *path, struct json_writer *w, struct error *err)
{
	size_t len = 0;
	const char *text = json_write_end(w, &len);
	int r = text ? put_text(job, path, text, len, err) : error_sys(err, ENOMEM, "write %s", path);

	json_write_done(w);
	return r;
}

static int put_index(struct job *job, struct error *err)
{
	char digest[DIGEST_TEXT_MAX];
	struct json_writer w;

	json_write_init(&w);
	json_object(&w, NULL);
	json_uint(&w, "schemaVersion", 2);
	json_string(&w, "mediaType", "application/vnd.oci.image.index.v1+json");
	json_array(&w, "manifests");
	json_object(&w, NULL);
	json_string(&w, "mediaType", job->manifest_type);
	json_string(&w, "digest", digest_text(&job->image.digest, digest));
	json_uint(&w, "size", job->manifest_size);
	if (job->name) {
		json_object(&w, "annotations");
		json_string(&w, "io.containerd.image.name", job->name);
		json_string(&w, "org.opencontainers.image.ref.name", job->tag);
		json_object_end(&w);
	}
	json_object_end(&w);
	json_array_end(&w);
	json_object_end(&w);
	return put_json(job, "index.json", &w, err);
}

/* docker's own list of what is in the archive. */
static int put_docker_manifest(struct job *job, struct error *err)
{
	char buf[DIGEST_TEXT_MAX];
	const char *repository, *tag;
	struct json_writer w;

	json_write_init(&w);
	json_array(&w, NULL);
	json_object(&w, NULL);
	json_string(&w, "Config", arena_printf(job->call->arena, "blobs/%s", digest_path(&job->image.config, buf)));
	json_array(&w, "RepoTags");
	image_familiar_name(job->name, job->call->arena, &repository, &tag);
	if (*tag != '<')
		json_string(&w, NULL, arena_printf(job->call->arena, "%s:%s", repository, tag));
	json_array_end(&w);
	json_array(&w, "Layers");
	for (size_t i = 0; i < job->image.layer_count; i++)
		json_string(&w, NULL,
			arena_printf(job->call->arena, "blobs/%s", digest_path(&job->image.layers[i].digest, buf)));
	json_array_end(&w);
	json_object_end(&w);
	json_array_end(&w);
	return put_json(job, "manifest.json", &w, err);
}

static bool comes_again(const struct image *image, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (digest_equal(&image->layers[i].digest, &image->layers[index].digest))
			return true;
	return false;
}

static int put_all(struct job *job, struct error *err)
{
	uint64_t size;
	int r = put_text(job, "oci-layout", LAYOUT, strlen(LAYOUT), err);

	if (r == 0)
		r = put_blob(job, &job->image.digest, &job->manifest_size, err);
	if (r == 0)
		r = put_blob(job, &job->image.config, &job->config_size, err);
	for (size_t i = 0; r == 0 && i < job->image.layer_count; i++)
		if (!comes_again(&job->image, i))
			r = put_blob(job, &job->image.layers[i].digest, &size, err);
	if (r == 0 && job->target.transport == IMAGE_DOCKER_ARCHIVE)
		r = put_docker_manifest(job, err);
	if (r == 0)
		r = put_index(job, err);
	if (r == 0 && !is_folder(job))
		r = tar_write_end(job->out, err);
	return r;
}

/* ---- the target ---- */

static int open_folder(struct job *job, struct error *err)
{
	static const char *const folders[] = { ".", "blobs", "blobs/sha256", "blobs/sha512" };
	const char *path = job->target.path;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make %s", path);
	job->out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (job->out < 0)
		return error_sys(err, errno, "open %s", path);
	if (faccessat(job->out, "index.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return error_bad(err, EEXIST, "%s is a layout already", path);
	for (size_t i = 1; i < ARRAY_SIZE(folders); i++)
		if (mkdirat(job->out, folders[i], 0755) < 0 && errno != EEXIST)
			return error_sys(err, errno, "make %s/%s", path, folders[i]);
	return 0;
}

/* A whole file, or none: it is written beside its place. */
static int open_archive(struct job *job, struct error *err)
{
	const char *path = job->target.path, *slash = strrchr(path, '/');

	if (strcmp(path, "-") == 0) {
		job->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return job->out < 0 ? error_sys(err, errno, "write to standard output") : 0;
	}
	job->parent = path_open_dir(slash ? arena_copy(job->call->arena, path, (size_t)(slash - path) + 1) : ".", err);
	if (job->parent < 0)
		return job->parent;
	job->target.path = slash ? slash + 1 : path;
	if (file_is_device_at(job->parent, job->target.path)) {
		job->out = openat(job->parent, job->target.path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
		return job->out < 0 ? error_sys(err, errno, "open %s", path) : 0;
	}
	job->temporary = arena_printf(job->call->arena, ".%.200s.%d", job->target.path, getpid());
	job->out = openat(job->parent, job->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return job->out < 0 ? error_sys(err, errno, "make %s", path) : 0;
}

static int close_archive(struct job *job, int code, struct error *err)
{
	if (!job->temporary)
		return code;
	if (code == 0 && fsync(job->out) < 0)
		code = error_sys(err, errno, "write %s", job->target.path);
	if (code == 0 && renameat(job->parent, job->temporary, job->parent, job->target.path) < 0)
		code = error_sys(err, errno, "write %s", job->target.path);
	if (code < 0)
		(void)unlinkat(job->parent, job->temporary, 0);
	return code;
}

/* ---- the verb ---- */

/* Where it goes: a path alone is an archive. */
static int read_target(struct job *job, struct error *err)
{
	const char *text = job->call->args[1];
	int r;

	if (reference_parse(text, job->call->arena, &job->target, NULL) < 0 || job->target.transport == IMAGE_REGISTRY)
		text = arena_printf(job->call->arena, "oci-archive:%s", text);
	r = reference_parse(text, job->call->arena, &job->target, err);
	if (r == 0 && job->target.transport == IMAGE_ROOTFS)
		return error_bad(err, EINVAL, "an image cannot be exported as rootfs:; husk image unpack makes a root");
	return r;
}

/* The name under which it was asked for; of an id, the first that the image has. */
static int find_image(struct job *job, struct error *err)
{
	struct arena *arena = job->call->arena;
	struct spec_strings names = { 0 };
	struct reference reference = { 0 };
	int r = image_find(job->store, job->call->args[0], arena, &job->image, err);

	if (r == IMAGE_UNKNOWN)
		return error_bad(err, ENOENT, "the store has no image %.300s", job->call->args[0]);
	if (r == 0)
		r = store_names_of(job->store, &job->image.digest, arena, &names, err);
	if (r < 0)
		return r;
	job->name = job->target.ref ? job->target.name : names.count ? names.items[0] : NULL;
	if (!job->target.ref && reference_parse_name(job->call->args[0], arena, &reference, NULL) == 0)
		for (size_t i = 0; i < names.count; i++)
			if (strcmp(names.items[i], reference.name) == 0)
				job->name = reference.name;
	if (job->name && reference_parse_name(job->name, arena, &reference, NULL) == 0)
		job->tag = job->target.ref ? job->target.ref : reference.tag ? reference.tag : "latest";
	return 0;
}

static int export_run(const struct call *call, struct error *err)
{
	struct job job = { .call = call, .store = -1, .out = -1, .parent = -1, .manifest_type = MANIFEST_TYPE };
	int r = read_target(&job, err);

	if (r == 0)
		r = store_open(call->store, &job.store, err);
	if (r == 0)
		r = find_image(&job, err);
	if (r == 0)
		r = is_folder(&job) ? open_folder(&job, err) : open_archive(&job, err);
	if (r == 0)
		r = confine_export(job.call, job.store, is_folder(&job) ? job.out : job.parent, err);
	if (r == 0) {
		job.buf = arena_alloc(call->arena, COPY);
		r = put_all(&job, err);
	}
	r = close_archive(&job, r, err);
	fd_closep(&job.out);
	fd_closep(&job.parent);
	fd_closep(&job.store);
	return r;
}

const struct verb verb_export = {
	.name = "image export",
	.usage = "IMAGE FILE|-|oci:DIR|oci-archive:FILE|docker-archive:FILE",
	.summary = "Write an image of the store as an archive or layout.",
	.examples = "  husk image export debian:13 debian.tar\n"
		    "  husk image export debian:13 docker-archive:debian.tar\n"
		    "  husk image export debian:13 oci:./layout:v1",
	.min_args = 2,
	.max_args = 2,
	.files = VERB_FILES_USED,
	.run = export_run,
};
