/* base/path.h: paths of others become descriptors, once, and cannot lead out.
 *
 * The only place that resolves a path which a bundle, an image or a container wrote. Everything goes through
 * openat2(2) [Linux 5.6]; the kernel resolves, nothing here joins or normalises strings. All functions marked (child)
 * allocate nothing and are async-signal-safe: the init calls them between clone and exec.
 * [security: CVE-2019-19921, CVE-2021-30465, CVE-2024-45310, CVE-2025-52881, CVE-2026-41579] */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
struct error;

/* (child) Opens `path` inside the tree of `root` as if `root` were "/": absolute links and ".." stay inside, magic
 * links are refused. `flags` as open(2), O_CLOEXEC is added; usually O_PATH. Retried while the tree is being renamed
 * (EAGAIN), at most 128 times. A descriptor or a negative errno. */
int path_open_in_root(int root, const char *path, uint64_t flags);

/* (child) The same with no symbolic link anywhere on the way, the last part included: -ELOOP. For /proc, /sys, /dev,
 * which an image must not redirect. */
int path_open_no_symlinks(int root, const char *path, uint64_t flags);

/* (child) For trees of our own (state, cgroup, procfs): beneath `dir`, no links, no other mount. `path` is relative. */
int path_open_beneath(int dir, const char *path, uint64_t flags);

/* (child) Finds or makes the directory `path` inside `root`, missing parts with `mode`; follows links inside the root
 * for parts that exist, makes nothing through a link that dangles. O_PATH descriptor or a negative errno. */
int path_make_dir(int root, const char *path, mode_t mode);

/* (child) Finds or makes (mknodat S_IFREG, no O_CREAT) the file `path` inside `root`, its parents as above with 0755.
 * O_PATH descriptor of whatever is there, which need not be a regular file, or a negative errno. */
int path_make_file(int root, const char *path, mode_t mode);

/* (child) Splits the last component off: opens the parent of `path` inside `root` (made if missing, 0755) and points
 * *ret_name into `path`. For mknodat, symlinkat and the like. -EINVAL where the last part is "", "." or "..";
 * trailing slashes are -EINVAL too. */
int path_open_parent(int root, const char *path, const char **ret_name);

/* Opens a directory that a person named on the command line, in the host's view: links are followed.  */
int path_open_dir(const char *path, struct error *err);

/* Makes a directory of our own for state: 0700, links refused in its last part, owned by the effective uid and closed
 * to the writing of group and others, else -EPERM. Missing parents are made 0755. A readable descriptor. */
int path_open_private_dir(const char *path, struct error *err);

/* What the link at a path of the host says, into buf, NUL-terminated; -EINVAL where it is no link. */
int path_read_link(const char *path, char *buf, size_t size);

/* "/a/b/c" of an open descriptor as the kernel prints it, into buf[PATH_MAX]; -errno. */
int path_of_fd(int fd, char *buf, size_t size);
