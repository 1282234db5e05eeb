/* runtime/record.c: the record and the mark of the first process, out and in. */
#include "runtime/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/text.h"
#include "spec/json.h"

enum { RECORD_FORMAT = 1, RECORD_MAX = JSON_MAX_BYTES + (8 << 20) };

/* ---- out ---- */

static void write_header(const struct record *record, struct json_writer *w)
{
	json_object(w, NULL);
	json_int(w, "format", RECORD_FORMAT);
	json_string(w, "id", record->id);
	json_string(w, "bundle", record->bundle);
	json_string(w, "rootfs", record->rootfs);
	json_string(w, "created", record->created);
	json_string(w, "owner", record->owner);
	if (record->cgroup) {
		json_string(w, "cgroup", record->cgroup);
		json_uint(w, "cgroupExisting", record->cgroup_existing);
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
	json_bool(w, "hasPoststart", record->has_poststart);
	json_bool(w, "hasPoststop", record->has_poststop);
	json_object(w, "annotations");
	for (size_t i = 0; i < record->annotation_count; i++)
		json_string(w, record->annotations[i].key, record->annotations[i].value);
	json_object_end(w);
	json_object_end(w);
}

int record_write(int dir, const struct record *record, struct error *err)
{
	struct json_writer w;
	const char *header;
	size_t len;
	char *all;
	int r;

	json_write_init(&w);
	write_header(record, &w);
	header = json_write_end(&w, &len);
	all = header ? malloc(len + 1 + record->config_len) : NULL;
	if (!all) {
		json_write_done(&w);
		return error_sys(err, ENOMEM, "write the record of the container");
	}
	memcpy(all, header, len);
	all[len] = '\n';
	memcpy(all + len + 1, record->config, record->config_len);
	r = file_replace_at(dir, RECORD_FILE, all, len + 1 + record->config_len, 0600, err);
	free(all);
	json_write_done(&w);
	return r;
}

/* ---- in ---- */

static const char *member_text(const struct json *header, const char *key)
{
	const struct json *value = json_member(header, key);

	return value && value->kind == JSON_STRING ? value->text : NULL;
}

static bool member_bool(const struct json *header, const char *key)
{
	const struct json *value = json_member(header, key);

	return value && value->kind == JSON_BOOL && value->boolean;
}

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

static bool read_header(const struct json *header, struct arena *arena, struct record *record)
{
	const struct json *format = json_member(header, "format");
	const struct json *existing = json_member(header, "cgroupExisting");
	uint64_t number = 0;

	if (!format || json_to_u64(format, RECORD_FORMAT, RECORD_FORMAT, &number) < 0)
		return false;
	if (existing && json_to_u64(existing, 0, UINT32_MAX, &number) < 0)
		return false;
	record->id = member_text(header, "id");
	record->bundle = member_text(header, "bundle");
	record->rootfs = member_text(header, "rootfs");
	record->created = member_text(header, "created");
	record->owner = member_text(header, "owner");
	record->cgroup = member_text(header, "cgroup");
	record->cgroup_existing = existing ? (unsigned)number : 0;
	record->resctrl.name = member_text(header, "resctrl");
	record->resctrl.mon_group = member_text(header, "resctrlMonitoring");
	record->resctrl.make = member_bool(header, "resctrlMade");
	record->has_resctrl = record->resctrl.name != NULL;
	record->no_new_keyring = member_bool(header, "noNewKeyring");
	record->unprivileged = member_bool(header, "unprivileged");
	record->notifies = member_bool(header, "notifies");
	record->shares_pids = member_bool(header, "sharesPids");
	record->has_poststart = member_bool(header, "hasPoststart");
	record->has_poststop = member_bool(header, "hasPoststop");
	read_annotations(header, arena, record);
	return record->id && record->bundle && record->rootfs && record->created && record->owner;
}

int record_read(int dir, struct arena *arena, struct record *ret_record, struct error *err)
{
	const struct json *header = NULL;
	struct faults faults;
	size_t len, header_len;
	char *text;
	int r = file_read_at(dir, RECORD_FILE, RECORD_MAX, arena, &text, &len, err);

	if (r < 0)
		return r;
	faults_init(&faults, arena, RECORD_FILE);
	*ret_record = (struct record){ 0 };
	header_len = strcspn(text, "\n");
	if (header_len < len && json_parse(text, header_len, arena, &header, &faults) == 0 && header &&
		header->kind == JSON_OBJECT && read_header(header, arena, ret_record)) {
		ret_record->config = text + header_len + 1;
		ret_record->config_len = len - header_len - 1;
		return 0;
	}
	(void)error_bad(err, EINVAL, "the record of the container is damaged, or of another version of husk");
	return error_hint(err, "husk delete --force removes what can be found of it");
}

/* ---- the first process ---- */

/* "812 (a) b) S 1 ...": the name may hold anything, so fields are counted from its last parenthesis. */
static int parse_stat(char *stat, char *ret_state, uint64_t *ret_start_time)
{
	enum { STATE = 3, START_TIME = 22 };
	char *at = strrchr(stat, ')');

	if (!at)
		return -EINVAL;
	at += strspn(at, ") ");
	*ret_state = *at;
	for (int field = STATE; at && field < START_TIME; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	if (!at)
		return -EINVAL;
	at[strcspn(at, " ")] = '\0';
	return text_to_u64(at, 0, UINT64_MAX, ret_start_time);
}

int init_mark_of(pid_t pid, struct init_mark *ret_mark)
{
	char path[64], stat[1024], state = '?';
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read_small_at(AT_FDCWD, path, stat, sizeof(stat)) < 0)
		return -ESRCH;
	ret_mark->pid = pid;
	r = parse_stat(stat, &state, &ret_mark->start_time);
	return r < 0 || state == 'Z' || state == 'X' ? -ESRCH : 0;
}

int init_mark_write(int dir, const struct init_mark *mark, struct error *err)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "%d %llu\n", mark->pid, (unsigned long long)mark->start_time);

	return file_replace_at(dir, INIT_FILE, text, (size_t)len, 0600, err);
}

int init_mark_read(int dir, struct init_mark *ret_mark)
{
	char text[64], *blank;
	ssize_t len = file_read_small_at(dir, INIT_FILE, text, sizeof(text));
	uint64_t pid;

	if (len < 0)
		return (int)len;
	blank = strchr(text, ' ');
	if (!blank)
		return -EINVAL;
	*blank = '\0';
	if (text_to_u64(text, 1, INT32_MAX, &pid) < 0 ||
		text_to_u64(blank + 1, 0, UINT64_MAX, &ret_mark->start_time) < 0)
		return -EINVAL;
	ret_mark->pid = (pid_t)pid;
	return 0;
}

/* The descriptor first, then the look: what it holds cannot become another process meanwhile. */
int init_mark_open(const struct init_mark *mark)
{
	cleanup_close int pidfd = pidfd_open(mark->pid, 0);
	struct init_mark now;

	if (pidfd < 0)
		return errno == EINVAL ? -ESRCH : -errno;
	if (init_mark_of(mark->pid, &now) < 0 || now.start_time != mark->start_time)
		return -ESRCH;
	return fd_take(&pidfd);
}
