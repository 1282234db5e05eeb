/* runtime/criu_streams.c: see the header. */
#include "runtime/criu_streams.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/path.h"
#include "base/text.h"
#include "spec/json.h"

#define STREAMS_FILE "descriptors.json"

enum { STREAMS_MAX = 16 << 10, MOUNTINFO_MAX = 16 << 20 };

/* ---- of a process ---- */

/* The mount that a descriptor lies on, by its number [proc_pid_fdinfo(5), mnt_id]. */
static long mount_of(pid_t pid, int fd)
{
	char path[64], text[1024];
	const char *line;

	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	if (file_read_small_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return -1;
	line = strstr(text, "mnt_id:");
	return line ? strtol(line + strlen("mnt_id:"), NULL, 10) : -1;
}

static bool has_mount(pid_t pid, long mount, struct arena *arena)
{
	const char *path = arena_printf(arena, "/proc/%d/mountinfo", pid);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text, *save = NULL;

	if (fd < 0 || file_read_fd(fd, path, MOUNTINFO_MAX, arena, &text, NULL, NULL) < 0)
		return false;
	for (const char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strtol(line, NULL, 10) == mount)
			return true;
	return false;
}

static const char *look_at(pid_t pid, int fd, struct arena *arena)
{
	const char *path = arena_printf(arena, "/proc/%d/fd/%d", pid, fd);
	char link[PATH_MAX];
	struct stat st;
	long mount;

	if (path_read_link(path, link, sizeof(link)) < 0 || stat(path, &st) < 0)
		return NULL;
	if (S_ISFIFO(st.st_mode) && text_starts_with(link, "pipe:["))
		return arena_strdup(arena, link);
	mount = S_ISREG(st.st_mode) ? mount_of(pid, fd) : -1;
	if (mount < 0 || has_mount(pid, mount, arena))
		return NULL;
	return arena_printf(arena, "file[%lx:%llx]", mount, (unsigned long long)st.st_ino);
}

void criu_streams_look(pid_t pid, struct arena *arena, struct criu_streams *ret)
{
	for (int fd = 0; fd < CRIU_STREAMS; fd++)
		ret->names[fd] = look_at(pid, fd, arena);
}

/* ---- on disk ---- */

int criu_streams_write(int images, const struct criu_streams *streams, struct error *err)
{
	struct json_writer w;
	const char *text;
	size_t len = 0;
	int r;

	json_write_init(&w);
	json_array(&w, NULL);
	for (int fd = 0; fd < CRIU_STREAMS; fd++)
		json_string(&w, NULL, streams->names[fd] ? streams->names[fd] : "");
	json_array_end(&w);
	text = json_write_end(&w, &len);
	r = text ? file_replace_at(images, STREAMS_FILE, text, len, 0600, err)
		 : error_sys(err, ENOMEM, "write " STREAMS_FILE);
	json_write_done(&w);
	return r;
}

/* Whoever made the images may say what he wants, and nothing but these means something to CRIU. */
static bool is_name(const char *text)
{
	static const struct {
		const char *start, *digits;
	} kinds[] = { { "pipe:[", "0123456789" }, { "file[", "0123456789abcdef:" } };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t start = strlen(kinds[i].start);
		size_t len = text_starts_with(text, kinds[i].start) ? strspn(text + start, kinds[i].digits) : 0;
		if (len > 0 && len < 40 && strcmp(text + start + len, "]") == 0)
			return true;
	}
	return false;
}

int criu_streams_read(int images, struct arena *arena, struct criu_streams *ret, struct error *err)
{
	const struct json *list = NULL;
	struct faults faults;
	char *text;
	size_t len = 0;
	int r = file_read_at(images, STREAMS_FILE, STREAMS_MAX, arena, &text, &len, err);

	*ret = (struct criu_streams){ 0 };
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	faults_init(&faults, arena, STREAMS_FILE);
	if (json_parse(text, len, arena, &list, &faults) < 0 || !list || list->kind != JSON_ARRAY)
		return error_bad(err, EINVAL, STREAMS_FILE " of the checkpoint is no list of names");
	json_for_each(name, list)
		if (name->index < CRIU_STREAMS && name->kind == JSON_STRING && is_name(name->text))
			ret->names[name->index] = name->text;
	return 0;
}
