/* spec/decode_seccomp.c: linux.seccomp [config-linux.md, Seccomp]. Names of system calls are left to the compiler of the
 * filter: which there are depends on the architecture, and an unknown one is no fault. */
#include <inttypes.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"
#include "spec/decode.h"
#include "spec/json.h"
#include "spec/words.h"

enum {
	SECCOMP_MAX_LIST = 64,    /* architectures, flags */
	SECCOMP_MAX_NAMES = 4096, /* of one rule */
	SECCOMP_MAX_ARGS = 64,
	SECCOMP_MAX_ERRNO = 4095, /* MAX_ERRNO: what a filter can return [seccomp(2), SECCOMP_RET_DATA] */
};

#define ACTION_KIND UINT32_C(0xffff0000) /* an action without its errno or message */

static void decode_action(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	uint64_t action;

	if (decode_find_word(value, field->words, &action, decoder))
		*(uint32_t *)field_at(field, object) = (uint32_t)action;
}

/* Puts the errno into an action that can take one: `given`, or EPERM. A given one elsewhere is a fault. */
static uint32_t with_errno(
	const struct json *object, const char *key, uint32_t action, const uint32_t *given, struct decoder *decoder)
{
	enum { DEFAULT_ERRNO = 1 /* EPERM [config-linux.md, errnoRet] */ };
	uint32_t data = given ? *given : DEFAULT_ERRNO;

	if ((action & ACTION_KIND) == SCMP_ACT_ERRNO(0))
		return SCMP_ACT_ERRNO(data);
	if ((action & ACTION_KIND) == SCMP_ACT_TRACE(0))
		return SCMP_ACT_TRACE(data);
	if (given)
		decode_fault_at(object, key, decoder, "is for SCMP_ACT_ERRNO and SCMP_ACT_TRACE alone");
	return action;
}

/* ---- rules ---- */

static const struct field arg_fields[] = {
	FIELD("index", decode_u32, struct spec_seccomp_arg, index, .required = true, .max = 5),
	FIELD("value", decode_u64, struct spec_seccomp_arg, value, .required = true),
	FIELD("valueTwo", decode_u64, struct spec_seccomp_arg, value_two),
	FIELD("op", decode_word, struct spec_seccomp_arg, op, .required = true, .words = &words_seccomp_operator),
};

static const struct object_type arg_type = { FIELDS(arg_fields), .size = sizeof(struct spec_seccomp_arg) };

struct rule_entry {
	struct spec_seccomp_rule rule;
	bool has_errno;
	uint32_t errno_ret;
};

static void finish_rule(const struct json *value, void *object, struct decoder *decoder)
{
	struct rule_entry *entry = object;

	if (entry->rule.names.count == 0)
		decode_fault_at(value, "names", decoder, "at least one name is required");
	entry->rule.action =
		with_errno(value, "errnoRet", entry->rule.action, entry->has_errno ? &entry->errno_ret : NULL, decoder);
}

static const struct field rule_fields[] = {
	FIELD("names", decode_strings, struct rule_entry, rule.names, .required = true, .max = SECCOMP_MAX_NAMES),
	FIELD("action", decode_action, struct rule_entry, rule.action, .required = true,
		.words = &words_seccomp_action),
	FIELD("errnoRet", decode_u32, struct rule_entry, errno_ret, .max = SECCOMP_MAX_ERRNO,
		.given = MARK(struct rule_entry, has_errno)),
	LIST("args", decode_list, struct rule_entry, rule.args, rule.arg_count, SECCOMP_MAX_ARGS, .type = &arg_type),
};

static const struct object_type rule_type = {
	FIELDS(rule_fields),
	.origin = MARK(struct rule_entry, rule.origin),
	.finish = finish_rule,
};

static void decode_rules(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_seccomp *seccomp = object;

	if (!decode_is_array(value, field->max, decoder))
		return;
	seccomp->rules = ARENA_ARRAY(decoder->arena, value->count, struct spec_seccomp_rule);
	json_for_each(child, value) {
		struct rule_entry entry = { 0 };
		if (decode_fields(child, field->type, &entry, decoder))
			seccomp->rules[seccomp->rule_count++] = entry.rule;
	}
}

/* ---- the filter ---- */

static void decode_architectures(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_seccomp *seccomp = object;
	uint64_t arch;

	if (!decode_is_array(value, field->max, decoder))
		return;
	seccomp->architectures = ARENA_ARRAY(decoder->arena, value->count, uint32_t);
	json_for_each(child, value)
		if (decode_find_word(child, field->words, &arch, decoder))
			seccomp->architectures[seccomp->architecture_count++] = (uint32_t)arch;
}

static void decode_flags(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	uint64_t bits = 0;
	const struct field list = { .max = field->max, .words = field->words };

	decode_word_bits(value, &list, &bits, decoder);
	*(uint32_t *)field_at(field, object) = (uint32_t)bits;
}

static void decode_default_errno(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_seccomp *seccomp = object;
	uint32_t errno_ret = 0;
	const struct field number = { .max = field->max };

	decode_u32(value, &number, &errno_ret, decoder);
	seccomp->default_action = with_errno(value->parent, field->key, seccomp->default_action, &errno_ret, decoder);
}

/* NOTIFY as the answer to everything would ask about the exec of the program before anybody could answer. */
static void check_notify(const struct json *value, struct spec_seccomp *seccomp, struct decoder *decoder)
{
	if (seccomp->default_action == SCMP_ACT_NOTIFY)
		decode_fault_at(value, "defaultAction", decoder, "SCMP_ACT_NOTIFY cannot be the default");
	for (size_t i = 0; i < seccomp->rule_count; i++)
		seccomp->notifies = seccomp->notifies || seccomp->rules[i].action == SCMP_ACT_NOTIFY;
}

static void finish_seccomp(const struct json *value, void *object, struct decoder *decoder)
{
	struct spec_seccomp *seccomp = object;

	if (!seccomp->has_default_errno)
		seccomp->default_action = with_errno(value, "", seccomp->default_action, NULL, decoder);
	check_notify(value, seccomp, decoder);
}

static const struct field seccomp_fields[] = {
	FIELD("defaultAction", decode_action, struct spec_seccomp, default_action, .required = true,
		.words = &words_seccomp_action),
	FIELD("defaultErrnoRet", decode_default_errno, struct spec_seccomp, default_action, .max = SECCOMP_MAX_ERRNO,
		.given = MARK(struct spec_seccomp, has_default_errno)),
	FIELD("architectures", decode_architectures, struct spec_seccomp, architectures, .max = SECCOMP_MAX_LIST,
		.words = &words_seccomp_arch),
	FIELD("flags", decode_flags, struct spec_seccomp, flags, .max = SECCOMP_MAX_LIST, .words = &words_seccomp_flag,
		.given = MARK(struct spec_seccomp, has_flags)),
	FIELD("listenerPath", decode_string, struct spec_seccomp, listener_path, .empty_is_absent = true,
		.rule = &rule_absolute_path),
	FIELD("listenerMetadata", decode_string, struct spec_seccomp, listener_metadata, .empty_is_absent = true),
	FIELD("syscalls", decode_rules, struct spec_seccomp, rules, .max = SPEC_MAX_SECCOMP_RULES, .type = &rule_type),
};

const struct object_type seccomp_type = { FIELDS(seccomp_fields), .finish = finish_seccomp };
