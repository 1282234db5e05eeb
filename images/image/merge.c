/* images/image/merge.c: an upper tree into a lower one, as overlayfs would show them, for good.
 *
 * Theory of operation
 * Both are walked side by side, folder by folder, along what both have; all else of the upper tree is renamed in one piece.
 * Whiteouts remove what is below and then themselves. A folder that is renamed may hold more of them, which have nothing below
 * to remove; so it is walked too, once, for those alone. A folder's mtime is set when the walk leaves it, from the upper
 * one; or, where the upper layer has it only because of what is in it, from what it was. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "base/tree.h"
#include "images/image/layer_internal.h"
#include "images/image/tree.h"

/* A folder that both have. */
struct pair {
	DIR *upper; /* owned; what is in it is read and moved */
	int lower;  /* owned; readable */
	char name[NAME_MAX + 1];
	struct stat st; /* whose mode and mtime it has in the end */
};

struct merge {
	struct pair pairs[LAYER_DEPTH_MAX + 2];
	size_t depth;
};

static void close_pair(struct merge *merge)
{
	struct pair *pair = &merge->pairs[--merge->depth];

	(void)closedir(pair->upper);
	fd_closep(&pair->lower);
}

/* ---- markers ---- */

static bool is_opaque(int dir)
{
	return fgetxattr(dir, TREE_OPAQUE, NULL, 0) > 0 || fgetxattr(dir, TREE_OPAQUE_ROOTLESS, NULL, 0) > 0;
}

static int clear_opaque(void *data, int dir, size_t depth, struct error *err)
{
	static const char *const names[] = { TREE_OPAQUE, TREE_OPAQUE_ROOTLESS };

	(void)data;
	(void)depth;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (fgetxattr(dir, names[i], NULL, 0) > 0 && fremovexattr(dir, names[i]) < 0)
			return error_sys(err, errno, "remove %s", names[i]);
	return 0;
}

/* The folder's mtime is as it was. */
static int clear_whiteout(void *data, int dir, size_t depth, const char *name, struct error *err)
{
	struct stat st, folder;

	(void)data;
	(void)depth;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || fstat(dir, &folder) < 0)
		return error_sys(err, errno, "look at %s", name);
	if (!layer_is_whiteout(&st))
		return 0;
	const struct timespec times[] = { folder.st_atim, folder.st_mtim };
	if (unlinkat(dir, name, 0) < 0 || futimens(dir, times) < 0)
		return error_sys(err, errno, "remove the whiteout %s", name);
	return 0;
}

static int clear_markers(int dir, const char *name, struct error *err)
{
	cleanup_close int fd = path_open_beneath(dir, name, O_RDONLY | O_DIRECTORY);

	return fd < 0 ? error_sys(err, fd, "open the folder %s", name)
		      : tree_walk(fd, clear_opaque, clear_whiteout, NULL, err);
}

/* ---- folders that both have ---- */

static int take_attributes(int upper, int lower, const struct stat *st, struct error *err)
{
	int r;

	if (fchown(lower, st->st_uid, st->st_gid) < 0)
		return error_sys(err, errno, "set a folder's owner");
	if ((r = xattrs_clear(lower, err)) < 0)
		return r;
	return xattrs_copy(upper, lower, err);
}

