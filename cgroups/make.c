/* cgroups/make.c: from a plan to a cgroup that limits. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "cgroups/cgroups_internal.h"

enum { LIST_MAX = 512, MAKE_ATTEMPTS = 16 };

/* What husk reads for its own accounting; a host without is no reason to fail. */
static const char *const accounted[] = { "cpu", "io", "memory", "pids" };

bool cgroup_list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len)
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

static void read_list(int dir, const char *file, char list[LIST_MAX])
{
	if (file_read_small_at(dir, file, list, LIST_MAX) < 0)
		list[0] = '\0';
}

/* ---- what the host has ---- */

static int no_controller(const struct cgroup_value *value, const struct cgroup_host *host, struct error *err)
{
	const char *name = value->controller;
	char mount[128];
	struct stat st;

	(void)error_bad(err, ENOTSUP, "cgroup v2 has no %s controller here", name);
	(void)snprintf(mount, sizeof(mount), "/sys/fs/cgroup/%s", name);
	if (host->root < 0)
		(void)error_hint(err, "mount it: mount -t cgroup2 cgroup2 /sys/fs/cgroup");
	else if (stat(mount, &st) == 0) /* where v1 mounts it; on v2 there is no such folder unless someone made one */
		(void)error_hint(err,
			"it is on cgroup v1; boot with systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=%s, or leave"
			" this limit out",
			name);
	else
		(void)error_hint(err, "the kernel was built or booted without it; leave this limit out");
	return error_at(err, "%s", value->origin);
}

/* A value that is what happens without its file is what happens without its controller, too. */
static bool needs_controller(const struct cgroup_value *value)
{
	return value->controller && !value->may_lack;
}

int cgroup_check_host(const struct cgroup_host *host, const struct cgroup_plan *plan, struct error *err)
{
	char list[LIST_MAX] = "";

	if (host->root >= 0)
		read_list(host->root, "cgroup.controllers", list);
	for (size_t i = 0; i < plan->value_count; i++)
		if (needs_controller(&plan->values[i]) && !cgroup_list_has(list, plan->values[i].controller))
			return no_controller(&plan->values[i], host, err);
	if (host->root < 0 && plan->device_program_must) {
		(void)error_bad(err, ENOTSUP, "device rules need cgroup v2, which is not mounted here");
		(void)error_hint(err, "mount it: mount -t cgroup2 cgroup2 /sys/fs/cgroup");
		return error_at(err, "linux.resources.devices");
	}
	return 0;
}

/* ---- controllers, top-down ---- */

static bool is_needed(const struct cgroup_plan *plan, const char *controller)
{
	for (size_t i = 0; i < plan->value_count; i++)
		if (needs_controller(&plan->values[i]) && strcmp(plan->values[i].controller, controller) == 0)
			return true;
	return false;
}

static int cannot_enable(const char *controller, int code, int dir, struct error *err)
{
	char where[PATH_MAX] = "its parent";

	(void)path_of_fd(dir, where, sizeof(where));
	(void)error_sys(err, code, "enable the %s controller for the children of %s", controller, where);
	if (code == -EBUSY || code == -EOPNOTSUPP)
		(void)error_hint(err, "a cgroup with processes of its own cannot have children with controllers");
	return code;
}

/* Makes the children of `dir` have a controller; each is written alone, so that one that fails takes no other along. */
static int enable(int dir, const char *enabled, const char *controller)
{
	char word[64];
	int len = snprintf(word, sizeof(word), "+%s", controller);

	if (cgroup_list_has(enabled, controller))
		return 0;
	return file_write_raw_at(dir, "cgroup.subtree_control", word, (size_t)len);
}

static int enable_all(int dir, const struct cgroup_plan *plan, struct error *err)
{
	char enabled[LIST_MAX], available[LIST_MAX];

	read_list(dir, "cgroup.subtree_control", enabled);
	read_list(dir, "cgroup.controllers", available);
	for (size_t i = 0; i < ARRAY_SIZE(accounted); i++)
		if (cgroup_list_has(available, accounted[i]) && !is_needed(plan, accounted[i]))
			(void)enable(dir, enabled, accounted[i]);
	for (size_t i = 0; i < plan->value_count; i++) {
		const char *controller = plan->values[i].controller;
		int r = needs_controller(&plan->values[i]) ? enable(dir, enabled, controller) : 0;
		if (r < 0)
			return cannot_enable(controller, r, dir, err);
	}
	return 0;
}

/* ---- making ---- */

