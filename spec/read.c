/* spec/read.c: text in, a checked spec out. */
#include <errno.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/file.h"
#include "spec/decode.h"
#include "spec/json.h"

int spec_parse(const char *text, size_t len, struct arena *arena, struct spec **ret_spec, struct faults *faults,
	struct error *err)
{
	const struct json *value;
	struct spec *spec = ARENA_NEW(arena, struct spec);
	int r = json_parse(text, len, arena, &value, faults);

	if (r < 0)
		return error_bad(err, r, "the document cannot be read");
	if (value) {
		decode_spec(value, arena, spec, faults);
		check_spec(spec, faults);
	}
	*ret_spec = spec;
	return 0;
}

int spec_read(int bundle, struct arena *arena, struct spec **ret_spec, const char **ret_text, size_t *ret_len,
	struct faults *faults, struct error *err)
{
	char *text;
	int r = file_read_at(bundle, "config.json", JSON_MAX_BYTES, arena, &text, ret_len, err);

	if (r == -ENOENT)
		error_hint(
			err, "a bundle is a folder with a config.json and a root file system; `husk spec` writes one");
	if (r < 0)
		return r;
	*ret_text = text;
	return spec_parse(text, *ret_len, arena, ret_spec, faults, err);
}

int spec_parse_process(const char *text, size_t len, struct arena *arena, struct spec_process *ret_process,
	struct faults *faults, struct error *err)
{
	const struct json *value;
	int r = json_parse(text, len, arena, &value, faults);

	if (r < 0)
		return error_bad(err, r, "the document cannot be read");
	if (value)
		decode_process_alone(value, arena, ret_process, faults);
	return 0;
}

int spec_parse_resources(const char *text, size_t len, struct arena *arena, struct spec_resources *ret_resources,
	struct faults *faults, struct error *err)
{
	const struct json *value;
	int r = json_parse(text, len, arena, &value, faults);

	if (r < 0)
		return error_bad(err, r, "the document cannot be read");
	if (value)
		decode_resources_alone(value, arena, ret_resources, faults);
	return 0;
}
