/* cgroups/control.c: what is done to a cgroup that runs, by its path, until it is gone. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "cgroups/cgroups_internal.h"

enum { EVENTS_MAX = 16384, REMOVE_ATTEMPTS = 200, REMOVE_PAUSE_NS = 5000000 };

int cgroup_open(const struct cgroup_host *host, const char *path, bool *ret_gone, struct error *err)
{
	int fd = cgroup_open_path(host, path);

	*ret_gone = fd == -ENOENT;
	if (fd >= 0 || *ret_gone)
		return fd;
	return error_sys(err, fd, "open the cgroup %s", path);
}

int cgroup_of_process(pid_t pid, struct arena *arena, const char **ret_path, struct error *err)
{
	char file[64], buf[EVENTS_MAX], *line;
	ssize_t len;

	(void)snprintf(file, sizeof(file), "/proc/%d/cgroup", pid);
	len = file_read_small_at(AT_FDCWD, file, buf, sizeof(buf));
	if (len < 0)
		return error_sys(err, (int)len, "read %s", file);
	line = strncmp(buf, "0::/", 4) == 0 ? buf : strstr(buf, "\n0::/");
	if (!line)
		return error_bad(err, ENOENT, "%s names no cgroup of version 2", file);
	line = strchr(line, '/') + 1;
	line[strcspn(line, "\n")] = '\0';
	*ret_path = arena_strdup(arena, line);
	return 0;
}

/* ---- events ---- */

