/* namespaces/copy_up.c: what a tmpfs or an empty volume is going to hide, copied into it (the option tmpcopyup).
 *
 * Run by the child: no allocation, no path that is looked up twice; each entry is opened by its name in a directory that
 * is held open, and links are copied, never followed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "namespaces/namespaces_internal.h"

enum { DEPTH_MAX = 128, CHUNK = 1 << 30 };

struct entry { /* struct linux_dirent64 [getdents64(2)] */
	ino64_t ino;
	off64_t offset;
	unsigned short len;
	unsigned char type;
	char name[];
};

/* A file's capabilities are a part of what it may do; other attributes are the image's business. */
static void copy_capabilities(int from, int to)
{
	char value[64];
	ssize_t len = fgetxattr(from, "security.capability", value, sizeof(value));

	if (len > 0)
		(void)fsetxattr(to, "security.capability", value, (size_t)len, 0);
}

static int copy_attributes(int from, int to, const struct stat *st)
{
	const struct timespec times[] = { st->st_atim, st->st_mtim };

	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return -errno;
	copy_capabilities(from, to);
	return futimens(to, times) < 0 ? -errno : 0;
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	cleanup_close int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_close int to = -1;
	ssize_t n;

	if (from < 0)
		return -errno;
	to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	do
		n = sendfile(to, from, NULL, CHUNK);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : copy_attributes(from, to, st);
}

static int copy_link(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	char target[4096];
	ssize_t len = readlinkat(from_dir, name, target, sizeof(target) - 1);

	if (len < 0)
		return -errno;
	target[len] = '\0';
	if (symlinkat(target, to_dir, name) < 0 ||
		fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int copy_node(int to_dir, const char *name, const struct stat *st)
{
	if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0 ||
		fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int copy_tree(int from, int to, unsigned depth);

static int copy_dir(int from_dir, int to_dir, const char *name, const struct stat *st, unsigned depth)
{
	cleanup_close int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int to = -1;
	int r;

	if (from < 0 || mkdirat(to_dir, name, 0700) < 0)
		return -errno;
	to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return -errno;
	r = copy_tree(from, to, depth);
	return r < 0 ? r : copy_attributes(from, to, st);
}

static int copy_entry(int from, int to, const char *name, unsigned depth)
{
	struct stat st;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR: return copy_dir(from, to, name, &st, depth);
	case S_IFREG: return copy_file(from, to, name, &st);
	case S_IFLNK: return copy_link(from, to, name, &st);
	default: return copy_node(to, name, &st);
	}
}

static int copy_tree(int from, int to, unsigned depth)
{
	_Alignas(struct entry) char buf[4096];
	long n;

	if (depth == DEPTH_MAX)
		return -ELOOP;
	while ((n = syscall(SYS_getdents64, from, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n;) {
			const struct entry *entry = (const void *)(buf + at);
			int r = copy_entry(from, to, entry->name, depth + 1);
			if (r < 0)
				return r;
			at += entry->len;
		}
	return n < 0 ? -errno : 0;
}

int copy_up(int from_dir, int to_dir)
{
	cleanup_close int from = openat(from_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int to = openat(to_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (from < 0 || to < 0 || fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0)
		return -errno;
	return copy_tree(from, to, 0);
}
