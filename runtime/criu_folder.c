/* runtime/criu_folder.c: see the header. */
#include "runtime/criu_folder.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/criu_request.h"
#include "spec/spec.h"

#define DEFAULT_FOLDER "checkpoint"
#define ACL_NAME       "system.posix_acl_access"

enum { ROUNDS_MAX = 64 /* of pre-dumps */ };

/* ---- what is in it ---- */

static int check_link(int images, const char *name, struct error *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(images, name, target, sizeof(target) - 1);

	if (n < 0)
		return error_sys(err, errno, "look at %s of the checkpoint", name);
	target[n] = '\0';
	if (strcmp(name, "parent") == 0 && criu_parent_is_near(target))
		return 0;
	return error_bad(err, EPERM, "refused: %s of the checkpoint is a link to \"%s\"", name, target);
}

static int check_entry(int images, const char *name, struct error *err)
{
	struct stat st;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (fstatat(images, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "look at %s of the checkpoint", name);
	if (S_ISLNK(st.st_mode))
		return check_link(images, name, err);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return error_bad(err, EPERM, "refused: %s of the checkpoint is no file", name);
	return 0;
}

static int check_entries(int images, struct error *err)
{
	int fd = openat(images, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);

	if (!listing)
		return error_sys(err, errno, "list the checkpoint");
	for (const struct dirent *entry; r == 0 && (entry = readdir(listing));)
		r = check_entry(images, entry->d_name, err);
	(void)closedir(listing);
	return r;
}

static int check_parents(int images, struct error *err)
{
	cleanup_close int at = fcntl(images, F_DUPFD_CLOEXEC, 3);

	for (int round = 0; round < ROUNDS_MAX; round++) {
		int r = check_entries(at, err);
		int next = r < 0 ? -1 : openat(at, "parent", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (r < 0 || (next < 0 && errno == ENOENT))
			return r;
		if (next < 0)
			return error_sys(err, errno, "open parent of the checkpoint");
		fd_closep(&at);
		at = next;
	}
	return error_bad(err, ELOOP, "refused: the checkpoint has more than %d parents", ROUNDS_MAX);
}

/* ---- opening ---- */

static int open_it(const char *path, bool make, const char *option, struct error *err)
{
	int fd;

	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "%s: make %s", option, path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "%s: open %s", option, path) : fd;
}

static int open_both(
	const struct criu_options *options, bool make, struct criu_folders *ret, struct arena *arena, struct error *err)
{
	const char *images = options->image_path ? options->image_path : DEFAULT_FOLDER;
	const char *work = options->work_path ? options->work_path : images;

	ret->work_path = arena_strdup(arena, work);
	ret->images = open_it(images, make, "--image-path", err);
	if (ret->images < 0)
		return ret->images;
	ret->work = open_it(work, true, "--work-path", err);
	return ret->work < 0 ? ret->work : 0;
}

/* CRIU follows a link in the place of its log, and writes. */
static int forget_log(const struct criu_folders *folders, const char *log, struct error *err)
{
	if (unlinkat(folders->work, log, 0) == 0 || errno == ENOENT)
		return 0;
	return error_sys(err, errno, "remove the old %s in %s", log, folders->work_path);
}

int criu_folders_make(
	const struct criu_options *options, struct criu_folders *ret, struct arena *arena, struct error *err)
{
	int r;

	*ret = (struct criu_folders){ .images = -1, .work = -1, .log = "dump.log" };
	if (options->parent_path && !criu_parent_is_near(options->parent_path)) {
		(void)error_bad(err, EINVAL, "--parent-path: \"%s\" does not lead to a folder beside --image-path",
			options->parent_path);
		return error_hint(err, "it is relative to --image-path: ../FOLDER");
	}
	r = open_both(options, true, ret, arena, err);
	if (r == 0)
		r = check_entries(ret->images, err);
	return r < 0 ? r : forget_log(ret, ret->log, err);
}

int criu_folders_open(
	const struct criu_options *options, struct criu_folders *ret, struct arena *arena, struct error *err)
{
	int r;

	*ret = (struct criu_folders){ .images = -1, .work = -1, .log = "restore.log" };
	r = open_both(options, false, ret, arena, err);
	if (r == 0)
		r = check_parents(ret->images, err);
	return r < 0 ? r : forget_log(ret, ret->log, err);
}

/* ---- for another user ---- */

/* What the kernel takes as the value of the attribute, and gives [posix_acl_xattr.h]; of one user beside the owner. */
struct acl {
	struct posix_acl_xattr_header header;
	struct posix_acl_xattr_entry entries[5];
};

static struct posix_acl_xattr_entry entry_of(uint16_t tag, unsigned rights, uint32_t id)
{
	return (struct posix_acl_xattr_entry){ htole16(tag), htole16((uint16_t)(rights & 7)), htole32(id) };
}

static void allow_one(int dir, uid_t uid)
{
	const uint32_t nobody = (uint32_t)ACL_UNDEFINED_ID;
	struct stat st;

	if (fstat(dir, &st) < 0)
		return;
	const struct acl acl = {
		.header = { htole32(POSIX_ACL_XATTR_VERSION) },
		.entries = {
			entry_of(ACL_USER_OBJ, st.st_mode >> 6, nobody),
			entry_of(ACL_USER, ACL_EXECUTE, uid),
			entry_of(ACL_GROUP_OBJ, st.st_mode >> 3, nobody),
			entry_of(ACL_MASK, st.st_mode >> 3 | ACL_EXECUTE, nobody),
			entry_of(ACL_OTHER, st.st_mode, nobody),
		},
	};
	(void)fsetxattr(dir, ACL_NAME, &acl, sizeof(acl), XATTR_CREATE);
}

/* Only what was said above; the group's rights, which the mask stood for, are its own again. */
static void forbid_one(int dir, uid_t uid)
{
	const struct posix_acl_xattr_entry ours = entry_of(ACL_USER, ACL_EXECUTE, uid);
	struct acl acl;
	struct stat st;

	if (fgetxattr(dir, ACL_NAME, &acl, sizeof(acl)) != sizeof(acl) ||
		memcmp(&acl.entries[1], &ours, sizeof(ours)) != 0 || fstat(dir, &st) < 0)
		return;
	if (fremovexattr(dir, ACL_NAME) == 0)
		(void)fchmod(dir, (st.st_mode & 07707) | (mode_t)((le16toh(acl.entries[2].e_perm) & 7) << 3));
}

void criu_folders_allow(const struct criu_folders *folders, uid_t uid, bool allow)
{
	cleanup_close int at = fcntl(folders->images, F_DUPFD_CLOEXEC, 3);

	for (int round = 0; at >= 0 && round < ROUNDS_MAX; round++) {
		int next;
		(allow ? allow_one : forbid_one)(at, uid);
		next = openat(at, "parent", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd_closep(&at);
		at = next;
	}
}

void criu_folders_close(struct criu_folders *folders)
{
	fd_closep(&folders->images);
	fd_closep(&folders->work);
}

/* ---- more options ---- */

int criu_find_config(const struct spec *spec, struct arena *arena, const char **ret_path, struct error *err)
{
	static const char *const usual[] = { "/etc/criu/husk.conf", "/etc/criu/crun.conf", "/etc/criu/runc.conf" };
	const char *asked = spec_annotation(spec, "org.criu.config");

	*ret_path = NULL;
	if (asked && access(asked, R_OK) < 0) {
		(void)error_sys(err, errno, "open %s", asked);
		return error_at(err, "config.json: annotations[\"org.criu.config\"]");
	}
	for (size_t i = 0; !asked && i < ARRAY_SIZE(usual); i++)
		if (access(usual[i], R_OK) == 0)
			asked = usual[i];
	*ret_path = asked ? arena_strdup(arena, asked) : NULL;
	return 0;
}
