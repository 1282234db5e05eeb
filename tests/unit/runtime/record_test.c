/* What a container's directory says of it, written, read, and damaged. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/mark.h"
#include "images/passwd.h"
#include "runtime/record.h"

static int folder(char *path)
{
	assert_non_null(mkdtemp(path));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void a_record_comes_back_as_it_was(void **state)
{
	struct unit *unit = *state;
	char path[] = "/tmp/husk-record.XXXXXX";
	cleanup_close int dir = folder(path);
	struct spec_pair annotation = { "a \"b\"", "line\nline" };
	static const char config[] = "{\"ociVersion\": \"1.0.0\"}\n\n";
	const struct record written = {
		.id = "x",
		.bundle = "/b \xff",
		.rootfs = "/b/r",
		.created = "2026-01-01T00:00:00Z",
		.owner = "root",
		.cgroup = "a/b",
		.cgroup_existing = 1,
		.no_new_keyring = true,
		.annotations = &annotation,
		.annotation_count = 1,
		.config = config,
		.config_len = strlen(config),
	};
	struct record read;
	const char *text;
	size_t len;

	assert_int_equal(record_read(dir, &unit->arena, &read, NULL), -ENOENT);
	assert_int_equal(record_write(dir, &written, -1, NULL), 0);
	assert_int_equal(record_read(dir, &unit->arena, &read, NULL), 0);
	assert_string_equal(read.id, "x");
	assert_string_equal(read.rootfs, "/b/r");
	assert_string_equal(read.cgroup, "a/b");
	assert_int_equal(read.cgroup_existing, 1);
	assert_true(read.no_new_keyring);
	assert_string_equal(read.annotations[0].key, "a \"b\"");
	assert_string_equal(read.annotations[0].value, "line\nline");
	assert_int_equal(record_read_config(dir, &unit->arena, &text, &len, NULL), 0);
	assert_int_equal(len, strlen(config));
	assert_memory_equal(text, config, len);
	(void)unlinkat(dir, RECORD_FILE, 0);
	(void)rmdir(path);
}

static void what_husk_did_not_write_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"{}\n",
		"[]\n{}",
		"{\"id\": 1}\n",
		"not json\n",
		"{\"id\":\"x\",\"bundle\":\"b\",\"cgroup\":\"../../etc\"}\n",
	};
	struct unit *unit = *state;
	char path[] = "/tmp/husk-record.XXXXXX";
	cleanup_close int dir = folder(path);
	struct record read;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(file_replace_at(dir, RECORD_FILE, texts[i], strlen(texts[i]), 0600, NULL), 0);
		if (record_read(dir, &unit->arena, &read, NULL) != -EINVAL)
			fail_msg("read: %s", texts[i]);
	}
	(void)unlinkat(dir, RECORD_FILE, 0);
	(void)rmdir(path);
}

static void a_process_is_known_by_more_than_its_number(void **state)
{
	cleanup_close int self = pidfd_open(getpid(), 0);
	struct mark mark;
	(void)state;

	assert_int_equal(mark_of(getpid(), self, &mark), 0);
	int fd = mark_open(&mark);
	assert_true(fd >= 0);
	(void)close(fd);
	mark.number++;
	assert_int_equal(mark_open(&mark), -ESRCH);
	mark = (struct mark){ .pid = getpid(), .number = 1 }; /* of a kernel whose pidfds have no inodes */
	assert_int_equal(mark_open(&mark), -ESRCH);
}

static void a_record_that_is_locked_is_of_a_container_that_waits(void **state)
{
	struct unit *unit = *state;
	char path[] = "/tmp/husk-record.XXXXXX";
	cleanup_close int dir = folder(path);
	const struct record written = {
		.id = "x",
		.bundle = "/b",
		.rootfs = "/r",
		.created = "c",
		.owner = "o",
		.has_init = true,
		.init = { .pid = 77, .by_inode = true, .number = UINT64_MAX },
		.config = "{}",
		.config_len = 2,
	};
	struct record read;
	int lock = record_reserve(dir, NULL);

	assert_true(lock >= 0);
	assert_int_equal(record_read(dir, &unit->arena, &read, NULL), -ENOENT); /* not there before it is whole */
	assert_int_equal(record_write(dir, &written, lock, NULL), 0);
	assert_int_equal(record_read(dir, &unit->arena, &read, NULL), 0);
	assert_true(read.waits && read.has_init && read.init.by_inode && read.init.number == UINT64_MAX);
	assert_int_equal(read.init.pid, 77);
	(void)close(lock);
	assert_int_equal(record_read(dir, &unit->arena, &read, NULL), 0);
	assert_false(read.waits);
	(void)unlinkat(dir, RECORD_FILE, 0);
	(void)rmdir(path);
}

static void lines_of_passwd_are_read_with_care(void **state)
{
	static const char text[] = "# comment\nroot:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:7::/colon:\n"
				   "a:x:1000:1000::/home/a:/bin/sh\nb:x:1000:1000::/home/b:/bin/sh\n"
				   "c:x:99999999999999:0::/home/c:\nd:x:8:8::\nlast:x:9:9::/home/last";
	struct unit *unit = *state;
	char path[] = "/tmp/husk-passwd.XXXXXX";
	cleanup_close int root = folder(path);

	assert_null(passwd_find(root, 0, &unit->arena).name);
	assert_int_equal(mkdirat(root, "etc", 0755), 0);
	cleanup_close int etc = openat(root, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(file_replace_at(etc, "passwd", text, strlen(text), 0644, NULL), 0);
	assert_string_equal(passwd_find(root, 0, &unit->arena).home, "/root");
	assert_string_equal(passwd_find(root, 1000, &unit->arena).name, "a");
	assert_string_equal(passwd_find(root, 9, &unit->arena).home, "/home/last");
	assert_null(passwd_find(root, 5, &unit->arena).name);

	assert_int_equal(unlinkat(etc, "passwd", 0), 0);
	assert_int_equal(symlinkat("/etc/shadow", etc, "passwd"), 0); /* of this tree, where there is none */
	assert_null(passwd_find(root, 0, &unit->arena).name);
	assert_int_equal(unlinkat(etc, "passwd", 0), 0);
	assert_int_equal(mkfifoat(etc, "passwd", 0644), 0); /* must not be waited for */
	assert_null(passwd_find(root, 0, &unit->arena).name);
	(void)unlinkat(etc, "passwd", 0);
	(void)unlinkat(root, "etc", AT_REMOVEDIR);
	(void)rmdir(path);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(a_record_comes_back_as_it_was),
	UNIT_TEST(what_husk_did_not_write_is_refused),
	UNIT_TEST(a_process_is_known_by_more_than_its_number),
	UNIT_TEST(a_record_that_is_locked_is_of_a_container_that_waits),
	UNIT_TEST(lines_of_passwd_are_read_with_care),
};
UNIT_MAIN(tests)
