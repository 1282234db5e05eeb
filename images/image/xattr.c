/* images/image/xattr.c: which extended attributes of a layer come into its tree.
 *
 * Kept are those that mean the same everywhere and give nothing on the host: file capabilities, POSIX ACLs, user.*. The
 * labels of security modules belong to the host that wrote them and are dropped; so is trusted.*. Markers of overlayfs would
 * let a layer redirect or hide what is below and are refused [security: G6]. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "images/image/layer_internal.h"

static const struct rule {
	const char *name; /* with '.' at the end: all that begin with it */
	enum xattr_verdict verdict;
} rules[] = {
	{ "trusted.overlay.", XATTR_REFUSED },
	{ "user.overlay.", XATTR_REFUSED },
	{ "user.", XATTR_KEPT },
	{ "security.capability", XATTR_KEPT },
	{ "system.posix_acl_access", XATTR_KEPT },
	{ "system.posix_acl_default", XATTR_LATER },
};

enum xattr_verdict xattr_judge(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		size_t len = strlen(rules[i].name);
		if (strncmp(name, rules[i].name, len) == 0 && (rules[i].name[len - 1] == '.' || name[len] == '\0'))
			return rules[i].verdict;
	}
	return XATTR_DROPPED;
}

/* A file system without them is no reason to go without the file; nor is a user who may not give capabilities. */
static bool may_fail(int code, const char *name)
{
	return code == ENOTSUP || (code == EPERM && geteuid() != 0 && text_starts_with(name, "security."));
}

int xattrs_set(int fd, const struct tar_entry *entry, struct error *err)
{
	for (size_t i = 0; i < entry->xattr_count; i++) {
		const struct tar_xattr *xattr = &entry->xattrs[i];
		enum xattr_verdict verdict = xattr_judge(xattr->name);
		if (verdict == XATTR_REFUSED)
			return error_bad(err, EPERM, "the extended attribute %s is overlayfs's own", xattr->name);
		if (strlen(xattr->name) > XATTR_NAME_MAX || xattr->len > XATTR_VALUE_MAX)
			return error_bad(err, E2BIG, "the extended attribute %.64s is too long", xattr->name);
		if (verdict == XATTR_KEPT && fd >= 0 && fsetxattr(fd, xattr->name, xattr->value, xattr->len, 0) < 0 &&
			!may_fail(errno, xattr->name))
			return error_sys(err, errno, "set the extended attribute %s", xattr->name);
	}
	return 0;
}

const struct tar_xattr *xattrs_default_acl(const struct tar_entry *entry)
{
	for (size_t i = 0; i < entry->xattr_count; i++)
		if (xattr_judge(entry->xattrs[i].name) == XATTR_LATER)
			return &entry->xattrs[i];
	return NULL;
}

/* All names, each with its NUL, in memory of the caller's; *ret_len 0 where there are none. */
static char *list_names(int fd, ssize_t *ret_len, struct error *err)
{
	ssize_t len = flistxattr(fd, NULL, 0);
	char *names = malloc(len > 0 ? (size_t)len : 1);

	*ret_len = 0;
	if (!names || len == 0 || (len < 0 && errno == ENOTSUP)) {
		if (!names)
			(void)error_sys(err, ENOMEM, "list extended attributes");
		return names;
	}
	len = len < 0 ? len : flistxattr(fd, names, (size_t)len);
	if (len < 0) {
		(void)error_sys(err, errno, "list extended attributes");
		free(names);
		return NULL;
	}
	*ret_len = len;
	return names;
}

/* Calls `each` for the attributes of `fd` that are kept. */
static int for_kept(
	int fd, int (*each)(int fd, const char *name, int other, struct error *err), int other, struct error *err)
{
	ssize_t len;
	char *names = list_names(fd, &len, err);
	int r = 0;

	if (!names)
		return err->code;
	for (ssize_t at = 0; r == 0 && at < len; at += (ssize_t)strlen(names + at) + 1) {
		enum xattr_verdict verdict = xattr_judge(names + at);
		if (verdict == XATTR_KEPT || verdict == XATTR_LATER)
			r = each(fd, names + at, other, err);
	}
	free(names);
	return r;
}

static int copy_one(int from, const char *name, int to, struct error *err)
{
	char value[XATTR_VALUE_MAX];
	ssize_t len = fgetxattr(from, name, value, sizeof(value));

	if (len < 0 || (fsetxattr(to, name, value, (size_t)len, 0) < 0 && !may_fail(errno, name)))
		return error_sys(err, errno, "copy the extended attribute %s", name);
	return 0;
}

int xattrs_copy(int from, int to, struct error *err)
{
	return for_kept(from, copy_one, to, err);
}

static int remove_one(int fd, const char *name, int other, struct error *err)
{
	(void)other;
	return fremovexattr(fd, name) < 0 ? error_sys(err, errno, "remove the extended attribute %s", name) : 0;
}

int xattrs_clear(int fd, struct error *err)
{
	return for_kept(fd, remove_one, -1, err);
}
