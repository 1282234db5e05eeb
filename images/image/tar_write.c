/* images/image/tar_write.c: see the header. [POSIX.1-2017 pax; xattr keys as GNU tar and libarchive write them] */
#include "images/image/tar_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

enum { BLOCK = 512, DEPTH_MAX = 256, XATTR_NAMES = 65536, PAX_MAX = 1 << 20, COPY = 256 << 10 };
#define USTAR_SIZE_MAX 077777777777ULL
#define USTAR_ID_MAX   07777777U

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6],
		version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
static_assert(sizeof(struct header) == BLOCK, "a header is a block");

/* ---- headers ---- */

static void put_octal(char *field, size_t size, uint64_t value)
{
	char digits[24];

	(void)snprintf(digits, sizeof(digits), "%0*llo", (int)size - 1, (unsigned long long)value);
	memcpy(field, digits, size);
}

static void put_text(char *field, size_t size, const char *text)
{
	size_t len = strlen(text);

	memcpy(field, text, len < size ? len : size);
}

static int write_header(int out, struct header *header, struct error *err)
{
	unsigned sum = 0;
	char digits[16];
	int r;

	memcpy(header->magic, "ustar", 6);
	memcpy(header->version, "00", 2);
	memset(header->checksum, ' ', sizeof(header->checksum));
	for (size_t i = 0; i < BLOCK; i++)
		sum += ((const unsigned char *)header)[i];
	(void)snprintf(digits, sizeof(digits), "%06o", sum);
	memcpy(header->checksum, digits, 7);
	r = file_write_all(out, header, BLOCK);
	return r < 0 ? error_sys(err, r, "write an archive") : 0;
}

int tar_write_padding(int out, uint64_t size, struct error *err)
{
	static const char zeros[BLOCK];
	int r = file_write_all(out, zeros, (size_t)((BLOCK - size % BLOCK) % BLOCK));

	return r < 0 ? error_sys(err, r, "write an archive") : 0;
}

int tar_write_end(int out, struct error *err)
{
	static const char zeros[2 * BLOCK];
	int r = file_write_all(out, zeros, sizeof(zeros));

	return r < 0 ? error_sys(err, r, "write an archive") : 0;
}

int tar_write_file_header(int out, const char *path, uint64_t size, struct error *err)
{
	struct header header = { .type = '0' };

	if (strlen(path) >= sizeof(header.name) || size > USTAR_SIZE_MAX)
		return error_bad(
			err, EFBIG, "%s with %llu bytes does not fit into the archive", path, (unsigned long long)size);
	put_text(header.name, sizeof(header.name), path);
	put_octal(header.mode, sizeof(header.mode), 0644);
	put_octal(header.uid, sizeof(header.uid), 0);
	put_octal(header.gid, sizeof(header.gid), 0);
	put_octal(header.size, sizeof(header.size), size);
	put_octal(header.mtime, sizeof(header.mtime), 0);
	return write_header(out, &header, err);
}

/* ---- pax records ---- */

struct records {
	char *buf; /* of PAX_MAX */
	size_t len;
	bool full;
};

/* "LEN KEY=VALUE\n", where LEN counts its own digits, too. */
static void add_record(struct records *records, const char *key, const char *value, size_t value_len)
{
	size_t rest = strlen(key) + value_len + 3, len = rest + 1;
	char digits[24];

	while (text_put_u64(digits, len) + rest != len)
		len = text_put_u64(digits, len) + rest;
	if (records->len + len > PAX_MAX) {
		records->full = true;
		return;
	}
	records->len += (size_t)snprintf(records->buf + records->len, PAX_MAX - records->len, "%s %s=", digits, key);
	memcpy(records->buf + records->len, value, value_len);
	records->len += value_len;
	records->buf[records->len++] = '\n';
}

static void add_number(struct records *records, const char *key, uint64_t value)
{
	char digits[24];
	size_t len = text_put_u64(digits, value);

	add_record(records, key, digits, len);
}

