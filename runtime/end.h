/* runtime/end.h: how a container ended: only the parent of its first process hears that.
 *
 * A husk that is the parent writes it into the container's directory. `run` in the foreground is; `run --detach` leaves a
 * keeper behind, which does nothing else. After `create` the parent is the caller, who knows for itself; until it has asked
 * the kernel, it can be read in /proc, and after that only the cgroup's counters are left. */
#pragma once
#include "spec/spec.h"
struct container;
struct error;
struct mark;

#define END_FILE "end"

/* Writes it down. A container that is gone by now needs it no more. */
void end_write(int dir, const struct spec_end *end);

/* What was written, or all unknown. */
void end_read(int root, const char *id, struct spec_end *ret);

/* The same of a first process that its parent has not reaped; nothing is written. */
void end_look(const struct mark *init, struct spec_end *ret);

/* Whether the kernel has killed in the container's cgroup for lack of memory; false where that is gone. */
bool end_is_oom(const char *cgroup);

/* Becomes the keeper of a container whose first process is our child: lets go of all that it does not need, waits,
 * writes the end down, and ends. Takes the container's descriptors. */
_Noreturn void end_keep(struct container *container);
