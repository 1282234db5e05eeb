/* images/image/tar.c: blocks of 512 bytes to entries.
 *
 * Theory of operation
 * tar_next() skips what is left of the entry before, then reads headers until one is an entry. What may stand before it is
 * one pax header (x), or one GNU long name (L) and one GNU long link (K); both sorts at once, one of a sort twice, a global
 * header (g) in between, or the end of the archive after them have no common reading and are refused. Of the three places
 * that can name a file the order is GNU.sparse.name, path or L, the header. Numbers of pax go before those of the header. */
#include "images/image/tar.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "images/image/tar_internal.h"

enum { STAR_PREFIX_SIZE = 131 };

struct tar {
	struct tar_source source;
	struct tar_limits limits;
	const unsigned char *at; /* what the source gave and was not used */
	size_t left;
	uint64_t position, header_position;
	uint64_t body_left, padding; /* of the entry */
	uint64_t file_at;            /* in it, for tar_data() */
	size_t segment;              /* the one that is read */
	uint64_t segment_left;
	struct tar_entry entry;
	struct tar_header header;
	char path[PATH_MAX], link[PATH_MAX]; /* from the header; or the long ones */
	bool has_long_path, has_long_link, has_pax;
	char *pax_text; /* owned */
	size_t pax_size;
	struct pax pax;
	struct segments segments;
};

int tar_new(const struct tar_source *source, const struct tar_limits *limits, struct tar **ret, struct error *err)
{
	struct tar *tar = calloc(1, sizeof(*tar));

	if (!tar)
		return error_sys(err, ENOMEM, "read tar");
	tar->source = *source;
	tar->limits = *limits;
	*ret = tar;
	return 0;
}

void tar_free(struct tar *tar)
{
	if (!tar)
		return;
	free(tar->segments.items);
	free(tar->pax_text);
	free(tar);
}

const char *tar_path(const struct tar *tar)
{
	return tar->entry.path ? tar->entry.path : "";
}

uint64_t tar_position(const struct tar *tar)
{
	return tar->header_position;
}

/* ---- bytes ---- */

/* 1 where there are bytes, 0 at the end. */
static int look(struct tar *tar)
{
	int r = 1;

	while (tar->left == 0 && r == 1)
		r = tar->source.next(tar->source.data, &tar->at, &tar->left);
	return r;
}

static void advance(struct tar *tar, size_t len)
{
	tar->at += len;
	tar->left -= len;
	tar->position += len;
}

static int cut_short(const struct tar *tar, struct error *err)
{
	return error_bad(
		err, EBADMSG, "the archive ends after %" PRIu64 " bytes, in the middle of an entry", tar->position);
}

static int take_bytes(struct tar *tar, void *to, size_t len, struct error *err)
{
	unsigned char *at = to;

	while (len > 0) {
		int r = look(tar);
		size_t n = tar->left < len ? tar->left : len;
		if (r <= 0)
			return r < 0 ? r : cut_short(tar, err);
		memcpy(at, tar->at, n);
		advance(tar, n);
		at += n;
		len -= n;
	}
	return 0;
}

static int skip_bytes(struct tar *tar, uint64_t len, struct error *err)
{
	while (len > 0) {
		int r = look(tar);
		size_t n = tar->left < len ? tar->left : (size_t)len;
		if (r <= 0)
			return r < 0 ? r : cut_short(tar, err);
		advance(tar, n);
		len -= n;
	}
	return 0;
}

static uint64_t padding_of(uint64_t size)
{
	return -size & (TAR_BLOCK_SIZE - 1);
}

