/* namespaces/mount.c: one mount of the config.
 *
 * A mount is made detached, gets its flags while nobody can see it, and is attached last, to a descriptor that the
 * kernel resolved beneath the container's root; no path is looked up twice. Sources of binds are cloned by the parent
 * before the first mount of the container exists, so that no mount can redirect a later one's source.
 * [fsopen(2), open_tree(2), mount_setattr(2), move_mount(2); CVE-2021-30465] */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/syscalls.h"
#include "base/text.h"
#include "namespaces/namespaces_internal.h"

/* Words of mount(8) for flags of the superblock, as fsconfig(2) takes them. */
static const struct {
	unsigned long flag;
	const char *word;
} superblock_words[] = {
	{ MS_SYNCHRONOUS, "sync" },
	{ MS_DIRSYNC, "dirsync" },
	{ MS_LAZYTIME, "lazytime" },
	{ MS_MANDLOCK, "mand" },
	{ MS_I_VERSION, "iversion" },
	{ MS_SILENT, "silent" },
};

/* ---- the target ---- */

static int open_target(const struct mount_args *args, const struct walk *walk, bool is_file)
{
	const char *path = args->mount->destination;
	int fd;

	if (args->no_symlinks || args->mount->dest_nofollow) {
		fd = path_open_no_symlinks(walk->root, path, O_PATH);
		if (fd != -ENOENT)
			return fd;
	}
	return is_file ? path_make_file(walk->root, path, 0755) : path_make_dir(walk->root, path, 0755);
}

/* An image's /etc/resolv.conf is often a link to what a service would make at boot. Nothing is made through it; what is
 * ours lies on the link itself then, so whoever looks at the path sees that. */
static int open_dangling_link(const struct mount_args *args, const struct walk *walk)
{
	const char *name;
	cleanup_close int parent = path_open_parent(walk->root, args->mount->destination, &name);
	int fd = parent < 0 ? parent : openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 && parent >= 0 ? -errno : fd;
}

int mount_target(const struct mount_args *args, const struct walk *walk, bool is_file)
{
	cleanup_close int fd = open_target(args, walk, is_file);
	struct statfs fs;

	if (fd == -ELOOP && args->extra && is_file)
		fd = open_dangling_link(args, walk);
	if (fd < 0)
		return fd;
	if (!args->over_procfs && fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC)
		return STEP_ON_PROCFS; /* it would fake or unmask what the kernel says [CVE-2019-16884] */
	return fd_take(&fd);
}

/* ---- a new file system ---- */

/* "mode=755" from the directory that the tmpfs will hide, so that a plain tmpfs on /run looks like /run. */
static int inherit_mode(int fs, int target)
{
	struct stat st;
	char octal[5];

	if (fstat(target, &st) < 0)
		return -errno;
	for (int i = 0, shift = 9; i < 4; i++, shift -= 3)
		octal[i] = (char)('0' + ((st.st_mode >> shift) & 7));
	octal[4] = '\0';
	return fsconfig(fs, FSCONFIG_SET_STRING, "mode", octal, 0) < 0 ? -errno : 0;
}

/* One option. "key=value" is split in a copy, since the plan is read-only here. */
static int set_option(int fs, const char *option)
{
	const char *equals = strchr(option, '=');
	char key[64];
	size_t len;

	if (!equals)
		return fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0) < 0 ? -errno : 0;
	len = (size_t)(equals - option);
	if (len >= sizeof(key))
		return -EINVAL;
	memcpy(key, option, len);
	key[len] = '\0';
	return fsconfig(fs, FSCONFIG_SET_STRING, key, equals + 1, 0) < 0 ? -errno : 0;
}

static int set_superblock_flags(int fs, const struct mount_args *args)
{
	for (size_t i = 0; i < ARRAY_SIZE(superblock_words); i++)
		if (args->mount->sb_set & superblock_words[i].flag &&
			fsconfig(fs, FSCONFIG_SET_FLAG, superblock_words[i].word, NULL, 0) < 0)
			return -errno;
	if (args->superblock_ro && fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0)
		return -errno;
	return 0;
}

