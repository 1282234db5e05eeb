/* spec/field.h: the engine that fills structs from JSON objects by tables.
 *
 * A JSON object is a table of fields (struct object_type): key, decoder, place in the struct. Decoders know a type, never
 * an object; what an object asks of several of its own fields stands in its `finish`. Unknown keys are ignored, a null
 * counts as absent [config.md, Extensibility, Valid values]. Every fault is added with its JSON path and decoding goes on;
 * a value with a fault leaves its field as it was. Nothing here opens, asks or writes anything.
 * Made for config.json; images are read by it, too. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "spec/spec.h"

struct field;

struct decoder {
	struct arena *arena;
	struct faults *faults;
};

typedef void decode_fn(const struct json *value, const struct field *field, void *object, struct decoder *decoder);

struct object_type {
	const struct field *fields;
	size_t field_count;
	size_t size;   /* of the struct; for elements of lists */
	size_t origin; /* MARK() of a spec_origin that takes the object's path; 0 = none */
	/* Runs where the fields had no fault; may be NULL. */
	void (*finish)(const struct json *value, void *object, struct decoder *decoder);
};

/* What a string must look like. */
struct string_rule {
	bool (*accepts)(const char *text);
	const char *wants; /* "an absolute path", for messages */
};

struct word {
	const char *name;
	uint64_t value;
};

struct words {
	const char *what; /* "seccomp action", for messages */
	const struct word *items;
	size_t count;
};

struct field {
	const char *key;
	decode_fn *decode;
	size_t offset; /* in the struct; for lists of the pointer to the items */
	size_t given;  /* MARK() of a bool that becomes true where the value is there; 0 = none */
	size_t count;  /* for lists: offset of the size_t */
	bool required;
	bool empty_is_absent;           /* a string "" leaves the field as it was */
	int64_t min;                    /* numbers; both 0 = the type's range */
	uint64_t max;                   /* numbers; lists and maps: how many entries, never 0 */
	const struct string_rule *rule; /* strings and lists of strings; NULL = any */
	const struct words *words;      /* decode_word, decode_word_bits */
	const struct object_type *type; /* objects and lists of them; decoders of one's own say their keys here */
};

/* Rows of tables, with what else they need as designated initializers:
 * FIELD("cwd", decode_string, struct spec_process, cwd, .required = true) */
#define FIELD(name, decoder, type, member, ...)                                                                        \
	{                                                                                                              \
		.key = (name), .decode = (decoder), .offset = offsetof(type, member), __VA_ARGS__                      \
	}
#define LIST(name, decoder, type, items, counter, limit, ...)                                                          \
	FIELD(name, decoder, type, items, .count = offsetof(type, counter), .max = (limit), __VA_ARGS__)
#define MARK(type, member) (offsetof(type, member) + 1)
#define FIELDS(table)      .fields = (table), .field_count = ARRAY_SIZE(table)
#define WORDS(table)       .items = (table), .count = ARRAY_SIZE(table)

static inline void *field_at(const struct field *field, void *object)
{
	return (char *)object + field->offset;
}

/* Decodes the fields of an object into *object and runs `finish`. False where a fault was added. */
bool decode_fields(const struct json *value, const struct object_type *type, void *object, struct decoder *decoder);

decode_fn decode_bool;
decode_fn decode_u16, decode_u32, decode_u64; /* exact integers in [min, max] */
decode_fn decode_s32, decode_s64;
decode_fn decode_limit;       /* struct spec_limit */
decode_fn decode_string;      /* const char * */
decode_fn decode_number_list; /* const char *: "0-3,7"; an empty one is absent */
decode_fn decode_strings;     /* struct spec_strings, at most `max` */
decode_fn decode_pairs;       /* struct spec_pair * with a count: a map of strings, keys not empty, at most `max` */
decode_fn decode_word;        /* int: the value of one of `words` */
decode_fn decode_word_bits;   /* uint64_t: a list of words, or'ed */
decode_fn decode_object;      /* a struct inside the struct, of `type` */
decode_fn decode_list;        /* an array of structs of `type` with a count, at most `max` */

/* "PATH: expected WHAT, found FOUND"; the format says what. */
void decode_expected(const struct json *value, struct decoder *decoder, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Any other fault, at the value's path. */
void decode_fault(const struct json *value, struct decoder *decoder, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* At the path of a member that need not be there. */
void decode_fault_at(const struct json *object, const char *key, struct decoder *decoder, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* `"rox" is no mount option; did you mean "ro"?`, or which words there are. */
void decode_unknown_word(
	const struct json *value, struct decoder *decoder, const char *what, const char *const *names, size_t count);

/* Whether `value` is an array (or object) of at most `max` entries; else the fault is added. */
bool decode_is_array(const struct json *value, uint64_t max, struct decoder *decoder);
bool decode_is_map(const struct json *value, uint64_t max, struct decoder *decoder);

/* The word's value; false where it is none, and the fault is added. */
bool decode_find_word(
	const struct json *value, const struct words *words, uint64_t *ret_value, struct decoder *decoder);

extern const struct string_rule rule_not_empty, rule_absolute_path, rule_environment;