static bool is_zero(const unsigned char *bytes, size_t len)
{
	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* ---- what stands before an entry ---- */

static bool has_prelude(const struct tar *tar)
{
	return tar->has_pax || tar->has_long_path || tar->has_long_link;
}

static int disagree(const char *what, struct error *err)
{
	return error_bad(err, EBADMSG, "%s: readers of tar do not agree on what that says", what);
}

static int take_long(struct tar *tar, uint64_t size, bool *has, char *buf, struct error *err)
{
	int r;

	if (*has)
		return disagree("two GNU long names for one entry", err);
	if (tar->has_pax)
		return disagree("a pax header and a GNU long name for one entry", err);
	if (size == 0 || size > PATH_MAX)
		return error_bad(err, ENAMETOOLONG, "a name of %" PRIu64 " bytes", size);
	if ((r = take_bytes(tar, buf, (size_t)size, err)) < 0 || (r = skip_bytes(tar, padding_of(size), err)) < 0)
		return r;
	if (!memchr(buf, '\0', (size_t)size)) {
		if (size == PATH_MAX)
			return error_bad(err, ENAMETOOLONG, "a name of %" PRIu64 " bytes", size);
		buf[size] = '\0';
	}
	if (!is_zero((unsigned char *)buf + strlen(buf), (size_t)size - strlen(buf)))
		return disagree("a GNU long name with a NUL in it", err);
	*has = true;
	return 0;
}

static int take_pax(struct tar *tar, uint64_t size, bool global, struct error *err)
{
	int r;

	if (has_prelude(tar))
		return disagree(tar->has_pax ? "two pax headers for one entry"
					     : "a pax header and a GNU long name for one entry",
			err);
	if (size > tar->limits.pax_bytes)
		return error_bad(err, E2BIG, "a pax header of %" PRIu64 " bytes where %" PRIu64 " are allowed", size,
			tar->limits.pax_bytes);
	if (size >= tar->pax_size) {
		char *text = realloc(tar->pax_text, (size_t)size + 1);
		if (!text)
			return error_sys(err, ENOMEM, "read a pax header");
		tar->pax_text = text;
		tar->pax_size = (size_t)size + 1;
	}
	if ((r = take_bytes(tar, tar->pax_text, (size_t)size, err)) < 0 ||
		(r = skip_bytes(tar, padding_of(size), err)) < 0)
		return r;
	tar->pax_text[size] = '\0';
	tar->has_pax = !global;
	return pax_read(tar->pax_text, (size_t)size, global, &tar->pax, &tar->segments, err);
}

static int take_prelude(struct tar *tar, struct error *err)
{
	uint64_t size = 0;
	int r = READ_FIELD(&tar->header, size, INT64_MAX, &size, err);

	if (r < 0)
		return r;
	switch (tar->header.type) {
	case 'L': return take_long(tar, size, &tar->has_long_path, tar->path, err);
	case 'K': return take_long(tar, size, &tar->has_long_link, tar->link, err);
	default: return take_pax(tar, size, tar->header.type == 'g', err);
	}
}

/* ---- an entry ---- */

static const struct type {
	enum tar_kind kind;
	unsigned char type;
	bool has_body, sparse;
} types[] = {
	{ TAR_FILE, '0', true, false },
	{ TAR_FILE, '\0', true, false },
	{ TAR_FILE, '7', true, false }, /* contiguous, on systems that had such */
	{ TAR_FILE, 'S', true, true },
	{ TAR_HARD_LINK, '1', false, false },
	{ TAR_SYMLINK, '2', false, false },
	{ TAR_CHAR, '3', false, false },
	{ TAR_BLOCK, '4', false, false },
	{ TAR_DIR, '5', false, false },
	{ TAR_FIFO, '6', false, false },
};

static const struct type *find_type(unsigned char type)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == type)
			return &types[i];
	return NULL;
}

static void read_header_names(struct tar *tar)
{
	const struct tar_header *header = &tar->header;
	enum tar_magic magic = tar_magic_of(header);
	size_t prefix = magic == MAGIC_USTAR ? sizeof(header->prefix) : magic == MAGIC_STAR ? STAR_PREFIX_SIZE : 0;
	struct text text;

	prefix = strnlen((const char *)header->prefix, prefix);
	if (!tar->has_long_path) {
		text_init(&text, tar->path, sizeof(tar->path));
		if (prefix > 0)
			text_add(&text, "%.*s/", (int)prefix, (const char *)header->prefix);
		text_add(&text, "%.*s", (int)sizeof(header->name), (const char *)header->name);
	}
	if (!tar->has_long_link) {
		text_init(&text, tar->link, sizeof(tar->link));
		text_add(&text, "%.*s", (int)sizeof(header->link), (const char *)header->link);
	}
}