static void add_time(struct records *records, const struct timespec *time)
{
	bool below = time->tv_sec < 0 && time->tv_nsec > 0; /* -1.75 is two seconds back and a quarter ahead */
	long long seconds = (long long)time->tv_sec + below;
	long nanoseconds = below ? 1000000000L - time->tv_nsec : time->tv_nsec;
	char text[48];

	(void)snprintf(text, sizeof(text), "%s%lld.%09ld", below && seconds == 0 ? "-" : "", seconds, nanoseconds);
	add_record(records, "mtime", text, strlen(text));
}

/* ---- the walk ---- */

struct link {
	dev_t device;
	ino_t inode;
	const char *path;
};

struct level {
	int dir; /* owned */
	const char *path;
	char **names;
	size_t count, next;
};

struct writer {
	int out;
	bool strangers_are_root;
	dev_t device;
	struct arena arena;
	void *links; /* tsearch(3): first names of files that have several */
	struct records records;
	char *copy; /* of COPY bytes */
	char *list; /* of XATTR_NAMES bytes */
	struct level levels[DEPTH_MAX];
	unsigned depth;
	struct error *err;
};

static int by_inode(const void *left, const void *right)
{
	const struct link *a = left, *b = right;

	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return (a->inode > b->inode) - (a->inode < b->inode);
}

/* The first name of a file with several, or NULL where this is it. */
static const char *earlier_name(struct writer *writer, const struct stat *st, const char *path)
{
	struct link *link = ARENA_NEW(&writer->arena, struct link), **found;

	*link = (struct link){ st->st_dev, st->st_ino, path };
	found = tsearch(link, &writer->links, by_inode);
	return found && *found != link ? (*found)->path : NULL;
}

/* What the kernel shows for all ids that a user namespace does not have [user_namespaces(7), overflowuid]. */
static uint32_t id_of(const struct writer *writer, uint32_t id)
{
	enum { STRANGER = 65534 };

	return writer->strangers_are_root && id == STRANGER ? 0 : id;
}

static bool is_kept_xattr(const char *name)
{
	return text_starts_with(name, "user.") || strcmp(name, "security.capability") == 0 ||
		text_starts_with(name, "system.posix_acl_");
}

/* Of files and folders; others have none that count. */
static int add_xattrs(struct writer *writer, int file, const char *path)
{
	char key[XATTR_NAME_MAX + 32];
	ssize_t len = flistxattr(file, writer->list, XATTR_NAMES);

	if (len < 0)
		return errno == ENOTSUP ? 0 : error_sys(writer->err, errno, "read the extended attributes of %s", path);
	for (const char *name = writer->list; name < writer->list + len; name += strlen(name) + 1) {
		ssize_t size;
		if (!is_kept_xattr(name))
			continue;
		size = fgetxattr(file, name, writer->copy, COPY);
		if (size < 0)
			return error_sys(writer->err, errno, "read %s of %s", name, path);
		(void)snprintf(key, sizeof(key), "SCHILY.xattr.%s", name);
		add_record(&writer->records, key, writer->copy, (size_t)size);
	}
	return 0;
}

static int write_records(struct writer *writer)
{
	struct header header = { .type = 'x' };
	int r;

	if (writer->records.full)
		return error_bad(writer->err, E2BIG, "the extended attributes of a file are too large");
	if (writer->records.len == 0)
		return 0;
	put_text(header.name, sizeof(header.name), "pax");
	put_octal(header.mode, sizeof(header.mode), 0644);
	put_octal(header.size, sizeof(header.size), writer->records.len);
	r = write_header(writer->out, &header, writer->err);
	if (r == 0)
		r = file_write_all(writer->out, writer->records.buf, writer->records.len);
	return r < 0 ? error_sys(writer->err, r, "write an archive")
		     : tar_write_padding(writer->out, writer->records.len, writer->err);
}

static char type_of(mode_t mode)
{
	static const struct {
		mode_t format;
		char type;
	} types[] = { { S_IFCHR, '3' }, { S_IFBLK, '4' }, { S_IFIFO, '6' } };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].format == (mode & S_IFMT))
			return types[i].type;
	return 0;
}

/* What does not fit its field goes to a record, and 0 to the field. */
static uint64_t fit(struct writer *writer, const char *key, uint64_t value, uint64_t max)
{
	if (value <= max)
		return value;
	add_number(&writer->records, key, value);
	return 0;
}

