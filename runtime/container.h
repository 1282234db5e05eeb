/* runtime/container.h: a container that is there, and what can be done with it. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "runtime/record.h"
#include "spec/spec.h"
struct arena;
struct cgroup_host;
struct error;
struct faults;
struct plan;

struct container {
	int root;        /* borrowed: the state root */
	int dir;         /* owned: its directory */
	const char *id;  /* borrowed */
	bool has_record; /* false: whoever made it was killed before it had made anything but the directory */
	struct record record;
	enum spec_status status; /* as it was when looked at */
	pid_t pid;               /* of its first process; 0 when that has ended */
	int pidfd;               /* owned; negative when that has ended */
};

/* Looks one up. `err` says "does not exist" for -ENOENT, as callers expect. */
int container_open(int root, const char *id, struct arena *arena, struct container *ret, struct error *err);

/* The same for many that are only looked at: the host's cgroups were opened before, and `dir` and `pidfd` may be missing. */
int container_open_with(const struct cgroup_host *host, int root, const char *id, struct arena *arena,
	struct container *ret, struct error *err);
void container_close(struct container *container);

/* The same, also where the record is damaged or of another version: with what could be read of it, for delete --force. */
int container_open_damaged(int root, const char *id, struct arena *arena, struct container *ret, struct error *err);

/* Locks it against other husks and looks again, since it may have changed before. */
int container_lock(struct container *container, struct arena *arena, struct error *err);

/* Its config, as it was at create. */
int container_spec(const struct container *container, struct arena *arena, struct spec **ret_spec, struct error *err);

/* What was planned for it, planned anew; nothing of it is opened. */
int container_plan(const struct container *container, struct arena *arena, struct spec **ret_spec,
	struct plan *ret_plan, struct error *err);

/* Its state document; borrows everything from the record. */
struct spec_state container_state(const struct container *container);

/* Lets a created container run its program, and runs its poststart hooks. Where the program fails, the container has
 * stopped; where a hook fails, it is gone [runtime.md, Lifecycle, 7 and 9]. `notify_socket` is the caller's, or NULL:
 * where the container was made with one, returns when it says that it is ready. */
int container_start(struct container *container, const char *notify_socket, struct arena *arena, struct error *err);

/* Signals its first process; `all`: everything in its cgroup. Only created, running and paused containers, unless
 * `all`. */
int container_kill(const struct container *container, int signal, bool all, struct error *err);

/* Waits for the end of its first process; false where that has not come after `timeout_ms`, -1 = forever. */
bool container_await_end(const struct container *container, int timeout_ms);

/* Runs its poststart hooks. */
int container_poststart(const struct container *container, struct arena *arena, struct error *err);

/* Freezes everything in it, or lets it go on. -ENOTSUP without a cgroup. */
int container_freeze(const struct container *container, bool freeze, struct error *err);

/* Gives its cgroup other limits; what `resources` does not have stays. What cannot be done is a fault, or an error. */
int container_update(const struct container *container, struct spec_resources *resources, struct arena *arena,
	struct faults *faults, struct error *err);

/* Gives its resctrl group other schemata; NULL leaves one as it is. */
int container_update_resctrl(
	const struct container *container, const char *l3_cache, const char *memory, struct error *err);

/* The pids of its processes, in our pid namespace, in the arena. */
int container_pids(
	const struct container *container, struct arena *arena, int **ret_pids, size_t *ret_count, struct error *err);

/* Kills what is left of it, removes its cgroup, runs its poststop hooks and removes its state. The lock must be held. What is gone already is fine, so
 * it can be called again after a failure, or by another husk after a crash. */
int container_erase(struct container *container, struct error *err);
