/* base/userns.c: see the header.
 *
 * A map is written once, from outside: by the parent of the process that is born in the namespace, through the host's /proc. The
 * pid cannot have been recycled: the process is our own child and nobody has waited for it. Entering is the same: the
 * namespace is made by a child and kept by a descriptor, since newuidmap(1) maps no namespace that it is itself in. */
#include "base/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/program.h"
#include "base/syscalls.h"
#include "base/text.h"

enum { NUMBERS_MAX = 3 * USERNS_EXTENTS_MAX, MAP_TEXT_MAX = NUMBERS_MAX * 11 + 1, COMPLAINT_MAX = 4096 };

/* ---- by the programs ---- */

/* "PROGRAM PID 0 1000 1 1 100000 65536": the numbers of the map, split in place. */
static void split_map(char *map, char **argv, size_t size)
{
	size_t count = 2;
	char *save = NULL;

	for (char *word = strtok_r(map, " \n", &save); word && count + 1 < size; word = strtok_r(NULL, " \n", &save))
		argv[count++] = word;
	argv[count] = NULL;
}

/* `file` is where the program looks. */
static int write_by_program(const char *program, const char *file, const char *map, pid_t pid, struct error *err)
{
	char numbers[MAP_TEXT_MAX], number[21], *argv[NUMBERS_MAX + 3], *complaint = numbers;
	struct arena arena;
	int status = 0, r;

	(void)snprintf(numbers, sizeof(numbers), "%s", map);
	(void)text_put_u64(number, (uint64_t)pid);
	argv[0] = (char *)program;
	argv[1] = number;
	split_map(numbers, argv, ARRAY_SIZE(argv));
	arena_init(&arena);
	r = program_run(argv, STDERR_FILENO, COMPLAINT_MAX, &arena, &complaint, &status, err);
	if (r == -ENOENT)
		(void)error_hint(err, "install uidmap; without it a user can map no other id than its own");
	if (r == 0 && status != 0) {
		complaint[strcspn(complaint, "\n")] = '\0';
		r = error_bad(err, EPERM, "%s", *complaint ? complaint : program);
		(void)error_hint(err, "%s says which ids a user may map; %s must be setuid, or have its capability",
			file, program);
	}
	arena_done(&arena);
	return r;
}

/* ---- maps ---- */

void userns_text(const struct userns_map *map, char *buf)
{
	struct text text;

	text_init(&text, buf, USERNS_TEXT_MAX);
	for (size_t i = 0; i < map->count; i++)
		text_add(&text, "%u %u %u\n", map->items[i].inside, map->items[i].outside, map->items[i].count);
}

void userns_ids_text(const struct userns_ids *ids, char *buf)
{
	userns_text(&ids->uids, buf);
	userns_text(&ids->gids, buf + strlen(buf));
}

static int write_map(int proc, const char *file, const char *map, struct error *err)
{
	int r = file_write_raw_at(proc, file, map, strlen(map));

	if (r >= 0)
		return 0;
	error_sys(err, r, "write %s", file);
	return r == -EPERM ? error_hint(err, "an id outside those that the caller may map") : r;
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

int userns_write_uid_map(int proc, pid_t pid, const char *map, struct error *err)
{
	if (geteuid() == 0 || is_own_id(map, geteuid()))
		return write_map(proc, "uid_map", map, err);
	return write_by_program("newuidmap", "/etc/subuid", map, pid, err);
}

int userns_write_gid_map(int proc, pid_t pid, const char *map, struct error *err)
{
	int r;

	if (geteuid() == 0)
		return write_map(proc, "gid_map", map, err);
	if (!is_own_id(map, getegid()))
		return write_by_program("newgidmap", "/etc/subgid", map, pid, err);
	r = file_write_raw_at(proc, "setgroups", "deny", 4); /* or gid_map is refused [CVE-2014-8989] */
	return r < 0 ? error_sys(err, r, "deny setgroups") : write_map(proc, "gid_map", map, err);
}

/* ---- namespaces ---- */

int userns_make(int (*write_maps)(const void *data, pid_t pid, struct error *err), const void *data, struct error *err)
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
		return error_sys(err, errno, "make a user namespace");
	r = write_maps(data, pid, err);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r == 0 && fd < 0)
		r = error_sys(err, errno, "open %s", path);
	(void)kill(pid, SIGKILL); /* our child, not yet waited for */
	(void)program_reap(pid);
	return r < 0 ? r : fd_take(&fd);
}

static int write_ids(const void *data, pid_t pid, struct error *err)
{
	const struct userns_ids *ids = data;
	char path[32], map[USERNS_TEXT_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d", pid);
	cleanup_close int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return error_sys(err, errno, "open %s", path);
	userns_text(&ids->uids, map);
	r = userns_write_uid_map(proc, pid, map, err);
	userns_text(&ids->gids, map);
	return r < 0 ? r : userns_write_gid_map(proc, pid, map, err);
}

int userns_enter(const struct userns_ids *ids, struct error *err)
{
	cleanup_close int fd = userns_make(write_ids, ids, err);

	if (fd < 0)
		return fd;
	return setns(fd, CLONE_NEWUSER) < 0 ? error_sys(err, errno, "enter a user namespace") : 0;
}

int userns_run(const struct userns_ids *ids, int (*act)(const void *data, struct error *err), const void *data,
	struct error *err)
{
	struct error *told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	int status, r;

	if (told == MAP_FAILED)
		return error_sys(err, errno, "map a page to share with a child");
	pid = fork();
	if (pid == 0) {
		if (userns_enter(ids, told) < 0 || act(data, told) < 0)
			_exit(1);
		_exit(0);
	}
	status = pid < 0 ? -errno : program_reap(pid);
	if (status < 0)
		r = error_sys(err, status, "run a child in a user namespace");
	else if (status > 1)
		r = error_bad(err, EIO, "a child in a user namespace was killed by signal %d", status - 128);
	else
		r = status ? told->code : 0;
	if (r < 0 && told->code < 0 && err)
		*err = *told;
	(void)munmap(told, sizeof(*told));
	return r;
}
