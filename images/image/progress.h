/* images/image/progress.h: how far the layers are, on standard error.
 *
 * A terminal has a bar for each layer, drawn at most ten times a second; elsewhere a line says that one is finished. Threads
 * may call at the same time. The only place beneath main() that prints: what it says is no result. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct digest;

enum progress_style { PROGRESS_AUTO, PROGRESS_PLAIN, PROGRESS_TTY, PROGRESS_JSON, PROGRESS_NONE };
extern const char *const progress_styles[]; /* NULL-terminated */

struct progress;

struct progress *progress_new(
	enum progress_style style, size_t layers); /* NULL, which says nothing, where it is PROGRESS_NONE */
void progress_free(struct progress *progress);

void progress_layer(struct progress *progress, size_t index, const struct digest *digest, uint64_t size);
void progress_bytes(struct progress *progress, size_t index, uint64_t bytes);
void progress_done(struct progress *progress, size_t index, bool present);
void progress_end(struct progress *progress); /* the last picture, before anything else is printed */
