/* spec/json.c: yajl's events to a tree. */
#include "spec/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"

enum { FOUND_MAX = 40, KEYS_COMPARED = 16 };

/* What yajl_status knows of why a callback stopped is only that it did. */
struct parse {
	struct arena *arena;
	struct faults *faults;
	struct json *top; /* the document's value, once it began */
	struct {
		struct json *value, *last; /* an array or object not yet closed, and its last child so far */
	} open[JSON_MAX_DEPTH];
	unsigned depth;
	size_t values;
	const char *key;     /* waits for its value */
	const char *stopped; /* why a callback refused; NULL = yajl's own verdict */
};

static int stop(struct parse *parse, const char *why)
{
	parse->stopped = why;
	return 0;
}

/* ---- the tree ---- */

static struct json *add_value(struct parse *parse, enum json_kind kind)
{
	struct json *value, *parent = parse->depth ? parse->open[parse->depth - 1].value : NULL, **last;

	if (++parse->values > JSON_MAX_VALUES) {
		stop(parse, "more values than a document may have");
		return NULL;
	}
	value = ARENA_NEW(parse->arena, struct json);
	value->kind = kind;
	value->parent = parent;
	value->key = parse->key;
	parse->key = NULL;
	if (!parent) {
		parse->top = value;
		return value;
	}
	value->index = parent->count++;
	last = &parse->open[parse->depth - 1].last;
	if (*last)
		(*last)->next = value;
	else
		parent->first = value;
	*last = value;
	return value;
}

static int open_value(struct parse *parse, enum json_kind kind)
{
	struct json *value;

	if (parse->depth == JSON_MAX_DEPTH)
		return stop(parse, "nested deeper than 64 levels");
	value = add_value(parse, kind);
	if (!value)
		return 0;
	parse->open[parse->depth].value = value;
	parse->open[parse->depth++].last = NULL;
	return 1;
}

static int add_text(struct parse *parse, enum json_kind kind, const char *text, size_t len)
{
	struct json *value = add_value(parse, kind);

	if (!value)
		return 0;
	value->text = arena_copy(parse->arena, text, len);
	value->len = len;
	return 1;
}

/* ---- duplicate keys ---- */

static int compare_keys(const void *a, const void *b)
{
	const struct json *const *left = a, *const *right = b;
	int order = strcmp((*left)->key, (*right)->key);

	return order ? order : ((*left)->index > (*right)->index) - ((*left)->index < (*right)->index);
}

static void duplicate(const struct json *member, struct parse *parse)
{
	faults_add(parse->faults, json_path(member, parse->arena), "the key is there twice");
}

/* Which of two equal keys counts is what parsers differ in, so a document that has both means two things. */
static void check_keys(const struct json *object, struct parse *parse)
{
	const struct json **members;
	size_t count = 0;

	if (object->count <= KEYS_COMPARED) { /* nearly all objects: no need to sort */
		json_for_each(child, object)
			for (const struct json *other = child->next; other; other = other->next)
				if (strcmp(child->key, other->key) == 0)
					duplicate(other, parse);
		return;
	}
	members = ARENA_ARRAY(parse->arena, object->count, const struct json *);
	json_for_each(child, object)
		members[count++] = child;
	qsort(members, count, sizeof(const struct json *), compare_keys); /* NOLINT(bugprone-sizeof-expression) */
	for (size_t i = 1; i < count; i++)
		if (strcmp(members[i - 1]->key, members[i]->key) == 0)
			duplicate(members[i], parse);
}

/* ---- yajl's events ---- */

static int on_null(void *ctx)
{
	return add_value(ctx, JSON_NULL) != NULL;
}

static int on_boolean(void *ctx, int boolean)
{
	struct json *value = add_value(ctx, JSON_BOOL);

	if (value)
		value->boolean = boolean != 0;
	return value != NULL;
}

static int on_number(void *ctx, const char *text, size_t len)
{
	return add_text(ctx, JSON_NUMBER, text, len);
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
	if (memchr(text, '\0', len))
		return stop(ctx, "a string holds a NUL byte");
	return add_text(ctx, JSON_STRING, (const char *)text, len);
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
	struct parse *parse = ctx;

	if (memchr(text, '\0', len))
		return stop(parse, "a key holds a NUL byte");
	parse->key = arena_copy(parse->arena, (const char *)text, len);
	return 1;
}

