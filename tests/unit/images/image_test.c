/* The store's folder, the image record, and who is meant by a name or id. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "images/images.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define HEX_D "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

#define RECORD(manifest, config)                                                                                         \
	"{\"digest\":\"sha256:" manifest "\",\"config\":\"sha256:" config                                                \
	"\",\"architecture\":\"amd64\",\"variant\":\"\",\"os\":\"linux\",\"created\":\"2026-01-01T00:00:00Z\","          \
	"\"author\":\"\",\"layers\":[{\"id\":\"sha256:" HEX_D "\",\"diffId\":\"sha256:" HEX_D                            \
	"\",\"digest\":\"sha256:" HEX_C                                                                                  \
	"\",\"size\":7,\"unpacked\":9,\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\"}],"                       \
	"\"process\":{\"user\":\"1000\",\"env\":[\"A=b\"],\"entrypoint\":[\"/bin/sh\"],\"cmd\":[],\"workingDir\":\"/\"," \
	"\"volumes\":[\"/data\"],\"exposedPorts\":[\"80/tcp\"],\"labels\":{\"a\":\"b\"},\"stopSignal\":\"\"}}"

static void a_record_reads_and_writes_the_same(void **state)
{
	static const char text[] = RECORD(HEX_A, HEX_B);
	struct unit *unit = *state;
	struct image image;
	char *again;

	assert_int_equal(image_record_parse(text, strlen(text), &unit->arena, &image, NULL), 0);
	assert_int_equal(image.layer_count, 1);
	assert_true(image.layers[0].size == 7 && image.layers[0].unpacked == 9);
	assert_string_equal(image.env.items[0], "A=b");
	assert_int_equal(image.cmd.count, 0);
	assert_string_equal(image.labels[0].value, "b");
	again = image_record_write(&image);
	assert_string_equal(again, text);
	free(again);
}

static void a_record_of_another_form_is_damaged(void **state)
{
	static const char *const texts[] = { "", "{}", "[]", "{\"digest\":\"sha256:../..\"}", RECORD(HEX_A, "x"),
		RECORD(HEX_A, HEX_B) "x", "{\"digest\":\"sha256:" HEX_A "\",\"digest\":\"sha256:" HEX_B "\"}" };
	struct unit *unit = *state;
	struct image image;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(image_record_parse(texts[i], strlen(texts[i]), &unit->arena, &image, NULL), -EBADMSG);
}

static void names_survive_as_files(void **state)
{
	char file[IMAGE_NAME_MAX + 1], name[IMAGE_NAME_MAX + 1], longest[300];
	(void)state;

	assert_int_equal(store_name_encode("docker.io/library/a%b:1", file, NULL), 0);
	assert_string_equal(file, "docker.io%2Flibrary%2Fa%25b:1");
	assert_int_equal(store_name_decode(file, name, sizeof(name)), 0);
	assert_string_equal(name, "docker.io/library/a%b:1");
	assert_int_equal(store_name_decode("a%zz", name, sizeof(name)), -EINVAL);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(store_name_encode(longest, file, NULL), -ENAMETOOLONG);
}

/* ---- a store on disk ---- */

#define STORE_TEMPLATE "/tmp/husk-store-XXXXXX"

static int make_store(char *path)
{
	int store = -1;

	(void)memcpy(path, STORE_TEMPLATE, sizeof(STORE_TEMPLATE));
	assert_non_null(mkdtemp(path));
	assert_int_equal(store_open(path, &store, NULL), 0);
	return store;
}

static void remove_store(const char *path)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", path);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a test */
}

static void put(int store, const char *name, const char *text)
{
	assert_int_equal(file_replace_at(store, name, text, strlen(text), 0600, NULL), 0);
}

