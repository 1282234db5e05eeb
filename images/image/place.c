/* images/image/place.c: one entry of an archive becomes one thing in the tree.
 *
 * Theory of operation
 * Everything is made in its open folder by one name, never through a link: O_EXCL for files, the others cannot replace
 * anything by themselves. Where the name is taken, by an earlier entry or a whiteout, place_clear() makes way first. The order
 * of attributes is fixed: owner, because chown(2) takes set-id bits and capabilities away; then the mode, then extended
 * attributes; the mtime last. They are set through the descriptor of what was made, or by its name without following. New
 * things belong to us and, the umask being 0, have the mode that was asked for, so most entries need neither chown nor chmod. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "base/tree.h"
#include "images/image/layer_internal.h"
#include "images/image/tree.h"

enum {
	SET_ID = 06000,
	SPECIAL = 07000,
	PERMISSIONS = 0777,
	OWNER_ALL = 0700,
	OWNER_LOOKS = 0500,
	MAJOR_MAX = (1 << 12) - 1,
	MINOR_MAX = (1 << 20) - 1
};

/* One entry on its way. */
struct placing {
	struct layer *layer;
	struct tar *tar;
	const struct tar_entry *entry;
	const char *path, *name; /* of the layer; its last part */
	int dir;                 /* borrowed: the folder that it lies in */
	bool merges;             /* a folder meets a folder */
	bool deleted;            /* what was there before says that nothing below counts */
};

/* ---- making way ---- */

static int remove_dir(struct layer *layer, int dir, const char *name, const char *path, struct error *err)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return error_sys(err, errno, "open the folder that it replaces");
	if (whiteout_is_opaque(layer, fd))
		r = marks_add(&layer->deleted, path, err);
	return r < 0 ? r : tree_erase(dir, name, err);
}

int place_clear(struct layer *layer, int dir, const char *name, const char *path, bool for_dir, bool *ret_dir,
	bool *ret_deleted, struct error *err)
{
	struct stat st;

	*ret_dir = *ret_deleted = false;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "look at what it replaces");
	if (S_ISDIR(st.st_mode) && for_dir) {
		*ret_dir = true;
		return 0;
	}
	layer->parents.stale = true;
	if (S_ISDIR(st.st_mode))
		return remove_dir(layer, dir, name, path, err);
	*ret_deleted = layer_is_whiteout(&st) || marks_have(&layer->deleted, path);
	if (layer_is_whiteout(&st) && !for_dir && marks_add(&layer->deleted, path, err) < 0)
		return err->code;
	return unlinkat(dir, name, 0) < 0 ? error_sys(err, errno, "remove what it replaces") : 0;
}

/* ---- attributes ---- */

static bool is_ours(const struct placing *p)
{
	return p->layer->one_owner || (p->entry->uid == p->layer->uid && p->entry->gid == p->layer->gid);
}

static int chown_failed(const struct placing *p, struct error *err)
{
	int code = errno;

	(void)error_sys(err, code, "give it to %u:%u", p->entry->uid, p->entry->gid);
	if (code == EINVAL)
		(void)error_hint(
			err, "the user namespace has no such id: add subordinate ids to /etc/subuid and /etc/subgid");
	return err->code;
}