/* `file`: -1, or where its extended attributes are. `link`: what a symbolic link says, or an earlier name of a hard link. */
static int write_entry_header(
	struct writer *writer, char type, int file, const struct stat *st, const char *path, const char *link)
{
	struct header header = { .type = type };
	bool in_seconds = st->st_mtim.tv_sec >= 0 && st->st_mtim.tv_nsec == 0;
	int r = 0;

	writer->records.len = 0;
	if (strlen(path) > sizeof(header.name))
		add_record(&writer->records, "path", path, strlen(path));
	if (strlen(link) > sizeof(header.link))
		add_record(&writer->records, "linkpath", link, strlen(link));
	if (!in_seconds)
		add_time(&writer->records, &st->st_mtim);
	put_text(header.name, sizeof(header.name), path);
	put_text(header.link, sizeof(header.link), link);
	put_octal(header.mode, sizeof(header.mode), st->st_mode & 07777);
	put_octal(header.uid, sizeof(header.uid), fit(writer, "uid", id_of(writer, st->st_uid), USTAR_ID_MAX));
	put_octal(header.gid, sizeof(header.gid), fit(writer, "gid", id_of(writer, st->st_gid), USTAR_ID_MAX));
	put_octal(header.size, sizeof(header.size),
		header.type == '0' ? fit(writer, "size", (uint64_t)st->st_size, USTAR_SIZE_MAX) : 0);
	put_octal(header.mtime, sizeof(header.mtime), st->st_mtim.tv_sec > 0 ? (uint64_t)st->st_mtim.tv_sec : 0);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		put_octal(header.major, sizeof(header.major), major(st->st_rdev));
		put_octal(header.minor, sizeof(header.minor), minor(st->st_rdev));
	}
	if (file >= 0)
		r = add_xattrs(writer, file, path);
	if (r == 0)
		r = write_records(writer);
	return r < 0 ? r : write_header(writer->out, &header, writer->err);
}

static int write_bytes(struct writer *writer, int file, const char *path, uint64_t size)
{
	uint64_t left = size;

	while (left > 0) {
		ssize_t n = read(file, writer->copy, left < COPY ? (size_t)left : COPY);
		int r = n > 0 ? file_write_all(writer->out, writer->copy, (size_t)n) : 0;
		if (n < 0)
			return error_sys(writer->err, errno, "read %s", path);
		if (n == 0)
			return error_bad(writer->err, EBUSY, "%s became shorter while it was read", path);
		if (r < 0)
			return error_sys(writer->err, r, "write an archive");
		left -= (uint64_t)n;
	}
	return tar_write_padding(writer->out, size, writer->err);
}

/* ---- folders ---- */

static int by_name(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

static int list_names(struct writer *writer, struct level *level)
{
	int fd = openat(level->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	size_t count = 0;

	if (!listing)
		return error_sys(writer->err, errno, "list %s", level->path);
	while (readdir(listing))
		count++;
	rewinddir(listing);
	level->names = ARENA_ARRAY(&writer->arena, count, char *);
	for (const struct dirent *entry; level->count < count && (entry = readdir(listing));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			level->names[level->count++] = arena_strdup(&writer->arena, entry->d_name);
	(void)closedir(listing);
	if (level->count)
		qsort(level->names, level->count, sizeof(*level->names), by_name);
	return 0;
}

static int enter(struct writer *writer, int *dir, const char *path)
{
	struct level *level = &writer->levels[writer->depth];

	if (writer->depth == DEPTH_MAX)
		return error_bad(writer->err, ELOOP, "%s is deeper than %d folders", path, DEPTH_MAX);
	*level = (struct level){ .dir = fd_take(dir), .path = path };
	writer->depth++;
	return list_names(writer, level);
}

/* What was looked at, and nothing that took its place since. */
static int open_same(struct writer *writer, int parent, const char *name, const struct stat *st, const char *path)
{
	int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat now;

	if (fd < 0)
		return error_sys(writer->err, errno, "open %s", path);
	if (fstat(fd, &now) == 0 && now.st_dev == st->st_dev && now.st_ino == st->st_ino)
		return fd;
	(void)close(fd);
	return error_bad(writer->err, EBUSY, "%s changed while it was read", path);
}

/* "a/b/", as archives have folders. One on which something is mounted is left empty. */
static int write_folder(struct writer *writer, int parent, const char *name, const struct stat *st, const char *path)
{
	cleanup_close int dir = open_same(writer, parent, name, st, path);
	int r = dir < 0 ? dir : write_entry_header(writer, '5', dir, st, arena_printf(&writer->arena, "%s/", path), "");

	return r < 0 || st->st_dev != writer->device ? r : enter(writer, &dir, path);
}

static int write_file(struct writer *writer, int parent, const char *name, const struct stat *st, const char *path)
{
	cleanup_close int file = open_same(writer, parent, name, st, path);
	int r = file < 0 ? file : write_entry_header(writer, '0', file, st, path, "");

	return r < 0 ? r : write_bytes(writer, file, path, (uint64_t)st->st_size);
}

static int write_link(struct writer *writer, int parent, const char *name, const struct stat *st, const char *path)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(parent, name, target, sizeof(target) - 1);

	if (len < 0)
		return error_sys(writer->err, errno, "read the link %s", path);
	target[len] = '\0';
	return write_entry_header(writer, '2', -1, st, path, target);
}

static int check_entry(struct writer *writer, const char *name, const struct stat *st, const char *path)
{
	if (text_starts_with(name, ".wh."))
		return error_bad(writer->err, EINVAL, "%s: a layer would take this name for a whiteout", path);
	if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0))
		return error_bad(
			writer->err, EINVAL, "%s: this device is a whiteout of overlayfs and no file of a root", path);
	return 0;
}