static void an_image_is_found_by_name_and_id_when_its_layers_are_there(void **state)
{
	static const struct {
		const char *name;
		int result;
	} cases[] = {
		{ "web:1", IMAGE_FOUND },
		{ "docker.io/library/web:1", IMAGE_FOUND },
		{ "web:2", IMAGE_UNKNOWN },
		{ "sha256:" HEX_A, IMAGE_FOUND },
		{ "sha256:" HEX_B, IMAGE_FOUND },
		{ "sha256:" HEX_C, IMAGE_UNKNOWN },
		{ "aaaaaaaa", IMAGE_FOUND },
		{ "bbbbbbbbb", IMAGE_FOUND },
		{ "aaaaaaa", IMAGE_UNKNOWN },
		{ "cccccccc", IMAGE_UNKNOWN },
		{ HEX_A, IMAGE_FOUND },
		{ "Web", -EINVAL },
		{ "../web", -EINVAL },
		{ "sha256:../x", -EINVAL },
	};
	struct unit *unit = *state;
	char path[64];
	cleanup_close int store = make_store(path);
	struct image image;

	put(store, "images/" HEX_A, RECORD(HEX_A, HEX_B));
	put(store, "names/docker.io%2Flibrary%2Fweb:1", "sha256:" HEX_A "\n");
	assert_int_equal(
		image_find(store, "web:1", &unit->arena, &image, NULL), IMAGE_UNKNOWN); /* its layer is missing */
	assert_int_equal(mkdirat(store, "layers/sha256/" HEX_D, 0700), 0);
	assert_int_equal(mkdirat(store, "layers/sha256/" HEX_D "/tree", 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (image_find(store, cases[i].name, &unit->arena, &image, NULL) != cases[i].result)
			fail_msg("%s", cases[i].name);
	remove_store(path);
}

static void an_id_of_two_images_names_none(void **state)
{
	struct unit *unit = *state;
	char path[64];
	cleanup_close int store = make_store(path);
	struct error err = { 0 };
	struct image image;

	assert_int_equal(mkdirat(store, "layers/sha256/" HEX_D, 0700), 0);
	assert_int_equal(mkdirat(store, "layers/sha256/" HEX_D "/tree", 0755), 0);
	put(store, "images/" HEX_A, RECORD(HEX_A, HEX_B));
	put(store, "images/" HEX_C, RECORD(HEX_C, HEX_B)); /* the same config: the same image */
	assert_int_equal(image_find(store, "bbbbbbbb", &unit->arena, &image, &err), IMAGE_FOUND);
	put(store, "images/" HEX_D, RECORD(HEX_D, "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb"));
	assert_int_equal(image_find(store, "aaaaaaaaaaaaaaaa", &unit->arena, &image, &err), -EINVAL);
	assert_string_equal(err.what, "2 images have an id that begins with aaaaaaaaaaaaaaaa");
	remove_store(path);
}

static void a_damaged_record_or_name_is_an_error_and_no_image(void **state)
{
	struct unit *unit = *state;
	char path[64];
	cleanup_close int store = make_store(path);
	struct image image;

	put(store, "images/" HEX_A, RECORD(HEX_B, HEX_B));
	put(store, "names/docker.io%2Flibrary%2Fweb:1", "sha256:" HEX_A "\n");
	put(store, "names/docker.io%2Flibrary%2Fweb:2", "sha256:../../etc\n");
	assert_int_equal(image_find(store, "web:1", &unit->arena, &image, NULL), -EBADMSG);
	assert_int_equal(image_find(store, "web:2", &unit->arena, &image, NULL), -EINVAL);
	remove_store(path);
}

static void a_store_of_another_version_or_owner_is_refused(void **state)
{
	char path[64];
	cleanup_close int store = make_store(path);
	int other = -1;
	struct error err = { 0 };
	(void)state;

	put(store, "version", "2\n");
	assert_int_equal(store_open(path, &other, &err), -EPROTO);
	put(store, "version", "");
	assert_int_equal(store_open(path, &other, NULL), 0);
	fd_closep(&other);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(store_open(path, &other, NULL), -EPERM);
	remove_store(path);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(a_record_reads_and_writes_the_same),
	UNIT_TEST(a_record_of_another_form_is_damaged),
	UNIT_TEST(names_survive_as_files),
	UNIT_TEST(an_image_is_found_by_name_and_id_when_its_layers_are_there),
	UNIT_TEST(an_id_of_two_images_names_none),
	UNIT_TEST(a_damaged_record_or_name_is_an_error_and_no_image),
	UNIT_TEST(a_store_of_another_version_or_owner_is_refused),
};

UNIT_MAIN(tests)
