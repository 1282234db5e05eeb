/* images/image/ring.c: one lock, two conditions; a block is a quarter of a MiB, so it is taken seldom. */
#include "images/image/ring.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

struct ring {
	pthread_mutex_t lock;
	pthread_cond_t filled, given_back;
	unsigned char *bytes;
	size_t *lengths;
	size_t blocks, block_size;
	unsigned readers;
	uint64_t fill;               /* blocks that were filled, ever */
	uint64_t read[RING_READERS]; /* blocks that each reader has given back */
	bool holds[RING_READERS];    /* it has a block in hand */
	bool ended, broken;
};

struct ring *ring_new(size_t blocks, size_t block_size, unsigned readers)
{
	struct ring *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return NULL;
	ring->bytes = malloc(blocks * block_size);
	ring->lengths = calloc(blocks, sizeof(*ring->lengths));
	if (!ring->bytes || !ring->lengths) {
		free(ring->bytes);
		free(ring->lengths);
		free(ring);
		return NULL;
	}
	(void)pthread_mutex_init(&ring->lock, NULL);
	(void)pthread_cond_init(&ring->filled, NULL);
	(void)pthread_cond_init(&ring->given_back, NULL);
	ring->blocks = blocks;
	ring->block_size = block_size;
	ring->readers = readers;
	return ring;
}

void ring_free(struct ring *ring)
{
	if (!ring)
		return;
	(void)pthread_mutex_destroy(&ring->lock);
	(void)pthread_cond_destroy(&ring->filled);
	(void)pthread_cond_destroy(&ring->given_back);
	free(ring->bytes);
	free(ring->lengths);
	free(ring);
}

static bool is_full(const struct ring *ring)
{
	for (unsigned i = 0; i < ring->readers; i++)
		if (ring->fill - ring->read[i] >= ring->blocks)
			return true;
	return false;
}

unsigned char *ring_fill(struct ring *ring)
{
	unsigned char *block = NULL;

	(void)pthread_mutex_lock(&ring->lock);
	while (!ring->broken && is_full(ring))
		(void)pthread_cond_wait(&ring->given_back, &ring->lock);
	if (!ring->broken)
		block = ring->bytes + ring->fill % ring->blocks * ring->block_size;
	(void)pthread_mutex_unlock(&ring->lock);
	return block;
}

void ring_filled(struct ring *ring, size_t len)
{
	if (len == 0)
		return;
	(void)pthread_mutex_lock(&ring->lock);
	ring->lengths[ring->fill++ % ring->blocks] = len;
	(void)pthread_cond_broadcast(&ring->filled);
	(void)pthread_mutex_unlock(&ring->lock);
}

static void end(struct ring *ring, bool broken)
{
	(void)pthread_mutex_lock(&ring->lock);
	ring->ended = true;
	ring->broken = ring->broken || broken;
	(void)pthread_cond_broadcast(&ring->filled);
	(void)pthread_cond_broadcast(&ring->given_back);
	(void)pthread_mutex_unlock(&ring->lock);
}

void ring_end(struct ring *ring, bool broken)
{
	end(ring, broken);
}

void ring_stop(struct ring *ring)
{
	end(ring, true);
}

static void give_back(struct ring *ring, unsigned reader)
{
	if (!ring->holds[reader])
		return;
	ring->holds[reader] = false;
	ring->read[reader]++;
	(void)pthread_cond_signal(&ring->given_back);
}

int ring_next(struct ring *ring, unsigned reader, const unsigned char **ret_bytes, size_t *ret_len)
{
	int r = RING_BLOCK;

	(void)pthread_mutex_lock(&ring->lock);
	give_back(ring, reader);
	while (!ring->ended && ring->read[reader] == ring->fill)
		(void)pthread_cond_wait(&ring->filled, &ring->lock);
	if (ring->broken) {
		r = RING_BROKEN;
	} else if (ring->read[reader] == ring->fill) {
		r = RING_END;
	} else {
		size_t block = ring->read[reader] % ring->blocks;
		ring->holds[reader] = true;
		*ret_bytes = ring->bytes + block * ring->block_size;
		*ret_len = ring->lengths[block];
	}
	(void)pthread_mutex_unlock(&ring->lock);
	return r;
}
