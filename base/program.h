/* base/program.h: another program, run and listened to.
 *
 * For the few things that belong to programs of the host's: ps(1), newuidmap(1). Never inside a container. */
#pragma once
#include <stddef.h>
struct arena;
struct error;

/* Runs argv[0], found in $PATH, and reads what it writes to `fd` (1 or 2) until its end, at most `max` bytes, into the
 * arena; its other streams are ours. *ret_status is its exit status, or 128 plus the signal that ended it. */
int program_run(char *const *argv, int fd, size_t max, struct arena *arena, char **ret_text, int *ret_status,
	struct error *err);
