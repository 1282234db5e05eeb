/* runtime/plan.h: every decision about one container, taken before anything is touched.
 *
 * Built from the spec and the request alone, so it can be printed and compared without rights; the descriptors in it
 * are opened later, by create.c. Everything in it lives in its arena. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/step.h"
#include "cgroups/cgroups.h"
#include "namespaces/namespaces.h"
#include "runtime/seccomp.h"
#include "runtime/shown.h"
#include "spec/spec.h"
struct arena;
struct error;
struct faults;

enum gate {
	GATE_PAIR,   /* `run`: the parent stays and lets the init go itself */
	GATE_SOCKET, /* `create`: the init listens until `start` connects */
};

/* What the steps from the gate on need at run time; filled by create.c before the clone. */
struct gate_args {
	enum gate kind;
	int listener; /* owned by create.c; -1 for GATE_PAIR */
	int lock;     /* the same; see gate.h */
};

struct exec_args {
	const char *const *argv, **envp;
	const char **home; /* the place in envp for HOME, where the config has none: create.c looks it up; or NULL */
	const char **candidates;  /* where args[0] may be, in the order of PATH; NULL-terminated */
	uint64_t ignored_signals; /* bit n-1: signal n is ignored by our caller and must not be by the program */
	unsigned preserve_fds;    /* 3 .. 3+n-1 stay open */
	char *listen_pid;         /* the value of LISTEN_PID in envp: written by the process itself; NULL = none */
	const struct gate_args *gate;
};

struct net_plan;

struct plan {
	struct arena *arena; /* borrowed */
	const char *id;
	const char *bundle, *rootfs; /* absolute */
	const struct spec *spec;
	const struct spec_process *process; /* of the spec, or the one that joins it */
	const char *config;                 /* the bytes of config.json, for the frozen copy */
	size_t config_len;
	struct namespaces_plan namespaces;
	struct enter_args *enter; /* of a process that joins, instead; its target is set by exec.c */
	bool has_cgroup;
	struct cgroup_plan cgroup;
	bool delegates; /* the cgroup becomes that of `cgroup_owner`, a uid of the host's */
	uid_t cgroup_owner;
	struct net_plan *network; /* links that husk makes for it; NULL = none */
	bool terminal;
	bool no_new_keyring;
	unsigned closed_streams; /* bit n: descriptor n is the container's /dev/null */
	const char *const
		*given_up; /* of a container from an image: what of the default isolation it has not, in words */
	size_t given_up_count;
	struct steps steps;
	struct folder *folder; /* of a container from an image; NULL = it has a bundle */
	size_t root_step;
	struct gate_args *gate;
	struct exec_args *exec;
	struct seccomp_program *seccomp;       /* NULL without; empty until compiled */
	struct view_extra extras[SHOWN_KINDS]; /* by enum shown */
	const struct names_plan *names;        /* what its network is to have of names; NULL: husk makes it none */
	const struct pasta_plan *pasta;        /* NULL: not asked for */
	bool child_opens;                      /* sources on the host: only its user namespace makes that possible */
	const struct hook_setting *creating; /* of hooks before `start`, for which the walk waits; NULL without such */
};

struct plan_request {
	const char *id;
	const char *bundle; /* absolute */
	enum gate gate;
	bool no_cgroup;    /* --cgroup-manager disabled */
	bool systemd;      /* --cgroup-manager systemd */
	bool systemd_user; /* the caller's own one */
	bool no_new_keyring;
	bool unprivileged; /* the caller is not root */
	bool mapped;       /* it is in a user namespace of its own already, whose root may less than the host's */
	bool no_pivot;     /* enter the root by chroot: where / is a ramdisk, which cannot be pivoted from */
	unsigned preserve_fds;
	unsigned listen_fds;      /* of these, the first are sockets of sd_listen_fds(3) */
	const char *listen_names; /* $LISTEN_FDNAMES; NULL */
	struct folder *folder;    /* borrowed; see struct plan, as for these: */
	unsigned closed_streams;
	const char *const *given_up;
	size_t given_up_count;
	bool restores; /* CRIU makes its processes: the root must lie where it has its path */
	bool notify;   /* what it says to its NOTIFY_SOCKET is passed on */
};

/* Gathers the rooms' parts. What is asked for and cannot be done is a fault. 0, also with faults. */
int plan_make(const struct spec *spec, const struct plan_request *request, struct arena *arena, struct plan *ret_plan,
	struct faults *faults);

/* Whether the walk begins by waiting for its parent: for id maps, or for a cgroup that only systemd can move it to. */
bool plan_awaits_parent(const struct plan *plan);

/* Whether what is in its own network namespace is made with it, by husk or by the hooks of its caller, as docker's: then
 * it is no part of a checkpoint. */
bool plan_wires_network(const struct plan *plan);

/* The plan of a process that joins the container of `spec`; `flags` are the namespaces it enters (CLONE_NEW*). */
void plan_make_joining(const struct spec *spec, const struct spec_process *process, uint64_t flags,
	const struct plan_request *request, struct arena *arena, struct plan *ret_plan);

/* `husk plan`: what would be done, step by step; malloc'ed text with a newline at the end, or NULL (no memory). */
char *plan_text(const struct plan *plan);
char *plan_json(const struct plan *plan);
