/* namespaces/external.c: what of the view comes from the host, for whoever saves a container and makes it again.
 *
 * CRIU makes mounts anew from what it saved of them; one that shows something of the host's it must be given. Which these
 * are, the steps of the plan know: the same steps that made them. Pure, but for the targets step. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/step.h"
#include "base/text.h"
#include "namespaces/namespaces_internal.h"

/* A user namespace may mount cgroup2 only where it owns the cgroup namespace, and the one of a restored container is made
 * before it: so it is given a mount, too. */
#define CGROUP_VIEW "/sys/fs/cgroup"

static bool mounts_cgroups(const struct step *step)
{
	const struct mount_args *args = step->kind == &mount_step ? step->args : NULL;

	return args && strcmp(args->fs_type, "cgroup2") == 0;
}

static bool describe(const struct step *step, bool user_namespace, struct view_external *ret)
{
	if (user_namespace && mounts_cgroups(step)) {
		const struct mount_args *args = step->args;
		*ret = (struct view_external){ .target = args->mount->destination, .source = CGROUP_VIEW };
		return true;
	}
	if (step->kind == &bind_step || step->kind == &extra_step) {
		const struct mount_args *args = step->args;
		*ret = (struct view_external){ .target = args->mount->destination, .source = args->source };
		return true;
	}
	if (step->kind == &mask_step) {
		const struct path_args *args = step->args;
		*ret = (struct view_external){ .target = args->path, .source = "/dev/null", .is_mask = true };
		return true;
	}
	if (step->kind == &device_step) {
		const struct device_args *args = step->args;
		*ret = (struct view_external){ .target = args->device->path, .source = args->device->path };
		return args->by_bind;
	}
	return false;
}

size_t view_externals(
	const struct steps *steps, bool user_namespace, struct arena *arena, struct view_external **ret)
{
	size_t count = 0;

	*ret = ARENA_ARRAY(arena, steps->count, struct view_external);
	for (size_t i = 0; i < steps->count; i++)
		if (describe(&steps->items[i], user_namespace, &(*ret)[count]))
			count++;
	return count;
}

/* ---- a root for CRIU ---- */

static void targets_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "make the places of mounts in the root");
}

static const struct mount_args *mount_of(const struct step *step)
{
	bool mounts = step->kind == &mount_step || step->kind == &bind_step || step->kind == &extra_step;

	return mounts ? step->args : NULL;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	while (len > 0 && dir[len - 1] == '/')
		len--;
	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* What lies on another mount is made with that. */
static bool lies_on_the_root(const struct steps *steps, size_t at)
{
	const char *path = mount_of(&steps->items[at])->mount->destination;

	for (size_t i = 0; i < at; i++) {
		const struct mount_args *below = mount_of(&steps->items[i]);
		if (below && is_below(path, below->mount->destination))
			return false;
	}
	return true;
}

/* A checkpoint comes with a root of its own, in which nobody has made them yet. */
static int targets_apply(const struct step *step, struct walk *walk)
{
	const struct steps *steps = step->args;

	for (size_t i = 0; i < steps->count; i++) {
		const struct mount_args *args = mount_of(&steps->items[i]);
		if (!args || !lies_on_the_root(steps, i))
			continue;
		cleanup_close int target = mount_target(args, walk, args->source_is_file);
		if (target < 0)
			return target;
	}
	return 0;
}

static const struct step_kind targets_step = {
	.name = "targets",
	.say = targets_say,
	.apply = targets_apply,
};

static void cgroup_view_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "mount the cgroups of the new cgroup namespace on " CGROUP_VIEW);
}

static int cgroup_view_apply(const struct step *step, struct walk *walk)
{
	cleanup_close int fs = fsopen("cgroup2", FSOPEN_CLOEXEC);
	cleanup_close int tree = -1;

	(void)step, (void)walk;
	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	tree = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (tree < 0)
		return -errno;
	return move_mount(tree, "", AT_FDCWD, CGROUP_VIEW, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

static const struct step_kind cgroup_view_step = {
	.name = "cgroup-view",
	.say = cgroup_view_say,
	.apply = cgroup_view_apply,
};

void view_root_steps(struct steps *all, size_t root, bool user_namespace, struct steps *steps)
{
	bool needs_cgroups = false;
	const struct step *own = &all->items[root];
	struct step *copy = steps_add(steps, own->kind, own->origin, own->args);

	copy->fd = own->fd; /* still of `all`: these steps are never closed */
	steps_add(steps, &targets_step, NULL, all);
	for (size_t i = 0; i < all->count; i++)
		needs_cgroups = needs_cgroups || (user_namespace && mounts_cgroups(&all->items[i]));
	if (needs_cgroups)
		steps_add(steps, &cgroup_view_step, NULL, NULL);
}