/* `hidden` is the directory whose mode a tmpfs takes over, or -1. */
static int configure(int fs, const struct mount_args *args, int hidden)
{
	const struct spec_mount *mount = args->mount;
	int r;

	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", args->source, 0) < 0)
		return -errno;
	if ((r = set_superblock_flags(fs, args)) < 0)
		return r;
	for (size_t i = 0; i < mount->data.count; i++)
		if ((r = set_option(fs, mount->data.items[i])) < 0)
			return r;
	if (hidden >= 0 && (r = inherit_mode(fs, hidden)) < 0)
		return r;
	if (args->context && (r = set_option(fs, args->context)) < 0)
		return r;
	return fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

/* Propagation and what is left of the attributes, on a tree that is not attached yet. */
static int dress(int tree, const struct mount_args *args, bool whole_tree_private)
{
	const struct spec_mount *mount = args->mount;
	struct mount_attr attr = { .propagation = MS_PRIVATE };

	if (mount->attr_set_tree || mount->attr_clear_tree) {
		struct mount_attr all = { .attr_set = mount->attr_set_tree, .attr_clr = mount->attr_clear_tree };
		if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &all, sizeof(all)) < 0)
			return -errno;
	}
	if (mount->propagation_count == 0 && whole_tree_private &&
		mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return -errno;
	for (size_t i = 0; i < mount->propagation_count; i++) {
		const struct spec_propagation_word *word = &mount->propagation[i];
		attr.propagation = propagation_flag(word->kind);
		if (mount_setattr(tree, "", AT_EMPTY_PATH | (word->recursive ? AT_RECURSIVE : 0), &attr, sizeof(attr)) <
			0)
			return -errno;
	}
	return 0;
}

static int attach(int tree, int target)
{
	return move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
}

static int mount_apply(const struct step *step, struct walk *walk)
{
	const struct mount_args *args = step->args;
	/* A directory that is made for a tmpfs says nothing about its mode: it stays 1777 [tmpfs(5)]. */
	cleanup_close int hidden =
		args->inherit_mode ? path_open_in_root(walk->root, args->mount->destination, O_PATH) : -1;
	cleanup_close int target = mount_target(args, walk, false);
	cleanup_close int fs = -1, tree = -1;
	int r;

	if (target < 0)
		return target;
	fs = fsopen(args->fs_type, FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	r = configure(fs, args, hidden);
	if (r < 0) {
		walk->fs_context = fd_take(&fs); /* its log goes into the report */
		return r;
	}
	tree = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)args->attr_set);
	if (tree < 0)
		return -errno;
	if (args->mount->tmpcopyup && (r = copy_up(target, tree)) < 0)
		return r;
	r = dress(tree, args, false);
	return r < 0 ? r : attach(tree, target);
}

/* ---- binds ---- */

/* A source that is a link can be made anew in the container instead of being followed here. */
static int read_link(struct mount_args *args, struct error *err)
{
	int r = path_read_link(args->source, args->link_target, PATH_MAX);

	if (r < 0 && r != -EINVAL) /* it is none */
		return error_sys(err, r, "look at the source %s", args->source);
	return 0;
}

static int map_ids(const struct mount_args *args, int tree, struct error *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)args->idmap->fd };
	unsigned flags = AT_EMPTY_PATH | (args->mount->idmap == SPEC_IDMAP_TREE ? AT_RECURSIVE : 0);

	if (mount_setattr(tree, "", flags, &attr, sizeof(attr)) == 0)
		return 0;
	(void)error_sys(err, errno, "map the ids of the source %s", args->source);
	return err->code == -EINVAL ? error_hint(err, "its file system cannot be id-mapped by this kernel") : err->code;
}

static int bind_open(struct step *step, struct error *err)
{
	struct mount_args *args = step->args;
	const struct spec_mount *mount = args->mount;
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (mount->bind_recursive ? AT_RECURSIVE : 0) |
		(mount->src_nofollow ? AT_SYMLINK_NOFOLLOW : 0);
	struct stat st;
	int r;

	if (args->link_target && (r = read_link(args, err)) < 0)
		return r;
	if (args->link_target && *args->link_target)
		return 0;
	step->fd = open_tree(AT_FDCWD, args->source, flags);
	if (step->fd < 0) {
		(void)error_sys(err, errno, "open the source %s", args->source);
		return err->code == -EINVAL && !mount->bind_recursive
			? error_hint(err, "in a user namespace what is mounted below it comes along: use rbind")
			: err->code;
	}
	if (fstat(step->fd, &st) < 0)
		return error_sys(err, errno, "look at the source %s", args->source);
	args->source_is_file = !S_ISDIR(st.st_mode);
	return args->idmap ? map_ids(args, step->fd, err) : 0;
}