static int read_names(struct tar *tar, struct error *err)
{
	struct tar_entry *entry = &tar->entry;
	const struct pax *pax = &tar->pax;

	read_header_names(tar);
	entry->path = pax_has(pax, PAX_SPARSE_NAME) ? pax->sparse_name : pax_has(pax, PAX_PATH) ? pax->path : tar->path;
	entry->link = pax_has(pax, PAX_LINK) ? pax->link : tar->link;
	if (strlen(entry->path) >= PATH_MAX || strlen(entry->link) >= PATH_MAX)
		return error_bad(err, ENAMETOOLONG, "a name of %d bytes or more", PATH_MAX);
	if (!*entry->path)
		return error_bad(err, EBADMSG, "an entry without a name");
	return 0;
}

static int read_id(uint64_t from_pax, bool in_pax, const unsigned char field[8], const char *what, uint32_t *ret,
	struct error *err)
{
	uint64_t value = from_pax;
	int r = 0;

	if (!in_pax)
		r = tar_read_field(field, 8, UINT32_MAX - 1, what, &value, err);
	else if (value > UINT32_MAX - 1) /* the last one is "no id" to chown(2) */
		r = error_bad(
			err, ERANGE, "the %s %" PRIu64 " is not in the range of 0 to %u", what, value, UINT32_MAX - 1);
	*ret = (uint32_t)value;
	return r;
}

static int read_mtime(struct tar *tar, struct error *err)
{
	int64_t seconds = 0;

	tar->entry.mtime = tar->pax.mtime;
	if (pax_has(&tar->pax, PAX_MTIME))
		return 0;
	if (tar_number(tar->header.mtime, sizeof(tar->header.mtime), &seconds) < 0)
		return error_bad(err, EBADMSG, "the mtime in the header is no number");
	tar->entry.mtime = (struct timespec){ .tv_sec = seconds };
	return 0;
}

static int read_attributes(struct tar *tar, struct error *err)
{
	const struct tar_header *header = &tar->header;
	struct pax *pax = &tar->pax;
	struct tar_entry *entry = &tar->entry;
	uint64_t mode, major = 0, minor = 0;
	int r;

	if ((r = READ_FIELD(header, mode, INT64_MAX, &mode, err)) < 0 ||
		(r = read_id(pax->uid, pax_has(pax, PAX_UID), header->uid, "uid", &entry->uid, err)) < 0 ||
		(r = read_id(pax->gid, pax_has(pax, PAX_GID), header->gid, "gid", &entry->gid, err)) < 0 ||
		(r = read_mtime(tar, err)) < 0 || (r = pax_take_acls(pax, err)) < 0)
		return r;
	if ((entry->kind == TAR_CHAR || entry->kind == TAR_BLOCK) &&
		((r = READ_FIELD(header, major, UINT32_MAX, &major, err)) < 0 ||
			(r = READ_FIELD(header, minor, UINT32_MAX, &minor, err)) < 0))
		return r;
	entry->mode = (uint32_t)mode & 07777;
	entry->major = (uint32_t)major;
	entry->minor = (uint32_t)minor;
	entry->xattrs = pax->xattrs;
	entry->xattr_count = pax->xattr_count;
	return 0;
}

/* ---- sparse files ---- */

/* Where GNU's old sparse files have their map: pairs of offset and length, the first in the header, more in blocks of their
 * own behind it. */
