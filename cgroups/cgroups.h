/* cgroups/cgroups.h: the container's cgroup v2: where it is, what it limits, how it ends.
 *
 * The plan is pure: (file, value) pairs and a device program computed from linux.resources. Applying it needs the
 * host's cgroup2 tree, held by descriptor; every path is resolved beneath it without links [openat2(2)]. A container is
 * cloned straight into its cgroup (CLONE_INTO_CGROUP), limits are complete before its program runs, and everything in
 * it dies by cgroup.kill [cgroup-v2.rst; Linux 5.14]. Knows nothing of containers, ids or state.
 * cgroup v1 is not used: on a hybrid host the v2 tree serves for what it has. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
struct arena;
struct error;
struct faults;
struct json_writer;
struct spec_pair;
struct spec_resources;
struct bpf_insn;

/* ---- plan ---- */

/* One write. Written in order; several writes to one file (io.max) are several values. */
struct cgroup_value {
	const char *file;          /* "memory.max" */
	const char *text;          /* "1048576" */
	const char *controller;    /* "memory"; NULL for files of the core */
	const char *fallback;      /* another file for the same text where `file` is absent, or NULL */
	const char *fallback_text; /* what goes there; NULL = text */
	bool may_lack;             /* an absent file is fine: the value is what happens without it */
	const char *origin;        /* "linux.resources.memory.limit" */
};

/* A property of a unit, as text: see systemd_protocol.h for how each signature is written. */
struct cgroup_property {
	const char *name, *signature, *text; /* "MemoryMax", "t", "1048576" */
	const char *origin;                  /* JSON path */
};

struct cgroup_properties {
	struct cgroup_property *items;
	size_t count, size;
};

/* The transient unit of systemd's that makes the cgroup. */
struct cgroup_unit {
	const char *name; /* "husk-web.scope" */
	bool user;        /* of the caller's own manager */
	const char
		*subgroup; /* below the unit's, where systemd writes nothing: the container's then; NULL = the unit's */
	struct cgroup_properties start, limits;
};

struct cgroup_plan {
	const char
		*path; /* relative to the root of the tree: "husk-web", "machine/a"; no "." or ".." or empty part; of a
			     unit: NULL until systemd has made it */
	struct cgroup_unit *unit; /* NULL: husk makes the cgroup */
	const char *inner;        /* one below, without limits, that the payload manages; NULL = none */
	struct cgroup_value *values;
	size_t value_count;
	struct bpf_insn *device_program; /* BPF_PROG_TYPE_CGROUP_DEVICE; NULL = no device rules, nothing is attached */
	size_t device_insn_count;
	bool device_program_must; /* some rule denies: a kernel that cannot load it is an error */
};

/* What `cgroups_path` (NULL = "/husk-ID") and `resources` mean on cgroup v2. Everything that can be said without
 * looking at the host is checked: each fault of the table in the specification and of v1-only values names its path.
 * v1 values that ask for nothing (false, 0, -1) count as unset. Returns 0; the caller looks at `faults`. */
int cgroup_plan_make(const char *cgroups_path, const char *id, const struct spec_resources *resources,
	struct arena *arena, struct cgroup_plan *ret_plan, struct faults *faults);

/* The same with systemd as the manager: `cgroups_path` is slice:prefix:name; each part may be empty, NULL is "::ID" with
 * the prefix husk. Annotations org.systemd.property.* are the unit's. */
struct cgroup_unit_request {
	const char *cgroups_path, *id;
	bool user;
	const struct spec_pair *annotations;
	size_t annotation_count;
};
void cgroup_plan_make_unit(const struct cgroup_unit_request *request, const struct spec_resources *resources,
	struct arena *arena, struct cgroup_plan *ret_plan, struct faults *faults);

/* Adds the properties of the plan's values: for an update. */
void cgroup_unit_limits(struct cgroup_unit *unit, const struct cgroup_plan *plan, struct arena *arena);

/* Reads the annotations run.oci.systemd.subgroup and run.oci.delegate-cgroup, as crun has them, into the plan. */
void cgroup_plan_annotations(
	const struct spec_pair *annotations, size_t count, struct cgroup_plan *plan, struct faults *faults);

/* The conversions on their own, for tests and `update`. */
uint64_t cgroup_weight_from_shares(uint64_t shares);   /* cpu.shares 2..262144 to cpu.weight 1..10000 */
uint64_t cgroup_io_weight_from_blkio(uint64_t weight); /* 10..1000 to 1..10000 */

