/* spec/json.h: a bounded reader of JSON that others wrote.
 *
 * yajl's event parser builds a tree in an arena, under limits that hold for every document. Stricter than yajl where
 * being lenient has been an attack: duplicate keys, NUL bytes, unpaired surrogates, overlong UTF-8, text after the
 * value and numbers that would not survive are faults. Numbers stay as written until a decoder gives them a range,
 * since yajl's own integers cannot hold -2^63 or 2^64-1. [RFC 8259, RFC 7493; CVE-2022-24795, CVE-2023-33460] */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct arena;
struct error;
struct faults;

enum {
	JSON_MAX_BYTES = 64 << 20,
	JSON_MAX_DEPTH = 64,
	JSON_MAX_VALUES = 1 << 21, /* all values of a document together */
};

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT, JSON_KINDS };

/* A value and its place. Children are a list in the order of the document; the arena owns everything. */
struct json {
	enum json_kind kind;
	bool boolean;
	const char *text;          /* string, or number as written; NUL-terminated, holds no other NUL */
	size_t len;                /* of text */
	const struct json *first;  /* children of an array or object */
	size_t count;              /* how many */
	const struct json *next;   /* sibling */
	const struct json *parent; /* NULL at the top */
	const char *key;           /* in an object */
	size_t index;              /* in an array */
};

#define json_for_each(child, value) for (const struct json *child = (value)->first; child; child = child->next)

/* Parses one document. The tree is in *ret_value; NULL when `faults` got one (broken JSON: line and column are named;
 * duplicate keys: the path). Returns 0, also with faults; -EFBIG, -EINVAL for what has no place in the document. */
int json_parse(const char *text, size_t len, struct arena *arena, const struct json **ret_value, struct faults *faults);

/* The member of an object, or NULL; null counts as absent [image-spec: considerations.md], in the runtime-spec too. */
const struct json *json_member(const struct json *object, const char *key);

/* The same where a member that is missing or of another kind is as good as its default: the text, or `missing`; false; 0,
 * also for what is outside [0, max]; an array of nothing. */
const char *json_member_text(const struct json *object, const char *key, const char *missing);
bool json_member_bool(const struct json *object, const char *key);
uint64_t json_member_u64(const struct json *object, const char *key, uint64_t max);
const struct json *json_member_array(const struct json *object, const char *key);

/* "process.rlimits[2].soft", in the arena; "" at the top. Keys that are no plain word: annotations["a b"]. */
const char *json_path(const struct json *value, struct arena *arena);

/* A number as an integer: exact, "1e3" and "1.0" are refused, -ERANGE outside [min, max], -EINVAL if none. */
int json_to_u64(const struct json *value, uint64_t min, uint64_t max, uint64_t *ret_value);
int json_to_s64(const struct json *value, int64_t min, int64_t max, int64_t *ret_value);

/* What stands there, short, for "found ...": `"many"`, `-1`, `an object`, cut at 40 bytes. */
const char *json_found(const struct json *value, struct arena *arena);
