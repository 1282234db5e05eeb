/* namespaces/overlay.c: a root made of layers that others share: overlayfs over directories that are held open.
 *
 * It is made as a detached mount and attached in the container's mount namespace alone, so the host never sees it, and a
 * husk that is killed leaves none behind. Layers are named by descriptors (/proc/self/fd/N), never by paths: what was
 * checked is what is mounted. Layers come from strangers, so what overlayfs would believe of their attributes is off:
 * redirects and metadata-only copies [overlayfs.rst, Redirect_dir, Metadata only copy up; CVE-2023-0386's kin]. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/syscalls.h"
#include "base/text.h"
#include "namespaces/namespaces_internal.h"

enum { PATH_BY_FD_MAX = 32, FSCONFIG_MAX = 256, LAYERS_MAX = 500 /* OVL_MAX_STACK */ };
enum { LAYERS_AT_ONCE = 1 };

/* An overlay that is being made. */
struct making {
	const struct root_overlay *overlay;
	int user_namespace; /* borrowed: whose ids the layers get; -1 = they keep their own */
	bool with_upper;
	bool elsewhere; /* in another mount namespace than the descriptors were opened in: see open_elsewhere() */
	/* Layers as they are mounted; a clone is gone with its descriptor, so they stay open until the overlay holds them. */
	int layers[LAYERS_MAX];
	size_t count;
};

/* Why the kernel refuses, it says to who reads the context [fsopen(2)]. */
static int refuse(int fs, int code, const char *what, struct error *err)
{
	char words[256];
	ssize_t n = read(fs, words, sizeof(words) - 1);
	const char *line = words;

	if (n <= 0)
		return error_sys(err, code, "%s", what);
	words[n] = '\0';
	words[strcspn(words, "\n")] = '\0';
	line += text_starts_with(words, "e ") ? 2 : 0;
	return error_sys(err, code, "%s: %s", what, line);
}

static int set(int fs, const char *key, const char *value)
{
	unsigned command = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

	return fsconfig(fs, command, key, value, 0) < 0 ? -errno : 0;
}

static int set_dir(int fs, const char *key, int dir)
{
	char path[PATH_BY_FD_MAX];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	return set(fs, key, path);
}

/* The same folder in our own mount namespace: of mounts of another one no overlay can be made. Looked up by the path that the
 * kernel knows for it, and it must be the same. */
static int reopen(int dir)
{
	cleanup_close int fd = -1;
	char path[PATH_MAX];
	struct stat here, there;
	int r = path_of_fd(dir, path, sizeof(path));

	if (r < 0)
		return r;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &here) < 0 || fstat(dir, &there) < 0)
		return -errno;
	return here.st_ino == there.st_ino && here.st_dev == there.st_dev ? fd_take(&fd) : -ESTALE;
}

/* ---- lower layers ---- */

