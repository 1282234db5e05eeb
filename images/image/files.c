/* images/image/files.c: see the header. */
#include "images/image/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "images/image/spool.h"
#include "images/image/tar.h"

enum { BLOCK = 256 << 10, ENTRIES_MAX = 65536, LINKS_MAX = 8, PIPE_BYTES = 1 << 20, PAX_MAX = 1 << 20 };

/* One file of an archive, or a symbolic link. */
struct entry {
	const char *path, *link; /* link: NULL for a file */
	uint64_t offset, size;
};

struct files {
	int fd; /* owned: the folder, or the archive */
	bool is_dir;
	const char *name;
	struct arena arena;
	struct entry *entries; /* by path */
	size_t count, room;
};

/* ---- the index of an archive ---- */

/* "./a//b/" as "a/b"; NULL where ".." is a part. In the arena. */
static const char *clean(const char *path, struct arena *arena)
{
	char *copy = arena_alloc(arena, strlen(path) + 1);
	size_t out = 0;

	while (*path) {
		size_t len = 0;
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && memcmp(path, "..", 2) == 0)
			return NULL;
		if (len > 0 && !(len == 1 && *path == '.')) {
			if (out)
				copy[out++] = '/';
			memcpy(copy + out, path, len);
			out += len;
		}
		path += len;
	}
	copy[out] = '\0';
	return copy;
}

/* The target of a link, from the folder of the link on; NULL where it leads out. */
static const char *target_of(const char *path, const char *link, struct arena *arena)
{
	const char *slash = strrchr(path, '/');
	char joined[2 * PATH_MAX], *at;
	size_t len = slash && *link != '/' ? (size_t)(slash - path) : 0;

	memcpy(joined, path, len);
	joined[len] = '\0';
	while (strncmp(link, "../", 3) == 0 && *joined) {
		at = strrchr(joined, '/');
		*(at ? at : joined) = '\0';
		link += 3;
	}
	len = strlen(joined);
	if (strlen(link) >= PATH_MAX)
		return NULL;
	joined[len] = '/';
	memcpy(joined + len + 1, link, strlen(link) + 1);
	return clean(joined, arena);
}

static int add_entry(struct files *files, const struct tar *tar, const struct tar_entry *entry, struct error *err)
{
	struct entry *before = files->entries, *added;
	const char *path = clean(entry->path, &files->arena);

	if (!path || (entry->kind != TAR_FILE && entry->kind != TAR_SYMLINK) || entry->sparse)
		return 0;
	if (files->count == ENTRIES_MAX)
		return error_bad(err, EBADMSG, "the archive has more than %d files", ENTRIES_MAX);
	if (files->count == files->room) {
		files->room = files->room ? files->room * 2 : 64;
		files->entries = ARENA_ARRAY(&files->arena, files->room, struct entry);
		if (files->count)
			memcpy(files->entries, before, files->count * sizeof(*before));
	}
	added = &files->entries[files->count++];
	added->path = path;
	if (entry->kind == TAR_SYMLINK) {
		added->link = target_of(path, entry->link, &files->arena);
		added->link = added->link ? added->link : "";
	} else {
		added->offset = tar_position(tar) + 512; /* no extension of a header stands between: it is not sparse */
		added->size = entry->size;
	}
	return 0;
}

struct blocks {
	int fd;
	uint64_t offset;
	unsigned char *buf;
	struct error *err;
};