enum {
	OLD_SPARSE_AT = 386,
	OLD_SPARSE_PAIRS = 4,
	OLD_SPARSE_MORE = 482,
	OLD_SPARSE_SIZE = 483,
	OLD_SPARSE_BLOCK_PAIRS = 21,
	OLD_SPARSE_BLOCK_MORE = 504,
	NUMBER_SIZE = 12,
};

/* Pairs until one is empty. */
static int take_old_pairs(struct tar *tar, const unsigned char *pairs, size_t count, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++, pairs += (size_t)2 * NUMBER_SIZE) {
		uint64_t offset, len;
		if (pairs[0] == '\0')
			break;
		if ((r = tar_read_field(pairs, NUMBER_SIZE, INT64_MAX, "offset of a piece", &offset, err)) == 0 &&
			(r = tar_read_field(
				 pairs + NUMBER_SIZE, NUMBER_SIZE, INT64_MAX, "length of a piece", &len, err)) == 0)
			r = segments_add(&tar->segments, offset, len, err);
	}
	return r;
}

static int take_old_map(struct tar *tar, struct error *err)
{
	unsigned char block[TAR_BLOCK_SIZE] = { 0 };
	const unsigned char *header = (const unsigned char *)&tar->header;
	bool more = header[OLD_SPARSE_MORE] != 0;
	int r;

	if (tar_magic_of(&tar->header) != MAGIC_GNU || tar->has_pax)
		return disagree("a sparse file in the form of GNU tar, in an archive that is not", err);
	if ((r = tar_read_field(header + OLD_SPARSE_SIZE, NUMBER_SIZE, INT64_MAX, "real size", &tar->entry.size, err)) <
		0)
		return r;
	r = take_old_pairs(tar, header + OLD_SPARSE_AT, OLD_SPARSE_PAIRS, err);
	while (r == 0 && more) {
		if ((r = take_bytes(tar, block, sizeof(block), err)) == 0)
			r = take_old_pairs(tar, block, OLD_SPARSE_BLOCK_PAIRS, err);
		more = block[OLD_SPARSE_BLOCK_MORE] != 0;
	}
	return r;
}

/* One decimal number and its newline from the map in front of the file's data. */
struct map_reader {
	unsigned char block[TAR_BLOCK_SIZE];
	size_t at;
};

static int take_map_number(struct tar *tar, struct map_reader *reader, uint64_t *ret, struct error *err)
{
	uint64_t value = 0;
	int r;

	for (size_t digits = 0;; digits++) {
		if (reader->at == sizeof(reader->block)) {
			if (tar->body_left < sizeof(reader->block))
				return error_bad(err, EBADMSG, "the map of a sparse file is longer than the file");
			if ((r = take_bytes(tar, reader->block, sizeof(reader->block), err)) < 0)
				return r;
			tar->body_left -= sizeof(reader->block);
			reader->at = 0;
		}
		unsigned char c = reader->block[reader->at++];
		if (c == '\n' && digits > 0)
			break;
		if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(c - '0'), &value))
			return error_bad(err, EBADMSG, "the map of a sparse file has something that is no number");
	}
	*ret = value;
	return 0;
}

/* GNU.sparse 1.0: the count, then pairs of offset and length, in blocks in front of the data. */
static int take_body_map(struct tar *tar, struct error *err)
{
	struct map_reader reader = { .at = sizeof(reader.block) };
	uint64_t count, offset, len;
	int r = take_map_number(tar, &reader, &count, err);

	for (uint64_t i = 0; r == 0 && i < count; i++)
		if ((r = take_map_number(tar, &reader, &offset, err)) == 0 &&
			(r = take_map_number(tar, &reader, &len, err)) == 0)
			r = segments_add(&tar->segments, offset, len, err);
	return r;
}

