/* images/image/layer_internal.h: what the files that put a layer's entries into its tree share. */
#pragma once
#include <limits.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "images/image/layer.h"
#include "images/image/tar.h"

/* The mtime of a folder that the layer does not have itself, one that some entry of it lies in. No archive has this one: a
 * nanosecond after the epoch. layer_merge() knows by it that such a folder has nothing to say about the one below. */
#define LAYER_IMPLIED_MTIME ((struct timespec){ .tv_sec = 0, .tv_nsec = 1 })
static inline bool layer_is_implied(const struct stat *st)
{
	return st->st_mtim.tv_sec == 0 && st->st_mtim.tv_nsec == 1;
}

/* What overlayfs takes for "deleted" [overlayfs.rst, whiteouts and opaque directories]. */
static inline bool layer_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* ---- parents.c: the folder that an entry goes into, as a descriptor ---- */

struct parents {
	char path[PATH_MAX]; /* of the deepest folder that is open, without a slash at either end */
	struct parent {
		int fd;     /* owned, but for the root's */
		size_t end; /* of its part of `path` */
	} open[LAYER_DEPTH_MAX + 1];
	size_t depth; /* open[0] is the root */
	bool stale;   /* something was replaced that may be on the way */
};

/* ---- later.c: what a folder gets when nothing is put into it any more ---- */

struct later {
	unsigned char *bytes; /* owned; records, one behind the other */
	size_t len, size;
};

/* ---- whiteout.c: which names were deleted, where no node says it any more ---- */

struct marks {
	uint64_t *slots; /* owned; hashes of paths, 0 = free */
	size_t count, size;
};

struct layer {
	const struct layer_request *request;
	struct layer_limits limits;
	uid_t uid; /* whom new files belong to */
	gid_t gid;
	bool one_owner; /* a user who is not root, of a user namespace at least, has no id to give but the own */
	struct parents parents;
	struct later later;
	struct marks deleted;
	bool lower_is_ready, rests_on_lower;
	uint64_t whiteouts, opaques;
	uint64_t entries, bytes;
	uint64_t checked_entries, checked_bytes; /* when the free space was looked at last */
};

/* The form in which paths are compared and opened: components with one slash between them, "" for the root. ".." is refused,
 * and what is too long or too deep. A slash in front means nothing. */
int layer_path(const char *path, unsigned depth, char ret[PATH_MAX], struct error *err);
const char *layer_name_of(const char *path); /* its last component */

void parents_init(struct parents *parents, int root);
void parents_done(struct parents *parents);

/* The folder `path` (as layer_path() gives it), made where it is missing; borrowed, until the next call. Links on the way are
 * followed inside the root. */
int parents_open(struct layer *layer, const char *path, size_t len, struct error *err);

/* Remembers for the folder `path`: its mtime, its mode where set-id bits are to be set (else LATER_NO_MODE), its default ACL. */
#define LATER_NO_MODE UINT32_MAX
int later_add(struct later *later, const char *path, size_t path_len, struct timespec mtime, uint32_t mode,
	const struct tar_xattr *acl, struct error *err);
int later_apply(const struct later *later, int root, struct error *err); /* folders that are gone are skipped */

/* ---- place.c ---- */

int place_entry(struct layer *layer, struct tar *tar, const struct tar_entry *entry, struct error *err);

/* Makes way for an entry at `name` in `dir`; *ret_dir: a folder is there that a folder can be merged with; *ret_deleted: what
 * was there, or was there before, said that the layers below have nothing here. */
int place_clear(struct layer *layer, int dir, const char *name, const char *path, bool for_dir, bool *ret_dir,
	bool *ret_deleted, struct error *err);

/* ---- xattr.c ---- */

enum xattr_verdict { XATTR_KEPT, XATTR_DROPPED, XATTR_LATER, XATTR_REFUSED };
enum xattr_verdict xattr_judge(const char *name);
enum { XATTR_VALUE_MAX = 64 << 10 }; /* the kernel's XATTR_SIZE_MAX */

int xattrs_set(int fd, const struct tar_entry *entry, struct error *err);
int xattrs_copy(int from, int to, struct error *err);                      /* those that are kept */
int xattrs_clear(int fd, struct error *err);                               /* those that are kept */
const struct tar_xattr *xattrs_default_acl(const struct tar_entry *entry); /* or NULL */

/* ---- whiteout.c ---- */

enum { NAME_PLAIN, NAME_WHITEOUT, NAME_OPAQUE, NAME_SKIPPED };

/* What a path is by its ".wh." parts; -EBADMSG for one that hides nothing, or something outside its folder. */
int whiteout_judge(const char *path, struct error *err);
int whiteout_place(struct layer *layer, const char *path, struct error *err);
int whiteout_place_opaque(struct layer *layer, const char *path, struct error *err);
int whiteout_set_opaque(struct layer *layer, int dir, const char *name, struct error *err);
int whiteout_is_opaque(const struct layer *layer, int dir); /* 1 or 0; `dir` readable */
int whiteout_sweep(struct layer *layer, struct error *err); /* out of opaque folders, at the end */
int marks_add(struct marks *marks, const char *path, struct error *err);
bool marks_have(const struct marks *marks, const char *path);

/* ---- lower.c ---- */

/* The attributes of a folder below for the one that was made at `dir`/`name`; *ret_mtime and *ret_mode are for later_add(). */
int lower_imply(struct layer *layer, int dir, const char *name, const char *path, size_t len,
	struct timespec *ret_mtime, uint32_t *ret_mode, struct error *err);
enum { LOWER_NOTHING = 0, LOWER_COPIED = 1 };
int lower_copy_up(struct layer *layer, const char *target, int dir, const char *name, struct error *err);
