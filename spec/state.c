/* spec/state.c: the state document, ids and annotations [runtime.md, State]. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/json_write.h"
#include "spec/spec.h"

enum { ID_MAX = 255 /* NAME_MAX: it names a folder */ };

static void write_end(const struct spec_end *end, struct json_writer *w)
{
	if (!end->known && !end->oom)
		return;
	json_object(w, "husk");
	if (end->known)
		json_int(w, "exitCode", end->code);
	if (end->signal && word_signal_name(end->signal))
		json_string(w, "signal", word_signal_name(end->signal));
	json_bool(w, "oom", end->oom);
	json_object_end(w);
}

void spec_state_write(const struct spec_state *state, struct json_writer *w, const char *key)
{
	json_object(w, key);
	json_string(w, "ociVersion", SPEC_VERSION);
	json_string(w, "id", state->id);
	json_int(w, "pid", state->pid);
	json_string(w, "status", spec_status_names[state->status]);
	json_string(w, "bundle", state->bundle);
	if (state->rootfs)
		json_string(w, "rootfs", state->rootfs);
	if (state->created)
		json_string(w, "created", state->created);
	if (state->annotation_count) {
		json_object(w, "annotations");
		for (size_t i = 0; i < state->annotation_count; i++)
			json_string(w, state->annotations[i].key, state->annotations[i].value);
		json_object_end(w);
	}
	if (state->owner)
		json_string(w, "owner", state->owner);
	write_end(&state->end, w);
	json_object_end(w);
}

const char *spec_pair_value(const struct spec_pair *pairs, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(pairs[i].key, key) == 0)
			return pairs[i].value;
	return NULL;
}

const char *spec_annotation(const struct spec *spec, const char *key)
{
	return spec_pair_value(spec->annotations, spec->annotation_count, key);
}

static bool is_id_char(char c, bool first)
{
	return (isascii(c) && isalnum((unsigned char)c)) || c == '_' || c == '+' || c == '-' || (!first && c == '.');
}

int spec_check_id(const char *id, struct error *err)
{
	size_t len = strlen(id);

	if (len == 0)
		return error_bad(err, EINVAL, "the container id is empty");
	if (len > ID_MAX)
		return error_bad(err, EINVAL, "the container id has %zu bytes; at most %d are allowed", len, ID_MAX);
	for (size_t i = 0; i < len; i++)
		if (!is_id_char(id[i], i == 0))
			return error_bad(err, EINVAL,
				"\"%s\" is no container id: letters, digits, \"_\", \"+\", \"-\""
				" and, not at its beginning, \".\" are allowed",
				id);
	return 0;
}
