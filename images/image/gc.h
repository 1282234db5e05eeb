/* images/image/gc.h: what nothing refers to goes.
 *
 * Nobody counts references; they are read from the records and the containers each time, while the store is locked for us
 * alone. So no crash can leave a count that lies. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "images/images.h"
struct arena;
struct error;
struct work;

/* Whether a container uses the image: *ret_container is its id, in the arena, or NULL. */
int gc_user_of(
	int store, const struct digest *digest, struct arena *arena, const char **ret_container, struct error *err);

/* Takes the record away. Its layers and blobs go with gc_run(). */
int gc_drop_record(int store, const struct digest *digest, struct error *err);

/* Removes blobs and layers that no record names; *ret_freed is how many bytes they had. A damaged record stops it. */
int gc_run(int store, const struct work *work, struct arena *arena, uint64_t *ret_freed, struct error *err);
