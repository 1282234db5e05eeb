/* images/image/tar.h: a tar archive, read strictly: bytes in, entries out.
 *
 * Understands v7, ustar, GNU and pax archives with all that layers carry: long names, numbers in base 256, extended headers,
 * extended attributes in both spellings, sparse files of all four kinds. Where readers in the world disagree about what an
 * archive says there is no entry but an error: what a scanner saw must be what is unpacked [CVE-2025-62518,
 * CVE-2026-53655, CVE-2026-33055]. Touches no file; memory is bounded by the limits.
 * [POSIX.1-2017 pax; tar(5) of libarchive; GNU tar manual, "Tar Internals"] */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
struct error;
struct tar;

/* Where the bytes come from: the next ones, any number of them, which stay until the next call. 1; 0 at the end; a negative
 * errno, which is handed on: the words are the source's. */
struct tar_source {
	int (*next)(void *data, const unsigned char **ret_bytes, size_t *ret_len);
	void *data;
};

struct tar_limits {
	uint64_t file_bytes; /* of one file, holes included */
	uint64_t pax_bytes;  /* of one extended header */
};

enum tar_kind { TAR_FILE, TAR_HARD_LINK, TAR_SYMLINK, TAR_CHAR, TAR_BLOCK, TAR_DIR, TAR_FIFO, TAR_KINDS };

struct tar_xattr {
	const char *name;
	const char *value; /* bytes */
	size_t len;
};

enum { TAR_XATTRS_MAX = 256 };

struct tar_entry {
	enum tar_kind kind;
	const char *path; /* as written; not empty, shorter than PATH_MAX */
	const char *link; /* the target of a link; "" for other kinds */
	uint32_t mode;    /* permissions and 07000 */
	uint32_t uid, gid;
	uint32_t major, minor; /* of a device */
	uint64_t size;         /* of a file, holes included */
	bool sparse;
	struct timespec mtime;
	const struct tar_xattr *xattrs;
	size_t xattr_count;
};

int tar_new(const struct tar_source *source, const struct tar_limits *limits, struct tar **ret, struct error *err);
void tar_free(struct tar *tar); /* NULL is fine */

enum { TAR_END = 0, TAR_END_UNMARKED = 1, TAR_ENTRY = 2 };

/* The next entry, valid until the next call; or the end, after which all bytes of the source have been read. Unmarked: the
 * bytes end where an entry could follow, without the two blocks of zeros; who has a digest need not mind. */
int tar_next(struct tar *tar, const struct tar_entry **ret, struct error *err);

/* The next bytes of the entry's file, and where in it they belong: in order, with gaps where it is sparse. 1, or 0 when it
 * has no more. */
int tar_data(
	struct tar *tar, const unsigned char **ret_bytes, size_t *ret_len, uint64_t *ret_offset, struct error *err);

/* For messages: the path of the entry that is being read, "" where it is not known yet; where its header is. */
const char *tar_path(const struct tar *tar);
uint64_t tar_position(const struct tar *tar);
