/* images/image/tar_internal.h: what tar.c, its extended headers and its sparse files share. */
#pragma once
#include <assert.h>

#include "images/image/tar.h"

enum { TAR_BLOCK_SIZE = 512, TAR_SEGMENTS_MAX = 1 << 18 };

/* What a pax header says; `has` bits tell which. */
enum pax_key {
	PAX_PATH,
	PAX_LINK,
	PAX_SIZE,
	PAX_UID,
	PAX_GID,
	PAX_MTIME,
	PAX_SPARSE_MAJOR,
	PAX_SPARSE_MINOR,
	PAX_SPARSE_NAME,
	PAX_SPARSE_SIZE,
	PAX_SPARSE_MAP,
	PAX_SPARSE_COUNT,
	PAX_SPARSE_OFFSET,
	PAX_SPARSE_BYTES,
	PAX_XATTR,
	PAX_ACL_ACCESS,
	PAX_ACL_DEFAULT,
	PAX_KEYS
};

struct pax {
	uint32_t has; /* 1 << enum pax_key */
	const char *path, *link, *sparse_name, *sparse_map;
	uint64_t size, uid, gid, sparse_major, sparse_minor, sparse_size, sparse_count;
	struct timespec mtime;
	struct tar_xattr xattrs[TAR_XATTRS_MAX];
	size_t xattr_count;
	struct tar_xattr acls[2]; /* in words; `name` is that of the attribute which they become */
	size_t acl_count;
};

static inline bool pax_has(const struct pax *pax, enum pax_key key)
{
	return pax->has & 1U << key;
}

/* Stored pieces of a sparse file, in order, none overlapping. */
struct segment {
	uint64_t offset, len;
};
struct segments {
	struct segment *items; /* owned */
	size_t count, size;
	uint64_t stored; /* of all, bytes */
	uint64_t end;    /* of the last */
};

/* -EBADMSG where it does not lie behind the last one, or there are too many. */
int segments_add(struct segments *segments, uint64_t offset, uint64_t len, struct error *err);
int segments_add_list(struct segments *segments, const char *list, struct error *err); /* "offset,length,..." */

/* Reads the records of a local (`global` false) or global pax header; `text` holds `len` bytes and a NUL, is changed, and
 * must stay as long as what is read. A global one may not say anything that would change an entry. */
int pax_read(char *text, size_t len, bool global, struct pax *pax, struct segments *segments, struct error *err);

/* Makes of an access control list in words, `len` bytes and a NUL, in its place the value of the extended attribute that the
 * kernel takes; *ret_len is less than `len`. -EINVAL where it says nothing that a kernel would take; -E2BIG. */
int acl_from_text(char *text, size_t len, size_t *ret_len, struct error *err);

/* Adds the access control lists that it has in words to the extended attributes, where it does not have these themselves. Not
 * earlier than the name of the entry is known, which the lists may be wrong about. */
int pax_take_acls(struct pax *pax, struct error *err);

struct tar_header {
	unsigned char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6],
		version[2], uname[32], gname[32], major[8], minor[8], prefix[155], rest[12];
};
static_assert(sizeof(struct tar_header) == TAR_BLOCK_SIZE, "a header is a block");

enum tar_magic { MAGIC_NONE, MAGIC_USTAR, MAGIC_STAR, MAGIC_GNU };

/* A number field of a header: octal, or base 256 [GNU]. */
int tar_number(const unsigned char *field, size_t size, int64_t *ret);

/* One that must lie in [0, max]; `what` is its name for messages. */
int tar_read_field(
	const unsigned char *field, size_t size, uint64_t max, const char *what, uint64_t *ret, struct error *err);
#define READ_FIELD(header, field, max, ret, err)                                                                       \
	tar_read_field((header)->field, sizeof((header)->field), (max), #field, (ret), (err))

bool tar_has_good_checksum(const struct tar_header *header);
enum tar_magic tar_magic_of(const struct tar_header *header);
