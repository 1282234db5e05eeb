/* namespaces/rootfs.c: the root of the container, from a folder of the host to "/".
 *
 * The parent clones the root's tree in its own view. The child lays that tree over its "/", builds everything on it,
 * and pivots: the tree becomes the root, the host's old root lies on top for one moment and is let go with all below
 * it. No path of the host is looked up in the child, and the host's tree is private to it from the first step on, so
 * nothing that is mounted here can appear outside. [pivot_root(2), mount_namespaces(7)] */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/syscalls.h"
#include "base/text.h"
#include "namespaces/namespaces_internal.h"

/* ---- a procfs of our own ---- */

static void procfs_say(const struct step *step, struct text *text)
{
	const bool *all = step->args;

	text_add(text, "open a private procfs%s", *all ? " to set sysctls" : "");
}

/* Never attached, so nothing of the image or another container can stand between us and the kernel's files
 * [CVE-2019-16884, CVE-2025-52881]. */
static int procfs_apply(const struct step *step, struct walk *walk)
{
	const bool *all = step->args;
	cleanup_close int fs = fsopen("proc", FSOPEN_CLOEXEC);

	if (fs < 0)
		return -errno;
	if (!*all && fsconfig(fs, FSCONFIG_SET_STRING, "subset", "pid", 0) < 0) /* [proc(5), Linux 5.8] */
		return -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	walk->procfs = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return walk->procfs < 0 ? -errno : 0;
}

/* ---- the root ---- */

static void root_say(const struct step *step, struct text *text)
{
	const struct root_args *args = step->args;

	text_add(text, "take %s as the root", args->path);
}

static int root_open(struct step *step, struct error *err)
{
	const struct root_args *args = step->args;
	struct mount_attr attr = { .propagation = args->propagation };
	cleanup_close int dir = open(args->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st, host;
	struct statfs fs;

	if (dir < 0)
		return error_sys(err, errno, "open the root %s", args->path);
	if (fstat(dir, &st) < 0 || stat("/", &host) < 0 || fstatfs(dir, &fs) < 0)
		return error_sys(err, errno, "look at the root %s", args->path);
	if (st.st_ino == host.st_ino && st.st_dev == host.st_dev)
		return error_bad(err, EINVAL, "the host's own / cannot be a container's root");
	if (fs.f_type == PROC_SUPER_MAGIC)
		return error_bad(err, EINVAL, "%s lies on procfs and cannot be a root", args->path);
	step->fd = open_tree(dir, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
	if (step->fd < 0) {
		int r = error_sys(err, errno, "clone the tree %s", args->path);
		return r == -EPERM ? error_hint(err, "mounting needs CAP_SYS_ADMIN: run husk as root") : r;
	}
	if (mount_setattr(step->fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return error_sys(err, errno, "make %s private", args->path);
	return 0;
}

/* The folder that the tree was cloned from, in our own mount namespace: looked up anew, and it must be the same. An overlay
 * was not cloned; its folder is husk's own. */
static int open_own_place(const struct root_args *args, int tree)
{
	cleanup_close int fd = open(args->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat here, there;

	if (fd < 0 || fstat(fd, &here) < 0 || fstat(tree, &there) < 0)
		return -errno;
	return args->overlay || (here.st_ino == there.st_ino && here.st_dev == there.st_dev) ? fd_take(&fd) : -ESTALE;
}

int root_apply(const struct step *step, struct walk *walk)
{
	const struct root_args *args = step->args;
	struct mount_attr attr = { .propagation = MS_PRIVATE };
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
	cleanup_close int place = -1;

	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return -errno;
	if (args->at_path)
		place = open_own_place(args, step->fd);
	if (!args->at_path ||
		place == -EACCES) /* a user namespace may have no way there; then no hook in it has, either */
		place = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place < 0)
		return place == -1 ? -errno : place;
	if (move_mount(step->fd, "", place, "", flags) < 0)
		return -errno;
	walk->root = step->fd;
	return 0;
}

static void pivot_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "pivot into the root and let the host's go");
}

static int pivot_apply(const struct step *step, struct walk *walk)
{
	(void)step;
	if (fchdir(walk->root) < 0)
		return -errno;
	if (sys_pivot_root(".", ".") < 0) /* the old root now lies on the new one [pivot_root(2), NOTES] */
		return -errno;
	if (umount2(".", MNT_DETACH) < 0)
		return -errno;
	return chdir("/") < 0 ? -errno : 0;
}

static void chroot_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "change into the root, without a pivot");
}

static int chroot_apply(const struct step *step, struct walk *walk)
{
	(void)step;
	if (fchdir(walk->root) < 0 || chroot(".") < 0)
		return -errno;
	return 0;
}

/* ---- its flags ---- */

static void root_readonly_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "make the root read-only");
}

static int root_readonly_apply(const struct step *step, struct walk *walk)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	(void)step;
	return mount_setattr(walk->root, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static const char *propagation_word(enum spec_propagation kind)
{
	static const char *const words[] = { "", "private", "slave", "shared", "unbindable" };

	return words[kind];
}

static void root_propagation_say(const struct step *step, struct text *text)
{
	const struct propagation_args *args = step->args;

	text_add(text, "make the root %s%s", args->word.recursive ? "r" : "", propagation_word(args->word.kind));
}

static int root_propagation_apply(const struct step *step, struct walk *walk)
{
	const struct propagation_args *args = step->args;
	struct mount_attr attr = { .propagation = propagation_flag(args->word.kind) };
	unsigned flags = AT_EMPTY_PATH | (args->word.recursive ? AT_RECURSIVE : 0);

	return mount_setattr(walk->root, "", flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

const struct step_kind procfs_step = { .name = "procfs", .say = procfs_say, .apply = procfs_apply };
const struct step_kind root_step = { .name = "root", .say = root_say, .open = root_open, .apply = root_apply };
const struct step_kind pivot_step = { .name = "pivot", .say = pivot_say, .apply = pivot_apply };
const struct step_kind chroot_step = { .name = "chroot", .say = chroot_say, .apply = chroot_apply };
const struct step_kind root_readonly_step = {
	.name = "root-readonly",
	.say = root_readonly_say,
	.apply = root_readonly_apply,
};
const struct step_kind root_propagation_step = {
	.name = "root-propagation",
	.say = root_propagation_say,
	.apply = root_propagation_apply,
};
