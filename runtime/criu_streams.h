/* runtime/criu_streams.h: what a saved first process had open as 0, 1 and 2, by CRIU's names for what it cannot save itself.
 *
 * A pipe to whoever started the container, and a file outside of it, are given anew at restore: those that the restored
 * container is started with. Their names stay with the images, in descriptors.json as runc writes it. */
#pragma once
#include <sys/types.h>
struct arena;
struct error;

enum { CRIU_STREAMS = 3 };

struct criu_streams {
	const char *names[CRIU_STREAMS]; /* "pipe:[12]", "file[2f:9a1]"; NULL: CRIU has it, or it is not open */
};

/* Looks at a process; the names are in the arena. */
void criu_streams_look(pid_t pid, struct arena *arena, struct criu_streams *ret);

/* Into the folder of the images, and out of it; what is not a name of that kind counts as NULL. A folder without the file
 * has no names. */
int criu_streams_write(int images, const struct criu_streams *streams, struct error *err);
int criu_streams_read(int images, struct arena *arena, struct criu_streams *ret, struct error *err);
