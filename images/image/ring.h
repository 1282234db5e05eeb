/* images/image/ring.h: blocks of bytes that one thread fills and others read, all of them and in order.
 *
 * This is what lets the stages of an unpacking work at the same time in bounded memory: the filler waits for the slowest
 * reader, a reader for the filler. Who gives up ends it for all; why is kept where it happened, so nobody here has words. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { RING_READERS = 2 };

struct ring;

struct ring *ring_new(size_t blocks, size_t block_size, unsigned readers); /* NULL: no memory */
void ring_free(struct ring *ring); /* NULL is fine; nobody may use it any more */

/* ---- the filler ---- */

/* The next block, waited for; NULL once a reader wants no more. */
unsigned char *ring_fill(struct ring *ring);
void ring_filled(struct ring *ring, size_t len); /* what ring_fill() gave now has `len` bytes; 0 is no block at all */
void ring_end(struct ring *ring, bool broken);   /* nothing follows; `broken`: because something failed */

/* ---- a reader ---- */

enum { RING_END = 0, RING_BLOCK = 1, RING_BROKEN = 2 };

/* The next block, waited for; it stays until the reader's next call. */
int ring_next(struct ring *ring, unsigned reader, const unsigned char **ret_bytes, size_t *ret_len);
void ring_stop(struct ring *ring); /* no more, for any reader: the filler hears of it, other readers find RING_BROKEN */
