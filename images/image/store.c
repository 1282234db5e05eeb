/* images/image/store.c: see the header. */
#include "images/image/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "base/tree.h"
#include "base/userns.h"
#include "images/image/layer.h"

#define WORK_PREFIX ".husk-" /* in a folder of a person, too, for a bundle: nothing else may be called so */
enum { TRIES = 100 };

/* ---- listing ---- */

int store_list(int store, const char *folder, int (*each)(void *data, const char *name, struct error *err), void *data,
	struct error *err)
{
	int fd = openat(store, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);

	if (!listing)
		return error_sys(err, errno, "list %s of the store", folder);
	for (const struct dirent *entry; r >= 0 && (entry = readdir(listing));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = each(data, entry->d_name, err);
	(void)closedir(listing);
	return r < 0 ? r : 0;
}

/* ---- work ---- */

static bool is_linked(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

/* A folder whose lock can be had is nobody's any more. Who has just made one and not locked it yet sees that it is gone, and
 * makes another. */
static int remove_if_left(void *data, const char *name, struct error *err)
{
	int parent = *(const int *)data;
	cleanup_close int dir = -1;
	(void)err;

	if (!text_starts_with(name, WORK_PREFIX))
		return 0;
	dir = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (dir >= 0 && flock(dir, LOCK_EX | LOCK_NB) == 0 && is_linked(dir))
		(void)tree_erase(parent, name, NULL);
	return 0;
}

static int make_work(int parent, char *name, struct error *err)
{
	uint64_t number = 0;
	int dir;

	if (getrandom(&number, sizeof(number), 0) < 0)
		return error_sys(err, errno, "get a random number");
	(void)snprintf(name, sizeof(((struct work *)0)->name), WORK_PREFIX "%016llx", (unsigned long long)number);
	if (mkdirat(parent, name, 0700) < 0)
		return errno == EEXIST ? 0 : error_sys(err, errno, "make a temporary folder");
	dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "open a temporary folder");
	if (flock(dir, LOCK_EX | LOCK_NB) == 0 && is_linked(dir))
		return dir;
	(void)close(dir);
	return 0;
}

int work_open(int parent, struct work *ret, struct error *err)
{
	int r = store_list(parent, ".", remove_if_left, &parent, err), dir = 0;

	for (int i = 0; r == 0 && i < TRIES && dir == 0; i++)
		dir = make_work(parent, ret->name, err);
	if (r < 0 || dir < 0)
		return r < 0 ? r : dir;
	if (dir == 0)
		return error_bad(err, EBUSY, "others remove every temporary folder that is made");
	ret->parent = parent;
	ret->dir = dir;
	return 0;
}

void work_close(struct work *work)
{
	if (work->dir < 0)
		return;
	(void)tree_erase(work->parent, work->name, NULL);
	fd_closep(&work->dir);
}

int store_open_tmp(int store, struct error *err)
{
	int fd = openat(store, "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? error_sys(err, errno, "open tmp of the store") : fd;
}

static int wait_for_lock(int fd)
{
	int r;

	do
		r = flock(fd, LOCK_EX);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

enum { LOCK_PATH_MAX = DIGEST_TEXT_MAX + 32 };

static void lock_path(const struct digest *digest, char *buf)
{
	char hex[DIGEST_TEXT_MAX];

	(void)snprintf(buf, LOCK_PATH_MAX, "tmp/" WORK_PREFIX "%s", digest_hex(digest, hex));
}

void store_unlock_image(int store, const struct digest *digest, int *lock)
{
	char path[LOCK_PATH_MAX];

	if (*lock < 0)
		return;
	lock_path(digest, path);
	(void)unlinkat(store, path, 0);
	fd_closep(lock);
}

/* The file goes away with the lock, so whoever got one looks whether it is still that of the name. */
int store_lock_image(int store, const struct digest *digest, struct error *err)
{
	char path[LOCK_PATH_MAX];

	lock_path(digest, path);
	for (int i = 0; i < TRIES; i++) {
		int fd = openat(store, path, O_RDONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		int r = fd < 0 ? -errno : wait_for_lock(fd);
		if (r < 0) {
			if (fd >= 0)
				(void)close(fd);
			return error_sys(err, r, "lock the image in the store");
		}
		if (is_linked(fd))
			return fd;
		(void)close(fd);
	}
	return error_bad(err, EBUSY, "others remove the lock of the image whenever it is made");
}

/* ---- placing ---- */

static int sync_folder(int store, const char *folder, struct error *err)
{
	cleanup_close int fd = openat(store, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? error_sys(err, errno, "sync %s", folder) : 0;
}

/* Written, not synced. */
static int write_new(int dir, const char *name, const char *text, size_t len, struct error *err)
{
	cleanup_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : file_write_all(fd, text, len);

	return r < 0 ? error_sys(err, r, "write to the store") : 0;
}

static int sync_file(int dir, const char *name, struct error *err)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? error_sys(err, errno, "sync a file of the store") : 0;
}

static int replace(
	int store, const struct work *work, const char *path, const char *text, size_t len, struct error *err)
{
	int r = write_new(work->dir, "text", text, len, err);

	if (r == 0)
		r = sync_file(work->dir, "text", err);
	if (r == 0 && renameat(work->dir, "text", store, path) < 0)
		r = error_sys(err, errno, "write %s", path);
	return r;
}

static void blob_path(const struct digest *digest, char *buf, size_t size)
{
	char path[DIGEST_TEXT_MAX];

	(void)snprintf(buf, size, "blobs/%s", digest_path(digest, path));
}

int store_place_blob(
	int store, const struct work *work, const char *name, const struct digest *digest, struct error *err)
{
	char path[DIGEST_TEXT_MAX + 16];

	blob_path(digest, path, sizeof(path));
	return renameat(work->dir, name, store, path) < 0 ? error_sys(err, errno, "write %s", path) : 0;
}

int store_put_blob(int store, const struct work *work, const struct digest *digest, const char *text, size_t len,
	struct error *err)
{
	char path[DIGEST_TEXT_MAX + 16];

	if (store_has_blob(store, digest, len))
		return 0;
	blob_path(digest, path, sizeof(path));
	return replace(store, work, path, text, len, err);
}

int store_has_blob(int store, const struct digest *digest, uint64_t size)
{
	char path[DIGEST_TEXT_MAX + 16];
	struct stat st;

	blob_path(digest, path, sizeof(path));
	return fstatat(store, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		(uint64_t)st.st_size == size;
}

int store_write_info(const struct work *work, const char *name, const struct layer_info *info,
	const struct userns_ids *ids, struct error *err)
{
	cleanup_close int dir = openat(work->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char text[64], owners[USERNS_IDS_TEXT_MAX];
	int r = 0;

	if (dir < 0)
		return error_sys(err, errno, "open a temporary folder");
	if (ids) {
		userns_ids_text(ids, owners);
		r = write_new(dir, "ids", owners, strlen(owners), err);
	}
	(void)snprintf(text, sizeof(text), "%llu %d\n", (unsigned long long)info->unpacked, info->rests_on_lower);
	return r < 0 ? r : write_new(dir, "info", text, strlen(text), err);
}

int store_place_layer(int store, const struct work *work, const char *name, const struct digest *id, const char *form,
	struct error *err)
{
	char path[IMAGE_LAYER_PATH_MAX];

	if (renameat(work->dir, name, store, image_layer_path(id, form, "", path)) < 0 && errno != EEXIST &&
		errno != ENOTEMPTY)
		return error_sys(err, errno, "write %s", path);
	return 0;
}

int store_has_layer(int store, const struct digest *id, const char *form, struct layer_info *ret)
{
	char path[IMAGE_LAYER_PATH_MAX], text[64], *blank;
	uint64_t rests;
	ssize_t len;

	len = file_read_small_at(store, image_layer_path(id, form, "/info", path), text, sizeof(text));
	blank = len > 0 ? strchr(text, ' ') : NULL;
	if (!blank)
		return 0;
	*blank = '\0';
	if (text_to_u64(text, 0, UINT64_MAX, &ret->unpacked) < 0 || text_to_u64(blank + 1, 0, 1, &rests) < 0)
		return 0;
	ret->rests_on_lower = rests == 1;
	return 1;
}

int store_put_record(int store, const struct work *work, const struct image *image, struct error *err)
{
	char hex[DIGEST_TEXT_MAX], path[DIGEST_TEXT_MAX + 16], *text;
	int r;

	(void)snprintf(path, sizeof(path), "images/%s", digest_hex(&image->digest, hex));
	if (syncfs(store) < 0)
		return error_sys(err, errno, "sync the file system of the store");
	text = image_record_write(image);
	r = text ? replace(store, work, path, text, strlen(text), err) : error_sys(err, ENOMEM, "write %s", path);
	free(text);
	return r < 0 ? r : sync_folder(store, "images", err);
}

int store_put_name(int store, const struct work *work, const char *name, const struct digest *digest, struct error *err)
{
	char path[IMAGE_NAME_MAX + 8] = "names/", buf[DIGEST_TEXT_MAX], text[DIGEST_TEXT_MAX + 1];
	int r = store_name_encode(name, path + strlen("names/"), err);

	if (r < 0)
		return r;
	(void)snprintf(text, sizeof(text), "%s\n", digest_text(digest, buf));
	r = replace(store, work, path, text, strlen(text), err);
	return r < 0 ? r : sync_folder(store, "names", err);
}

/* ---- reading all of it ---- */

struct images {
	int store;
	struct arena *arena;
	struct image *items;
	size_t count, size;
};

static int add_image(void *data, const char *name, struct error *err)
{
	struct images *images = data;
	const char *algorithm = strlen(name) == DIGEST_HEX_MAX ? "sha512" : "sha256";
	struct digest digest = { 0 };
	struct image *before = images->items;
	int r;

	if (digest_parse(arena_printf(images->arena, "%s:%s", algorithm, name), &digest, NULL) < 0)
		return 0;
	if (images->count == images->size) {
		images->size = images->size ? images->size * 2 : 32;
		images->items = ARENA_ARRAY(images->arena, images->size, struct image);
		if (images->count)
			memcpy(images->items, before, images->count * sizeof(*before));
	}
	r = image_read(images->store, &digest, images->arena, &images->items[images->count], err);
	if (r == IMAGE_FOUND)
		images->count++;
	return r;
}

static int by_digest(const void *left, const void *right)
{
	const struct image *a = left, *b = right;

	return memcmp(a->digest.bytes, b->digest.bytes, sizeof(a->digest.bytes));
}

int store_read_images(int store, struct arena *arena, struct image **ret, size_t *ret_count, struct error *err)
{
	struct images images = { .store = store, .arena = arena };
	int r = store_list(store, "images", add_image, &images, err);

	if (r < 0)
		return r;
	if (images.count)
		qsort(images.items, images.count, sizeof(*images.items), by_digest);
	*ret = images.items;
	*ret_count = images.count;
	return 0;
}

struct names {
	int store;
	struct arena *arena;
	const struct digest *digest;
	struct spec_strings found;
	size_t size;
};

static int add_name(void *data, const char *file, struct error *err)
{
	struct names *names = data;
	char path[IMAGE_NAME_MAX + 8], name[IMAGE_NAME_MAX + 1], text[DIGEST_TEXT_MAX + 1];
	const char **before = names->found.items;
	struct digest digest = { 0 };
	ssize_t len;

	if (snprintf(path, sizeof(path), "names/%s", file) >= (int)sizeof(path) ||
		store_name_decode(file, name, sizeof(name)) < 0)
		return 0;
	len = file_read_small_at(names->store, path, text, sizeof(text));
	if (len == -ENOENT) /* taken away just now */
		return 0;
	if (len < 0)
		return error_sys(err, (int)len, "read %s", path);
	if (digest_parse(text, &digest, err) < 0)
		return error_at(err, "%s", path);
	if (!digest_equal(&digest, names->digest))
		return 0;
	if (names->found.count == names->size) {
		names->size = names->size ? names->size * 2 : 8;
		names->found.items = ARENA_ARRAY(names->arena, names->size + 1, const char *);
		if (names->found.count)
			memcpy(names->found.items, before, names->found.count * sizeof(*before));
	}
	names->found.items[names->found.count++] = arena_strdup(names->arena, name);
	return 0;
}

static int by_text(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

int store_names_of(
	int store, const struct digest *digest, struct arena *arena, struct spec_strings *ret, struct error *err)
{
	struct names names = { .store = store, .arena = arena, .digest = digest };
	int r = store_list(store, "names", add_name, &names, err);

	if (r < 0)
		return r;
	if (names.found.count)
		qsort(names.found.items, names.found.count, sizeof(*names.found.items), by_text);
	*ret = names.found;
	return 0;
}
