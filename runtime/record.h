/* runtime/record.h: what a container's directory says of it.
 *
 * The record is a line of JSON, then the bytes of config.json as they were at create. It is written before anything is
 * made, and again with the mark of the first process before that may outlive husk; each time replaced by rename(2), so it
 * is whole or not there. The first process of a created container holds a lock of the file until its exec(2): a lock that
 * is held means created, whatever became of husk [flock(2)]. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/mark.h"
#include "runtime/resctrl.h"
#include "spec/spec.h"
struct arena;
struct error;

#define RECORD_FILE      "record"
#define GATE_SOCKET_FILE "start.sock"

struct record {
	const char *id, *bundle, *rootfs; /* absolute paths */
	const char *created, *owner;      /* RFC 3339; user name or number */
	const char *cgroup;               /* beneath the cgroup2 root; NULL = husk made none */
	const char *
		folder; /* of the store, made for it and removed with it: see folder.h; NULL = its bundle is its caller's */
	const char *unit; /* of systemd's, which made the cgroup; NULL = husk did */
	bool unit_user;   /* of the user's systemd */
	bool has_init;    /* the first process is there, or was */
	struct mark init;
	bool has_keeper; /* a husk waits for its end: see end.h */
	struct mark keeper;
	bool has_pasta; /* it serves the network, or did */
	struct mark pasta;
	bool waits;               /* (read) it is at the gate */
	unsigned cgroup_existing; /* its leading components that were there before */
	bool has_resctrl;         /* it is in a resctrl group */
	struct resctrl_group resctrl;
	bool no_new_keyring;              /* the one flag that changes the plan of the same config */
	bool unprivileged;                /* made by a user who is not root: so is the plan */
	bool notifies;                    /* it was given a NOTIFY_SOCKET */
	bool shares_network;              /* it has no network namespace of its own */
	bool shares_pids;                 /* it has no pid namespace that ends with its first process */
	bool has_poststart, has_poststop; /* hooks; what they are is in the config */
	struct spec_pair *annotations;
	size_t annotation_count;
	const char *config; /* frozen; only to be written, see record_read_config() */
	size_t config_len;
};

/* Makes the file that the next record_write() will put in place, and locks it: for the first process to inherit. */
int record_reserve(int dir, struct error *err);

/* `reserved`: from record_reserve(); -1 = none. */
int record_write(int dir, const struct record *record, int reserved, struct error *err);

/* All but the config, in the arena: as much as state and list want. -ENOENT: killed before there was one. -EINVAL: not
 * written by this version of husk; what could be read of it is there all the same. */
int record_read(int dir, struct arena *arena, struct record *ret_record, struct error *err);

/* The same by the id, where nothing else in its directory is of interest. */
int record_read_of(int root, const char *id, struct arena *arena, struct record *ret_record, struct error *err);

/* The config as it was at create, in the arena. */
int record_read_config(int dir, struct arena *arena, const char **ret_text, size_t *ret_len, struct error *err);