static int take_pax_map(struct tar *tar, struct error *err)
{
	const struct pax *pax = &tar->pax;
	bool body = pax_has(pax, PAX_SPARSE_MAJOR) && pax->sparse_major == 1 && pax->sparse_minor == 0;
	bool in_pax = pax_has(pax, PAX_SPARSE_MAP) || pax_has(pax, PAX_SPARSE_OFFSET) || pax_has(pax, PAX_SPARSE_COUNT);

	if (tar->entry.kind != TAR_FILE || !pax_has(pax, PAX_SPARSE_SIZE) || body == in_pax ||
		(pax_has(pax, PAX_SPARSE_MAP) && pax_has(pax, PAX_SPARSE_OFFSET)) ||
		(pax_has(pax, PAX_SPARSE_MAJOR) && !body && pax->sparse_major != 0))
		return error_bad(err, EBADMSG, "GNU.sparse headers of no known form");
	if (pax_has(pax, PAX_SPARSE_COUNT) && pax->sparse_count != tar->segments.count)
		return error_bad(err, EBADMSG, "GNU.sparse.numblocks is not the number of pieces");
	tar->entry.size = pax->sparse_size;
	return body ? take_body_map(tar, err) : 0;
}

static const uint32_t pax_sparse_keys = 1U << PAX_SPARSE_MAJOR | 1U << PAX_SPARSE_MINOR | 1U << PAX_SPARSE_NAME |
	1U << PAX_SPARSE_SIZE | 1U << PAX_SPARSE_MAP | 1U << PAX_SPARSE_COUNT | 1U << PAX_SPARSE_OFFSET |
	1U << PAX_SPARSE_BYTES;

static int read_map(struct tar *tar, const struct type *type, struct error *err)
{
	int r = 0;

	tar->entry.sparse = type->sparse || (tar->pax.has & pax_sparse_keys) != 0;
	if (!tar->entry.sparse)
		return 0;
	r = type->sparse ? take_old_map(tar, err) : take_pax_map(tar, err);
	if (r < 0)
		return r;
	if (tar->segments.stored != tar->body_left || tar->segments.end > tar->entry.size)
		return error_bad(err, EBADMSG, "a sparse file whose pieces are not its size");
	return 0;
}

/* ---- the entry's body ---- */

static int read_body_size(struct tar *tar, const struct type *type, struct error *err)
{
	uint64_t size = tar->pax.size;

	if (!pax_has(&tar->pax, PAX_SIZE) && READ_FIELD(&tar->header, size, INT64_MAX, &size, err) < 0)
		return err->code;
	if (size > 0 && !type->has_body)
		return disagree("an entry that is no file, with a size", err);
	tar->entry.size = size;
	tar->body_left = size;
	tar->padding = padding_of(size);
	return 0;
}

/* A file whose name ends in a slash is a directory of the oldest archives [tar(5)]; since ustar readers disagree. */
static int apply_slash(struct tar *tar, const struct type *type, struct error *err)
{
	struct tar_entry *entry = &tar->entry;
	size_t len = strlen(entry->path);

	if (entry->kind != TAR_FILE || entry->path[len - 1] != '/')
		return 0;
	if (type->type != '\0' || entry->size > 0)
		return disagree("a file whose name ends in a slash", err);
	entry->kind = TAR_DIR;
	return 0;
}

static int read_entry(struct tar *tar, struct error *err)
{
	const struct type *type = find_type(tar->header.type);
	struct tar_entry *entry = &tar->entry;
	int r;

	if ((r = read_names(tar, err)) < 0)
		return r;
	if (!type)
		return error_bad(err, ENOTSUP, "an entry of the unknown type 0x%02x", tar->header.type);
	entry->kind = type->kind;
	if ((r = read_body_size(tar, type, err)) < 0 || (r = read_attributes(tar, err)) < 0 ||
		(r = read_map(tar, type, err)) < 0 || (r = apply_slash(tar, type, err)) < 0)
		return r;
	if (entry->size > tar->limits.file_bytes)
		return error_bad(err, EFBIG, "a file of %" PRIu64 " bytes where %" PRIu64 " are allowed", entry->size,
			tar->limits.file_bytes);
	if (entry->kind != TAR_HARD_LINK && entry->kind != TAR_SYMLINK)
		entry->link = "";
	else if (!*entry->link)
		return error_bad(err, EBADMSG, "a link without a target");
	return TAR_ENTRY;
}

