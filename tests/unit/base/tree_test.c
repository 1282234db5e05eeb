/* A tree is removed whatever is in it, and nothing beside it. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/tree.h"

static int make_top(char *path)
{
	assert_non_null(mkdtemp(path));
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void touch(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	(void)close(fd);
}

static void a_tree_deeper_than_any_path_goes(void **state)
{
	enum { DEPTH = 20000 };
	char path[] = "/tmp/husk-tree-XXXXXX";
	int top = make_top(path), dir = openat(top, ".", O_RDONLY | O_DIRECTORY);
	(void)state;

	for (int i = 0; i < DEPTH; i++) {
		int next;
		assert_int_equal(mkdirat(dir, "d", 0700), 0);
		touch(dir, "f");
		next = openat(dir, "d", O_RDONLY | O_DIRECTORY);
		(void)close(dir);
		dir = next;
	}
	(void)close(dir);
	assert_int_equal(tree_erase(top, "d", NULL), 0);
	assert_int_equal(faccessat(top, "d", F_OK, 0), -1);
	assert_int_equal(faccessat(top, "f", F_OK, 0), 0);
	(void)unlinkat(top, "f", 0);
	(void)close(top);
	assert_int_equal(rmdir(path), 0);
}

static void links_are_removed_and_not_followed(void **state)
{
	char path[] = "/tmp/husk-tree-XXXXXX";
	int top = make_top(path);
	(void)state;

	assert_int_equal(mkdirat(top, "kept", 0700), 0);
	assert_int_equal(mkdirat(top, "kept/inside", 0700), 0);
	assert_int_equal(mkdirat(top, "t", 0700), 0);
	assert_int_equal(symlinkat("../kept", top, "t/link"), 0);
	assert_int_equal(mkfifoat(top, "t/fifo", 0600), 0);
	assert_int_equal(mkdirat(top, "t/.0", 0700), 0);
	assert_int_equal(mkdirat(top, "t/.0/.0", 0), 0);
	assert_int_equal(mkdirat(top, "t/.1", 0700), 0);
	touch(top, "t/.1/.0");
	assert_int_equal(tree_erase(top, "t", NULL), 0);
	assert_int_equal(faccessat(top, "kept/inside", F_OK, 0), 0);
	assert_int_equal(tree_erase(top, "kept", NULL), 0);
	(void)close(top);
	assert_int_equal(rmdir(path), 0);
}

static void a_file_a_link_or_nothing_is_a_tree_too(void **state)
{
	char path[] = "/tmp/husk-tree-XXXXXX";
	int top = make_top(path);
	(void)state;

	touch(top, "file");
	assert_int_equal(symlinkat("/", top, "link"), 0);
	assert_int_equal(tree_erase(top, "file", NULL), 0);
	assert_int_equal(tree_erase(top, "link", NULL), 0);
	assert_int_equal(tree_erase(top, "nothing", NULL), 0);
	(void)close(top);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(a_tree_deeper_than_any_path_goes),
		UNIT_TEST(links_are_removed_and_not_followed),
		UNIT_TEST(a_file_a_link_or_nothing_is_a_tree_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
