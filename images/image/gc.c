/* images/image/gc.c: see the header. */
#include "images/image/gc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "images/image/store.h"

/* ---- containers ---- */

struct user {
	int store;
	const struct digest *digest;
	struct arena *arena;
	const char *container;
};

/* A container whose `image` cannot be read may use any. */
static int compare_user(void *data, const char *name, struct error *err)
{
	struct user *user = data;
	char path[300], text[DIGEST_TEXT_MAX + 1];
	struct digest digest = { 0 };
	ssize_t len;

	(void)snprintf(path, sizeof(path), "containers/%s/image", name);
	len = file_read_small_at(user->store, path, text, sizeof(text));
	if (len == -ENOENT || len == -ENOTDIR) /* not made to its end, or removed just now: it uses nothing */
		return 0;
	if (len < 0)
		return error_sys(err, (int)len, "read %s", path);
	if (digest_parse(text, &digest, err) < 0)
		return error_at(err, "%s", path);
	if (digest_equal(&digest, user->digest))
		user->container = arena_strdup(user->arena, name);
	return 0;
}

int gc_user_of(
	int store, const struct digest *digest, struct arena *arena, const char **ret_container, struct error *err)
{
	struct user user = { .store = store, .digest = digest, .arena = arena };
	int r = store_list(store, "containers", compare_user, &user, err);

	if (r == 0)
		*ret_container = user.container;
	return r;
}

int gc_drop_record(int store, const struct digest *digest, struct error *err)
{
	char hex[DIGEST_TEXT_MAX], path[DIGEST_TEXT_MAX + 16];

	(void)snprintf(path, sizeof(path), "images/%s", digest_hex(digest, hex));
	return unlinkat(store, path, 0) < 0 && errno != ENOENT ? error_sys(err, errno, "remove %s", path) : 0;
}

/* ---- what is named ---- */

struct kept {
	struct digest *items; /* sorted */
	size_t count;
};

static int by_digest(const void *left, const void *right)
{
	const struct digest *a = left, *b = right;

	if (a->algorithm != b->algorithm)
		return a->algorithm < b->algorithm ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static bool is_kept(const struct kept *kept, const struct digest *digest)
{
	return kept->count && bsearch(digest, kept->items, kept->count, sizeof(*digest), by_digest);
}

static int collect(int store, struct arena *arena, struct kept *blobs, struct kept *layers, struct error *err)
{
	struct image *images = NULL;
	size_t count = 0, all = 0;
	int r = store_read_images(store, arena, &images, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		all += images[i].layer_count;
	blobs->items = ARENA_ARRAY(arena, all + 2 * count, struct digest);
	layers->items = ARENA_ARRAY(arena, all, struct digest);
	for (size_t i = 0; i < count; i++) {
		blobs->items[blobs->count++] = images[i].digest;
		blobs->items[blobs->count++] = images[i].config;
		for (size_t j = 0; j < images[i].layer_count; j++) {
			blobs->items[blobs->count++] = images[i].layers[j].digest;
			layers->items[layers->count++] = images[i].layers[j].id;
		}
	}
	if (blobs->count)
		qsort(blobs->items, blobs->count, sizeof(*blobs->items), by_digest);
	if (layers->count)
		qsort(layers->items, layers->count, sizeof(*layers->items), by_digest);
	return 0;
}

/* ---- what is not ---- */

struct sweep {
	int store;
	const struct work *work;
	const char *algorithm, *folder; /* "sha256", "blobs/sha256" */
	const struct kept *kept;
	struct arena *arena;
	uint64_t freed;
};

/* A form of a layer is named with the layer. */
static bool is_named(const struct sweep *sweep, const char *name)
{
	struct digest digest = { 0 };
	int len = (int)strcspn(name, ".");

	return digest_parse(arena_printf(sweep->arena, "%s:%.*s", sweep->algorithm, len, name), &digest, NULL) == 0 &&
		is_kept(sweep->kept, &digest);
}

static int sweep_blob(void *data, const char *name, struct error *err)
{
	struct sweep *sweep = data;
	const char *path = arena_printf(sweep->arena, "%s/%s", sweep->folder, name);
	struct stat st;

	if (is_named(sweep, name))
		return 0;
	if (fstatat(sweep->store, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		sweep->freed += (uint64_t)st.st_size;
	return unlinkat(sweep->store, path, 0) < 0 ? error_sys(err, errno, "remove %s", path) : 0;
}

/* A layer goes in one step, into the work folder, and is taken apart there: nobody ever sees half of one. */
static int sweep_layer(void *data, const char *name, struct error *err)
{
	struct sweep *sweep = data;
	const char *path = arena_printf(sweep->arena, "%s/%s", sweep->folder, name);
	size_t len = strcspn(name, ".");
	struct layer_info info = { 0 };
	struct digest digest = { 0 };

	if (is_named(sweep, name))
		return 0;
	if (digest_parse(arena_printf(sweep->arena, "%s:%.*s", sweep->algorithm, (int)len, name), &digest, NULL) == 0 &&
		store_has_layer(sweep->store, &digest, name + len, &info))
		sweep->freed += info.unpacked;
	return renameat(sweep->store, path, sweep->work->dir, name) < 0 ? error_sys(err, errno, "remove %s", path) : 0;
}

int gc_run(int store, const struct work *work, struct arena *arena, uint64_t *ret_freed, struct error *err)
{
	static const char *const algorithms[] = { "sha256", "sha512" };
	struct kept blobs = { 0 }, layers = { 0 };
	struct sweep sweep = { .store = store, .work = work, .arena = arena };
	int r = collect(store, arena, &blobs, &layers, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(algorithms); i++) {
		sweep.algorithm = algorithms[i];
		sweep.kept = &layers;
		sweep.folder = arena_printf(arena, "layers/%s", algorithms[i]);
		r = store_list(store, sweep.folder, sweep_layer, &sweep, err);
		sweep.kept = &blobs;
		sweep.folder = arena_printf(arena, "blobs/%s", algorithms[i]);
		if (r == 0)
			r = store_list(store, sweep.folder, sweep_blob, &sweep, err);
	}
	*ret_freed = sweep.freed;
	return r;
}
