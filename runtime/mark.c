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

/* What we need of /proc/PID/stat [proc_pid_stat(5)]. */
struct stat_line {
	char state;
	uint64_t start_time, exit_status;
};

/* "812 (a) b) S 1 ...": the name may hold anything, so fields are counted from its last parenthesis. */
static int parse_stat(char *stat, struct stat_line *ret)
{
	enum { STATE = 3, START_TIME = 22, EXIT_STATUS = 52 };
	char *save = NULL, *at = strrchr(stat, ')'), *word;
	int r = 0;

	word = at ? strtok_r(at + 1, " ", &save) : NULL;
	for (int field = STATE; r == 0 && field <= EXIT_STATUS; field++, word = strtok_r(NULL, " ", &save)) {
		if (!word)
			return -EINVAL;
		if (field == STATE)
			ret->state = *word;
		else if (field == START_TIME)
			r = text_to_u64(word, 0, UINT64_MAX, &ret->start_time);
		else if (field == EXIT_STATUS)
			r = text_to_u64(word, 0, INT32_MAX, &ret->exit_status);
	}
	return r;
}

/* Looks at a process that `pidfd` holds, so that its number cannot become another's meanwhile. */
static int read_stat(pid_t pid, struct stat_line *ret)
{
	char path[64], stat[1024];

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return file_read_small_at(AT_FDCWD, path, stat, sizeof(stat)) < 0 || parse_stat(stat, ret) < 0 ? -ESRCH : 0;
}

static int read_start_time(pid_t pid, uint64_t *ret_start_time)
{
	struct stat_line line;
	int r = read_stat(pid, &line);

	if (r == 0)
		*ret_start_time = line.start_time;
	return r;
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

/* The kernel prints 0 to those who may not know. A process that has ended has no program, and that is only told to those
 * who may. */
static bool may_know(pid_t pid)
{
	cleanup_close int program = -1;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	program = open(path, O_PATH | O_CLOEXEC);
	return program < 0 && errno == ENOENT;
}

bool mark_read_end(const struct mark *mark, int *ret_status)
{
	cleanup_close int pidfd = pidfd_open(mark->pid, 0);
	struct stat_line line;

	if (pidfd < 0 || !is_the_same(mark, pidfd) || read_stat(mark->pid, &line) < 0 || line.state != 'Z' ||
		!may_know(mark->pid))
		return false;
	*ret_status = (int)line.exit_status;
	return true;
}
