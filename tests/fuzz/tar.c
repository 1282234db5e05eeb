/* tests/fuzz/tar.c: any bytes as a tar archive: read to its end or its first fault; nothing is touched.
 *
 * The first byte says how the rest is handed over: in pieces of which size, and whether each block's checksum is made right
 * first, since no mutation would get it right by itself. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "images/image/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCK = 512, CHECKSUM_AT = 148, CHECKSUM_SIZE = 8 };

struct input {
	const unsigned char *at;
	size_t left, piece;
};

static int next(void *data, const unsigned char **ret_bytes, size_t *ret_len)
{
	struct input *input = data;
	size_t len = input->left < input->piece ? input->left : input->piece;

	*ret_bytes = input->at;
	*ret_len = len;
	input->at += len;
	input->left -= len;
	return len > 0;
}

static void fix_checksums(unsigned char *bytes, size_t len)
{
	for (; len >= BLOCK; bytes += BLOCK, len -= BLOCK) {
		unsigned sum = 0;
		memset(bytes + CHECKSUM_AT, ' ', CHECKSUM_SIZE);
		for (size_t i = 0; i < BLOCK; i++)
			sum += bytes[i];
		if (sum == CHECKSUM_SIZE * ' ')
			memset(bytes + CHECKSUM_AT, 0, CHECKSUM_SIZE); /* the end */
		else
			(void)snprintf((char *)bytes + CHECKSUM_AT, CHECKSUM_SIZE, "%06o", sum);
	}
}

/* What was promised of an entry, and its data. */
static void check(struct tar *tar, const struct tar_entry *entry, struct error *err)
{
	const unsigned char *bytes;
	uint64_t offset, end = 0;
	size_t len;

	if (!*entry->path || strlen(entry->path) >= 4096 || strlen(entry->link) >= 4096 || entry->mode > 07777 ||
		entry->uid == UINT32_MAX || entry->gid == UINT32_MAX || (entry->size > 0 && entry->kind != TAR_FILE) ||
		entry->xattr_count > TAR_XATTRS_MAX || entry->mtime.tv_nsec < 0 || entry->mtime.tv_nsec > 999999999)
		abort();
	for (size_t i = 0; i < entry->xattr_count; i++)
		if (!*entry->xattrs[i].name || (entry->xattrs[i].len > 0 && !entry->xattrs[i].value))
			abort();
	while (tar_data(tar, &bytes, &len, &offset, err) == 1) {
		if (offset < end || len == 0 || offset + len > entry->size)
			abort();
		end = offset + len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tar_limits limits = { .file_bytes = 1 << 30, .pax_bytes = 8192 };
	struct error err = { 0 };
	const struct tar_entry *entry;
	struct tar *tar;
	unsigned char *copy;
	int r;

	if (size == 0 || !(copy = malloc(size)))
		return 0;
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 1)
		fix_checksums(copy, size - 1);
	struct input input = { copy, size - 1, data[0] & 2 ? 1U + (data[0] >> 2) : size };
	const struct tar_source source = { next, &input };
	if (tar_new(&source, &limits, &tar, &err) < 0)
		abort();
	while ((r = tar_next(tar, &entry, &err)) == TAR_ENTRY)
		check(tar, entry, &err);
	if ((r < 0) != (err.code < 0))
		abort();
	tar_free(tar);
	free(copy);
	return 0;
}
