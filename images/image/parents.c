/* images/image/parents.c: from a path in an archive to the open folder that it lies in.
 *
 * Theory of operation
 * Archives list a folder's entries together, so the way to the last entry's folder is kept open, a descriptor for each
 * component, and only what differs is opened anew: one openat(2) where the folder changes, none where it does not. Each
 * component is opened without following. Where it is a link, the kernel resolves the whole path inside the tree as if that
 * were "/" (base/path.h), so no link, whatever it says, leads out [CVE-2021-29136, CVE-2025-47290]. The tree is ours alone,
 * in a folder that nobody else can enter: what was looked at does not change beneath us. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "images/image/layer_internal.h"

/* ---- the form of paths ---- */

int layer_path(const char *path, unsigned depth, char ret[PATH_MAX], struct error *err)
{
	unsigned components = 0;
	size_t out = 0, len;

	for (const char *at = path; *at; at += len) {
		at += strspn(at, "/");
		len = strcspn(at, "/");
		if (len == 0 || (len == 1 && at[0] == '.'))
			continue;
		if (len == 2 && at[0] == '.' && at[1] == '.')
			return error_bad(err, EBADMSG, "\"..\" in a path");
		if (len > NAME_MAX)
			return error_bad(err, ENAMETOOLONG, "a name of %zu bytes where %d are possible", len, NAME_MAX);
		if (++components > depth)
			return error_bad(err, ENAMETOOLONG, "more than %u folders inside each other", depth);
		if (out > 0)
			ret[out++] = '/';
		memcpy(ret + out, at, len); /* shorter than `path`, which is shorter than PATH_MAX */
		out += len;
	}
	ret[out] = '\0';
	return 0;
}

const char *layer_name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- the open way ---- */

void parents_init(struct parents *parents, int root)
{
	*parents = (struct parents){ .open[0].fd = root };
}

static void close_to(struct parents *parents, size_t depth)
{
	for (; parents->depth > depth; parents->depth--)
		fd_closep(&parents->open[parents->depth].fd);
}

void parents_done(struct parents *parents)
{
	close_to(parents, 0);
}

/* Closes what is not on the way to `path`. */
static void keep_common(struct parents *parents, const char *path, size_t len)
{
	size_t depth = 0;

	while (!parents->stale && depth < parents->depth) {
		size_t start = parents->open[depth].end, end = parents->open[depth + 1].end;
		if (end > len || memcmp(path + start, parents->path + start, end - start) != 0 ||
			(end < len && path[end] != '/'))
			break;
		depth++;
	}
	parents->stale = false;
	close_to(parents, depth);
}

static int make_implied(struct layer *layer, int dir, const char *name, const char *path, size_t len, struct error *err)
{
	struct timespec mtime;
	uint32_t mode;
	int r;

	if (mkdirat(dir, name, 0755) < 0)
		return error_sys(err, errno, "make the folder");
	if (!layer->one_owner && layer->uid != 0 && fchownat(dir, name, 0, 0, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "give the folder to root");
	r = lower_imply(layer, dir, name, path, len, &mtime, &mode, err);
	return r < 0 ? r : later_add(&layer->later, path, len, mtime, mode, NULL, err);
}

static int open_folder(int dir, const char *name, struct error *err)
{
	int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? error_sys(err, errno, "open its folder") : fd;
}

/* Something that is no folder is where a folder should be. */
static int open_other(struct layer *layer, int dir, const char *name, const char *path, size_t len, struct error *err)
{
	char way[PATH_MAX];
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "look at its folder");
	if (layer_is_whiteout(&st)) { /* deleted below, and made anew here: opaque */
		if (unlinkat(dir, name, 0) < 0)
			return error_sys(err, errno, "remove the whiteout of its folder");
		if ((r = make_implied(layer, dir, name, path, len, err)) < 0 ||
			(r = whiteout_set_opaque(layer, dir, name, err)) < 0)
			return r;
		return open_folder(dir, name, err);
	}
	if (!S_ISLNK(st.st_mode))
		return error_bad(err, ENOTDIR, "its folder is no folder in this layer");
	memcpy(way, path, len);
	way[len] = '\0';
	r = path_open_in_root(layer->request->tree, way, O_PATH | O_DIRECTORY);
	return r < 0 ? error_bad(err, r, "its folder is a link that leads to no folder in this layer") : r;
}

/* Opens or makes what is called `name`, the end of the first `len` bytes of `path`, in the folder `dir`. */
static int open_component(
	struct layer *layer, int dir, const char *name, const char *path, size_t len, struct error *err)
{
	int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r;

	if (fd >= 0)
		return fd;
	if (errno == ENOTDIR || errno == ELOOP)
		return open_other(layer, dir, name, path, len, err);
	if (errno != ENOENT)
		return error_sys(err, errno, "open its folder");
	r = make_implied(layer, dir, name, path, len, err);
	return r < 0 ? r : open_folder(dir, name, err);
}

static int enter(struct layer *layer, const char *path, size_t start, size_t end, struct error *err)
{
	struct parents *parents = &layer->parents;
	const struct parent *last = &parents->open[parents->depth];
	char name[NAME_MAX + 1];
	int fd;

	memcpy(name, path + start, end - start);
	name[end - start] = '\0';
	fd = open_component(layer, last->fd, name, path, end, err);
	if (fd < 0)
		return fd;
	memcpy(parents->path + last->end, path + last->end, end - last->end);
	parents->open[++parents->depth] = (struct parent){ .fd = fd, .end = end };
	return 0;
}

int parents_open(struct layer *layer, const char *path, size_t len, struct error *err)
{
	struct parents *parents = &layer->parents;
	size_t start;
	int r = 0;

	keep_common(parents, path, len);
	while (r == 0 && (start = parents->open[parents->depth].end) < len) {
		const char *slash;
		start += start > 0; /* the slash */
		slash = memchr(path + start, '/', len - start);
		r = enter(layer, path, start, slash ? (size_t)(slash - path) : len, err);
	}
	return r < 0 ? r : parents->open[parents->depth].fd;
}
