/* runtime/record.c: the record, out and in. */
#include "runtime/record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/text.h"
#include "spec/json.h"

enum { RECORD_FORMAT = 3, RECORD_MAX = JSON_MAX_BYTES + (8 << 20) };

/* ---- out ---- */

static void write_mark(struct json_writer *w, const char *key, const struct mark *mark)
{
	json_object(w, key);
	json_int(w, "pid", mark->pid);
	json_uint(w, mark->by_inode ? "inode" : "start", mark->number);
	json_object_end(w);
}

static void write_header(const struct record *record, struct json_writer *w)
{
	json_object(w, NULL);
	json_int(w, "format", RECORD_FORMAT);
	json_string(w, "id", record->id);
	json_string(w, "bundle", record->bundle);
	json_string(w, "rootfs", record->rootfs);
	json_string(w, "created", record->created);
	json_string(w, "owner", record->owner);
	if (record->folder)
		json_string(w, "folder", record->folder);
	if (record->has_init)
		write_mark(w, "init", &record->init);
	if (record->has_keeper)
		write_mark(w, "keeper", &record->keeper);
	if (record->has_pasta)
		write_mark(w, "pasta", &record->pasta);
	if (record->cgroup) {
		json_string(w, "cgroup", record->cgroup);
		json_uint(w, "cgroupExisting", record->cgroup_existing);
	}
	if (record->unit) {
		json_string(w, "unit", record->unit);
		json_bool(w, "unitUser", record->unit_user);
	}
	if (record->has_resctrl) {
		json_string(w, "resctrl", record->resctrl.name);
		json_bool(w, "resctrlMade", record->resctrl.make);
		if (record->resctrl.mon_group)
			json_string(w, "resctrlMonitoring", record->resctrl.mon_group);
	}
	json_bool(w, "noNewKeyring", record->no_new_keyring);
	json_bool(w, "unprivileged", record->unprivileged);
	json_bool(w, "notifies", record->notifies);
	json_bool(w, "sharesPids", record->shares_pids);
	json_bool(w, "sharesNetwork", record->shares_network);
	json_bool(w, "hasPoststart", record->has_poststart);
	json_bool(w, "hasPoststop", record->has_poststop);
	json_object(w, "annotations");
	for (size_t i = 0; i < record->annotation_count; i++)
		json_string(w, record->annotations[i].key, record->annotations[i].value);
	json_object_end(w);
	json_object_end(w);
}

