/* base/arena.h: memory that lives as long as the command.
 *
 * A plan is hundreds of small objects that all die together. They come from here and are never freed one by one.
 * An arena never answers NULL: where there is no memory, or the arena's limit is reached, the process says so on stderr
 * and ends with 125. That is safe because arenas are filled while a request is read and planned, before anything on the
 * system is touched; what runs afterwards allocates nothing. */
#pragma once
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *last;
	size_t used;  /* bytes handed out, all blocks together */
	size_t limit; /* ARENA_LIMIT unless set otherwise before the first use */
};

enum { ARENA_LIMIT = 1 << 28 }; /* 256 MiB: four times the largest config.json accepted */

void arena_init(struct arena *arena);
void arena_done(struct arena *arena); /* frees everything; the arena may be used again */

/* Zeroed memory, aligned for any type. `size` 0 gives a valid unique pointer. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));

/* `count` objects of `size` bytes; an overflow of the product counts as no memory. */
void *arena_array(struct arena *arena, size_t count, size_t size) __attribute__((malloc, returns_nonnull));

char *arena_copy(struct arena *arena, const char *text, size_t len) __attribute__((returns_nonnull)); /* adds a NUL */
char *arena_strdup(struct arena *arena, const char *text) __attribute__((returns_nonnull));
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3), returns_nonnull));

#define ARENA_NEW(arena, type)          ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, count, type) ((type *)arena_array((arena), (count), sizeof(type)))