int cgroup_open_path(const struct cgroup_host *host, const char *path)
{
	if (host->root < 0)
		return -ENOENT;
	return path_open_beneath(host->root, *path ? path : ".", O_PATH | O_DIRECTORY);
}

/* One that is used by others would be limited, frozen and killed together with the container. In a frozen one, or below
 * it, the container could not even be made. */
static int check_fit(int fd, const char *path, bool is_its_own, struct error *err)
{
	if (is_its_own && cgroup_is_populated(fd)) {
		(void)error_bad(err, EBUSY, "the cgroup %s has processes in it", path);
		return error_hint(err, "give the container a cgroup of its own by linux.cgroupsPath");
	}
	if (cgroup_keyed_value(fd, "cgroup.events", "frozen", 0)) {
		(void)error_bad(err, EBUSY, "the cgroup %s is frozen", path);
		return error_hint(err, "thaw it first: echo 0 to cgroup.freeze there, or further up");
	}
	return 0;
}

int cgroup_look(const struct cgroup_host *host, const char *path, unsigned *ret_existing, struct error *err)
{
	unsigned parts = cgroup_path_parts(path);
	char head[PATH_MAX];

	for (unsigned n = parts; n > 0; n--) {
		cleanup_close int fd = -1;
		int r = cgroup_path_head(path, n, head, sizeof(head));
		fd = r < 0 ? r : cgroup_open_path(host, head);
		if (fd >= 0) {
			*ret_existing = n;
			return check_fit(fd, head, n == parts, err);
		}
		if (fd != -ENOENT)
			return error_sys(err, fd, "open the cgroup %s", head);
	}
	*ret_existing = 0;
	return 0;
}

bool cgroup_may_make(const struct cgroup_host *host, const char *path)
{
	char head[PATH_MAX];

	for (unsigned n = cgroup_path_parts(path);; n--) {
		cleanup_close int fd = -1;
		if (cgroup_path_head(path, n, head, sizeof(head)) < 0)
			return false;
		fd = cgroup_open_path(host, head);
		if (fd >= 0)
			return faccessat(fd, ".", W_OK, AT_EACCESS) == 0;
		if (fd != -ENOENT || n == 0)
			return false;
	}
}