int record_reserve(int dir, struct error *err)
{
	cleanup_close int lock =
		openat(dir, RECORD_FILE ".tmp", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
		return error_sys(err, errno, "make the gate of the container");
	return fd_take(&lock);
}

static int put_in_place(int dir, int reserved, const struct iovec *parts, int count, struct error *err)
{
	int r = 0;

	for (int i = 0; r == 0 && i < count; i++)
		r = file_write_all(reserved, parts[i].iov_base, parts[i].iov_len);
	if (r == 0 && renameat(dir, RECORD_FILE ".tmp", dir, RECORD_FILE) < 0)
		r = -errno;
	return r < 0 ? error_sys(err, r, "write the record of the container") : 0;
}

int record_write(int dir, const struct record *record, int reserved, struct error *err)
{
	cleanup_close int fd = reserved < 0
		? openat(dir, RECORD_FILE ".tmp", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)
		: -1;
	struct json_writer w;
	const char *header;
	size_t len;
	int r;

	if (reserved < 0 && fd < 0)
		return error_sys(err, errno, "write the record of the container");
	json_write_init(&w);
	write_header(record, &w);
	header = json_write_end(&w, &len);
	const struct iovec parts[] = {
		{ (void *)header, len },
		{ "\n", 1 },
		{ (void *)record->config, record->config_len },
	};
	r = header ? put_in_place(dir, reserved < 0 ? fd : reserved, parts, ARRAY_SIZE(parts), err)
		   : error_sys(err, ENOMEM, "write the record of the container");
	json_write_done(&w);
	return r;
}

/* ---- in ---- */

static void read_annotations(const struct json *header, struct arena *arena, struct record *record)
{
	const struct json *object = json_member(header, "annotations");

	if (!object || object->kind != JSON_OBJECT || object->count == 0)
		return;
	record->annotations = ARENA_ARRAY(arena, object->count, struct spec_pair);
	json_for_each(value, object)
		record->annotations[record->annotation_count++] =
			(struct spec_pair){ .key = value->key, .value = value->text };
}

static bool read_mark(const struct json *header, const char *key, struct mark *ret)
{
	const struct json *object = json_member(header, key);
	const struct json *pid = object ? json_member(object, "pid") : NULL;
	const struct json *inode = object ? json_member(object, "inode") : NULL;
	const struct json *number = inode || !object ? inode : json_member(object, "start");
	uint64_t value;

	if (!pid || !number || json_to_u64(pid, 1, INT32_MAX, &value) < 0 ||
		json_to_u64(number, 0, UINT64_MAX, &ret->number) < 0)
		return false;
	ret->pid = (pid_t)value;
	ret->by_inode = inode != NULL;
	return true;
}

static bool read_header(const struct json *header, struct arena *arena, struct record *record)
{
	const struct json *format = json_member(header, "format");
	uint64_t number = 0;

	record->cgroup_existing = (unsigned)json_member_u64(header, "cgroupExisting", UINT32_MAX);
	record->id = json_member_text(header, "id", NULL);
	record->bundle = json_member_text(header, "bundle", NULL);
	record->rootfs = json_member_text(header, "rootfs", NULL);
	record->created = json_member_text(header, "created", NULL);
	record->owner = json_member_text(header, "owner", NULL);
	record->folder = json_member_text(header, "folder", NULL);
	record->cgroup = json_member_text(header, "cgroup", NULL);
	record->unit = json_member_text(header, "unit", NULL);
	record->unit_user = json_member_bool(header, "unitUser");
	record->resctrl.name = json_member_text(header, "resctrl", NULL);
	record->resctrl.mon_group = json_member_text(header, "resctrlMonitoring", NULL);
	record->resctrl.make = json_member_bool(header, "resctrlMade");
	record->has_resctrl = record->resctrl.name != NULL;
	record->no_new_keyring = json_member_bool(header, "noNewKeyring");
	record->unprivileged = json_member_bool(header, "unprivileged");
	record->notifies = json_member_bool(header, "notifies");
	record->shares_pids = json_member_bool(header, "sharesPids");
	record->shares_network = json_member_bool(header, "sharesNetwork");
	record->has_poststart = json_member_bool(header, "hasPoststart");
	record->has_poststop = json_member_bool(header, "hasPoststop");
	read_annotations(header, arena, record);
	record->has_init = read_mark(header, "init", &record->init);
	record->has_keeper = read_mark(header, "keeper", &record->keeper);
	record->has_pasta = read_mark(header, "pasta", &record->pasta);
	return format && json_to_u64(format, RECORD_FORMAT, RECORD_FORMAT, &number) == 0 && record->id &&
		record->bundle && record->rootfs && record->created && record->owner;
}

static int damaged(struct error *err)
{
	(void)error_bad(err, EINVAL, "the record of the container is damaged, or of another version of husk");
	return error_hint(err, "husk delete --force removes what can be found of it");
}

/* The first line, which as a rule is in the first page: there is no need to read a config that nobody asked for. */
static int read_first_line(
	int dir, const char *path, struct arena *arena, char **ret_text, size_t *ret_len, bool *ret_locked)
{
	enum { PAGE = 4096 };
	cleanup_close int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char *page;
	ssize_t n;

	if (fd < 0)
		return -errno;
	page = arena_alloc(arena, PAGE + 1);
	n = read(fd, page, PAGE);
	if (n < 0)
		return -errno;
	*ret_locked = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	*ret_text = page;
	*ret_len = strcspn(page, "\n");
	if (*ret_len < (size_t)n)
		return 0;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	n = file_read_fd(fd, RECORD_FILE, RECORD_MAX, arena, ret_text, NULL, NULL);
	*ret_len = n < 0 ? 0 : strcspn(*ret_text, "\n");
	return n < 0 ? (int)n : 0;
}

int record_read_of(int root, const char *id, struct arena *arena, struct record *ret_record, struct error *err)
{
	const struct json *header = NULL;
	struct faults faults;
	char path[NAME_MAX + sizeof("/" RECORD_FILE)];
	size_t len = 0;
	char *text = path;
	int r;

	*ret_record = (struct record){ 0 };
	(void)snprintf(path, sizeof(path), "%s/" RECORD_FILE, id);
	r = read_first_line(root, path, arena, &text, &len, &ret_record->waits);
	if (r < 0)
		return error_sys(err, r, "read %s", path);
	faults_init(&faults, arena, RECORD_FILE);
	if (json_parse(text, len, arena, &header, &faults) == 0 && header && header->kind == JSON_OBJECT &&
		read_header(header, arena, ret_record))
		return 0;
	return damaged(err);
}

int record_read(int dir, struct arena *arena, struct record *ret_record, struct error *err)
{
	return record_read_of(dir, ".", arena, ret_record, err);
}

int record_read_config(int dir, struct arena *arena, const char **ret_text, size_t *ret_len, struct error *err)
{
	size_t len = 0, header;
	char *text;
	int r = file_read_at(dir, RECORD_FILE, RECORD_MAX, arena, &text, &len, err);

	if (r < 0)
		return r;
	header = strcspn(text, "\n");
	if (header >= len)
		return damaged(err);
	*ret_text = text + header + 1;
	*ret_len = len - header - 1;
	return 0;
}