/* The device program as text, one rule a line, for `husk plan`. `default_verdict` first. */
const char *cgroup_devices_say(const struct spec_resources *resources, struct arena *arena);

/* ---- host ---- */

struct cgroup_host {
	int root;       /* owned; O_PATH directory of the cgroup2 root; -1 = this host has no cgroup2 mount */
	char mount[64]; /* "/sys/fs/cgroup" or "/sys/fs/cgroup/unified" */
};

/* Finds the cgroup2 mount; its magic is checked [statfs(2)]. None at all: 0 with root == -1; the caller decides. */
int cgroup_host_open(struct cgroup_host *ret_host, struct error *err);
void cgroup_host_done(struct cgroup_host *host);

/* ---- apply ---- */

struct cgroup {
	int fd;            /* owned; O_PATH directory, for CLONE_INTO_CGROUP and *at() calls */
	unsigned existing; /* leading components of the path that were there before */
	unsigned parts;    /* components of the path */
};

/* How many leading components of the path exist now; goes to the record before cgroup_make(), so that whoever undoes
 * a half-made cgroup removes only what husk made. Where all of them do, the cgroup must be empty and not frozen: else
 * -EBUSY, as it belongs to somebody. Writes nothing. */
int cgroup_look(const struct cgroup_host *host, const char *path, unsigned *ret_existing, struct error *err);

/* Whether we may make what is missing of the path. */
bool cgroup_may_make(const struct cgroup_host *host, const char *path);

/* Checks that the host has the controllers that the values need, without writing: cgroup.controllers at the root of
 * the tree, where what is not there can be nowhere. Else -ENOTSUP: "cgroup v2 has no memory controller here (it is on v1; boot with
 * cgroup_no_v1=memory, or drop the limit)", with the value's origin in `where`. */
int cgroup_check_host(const struct cgroup_host *host, const struct cgroup_plan *plan, struct error *err);

/* Makes the cgroup and its missing parents (a parent that vanishes meanwhile is made again), enabling top-down in each
 * ancestor's cgroup.subtree_control what the values need (must) and cpu, io, memory, pids for accounting (best effort).
 * An existing cgroup is taken as cgroup_look() takes it. On failure what was made is removed. */
int cgroup_make(
	const struct cgroup_host *host, const struct cgroup_plan *plan, struct cgroup *ret_cgroup, struct error *err);
/* The same for the cgroup of a unit, which systemd has made: enables what the values need, removes nothing. */
int cgroup_take(
	const struct cgroup_host *host, const struct cgroup_plan *plan, struct cgroup *ret_cgroup, struct error *err);

/* Makes the cgroup `name` below the path and moves the process there. An existing one is taken. */
int cgroup_enter(const struct cgroup_host *host, const char *path, const char *name, pid_t pid,
	struct cgroup *ret_cgroup, struct error *err);
void cgroup_done(struct cgroup *cgroup); /* closes; removes nothing */

/* Gives the cgroup to the user of the host who may make more below it: the folder, and the files that the kernel names in
 * /sys/kernel/cgroup/delegate [config-linux.md, Cgroup ownership; cgroup-v2.rst, Delegation]. */
int cgroup_delegate(const struct cgroup *cgroup, uid_t uid, struct error *err);

/* Writes the values in order. The child may be in the cgroup already, its program must not run yet. */
int cgroup_write_values(const struct cgroup *cgroup, const struct cgroup_plan *plan, struct error *err);

/* Loads and attaches the device program [bpf(2), BPF_F_ALLOW_MULTI]. Not permitted to (no CAP_BPF) is an error only
 * where plan->device_program_must. */
int cgroup_attach_devices(const struct cgroup *cgroup, const struct cgroup_plan *plan, struct error *err);

/* ---- systemd ---- */

/* Has systemd start the unit, with the process in it and all limits; its cgroup, in the arena. Of a unit that
 * exists already (-EEXIST), and where systemd cannot be asked (-ENOENT, -ENOTCONN), nothing was made. */
int cgroup_unit_start(
	const struct cgroup_unit *unit, pid_t pid, struct arena *arena, const char **ret_path, struct error *err);

/* Has systemd keep the unit's limits; all or none. */
int cgroup_unit_set(const struct cgroup_unit *unit, struct arena *arena, struct error *err);

