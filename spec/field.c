/* spec/field.c: walks a table of fields over a JSON object. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"
#include "spec/decode.h"
#include "spec/json.h"

enum { WORDS_SAID = 160 /* bytes of a list of words worth reading in a message */ };

/* ---- faults ---- */

void decode_expected(const struct json *value, struct decoder *decoder, const char *fmt, ...)
{
	char what[256];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	faults_add(decoder->faults, json_path(value, decoder->arena), "expected %s, found %s", what,
		json_found(value, decoder->arena));
}

void decode_fault(const struct json *value, struct decoder *decoder, const char *fmt, ...)
{
	char what[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	faults_add(decoder->faults, json_path(value, decoder->arena), "%s", what);
}

void decode_fault_at(const struct json *object, const char *key, struct decoder *decoder, const char *fmt, ...)
{
	const char *path = json_path(object, decoder->arena);
	char what[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	faults_add(decoder->faults, arena_printf(decoder->arena, "%s%s%s", path, *path ? "." : "", key), "%s", what);
}

void decode_unknown_word(
	const struct json *value, struct decoder *decoder, const char *what, const char *const *names, size_t count)
{
	const char *nearest = text_nearest(value->text, names, count), *found = json_found(value, decoder->arena);
	char buf[WORDS_SAID];
	struct text list;

	text_init(&list, buf, sizeof(buf));
	for (size_t i = 0; i < count; i++)
		text_add(&list, "%s%s", i ? ", " : "", names[i]);
	if (nearest)
		decode_fault(value, decoder, "%s is no %s; did you mean \"%s\"?", found, what, nearest);
	else if (count && !list.cut)
		decode_fault(value, decoder, "%s is no %s; there are %s", found, what, buf);
	else
		decode_fault(value, decoder, "%s is no %s", found, what);
}

/* ---- numbers and truth ---- */

void decode_bool(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	bool *ret = field_at(field, object);

	if (value->kind == JSON_BOOL)
		*ret = value->boolean;
	else
		decode_expected(value, decoder, "true or false");
}

static bool unsigned_in_range(
	const struct json *value, const struct field *field, uint64_t type_max, uint64_t *ret, struct decoder *decoder)
{
	uint64_t min = (uint64_t)field->min, max = field->max ? field->max : type_max;
	bool too_large = value->kind == JSON_NUMBER && value->text[strspn(value->text, "0123456789")] == '\0';

	if (json_to_u64(value, min, max, ret) == 0)
		return true;
	if (min == 0 && max == UINT64_MAX && !too_large)
		decode_expected(value, decoder, "an unsigned integer");
	else
		decode_expected(value, decoder, "an integer from %" PRIu64 " to %" PRIu64, min, max);
	return false;
}

static bool signed_in_range(const struct json *value, const struct field *field, int64_t type_min, int64_t type_max,
	int64_t *ret, struct decoder *decoder)
{
	bool has_range = field->min || field->max;
	int64_t min = has_range ? field->min : type_min;
	int64_t max = field->max ? (int64_t)field->max : type_max;

	if (json_to_s64(value, min, max, ret) == 0)
		return true;
	if (!has_range && value->kind != JSON_NUMBER)
		decode_expected(value, decoder, "an integer");
	else
		decode_expected(value, decoder, "an integer from %" PRId64 " to %" PRId64, min, max);
	return false;
}

void decode_u16(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	uint64_t number;

	if (unsigned_in_range(value, field, UINT16_MAX, &number, decoder))
		*(uint16_t *)field_at(field, object) = (uint16_t)number;
}

void decode_u32(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	uint64_t number;

	if (unsigned_in_range(value, field, UINT32_MAX, &number, decoder))
		*(uint32_t *)field_at(field, object) = (uint32_t)number;
}

void decode_u64(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	uint64_t number;

	if (unsigned_in_range(value, field, UINT64_MAX, &number, decoder))
		*(uint64_t *)field_at(field, object) = number;
}

void decode_s32(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	int64_t number;

	if (signed_in_range(value, field, INT32_MIN, INT32_MAX, &number, decoder))
		*(int32_t *)field_at(field, object) = (int32_t)number;
}

void decode_s64(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	int64_t number;

	if (signed_in_range(value, field, INT64_MIN, INT64_MAX, &number, decoder))
		*(int64_t *)field_at(field, object) = number;
}

void decode_limit(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_limit *ret = field_at(field, object);
	int64_t number;

	if (signed_in_range(value, field, INT64_MIN, INT64_MAX, &number, decoder))
		*ret = (struct spec_limit){ .given = true, .value = number };
}

/* ---- strings ---- */

static bool not_empty(const char *text)
{
	return *text != '\0';
}

static bool absolute(const char *text)
{
	return *text == '/';
}

static bool is_assignment(const char *text)
{
	return strchr(text, '=') != NULL;
}

const struct string_rule rule_not_empty = { not_empty, "a string that is not empty" };
const struct string_rule rule_absolute_path = { absolute, "an absolute path" };
const struct string_rule rule_environment = { is_assignment, "NAME=VALUE" };

static bool is_string(const struct json *value, const struct string_rule *rule, struct decoder *decoder)
{
	if (value->kind == JSON_STRING && (!rule || rule->accepts(value->text)))
		return true;
	decode_expected(value, decoder, "%s", rule ? rule->wants : "a string");
	return false;
}

void decode_string(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	const char **ret = field_at(field, object);

	if (field->empty_is_absent && value->kind == JSON_STRING && value->len == 0)
		return;
	if (is_string(value, field->rule, decoder))
		*ret = value->text;
}

/* The number at `at` and what follows it; NULL where there is none. CPUs and memory nodes have no larger ones. */
static const char *skip_number(const char *at, unsigned long *ret)
{
	size_t digits = strspn(at, "0123456789");

	if (digits == 0 || digits > 5)
		return NULL;
	*ret = strtoul(at, NULL, 10);
	return at + digits;
}

static bool is_number_list(const char *at)
{
	unsigned long first, last;

	for (;; at++) {
		at = skip_number(at, &first);
		if (!at)
			return false;
		if (*at == '-') {
			at = skip_number(at + 1, &last);
			if (!at || last < first)
				return false;
		}
		if (*at != ',')
			return *at == '\0';
	}
}

/* Blanks, which the schema allows, are dropped so that nobody else has to. */
void decode_number_list(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	const char **ret = field_at(field, object);
	char *list;
	size_t len = 0;

	if (value->kind == JSON_STRING) {
		list = arena_copy(decoder->arena, value->text, value->len);
		for (const char *c = value->text; *c; c++)
			if (*c != ' ')
				list[len++] = *c;
		list[len] = '\0';
		if (len == 0)
			return;
		if (is_number_list(list)) {
			*ret = list;
			return;
		}
	}
	decode_expected(value, decoder, "a list of numbers as \"0-3,7\"");
}

void decode_strings(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_strings *ret = field_at(field, object);
	struct spec_strings strings = { 0 };

	if (!decode_is_array(value, field->max, decoder))
		return;
	strings.items = ARENA_ARRAY(decoder->arena, value->count + 1, const char *);
	json_for_each(child, value)
		if (is_string(child, field->rule, decoder))
			strings.items[strings.count++] = child->text;
	*ret = strings;
}

void decode_pairs(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_pair **ret = field_at(field, object), *pairs;
	size_t count = 0;

	if (!decode_is_map(value, field->max, decoder))
		return;
	pairs = ARENA_ARRAY(decoder->arena, value->count, struct spec_pair);
	json_for_each(child, value) {
		if (*child->key == '\0')
			decode_fault(child, decoder, "an empty name is not allowed here");
		else if (is_string(child, field->rule, decoder))
			pairs[count++] = (struct spec_pair){ child->key, child->text };
	}
	*ret = pairs;
	*(size_t *)((char *)object + field->count) = count;
}

/* ---- words ---- */

bool decode_find_word(const struct json *value, const struct words *words, uint64_t *ret_value, struct decoder *decoder)
{
	const char **names;

	if (value->kind != JSON_STRING) {
		decode_expected(value, decoder, "a string");
		return false;
	}
	for (size_t i = 0; i < words->count; i++)
		if (strcmp(words->items[i].name, value->text) == 0) {
			*ret_value = words->items[i].value;
			return true;
		}
	names = ARENA_ARRAY(decoder->arena, words->count, const char *);
	for (size_t i = 0; i < words->count; i++)
		names[i] = words->items[i].name;
	decode_unknown_word(value, decoder, words->what, names, words->count);
	return false;
}

void decode_word(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	uint64_t word;

	if (decode_find_word(value, field->words, &word, decoder))
		*(int *)field_at(field, object) = (int)word;
}

void decode_word_bits(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	uint64_t *ret = field_at(field, object), bits = 0, word;

	if (!decode_is_array(value, field->max, decoder))
		return;
	json_for_each(child, value)
		if (decode_find_word(child, field->words, &word, decoder))
			bits |= word;
	*ret = bits;
}

/* ---- objects and lists of them ---- */

bool decode_is_array(const struct json *value, uint64_t max, struct decoder *decoder)
{
	if (value->kind != JSON_ARRAY)
		decode_expected(value, decoder, "an array");
	else if (value->count > max)
		decode_fault(value, decoder, "at most %" PRIu64 " entries are allowed, found %zu", max, value->count);
	return value->kind == JSON_ARRAY && value->count <= max;
}

bool decode_is_map(const struct json *value, uint64_t max, struct decoder *decoder)
{
	if (value->kind != JSON_OBJECT)
		decode_expected(value, decoder, "an object");
	else if (value->count > max)
		decode_fault(value, decoder, "at most %" PRIu64 " entries are allowed, found %zu", max, value->count);
	return value->kind == JSON_OBJECT && value->count <= max;
}

static void decode_field(
	const struct json *object_value, const struct field *field, void *object, struct decoder *decoder)
{
	const struct json *value = json_member(object_value, field->key);

	if (value) {
		field->decode(value, field, object, decoder);
		if (field->given)
			*((bool *)object + field->given - 1) = true;
	} else if (field->required) {
		decode_fault_at(object_value, field->key, decoder, "required, but missing");
	}
}

bool decode_fields(const struct json *value, const struct object_type *type, void *object, struct decoder *decoder)
{
	unsigned before = decoder->faults->count;

	if (value->kind != JSON_OBJECT) {
		decode_expected(value, decoder, "an object");
		return false;
	}
	if (type->origin)
		*(spec_origin *)(void *)((char *)object + type->origin - 1) = json_path(value, decoder->arena);
	for (size_t i = 0; i < type->field_count; i++)
		decode_field(value, &type->fields[i], object, decoder);
	if (decoder->faults->count == before && type->finish)
		type->finish(value, object, decoder);
	return decoder->faults->count == before;
}

void decode_object(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	(void)decode_fields(value, field->type, field_at(field, object), decoder);
}

void decode_list(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	const struct object_type *type = field->type;
	char *items;
	size_t count = 0;

	if (!decode_is_array(value, field->max, decoder))
		return;
	items = arena_array(decoder->arena, value->count, type->size);
	json_for_each(child, value)
		if (decode_fields(child, type, items + count * type->size, decoder))
			count++;
		else /* its place is the next one's */
			memset(items + count * type->size, 0, type->size);
	*(void **)field_at(field, object) = items;
	*(size_t *)((char *)object + field->count) = count;
}
