/* runtime/mark.h: a process that cannot be mistaken for a later one with its number.
 *
 * A pid alone could be another process's by the time it is used. Beside it stands the inode of its pidfd, or on kernels
 * without a file system for those its start time. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mark {
	pid_t pid;
	bool by_inode;
	uint64_t number; /* the inode; or clock ticks since boot [proc_pid_stat(5), field 22] */
};

/* The mark of a process that is there; -ESRCH otherwise. */
int mark_of(pid_t pid, int pidfd, struct mark *ret_mark);

/* A pidfd of the process with this mark; -ESRCH when it has ended. */
int mark_open(const struct mark *mark);

/* How the process has ended, as wait(2) tells its parent, for as long as that has not asked; false where this cannot be known
 * (any more). */
bool mark_read_end(const struct mark *mark, int *ret_status);
