/* runtime/record.h: what a container's directory says of it.
 *
 *   record      one line of JSON, then the bytes of config.json as they were at create: written before anything is made
 *   init        its first process, and whether it waits for `start`: see mark.h
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
	const char *config; /* frozen; only to be written, see record_read_config() */
	size_t config_len;
};

int record_write(int dir, const struct record *record, struct error *err);

/* All but the config, in the arena: as much as state and list want. -ENOENT: killed before there was one. -EINVAL: not
 * written by husk. */
int record_read(int dir, struct arena *arena, struct record *ret_record, struct error *err);

/* The config as it was at create, in the arena. */
int record_read_config(int dir, struct arena *arena, const char **ret_text, size_t *ret_len, struct error *err);