static int next_block(void *data, const unsigned char **ret_bytes, size_t *ret_len)
{
	struct blocks *blocks = data;
	ssize_t n;

	do
		n = pread(blocks->fd, blocks->buf, BLOCK, (off_t)blocks->offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_sys(blocks->err, errno, "read it");
	blocks->offset += (uint64_t)n;
	*ret_bytes = blocks->buf;
	*ret_len = (size_t)n;
	return n > 0;
}

/* The last of two of one name counts, as for whoever unpacks it. */
static int by_path(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = strcmp(a->path, b->path);

	return order ? order : (a->offset < b->offset) - (a->offset > b->offset);
}

static int read_entries(struct files *files, struct blocks *blocks, struct error *err)
{
	const struct tar_source source = { .next = next_block, .data = blocks };
	const struct tar_limits limits = { .file_bytes = INT64_MAX, .pax_bytes = PAX_MAX };
	const struct tar_entry *entry;
	struct tar *tar = NULL;
	int r = tar_new(&source, &limits, &tar, err);

	while (r >= 0 && (r = tar_next(tar, &entry, err)) == TAR_ENTRY)
		r = add_entry(files, tar, entry, err);
	tar_free(tar);
	if (r >= 0 && files->count)
		qsort(files->entries, files->count, sizeof(*files->entries), by_path);
	return r < 0 ? r : 0;
}

static int read_index(struct files *files, struct error *err)
{
	struct blocks blocks = { .fd = files->fd, .buf = malloc(BLOCK), .err = err };
	int r = blocks.buf ? read_entries(files, &blocks, err) : error_sys(err, ENOMEM, "read it");

	free(blocks.buf);
	return r;
}

/* ---- opening ---- */

static struct files *files_new(int fd, bool is_dir, const char *name)
{
	struct files *files = calloc(1, sizeof(*files));

	if (!files) {
		(void)close(fd);
		return NULL;
	}
	files->fd = fd;
	files->is_dir = is_dir;
	arena_init(&files->arena);
	files->name = arena_strdup(&files->arena, name);
	return files;
}

int files_open_dir(int *dir, const char *name, struct files **ret, struct error *err)
{
	struct files *files = files_new(fd_take(dir), true, name);

	*ret = files;
	return files ? 0 : error_sys(err, ENOMEM, "open %s", name);
}

int files_open_tar(int *file, const char *name, int spool, struct files **ret, struct error *err)
{
	int r = spool_if_compressed(file, spool, err);
	struct files *files;

	if (r < 0)
		return error_at(err, "%s", name);
	files = files_new(fd_take(file), false, name);
	if (!files)
		return error_sys(err, ENOMEM, "read %s", name);
	r = read_index(files, err);
	if (r < 0) {
		files_close(files);
		return error_at(err, "%s", name);
	}
	*ret = files;
	return 0;
}

void files_close(struct files *files)
{
	if (!files)
		return;
	(void)close(files->fd);
	arena_done(&files->arena);
	free(files);
}

int files_folder(const struct files *files)
{
	return files->is_dir ? files->fd : -1;
}

/* ---- finding ---- */

static const struct entry *find_entry(const struct files *files, const char *path)
{
	for (int links = 0; path && links < LINKS_MAX; links++) {
		size_t low = 0, high = files->count;
		while (low < high) {
			size_t middle = low + (high - low) / 2;
			if (strcmp(files->entries[middle].path, path) < 0)
				low = middle + 1;
			else
				high = middle;
		}
		if (low == files->count || strcmp(files->entries[low].path, path) != 0)
			return NULL;
		if (!files->entries[low].link)
			return &files->entries[low];
		path = files->entries[low].link;
	}
	return NULL;
}

static int find_in_archive(const struct files *files, const char *path, struct extent *ret, struct error *err)
{
	const struct entry *entry = find_entry(files, path);
	int fd;

	if (!entry)
		return 0;
	fd = fcntl(files->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return error_sys(err, errno, "read %s", files->name);
	*ret = (struct extent){ .fd = fd, .offset = entry->offset, .size = entry->size };
	return 1;
}

/* Looked at before it is opened for reading: opening a device would do things. */
static int find_in_folder(const struct files *files, const char *path, struct extent *ret, struct error *err)
{
	cleanup_close int seen = path_open_beneath(files->fd, path, O_PATH), fd = -1;
	struct stat st;

	if (seen == -ENOENT || seen == -ENOTDIR)
		return 0;
	if (seen < 0)
		return error_sys(err, seen, "open %s/%s", files->name, path);
	if (fstat(seen, &st) == 0 && S_ISREG(st.st_mode))
		fd = path_open_beneath(files->fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return error_bad(err, EBADMSG, "%s/%s is not a regular file that can be read", files->name, path);
	*ret = (struct extent){ .fd = fd_take(&fd), .size = (uint64_t)st.st_size, .to_end = true };
	return 1;
}

int files_find(const struct files *files, const char *path, struct extent *ret, struct error *err)
{
	return files->is_dir ? find_in_folder(files, path, ret, err) : find_in_archive(files, path, ret, err);
}

static int read_extent(const struct extent *extent, char *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(extent->fd, buf + done, len - done, (off_t)(extent->offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG; /* shorter than it was just now */
		done += (size_t)n;
	}
	return 0;
}

static int read_text(const struct files *files, const char *path, const struct extent *extent, size_t max,
	struct arena *arena, char **ret_text, size_t *ret_len, struct error *err)
{
	char *text = NULL;
	int r;

	if (extent->size > max)
		return error_bad(err, EFBIG, "%s in %s is larger than the %zu bytes allowed", path, files->name, max);
	text = arena_alloc(arena, (size_t)extent->size + 1);
	r = read_extent(extent, text, (size_t)extent->size);
	if (r < 0)
		return error_sys(err, r, "read %s in %s", path, files->name);
	text[extent->size] = '\0';
	*ret_text = text;
	*ret_len = (size_t)extent->size;
	return 0;
}

int files_read(const struct files *files, const char *path, size_t max, struct arena *arena, char **ret_text,
	size_t *ret_len, struct error *err)
{
	struct extent extent = { .fd = -1 };
	int r = files_find(files, path, &extent, err);

	if (r == 0)
		return error_bad(err, ENOENT, "%s has no %s", files->name, path);
	if (r > 0)
		r = read_text(files, path, &extent, max, arena, ret_text, ret_len, err);
	fd_closep(&extent.fd);
	return r;
}

/* ---- streams ---- */

struct pump {
	pthread_t thread;
	int in, out; /* owned */
	uint64_t offset, left;
};

/* Moves pages from the file into the pipe. A pipe that nobody reads any more ends it (SIGPIPE is ignored); a file that has
 * become shorter ends it early, which the reader sees by the size. */
static void *pump_run(void *data)
{
	struct pump *pump = data;
	loff_t offset = (loff_t)pump->offset;

	while (pump->left > 0) {
		size_t len = pump->left < PIPE_BYTES ? (size_t)pump->left : PIPE_BYTES;
		ssize_t n = splice(pump->in, &offset, pump->out, NULL, len, SPLICE_F_MOVE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		pump->left -= (uint64_t)n;
	}
	fd_closep(&pump->out);
	return NULL;
}

static int pump_start(struct extent *extent, int out, struct pump **ret)
{
	struct pump *pump = calloc(1, sizeof(*pump));
	int r;

	if (!pump) {
		(void)close(out);
		return -ENOMEM;
	}
	*pump = (struct pump){ .in = fd_take(&extent->fd), .out = out, .offset = extent->offset, .left = extent->size };
	r = pthread_create(&pump->thread, NULL, pump_run, pump);
	if (r > 0) {
		fd_closep(&pump->in);
		fd_closep(&pump->out);
		free(pump);
		return -r;
	}
	*ret = pump;
	return 0;
}

int extent_stream(struct extent *extent, int *ret_stream, struct pump **ret_pump, struct error *err)
{
	int pipes[2], r;

	*ret_pump = NULL;
	if (extent->to_end && extent->offset == 0) {
		*ret_stream = fd_take(&extent->fd);
		return 0;
	}
	if (pipe2(pipes, O_CLOEXEC) < 0) {
		r = -errno;
		fd_closep(&extent->fd);
		return error_sys(err, r, "make a pipe");
	}
	(void)fcntl(pipes[0], F_SETPIPE_SZ, PIPE_BYTES); /* fewer wake-ups; the default is right, too */
	r = pump_start(extent, pipes[1], ret_pump);
	fd_closep(&extent->fd);
	if (r < 0) {
		(void)close(pipes[0]);
		return error_sys(err, r, "start a thread");
	}
	*ret_stream = pipes[0];
	return 0;
}

void pump_end(struct pump *pump)
{
	if (!pump)
		return;
	(void)pthread_join(pump->thread, NULL);
	fd_closep(&pump->in);
	free(pump);
}
