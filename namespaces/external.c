/* namespaces/external.c: what of the view comes from the host, for whoever saves a container and makes it again.
 *
 * CRIU makes mounts anew from what it saved of them; one that shows something of the host's it must be given. Which these
 * are, the steps of the plan know: the same steps that made them. Pure, but for the targets step. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/step.h"
#include "base/text.h"
#include "namespaces/namespaces_internal.h"

static bool describe(const struct step *step, struct view_external *ret)
{
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

size_t view_externals(const struct steps *steps, struct arena *arena, struct view_external **ret)
{
	size_t count = 0;

	*ret = ARENA_ARRAY(arena, steps->count, struct view_external);
	for (size_t i = 0; i < steps->count; i++)
		if (describe(&steps->items[i], &(*ret)[count]))
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

void view_root_steps(struct steps *all, size_t root, struct steps *steps)
{
	const struct step *own = &all->items[root];
	struct step *copy = steps_add(steps, own->kind, own->origin, own->args);

	copy->fd = own->fd; /* still of `all`: these steps are never closed */
	steps_add(steps, &targets_step, NULL, all);
}
