/* namespaces/idmap.c: the ids of a new user namespace, and of mounts.
 *
 * The maps are written by the parent, through the host's /proc, while the init waits for them (base/userns.h). The pid cannot
 * have been recycled: the init is our own child and nobody has waited for it. [user_namespaces(7)] */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "base/userns.h"
#include "namespaces/namespaces.h"
#include "namespaces/namespaces_internal.h"

static_assert((int)SPEC_MAX_ID_MAPPINGS == (int)USERNS_EXTENTS_MAX, "a map of a config does not fit");

static int write_maps(const char *uid_map, const char *gid_map, pid_t pid, struct error *err)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d", pid);
	cleanup_close int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return error_sys(err, errno, "open %s", path);
	if (uid_map && userns_write_uid_map(proc, pid, uid_map, err) < 0)
		return error_at(err, "linux.uidMappings");
	if (gid_map && userns_write_gid_map(proc, pid, gid_map, err) < 0)
		return error_at(err, "linux.gidMappings");
	return 0;
}

bool namespaces_ids_mapped(void)
{
	static const char all[] = "         0          0 4294967295";
	static int answer = -1;
	char map[256];

	if (answer < 0)
		answer = file_read_small_at(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) >= 0 &&
			strcmp(map, all) != 0;
	return answer > 0;
}

int namespaces_write_maps(const struct namespaces_plan *plan, pid_t pid, struct error *err)
{
	return write_maps(plan->uid_map, plan->gid_map, pid, err);
}

/* ---- maps for mounts ---- */

static int write_args(const void *data, pid_t pid, struct error *err)
{
	const struct idmap_args *args = data;

	return write_maps(args->uid_map, args->gid_map, pid, err);
}

static int idmap_open(struct step *step, struct error *err)
{
	struct idmap_args *args = step->args;

	if (args->path) {
		step->fd = open(args->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (step->fd < 0)
			return error_sys(err, errno, "open %s", args->path);
	} else {
		int fd = userns_make(write_args, args, err);
		if (fd < 0)
			return fd;
		step->fd = fd;
	}
	args->fd = step->fd;
	return 0;
}

static void idmap_say(const struct step *step, struct text *text)
{
	const struct idmap_args *args = step->args;

	text_add(text, "take the id maps of ");
	if (args->path)
		text_add(text, "%s", args->path);
	else
		text_add(text, "uids %.*s...", (int)strcspn(args->uid_map, "\n"), args->uid_map);
	text_add(text, " for mounts");
}

static int idmap_apply(const struct step *step, struct walk *walk)
{
	(void)step, (void)walk; /* the parent has used it */
	return 0;
}

const struct step_kind idmap_step = {
	.name = "id-map",
	.say = idmap_say,
	.open = idmap_open,
	.apply = idmap_apply,
};
