/* What a layer's request can ask for and no command does yet: limits, layers below, names in the way. The trees are real, in /dev/shm. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/tree.h"
#include "images/image/layer.h"

enum { BLOCK = 512, TREES = 3 };

struct place {
	char path[64];
	int dir, trees[TREES];
	int blob;
	unsigned waited;
	struct layer_limits limits;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	char name[8];

	assert_non_null(place);
	if (geteuid() != 0)
		skip();
	(void)snprintf(place->path, sizeof(place->path), "/dev/shm/husk-layer.XXXXXX");
	assert_non_null(mkdtemp(place->path));
	place->dir = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place->dir >= 0);
	for (int i = 0; i < TREES; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(mkdirat(place->dir, name, 0700), 0);
		place->trees[i] = openat(place->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(place->trees[i] >= 0);
	}
	place->blob = memfd_create("blob", MFD_CLOEXEC);
	place->limits = layer_limits_default;
	place->limits.free_percent = 0;
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	struct error err = { 0 };

	for (int i = 0; i < TREES; i++)
		(void)close(place->trees[i]);
	(void)close(place->dir);
	(void)close(place->blob);
	cleanup_close int shm = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(tree_erase(shm, place->path + strlen("/dev/shm/"), &err), 0);
	free(place);
	return 0;
}

/* ---- a blob ---- */

static const char ustar[8] = { 'u', 's', 't', 'a', 'r', 0, '0', '0' };

static void add(struct place *place, const char *name, char type, const char *link, const char *body)
{
	char block[BLOCK] = { 0 };
	unsigned sum = 0;

	(void)snprintf(block, 100, "%s", name);
	(void)snprintf(block + 100, 8, "%07o", 0700);
	(void)snprintf(block + 124, 12, "%011o", (unsigned)strlen(body));
	block[156] = type;
	(void)snprintf(block + 157, 100, "%s", link);
	memcpy(block + 257, ustar, sizeof(ustar));
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum);
	assert_int_equal(write(place->blob, block, BLOCK), BLOCK);
	if (*body) {
		char padded[BLOCK] = { 0 };
		assert_true(strlen(body) < sizeof(padded));
		(void)snprintf(padded, sizeof(padded), "%s", body);
		assert_int_equal(write(place->blob, padded, BLOCK), BLOCK);
	}
}

static void end_blob(struct place *place)
{
	static const char zeros[2 * BLOCK];

	assert_int_equal(write(place->blob, zeros, sizeof(zeros)), sizeof(zeros));
}

/* ---- unpacking ---- */

static int wait_lower(void *data)
{
	struct place *place = data;

	place->waited++;
	return 0;
}

/* Puts the blob into tree `index`, above those with lower numbers; 0, or the line of the error. */
static const char *unpack(struct place *place, int index, struct layer_result *ret)
{
	static char line[2048];
	int lower[TREES];
	struct error err = { 0 };
	struct layer_request request = { .name = "L",
		.stream = place->blob,
		.keep = -1,
		.tree = place->trees[index],
		.lower = lower,
		.lower_count = (size_t)index,
		.wait_lower = wait_lower,
		.data = place,
		.limits = &place->limits };

	for (int i = 0; i < index; i++)
		lower[i] = place->trees[index - 1 - i];
	assert_int_equal(lseek(place->blob, 0, SEEK_SET), 0);
	int r = layer_unpack(&request, ret, &err);
	assert_int_equal(ftruncate(place->blob, 0), 0);
	assert_int_equal(lseek(place->blob, 0, SEEK_SET), 0);
	return r < 0 ? error_line(&err, line, sizeof(line)) : NULL;
}

static void expect_unpacked(struct place *place, int index)
{
	struct layer_result result;
	const char *line;

	end_blob(place);
	line = unpack(place, index, &result);
	if (line)
		fail_msg("%s", line);
}

static void expect_refused(struct place *place, int index, const char *words)
{
	struct layer_result result;
	const char *line = NULL;

	end_blob(place);
	line = unpack(place, index, &result);
	assert_non_null(line);
	assert_string_equal(line, words);
}

