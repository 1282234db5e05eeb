/* runtime/self.c: how we were started, seen from where our file lies. */
#include "runtime/self.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

/* Neither the owner, who could change the mode, nor allowed to write. */
static int is_not_ours(int self)
{
	struct stat st;

	return geteuid() != 0 && fstat(self, &st) == 0 && st.st_uid != geteuid() &&
		faccessat(AT_FDCWD, "/proc/self/exe", W_OK, AT_EACCESS) < 0;
}

int self_check(struct error *err)
{
	cleanup_close int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct statfs fs;

	if (self < 0 || fstatfs(self, &fs) < 0)
		return error_sys(err, errno, "look at /proc/self/exe");
	if (fs.f_type == OVERLAYFS_SUPER_MAGIC) /* on any overlay: a host whose root is one passes; see the launcher */
		return 0;
	if (fs.f_type == TMPFS_MAGIC && (fcntl(self, F_GET_SEALS) & F_SEAL_WRITE))
		return 0;
	if (is_not_ours(self))
		return 0;
	(void)error_bad(err, EPERM, "this program was started from a file that a container could write to");
	return error_hint(err, "start husk and not husk-runtime");
}
