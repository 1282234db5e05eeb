/* images/store.c: the folder of the store, its lock and the names in it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "images/images.h"

#define VERSION "1"

static const char *const folders[] = {
	"blobs",
	"blobs/sha256",
	"blobs/sha512",
	"layers",
	"layers/sha256",
	"layers/sha512",
	"images",
	"names",
	"tmp",
	"containers",
};

/* Two that make one store at once make the same, each of them whole: so the version is written under a name of one's own. */
static int make_folders(int store, struct error *err)
{
	char name[32];
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (mkdirat(store, folders[i], 0700) < 0 && errno != EEXIST)
			return error_sys(err, errno, "make the folder %s", folders[i]);
	(void)snprintf(name, sizeof(name), "version-%d", getpid());
	r = file_replace_at(store, name, VERSION "\n", strlen(VERSION "\n"), 0600, err);
	if (r == 0 && renameat(store, name, store, "version") < 0)
		r = error_sys(err, errno, "write version");
	return r;
}

static int check_version(int store, struct error *err)
{
	char version[32];
	ssize_t len = file_read_small_at(store, "version", version, sizeof(version));

	if (len == -ENOENT || len == 0) /* of one that was killed, or whose disk was full, while it made the store */
		return make_folders(store, err);
	if (len < 0)
		return error_sys(err, (int)len, "read version");
	if (strcmp(version, VERSION) != 0)
		return error_bad(err, EPROTO, "its version is %s; this husk knows " VERSION, version);
	return 0;
}

static int lock(int store, int how, struct error *err)
{
	int r;

	do
		r = flock(store, how);
	while (r < 0 && errno == EINTR);
	return r < 0 ? error_sys(err, errno, "lock it") : 0;
}

static int open_locked(const char *path, int how, void (*waits)(void), int *ret_store, struct error *err)
{
	cleanup_close int store = path_open_private_dir(path, err);
	int r = 0;

	if (store < 0)
		return store;
	if (!waits || lock(store, how | LOCK_NB, NULL) < 0) {
		if (waits)
			waits();
		r = lock(store, how, err);
	}
	if (r == 0)
		r = check_version(store, err);
	if (r < 0)
		return error_at(err, "the store %s", path);
	*ret_store = fd_take(&store);
	return 0;
}

int store_open(const char *path, int *ret_store, struct error *err)
{
	return open_locked(path, LOCK_SH, NULL, ret_store, err);
}

int store_open_alone(const char *path, void (*waits)(void), int *ret_store, struct error *err)
{
	return open_locked(path, LOCK_EX, waits, ret_store, err);
}

/* ---- names ---- */

int store_name_encode(const char *name, char *buf, struct error *err)
{
	struct text text;

	text_init(&text, buf, IMAGE_NAME_MAX + 1);
	for (const char *c = name; *c; c++)
		text_add(&text, *c == '/' || *c == '%' ? "%%%02X" : "%c", (unsigned)(unsigned char)*c);
	return text.cut ? error_bad(err, ENAMETOOLONG, "the name %.200s... is too long for the store", name) : 0;
}

int store_name_decode(const char *file, char *buf, size_t size)
{
	struct text text;

	text_init(&text, buf, size);
	while (*file) {
		if (text_starts_with(file, "%2F") || text_starts_with(file, "%25")) {
			text_add(&text, "%c", file[2] == 'F' ? '/' : '%');
			file += 3;
		} else if (*file == '%') {
			return -EINVAL;
		} else {
			text_add(&text, "%c", *file++);
		}
	}
	return text.cut || text.len == 0 ? -EINVAL : 0;
}
