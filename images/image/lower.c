/* images/image/lower.c: the few things for which a layer needs those below it.
 *
 * A folder that the layer has only because something lies in it has the attributes that it has below; a hard link may name a
 * file that only a layer below has. All else is unpacked without them, so that layers can be unpacked at the same time. The
 * nearest layer that says something decides, as overlayfs would: a whiteout, an opaque folder or a file in the way ends the
 * search. Links are not followed there: what the archive means by a path through one is not known. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "images/image/layer_internal.h"

enum { COPY_STEP = 1 << 30 };
enum search { SEARCH_DOWN, SEARCH_FOUND, SEARCH_ENDED };

static int await_lower(struct layer *layer, struct error *err)
{
	const struct layer_request *request = layer->request;
	int r = layer->lower_is_ready || !request->wait_lower ? 0 : request->wait_lower(request->data);

	layer->lower_is_ready = r >= 0;
	return r < 0 ? error_bad(err, r, "a layer below it could not be unpacked") : 0;
}

/* Opens what was looked at; the tree is ours and does not change. Only files and folders are opened for reading. */
static int open_seen(int dir, const char *name, const struct stat *st)
{
	int flags = S_ISDIR(st->st_mode) ? O_RDONLY | O_DIRECTORY : S_ISREG(st->st_mode) ? O_RDONLY : O_PATH;

	return openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
}

/* Looks for `path` in one layer, folder by folder. */
static enum search look_in(const struct layer *layer, int tree, const char *path, size_t len, int *ret)
{
	cleanup_close int at = path_open_beneath(tree, ".", O_RDONLY | O_DIRECTORY);
	bool opaque = false;
	char name[NAME_MAX + 1];
	struct stat st;

	for (size_t start = 0; at >= 0; start++) {
		const char *slash = memchr(path + start, '/', len - start);
		size_t end = slash ? (size_t)(slash - path) : len;
		memcpy(name, path + start, end - start);
		name[end - start] = '\0';
		opaque = opaque || whiteout_is_opaque(layer, at);
		if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return opaque || errno != ENOENT ? SEARCH_ENDED : SEARCH_DOWN;
		if (layer_is_whiteout(&st) || (end < len && !S_ISDIR(st.st_mode)))
			return SEARCH_ENDED;
		int next = open_seen(at, name, &st);
		(void)close(at);
		at = next;
		start = end;
		if (end == len)
			break;
	}
	*ret = fd_take(&at);
	return *ret < 0 ? SEARCH_ENDED : SEARCH_FOUND;
}

/* ---- folders ---- */

/* The folder below that has something to say about `path`; the caller's; -1 = none. */
static int find_folder(const struct layer *layer, const char *path, size_t len, struct stat *ret_st)
{
	const struct layer_request *request = layer->request;
	int found = -1;

	for (size_t i = 0; i < request->lower_count; i++) {
		cleanup_close int fd = -1;
		enum search search = look_in(layer, request->lower[i], path, len, &fd);
		if (search == SEARCH_ENDED)
			break;
		if (search == SEARCH_DOWN)
			continue;
		if (fstat(fd, ret_st) < 0 || !S_ISDIR(ret_st->st_mode))
			break;
		fd_closep(&found);
		found = fd_take(&fd);
		if (!layer_is_implied(ret_st)) /* one that was copied from further down is as good as that */
			break;
	}
	return found;
}

static int copy_folder(int from, const struct stat *st, int dir, const char *name, struct error *err)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "open the folder");
	if (fchown(fd, st->st_uid, st->st_gid) < 0 || fchmod(fd, st->st_mode & 01777) < 0)
		return error_sys(err, errno, "give the folder the owner and mode of the layers below");
	return xattrs_copy(from, fd, err);
}

int lower_imply(struct layer *layer, int dir, const char *name, const char *path, size_t len,
	struct timespec *ret_mtime, uint32_t *ret_mode, struct error *err)
{
	struct stat st;
	int r;

	*ret_mtime = LAYER_IMPLIED_MTIME;
	*ret_mode = LATER_NO_MODE;
	layer->rests_on_lower = true;
	if (layer->request->lower_count == 0)
		return 0;
	if ((r = await_lower(layer, err)) < 0)
		return r;
	cleanup_close int from = find_folder(layer, path, len, &st);
	if (from < 0)
		return 0;
	*ret_mtime = st.st_mtim;
	if (st.st_mode & 06000)
		*ret_mode = st.st_mode & 07777;
	return copy_folder(from, &st, dir, name, err);
}

/* ---- files ---- */

static int find_file(const struct layer *layer, const char *path)
{
	const struct layer_request *request = layer->request;
	enum search search = SEARCH_DOWN;
	int fd = -1;

	for (size_t i = 0; i < request->lower_count && search == SEARCH_DOWN; i++)
		search = look_in(layer, request->lower[i], path, strlen(path), &fd);
	return search == SEARCH_FOUND ? fd : -1;
}

static int copy_bytes(int from, int to, off_t size, struct error *err)
{
	while (size > 0) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, COPY_STEP, 0);
		if (n < 0)
			return error_sys(err, errno, "copy a file of the layers below");
		if (n == 0)
			break;
		size -= n;
	}
	return 0;
}

/* A regular file only: no archive has hard links to anything else that husk has seen. */
static int copy_file(struct layer *layer, int from, const struct stat *st, int dir, const char *name, struct error *err)
{
	const struct timespec times[] = { st->st_mtim, st->st_mtim };
	cleanup_close int to = -1;
	int r;

	layer->bytes += (uint64_t)st->st_size;
	if (layer->bytes > layer->limits.bytes)
		return error_bad(err, EFBIG, "the layer's files are too large together");
	to = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return errno == EEXIST ? -EEXIST : error_sys(err, errno, "make the file");
	if ((r = copy_bytes(from, to, st->st_size, err)) < 0)
		return r;
	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return error_sys(err, errno, "give the file the owner and mode of the layers below");
	if ((r = xattrs_copy(from, to, err)) < 0)
		return r;
	return futimens(to, times) < 0 ? error_sys(err, errno, "set its mtime") : LOWER_COPIED;
}

int lower_copy_up(struct layer *layer, const char *target, int dir, const char *name, struct error *err)
{
	struct stat st;
	int r;

	layer->rests_on_lower = true;
	if (layer->request->lower_count == 0 || !*target)
		return LOWER_NOTHING;
	if ((r = await_lower(layer, err)) < 0)
		return r;
	cleanup_close int file = find_file(layer, target);
	if (file < 0)
		return LOWER_NOTHING;
	if (fstat(file, &st) < 0)
		return error_sys(err, errno, "look at a file of the layers below");
	if (!S_ISREG(st.st_mode))
		return error_bad(err, EPERM, "hard link to %s, which is no file in the layers below", target);
	return copy_file(layer, file, &st, dir, name, err);
}
