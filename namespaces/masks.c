/* namespaces/masks.c: paths that the container must not read, or must not write.
 *
 * A masked file shows the host's null device, a masked folder an empty tmpfs; both are mounted once and cloned for the
 * rest, so that a hundred masks are not a hundred superblocks. The null device is the host's, opened and looked at by
 * the parent before anything of the container exists: the one in the container's /dev may be anything by now
 * [CVE-2025-31133]. Only a target that is not there may be passed over. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "namespaces/namespaces_internal.h"

static void null_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "open the host's null device to mask files");
}

static int null_open(struct step *step, struct error *err)
{
	struct stat st;

	step->fd = open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (step->fd < 0)
		return error_sys(err, errno, "open /dev/null");
	if (fstat(step->fd, &st) < 0)
		return error_sys(err, errno, "look at /dev/null");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return error_bad(err, EINVAL, "the host's /dev/null is not the null device");
	return 0;
}

static int null_apply(const struct step *step, struct walk *walk)
{
	walk->mask_file = step->fd;
	return 0;
}

static int make_empty_dir(void)
{
	cleanup_close int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int tree;

	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", "mask", 0) < 0 ||
		fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "1", 0) < 0 ||
		fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0555", 0) < 0 ||
		fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0 ||
		fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	tree = fsmount(
		fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return tree < 0 ? -errno : tree;
}

/* The first use attaches the tree itself; from then on it is in our mount namespace and can be cloned. */
static int attach_or_clone(int tree, bool *used, int target)
{
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
	cleanup_close int clone = -1;

	if (*used) {
		clone = open_tree(tree, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
		if (clone < 0)
			return -errno;
	}
	if (move_mount(*used ? clone : tree, "", target, "", flags) < 0)
		return -errno;
	*used = true;
	return 0;
}

static int mask_dir(struct walk *walk, int target)
{
	if (walk->mask_dir < 0) {
		int tree = make_empty_dir();
		if (tree < 0)
			return tree;
		walk->mask_dir = tree;
	}
	return attach_or_clone(walk->mask_dir, &walk->mask_dir_used, target);
}

static void mask_say(const struct step *step, struct text *text)
{
	const struct path_args *args = step->args;

	text_add(text, "mask %s", args->path);
}

static int mask_apply(const struct step *step, struct walk *walk)
{
	const struct path_args *args = step->args;
	cleanup_close int target = path_open_in_root(walk->root, args->path, O_PATH);
	struct stat st;

	if (target == -ENOENT)
		return 0;
	if (target < 0)
		return target;
	if (fstat(target, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return mask_dir(walk, target);
	return attach_or_clone(walk->mask_file, &walk->mask_file_used, target);
}

static void readonly_say(const struct step *step, struct text *text)
{
	const struct path_args *args = step->args;

	text_add(text, "make %s read-only", args->path);
}

static int readonly_apply(const struct step *step, struct walk *walk)
{
	const struct path_args *args = step->args;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	cleanup_close int target = path_open_in_root(walk->root, args->path, O_PATH);
	cleanup_close int tree = -1;

	if (target == -ENOENT)
		return 0;
	if (target < 0)
		return target;
	tree = open_tree(target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
	if (tree < 0)
		return -errno;
	if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return -errno;
	return move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
}

const struct step_kind null_step = { .name = "mask-source", .say = null_say, .open = null_open, .apply = null_apply };
const struct step_kind mask_step = { .name = "mask", .say = mask_say, .apply = mask_apply };
const struct step_kind readonly_step = { .name = "readonly", .say = readonly_say, .apply = readonly_apply };
