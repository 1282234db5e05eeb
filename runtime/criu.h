/* runtime/criu.h: CRIU, which saves processes to files and makes them again [criu(8)].
 *
 * A child of ours walks to it as a first process walks to its program, and becomes `criu swrk FD`: CRIU's RPC over a pair of
 * sockets, messages by protobuf [criu.org/RPC]. Of what it says on the way, some must be answered before it goes on; it
 * undoes all by itself where we refuse, or are gone. */
#pragma once
#include <stddef.h>

#include "runtime/child.h"
#include "runtime/criu.pb-c.h"
#include "runtime/plan.h"
struct arena;
struct error;

/* 3.16, the first with all that is asked here: major * 10000 + minor * 100 + sublevel. */
enum { CRIU_OLDEST = 31600 };

struct criu {
	struct plan walk; /* of the child */
	struct child child;
	int sock, other; /* owned: our end, and CRIU's until it has begun */
	struct criu_exec *exec;
};

/* Finds CRIU, and makes what its child will need; steps that must come before it are added to criu->walk.steps after this.
 * -ENOENT: it is not installed. Closed by criu_done() in any case. */
int criu_prepare(struct criu *criu, const char *id, int signal_fd, struct arena *arena, struct error *err);

/* CRIU has the descriptor, too, under its number. */
void criu_inherits(struct criu *criu, int fd);

/* Without a process group of its own: one that shares a terminal with us. */
void criu_shares_terminal(struct criu *criu);

/* Clones the child: into the cgroup, unless -1, and a mount namespace of its own where `mounts`. It waits. */
int criu_clone(struct criu *criu, int cgroup, int state_dir, bool mounts, struct error *err);

/* Lets it go; returns once it is CRIU, and new enough. */
int criu_begin(struct criu *criu, struct error *err);

/* What it says on the way: `script` is the word of CRIU for where it is; `fd`, where not -1, may be taken; `pid` is 0 or
 * that of the first process. */
struct criu_notice {
	const char *script;
	pid_t pid;
	int *fd;
};
struct criu_ear {
	int (*hear)(void *arg, const struct criu_notice *notice, struct error *err);
	void *arg;
};

/* Asks, and answers notices until it is done. A signal that asks husk to end is refused at the next notice. `work` is the
 * folder of its log, which has the words for a failure; `*ret_pid` is that of a restored first process. */
int criu_ask(struct criu *criu, Criu__Kind kind, Criu__Options *options, const struct criu_ear *ear, int work,
	pid_t *ret_pid, struct error *err);

/* Waits for its end, which a closed socket brings about where it has not come yet. */
void criu_done(struct criu *criu);

/* ---- for tests ---- */

/* The last words of a log that say what was wrong, without times and places; "" where there are none. */
const char *criu_errors(const char *log, struct arena *arena);