/* Kills what is in the unit and waits until systemd has removed it with its cgroup. One that is gone is fine. */
int cgroup_unit_stop(const char *name, bool user, struct arena *arena, struct error *err);

/* Has systemd move a process of ours into the unit's cgroup, or one below it, where the kernel does not let us: between
 * cgroups whose common ancestor is another's [cgroup-v2.rst, Delegation Containment]. `path`: from the tree's root. */
int cgroup_unit_attach(
	const char *name, bool user, const char *path, pid_t pid, struct arena *arena, struct error *err);

/* ---- control, by the path in a record ---- */

/* For other limits: adds to `resources` the half of a pair that it lacks as it is now (quota and period, limit and
 * swap), and where memory.checkBeforeUpdate says so refuses a limit below what is used: -EBUSY. */
int cgroup_complete(
	const struct cgroup_host *host, const char *path, struct spec_resources *resources, struct error *err);

/* Writes the values to a cgroup in use, and has systemd keep those of a unit. Where one fails, those before it get what
 * they had. Devices are left alone. */
int cgroup_update(
	const struct cgroup_host *host, const struct cgroup_plan *plan, struct arena *arena, struct error *err);

/* Adds what it has used as members of the writer's open object: cpu, cpuset, memory, pids, blkio, hugetlb. */
int cgroup_stats_write(const struct cgroup_host *host, const char *path, struct json_writer *w, struct error *err);

/* What a cgroup uses now: for tables of many. What a controller that is off would count is 0. */
struct cgroup_usage {
	uint64_t cpu_us;               /* since it was made */
	uint64_t memory, memory_limit; /* bytes, with the page cache; UINT64_MAX = no limit */
	uint64_t pids, pids_limit;
	uint64_t io_read, io_written; /* bytes, of all devices */
	bool frozen;
	double cpu_pressure, memory_pressure, io_pressure; /* percent of the last 10 s in which something waited */
};
int cgroup_usage_read(const struct cgroup_host *host, const char *path, struct cgroup_usage *ret);

/* Waits at most `timeout_ms` for a change of what lives in it or of its memory.events. False when it is empty or gone. */
bool cgroup_wait(const struct cgroup_host *host, const char *path, int timeout_ms);

/* Opens an existing cgroup: descriptor, or 1 through *ret_gone when it is not there. */
int cgroup_open(const struct cgroup_host *host, const char *path, bool *ret_gone, struct error *err);

/* The cgroup that the process is in, relative to the tree's root, in the arena [proc_pid_cgroup(5)]. */
int cgroup_of_process(pid_t pid, struct arena *arena, const char **ret_path, struct error *err);

/* Kills everything in and below it and waits until it is empty, at most `timeout_ms`; -ETIMEDOUT names a survivor:
 * "pid 812 (dd) is stuck in the kernel". An absent cgroup is fine. */
int cgroup_kill_all(const struct cgroup_host *host, const char *path, unsigned timeout_ms, struct error *err);

/* Removes the cgroup, what the container made below it (iteratively, any depth) and the parents from component
 * `existing` on that are empty. Components that existed before are never removed. Absent is fine. */
int cgroup_remove(const struct cgroup_host *host, const char *path, unsigned existing, struct error *err);

/* Sends `signal` to each process of the cgroup and below, once, by pidfd; SIGKILL to all at once. For kill --all. */
int cgroup_signal_all(const struct cgroup_host *host, const char *path, int signal, struct error *err);

/* The pids of the cgroup and below, in the caller's pid namespace, in the arena. For ps. */
int cgroup_pids(const struct cgroup_host *host, const char *path, struct arena *arena, int **ret_pids,
	size_t *ret_count, struct error *err);

/* Freezes or thaws and waits for cgroup.events to say so, at most `timeout_ms` [cgroup-v2.rst, cgroup.freeze]. */
int cgroup_freeze(
	const struct cgroup_host *host, const char *path, bool frozen, unsigned timeout_ms, struct error *err);

/* 1 frozen, 0 not (also when absent), negative errno. One read of cgroup.freeze. */
int cgroup_is_frozen(const struct cgroup_host *host, const char *path);

/* How often the kernel has killed something in the cgroup for lack of memory [memory.events, oom_kill]; 0 when absent. */
uint64_t cgroup_oom_kills(const struct cgroup_host *host, const char *path);
