/* runtime/restored.h: whether what was restored is what the config allows.
 *
 * A checkpoint is somebody's word for what a process was: its rights, its filter, its namespaces and mounts are all in there,
 * and CRIU gives it what it says. So they are looked at before it runs: no more rights than the config gives, no filter less,
 * nothing of the host's writable or unmasked that the config closes. */
#pragma once
#include <sys/types.h>
struct arena;
struct error;
struct plan;

/* When nothing but the first process and its namespaces is there: none of ours that it is not to share. */
int restored_check_namespaces(const struct plan *plan, pid_t pid, struct error *err);

/* When all is there and stopped: every process of the cgroup (NULL: the first alone). -EPERM, with what was found. */
int restored_check(const struct plan *plan, pid_t pid, const char *cgroup, struct arena *arena, struct error *err);
