/* images/image/spool.h: archives that cannot be read where they are. */
#pragma once
#include <stdint.h>

#include "images/digest.h"
struct error;

/* A file without a name in `dir`, for reading and writing, which goes away with its descriptor; the caller's. */
int spool_make(int dir, struct error *err);

/* Where *file is compressed, its bytes without that go to a file in `dir`, which takes its place. Ends at offset 0. */
int spool_if_compressed(int *file, int dir, struct error *err);

/* What the bytes of a stream are called, as they are and without their compression, and how many they are. */
struct spool_digests {
	struct digest digest, diff_id;
	uint64_t size;
};
int spool_digest(int stream, struct spool_digests *ret, struct error *err);