uint64_t cgroup_keyed_value(int dir, const char *file, const char *key, uint64_t missing)
{
	char buf[EVENTS_MAX];
	size_t len = strlen(key);

	if (file_read_small_at(dir, file, buf, sizeof(buf)) < 0)
		return missing;
	for (const char *line = buf; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return strtoull(line + len + 1, NULL, 10);
	return missing;
}

bool cgroup_is_populated(int dir)
{
	return cgroup_keyed_value(dir, "cgroup.events", "populated", 0) != 0;
}

/* Waits until `key` of cgroup.events has the value; a vanished cgroup has every value. The kernel wakes pollers of the
 * file when it changes [cgroup-v2.rst, cgroup.events]. */
static int wait_for_event(int dir, const char *key, uint64_t value, unsigned timeout_ms)
{
	cleanup_close int events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	int64_t end = clock_ms() + timeout_ms, left = timeout_ms;

	if (events < 0)
		return errno == ENOENT || errno == ENODEV ? 0 : -errno;
	while (cgroup_keyed_value(dir, "cgroup.events", key, value) != value) {
		struct pollfd wait = { .fd = events, .events = POLLPRI };
		char drain[EVENTS_MAX];
		if (left <= 0)
			return -ETIMEDOUT;
		(void)!pread(events, drain, sizeof(drain), 0); /* poll tells of changes since the last read */
		if (cgroup_keyed_value(dir, "cgroup.events", key, value) == value)
			break;
		(void)poll(&wait, 1, (int)left);
		left = end - clock_ms();
	}
	return 0;
}

bool cgroup_wait(const struct cgroup_host *host, const char *path, int timeout_ms)
{
	cleanup_close int dir = cgroup_open_path(host, path);
	cleanup_close int life = dir < 0 ? -1 : openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	cleanup_close int memory = dir < 0 ? -1 : openat(dir, "memory.events", O_RDONLY | O_CLOEXEC);
	struct pollfd wait[] = { { .fd = life, .events = POLLPRI }, { .fd = memory, .events = POLLPRI } };
	char drain[EVENTS_MAX];

	if (life < 0)
		return false;
	(void)!pread(life, drain, sizeof(drain), 0);
	if (memory >= 0)
		(void)!pread(memory, drain, sizeof(drain), 0);
	if (cgroup_is_populated(dir))
		(void)poll(wait, ARRAY_SIZE(wait), timeout_ms);
	return cgroup_is_populated(dir);
}

/* ---- processes ---- */

struct pids {
	int *items;
	size_t count, size;
};

static void add_pids(char *text, struct arena *arena, struct pids *pids)
{
	for (char *end; *text; text = end + (*end == '\n')) {
		int pid = (int)strtol(text, &end, 10);
		if (end == text)
			return;
		if (pids->count == pids->size) {
			int *before = pids->items;
			pids->size = pids->size ? pids->size * 2 : 64;
			pids->items = ARENA_ARRAY(arena, pids->size, int);
			if (pids->count)
				memcpy(pids->items, before, pids->count * sizeof(*before));
		}
		pids->items[pids->count++] = pid;
	}
}

static bool is_child(const struct dirent *entry)
{
	return entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static DIR *open_listing(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);

	if (!listing && fd >= 0)
		(void)close(fd);
	return listing;
}

struct path_list {
	struct path_list *next;
	const char *path;
};

/* Appends the children of the cgroup `path`; they are gone through later, so no depth costs stack or descriptors. */
static struct path_list *add_children(int dir, const char *path, struct arena *arena, struct path_list *last)
{
	DIR *listing = open_listing(dir);

	for (const struct dirent *entry; listing && (entry = readdir(listing));) {
		if (!is_child(entry))
			continue;
		last->next = ARENA_NEW(arena, struct path_list);
		last = last->next;
		last->path = arena_printf(arena, "%s/%s", path, entry->d_name);
	}
	if (listing)
		(void)closedir(listing);
	return last;
}

/* *ret_text stays NULL where the cgroup is gone, or threaded: then its domain lists them. */
static int read_procs(int dir, const char *path, struct arena *arena, char **ret_text, struct error *err)
{
	cleanup_close int procs = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	int r = -errno;

	if (procs >= 0)
		r = file_read_fd(procs, "cgroup.procs", ARENA_LIMIT / 16, arena, ret_text, NULL, err);
	if (r == -ENODEV || r == -ENOENT || r == -EOPNOTSUPP)
		return 0;
	return r < 0 ? error_sys(err, r, "read cgroup.procs of %s", path) : 0;
}

int cgroup_pids(const struct cgroup_host *host, const char *path, struct arena *arena, int **ret_pids,
	size_t *ret_count, struct error *err)
{
	struct path_list first = { .path = path }, *last = &first;
	struct pids pids = { 0 };

	for (struct path_list *item = &first; item; item = item->next) {
		cleanup_close int dir = cgroup_open_path(host, item->path);
		char *text = NULL;
		int r;
		if (dir == -ENOENT)
			continue;
		if (dir < 0)
			return error_sys(err, dir, "open the cgroup %s", item->path);
		last = add_children(dir, item->path, arena, last);
		if ((r = read_procs(dir, item->path, arena, &text, err)) < 0)
			return r;
		if (text)
			add_pids(text, arena, &pids);
	}
	*ret_pids = pids.items;
	*ret_count = pids.count;
	return 0;
}

/* All at once, so that nothing forks away meanwhile; an absent cgroup has nobody to kill. */
static int kill_at_once(const struct cgroup_host *host, const char *path, struct error *err)
{
	cleanup_close int dir = cgroup_open_path(host, path);
	int r = dir < 0 ? dir : file_write_raw_at(dir, "cgroup.kill", "1", 1);

	if (r == -ENOENT || r == -ENODEV)
		return 0;
	return r < 0 ? error_sys(err, r, "kill what is in the cgroup %s", path) : 0;
}

int cgroup_signal_all(const struct cgroup_host *host, const char *path, int signal, struct error *err)
{
	struct arena arena;
	int *pids, r;
	size_t count;

	if (signal == SIGKILL)
		return kill_at_once(host, path, err);
	arena_init(&arena);
	r = cgroup_pids(host, path, &arena, &pids, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		cleanup_close int pidfd = pidfd_open(pids[i], 0);
		if (pidfd >= 0 && pidfd_send_signal(pidfd, signal, NULL, 0) < 0 && errno != ESRCH)
			r = error_sys(err, errno, "signal the process %d", pids[i]);
	}
	arena_done(&arena);
	return r;
}

/* ---- the end ---- */

static int name_survivor(const struct cgroup_host *host, const char *path, struct error *err)
{
	struct arena arena;
	int *pids;
	size_t count = 0;
	char file[64], comm[64] = "?";

	arena_init(&arena);
	if (cgroup_pids(host, path, &arena, &pids, &count, NULL) < 0 || count == 0) {
		(void)error_bad(err, ETIMEDOUT, "the cgroup %s does not become empty", path);
	} else {
		(void)snprintf(file, sizeof(file), "/proc/%d/comm", pids[0]);
		(void)file_read_small_at(AT_FDCWD, file, comm, sizeof(comm));
		(void)error_bad(err, ETIMEDOUT, "pid %d (%s) is stuck in the kernel", pids[0], comm);
	}
	arena_done(&arena);
	return error_hint(err, "try again when what it waits for is there: a disk, a network file system");
}

int cgroup_kill_all(const struct cgroup_host *host, const char *path, unsigned timeout_ms, struct error *err)
{
	cleanup_close int dir = cgroup_open_path(host, path);
	int r;

	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return error_sys(err, dir, "open the cgroup %s", path);
	if (!cgroup_is_populated(dir))
		return 0;
	r = kill_at_once(host, path, err);
	if (r < 0)
		return r;
	r = wait_for_event(dir, "populated", 0, timeout_ms);
	if (r == -ETIMEDOUT)
		return name_survivor(host, path, err);
	return r < 0 ? error_sys(err, r, "watch the cgroup %s", path) : 0;
}

static bool first_child(int dir, char name[NAME_MAX + 1])
{
	DIR *listing = open_listing(dir);
	bool found = false;

	for (const struct dirent *entry; listing && !found && (entry = readdir(listing));)
		if (is_child(entry)) {
			found = true;
			(void)snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
		}
	if (listing)
		(void)closedir(listing);
	return found;
}

/* The last process of a cgroup may be on its way out a moment after it stopped being listed. */
static int remove_one(int dir, const char *name)
{
	const struct timespec pause = { .tv_nsec = REMOVE_PAUSE_NS };

	for (int attempt = 0; attempt < REMOVE_ATTEMPTS; attempt++) {
		if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return -errno;
		(void)nanosleep(&pause, NULL);
	}
	return -EBUSY;
}

/* Removes what is below `top`. Always in the deepest first child, and up by "..": cgroups cannot be renamed or moved
 * [cgroup-v2.rst], so that is where we came from. */
static int remove_below(int top)
{
	cleanup_close int dir = openat(top, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned depth = 0;
	char name[NAME_MAX + 1];

	while (dir >= 0) {
		int next;
		if (first_child(dir, name)) {
			if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
				continue;
			next = path_open_beneath(dir, name, O_PATH | O_DIRECTORY);
			if (next >= 0 && !first_child(next, (char[NAME_MAX + 1]){ 0 })) {
				int r = remove_one(dir, name);
				fd_closep(&next);
				if (r < 0)
					return r;
				continue;
			}
			depth++;
		} else if (depth-- == 0) {
			return 0;
		} else {
			next = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		}
		fd_closep(&dir);
		dir = next;
	}
	return -ENOENT;
}

/* What is below `path` and, where `whole`, itself. Most containers leave nothing below, so that is tried first. */
static int remove_tree(const struct cgroup_host *host, const char *path, bool whole)
{
	cleanup_close int dir = -1;
	int r;

	if (whole && (unlinkat(host->root, path, AT_REMOVEDIR) == 0 || errno == ENOENT))
		return 0;
	dir = cgroup_open_path(host, path);
	r = dir < 0 ? dir : remove_below(dir);
	if (r == 0 && whole)
		r = remove_one(host->root, path);
	return r == -ENOENT ? 0 : r;
}

int cgroup_remove(const struct cgroup_host *host, const char *path, unsigned existing, struct error *err)
{
	unsigned parts = cgroup_path_parts(path);
	char head[PATH_MAX];
	int r = host->root < 0 ? 0 : remove_tree(host, path, parts > existing);

	if (r < 0)
		return error_sys(err, r, "remove the cgroup %s", path);
	/* Its parents, until one that others use by now. */
	for (unsigned n = parts; host->root >= 0 && n-- > existing + 1;)
		if (cgroup_path_head(path, n, head, sizeof(head)) < 0 ||
			(unlinkat(host->root, head, AT_REMOVEDIR) < 0 && errno != ENOENT))
			break;
	return 0;
}

/* ---- freezing, counters ---- */

int cgroup_freeze(const struct cgroup_host *host, const char *path, bool frozen, unsigned timeout_ms, struct error *err)
{
	cleanup_close int dir = cgroup_open_path(host, path);
	int r = dir < 0 ? dir : file_write_raw_at(dir, "cgroup.freeze", frozen ? "1" : "0", 1);

	if (r == 0)
		r = wait_for_event(dir, "frozen", frozen, timeout_ms);
	return r < 0 ? error_sys(err, r, "%s the cgroup %s", frozen ? "freeze" : "thaw", path) : 0;
}

int cgroup_is_frozen(const struct cgroup_host *host, const char *path)
{
	cleanup_close int dir = cgroup_open_path(host, path);
	char value[8];

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	return file_read_small_at(dir, "cgroup.freeze", value, sizeof(value)) > 0 && value[0] == '1';
}

uint64_t cgroup_oom_kills(const struct cgroup_host *host, const char *path)
{
	cleanup_close int dir = cgroup_open_path(host, path);

	return dir < 0 ? 0 : cgroup_keyed_value(dir, "memory.events", "oom_kill", 0);
}