static int on_object(void *ctx)
{
	return open_value(ctx, JSON_OBJECT);
}

static int on_object_end(void *ctx)
{
	struct parse *parse = ctx;

	check_keys(parse->open[--parse->depth].value, parse);
	return 1;
}

static int on_array(void *ctx)
{
	return open_value(ctx, JSON_ARRAY);
}

static int on_array_end(void *ctx)
{
	struct parse *parse = ctx;

	parse->depth--;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_map_key = on_key,
	.yajl_start_map = on_object,
	.yajl_end_map = on_object_end,
	.yajl_start_array = on_array,
	.yajl_end_array = on_array_end,
};

/* ---- what yajl lets through ---- */

static unsigned hex4(const char *at)
{
	char digits[5] = { at[0], at[1], at[2], at[3], '\0' };

	return (unsigned)strtoul(digits, NULL, 16);
}

/* yajl turns half a surrogate pair into '?', and so into another string than was written [RFC 8259, 8.2]. Returns where
 * the first one stands, or NULL. */
static const char *lone_surrogate(const char *text, const char *end)
{
	for (const char *at = text; (at = memchr(at, '\\', (size_t)(end - at))); at += 2) {
		unsigned unit;
		if (end - at < 6 || at[1] != 'u') {
			if (end - at < 2)
				return NULL;
			continue;
		}
		unit = hex4(at + 2);
		if (unit < 0xd800 || unit > 0xdfff)
			continue;
		if (unit > 0xdbff || end - at < 12 || at[6] != '\\' || at[7] != 'u' || hex4(at + 8) < 0xdc00 ||
			hex4(at + 8) > 0xdfff)
			return at;
		at += 10; /* and 2 by the loop */
	}
	return NULL;
}

/* Where the first line begins that is no UTF-8. */
static size_t bad_line(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		const char *newline = memchr(text + at, '\n', len - at);
		size_t line = newline ? (size_t)(newline - text) - at : len - at;
		if (!text_is_utf8(text + at, line))
			break;
		at += line + 1;
	}
	return at;
}

/* ---- faults ---- */

static void fault_in_text(struct parse *parse, const char *text, size_t at, const char *why)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < at; i++)
		if (text[i] == '\n')
			line++, column = 1;
		else if (((unsigned char)text[i] & 0xc0) != 0x80)
			column++;
	faults_add(parse->faults, arena_printf(parse->arena, "line %zu, column %zu", line, column), "%s", why);
}

/* yajl's words without their frame: "parse error: unallowed token at this point in JSON text\n" and a drawing. */
static const char *yajl_words(struct parse *parse, yajl_handle handle)
{
	unsigned char *words = yajl_get_error(handle, 0, NULL, 0);
	const char *start = (const char *)words, *copy;

	for (const char *colon; (colon = strstr(start, "error: "));)
		start = colon + strlen("error: ");
	copy = arena_copy(parse->arena, start, strcspn(start, "\n"));
	yajl_free_error(handle, words);
	return copy;
}

static const char *words_for(struct parse *parse, yajl_handle handle, bool at_end)
{
	if (!at_end)
		return yajl_words(parse, handle);
	return parse->top && parse->depth == 0 ? "something follows the value" : "it ends too early";
}

static void parse_events(struct parse *parse, yajl_handle handle, const char *text, size_t len)
{
	yajl_status status = yajl_parse(handle, (const unsigned char *)text, len);
	size_t at = status == yajl_status_ok ? len : yajl_get_bytes_consumed(handle);

	if (status == yajl_status_ok)
		status = yajl_complete_parse(handle);
	if (parse->stopped)
		fault_in_text(parse, text, at, parse->stopped);
	else if (status != yajl_status_ok || !parse->top)
		fault_in_text(parse, text, at,
			arena_printf(parse->arena, "this is no JSON: %s", words_for(parse, handle, at == len)));
}

