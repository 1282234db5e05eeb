/* runtime/restored.c: see the header. */
#include "runtime/restored.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "cgroups/cgroups.h"
#include "runtime/plan.h"

enum { STATUS_MAX = 64 << 10, MOUNTINFO_MAX = 16 << 20 };

static int refuse(struct error *err, const char *what)
{
	(void)error_bad(err, EPERM, "refused: %s", what);
	return error_hint(err, "the checkpoint does not fit the config");
}

static int read_proc(const char *path, size_t max, struct arena *arena, char **ret, struct error *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? error_sys(err, errno, "open %s", path) : file_read_fd(fd, path, max, arena, ret, NULL, err);
}

/* ---- namespaces ---- */

static const struct {
	enum spec_namespace kind;
	const char *word;
	bool from_birth;
} kinds[] = {
	{ SPEC_NS_USER, "user", true },
	{ SPEC_NS_PID, "pid", true },
	{ SPEC_NS_IPC, "ipc", true },
	{ SPEC_NS_UTS, "uts", true },
	{ SPEC_NS_NETWORK, "net", false },
	{ SPEC_NS_MOUNT, "mnt", false },
	{ SPEC_NS_CGROUP, "cgroup", false },
};

static bool shares(const char *word, pid_t pid)
{
	char theirs[64], ours[64];
	struct stat here, there;

	(void)snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", pid, word);
	(void)snprintf(ours, sizeof(ours), "/proc/self/ns/%s", word);
	return stat(theirs, &there) < 0 || stat(ours, &here) < 0 || here.st_ino == there.st_ino;
}

static int check_namespaces(const struct plan *plan, pid_t pid, bool at_birth, struct error *err)
{
	const struct spec_namespace_request *asked = plan->spec->linux_.namespaces;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if ((!at_birth || kinds[i].from_birth) && asked[kinds[i].kind].given && !asked[kinds[i].kind].path &&
			shares(kinds[i].word, pid)) {
			(void)refuse(err, "it has no namespace of its own");
			return error_at(err, "linux.namespaces: %s", spec_namespace_names[kinds[i].kind]);
		}
	return 0;
}

int restored_check_namespaces(const struct plan *plan, pid_t pid, struct error *err)
{
	return check_namespaces(plan, pid, true, err);
}

/* The kernel's lines have other blanks than ours. */
static bool same_map(const char *left, const char *right)
{
	static const char blank[] = " \t\n";

	for (;;) {
		left += strspn(left, blank);
		right += strspn(right, blank);
		size_t len = strcspn(left, blank);
		if (len != strcspn(right, blank) || strncmp(left, right, len) != 0)
			return false;
		if (len == 0)
			return true;
		left += len;
		right += len;
	}
}

static int check_maps(const struct plan *plan, pid_t pid, struct arena *arena, struct error *err)
{
	const struct namespaces_plan *namespaces = &plan->namespaces;
	const struct {
		const char *file, *wanted;
	} maps[] = { { "uid_map", namespaces->uid_map }, { "gid_map", namespaces->gid_map } };

	for (size_t i = 0; namespaces->makes_user && i < ARRAY_SIZE(maps); i++) {
		char *map;
		int r = read_proc(arena_printf(arena, "/proc/%d/%s", pid, maps[i].file), STATUS_MAX, arena, &map, err);
		if (r < 0)
			return r;
		if (!same_map(map, maps[i].wanted ? maps[i].wanted : ""))
			return refuse(err, "its ids are mapped in another way");
	}
	return 0;
}

/* ---- rights ---- */

static uint64_t status_value(const char *status, const char *key, int base)
{
	const char *line = strstr(status, key);

	return line ? strtoull(line + strlen(key), NULL, base) : UINT64_MAX;
}