static int make_link(const struct mount_args *args, const struct walk *walk)
{
	const char *name;
	cleanup_close int parent = path_open_parent(walk->root, args->mount->destination, &name);

	if (parent < 0)
		return parent;
	return symlinkat(args->link_target, parent, name) < 0 ? -errno : 0;
}

/* A folder that has been empty until now takes what it is about to hide; one that holds something keeps that. */
static int fill_folder(int tree, int target)
{
	cleanup_close int dir = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_Alignas(8) char entries[512];
	struct stat st;
	long n;

	if (dir < 0)
		return -errno;
	n = syscall(SYS_getdents64, dir, entries, sizeof(entries));
	if (n < 0 || n > 48) /* "." and ".." take 24 bytes each [getdents64(2)] */
		return n < 0 ? -errno : 0;
	if (fstat(target, &st) < 0 || fchmod(dir, st.st_mode & 07777) < 0)
		return -errno;
	return copy_up(target, tree);
}

static int bind_apply(const struct step *step, struct walk *walk)
{
	const struct mount_args *args = step->args;
	struct mount_attr attr = { .attr_set = args->attr_set, .attr_clr = args->attr_clear };
	cleanup_close int target = -1;
	int r;

	if (args->link_target && *args->link_target)
		return make_link(args, walk);
	target = mount_target(args, walk, args->source_is_file);
	if (target < 0)
		return target;
	if (args->mount->tmpcopyup && !args->source_is_file && (r = fill_folder(step->fd, target)) < 0)
		return r;
	if ((attr.attr_set || attr.attr_clr) && mount_setattr(step->fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	r = dress(step->fd, args, true);
	return r < 0 ? r : attach(step->fd, target);
}

/* ---- of the runtime's own ---- */

static int extra_open(struct step *step, struct error *err)
{
	const struct mount_args *args = step->args;

	return args->source ? bind_open(step, err) : 0;
}

void view_set_extra_source(struct step *step, const char *path)
{
	struct mount_args *args = step->args;

	args->source = path;
}

/* ---- remount: other flags for what is mounted there already ---- */

static int remount_apply(const struct step *step, struct walk *walk)
{
	const struct mount_args *args = step->args;
	struct mount_attr attr = { .attr_set = args->attr_set, .attr_clr = args->attr_clear };
	cleanup_close int target = path_open_in_root(walk->root, args->mount->destination, O_PATH);

	if (target < 0)
		return target;
	if (mount_setattr(target, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	return dress(target, args, false);
}

/* ---- words ---- */

static void say_options(const struct mount_args *args, struct text *text)
{
	const struct spec_mount *mount = args->mount;
	char attrs[256];

	word_mount_attrs(args->attr_set, args->attr_clear, attrs, sizeof(attrs));
	if (!*attrs && mount->data.count == 0)
		return;
	text_add(text, " (%s", attrs);
	for (size_t i = 0; i < mount->data.count; i++)
		text_add(text, "%s%s", i || *attrs ? "," : "", mount->data.items[i]);
	text_add(text, ")");
}

static void mount_say(const struct step *step, struct text *text)
{
	const struct mount_args *args = step->args;

	text_add(text, "mount %s on %s", args->fs_type, args->mount->destination);
	say_options(args, text);
}

static void bind_say(const struct step *step, struct text *text)
{
	const struct mount_args *args = step->args;

	text_add(text, "bind %s%s on %s", args->extra ? args->extra : args->source,
		args->mount->bind_recursive ? " and what is below" : "", args->mount->destination);
	say_options(args, text);
}

static void remount_say(const struct step *step, struct text *text)
{
	const struct mount_args *args = step->args;

	text_add(text, "change the flags of %s", args->mount->destination);
	say_options(args, text);
}

const struct step_kind mount_step = { .name = "mount", .say = mount_say, .apply = mount_apply };
const struct step_kind bind_step = { .name = "bind", .say = bind_say, .open = bind_open, .apply = bind_apply };
const struct step_kind extra_step = { .name = "bind", .say = bind_say, .open = extra_open, .apply = bind_apply };
const struct step_kind remount_step = { .name = "remount", .say = remount_say, .apply = remount_apply };
