/* images/image/tree.c: walking and removing, without recursion: what lies in a tree was made by strangers, as deep as they like.
 *
 * Theory of operation
 * A walk keeps the folders that it is in open, so nothing is resolved twice and nothing can be put in the way. Layers are at most
 * LAYER_DEPTH_MAX deep; what a container wrote can be deeper than there are descriptors. So removal keeps a bounded number open,
 * and moves a folder that lies deeper up into the top one, which is read again until it is empty. */
#include "images/image/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "images/image/layer_internal.h"

enum { REMOVE_DEPTH = 64 };

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

/* ---- removing ---- */

struct removal {
	struct level {
		DIR *dir;
		char name[NAME_MAX + 1]; /* in the level above */
	} levels[REMOVE_DEPTH];
	size_t depth; /* levels that are open */
	uint64_t moved;
};

/* A folder that nobody may read is made readable first: without privileges its owner needs that. */
static int open_level(struct removal *removal, int dir, const char *name, struct error *err)
{
	struct level *level = &removal->levels[removal->depth];

	level->dir = tree_open(dir, name, err);
	if (!level->dir && err->code == -EACCES && fchmodat(dir, name, 0700, 0) == 0) {
		*err = (struct error){ 0 };
		level->dir = tree_open(dir, name, err);
	}
	if (!level->dir)
		return err->code;
	if (geteuid() != 0) /* nothing could be removed from a folder that its owner may not write */
		(void)fchmod(dirfd(level->dir), 0700);
	(void)snprintf(level->name, sizeof(level->name), "%s", name);
	removal->depth++;
	return 0;
}

/* One that lies too deep goes up, under a name that no other has. */
static int move_up(struct removal *removal, int dir, const char *name, struct error *err)
{
	int top = dirfd(removal->levels[0].dir);
	char to[64];
	int r;

	do {
		(void)snprintf(to, sizeof(to), ".moved.%" PRIu64, removal->moved++);
		r = renameat2(dir, name, top, to, RENAME_NOREPLACE);
	} while (r < 0 && errno == EEXIST);
	return r < 0 ? error_sys(err, errno, "move the folder %s up", name) : 0;
}

static int remove_one(struct removal *removal, const struct dirent *entry, struct error *err)
{
	int dir = dirfd(removal->levels[removal->depth - 1].dir);

	if (!is_dir(dir, entry))
		return unlinkat(dir, entry->d_name, 0) < 0 && errno != ENOENT
			? error_sys(err, errno, "remove %s", entry->d_name)
			: 0;
	if (unlinkat(dir, entry->d_name, AT_REMOVEDIR) == 0)
		return 0;
	return removal->depth == REMOVE_DEPTH ? move_up(removal, dir, entry->d_name, err)
					      : open_level(removal, dir, entry->d_name, err);
}

/* A folder was read to its end: it is removed, or read again where something is left. */
static int close_level(struct removal *removal, int parent, struct error *err)
{
	struct level *level = &removal->levels[removal->depth - 1];

	if (removal->depth > 1)
		parent = dirfd(level[-1].dir);
	if (unlinkat(parent, level->name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
		if (errno != ENOTEMPTY && errno != EEXIST)
			return error_sys(err, errno, "remove the folder %s", level->name);
		rewinddir(level->dir);
		return 0;
	}
	(void)closedir(level->dir);
	removal->depth--;
	return 0;
}

static int remove_dir(int dir, const char *name, struct error *err)
{
	struct removal *removal = calloc(1, sizeof(*removal));
	int r;

	if (!removal)
		return error_sys(err, ENOMEM, "remove %s", name);
	r = open_level(removal, dir, name, err);
	while (r == 0 && removal->depth > 0) {
		const struct dirent *entry = tree_next(removal->levels[removal->depth - 1].dir);
		r = entry ? remove_one(removal, entry, err) : close_level(removal, dir, err);
	}
	while (removal->depth > 0)
		(void)closedir(removal->levels[--removal->depth].dir);
	free(removal);
	return r;
}

int tree_remove(int dir, const char *name, struct error *err)
{
	struct error unheard = { 0 };

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM) /* EPERM is POSIX's word for a folder */
		return error_sys(err, errno, "remove %s", name);
	return remove_dir(dir, name, err ? err : &unheard);
}
