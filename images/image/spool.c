/* images/image/spool.c: see the header. */
#include "images/image/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "images/image/layer.h"
#include "images/image/stream.h"

int spool_make(int dir, struct error *err)
{
	static const char name[] = "spool";
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd < 0 ? error_sys(err, errno, "make a temporary file") : fd;
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* file systems without O_TMPFILE */
	if (fd < 0)
		return error_sys(err, errno, "make a temporary file");
	(void)unlinkat(dir, name, 0);
	return fd;
}

/* Reads all of `stream`; what comes out is written to `out`, unless that is -1. */
static int read_through(int source, int out, struct spool_digests *ret, struct error *err)
{
	const struct stream_request request = {
		.source = source,
		.keep = -1,
		.bytes = layer_limits_default.bytes,
		.ratio = layer_limits_default.ratio,
	};
	struct stream_result result = { 0 };
	const unsigned char *bytes;
	struct stream *stream = NULL;
	size_t len = 0;
	int r = stream_start(&request, &stream, err);

	if (r < 0)
		return r;
	while ((r = stream_next(stream, &bytes, &len)) == 1) {
		r = out < 0 ? 0 : file_write_all(out, bytes, len);
		if (r < 0) {
			(void)error_sys(err, r, "write to a temporary file");
			break;
		}
	}
	r = stream_finish(stream, r, &result, err);
	if (r < 0)
		return r;
	*ret = (struct spool_digests){ result.digest, result.diff_id, result.size };
	return 0;
}

static bool is_compressed(int file)
{
	static const unsigned char gzip[] = { 0x1f, 0x8b }, zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };
	unsigned char first[4] = { 0 };

	if (pread(file, first, sizeof(first), 0) < (ssize_t)sizeof(first))
		return false;
	return memcmp(first, gzip, sizeof(gzip)) == 0 || memcmp(first, zstd, sizeof(zstd)) == 0;
}

int spool_if_compressed(int *file, int dir, struct error *err)
{
	struct spool_digests digests = { 0 };
	cleanup_close int spool = -1;
	int r;

	if (!is_compressed(*file))
		return 0;
	spool = spool_make(dir, err);
	if (spool < 0)
		return spool;
	r = read_through(*file, spool, &digests, err);
	if (r < 0)
		return r;
	if (lseek(spool, 0, SEEK_SET) < 0)
		return error_sys(err, errno, "read a temporary file");
	fd_closep(file);
	*file = fd_take(&spool);
	return 0;
}

int spool_digest(int stream, struct spool_digests *ret, struct error *err)
{
	return read_through(stream, -1, ret, err);
}
