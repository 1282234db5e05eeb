/* base/path.c: openat2(2) and what is built from it.
 *
 * Theory of operation
 * Every function starts at a descriptor and lets the kernel resolve. RESOLVE_NO_MAGICLINKS is always asked for: a magic
 * link leaves any root [openat2(2)]. Where parts are missing, the part that exists is opened by the kernel first, then
 * each missing one is made by a single mkdirat(2) in a directory held by descriptor and opened without following, so a
 * link that somebody puts there meanwhile is an error and never a way out. */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/syscalls.h"
#include "base/text.h"

enum { TRIES = 128 };

static int open_resolved(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve | RESOLVE_NO_MAGICLINKS };
	int fd = -1;

	for (int i = 0; i < TRIES; i++) {
		fd = sys_openat2(dir, path, &how);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : fd;
}

int path_open_in_root(int root, const char *path, uint64_t flags)
{
	return open_resolved(root, path, flags, RESOLVE_IN_ROOT);
}

int path_open_no_symlinks(int root, const char *path, uint64_t flags)
{
	return open_resolved(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
}

int path_open_beneath(int dir, const char *path, uint64_t flags)
{
	return open_resolved(dir, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
}

/* ---- making ---- */

/* Opens the longest leading part of `path` that exists, by cutting components off the end of `copy`; *ret_rest points
 * into `path` at what is missing. */
static int open_existing(int root, const char *path, char *copy, const char **ret_rest)
{
	size_t len = strlen(path);

	memcpy(copy, path, len + 1);
	for (;;) {
		int fd = path_open_in_root(root, len ? copy : ".", O_PATH | O_DIRECTORY);
		if (fd != -ENOENT || len == 0) {
			*ret_rest = path + len;
			return fd;
		}
		while (len > 0 && copy[len - 1] == '/')
			len--;
		while (len > 0 && copy[len - 1] != '/')
			len--;
		copy[len] = '\0';
	}
}

static int make_one(int dir, const char *name, mode_t mode)
{
	int fd;

	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOTDIR ? -ELOOP : -errno; /* a link that dangles, or one that was put there just now */
	return fd;
}

/* Copies the next component of *path into `name`; 0 at the end. ".." beyond what exists leads nowhere we made. */
static int next_component(const char **path, char name[NAME_MAX + 1])
{
	const char *start = *path + strspn(*path, "/");
	size_t len = strcspn(start, "/");

	*path = start + len;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(name, start, len);
	name[len] = '\0';
	if (strcmp(name, "..") == 0)
		return -EINVAL;
	return len > 0;
}

int path_make_dir(int root, const char *path, mode_t mode)
{
	char copy[PATH_MAX], name[NAME_MAX + 1];
	const char *rest;
	int dir, r;

	if (strlen(path) >= sizeof(copy))
		return -ENAMETOOLONG;
	dir = open_existing(root, path, copy, &rest);
	while (dir >= 0 && (r = next_component(&rest, name)) != 0) {
		int next = r;
		if (r > 0)
			next = strcmp(name, ".") == 0 ? fcntl(dir, F_DUPFD_CLOEXEC, 3) : make_one(dir, name, mode);
		(void)close(dir);
		dir = next;
	}
	return dir;
}

int path_open_parent(int root, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char parent[PATH_MAX];
	size_t len = (size_t)(name - path);

	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	if (len >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, len);
	parent[len] = '\0';
	*ret_name = name;
	return path_make_dir(root, len ? parent : ".", 0755);
}

int path_make_file(int root, const char *path, mode_t mode)
{
	const char *name;
	int fd = path_open_in_root(root, path, O_PATH);

	if (fd != -ENOENT)
		return fd;
	cleanup_close int parent = path_open_parent(root, path, &name);
	if (parent < 0)
		return parent;
	if (mknodat(parent, name, S_IFREG | mode, 0) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	struct stat st;
	if (fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) { /* dangles: nothing is made through it */
		(void)close(fd);
		return -ELOOP;
	}
	return fd;
}

/* ---- on the host, by a person's word ---- */

int path_open_dir(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_sys(err, errno, "open the directory %s", path) : fd;
}

static int make_parents(const char *path)
{
	char copy[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(copy))
		return -ENAMETOOLONG;
	memcpy(copy, path, len + 1);
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

static int open_private(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int path_open_private_dir(const char *path, struct error *err)
{
	cleanup_close int fd = open_private(path);
	struct stat st;
	int r = 0;

	if (fd < 0 && errno == ENOENT) {
		if ((r = make_parents(path)) < 0 || (mkdir(path, 0700) < 0 && errno != EEXIST))
			return error_sys(err, r < 0 ? r : errno, "make the directory %s", path);
		fd = open_private(path);
	}
	if (fd < 0)
		return error_sys(err, errno, "open the directory %s", path);
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "look at %s", path);
	if (st.st_uid != geteuid())
		return error_bad(err, EPERM, "%s belongs to uid %u and not to us", path, st.st_uid);
	if ((st.st_mode & 0022) != 0)
		return error_bad(err, EPERM, "%s can be written by others (mode %04o)", path, st.st_mode & 07777);
	return fd_take(&fd);
}

int path_of_fd(int fd, char *buf, size_t size)
{
	char link[64];
	struct text text;
	ssize_t len;

	text_init(&text, link, sizeof(link));
	text_add(&text, "/proc/self/fd/%d", fd);
	len = readlink(link, buf, size);
	if (len < 0)
		return -errno;
	if ((size_t)len >= size)
		return -ENAMETOOLONG;
	buf[len] = '\0';
	return (int)len;
}

int path_read_link(const char *path, char *buf, size_t size)
{
	ssize_t len = readlink(path, buf, size - 1);

	buf[len < 0 ? 0 : len] = '\0';
	return len < 0 ? -errno : 0;
}
