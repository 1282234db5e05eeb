/* runtime/steps.h: the kinds of steps that concern the process itself; their arguments and nothing else. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/step.h"
#include "spec/spec.h"

struct identity_args {
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t group_count;
	int last_cap; /* the last capability this build knows; the kernel's own last one ends the walk earlier */
	struct spec_capabilities caps;
	bool keep_groups;          /* those of the caller */
	uint64_t extra_until_exec; /* kept permitted and effective; exec takes it away */
};

struct label_args {
	const char *module; /* "apparmor", "selinux" */
	const char *label;
};

struct memory_policy_args {
	const struct spec_memory_policy *policy;
	unsigned long nodes[16]; /* 1024, MAX_NUMNODES */
};

extern const struct step_kind memory_policy_step; /* struct memory_policy_args */

struct affinity_args {
	const char *list;        /* "0-3"; NULL = all */
	unsigned long bits[128]; /* 8192 processors, as many as Linux can have */
};

extern const struct step_kind affinity_step;     /* struct affinity_args */
extern const struct step_kind streams_step;      /* unsigned: bit n = descriptor n */
extern const struct step_kind session_step;      /* none */
extern const struct step_kind await_parent_step; /* const char *: for what */
extern const struct step_kind become_root_step;  /* none */
extern const struct step_kind make_cwd_step;     /* char *: path */
extern const struct step_kind enter_cwd_step;    /* char *: path */
extern const struct step_kind keyring_step;      /* char *: name */
extern const struct step_kind scheduler_step;    /* struct spec_scheduler */
extern const struct step_kind io_priority_step;  /* int */
extern const struct step_kind personality_step;  /* unsigned long */
extern const struct step_kind label_step;        /* struct label_args */
extern const struct step_kind stdio_step;        /* struct spec_user */
extern const struct step_kind no_new_privs_step; /* none */
extern const struct step_kind bounding_step;     /* struct identity_args */
extern const struct step_kind identity_step;     /* struct identity_args */
extern const struct step_kind capabilities_step; /* struct identity_args */
extern const struct step_kind umask_step;        /* struct spec_user */
extern const struct step_kind rlimit_step;       /* struct spec_rlimit */
extern const struct step_kind signals_step;      /* struct exec_args */
extern const struct step_kind seccomp_step;      /* struct seccomp_program */

/* from the search for the program to exec: steps_exec.c */
extern const struct step_kind find_step;     /* struct exec_args */
extern const struct step_kind handover_step; /* struct exec_args */
extern const struct step_kind gate_step;     /* struct gate_args */
extern const struct step_kind exec_step;     /* struct exec_args */
