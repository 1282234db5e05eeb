/* runtime/folder.c: see the header. */
#include "runtime/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "base/tree.h"
#include "base/userns.h"

#define BOOT_FILE ".boot"

enum { HOLDER_MAX = PATH_MAX + 64 };

static int holder_text(int root, char *buf, size_t size)
{
	char boot[64], path[PATH_MAX];
	ssize_t n = file_read_small_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	int r = n < 0 ? (int)n : path_of_fd(root, path, sizeof(path));
	struct text text;

	if (r < 0)
		return r;
	text_init(&text, buf, size);
	text_add(&text, "%s %s\n", boot, path);
	return 0;
}

/* Whether what stands there is another container's. Ours is the id in our state root, so what that left behind is
 * nobody's; nor is what an earlier boot left, or what was never finished. */
static bool is_held(int parent, const char *id, const char *mine)
{
	char path[NAME_MAX + sizeof("/holder")], theirs[HOLDER_MAX];
	size_t boot = strcspn(mine, " ") + 1, len = strcspn(mine, "\n");
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/holder", id);
	n = file_read_small_at(parent, path, theirs, sizeof(theirs));
	if (n <= 0 || strncmp(theirs, mine, boot) != 0)
		return false;
	return (size_t)n != len || strncmp(theirs, mine, len) != 0;
}

/* ---- removing ---- */

struct entry {
	int parent; /* borrowed */
	const char *name;
};

static int erase_entry(const void *data, struct error *err)
{
	const struct entry *entry = data;

	return tree_erase(entry->parent, entry->name, err);
}

/* What a container of a user's has made may belong to any of the user's ids, to which only their namespace gives a way. */
static int erase(int parent, const char *name, struct error *err)
{
	const struct entry entry = { parent, name };
	struct userns_ids ids;
	int r = tree_erase(parent, name, geteuid() == 0 ? err : NULL);

	if (r == 0 || geteuid() == 0)
		return r;
	if (userns_ids(&ids, NULL) == USERNS_MANY_IDS)
		return userns_run(&ids, erase_entry, &entry, err);
	r = tree_erase(parent, name, err);
	return r < 0 ? error_hint(err, "it may belong to ids that /etc/subuid gave you once: remove it as root") : 0;
}

/* ---- what earlier boots left ---- */

/* A folder whose holder is of another boot: its container is gone, and nobody will ever delete it. */
static bool is_abandoned(int parent, const char *id, const char *mine)
{
	char path[NAME_MAX + sizeof("/holder")], theirs[HOLDER_MAX];

	(void)snprintf(path, sizeof(path), "%s/holder", id);
	return file_read_small_at(parent, path, theirs, sizeof(theirs)) > 0 &&
		strncmp(theirs, mine, strcspn(mine, " ") + 1) != 0;
}

/* Once a boot, by the first container. What cannot be removed is left to the next one: it is in nobody's way. */
static void sweep(int parent, const char *mine)
{
	size_t len = strcspn(mine, " ");
	char boot[HOLDER_MAX] = "";
	int fd;
	DIR *listing;

	if (file_read_small_at(parent, BOOT_FILE, boot, sizeof(boot)) == (ssize_t)len && strncmp(boot, mine, len) == 0)
		return;
	fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	listing = fd < 0 ? NULL : fdopendir(fd);
	for (const struct dirent *entry; listing && (entry = readdir(listing));)
		if (entry->d_name[0] != '.' && is_abandoned(parent, entry->d_name, mine))
			(void)erase(parent, entry->d_name, NULL);
	if (listing)
		(void)closedir(listing);
	(void)file_replace_at(parent, BOOT_FILE, mine, len, 0600, NULL);
}

/* ---- one container's ---- */

static int check_holder(int parent, const struct folder *folder, const char *holder, struct error *err)
{
	if (!is_held(parent, folder->id, holder))
		return 0;
	(void)error_bad(err, EEXIST, "%s belongs to a container of another --root", folder->path);
	return error_hint(err, "choose another name, or another --store");
}

static int claim(int parent, const struct folder *folder, const char *holder, struct error *err)
{
	int r;

	if (mkdirat(parent, folder->id, 0700) == 0)
		return 0;
	if (errno != EEXIST)
		return error_sys(err, errno, "make %s", folder->path);
	r = check_holder(parent, folder, holder, err);
	if (r < 0)
		return r;
	r = erase(parent, folder->id, err);
	if (r == 0 && mkdirat(parent, folder->id, 0700) < 0)
		r = error_sys(err, errno, "make %s", folder->path);
	return r;
}