static mode_t type_of(const struct place *place, int index, const char *path)
{
	struct stat st;

	if (fstatat(place->trees[index], path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return st.st_mode & S_IFMT;
}

static bool is_opaque(const struct place *place, int index, const char *path)
{
	cleanup_close int fd = openat(place->trees[index], path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fgetxattr(fd, "trusted.overlay.opaque", NULL, 0) > 0;
}

/* ---- tests ---- */

static void test_limits(void **state)
{
	struct place *place = *state;

	place->limits.entries = 2;
	for (int i = 0; i < 3; i++)
		add(place, "x", '5', "", "");
	expect_refused(place, 0, "L: x: more than 2 entries");
	place->limits = layer_limits_default;
	place->limits.bytes = 8;
	add(place, "a", '0', "", "12345");
	add(place, "b", '0', "", "12345");
	expect_refused(place, 0, "L: it unpacks to more than the 8 bytes that a layer may have");
	place->limits = layer_limits_default;
	place->limits.depth = 2;
	add(place, "a/b/c", '0', "", "");
	expect_refused(place, 0, "L: a/b/c: more than 2 folders inside each other");
	place->limits = layer_limits_default;
	place->limits.free_percent = 100;
	expect_refused(place, 0, "L: less than 100 % of the file system are free");
}

/* Whatever takes the place of whatever, the last one counts. */
static void test_each_over_each(void **state)
{
	static const struct {
		const char *link;
		mode_t mode;
		char type;
	} kinds[] = { { "", S_IFREG, '0' }, { "target", S_IFREG, '1' }, { "/nowhere", S_IFLNK, '2' },
		{ "", S_IFCHR, '3' }, { "", S_IFDIR, '5' }, { "", S_IFIFO, '6' } };
	struct place *place = *state;
	char name[16];

	add(place, "target", '0', "", "t");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		for (size_t j = 0; j < ARRAY_SIZE(kinds); j++) {
			if (kinds[i].type == '3' || kinds[j].type == '3')
				continue; /* these headers have 0:0 */
			(void)snprintf(name, sizeof(name), "%zu-%zu", i, j);
			add(place, name, kinds[i].type, kinds[i].link, "");
			add(place, name, kinds[j].type, kinds[j].link, "");
		}
	expect_unpacked(place, 0);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		for (size_t j = 0; j < ARRAY_SIZE(kinds); j++) {
			(void)snprintf(name, sizeof(name), "%zu-%zu", i, j);
			if (kinds[i].type != '3' && kinds[j].type != '3')
				assert_int_equal(type_of(place, 0, name), kinds[j].mode);
		}
}

/* A whiteout and an entry of the same name, in every order, and a folder that was a file before. */
static void test_whiteouts(void **state)
{
	struct place *place = *state;

	add(place, ".wh.gone", '0', "", "");
	add(place, ".wh.file", '0', "", "");
	add(place, "file", '0', "", "f");
	add(place, "late", '0', "", "f");
	add(place, ".wh.late", '0', "", "");
	add(place, ".wh.folder", '0', "", "");
	add(place, "folder/in", '0', "", "f");
	add(place, "changed", '0', "", "f");
	add(place, ".wh.changed", '0', "", "");
	add(place, "changed", '5', "", "");
	add(place, "opaque/.wh.x", '0', "", "");
	add(place, "opaque/deep/.wh.y", '0', "", "");
	add(place, "opaque/.wh..wh..opq", '0', "", "");
	add(place, "beside/.wh.z", '0', "", "");
	expect_unpacked(place, 0);
	assert_int_equal(type_of(place, 0, "gone"), S_IFCHR);
	assert_int_equal(type_of(place, 0, "file"), S_IFREG);
	assert_int_equal(type_of(place, 0, "late"), S_IFREG);
	assert_true(is_opaque(place, 0, "folder"));
	assert_true(is_opaque(place, 0, "changed"));
	assert_true(is_opaque(place, 0, "opaque"));
	assert_int_equal(type_of(place, 0, "opaque/x"), 0);
	assert_int_equal(type_of(place, 0, "opaque/deep/y"), 0);
	assert_int_equal(type_of(place, 0, "beside/z"), S_IFCHR);
	assert_false(is_opaque(place, 0, "beside"));
	assert_int_equal(place->waited, 0);
}

/* A hard link finds its file in the nearest layer that says something about it. */
static void test_link_below(void **state)
{
	struct place *place = *state;

	add(place, "d", '5', "", "");
	add(place, "d/file", '0', "", "lowest");
	add(place, "d/other", '0', "", "other");
	expect_unpacked(place, 0);
	add(place, "d", '5', "", "");
	add(place, "d/.wh.other", '0', "", "");
	expect_unpacked(place, 1);
	add(place, "link", '1', "d/file", "");
	expect_unpacked(place, 2);
	assert_int_equal(type_of(place, 2, "link"), S_IFREG);
	assert_int_equal(place->waited, 1);
	add(place, "link2", '1', "d/other", "");
	expect_refused(place, 2, "L: link2: hard link to d/other, which is not in the image");
	add(place, "link3", '1', "d", "");
	expect_refused(place, 2, "L: link3: hard link to d, which is no file in the layers below");
}

static void test_rests_on_lower(void **state)
{
	struct place *place = *state;
	struct layer_result result;

	add(place, "d", '5', "", "");
	add(place, "d/file", '0', "", "x");
	end_blob(place);
	assert_null(unpack(place, 0, &result));
	assert_false(result.rests_on_lower);
	assert_int_equal(result.entries, 2);
	assert_int_equal(result.bytes, 1);
	add(place, "d/file", '0', "", "x");
	end_blob(place);
	assert_null(unpack(place, 1, &result));
	assert_true(result.rests_on_lower);
}

/* Deeper than descriptors reach, and with what a container may have left: no mode, names of any kind. */
static void test_remove_deep(void **state)
{
	struct place *place = *state;
	struct error err = { 0 };
	int at = openat(place->dir, "0", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < 5000; i++) {
		assert_int_equal(mkdirat(at, "d", 0700), 0);
		assert_int_equal(mknodat(at, ".moved.0", S_IFREG | 0600, 0), 0);
		int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		(void)close(at);
		at = next;
	}
	(void)close(at);
	assert_int_equal(tree_erase(place->dir, "0", &err), 0);
	assert_int_equal(faccessat(place->dir, "0", F_OK, 0), -1);
	assert_int_equal(tree_erase(place->dir, "0", &err), 0);
}

#define LAYER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
static const struct CMUnitTest tests[] = {
	LAYER_TEST(test_limits),
	LAYER_TEST(test_each_over_each),
	LAYER_TEST(test_whiteouts),
	LAYER_TEST(test_link_below),
	LAYER_TEST(test_rests_on_lower),
	LAYER_TEST(test_remove_deep),
};
UNIT_MAIN(tests)
