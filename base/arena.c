/* base/arena.c: blocks of growing size, filled from the front. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_MIN = 32 << 10, BLOCK_MAX = 1 << 20, ALIGN = 16 };

struct arena_block {
	struct arena_block *before;
	size_t size, used; /* of data */
	_Alignas(ALIGN) char data[];
};

void arena_init(struct arena *arena)
{
	*arena = (struct arena){ .limit = ARENA_LIMIT };
}

void arena_done(struct arena *arena)
{
	while (arena->last) {
		struct arena_block *block = arena->last;
		arena->last = block->before;
		free(block);
	}
	arena->used = 0;
}

static _Noreturn void no_memory(void)
{
	static const char words[] = "husk: not enough memory for this request\n";

	(void)!write(STDERR_FILENO, words, sizeof(words) - 1);
	_exit(125);
}

static struct arena_block *add_block(struct arena *arena, size_t need)
{
	size_t size = arena->last ? arena->last->size * 2 : BLOCK_MIN;
	struct arena_block *block;

	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	if (size < need)
		size = need;
	block = malloc(sizeof(*block) + size);
	if (!block)
		no_memory();
	block->before = arena->last;
	block->size = size;
	block->used = 0;
	arena->last = block;
	return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->last;
	size_t need;
	void *memory;

	if (size > SIZE_MAX - ALIGN)
		no_memory();
	need = (size + (size == 0) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (need > arena->limit - arena->used)
		no_memory();
	if (!block || block->size - block->used < need)
		block = add_block(arena, need);
	memory = block->data + block->used;
	block->used += need;
	arena->used += need;
	return memset(memory, 0, need);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		no_memory();
	return arena_alloc(arena, bytes);
}

char *arena_copy(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	return len ? memcpy(copy, text, len) : copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_copy(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	text = arena_alloc(arena, len < 0 ? 1 : (size_t)len + 1);
	va_start(args, fmt);
	(void)vsnprintf(text, len < 0 ? 1 : (size_t)len + 1, fmt, args);
	va_end(args);
	return text;
}
