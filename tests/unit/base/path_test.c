/* Paths of others cannot lead out of the tree that they are in. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"

/* A tree with links that try: out -> /etc, up -> ../../../.., in -> /dir, loop -> loop, gone -> /nowhere/x. */
struct tree {
	char path[64];
	int root;
};

static int plant(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	assert_non_null(tree);
	(void)snprintf(tree->path, sizeof(tree->path), "/tmp/husk-path.XXXXXX");
	assert_non_null(mkdtemp(tree->path));
	tree->root = open(tree->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(tree->root >= 0);
	assert_int_equal(mkdirat(tree->root, "dir", 0755), 0);
	assert_int_equal(mknodat(tree->root, "dir/file", S_IFREG | 0644, 0), 0);
	assert_int_equal(symlinkat("/etc", tree->root, "out"), 0);
	assert_int_equal(symlinkat("../../../..", tree->root, "up"), 0);
	assert_int_equal(symlinkat("/dir", tree->root, "in"), 0);
	assert_int_equal(symlinkat("loop", tree->root, "loop"), 0);
	assert_int_equal(symlinkat("/nowhere/x", tree->root, "gone"), 0);
	*state = tree;
	return 0;
}

static int fell(void **state)
{
	struct tree *tree = *state;
	char command[128];

	(void)close(tree->root);
	(void)snprintf(command, sizeof(command), "rm -rf %s", tree->path);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a path of our own */
	free(tree);
	return 0;
}

/* The path of what was opened, relative to the tree; or the negative errno. */
static const char *where(const struct tree *tree, int fd)
{
	static char buf[PATH_MAX + 1];

	if (fd < 0)
		return strerror(-fd);
	assert_true(path_of_fd(fd, buf, PATH_MAX) > 0);
	(void)close(fd);
	assert_memory_equal(buf, tree->path, strlen(tree->path));
	return buf + strlen(tree->path);
}

static void links_and_dots_stay_inside(void **state)
{
	const struct tree *tree = *state;

	assert_string_equal(where(tree, path_open_in_root(tree->root, "/dir/file", O_PATH)), "/dir/file");
	assert_string_equal(where(tree, path_open_in_root(tree->root, "in/file", O_PATH)), "/dir/file");
	assert_string_equal(where(tree, path_open_in_root(tree->root, "../../dir", O_PATH)), "/dir");
	assert_string_equal(where(tree, path_open_in_root(tree->root, "up/dir", O_PATH)), "/dir");
	assert_int_equal(path_open_in_root(tree->root, "out/passwd", O_PATH), -ENOENT);
	assert_int_equal(path_open_in_root(tree->root, "loop", O_PATH), -ELOOP);
}

static void no_link_is_followed_where_none_may_be(void **state)
{
	const struct tree *tree = *state;

	assert_string_equal(where(tree, path_open_no_symlinks(tree->root, "dir/file", O_PATH)), "/dir/file");
	assert_int_equal(path_open_no_symlinks(tree->root, "in/file", O_PATH), -ELOOP);
	assert_int_equal(path_open_no_symlinks(tree->root, "in", O_PATH), -ELOOP);
}

static void beneath_is_beneath(void **state)
{
	const struct tree *tree = *state;

	assert_string_equal(where(tree, path_open_beneath(tree->root, "dir", O_PATH)), "/dir");
	assert_true(path_open_beneath(tree->root, "..", O_PATH) < 0);
	assert_true(path_open_beneath(tree->root, "dir/../..", O_PATH) < 0);
	assert_true(path_open_beneath(tree->root, "/etc", O_PATH) < 0);
	assert_true(path_open_beneath(tree->root, "in", O_PATH) < 0);
}

static void missing_directories_are_made_inside(void **state)
{
	const struct tree *tree = *state;

	assert_string_equal(where(tree, path_make_dir(tree->root, "/a/b/c", 0755)), "/a/b/c");
	assert_string_equal(where(tree, path_make_dir(tree->root, "/a/b/c", 0755)), "/a/b/c");
	assert_string_equal(where(tree, path_make_dir(tree->root, "in/new", 0755)), "/dir/new");
	assert_string_equal(where(tree, path_make_dir(tree->root, "../../y", 0755)), "/y");
	assert_int_equal(path_make_dir(tree->root, "missing/../z", 0755), -EINVAL);
	assert_true(path_make_dir(tree->root, "gone/y", 0755) < 0);
	assert_true(path_make_dir(tree->root, "dir/file/y", 0755) < 0);
}

static void missing_files_are_made_inside(void **state)
{
	const struct tree *tree = *state;
	struct stat st;

	assert_string_equal(where(tree, path_make_file(tree->root, "/new/file", 0600)), "/new/file");
	assert_int_equal(fstatat(tree->root, "new/file", &st, 0), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_string_equal(where(tree, path_make_file(tree->root, "/dir/file", 0600)), "/dir/file");
	assert_true(path_make_file(tree->root, "gone", 0600) < 0);
}

static void the_parent_of_a_name_is_found(void **state)
{
	const struct tree *tree = *state;
	const char *name;

	assert_string_equal(where(tree, path_open_parent(tree->root, "in/node", &name)), "/dir");
	assert_string_equal(name, "node");
	assert_int_equal(path_open_parent(tree->root, "dir/..", &name), -EINVAL);
	assert_int_equal(path_open_parent(tree->root, "dir/", &name), -EINVAL);
	assert_int_equal(path_open_parent(tree->root, "/", &name), -EINVAL);
}

static void a_folder_for_state_must_be_ours_alone(void **state)
{
	const struct tree *tree = *state;
	char path[128];
	cleanup_close int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/s/t", tree->path);
	fd = path_open_private_dir(path, NULL);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0777), 0);
	assert_int_equal(path_open_private_dir(path, NULL), -EPERM);
	(void)snprintf(path, sizeof(path), "%s/out", tree->path);
	assert_true(path_open_private_dir(path, NULL) < 0);
}

#define TREE_TEST(name) cmocka_unit_test_setup_teardown(name, plant, fell)
static const struct CMUnitTest tests[] = {
	TREE_TEST(links_and_dots_stay_inside),
	TREE_TEST(no_link_is_followed_where_none_may_be),
	TREE_TEST(beneath_is_beneath),
	TREE_TEST(missing_directories_are_made_inside),
	TREE_TEST(missing_files_are_made_inside),
	TREE_TEST(the_parent_of_a_name_is_found),
	TREE_TEST(a_folder_for_state_must_be_ours_alone),
};
UNIT_MAIN(tests)
