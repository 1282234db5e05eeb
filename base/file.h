/* base/file.h: whole small files.
 *
 * Kernel files (cgroup, /proc) take a value in one write or not at all; ours on disk are replaced by rename(2), so a
 * reader sees the old or the new and never half of either. Names are single components beneath `dir`, never paths that
 * could be led elsewhere: O_NOFOLLOW on everything. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
struct arena;
struct error;

/* Reads a regular file whole; NUL-terminated, *ret_len without it (may be NULL). More than `max` bytes: -EFBIG; not a
 * regular file: -EINVAL, and no FIFO or device is ever waited for (O_NONBLOCK, then fstat). */
int file_read_at(int dir, const char *name, size_t max, struct arena *arena, char **ret_text, size_t *ret_len,
	struct error *err);

/* The same from a descriptor, from where it stands to its end; `name` is for messages. Any type of file. */
int file_read_fd(
	int fd, const char *name, size_t max, struct arena *arena, char **ret_text, size_t *ret_len, struct error *err);

/* Reads a kernel file into `buf`, NUL-terminated, one trailing newline dropped; returns the length. -E2BIG if larger. */
ssize_t file_read_small_at(int dir, const char *name, char *buf, size_t size);

/* Writes `text` to an existing kernel file in one write(2). The plain form gives only the negative errno: for callers
 * with their own words, and for the child between clone and exec. */
int file_write_at(int dir, const char *name, const char *text, struct error *err);
int file_write_raw_at(int dir, const char *name, const char *text, size_t len);

/* Replaces or makes `name` with exactly `len` bytes: a temporary beside it, O_EXCL, write, rename. Killed at any moment
 * it leaves the old file, or the new one, and at worst a ".tmp" beside it. No fsync: for state on tmpfs. A device, as
 * /dev/null is one, is written to: it must not become a file. */
int file_replace_at(int dir, const char *name, const void *data, size_t len, mode_t mode, struct error *err);

/* Whether that is a device, which is not ours to replace. */
bool file_is_device_at(int dir, const char *name);

/* All of `len` bytes, retried over EINTR and short writes; 0 or a negative errno. Async-signal-safe. */
int file_write_all(int fd, const void *data, size_t len);
