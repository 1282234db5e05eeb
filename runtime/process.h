/* runtime/process.h: what the program of the container is, and who: ids, rights, limits, labels, as steps.
 *
 * The order of the steps is the order in which rights may be given up; see process_steps(). */
#pragma once
struct faults;
struct plan;
struct plan_request;

/* First steps of the walk: session, ids of a new user namespace. */
void process_first_steps(struct plan *plan);

/* From the container's view to exec: directory, keyring, scheduling, labels, terminal, identity, capabilities, search
 * for the program, the gate, limits, seccomp, exec. */
void process_last_steps(struct plan *plan, const struct plan_request *request, struct faults *faults);
