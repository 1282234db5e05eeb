/* resctrl on a folder that looks like it: no machine of the tests has a processor with shares of caches. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "runtime/resctrl.h"
#include "spec/spec.h"

static char tree[64];

/* The kernel fills a group's folder when it is made; here that is done before. */
static void make_group(int root, const char *name)
{
	static const char *const files[] = { "schemata", "tasks" };
	char path[128];

	(void)mkdirat(root, name, 0755);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", name, files[i]);
		(void)close(openat(root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	}
	(void)snprintf(path, sizeof(path), "%s/mon_groups", name);
	(void)mkdirat(root, path, 0755);
}

static int make_tree(void)
{
	(void)snprintf(tree, sizeof(tree), "/tmp/husk-resctrl.XXXXXX");
	assert_non_null(mkdtemp(tree));
	return open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void remove_tree(void)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf %s", tree);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a path of our own */
}

static const char *content(int root, const char *file)
{
	static char buf[512];

	return file_read_small_at(root, file, buf, sizeof(buf)) < 0 ? NULL : buf;
}

static void a_group_of_the_containers_own_is_made_and_removed(void **state)
{
	const struct spec_intel_rdt rdt = { .given = true, .l3_cache_schema = "L3:0=f" };
	cleanup_close int root = make_tree();
	struct resctrl_group group;
	struct stat st;

	(void)state;
	assert_int_equal(resctrl_look(root, &rdt, "box", &group, NULL), 0);
	assert_string_equal(group.name, "box");
	assert_true(group.make);
	assert_int_equal(fstatat(root, "box", &st, 0), -1); /* looking makes nothing */
	assert_int_equal(mkdirat(root, "box", 0755), 0);
	assert_int_equal(resctrl_remove(root, &group, NULL), 0);
	assert_int_equal(fstatat(root, "box", &st, 0), -1);
	assert_int_equal(resctrl_remove(root, &group, NULL), 0); /* again is fine */
	remove_tree();
}

static void schemata_are_written_in_their_order_and_then_the_process_moves(void **state)
{
	const char *more[] = { "L2:0=3", "MB:1=50" };
	const struct spec_intel_rdt rdt = {
		.given = true,
		.l3_cache_schema = "L3:0=f",
		.mem_bw_schema = "MB:0=20",
		.schemata = { more, 2 },
		.enable_monitoring = true,
	};
	cleanup_close int root = make_tree();
	struct resctrl_group group;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(resctrl_look(root, &rdt, "box", &group, &err), 0);
	assert_string_equal(group.mon_group, "box");
	make_group(root, "box");
	make_group(root, "box/mon_groups/box");
	assert_int_equal(resctrl_join(root, &rdt, &group, 4711, &err), 0);
	assert_string_equal(content(root, "box/schemata"), "L3:0=f\nMB:0=20\nL2:0=3\nMB:1=50");
	assert_string_equal(content(root, "box/tasks"), "4711");
	assert_string_equal(content(root, "box/mon_groups/box/tasks"), "4711");
	assert_int_equal(resctrl_update(root, "box", NULL, "MB:0=70", &err), 0);
	assert_true(text_starts_with(content(root, "box/schemata"), "MB:0=70\n"));
	remove_tree();
}

static void a_shared_group_must_be_there_or_have_a_schema(void **state)
{
	const struct spec_intel_rdt rdt = { .given = true, .clos_id = "shared" };
	const struct spec_intel_rdt with_schema = { .given = true, .clos_id = "shared", .l3_cache_schema = "L3:0=f" };
	cleanup_close int root = make_tree();
	struct resctrl_group group;
	struct error err = { 0 };

	(void)state;
	assert_int_equal(resctrl_look(root, &rdt, "box", &group, &err), -ENOENT);
	assert_string_equal(err.where, "linux.intelRdt.closID");
	assert_int_equal(resctrl_look(root, &with_schema, "box", &group, NULL), 0);
	assert_true(group.make);
	make_group(root, "shared");
	assert_int_equal(resctrl_look(root, &rdt, "box", &group, NULL), 0);
	assert_false(group.make);
	assert_int_equal(resctrl_remove(root, &group, NULL), 0); /* not ours */
	assert_non_null(content(root, "shared/tasks"));
	remove_tree();
}

static void a_shared_group_with_other_schemata_is_an_error_and_stays(void **state)
{
	const struct spec_intel_rdt same = { .given = true, .clos_id = "shared", .l3_cache_schema = "L3:0=f" };
	const struct spec_intel_rdt other = { .given = true, .clos_id = "shared", .l3_cache_schema = "L3:0=3" };
	static const char now[] = "    L3:0=f\n    MB:0=100\n";
	cleanup_close int root = make_tree();
	struct resctrl_group group;
	struct error err = { 0 };

	(void)state;
	make_group(root, "shared");
	assert_int_equal(file_write_raw_at(root, "shared/schemata", now, sizeof(now) - 1), 0);
	assert_int_equal(resctrl_look(root, &same, "box", &group, NULL), 0);
	assert_int_equal(resctrl_join(root, &same, &group, 5, &err), 0);
	assert_int_equal(resctrl_join(root, &other, &group, 5, &err), -EEXIST);
	assert_non_null(strstr(err.what, "other schemata than L3:0=3"));
	assert_true(text_starts_with(content(root, "shared/schemata"), "    L3:0=f\n"));
	remove_tree();
}

static void a_slash_is_the_root_group(void **state)
{
	const struct spec_intel_rdt rdt = { .given = true, .clos_id = "/" };
	cleanup_close int root = make_tree();
	struct resctrl_group group;

	(void)state;
	make_group(root, ".");
	assert_int_equal(resctrl_look(root, &rdt, "box", &group, NULL), 0);
	assert_false(group.make);
	assert_int_equal(resctrl_join(root, &rdt, &group, 6, NULL), 0);
	assert_string_equal(content(root, "tasks"), "6");
	remove_tree();
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(a_group_of_the_containers_own_is_made_and_removed),
	UNIT_TEST(schemata_are_written_in_their_order_and_then_the_process_moves),
	UNIT_TEST(a_shared_group_must_be_there_or_have_a_schema),
	UNIT_TEST(a_shared_group_with_other_schemata_is_an_error_and_stays),
	UNIT_TEST(a_slash_is_the_root_group),
};

UNIT_MAIN(tests)