static int open_pair(struct merge *merge, int lower, int upper, const char *name, struct error *err)
{
	struct pair *pair = &merge->pairs[merge->depth];
	struct stat above;

	if (merge->depth == ARRAY_SIZE(merge->pairs))
		return error_bad(err, ENAMETOOLONG, "more than %d folders inside each other", LAYER_DEPTH_MAX);
	cleanup_close int fd = path_open_beneath(lower, name, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return error_sys(err, fd, "open the folder %s", name);
	pair->upper = tree_open(upper, name, err);
	if (!pair->upper)
		return err->code;
	pair->lower = fd_take(&fd);
	(void)snprintf(pair->name, sizeof(pair->name), "%s", name);
	merge->depth++;
	if (fstat(dirfd(pair->upper), &above) < 0 || fstat(pair->lower, &pair->st) < 0)
		return error_sys(err, errno, "look at the folder %s", name);
	/* Until the walk leaves them, a user without privileges needs to write to both. */
	if (fchmod(dirfd(pair->upper), 0700) < 0 || fchmod(pair->lower, 0700) < 0)
		return error_sys(err, errno, "set the mode of the folder %s", name);
	if (layer_is_implied(&above))
		return 0;
	pair->st = above;
	return take_attributes(dirfd(pair->upper), pair->lower, &above, err);
}

static int leave_pair(struct merge *merge, struct error *err)
{
	const struct pair *pair = &merge->pairs[merge->depth - 1];
	const struct timespec times[] = { pair->st.st_atim, pair->st.st_mtim };

	if (fchmod(pair->lower, pair->st.st_mode & 07777) < 0 || futimens(pair->lower, times) < 0)
		return error_sys(err, errno, "set the mode and mtime of the folder %s", pair->name);
	if (merge->depth > 1 && unlinkat(dirfd(merge->pairs[merge->depth - 2].upper), pair->name, AT_REMOVEDIR) < 0)
		return error_sys(err, errno, "remove the folder %s", pair->name);
	close_pair(merge);
	return 0;
}

/* ---- names ---- */

static int stat_at(int dir, const char *name, struct stat *ret)
{
	return fstatat(dir, name, ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* In one piece; what is in the way goes. */
static int move(int lower, int upper, const char *name, struct error *err)
{
	int r;

	if (renameat(upper, name, lower, name) == 0)
		return 0;
	if (errno != EEXIST && errno != ENOTEMPTY && errno != EISDIR && errno != ENOTDIR)
		return error_sys(err, errno, "move %s", name);
	if ((r = tree_erase(lower, name, err)) < 0)
		return r;
	return renameat(upper, name, lower, name) < 0 ? error_sys(err, errno, "move %s", name) : 0;
}

/* A folder says in itself where it lies, so its owner must be able to write to it [rename(2), EACCES]. */
static int move_dir(int lower, int upper, const char *name, mode_t mode, struct error *err)
{
	bool opens = geteuid() != 0 && (mode & 0700) != 0700;
	int r;

	if (opens && fchmodat(upper, name, 0700, 0) < 0)
		return error_sys(err, errno, "set the mode of the folder %s", name);
	if ((r = clear_markers(upper, name, err)) < 0 || (r = move(lower, upper, name, err)) < 0)
		return r;
	if (opens && fchmodat(lower, name, mode, 0) < 0)
		return error_sys(err, errno, "set the mode of the folder %s", name);
	return 0;
}

static int merge_name(struct merge *merge, const char *name, struct error *err)
{
	const struct pair *pair = &merge->pairs[merge->depth - 1];
	int lower = pair->lower, upper = dirfd(pair->upper), r;
	struct stat above, below;

	if ((r = stat_at(upper, name, &above)) < 0)
		return error_sys(err, r, "look at %s", name);
	if (layer_is_whiteout(&above)) {
		r = tree_erase(lower, name, err);
		return r == 0 && unlinkat(upper, name, 0) < 0 ? error_sys(err, errno, "remove the whiteout %s", name)
							      : r;
	}
	if (!S_ISDIR(above.st_mode))
		return move(lower, upper, name, err);
	if (stat_at(lower, name, &below) < 0 || !S_ISDIR(below.st_mode))
		return move_dir(lower, upper, name, above.st_mode & 07777, err);
	cleanup_close int fd = path_open_beneath(upper, name, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return error_sys(err, fd, "open the folder %s", name);
	if (!is_opaque(fd))
		return open_pair(merge, lower, upper, name, err);
	r = tree_erase(lower, name, err);
	return r < 0 ? r : move_dir(lower, upper, name, above.st_mode & 07777, err);
}

/* What an opaque root does. */
static int empty(int lower, struct error *err)
{
	const struct dirent *entry;
	DIR *dir = tree_open(lower, ".", err);
	int r = 0;

	if (!dir)
		return err->code;
	while (r == 0 && (entry = tree_next(dir)))
		r = tree_erase(lower, entry->d_name, err);
	(void)closedir(dir);
	return r;
}

static int merge_trees(struct merge *merge, int lower, int upper, struct error *err)
{
	cleanup_close int fd = path_open_beneath(upper, ".", O_RDONLY | O_DIRECTORY);
	int r = fd < 0 ? error_sys(err, fd, "open a layer's tree") : 0;

	if (r == 0 && is_opaque(fd))
		r = empty(lower, err);
	if (r == 0)
		r = open_pair(merge, lower, upper, ".", err);
	while (r == 0 && merge->depth > 0) {
		const struct dirent *entry = tree_next(merge->pairs[merge->depth - 1].upper);
		r = entry ? merge_name(merge, entry->d_name, err) : leave_pair(merge, err);
	}
	while (merge->depth > 0)
		close_pair(merge);
	return r;
}

int layer_merge(int lower, int upper, const char *name, struct error *err)
{
	struct merge *merge = calloc(1, sizeof(*merge));
	int r;

	if (!merge)
		return error_sys(err, ENOMEM, "merge layers");
	r = merge_trees(merge, lower, upper, err);
	free(merge);
	return r < 0 ? error_at(err, "%s", name) : 0;
}