static int write_entry(struct writer *writer, int parent, const char *name, const char *path)
{
	const char *earlier = NULL;
	struct stat st;
	int r;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(writer->err, errno, "look at %s", path);
	r = check_entry(writer, name, &st, path);
	if (r < 0 || S_ISSOCK(st.st_mode))
		return r;
	if (S_ISDIR(st.st_mode))
		return write_folder(writer, parent, name, &st, path);
	if (st.st_nlink > 1)
		earlier = earlier_name(writer, &st, path);
	if (earlier)
		return write_entry_header(writer, '1', -1, &st, path, earlier);
	if (S_ISLNK(st.st_mode))
		return write_link(writer, parent, name, &st, path);
	if (S_ISREG(st.st_mode))
		return write_file(writer, parent, name, &st, path);
	return write_entry_header(writer, type_of(st.st_mode), -1, &st, path, "");
}

static int walk(struct writer *writer)
{
	while (writer->depth > 0) {
		struct level *level = &writer->levels[writer->depth - 1];
		const char *name;
		int r;
		if (level->next == level->count) {
			fd_closep(&level->dir);
			writer->depth--;
			continue;
		}
		name = level->names[level->next++];
		r = write_entry(writer, level->dir, name,
			*level->path ? arena_printf(&writer->arena, "%s/%s", level->path, name) : name);
		if (r < 0)
			return r;
	}
	return tar_write_end(writer->out, writer->err);
}

static int write_root(struct writer *writer, int dir)
{
	cleanup_close int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	if (own < 0 || fstat(own, &st) < 0)
		return error_sys(writer->err, errno, "open the root");
	writer->device = st.st_dev;
	r = write_entry_header(writer, '5', own, &st, "./", "");
	if (r == 0)
		r = enter(writer, &own, "");
	return r < 0 ? r : walk(writer);
}

static void nothing(void *link)
{
	(void)link; /* in the arena */
}

int tar_write_tree(int dir, int out, const char *name, bool strangers_are_root, struct error *err)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	int r;

	if (!writer)
		return error_sys(err, ENOMEM, "write an archive");
	writer->out = out;
	writer->strangers_are_root = strangers_are_root;
	writer->err = err;
	arena_init(&writer->arena);
	writer->arena.limit = (size_t)1 << 30;
	writer->records.buf = arena_alloc(&writer->arena, PAX_MAX);
	writer->copy = arena_alloc(&writer->arena, COPY);
	writer->list = arena_alloc(&writer->arena, XATTR_NAMES);
	r = write_root(writer, dir);
	while (writer->depth > 0)
		fd_closep(&writer->levels[--writer->depth].dir);
	tdestroy(writer->links, nothing);
	arena_done(&writer->arena);
	free(writer);
	return r < 0 ? error_at(err, "%s", name) : 0;
}