static int set_owner_by_name(const struct placing *p, struct error *err)
{
	if (is_ours(p) || fchownat(p->dir, p->name, p->entry->uid, p->entry->gid, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return chown_failed(p, err);
}

static int set_mtime_by_name(const struct placing *p, struct error *err)
{
	const struct timespec times[] = { p->entry->mtime, p->entry->mtime };

	return utimensat(p->dir, p->name, times, AT_SYMLINK_NOFOLLOW) < 0 ? error_sys(err, errno, "set its mtime") : 0;
}

static int set_file_attributes(const struct placing *p, int fd, struct error *err)
{
	const struct timespec times[] = { p->entry->mtime, p->entry->mtime };
	int r = 0;

	if (!is_ours(p) && fchown(fd, p->entry->uid, p->entry->gid) < 0)
		return chown_failed(p, err);
	if (p->entry->mode & SPECIAL && fchmod(fd, p->entry->mode) < 0)
		return error_sys(err, errno, "set its mode");
	if (p->entry->xattr_count > 0)
		r = xattrs_set(fd, p->entry, err);
	return r == 0 && futimens(fd, times) < 0 ? error_sys(err, errno, "set its mtime") : r;
}

/* ---- files ---- */

static int write_at(int fd, const unsigned char *bytes, size_t len, uint64_t offset, struct error *err)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, bytes, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "write it");
		bytes += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int write_file(const struct placing *p, int fd, struct error *err)
{
	const unsigned char *bytes;
	uint64_t offset;
	size_t len;
	int r;

	while ((r = tar_data(p->tar, &bytes, &len, &offset, err)) == 1)
		if ((r = write_at(fd, bytes, len, offset, err)) < 0)
			return r;
	if (r == 0 && p->entry->sparse && ftruncate(fd, (off_t)p->entry->size) < 0)
		return error_sys(err, errno, "set its size");
	return r;
}

static int make_file(const struct placing *p, struct error *err)
{
	cleanup_close int fd = openat(
		p->dir, p->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, p->entry->mode & PERMISSIONS);
	int r;

	if (fd < 0)
		return errno == EEXIST ? -EEXIST : error_sys(err, errno, "make the file");
	r = write_file(p, fd, err);
	return r < 0 ? r : set_file_attributes(p, fd, err);
}

/* ---- links ---- */

/* The folder of the target, opened beside the way that is open: O_PATH, the caller's; or the negative errno. */
static int open_target_folder(const struct placing *p, char *target)
{
	char *slash = strrchr(target, '/');
	int fd;

	if (!slash)
		return path_open_beneath(p->layer->request->tree, ".", O_PATH | O_DIRECTORY);
	*slash = '\0';
	fd = path_open_in_root(p->layer->request->tree, target, O_PATH | O_DIRECTORY);
	*slash = '/';
	return fd;
}

static bool is_same(int dir, const char *name, const struct stat *target)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == target->st_ino;
}

