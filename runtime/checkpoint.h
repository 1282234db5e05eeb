/* runtime/checkpoint.h: a running container, saved to a folder by CRIU. */
#pragma once
struct arena;
struct container;
struct criu_options;
struct error;

/* Saves it; the lock must be held. It has stopped then, unless the options let it run on, or this was only the memory, ahead
 * of the rest (pre_dump). After a failure it runs as before. `signal_fd`: from wait_block(). */
int container_checkpoint(const struct container *container, const struct criu_options *options, int signal_fd,
	struct arena *arena, struct error *err);
