/* spec/decode.c: the top of a config. */
#include <ctype.h>
#include <string.h>

#include "base/faults.h"
#include "base/text.h"
#include "spec/decode.h"
#include "spec/json.h"

enum { HOST_NAME_MAX_BYTES = 64 /* __NEW_UTS_LEN [sethostname(2)] */ };

static const char *skip_number(const char *at)
{
	size_t digits = strspn(at, "0123456789");

	return digits == 0 || (digits > 1 && *at == '0') ? NULL : at + digits;
}

/* Identifiers of letters, digits and hyphens between dots, none of them empty. Those before "+" that are numbers have
 * no leading zero. */
static const char *skip_identifiers(const char *at, bool numbers_are_plain)
{
	for (;; at++) {
		const char *start = at;
		bool number = true;
		for (; isascii(*at) && (isalnum((unsigned char)*at) || *at == '-'); at++)
			number = number && isdigit((unsigned char)*at);
		if (at == start || (numbers_are_plain && number && at - start > 1 && *start == '0'))
			return NULL;
		if (*at != '.')
			return at;
	}
}

/* [semver.org, 2.0.0] */
static bool is_version(const char *at)
{
	for (int part = 0; part < 3; part++) {
		if (part > 0 && *at++ != '.')
			return false;
		at = skip_number(at);
		if (!at)
			return false;
	}
	if (*at == '-')
		at = skip_identifiers(at + 1, true);
	if (at && *at == '+')
		at = skip_identifiers(at + 1, false);
	return at && *at == '\0';
}

static bool fits_host_name(const char *text)
{
	return strlen(text) <= HOST_NAME_MAX_BYTES;
}

static const struct string_rule version_rule = { is_version, "a version as \"1.3.0\" [semver.org]" };
static const struct string_rule host_name_rule = { fits_host_name, "a name of at most 64 bytes" };

static const struct field root_fields[] = {
	FIELD("path", decode_string, struct spec, root_path, .required = true, .rule = &rule_not_empty),
	FIELD("readonly", decode_bool, struct spec, root_readonly),
};

static const struct object_type root_type = { FIELDS(root_fields) };

/* The root's members lie in the spec itself, so its object is the spec. */
static void decode_root(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	(void)decode_fields(value, field->type, object, decoder);
}

static const struct field spec_fields[] = {
	FIELD("ociVersion", decode_string, struct spec, oci_version, .required = true, .rule = &version_rule),
	FIELD("root", decode_root, struct spec, root_path, .required = true, .type = &root_type),
	FIELD("hostname", decode_string, struct spec, hostname, .empty_is_absent = true, .rule = &host_name_rule),
	FIELD("domainname", decode_string, struct spec, domainname, .empty_is_absent = true, .rule = &host_name_rule),
	LIST("mounts", decode_list, struct spec, mounts, mount_count, SPEC_MAX_MOUNTS, .type = &mount_type),
	FIELD("process", decode_object, struct spec, process, .type = &process_type,
		.given = MARK(struct spec, has_process)),
	FIELD("hooks", decode_object, struct spec, hooks, .type = &hooks_type),
	LIST("annotations", decode_pairs, struct spec, annotations, annotation_count, SPEC_MAX_ANNOTATIONS),
	FIELD("linux", decode_object, struct spec, linux_, .type = &linux_type),
};

const struct object_type spec_type = { FIELDS(spec_fields) };

void decode_spec(const struct json *value, struct arena *arena, struct spec *ret, struct faults *faults)
{
	struct decoder decoder = { .arena = arena, .faults = faults };

	*ret = (struct spec){ 0 };
	(void)decode_fields(value, &spec_type, ret, &decoder);
	if (!ret->linux_.seccomp.listener_path) /* as crun has it */
		ret->linux_.seccomp.listener_path = spec_annotation(ret, "run.oci.seccomp.receiver");
}

void decode_process_alone(
	const struct json *value, struct arena *arena, struct spec_process *ret, struct faults *faults)
{
	struct decoder decoder = { .arena = arena, .faults = faults };

	*ret = (struct spec_process){ 0 };
	(void)decode_fields(value, &process_type, ret, &decoder);
}

void decode_resources_alone(
	const struct json *value, struct arena *arena, struct spec_resources *ret, struct faults *faults)
{
	struct decoder decoder = { .arena = arena, .faults = faults };

	*ret = (struct spec_resources){ .given = true };
	(void)decode_fields(value, &resources_type, ret, &decoder);
}
