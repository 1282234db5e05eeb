/* images/image/made.h: images that had no manifest until we made one. */
#pragma once
#include <stddef.h>
struct arena;
struct error;
struct source;

/* Adds the config to the source's blobs, whose layers are there already, and the manifest that names them all. There must be
 * room for one more blob. */
int made_finish(struct source *source, const char *config, size_t len, struct arena *arena, struct error *err);