/* Goes down the path, making what is missing. -ENOENT: someone removed a part meanwhile. */
static int walk_down(const struct cgroup_host *host, const struct cgroup_plan *plan, int *ret_fd, struct error *err)
{
	cleanup_close int dir = openat(host->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[NAME_MAX + 1];

	for (const char *at = plan->path; *at;) {
		cleanup_close int next = -1;
		size_t len = strcspn(at, "/");
		int r = enable_all(dir, plan, err);
		if (r < 0)
			return r;
		if (len >= sizeof(name))
			return error_bad(err, ENAMETOOLONG, "a part of the cgroup path is too long");
		memcpy(name, at, len);
		name[len] = '\0';
		if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
			return error_sys(err, errno, "make the cgroup %s", plan->path);
		next = path_open_beneath(dir, name, O_PATH | O_DIRECTORY);
		if (next < 0)
			return error_sys(err, next, "open the cgroup %s", plan->path);
		fd_closep(&dir);
		dir = fd_take(&next);
		at += len + (at[len] == '/');
	}
	*ret_fd = fd_take(&dir);
	return 0;
}

/* Below a cgroup with processes of its own, one with a controller of threads (cpu, pids) can be made, but nothing can be
 * in it [cgroup-v2.rst, Threads]. */
static int check_type(const struct cgroup *cgroup, const char *path, struct error *err)
{
	char type[32];

	if (cgroup->existing == 0 || file_read_small_at(cgroup->fd, "cgroup.type", type, sizeof(type)) < 0 ||
		strcmp(type, "domain invalid") != 0)
		return 0;
	(void)error_bad(err, EBUSY, "the cgroup %s can hold no processes", path);
	return error_hint(err, "one above it has processes of its own");
}

int cgroup_make(
	const struct cgroup_host *host, const struct cgroup_plan *plan, struct cgroup *ret_cgroup, struct error *err)
{
	struct cgroup cgroup = { .fd = -1, .parts = cgroup_path_parts(plan->path) };
	int r = cgroup_look(host, plan->path, &cgroup.existing, err);

	for (int attempt = 0; r == 0 && cgroup.fd < 0; attempt++) {
		r = walk_down(host, plan, &cgroup.fd, err);
		if (r == -ENOENT && attempt < MAKE_ATTEMPTS)
			r = 0;
	}
	if (r == 0)
		r = check_type(&cgroup, plan->path, err);
	if (r < 0) {
		fd_closep(&cgroup.fd);
		(void)cgroup_remove(host, plan->path, cgroup.existing, NULL);
		return r;
	}
	*ret_cgroup = cgroup;
	return 0;
}

int cgroup_take(
	const struct cgroup_host *host, const struct cgroup_plan *plan, struct cgroup *ret_cgroup, struct error *err)
{
	unsigned parts = cgroup_path_parts(plan->path);

	*ret_cgroup = (struct cgroup){ .fd = -1, .existing = parts, .parts = parts };
	return walk_down(host, plan, &ret_cgroup->fd, err);
}

int cgroup_enter(const struct cgroup_host *host, const char *path, const char *name, pid_t pid,
	struct cgroup *ret_cgroup, struct error *err)
{
	cleanup_close int parent = cgroup_open_path(host, path), fd = -1;
	char number[16];
	int len = snprintf(number, sizeof(number), "%d", pid), r;

	if (parent < 0)
		return error_sys(err, parent, "open the cgroup %s", path);
	if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make the cgroup %s/%s", path, name);
	fd = path_open_beneath(parent, name, O_PATH | O_DIRECTORY);
	r = fd < 0 ? fd : file_write_raw_at(fd, "cgroup.procs", number, (size_t)len);
	if (r < 0)
		return error_sys(err, r, "move pid %d to the cgroup %s/%s", pid, path, name);
	*ret_cgroup = (struct cgroup){ .fd = fd_take(&fd) };
	return 0;
}

/* The path exists, so going down makes nothing. */
int cgroup_enable_controllers(const struct cgroup_host *host, const struct cgroup_plan *plan, struct error *err)
{
	cleanup_close int fd = -1;

	return walk_down(host, plan, &fd, err);
}

void cgroup_done(struct cgroup *cgroup)
{
	fd_closep(&cgroup->fd);
}

/* ---- delegation ---- */

static int give(int dir, const char *file, uid_t uid, struct error *err)
{
	if (fchownat(dir, file, uid, (gid_t)-1, *file ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH) < 0 && errno != ENOENT)
		return error_sys(err, errno, "give %s of the cgroup to uid %u", *file ? file : "the folder", uid);
	return 0;
}

int cgroup_delegate(const struct cgroup *cgroup, uid_t uid, struct error *err)
{
	static const char by_default[] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads";
	char files[LIST_MAX], *save = NULL;
	int r = give(cgroup->fd, "", uid, err);

	if (file_read_small_at(AT_FDCWD, "/sys/kernel/cgroup/delegate", files, sizeof(files)) <= 0)
		memcpy(files, by_default, sizeof(by_default));
	for (char *file = strtok_r(files, "\n", &save); r == 0 && file; file = strtok_r(NULL, "\n", &save))
		if (!strchr(file, '/'))
			r = give(cgroup->fd, file, uid, err);
	return r;
}

/* ---- values ---- */

static int write_value(int dir, const struct cgroup_value *value)
{
	const char *text = value->text;
	int r = file_write_raw_at(dir, value->file, text, strlen(text));

	/* absent, or there for other disks: a weight is for those that the scheduler bfq has */
	if ((r == -ENOENT || r == -EOPNOTSUPP) && value->fallback) {
		text = value->fallback_text ? value->fallback_text : value->text;
		r = file_write_raw_at(dir, value->fallback, text, strlen(text));
	}
	return r == -ENOENT && value->may_lack ? 0 : r;
}

int cgroup_write_value(int dir, const struct cgroup_value *value, struct error *err)
{
	int r = write_value(dir, value);

	if (r == 0)
		return 0;
	(void)error_sys(err, r, "write \"%s\" to %s", value->text, value->file);
	if (r == -ENOENT)
		(void)error_hint(err, "this kernel has no such cgroup file");
	if (r == -EOPNOTSUPP && value->fallback)
		(void)error_hint(err, "that disk has neither the scheduler bfq nor io.cost, which weights are for");
	if (r == -ENODEV && strncmp(value->file, "io.", 3) == 0)
		(void)error_hint(err, "there is no such block device, or it is a partition: name the whole disk");
	return error_at(err, "%s", value->origin);
}

int cgroup_write_values(const struct cgroup *cgroup, const struct cgroup_plan *plan, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->value_count; i++)
		r = cgroup_write_value(cgroup->fd, &plan->values[i], err);
	return r;
}
