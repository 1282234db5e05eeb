/* runtime/mark.h: which process is a container's first, and whether it waits for `start`.
 *
 * A file of one line in the container's directory. The process of a created container holds a lock of that file until
 * its exec(2), so a lock that is held means created, whatever became of husk [flock(2)]. A pid alone could be another
 * process's by the time it is used: beside it stands the inode of its pidfd, or on kernels without a file system for
 * those its start time. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
struct error;

#define MARK_FILE "init"

struct mark {
	pid_t pid;
	bool by_inode;
	uint64_t number; /* the inode; or clock ticks since boot [proc_pid_stat(5), field 22] */
};

/* The mark of a process that is there; -ESRCH otherwise. */
int mark_of(pid_t pid, int pidfd, struct mark *ret_mark);

/* A pidfd of the process with this mark; -ESRCH when it has ended. */
int mark_open(const struct mark *mark);

/* Makes the file that mark_write() will put in place, and locks it: for the first process to inherit. A descriptor. */
int mark_reserve(int dir, struct error *err);

/* Writes it: to the reserved file (-1: none), which then appears whole and under its name. */
int mark_write(int dir, const struct mark *mark, int reserved, struct error *err);

/* -ENOENT: none yet. *ret_waits: its process is at the gate. */
int mark_read(int dir, struct mark *ret_mark, bool *ret_waits);
