/* runtime/record.h: what a container's directory says of it.
 *
 *   record      one line of JSON, then the bytes of config.json as they were at create: written before anything is made
 *   init        pid and start time of its first process: written before that process lets go of husk
 *   gate        locked by the first process as long as it waits for `start`; exec(2) lets go of it
 *   start.sock  where it waits
 * The first two are replaced by rename(2) and so are whole or not there. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/resctrl.h"
#include "spec/spec.h"
struct arena;
struct error;

#define RECORD_FILE      "record"
#define INIT_FILE        "init"
#define GATE_FILE        "gate"
#define GATE_SOCKET_FILE "start.sock"

struct record {
	const char *id, *bundle, *rootfs; /* absolute paths */
	const char *created, *owner;      /* RFC 3339; user name or number */
	const char *cgroup;               /* beneath the cgroup2 root; NULL = husk made none */
	unsigned cgroup_existing;         /* its leading components that were there before */
	bool has_resctrl;                 /* it is in a resctrl group */
	struct resctrl_group resctrl;
	bool no_new_keyring;              /* the one flag that changes the plan of the same config */
	bool unprivileged;                /* made by a user who is not root: so is the plan */
	bool notifies;                    /* it was given a NOTIFY_SOCKET */
	bool shares_pids;                 /* it has no pid namespace that ends with its first process */
	bool has_poststart, has_poststop; /* hooks; what they are is in the config */
	struct spec_pair *annotations;
	size_t annotation_count;
	const char *config; /* frozen */
	size_t config_len;
};

int record_write(int dir, const struct record *record, struct error *err);

/* All of it is in the arena. -ENOENT: killed before there was one. -EINVAL: not written by husk. */
int record_read(int dir, struct arena *arena, struct record *ret_record, struct error *err);

/* A process that cannot be mistaken for a later one with its number. */
struct init_mark {
	pid_t pid;
	uint64_t start_time; /* clock ticks since boot [proc_pid_stat(5), field 22] */
};

/* The mark of a process that is there; -ESRCH otherwise, or where it is a zombie. */
int init_mark_of(pid_t pid, struct init_mark *ret_mark);

int init_mark_write(int dir, const struct init_mark *mark, struct error *err);
int init_mark_read(int dir, struct init_mark *ret_mark); /* -ENOENT: none yet */

/* A pidfd of the process with this mark; -ESRCH when it has ended. */
int init_mark_open(const struct init_mark *mark);
