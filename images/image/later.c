/* images/image/later.c: a folder's mtime changes with what is put into it, its set-group-id bit gives files another group,
 * and its default ACL gives them other modes. So these come last.
 *
 * Records stand behind each other in one buffer: memory is what the folders' paths take, and bounded. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "images/image/layer_internal.h"

enum { LATER_MAX = 32 << 20 };

struct record {
	struct timespec mtime;
	uint32_t mode;
	uint32_t path_len, acl_len; /* the path's NUL and the ACL follow */
};

int later_add(struct later *later, const char *path, size_t path_len, struct timespec mtime, uint32_t mode,
	const struct tar_xattr *acl, struct error *err)
{
	struct record record = { mtime, mode, (uint32_t)path_len, acl ? (uint32_t)acl->len : 0 };
	size_t need = later->len + sizeof(record) + path_len + 1 + record.acl_len;
	unsigned char *at;

	if (need > LATER_MAX)
		return error_bad(err, E2BIG, "the names of this layer's folders have more than %d bytes", LATER_MAX);
	if (need > later->size) {
		size_t size = later->size ? later->size * 2 : 64 << 10;
		while (size < need)
			size *= 2;
		unsigned char *bytes = realloc(later->bytes, size);
		if (!bytes)
			return error_sys(err, ENOMEM, "remember a folder's mtime");
		later->bytes = bytes;
		later->size = size;
	}
	at = later->bytes + later->len;
	memcpy(at, &record, sizeof(record));
	at += sizeof(record);
	memcpy(at, path, path_len);
	at[path_len] = '\0';
	if (acl)
		memcpy(at + path_len + 1, acl->value, acl->len);
	later->len = need;
	return 0;
}

static int apply(const struct record *record, const char *path, int root, struct error *err)
{
	const struct timespec times[] = { record->mtime, record->mtime };
	const char *acl = path + record->path_len + 1;
	cleanup_close int fd = path_open_beneath(root, *path ? path : ".", O_RDONLY | O_DIRECTORY);

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP) /* an entry that came later took its place */
		return 0;
	if (fd < 0)
		return error_sys(err, fd, "open the folder %s", path);
	if (record->acl_len > 0 && fsetxattr(fd, "system.posix_acl_default", acl, record->acl_len, 0) < 0 &&
		errno != ENOTSUP)
		return error_sys(err, errno, "set the default ACL of %s", path);
	if (record->mode != LATER_NO_MODE && fchmod(fd, record->mode) < 0)
		return error_sys(err, errno, "set the mode of %s", path);
	return futimens(fd, times) < 0 ? error_sys(err, errno, "set the mtime of %s", path) : 0;
}

int later_apply(const struct later *later, int root, struct error *err)
{
	int r = 0;

	for (size_t at = 0; at < later->len && r == 0;) {
		struct record record;
		memcpy(&record, later->bytes + at, sizeof(record));
		at += sizeof(record);
		r = apply(&record, (const char *)later->bytes + at, root, err);
		at += record.path_len + 1 + record.acl_len;
	}
	return r;
}
