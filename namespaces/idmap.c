/* namespaces/idmap.c: the ids of a new user namespace.
 *
 * The maps are written by the parent, through the host's /proc, while the init waits for them. The pid cannot have been
 * recycled: the init is our own child and nobody has waited for it. [user_namespaces(7)] */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/syscalls.h"
#include "base/text.h"
#include "namespaces/namespaces.h"
#include "namespaces/namespaces_internal.h"

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

/* Whether it maps nothing but the one id of its own that everybody may map. */
static bool is_own_id(const char *map, unsigned id)
{
	unsigned inside, outside, count;
	int end = 0;

	/* NOLINTNEXTLINE(cert-err34-c): a text of ours */
	return sscanf(map, "%u %u %u\n%n", &inside, &outside, &count, &end) == 3 && !map[end] && outside == id &&
		count == 1;
}

static int write_uid_map(int proc, const char *map, pid_t pid, struct error *err)
{
	int r;

	if (geteuid() == 0 || is_own_id(map, geteuid()))
		return write_map(proc, "uid_map", map, "linux.uidMappings", err);
	r = new_id_map("newuidmap", "/etc/subuid", map, pid, err);
	return r < 0 ? error_at(err, "linux.uidMappings") : 0;
}

static int write_gid_map(int proc, const char *map, pid_t pid, struct error *err)
{
	bool own = is_own_id(map, getegid());
	int r = 0;

	if (geteuid() == 0)
		return write_map(proc, "gid_map", map, "linux.gidMappings", err);
	if (!own) {
		r = new_id_map("newgidmap", "/etc/subgid", map, pid, err);
		return r < 0 ? error_at(err, "linux.gidMappings") : 0;
	}
	r = file_write_raw_at(proc, "setgroups", "deny", 4); /* or gid_map is refused [CVE-2014-8989] */
	return r < 0 ? error_sys(err, r, "deny setgroups") : write_map(proc, "gid_map", map, "linux.gidMappings", err);
}

static int write_maps(const char *uid_map, const char *gid_map, pid_t pid, struct error *err)
{
	char path[32];
	int r = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d", pid);
	cleanup_close int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return error_sys(err, errno, "open %s", path);
	if (uid_map)
		r = write_uid_map(proc, uid_map, pid, err);
	return r < 0 || !gid_map ? r : write_gid_map(proc, gid_map, pid, err);
}

int namespaces_write_maps(const struct namespaces_plan *plan, pid_t pid, struct error *err)
{
	return write_maps(plan->uid_map, plan->gid_map, pid, err);
}

/* ---- maps for mounts ---- */

/* A namespace needs a process to be made; it may end as soon as the namespace is held. */
static int make_namespace(const struct idmap_args *args, struct error *err)
{
	struct clone_args clone = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	cleanup_close int fd = -1;
	char path[64];
	pid_t pid = (pid_t)sys_clone3(&clone);
	int r;

	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
			for (;;)
				(void)pause();
		_exit(1);
	}
	if (pid < 0)
		return error_sys(err, errno, "make a user namespace for an id-mapped mount");
	r = write_maps(args->uid_map, args->gid_map, pid, err);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r == 0 && fd < 0)
		r = error_sys(err, errno, "open %s", path);
	(void)kill(pid, SIGKILL); /* our child, not yet waited for */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? r : fd_take(&fd);
}

static int idmap_open(struct step *step, struct error *err)
{
	struct idmap_args *args = step->args;

	if (args->path) {
		step->fd = open(args->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (step->fd < 0)
			return error_sys(err, errno, "open %s", args->path);
	} else {
		int fd = make_namespace(args, err);
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