static int make_dir(int dir, const char *name, const struct folder *folder, struct error *err)
{
	if (mkdirat(dir, name, 0755) < 0)
		return error_sys(err, errno, "make %s in %s", name, folder->path);
	if (geteuid() == 0 && (folder->owner != 0 || folder->group != getegid()) &&
		fchownat(dir, name, folder->owner, folder->group, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "give %s in %s to uid %u", name, folder->path, folder->owner);
	return 0;
}

/* The root of the container looks as that of its topmost layer: an upper folder's own attributes would hide them. */
static int make_upper(const struct folder *folder, struct error *err)
{
	struct stat st;
	int r = make_dir(folder->overlay.folder, "upper", folder, err);

	if (r < 0)
		return r;
	if (fstat(folder->overlay.layers[0], &st) < 0 ||
		fchmodat(folder->overlay.folder, "upper", st.st_mode & 07777, 0) < 0)
		return error_sys(err, errno, "set the mode of the root");
	return 0;
}

/* Ids in volumes are those of the container, also where a user namespace maps them. */
static int make_volumes(const struct folder *folder, struct error *err)
{
	cleanup_close int volumes = -1;
	char name[24];
	int r = 0;

	if (folder->volume_count == 0)
		return 0;
	if (mkdirat(folder->overlay.folder, "volumes", 0700) < 0 ||
		(volumes = openat(folder->overlay.folder, "volumes", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return error_sys(err, errno, "make volumes in %s", folder->path);
	for (size_t i = 0; r == 0 && i < folder->volume_count; i++) {
		(void)snprintf(name, sizeof(name), "%zu", i);
		if (mkdirat(volumes, name, 0755) < 0)
			r = error_sys(err, errno, "make volumes/%s in %s", name, folder->path);
	}
	return r;
}

struct gift {
	const struct folder *folder;
	const struct userns_ids *ids; /* in whose namespace it is given */
};

static int give(int dir, const char *name, const struct userns_ids *ids, const struct folder *folder, struct error *err)
{
	int64_t uid = userns_inside(&ids->uids, folder->owner), gid = userns_inside(&ids->gids, folder->group);

	if (fchownat(dir, name, (uid_t)uid, (gid_t)gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "give %s in %s to uid %u", name, folder->path, folder->owner);
	return 0;
}

static int give_inside(const void *data, struct error *err)
{
	static const char *const names[] = { "upper", "work", "rootfs" };
	const struct gift *gift = data;
	const struct folder *folder = gift->folder;
	char name[32];
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
		r = give(folder->overlay.folder, names[i], gift->ids, folder, err);
	for (size_t i = 0; r == 0 && i < folder->volume_count; i++) {
		(void)snprintf(name, sizeof(name), "volumes/%zu", i);
		r = give(folder->overlay.folder, name, gift->ids, folder, err);
	}
	return r;
}

/* Where the container's root is another of a user's ids than himself. */
static int give_all(const struct folder *folder, struct error *err)
{
	struct userns_ids ids;
	const struct gift gift = { folder, &ids };

	if (userns_ids(&ids, err) == USERNS_ONE_ID)
		return err->code;
	return userns_run(&ids, give_inside, &gift, err);
}

static int fill(const struct folder *folder, const char *holder, const char *config, size_t len, struct error *err)
{
	int dir = folder->overlay.folder;
	int r = file_replace_at(dir, "holder", holder, strlen(holder), 0600, err);

	if (r == 0)
		r = file_replace_at(dir, "image", folder->image, strlen(folder->image), 0600, err);
	if (r == 0)
		r = file_replace_at(dir, "config.json", config, len, 0600, err);
	if (r == 0)
		r = make_upper(folder, err);
	if (r == 0)
		r = make_dir(dir, "work", folder, err);
	if (r == 0)
		r = make_dir(dir, "rootfs", folder, err);
	if (r == 0)
		r = make_volumes(folder, err);
	if (r < 0 || geteuid() == 0 || (folder->owner == geteuid() && folder->group == getegid()))
		return r;
	return give_all(folder, err);
}

int folder_make(struct folder *folder, int root, const char *config, size_t config_len, struct error *err)
{
	char path[PATH_MAX], holder[HOLDER_MAX];
	cleanup_close int parent = -1;
	mode_t before;
	int r;

	if ((size_t)snprintf(path, sizeof(path), "%s/containers", folder->store) >= sizeof(path))
		return error_sys(err, ENAMETOOLONG, "make %s", folder->path);
	parent = path_open_private_dir(path, err);
	if (parent < 0)
		return parent;
	if ((r = holder_text(root, holder, sizeof(holder))) < 0)
		return error_sys(err, r, "find out who holds %s", folder->path);
	sweep(parent, holder);
	before = umask(0);
	r = folder->stands ? check_holder(parent, folder, holder, err) : claim(parent, folder, holder, err);
	if (r == 0) {
		folder->overlay.folder = openat(parent, folder->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (folder->overlay.folder < 0)
			r = error_sys(err, errno, "open %s", folder->path);
	}
	if (r == 0 && !folder->stands)
		r = fill(folder, holder, config, config_len, err);
	(void)umask(before);
	return r;
}

void folder_close(struct folder *folder)
{
	fd_closep(&folder->overlay.folder);
}

int folder_remove(const char *path, int root, struct error *err)
{
	const char *slash = strrchr(path, '/');
	char parent_path[PATH_MAX], holder[HOLDER_MAX];
	cleanup_close int parent = -1;
	int r;

	if (!slash || slash == path || (size_t)(slash - path) >= sizeof(parent_path))
		return error_bad(err, EINVAL, "the folder %s of the record is none of husk's", path);
	(void)snprintf(parent_path, sizeof(parent_path), "%.*s", (int)(slash - path), path);
	parent = open(parent_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "open %s", parent_path);
	r = holder_text(root, holder, sizeof(holder));
	if (r < 0)
		return error_sys(err, r, "find out who holds %s", path);
	return is_held(parent, slash + 1, holder) ? 0 : erase(parent, slash + 1, err);
}