/* A clone of the layer whose ids are those of the container's user namespace. */
static int map_layer(const struct making *making, int layer, struct error *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)making->user_namespace };
	cleanup_close int tree = open_tree(layer, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return error_sys(err, errno, "map the ids of a layer");
	if (making->elsewhere && move_mount(tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_sys(err, errno, "attach a layer");
	return fd_take(&tree);
}

static int open_layer(const struct making *making, int layer, struct error *err)
{
	cleanup_close int fd = making->elsewhere ? reopen(layer) : fcntl(layer, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return error_sys(err, making->elsewhere ? fd : errno, "open a layer");
	return making->user_namespace < 0 ? fd_take(&fd) : map_layer(making, fd, err);
}

/* All in one value, as kernels before 6.5 have it, and fsconfig(2) takes no more than 255 bytes: so by their numbers, from
 * the folder of our descriptors. */
static int set_layers_at_once(int fs, const int *layers, size_t count, struct error *err)
{
	cleanup_close int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char list[FSCONFIG_MAX];
	struct text text;
	int r;

	text_init(&text, list, sizeof(list));
	for (size_t i = 0; i < count; i++)
		text_add(&text, "%s%d", i ? ":" : "", layers[i]);
	if (text.cut)
		return error_bad(err, E2BIG, "an image of %zu layers needs Linux 6.5 or newer", count);
	if (before < 0 || chdir("/proc/self/fd") < 0)
		return error_sys(err, errno, "enter /proc/self/fd");
	r = set(fs, "lowerdir", list);
	if (fchdir(before) < 0)
		return error_sys(err, errno, "return to the working directory");
	return r < 0 ? refuse(fs, r, "name the layers of the root", err) : 0;
}

static int add_layer(int fs, struct making *making, struct error *err)
{
	size_t i = making->count;
	int layer = open_layer(making, making->overlay->layers[i], err), r;

	if (layer < 0)
		return layer;
	making->layers[making->count++] = layer;
	r = set_dir(fs, "lowerdir+", layer); /* [overlayfs.rst, Linux 6.5] */
	if (r == -EINVAL && i == 0)
		return LAYERS_AT_ONCE;
	return r < 0 ? refuse(fs, r, "add a layer to the root", err) : 0;
}

static int set_layers(int fs, struct making *making, struct error *err)
{
	const struct root_overlay *overlay = making->overlay;
	int r = 0;

	if (overlay->layer_count > LAYERS_MAX)
		return error_bad(err, E2BIG, "an overlay has at most %d layers", LAYERS_MAX);
	while (r == 0 && making->count < overlay->layer_count)
		r = add_layer(fs, making, err);
	if (r != LAYERS_AT_ONCE)
		return r;
	while (making->count < overlay->layer_count) {
		int layer = open_layer(making, overlay->layers[making->count], err);
		if (layer < 0)
			return layer;
		making->layers[making->count++] = layer;
	}
	return set_layers_at_once(fs, making->layers, making->count, err);
}

/* ---- the mount ---- */

static int set_upper(int fs, const struct making *making, struct error *err)
{
	static const char what[] = "lay the container's own folder over its layers";
	cleanup_close int own = making->elsewhere ? reopen(making->overlay->folder) : -1;
	int folder = making->elsewhere ? own : making->overlay->folder;
	cleanup_close int upper = openat(folder, "upper", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int work = openat(folder, "work", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (upper < 0 || work < 0)
		return error_sys(err, errno, "open the container's upper and work");
	r = set_dir(fs, "upperdir", upper);
	if (r == 0)
		r = set_dir(fs, "workdir", work);
	if (r == 0 && making->overlay->is_volatile)
		r = set(fs, "volatile", NULL); /* [Linux 5.10] */
	return r < 0 ? refuse(fs, r, what, err) : 0;
}

/* nodev: the nodes of an image, or of whoever made it, are none of the container's devices; those are in its /dev. */
static int make(int fs, struct error *err)
{
	int r = set(fs, "index", "off");
	int tree;

	if (r == 0)
		r = set(fs, "metacopy", "off");
	if (r == 0)
		r = set(fs, "redirect_dir", "nofollow");
	if (r == 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		r = -errno;
	if (r < 0)
		return refuse(fs, r, "make the overlay of the root", err);
	tree = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
	return tree < 0 ? error_sys(err, errno, "mount the overlay of the root") : tree;
}

static int configure(int fs, struct making *making, struct error *err)
{
	int r = set(fs, "source", "husk");

	if (r == 0 && making->overlay->unprivileged)
		r = set(fs, "userxattr", NULL); /* [Linux 5.11] */
	if (r < 0)
		return refuse(fs, r, "set up the overlay of the root", err);
	r = set_layers(fs, making, err);
	if (r == 0 && making->with_upper)
		r = set_upper(fs, making, err);
	return r < 0 ? r : make(fs, err);
}

static int open_overlay(struct making *making, struct error *err)
{
	cleanup_close int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	int r;

	if (fs < 0) {
		(void)error_sys(err, errno, "open the file system overlay");
		return error_hint(err,
			err->code == -ENODEV ? "this kernel has none: modprobe overlay"
					     : "mounting needs CAP_SYS_ADMIN: run husk as root");
	}
	r = configure(fs, making, err);
	while (making->count > 0)
		fd_closep(&making->layers[--making->count]);
	return r;
}

/* ---- in a mount namespace of its own ---- */

struct answer {
	int code;
	char what[sizeof(((struct error *)NULL)->what)];
};

static _Noreturn void answer_with_overlay(struct making *making, int out)
{
	struct mount_attr attr = { .propagation = MS_PRIVATE };
	struct answer answer = { 0 };
	struct error err = { 0 };
	int fd = -1;

	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		answer.code = error_sys(&err, errno, "make / private");
	else
		answer.code = fd = open_overlay(making, &err);
	(void)snprintf(answer.what, sizeof(answer.what), "%s", err.what);
	(void)fd_send(out, &answer, sizeof(answer), fd < 0 ? -1 : fd);
	_exit(0);
}

/* Kernels before 6.15 make no overlay of mounts that are attached nowhere, as those with mapped ids are; and without
 * privileges mounts are made in a user namespace. So a child attaches them where only it can see them, and hands the overlay
 * over, which holds on to its layers when that namespace is gone. `flags`: of the child's namespaces. */
static int open_elsewhere(struct making *making, uint64_t flags, struct error *err)
{
	struct clone_args clone = { .flags = flags, .exit_signal = SIGCHLD };
	struct answer answer = { .code = -EIO, .what = "make the overlay of the root in a namespace" };
	int socks[2], fd = -1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks) < 0)
		return error_sys(err, errno, "make a pair of sockets");
	cleanup_close int in = socks[0], out = socks[1];
	making->elsewhere = true;
	pid = (pid_t)sys_clone3(&clone);
	if (pid == 0)
		answer_with_overlay(making, out);
	if (pid < 0)
		return error_sys(err, errno, "make a namespace for the overlay of the root");
	fd_closep(&out);
	(void)fd_receive(in, &answer, sizeof(answer), &fd);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd < 0 ? error_sys(err, answer.code, "%s", answer.what) : fd;
}

int overlay_open_layers(const struct root_overlay *overlay, struct error *err)
{
	struct making making = { .overlay = overlay, .user_namespace = -1 };

	if (overlay->layer_count == 1) /* an overlay without an upper has at least two layers */
		return fcntl(overlay->layers[0], F_DUPFD_CLOEXEC, 3);
	return overlay->unprivileged ? open_elsewhere(&making, CLONE_NEWUSER | CLONE_NEWNS, err)
				     : open_overlay(&making, err);
}

/* ---- as a step ---- */

static void overlay_say(const struct step *step, struct text *text)
{
	const struct root_args *args = step->args;

	text_add(text, "take %zu layer%s under a folder of the container's own as the root%s",
		args->overlay->layer_count, args->overlay->layer_count == 1 ? "" : "s",
		args->overlay->is_volatile ? " (volatile)" : "");
}

static int overlay_open(struct step *step, struct error *err)
{
	const struct root_args *args = step->args;
	struct making making = {
		.overlay = args->overlay,
		.user_namespace = args->idmap ? args->idmap->fd : -1,
		.with_upper = true,
		.elsewhere = args->overlay->unprivileged, /* where the child opens, it is in its namespaces already */
	};

	step->fd = open_overlay(&making, err);
	if (step->fd == -EINVAL && args->idmap)
		step->fd = open_elsewhere(&making, CLONE_NEWNS, err);
	if (step->fd == -EINVAL && args->idmap)
		return error_hint(err, "this kernel makes no overlay of layers with mapped ids: Linux 6.15 does");
	return step->fd < 0 ? step->fd : 0;
}

const struct step_kind overlay_step = {
	.name = "root",
	.say = overlay_say,
	.open = overlay_open,
	.apply = root_apply,
};
