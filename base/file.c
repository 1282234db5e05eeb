/* base/file.c: whole small files, read and written in one piece. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"

/* ---- reading ---- */

static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int too_large(const char *name, size_t max, struct error *err)
{
	return error_bad(err, EFBIG, "%s is larger than the %zu bytes allowed", name, max);
}

int file_read_fd(
	int fd, const char *name, size_t max, struct arena *arena, char **ret_text, size_t *ret_len, struct error *err)
{
	size_t size = 4096, len = 0;
	struct stat st;

	/* One byte more than the file has shows its end without a second buffer. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		if ((uint64_t)st.st_size > max)
			return too_large(name, max, err);
		size = (size_t)st.st_size + 1;
	}
	char *text = arena_alloc(arena, size + 1);
	for (;;) {
		ssize_t n = read_all(fd, text + len, size - len);
		if (n < 0)
			return error_sys(err, (int)n, "read %s", name);
		len += (size_t)n;
		if (len > max)
			return too_large(name, max, err);
		if (len < size)
			break;
		char *larger = arena_alloc(arena, size * 2 + 1);
		memcpy(larger, text, len);
		text = larger;
		size *= 2;
	}
	text[len] = '\0';
	*ret_text = text;
	if (ret_len)
		*ret_len = len;
	return 0;
}

int file_read_at(
	int dir, const char *name, size_t max, struct arena *arena, char **ret_text, size_t *ret_len, struct error *err)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return error_sys(err, errno, "open %s", name);
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "look at %s", name);
	if (!S_ISREG(st.st_mode))
		return error_bad(err, EINVAL, "%s is not a regular file", name);
	return file_read_fd(fd, name, max, arena, ret_text, ret_len, err);
}

/* The kernel fills a page with whole lines before it lets a reader come again [fs/seq_file.c]: what is shorter than half
 * of one, with lines shorter than the other half, is all. Looking for an end costs as much as reading. */
enum { WHOLE_BELOW = 2048 };

ssize_t file_read_small_at(int dir, const char *name, char *buf, size_t size)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t len, more;

	if (fd < 0)
		return -errno;
	len = read(fd, buf, size);
	if (len < 0)
		return -errno;
	if (len >= WHOLE_BELOW) {
		more = read_all(fd, buf + len, size - (size_t)len);
		if (more < 0)
			return more;
		len += more;
	}
	if ((size_t)len == size)
		return -E2BIG;
	if (len > 0 && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return len;
}

/* ---- writing ---- */

int file_write_raw_at(int dir, const char *name, const char *text, size_t len)
{
	cleanup_close int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int file_write_at(int dir, const char *name, const char *text, struct error *err)
{
	int r = file_write_raw_at(dir, name, text, strlen(text));

	return r < 0 ? error_sys(err, r, "write \"%s\" to %s", text, name) : 0;
}

int file_write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_new(int dir, const char *name, const void *data, size_t len, mode_t mode)
{
	cleanup_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0)
		return -errno;
	return file_write_all(fd, data, len);
}

bool file_is_device_at(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode));
}

static int write_device(int dir, const char *name, const void *data, size_t len, struct error *err)
{
	cleanup_close int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int r = fd < 0 ? -errno : file_write_all(fd, data, len);

	return r < 0 ? error_sys(err, r, "write %s", name) : 0;
}

int file_replace_at(int dir, const char *name, const void *data, size_t len, mode_t mode, struct error *err)
{
	char temporary[256];
	int r;

	if (file_is_device_at(dir, name))
		return write_device(dir, name, data, len, err);
	if (snprintf(temporary, sizeof(temporary), "%s.tmp", name) >= (int)sizeof(temporary))
		return error_sys(err, ENAMETOOLONG, "write %s", name);
	r = write_new(dir, temporary, data, len, mode);
	if (r == -EEXIST) { /* of one that was killed at it */
		(void)unlinkat(dir, temporary, 0);
		r = write_new(dir, temporary, data, len, mode);
	}
	if (r == 0 && renameat(dir, temporary, dir, name) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dir, temporary, 0);
		return error_sys(err, r, "write %s", name);
	}
	return 0;
}
