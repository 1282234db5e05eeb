/* spec/decode_mounts.c: what appears where in the container [config.md, Mounts]. */
#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"
#include "spec/decode.h"
#include "spec/json.h"
#include "spec/words.h"

enum { MOUNT_MAX_OPTIONS = 1024 };

static bool is_bind(const struct spec_mount *mount)
{
	return mount->bind || mount->remount;
}

/* A relative destination is one beneath "/" [config.md, destination, since 1.2]. */
static void decode_destination(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	const char **ret = field_at(field, object), *before = *ret;

	decode_string(value, field, object, decoder);
	if (*ret != before && **ret != '/')
		*ret = arena_printf(decoder->arena, "/%s", *ret);
}

static void decode_options(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_mount *mount = object;

	if (!decode_is_array(value, field->max, decoder))
		return;
	mount->data.items = ARENA_ARRAY(decoder->arena, value->count + 1, const char *);
	json_for_each(child, value) {
		if (child->kind != JSON_STRING)
			decode_expected(child, decoder, "a string");
		else if (child->len != 0 && !word_mount_apply(child->text, mount))
			mount->data.items[mount->data.count++] = child->text;
	}
}

/* Rules between the members of one mount. */
static void finish_mount(const struct json *value, void *object, struct decoder *decoder)
{
	struct spec_mount *mount = object;

	mount->type = mount->type ? mount->type : "";
	mount->source = mount->source ? mount->source : "";
	if (mount->bind && !*mount->source)
		decode_fault_at(value, "source", decoder, "required for a bind mount, but missing");
	if (!is_bind(mount) && strcmp(mount->type, "bind") == 0)
		decode_fault_at(value, "options", decoder, "a bind mount needs the option \"bind\" or \"rbind\"");
	else if (!is_bind(mount) && !*mount->type)
		decode_fault_at(value, "type", decoder, "required, but missing: only binds and remounts have none");
	if (mount->tmpcopyup && !mount->bind && (mount->remount || strcmp(mount->type, "tmpfs") != 0))
		decode_fault_at(value, "options", decoder, "\"tmpcopyup\" is for tmpfs and for binds of empty folders");
	if (mount->copy_symlink && !mount->bind)
		decode_fault_at(value, "options", decoder, "\"copy-symlink\" is for binds alone");
	if (!mount->uid_mappings.count != !mount->gid_mappings.count)
		decode_fault(value, decoder, "uidMappings and gidMappings are given together or not at all");
	if ((mount->idmap != SPEC_IDMAP_NONE || mount->uid_mappings.count) && !mount->bind)
		decode_fault(value, decoder, "only a bind mount can map ids");
	if (mount->bind)
		mount->type = "";
}

static const struct field mount_fields[] = {
	FIELD("destination", decode_destination, struct spec_mount, destination, .required = true,
		.rule = &rule_not_empty),
	FIELD("type", decode_string, struct spec_mount, type),
	FIELD("source", decode_string, struct spec_mount, source),
	FIELD("options", decode_options, struct spec_mount, data, .max = MOUNT_MAX_OPTIONS),
	FIELD("uidMappings", decode_id_mappings, struct spec_mount, uid_mappings, .max = SPEC_MAX_ID_MAPPINGS),
	FIELD("gidMappings", decode_id_mappings, struct spec_mount, gid_mappings, .max = SPEC_MAX_ID_MAPPINGS),
};

const struct object_type mount_type = {
	FIELDS(mount_fields),
	.size = sizeof(struct spec_mount),
	.origin = MARK(struct spec_mount, origin),
	.finish = finish_mount,
};
