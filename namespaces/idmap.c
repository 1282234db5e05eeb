/* namespaces/idmap.c: the ids of a new user namespace.
 *
 * The maps are written by the parent, through the host's /proc, while the init waits for them. The pid cannot have been
 * recycled: the init is our own child and nobody has waited for it. [user_namespaces(7)] */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "namespaces/namespaces.h"

static int write_map(int proc, const char *file, const char *map, const char *origin, struct error *err)
{
	int r = file_write_raw_at(proc, file, map, strlen(map));

	if (r >= 0)
		return 0;
	error_sys(err, r, "write %s", file);
	if (r == -EPERM)
		error_hint(err, "an id outside those that the caller may map");
	return error_at(err, "%s", origin);
}

int namespaces_write_maps(const struct namespaces_plan *plan, pid_t pid, struct error *err)
{
	char path[32];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d", pid);
	cleanup_close int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return error_sys(err, errno, "open %s", path);
	if (geteuid() != 0 && (r = file_write_raw_at(proc, "setgroups", "deny", 4)) < 0)
		return error_sys(err, r, "deny setgroups"); /* or gid_map is refused [CVE-2014-8989] */
	if (plan->uid_map && (r = write_map(proc, "uid_map", plan->uid_map, "linux.uidMappings", err)) < 0)
		return r;
	if (plan->gid_map && (r = write_map(proc, "gid_map", plan->gid_map, "linux.gidMappings", err)) < 0)
		return r;
	return 0;
}
