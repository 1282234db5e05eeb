/* runtime/mark.c: see the header. */
#include "runtime/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

enum { PIDFS_MAGIC = 0x50494446 }; /* [linux/magic.h, PID_FS_MAGIC; Linux 6.9] */

/* "812 (a) b) S 1 ...": the name may hold anything, so fields are counted from its last parenthesis. */
static int parse_stat(char *stat, char *ret_state, uint64_t *ret_start_time)
{
	enum { STATE = 3, START_TIME = 22 };
	char *at = strrchr(stat, ')');

	if (!at)
		return -EINVAL;
	at += strspn(at, ") ");
	*ret_state = *at;
	for (int field = STATE; at && field < START_TIME; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	if (!at)
		return -EINVAL;
	at[strcspn(at, " ")] = '\0';
	return text_to_u64(at, 0, UINT64_MAX, ret_start_time);
}

/* Looks at a process that `pidfd` holds, so that its number cannot become another's meanwhile. */
static int read_start_time(pid_t pid, uint64_t *ret_start_time)
{
	char path[64], stat[1024], state = '?';
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read_small_at(AT_FDCWD, path, stat, sizeof(stat)) < 0)
		return -ESRCH;
	r = parse_stat(stat, &state, ret_start_time);
	return r < 0 || state == 'Z' || state == 'X' ? -ESRCH : 0;
}

/* The number of a pidfd's inode is no other process's while the machine runs, where pidfds have a file system. */
static bool read_inode(int pidfd, uint64_t *ret_inode)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(pidfd, &fs) < 0 || fs.f_type != PIDFS_MAGIC || fstat(pidfd, &st) < 0)
		return false;
	*ret_inode = st.st_ino;
	return true;
}

int mark_of(pid_t pid, int pidfd, struct mark *ret_mark)
{
	*ret_mark = (struct mark){ .pid = pid };
	ret_mark->by_inode = read_inode(pidfd, &ret_mark->number);
	return ret_mark->by_inode ? 0 : read_start_time(pid, &ret_mark->number);
}

/* A pidfd can be read from once its process has ended [pidfd_open(2)]. */
static bool has_ended(int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	return poll(&end, 1, 0) != 0;
}

static bool is_the_same(const struct mark *mark, int pidfd)
{
	uint64_t number;
	struct stat st;

	if (mark->by_inode)
		return fstat(pidfd, &st) == 0 && st.st_ino == mark->number;
	return read_start_time(mark->pid, &number) == 0 && number == mark->number;
}

int mark_open(const struct mark *mark)
{
	cleanup_close int pidfd = pidfd_open(mark->pid, 0);

	if (pidfd < 0)
		return errno == EINVAL ? -ESRCH : -errno;
	return has_ended(pidfd) || !is_the_same(mark, pidfd) ? -ESRCH : fd_take(&pidfd);
}
