/* base/tree.c: a tree is removed flat.
 *
 * Theory of operation
 * Whoever filled the tree may have nested folders deeper than any path, stack or table of descriptors. So it is never
 * walked down: each folder found in the top one is emptied of files, and the folders in it are moved up into the top one
 * under names of ours, where they come up in their turn. Every folder is moved at most once. */
#include "base/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"

struct removal {
	int top;        /* the folder into which others are moved */
	uint64_t moved; /* how many: their names are numbers */
	bool busy;      /* this pass has found something */
};

/* A folder of the tree, opened to be read; one whose owner has locked himself out, too. */
static int open_folder(int dir, const char *name)
{
	int fd = path_open_beneath(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	if (fd != -EACCES || fchmodat(dir, name, 0700, 0) < 0)
		return fd;
	return path_open_beneath(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

static int move_up(struct removal *removal, int dir, const char *name)
{
	char number[32];

	if (geteuid() != 0) /* or it cannot be told of its new parent */
		(void)!fchmodat(dir, name, 0700, 0);
	do {
		(void)snprintf(number, sizeof(number), ".%llu", (unsigned long long)removal->moved++);
		if (renameat2(dir, name, removal->top, number, RENAME_NOREPLACE) == 0)
			return 0;
	} while (errno == EEXIST);
	return -errno;
}

/* Calls `remove_entry` for each entry of an open folder. */
static int for_each(struct removal *removal, int fd, int (*act)(struct removal *, int, const char *))
{
	DIR *listing = fdopendir(fd);
	int r = 0;

	if (!listing) {
		(void)close(fd);
		return -errno;
	}
	for (const struct dirent *entry; r == 0 && (entry = readdir(listing));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = act(removal, dirfd(listing), entry->d_name);
	(void)closedir(listing);
	return r;
}

/* Removes a file or an empty folder. 1: a folder that is not empty. */
static int remove_one(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR &&
		errno != EPERM) /* EPERM: POSIX's word for a folder, and the word for what is immutable */
		return -errno;
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTDIR)
		return -EPERM;
	return errno == ENOTEMPTY || errno == EEXIST ? 1 : -errno;
}

static int below(struct removal *removal, int dir, const char *name)
{
	int r = remove_one(dir, name);

	return r == 1 ? move_up(removal, dir, name) : r;
}

static int in_top(struct removal *removal, int dir, const char *name)
{
	int r = remove_one(dir, name), fd;

	removal->busy = true;
	if (r != 1)
		return r;
	fd = open_folder(dir, name);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (geteuid() != 0)
		(void)fchmod(fd, 0700);
	r = for_each(removal, fd, below);
	return r < 0 || unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? r : -errno;
}

/* Folders that were moved up may or may not be seen by the pass that moved them. */
static int empty(int top)
{
	struct removal removal = { .top = top, .busy = true };
	int r = 0;

	while (r == 0 && removal.busy) {
		int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		removal.busy = false;
		r = fd < 0 ? -errno : for_each(&removal, fd, in_top);
	}
	return r;
}

int tree_erase(int dir, const char *name, struct error *err)
{
	int r = remove_one(dir, name);

	if (r == 1) {
		cleanup_close int top = open_folder(dir, name);
		r = top < 0 ? top : empty(top);
		if (r == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			r = -errno;
		if (r == -ENOENT)
			r = 0;
	}
	if (r == 0)
		return 0;
	(void)error_sys(err, r, "remove all that is in %s", name);
	return r == -EXDEV || r == -EBUSY ? error_hint(err, "something is mounted there")
		: r == -EPERM             ? error_hint(err, "something there is immutable: chattr -R -i")
					  : r;
}
