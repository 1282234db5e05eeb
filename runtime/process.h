/* runtime/process.h: what the program of the container is, and who: ids, rights, limits, labels, as steps.
 *
 * The order of the steps is the order in which rights may be given up; see process_steps(). */
#pragma once
#include "spec/spec.h"
struct hook_setting;
struct faults;
struct plan;
struct plan_request;

/* First steps of the walk: session, ids of a new user namespace. */
void process_first_steps(struct plan *plan);

/* For a hook of the container `plan` is about: its state document with `status`, its bundle. In the plan's arena. */
struct hook_setting *plan_hook_setting(const struct plan *plan, enum spec_status status);

/* A step for each hook of a kind. */
void plan_add_hooks(struct plan *plan, enum spec_hook_kind kind, const struct hook_setting *setting);

/* From the container's view to exec: directory, keyring, scheduling, labels, terminal, identity, capabilities, search
 * for the program, the gate, limits, seccomp, exec. */
void process_last_steps(struct plan *plan, const struct plan_request *request, struct faults *faults);

/* The whole walk of a process that joins a container. */
void process_joining_steps(struct plan *plan, const struct plan_request *request);