/* Attributes of a link are those of its target, which has them. */
static int make_hard_link(const struct placing *p, struct error *err)
{
	char target[PATH_MAX];
	const char *name;
	struct stat st;
	int r = layer_path(p->entry->link, p->layer->limits.depth, target, err);

	if (r < 0)
		return error_at(err, "hard link to %s", p->entry->link);
	cleanup_close int folder = open_target_folder(p, target);
	name = layer_name_of(target);
	if (folder < 0 || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		r = lower_copy_up(p->layer, target, p->dir, p->name, err);
		return r != LOWER_NOTHING
			? (r == LOWER_COPIED ? 0 : r)
			: error_bad(err, ENOENT, "hard link to %s, which is not in the image", p->entry->link);
	}
	if (S_ISDIR(st.st_mode) || layer_is_whiteout(&st))
		return error_bad(err, EPERM, "hard link to %s, which is %s", p->entry->link,
			S_ISDIR(st.st_mode) ? "a folder" : "deleted");
	if (linkat(folder, name, p->dir, p->name, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return error_sys(err, errno, "hard link to %s", p->entry->link);
	return is_same(p->dir, p->name, &st) ? 0 : -EEXIST;
}

static int make_symlink(const struct placing *p, struct error *err)
{
	int r;

	if (symlinkat(p->entry->link, p->dir, p->name) < 0)
		return errno == EEXIST ? -EEXIST : error_sys(err, errno, "make the symbolic link");
	r = set_owner_by_name(p, err);
	return r < 0 ? r : set_mtime_by_name(p, err);
}

/* ---- nodes ---- */

static int check_device(const struct tar_entry *entry, struct error *err)
{
	if (entry->major > MAJOR_MAX || entry->minor > MINOR_MAX)
		return error_bad(
			err, ERANGE, "no device has the number %" PRIu32 ":%" PRIu32, entry->major, entry->minor);
	if (entry->kind == TAR_CHAR && entry->major == 0 && entry->minor == 0)
		return error_bad(err, EPERM, "the device 0:0 is overlayfs's own");
	return 0;
}

static int make_node(const struct placing *p, struct error *err)
{
	const struct tar_entry *entry = p->entry;
	mode_t type = entry->kind == TAR_FIFO ? S_IFIFO : entry->kind == TAR_CHAR ? S_IFCHR : S_IFBLK;
	int r;

	if (entry->kind != TAR_FIFO) {
		if ((r = check_device(entry, err)) < 0)
			return r;
		if (p->layer->request->rootless) /* the kernel lets nobody make one in a user namespace */
			return 0;
	}
	if (mknodat(p->dir, p->name, type | (entry->mode & PERMISSIONS), makedev(entry->major, entry->minor)) < 0)
		return errno == EEXIST ? -EEXIST : error_sys(err, errno, "make the node");
	if ((r = set_owner_by_name(p, err)) < 0)
		return r;
	if (entry->mode & SPECIAL && fchmodat(p->dir, p->name, entry->mode, 0) < 0)
		return error_sys(err, errno, "set its mode");
	return set_mtime_by_name(p, err);
}

/* ---- folders ---- */

static int set_dir_xattrs(const struct placing *p, const char *name, struct error *err)
{
	cleanup_close int fd = -1;
	int r = 0;

	if (!p->merges && p->entry->xattr_count == 0)
		return 0;
	fd = openat(p->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "open the folder");
	if (p->merges)
		r = xattrs_clear(fd, err);
	return r < 0 ? r : xattrs_set(fd, p->entry, err);
}

/* Set-id bits come later; and whom no capability helps must be able to put something into a folder of the own. */
static mode_t first_mode(const struct placing *p)
{
	return (p->entry->mode & ~(uint32_t)SET_ID) | (p->layer->one_owner ? OWNER_ALL : 0);
}

/* `name` is "." for the root. What was there before has another owner and mode, perhaps. */
static int set_dir_attributes(const struct placing *p, const char *name, struct error *err)
{
	const struct tar_entry *entry = p->entry;
	uint32_t later = entry->mode & SET_ID ? entry->mode : LATER_NO_MODE;
	int r;

	if (p->layer->one_owner && (entry->mode & OWNER_ALL) != OWNER_ALL)
		later = entry->mode | OWNER_LOOKS;

	if (((p->merges && !p->layer->one_owner) || !is_ours(p)) &&
		fchownat(p->dir, name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return chown_failed(p, err);
	if (p->merges && fchmodat(p->dir, name, first_mode(p), 0) < 0)
		return error_sys(err, errno, "set its mode");
	if ((r = set_dir_xattrs(p, name, err)) < 0)
		return r;
	return later_add(
		&p->layer->later, p->path, strlen(p->path), entry->mtime, later, xattrs_default_acl(entry), err);
}

static int make_dir(const struct placing *p, struct error *err)
{
	int r;

	if (!p->merges && mkdirat(p->dir, p->name, first_mode(p)) < 0)
		return errno == EEXIST ? -EEXIST : error_sys(err, errno, "make the folder");
	if (p->deleted && (r = whiteout_set_opaque(p->layer, p->dir, p->name, err)) < 0)
		return r;
	return set_dir_attributes(p, p->name, err);
}

static int place_root(struct placing *p, struct error *err)
{
	if (p->entry->kind != TAR_DIR)
		return error_bad(err, EBADMSG, "the root of a layer can only be a folder");
	p->dir = p->layer->request->tree;
	p->merges = true;
	return set_dir_attributes(p, ".", err);
}

/* ---- an entry ---- */

static int (*const makers[TAR_KINDS])(const struct placing *p, struct error *err) = {
	[TAR_FILE] = make_file,
	[TAR_HARD_LINK] = make_hard_link,
	[TAR_SYMLINK] = make_symlink,
	[TAR_CHAR] = make_node,
	[TAR_BLOCK] = make_node,
	[TAR_DIR] = make_dir,
	[TAR_FIFO] = make_node,
};

static int place_plain(struct placing *p, struct error *err)
{
	int r;

	if (!*p->path)
		return place_root(p, err);
	p->name = layer_name_of(p->path);
	p->dir = parents_open(p->layer, p->path, (size_t)(p->name - p->path) - (p->name > p->path), err);
	if (p->dir < 0)
		return p->dir;
	if (p->entry->kind != TAR_FILE && p->entry->kind != TAR_DIR && (r = xattrs_set(-1, p->entry, err)) < 0)
		return r;
	r = makers[p->entry->kind](p, err);
	if (r != -EEXIST)
		return r;
	r = place_clear(p->layer, p->dir, p->name, p->path, p->entry->kind == TAR_DIR, &p->merges, &p->deleted, err);
	return r < 0 ? r : makers[p->entry->kind](p, err);
}

int place_entry(struct layer *layer, struct tar *tar, const struct tar_entry *entry, struct error *err)
{
	char path[PATH_MAX];
	struct placing placing = { .layer = layer, .tar = tar, .entry = entry, .path = path };
	int what, r = layer_path(entry->path, layer->limits.depth, path, err);

	if (r < 0)
		return r;
	what = whiteout_judge(path, err);
	switch (what) {
	case NAME_PLAIN: r = place_plain(&placing, err); break;
	case NAME_WHITEOUT: r = whiteout_place(layer, path, err); break;
	case NAME_OPAQUE: r = whiteout_place_opaque(layer, path, err); break;
	default: r = what; break; /* skipped, or refused */
	}
	return r;
}
