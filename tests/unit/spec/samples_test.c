/* The samples of the OCI runtime specification, tests/data/runtime-spec: each must come out as its folder says.
 *
 * husk reads configs. It only writes states and features; for these the same reader and decoder are given the keys that
 * the specification requires. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "spec/decode.h"
#include "spec/json.h"

#define SAMPLES "tests/data/runtime-spec"

struct document {
	const char *version, *version_max, *id, *status, *bundle;
};

static const struct field state_fields[] = {
	FIELD("ociVersion", decode_string, struct document, version, .required = true),
	FIELD("id", decode_string, struct document, id, .required = true),
	FIELD("status", decode_string, struct document, status, .required = true),
	FIELD("bundle", decode_string, struct document, bundle, .required = true),
};
static const struct field features_fields[] = {
	FIELD("ociVersionMin", decode_string, struct document, version, .required = true),
	FIELD("ociVersionMax", decode_string, struct document, version_max, .required = true),
};
static const struct object_type state_type = { FIELDS(state_fields), .size = sizeof(struct document) };
static const struct object_type features_type = { FIELDS(features_fields), .size = sizeof(struct document) };

static void read_as_config(struct unit *unit, const char *text, size_t len)
{
	struct spec *spec;
	struct error err = { 0 };

	assert_int_equal(spec_parse(text, len, &unit->arena, &spec, &unit->faults, &err), 0);
}

static void read_as(struct unit *unit, const struct object_type *type, const char *text, size_t len)
{
	struct decoder decoder = { .arena = &unit->arena, .faults = &unit->faults };
	struct document document = { 0 };
	const struct json *value = NULL;

	assert_int_equal(json_parse(text, len, &unit->arena, &value, &unit->faults), 0);
	if (value)
		(void)decode_fields(value, type, &document, &decoder);
}

/* Reads every sample of the folder; returns how many there are. */
static int read_folder(struct unit *unit, const char *path, const struct object_type *type, bool good)
{
	DIR *dir = opendir(path);
	int count = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		char *text;
		size_t len;
		if (!strstr(entry->d_name, ".json"))
			continue;
		assert_int_equal(
			file_read_at(dirfd(dir), entry->d_name, JSON_MAX_BYTES, &unit->arena, &text, &len, NULL), 0);
		if (type)
			read_as(unit, type, text, len);
		else
			read_as_config(unit, text, len);
		bool is_good = unit->faults.count == 0;
		const char *faults = unit_faults(unit);
		if (is_good != good)
			fail_msg("%s/%s: %s", path, entry->d_name, is_good ? "no fault" : faults);
		count++;
	}
	(void)closedir(dir);
	return count;
}

static void configs_come_out_as_their_folder_says(void **state)
{
	assert_true(read_folder(*state, SAMPLES "/config/good", NULL, true) >= 5);
	assert_true(read_folder(*state, SAMPLES "/config/bad", NULL, false) >= 4);
}

static void states_come_out_as_their_folder_says(void **state)
{
	assert_true(read_folder(*state, SAMPLES "/state/good", &state_type, true) >= 1);
	assert_true(read_folder(*state, SAMPLES "/state/bad", &state_type, false) >= 1);
}

static void features_come_out_as_their_folder_says(void **state)
{
	assert_true(read_folder(*state, SAMPLES "/features/good", &features_type, true) >= 2);
	assert_true(read_folder(*state, SAMPLES "/features/bad", &features_type, false) >= 1);
}

static void a_state_that_husk_writes_has_what_the_sample_has(void **state)
{
	struct unit *unit = *state;
	struct spec_pair annotation = { "myKey", "myValue" };
	const struct spec_state container = {
		.id = "oci-container1",
		.status = SPEC_RUNNING,
		.pid = 4422,
		.bundle = "/containers/redis",
		.annotations = &annotation,
		.annotation_count = 1,
	};
	struct json_writer w;
	size_t len;

	json_write_init(&w);
	spec_state_write(&container, &w, NULL);
	assert_string_equal(json_write_end(&w, &len),
		"{\"ociVersion\":\"" SPEC_VERSION "\",\"id\":\"oci-container1\",\"pid\":4422,\"status\":\"running\","
		"\"bundle\":\"/containers/redis\",\"annotations\":{\"myKey\":\"myValue\"}}");
	read_as(unit, &state_type, w.buf, len);
	assert_string_equal(unit_faults(unit), "");
	json_write_done(&w);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(configs_come_out_as_their_folder_says),
	UNIT_TEST(states_come_out_as_their_folder_says),
	UNIT_TEST(features_come_out_as_their_folder_says),
	UNIT_TEST(a_state_that_husk_writes_has_what_the_sample_has),
};
UNIT_MAIN(tests)