/* ---- the archive ---- */

static void forget_entry(struct tar *tar)
{
	tar->entry = (struct tar_entry){ .path = "" };
	tar->has_pax = tar->has_long_path = tar->has_long_link = false;
	tar->pax.has = 0;
	tar->pax.xattr_count = tar->pax.acl_count = 0;
	tar->segments.count = 0;
	tar->segments.stored = tar->segments.end = 0;
	tar->file_at = tar->segment_left = 0;
	tar->segment = 0;
}

/* After the first block of zeros there is nothing else, however long [G10]. */
static int read_to_end(struct tar *tar, struct error *err)
{
	int r;

	while ((r = look(tar)) == 1) {
		if (!is_zero(tar->at, tar->left))
			return error_bad(err, EBADMSG, "something follows the end of the archive");
		advance(tar, tar->left);
	}
	return r < 0 ? r : TAR_END;
}

static int finish_entry(struct tar *tar, struct error *err)
{
	uint64_t left = tar->body_left + tar->padding; /* the size is at most INT64_MAX */

	tar->body_left = tar->padding = 0;
	return skip_bytes(tar, left, err);
}

/* 1 where there is a header; TAR_END or TAR_END_UNMARKED beside it are told apart by the caller. */
static int take_header(struct tar *tar, bool *ret_end, struct error *err)
{
	int r = look(tar);

	*ret_end = r == 0;
	if (r <= 0)
		return r;
	tar->header_position = tar->position;
	return take_bytes(tar, &tar->header, sizeof(tar->header), err);
}

static int end_of_archive(struct tar *tar, bool marked, struct error *err)
{
	if (has_prelude(tar))
		return error_bad(err, EBADMSG, "the archive ends after an extended header");
	return marked ? read_to_end(tar, err) : TAR_END_UNMARKED;
}

int tar_next(struct tar *tar, const struct tar_entry **ret, struct error *err)
{
	bool ended;
	int r = finish_entry(tar, err);

	forget_entry(tar);
	while (r >= 0) {
		r = take_header(tar, &ended, err);
		if (r < 0)
			break;
		if (ended || is_zero((const unsigned char *)&tar->header, sizeof(tar->header)))
			return end_of_archive(tar, !ended, err);
		if (!tar_has_good_checksum(&tar->header))
			return error_bad(err, EBADMSG, "the header at byte %" PRIu64 " has a wrong checksum",
				tar->header_position);
		if (!strchr("xgLK", tar->header.type) || tar->header.type == '\0') {
			r = read_entry(tar, err);
			if (r == TAR_ENTRY)
				*ret = &tar->entry;
			break;
		}
		r = take_prelude(tar, err);
	}
	return r;
}

/* ---- data ---- */

/* Bytes that may be read as one piece from here; the place in the file is set. 0: no more. */
static uint64_t next_piece(struct tar *tar)
{
	if (!tar->entry.sparse)
		return tar->body_left;
	while (tar->segment_left == 0 && tar->segment < tar->segments.count) {
		const struct segment *segment = &tar->segments.items[tar->segment++];
		tar->file_at = segment->offset;
		tar->segment_left = segment->len;
	}
	return tar->segment_left;
}

int tar_data(struct tar *tar, const unsigned char **ret_bytes, size_t *ret_len, uint64_t *ret_offset, struct error *err)
{
	uint64_t piece = next_piece(tar);
	size_t len;
	int r;

	if (piece == 0)
		return 0;
	r = look(tar);
	if (r <= 0)
		return r < 0 ? r : cut_short(tar, err);
	len = tar->left < piece ? tar->left : (size_t)piece;
	*ret_bytes = tar->at;
	*ret_len = len;
	*ret_offset = tar->file_at;
	advance(tar, len);
	tar->body_left -= len;
	tar->file_at += len;
	if (tar->entry.sparse)
		tar->segment_left -= len;
	return 1;
}
