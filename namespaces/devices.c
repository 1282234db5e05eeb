/* namespaces/devices.c: nodes, links and the terminal in the container's /dev.
 *
 * Everything is made by name in a directory that was opened once, without a link on the way; what stands there already
 * is looked at and never removed or followed [CVE-2026-41579, CVE-2025-52565]. Where mknod(2) is refused, in a user
 * namespace, a device is the host's own node, bound on an empty file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "namespaces/namespaces_internal.h"

/* ---- /dev ---- */

static void dev_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "open /dev");
}

static int dev_apply(const struct step *step, struct walk *walk)
{
	int fd = path_open_no_symlinks(walk->root, "/dev", O_PATH | O_DIRECTORY);

	(void)step;
	if (fd == -ENOENT)
		fd = path_make_dir(walk->root, "/dev", 0755);
	if (fd < 0)
		return fd;
	walk->dev = fd;
	return 0;
}

/* ---- nodes ---- */

static mode_t node_type(char type)
{
	return type == 'b' ? S_IFBLK : type == 'p' ? S_IFIFO : S_IFCHR;
}

static bool is_wanted_node(const struct stat *st, const struct spec_device *device)
{
	if ((st->st_mode & S_IFMT) != node_type(device->type))
		return false;
	return device->type == 'p' || st->st_rdev == makedev(device->major, device->minor);
}

static int check_existing(int dir, const char *name, const struct spec_device *device)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return is_wanted_node(&st, device) ? 0 : STEP_OTHER_NODE;
}

static int make_node(int dir, const char *name, const struct spec_device *device)
{
	dev_t number = device->type == 'p' ? 0 : makedev(device->major, device->minor);

	/* umask is 0 in the walk, so the mode is the one asked for */
	if (mknodat(dir, name, node_type(device->type) | device->mode, number) < 0)
		return errno == EEXIST ? check_existing(dir, name, device) : -errno;
	if ((device->uid || device->gid) && fchownat(dir, name, device->uid, device->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int bind_on_file(int tree, int dir, const char *name)
{
	cleanup_close int target = -1;
	struct stat st;

	if (mknodat(dir, name, S_IFREG | 0666, 0) < 0 && errno != EEXIST)
		return -errno;
	target = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return -errno;
	if (fstat(target, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode))
		return STEP_OTHER_NODE;
	return move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
}

static int device_open(struct step *step, struct error *err)
{
	const struct device_args *args = step->args;
	const struct spec_device *device = args->device;
	/* A node is nothing to execute, and no business of the host's other mounts. */
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, .propagation = MS_PRIVATE };
	struct stat st;

	if (!args->by_bind)
		return 0;
	step->fd = open_tree(AT_FDCWD, device->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	if (step->fd < 0)
		return error_sys(err, errno, "open the host's %s", device->path);
	if (fstat(step->fd, &st) < 0)
		return error_sys(err, errno, "look at the host's %s", device->path);
	if (!is_wanted_node(&st, device))
		return error_bad(err, EINVAL, "the host's %s is not %c %u:%u, and devices cannot be made here",
			device->path, device->type, device->major, device->minor);
	if (mount_setattr(step->fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return error_sys(err, errno, "change the flags of the host's %s", device->path);
	return 0;
}

static int device_apply(const struct step *step, struct walk *walk)
{
	const struct device_args *args = step->args;
	const char *name = args->in_dev;
	cleanup_close int parent = -1;
	int dir = walk->dev;

	if (!name || dir < 0) {
		parent = path_open_parent(walk->root, args->device->path, &name);
		if (parent < 0)
			return parent;
		dir = parent;
	}
	return args->by_bind ? bind_on_file(step->fd, dir, name) : make_node(dir, name, args->device);
}

static void device_say(const struct step *step, struct text *text)
{
	const struct device_args *args = step->args;
	const struct spec_device *device = args->device;

	text_add(text, "%s the device %s", args->by_bind ? "bind" : "make", device->path);
	if (device->type == 'p')
		text_add(text, " (p, %04o)", device->mode);
	else
		text_add(text, " (%c %u:%u, %04o)", device->type, device->major, device->minor, device->mode);
}

/* ---- links ---- */

static void link_say(const struct step *step, struct text *text)
{
	const struct link_args *args = step->args;

	text_add(text, "link /dev/%s to %s", args->name, args->target);
}

static int link_apply(const struct step *step, struct walk *walk)
{
	const struct link_args *args = step->args;

	if (symlinkat(args->target, walk->dev, args->name) == 0 || errno == EEXIST)
		return 0; /* what the image or the config put there is theirs to choose */
	return -errno;
}

/* ---- the terminal ---- */

static void terminal_say(const struct step *step, struct text *text)
{
	const struct terminal_args *args = step->args;

	text_add(text, "make a terminal%s", args->console ? " and bind it on /dev/console" : "");
}

/* Both ends from the devpts that the container will use, by descriptor; the slave is never opened by its name, which
 * could have been swapped [ioctl_tty(2), TIOCGPTPEER, Linux 4.13; CVE-2025-52565]. */
static int open_pty(struct walk *walk, int *ret_master)
{
	cleanup_close int master = path_open_no_symlinks(walk->root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
	struct stat st;
	int unlock = 0;

	if (master < 0)
		return master;
	if (fstat(master, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2)) /* not what a container put in its place */
		return STEP_OTHER_NODE;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return -errno;
	walk->terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (walk->terminal < 0)
		return -errno;
	*ret_master = fd_take(&master);
	return 0;
}

static int bind_console(struct walk *walk)
{
	cleanup_close int dev = path_open_no_symlinks(walk->root, "/dev", O_PATH | O_DIRECTORY);
	cleanup_close int tree = -1;

	if (dev < 0)
		return dev;
	tree = open_tree(walk->terminal, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	return tree < 0 ? -errno : bind_on_file(tree, dev, "console");
}

/* As the config says, else as the caller's window is; the caller's stdio is still ours here. */
static bool window_size(const struct terminal_args *args, struct winsize *ret_size)
{
	*ret_size = (struct winsize){ .ws_row = args->height, .ws_col = args->width };
	return args->has_size || ioctl(STDIN_FILENO, TIOCGWINSZ, ret_size) == 0 ||
		ioctl(STDOUT_FILENO, TIOCGWINSZ, ret_size) == 0;
}

static int terminal_apply(const struct step *step, struct walk *walk)
{
	const struct terminal_args *args = step->args;
	struct winsize size;
	cleanup_close int master = -1;
	int r = open_pty(walk, &master);

	if (r < 0)
		return r;
	if (window_size(args, &size) && ioctl(master, TIOCSWINSZ, &size) < 0)
		return -errno;
	if ((args->uid || args->gid) && fchown(walk->terminal, args->uid, (gid_t)-1) < 0)
		return -errno;
	if (args->console && (r = bind_console(walk)) < 0)
		return r;
	return fd_send(walk->sock, &(uint32_t){ WALK_TERMINAL }, sizeof(uint32_t), master);
}

const struct step_kind dev_step = { .name = "dev", .say = dev_say, .apply = dev_apply };
const struct step_kind device_step = {
	.name = "device",
	.say = device_say,
	.open = device_open,
	.apply = device_apply,
};
const struct step_kind link_step = { .name = "link", .say = link_say, .apply = link_apply };
const struct step_kind terminal_step = { .name = "terminal", .say = terminal_say, .apply = terminal_apply };