int json_parse(const char *text, size_t len, struct arena *arena, const struct json **ret_value, struct faults *faults)
{
	struct parse parse = { .arena = arena, .faults = faults };
	unsigned before = faults->count;
	const char *surrogate;
	yajl_handle handle;

	*ret_value = NULL;
	if (len > JSON_MAX_BYTES)
		return -EFBIG;
	if (!text_is_utf8(text, len)) {
		fault_in_text(&parse, text, bad_line(text, len), "this line is no UTF-8");
		return 0;
	}
	surrogate = lone_surrogate(text, text + len);
	if (surrogate) {
		fault_in_text(&parse, text, (size_t)(surrogate - text), "half a surrogate pair is no character");
		return 0;
	}
	handle = yajl_alloc(&callbacks, NULL, &parse);
	if (!handle)
		return -ENOMEM;
	parse_events(&parse, handle, text, len);
	yajl_free(handle);
	if (faults->count == before)
		*ret_value = parse.top;
	return 0;
}

/* ---- reading the tree ---- */

const struct json *json_member(const struct json *object, const char *key)
{
	json_for_each(child, object)
		if (strcmp(child->key, key) == 0)
			return child->kind == JSON_NULL ? NULL : child;
	return NULL;
}

const char *json_member_text(const struct json *object, const char *key, const char *missing)
{
	const struct json *value = json_member(object, key);

	return value && value->kind == JSON_STRING ? value->text : missing;
}

bool json_member_bool(const struct json *object, const char *key)
{
	const struct json *value = json_member(object, key);

	return value && value->kind == JSON_BOOL && value->boolean;
}

uint64_t json_member_u64(const struct json *object, const char *key, uint64_t max)
{
	const struct json *value = json_member(object, key);
	uint64_t number = 0;

	return value && json_to_u64(value, 0, max, &number) == 0 ? number : 0;
}

const struct json *json_member_array(const struct json *object, const char *key)
{
	static const struct json none = { .kind = JSON_ARRAY };
	const struct json *value = json_member(object, key);

	return value && value->kind == JSON_ARRAY ? value : &none;
}

static bool is_plain(const char *key)
{
	return *key && key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] == '\0';
}

const char *json_path(const struct json *value, struct arena *arena)
{
	const struct json *way[JSON_MAX_DEPTH + 1];
	size_t count = 0;
	char buf[512];
	struct text path;

	for (; value->parent; value = value->parent)
		way[count++] = value;
	text_init(&path, buf, sizeof(buf));
	while (count > 0) {
		const struct json *part = way[--count];
		if (!part->key)
			text_add(&path, "[%zu]", part->index);
		else if (is_plain(part->key))
			text_add(&path, "%s%s", path.len ? "." : "", part->key);
		else
			text_add(&path, "[\"%s\"]", part->key);
	}
	return arena_strdup(arena, buf);
}

int json_to_u64(const struct json *value, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	return value->kind == JSON_NUMBER ? text_to_u64(value->text, min, max, ret_value) : -EINVAL;
}

int json_to_s64(const struct json *value, int64_t min, int64_t max, int64_t *ret_value)
{
	return value->kind == JSON_NUMBER ? text_to_s64(value->text, min, max, ret_value) : -EINVAL;
}

/* At most FOUND_MAX bytes, cut before a character and not in it. */
static const char *shorten(const struct json *value, const char *quote, struct arena *arena)
{
	size_t len = value->len;

	if (len <= FOUND_MAX)
		return arena_printf(arena, "%s%s%s", quote, value->text, quote);
	for (len = FOUND_MAX; ((unsigned char)value->text[len] & 0xc0) == 0x80;)
		len--;
	return arena_printf(arena, "%s%.*s...%s", quote, (int)len, value->text, quote);
}

const char *json_found(const struct json *value, struct arena *arena)
{
	switch (value->kind) {
	case JSON_STRING: return shorten(value, "\"", arena);
	case JSON_NUMBER: return shorten(value, "", arena);
	case JSON_BOOL: return value->boolean ? "true" : "false";
	case JSON_ARRAY: return "an array";
	case JSON_OBJECT: return "an object";
	case JSON_NULL:
	case JSON_KINDS: break;
	}
	return "null";
}