static int check_thread(const struct plan *plan, const char *path, struct arena *arena, struct error *err)
{
	static const char *const sets[] = { "\nCapInh:", "\nCapPrm:", "\nCapEff:", "\nCapBnd:", "\nCapAmb:" };
	const struct spec_capabilities *caps = &plan->process->capabilities;
	uint64_t allowed = caps->bounding | caps->effective | caps->inheritable | caps->permitted | caps->ambient;
	char *status;
	int r = read_proc(path, STATUS_MAX, arena, &status, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		if (status_value(status, sets[i], 16) & ~allowed)
			return refuse(err, "it has capabilities that the config does not give");
	if (plan->process->no_new_privileges && status_value(status, "\nNoNewPrivs:", 10) != 1)
		return refuse(err, "it may get new privileges");
	if (plan->seccomp && status_value(status, "\nSeccomp:", 10) != 2)
		return refuse(err, "it has no seccomp filter");
	return 0;
}

static int check_process(const struct plan *plan, pid_t pid, struct arena *arena, struct error *err)
{
	const char *path = arena_printf(arena, "/proc/%d/task", pid);
	DIR *threads = opendir(path);
	int r = 0;

	if (!threads)
		return errno == ENOENT ? 0 : error_sys(err, errno, "list %s", path);
	for (const struct dirent *entry; r == 0 && (entry = readdir(threads));)
		if (entry->d_name[0] != '.')
			r = check_thread(plan, arena_printf(arena, "%s/%s/status", path, entry->d_name), arena, err);
	(void)closedir(threads);
	return r;
}

/* CRIU is in the same cgroup, and neither in it by its namespaces nor restored. */
static bool is_of(pid_t pid, pid_t first, struct arena *arena)
{
	struct stat here, there;

	return stat(arena_printf(arena, "/proc/%d/ns/mnt", pid), &here) == 0 &&
		stat(arena_printf(arena, "/proc/%d/ns/mnt", first), &there) == 0 && here.st_ino == there.st_ino;
}

static int check_processes(
	const struct plan *plan, pid_t first, const char *cgroup, struct arena *arena, struct error *err)
{
	struct cgroup_host host;
	size_t count = 0;
	int *pids = NULL;
	int r = check_process(plan, first, arena, err);

	if (r < 0 || !cgroup)
		return r;
	r = cgroup_host_open(&host, err);
	if (r == 0)
		r = cgroup_pids(&host, cgroup, arena, &pids, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (is_of(pids[i], first, arena))
			r = check_process(plan, pids[i], arena, err);
	cgroup_host_done(&host);
	return r;
}

/* ---- mounts ---- */

/* The last mount on a path, which is the one that is seen: its options, and whether it hides what lies there
 * [proc_pid_mountinfo(5): 36 35 98:0 /root /place ro,noatime ...]. */
static bool find_mount(const char *mounts, const char *place, bool *ret_read_only, bool *ret_mask)
{
	bool found = false;

	for (const char *line = mounts; line && *line; line = strchr(line, '\n'), line += line ? 1 : 0) {
		char root[PATH_MAX], target[PATH_MAX], options[256];
		if (sscanf(line, "%*d %*d %*s %4095s %4095s %255s", root, target, options) != 3 ||
			strcmp(target, place) != 0)
			continue;
		found = true;
		*ret_read_only = text_starts_with(options, "ro") && (options[2] == ',' || !options[2]);
		*ret_mask = *ret_read_only || strcmp(root, "/null") == 0;
	}
	return found;
}

struct view {
	int root;
	const char *mounts;
};

/* Paths with blanks are escaped in the list; none that matters has some. */
static int check_place(const struct view *view, const char *path, bool mask, bool must_be_mount, struct error *err)
{
	cleanup_close int fd = path_open_in_root(view->root, path, O_PATH);
	char place[PATH_MAX];
	bool read_only = false, hidden = false;

	if (fd < 0)
		return 0; /* it was passed over at create, too */
	if (path_of_fd(fd, place, sizeof(place)) < 0)
		return 0;
	if (!find_mount(view->mounts, place, &read_only, &hidden))
		return must_be_mount ? error_bad(err, EPERM, "refused: %s is not closed", path) : 0;
	if (mask ? hidden : read_only)
		return 0;
	return error_bad(err, EPERM, mask ? "refused: %s can be read" : "refused: %s can be written", path);
}

static int check_mounts(const struct plan *plan, pid_t pid, struct arena *arena, struct error *err)
{
	const struct spec *spec = plan->spec;
	const struct spec_strings *masked = &spec->linux_.masked_paths, *closed = &spec->linux_.readonly_paths;
	const char *path = arena_printf(arena, "/proc/%d/root", pid);
	cleanup_close int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct view view = { .root = root };
	char *mounts;
	int r = root < 0 ? error_sys(err, errno, "open %s", path)
			 : read_proc(arena_printf(arena, "/proc/%d/mountinfo", pid), MOUNTINFO_MAX, arena, &mounts, err);

	if (r < 0)
		return r;
	view.mounts = mounts;
	for (size_t i = 0; r == 0 && i < masked->count; i++)
		r = check_place(&view, masked->items[i], true, true, err);
	for (size_t i = 0; r == 0 && i < closed->count; i++)
		r = check_place(&view, closed->items[i], false, true, err);
	for (size_t i = 0; r == 0 && i < spec->mount_count; i++)
		if (spec->mounts[i].read_only || (spec->mounts[i].attr_set & MOUNT_ATTR_RDONLY))
			r = check_place(&view, spec->mounts[i].destination, false, true, err);
	return r == 0 && spec->root_readonly ? check_place(&view, "/", false, true, err) : r;
}

int restored_check(const struct plan *plan, pid_t pid, const char *cgroup, struct arena *arena, struct error *err)
{
	int r = check_namespaces(plan, pid, false, err);

	if (r == 0)
		r = check_maps(plan, pid, arena, err);
	if (r == 0)
		r = check_processes(plan, pid, cgroup, arena, err);
	return r < 0 ? r : check_mounts(plan, pid, arena, err);
}
