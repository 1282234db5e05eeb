/* images/image/hash.h: digests, computed by libcrypto, which uses what the processor has for it. */
#pragma once
#include <stddef.h>

#include "images/digest.h"
struct error;

struct hash; /* one digest under way */

/* DIGEST_NONE: sha256. */
int hash_new(enum digest_algorithm algorithm, struct hash **ret, struct error *err);
void hash_free(struct hash *hash); /* NULL is fine */
void hash_add(struct hash *hash, const void *bytes, size_t len);
void hash_end(struct hash *hash, struct digest *ret); /* nothing can be added after it */

/* All of that for what is in memory. */
int hash_of(enum digest_algorithm algorithm, const void *bytes, size_t len, struct digest *ret, struct error *err);
