/* images/image/tar_header.c: the fields of a header, and its sum. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "images/image/tar_internal.h"

static int big_endian(const unsigned char *field, size_t size, int64_t *ret)
{
	bool negative = field[0] & 0x40;
	uint64_t value = negative ? UINT64_MAX : 0;

	for (size_t i = 0; i < size; i++) {
		unsigned char byte = i > 0 ? field[i] : negative ? field[i] | 0x80 : field[i] & 0x7f;
		if (value >> 55 != (negative ? 0x1ff : 0)) /* one more byte would push out what counts, or the sign */
			return -ERANGE;
		value = value << 8 | byte;
	}
	*ret = (int64_t)value;
	return 0;
}

int tar_number(const unsigned char *field, size_t size, int64_t *ret)
{
	size_t i = 0;
	uint64_t value = 0;

	if (field[0] & 0x80)
		return big_endian(field, size, ret);
	while (i < size && field[i] == ' ')
		i++;
	for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0'); /* 12 digits of 3 bits */
	while (i < size && field[i] == ' ')
		i++;
	if (i < size && field[i] != '\0')
		return -EINVAL;
	*ret = (int64_t)value;
	return 0;
}

int tar_read_field(
	const unsigned char *field, size_t size, uint64_t max, const char *what, uint64_t *ret, struct error *err)
{
	int64_t value;

	if (tar_number(field, size, &value) < 0)
		return error_bad(err, EBADMSG, "the %s in the header is no number", what);
	if (value < 0 || (uint64_t)value > max)
		return error_bad(
			err, ERANGE, "the %s %" PRId64 " is not in the range of 0 to %" PRIu64, what, value, max);
	*ret = (uint64_t)value;
	return 0;
}

/* The sum counts itself as blanks; some old archives added signed bytes. */
bool tar_has_good_checksum(const struct tar_header *header)
{
	const unsigned char *bytes = (const unsigned char *)header;
	uint32_t sum = 0, high = 0;
	int64_t want;

	for (size_t i = 0; i < TAR_BLOCK_SIZE; i++) {
		sum += bytes[i];
		high += bytes[i] >> 7;
	}
	for (size_t i = 0; i < sizeof(header->checksum); i++) {
		sum += ' ' - (uint32_t)header->checksum[i];
		high -= header->checksum[i] >> 7;
	}
	return tar_number(header->checksum, sizeof(header->checksum), &want) == 0 &&
		(want == sum || want == (int64_t)sum - 256 * (int64_t)high);
}

enum tar_magic tar_magic_of(const struct tar_header *header)
{
	if (memcmp(header->magic, "ustar ", 6) == 0)
		return MAGIC_GNU;
	if (memcmp(header->magic, "ustar", 6) != 0)
		return MAGIC_NONE;
	return memcmp(header->rest + 8, "tar", 4) == 0 ? MAGIC_STAR : MAGIC_USTAR;
}
