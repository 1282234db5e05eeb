/* images/image/tree.c: walking the tree of a layer, without recursion: it was made by strangers.
 *
 * A walk keeps the folders that it is in open, so nothing is resolved twice and nothing can be put in the way; layers are at most
 * LAYER_DEPTH_MAX deep. */
#include "images/image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "images/image/layer_internal.h"

DIR *tree_open(int dir, const char *name, struct error *err)
{
	int fd = path_open_beneath(dir, name, O_RDONLY | O_DIRECTORY);
	DIR *opened = fd < 0 ? NULL : fdopendir(fd);

	if (opened)
		return opened;
	if (fd >= 0)
		(void)close(fd);
	(void)error_sys(err, fd < 0 ? fd : ENOMEM, "open the folder %s", name);
	return NULL;
}

struct dirent *tree_next(DIR *dir)
{
	struct dirent *entry;

	do
		entry = readdir(dir);
	while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
	return entry;
}

/* Where the file system does not say it in the name's entry. */
static bool is_dir(int dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* ---- walking ---- */

struct walk {
	int (*on_dir)(void *data, int dir, size_t depth, struct error *err);
	int (*on_node)(void *data, int dir, size_t depth, const char *name, struct error *err);
	void *data;
	DIR *levels[LAYER_DEPTH_MAX + 2];
	size_t count;
};

static int enter(struct walk *walk, int dir, const char *name, struct error *err)
{
	DIR *opened;

	if (walk->count == ARRAY_SIZE(walk->levels))
		return error_bad(err, ENAMETOOLONG, "more than %d folders inside each other", LAYER_DEPTH_MAX);
	opened = tree_open(dir, name, err);
	if (!opened)
		return err->code;
	walk->levels[walk->count++] = opened;
	return walk->on_dir(walk->data, dirfd(opened), walk->count - 1, err);
}

int tree_walk(int root, int (*on_dir)(void *data, int dir, size_t depth, struct error *err),
	int (*on_node)(void *data, int dir, size_t depth, const char *name, struct error *err), void *data,
	struct error *err)
{
	struct walk walk = { .on_dir = on_dir, .on_node = on_node, .data = data };
	int r = enter(&walk, root, ".", err);

	while (r == 0 && walk.count > 0) {
		DIR *dir = walk.levels[walk.count - 1];
		const struct dirent *entry = tree_next(dir);
		if (!entry)
			(void)closedir(walk.levels[--walk.count]);
		else if (is_dir(dirfd(dir), entry))
			r = enter(&walk, dirfd(dir), entry->d_name, err);
		else
			r = on_node(data, dirfd(dir), walk.count - 1, entry->d_name, err);
	}
	while (walk.count > 0)
		(void)closedir(walk.levels[--walk.count]);
	return r;
}
