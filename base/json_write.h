/* base/json_write.h: JSON out, one writer for every command.
 *
 * Values go into one growing buffer, on one line; commas are the writer's business. Keys and strings are escaped, bytes
 * that are no UTF-8 become U+FFFD. A writer that runs out of memory keeps its first error and ignores the rest, so
 * callers check once, at json_write_end(). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_writer {
	char *buf;
	size_t len, size;
	int code;        /* 0, or -ENOMEM once */
	bool need_comma; /* a value stands before, on this level */
};

void json_write_init(struct json_writer *w);
void json_write_done(struct json_writer *w); /* frees the buffer; NULL and twice are fine */

/* `key` is NULL for elements of an array and for the top-level value. */
void json_object(struct json_writer *w, const char *key);
void json_object_end(struct json_writer *w);
void json_array(struct json_writer *w, const char *key);
void json_array_end(struct json_writer *w);
void json_string(struct json_writer *w, const char *key, const char *value); /* NULL is null */
void json_string_len(struct json_writer *w, const char *key, const char *value, size_t len);
void json_int(struct json_writer *w, const char *key, int64_t value);
void json_uint(struct json_writer *w, const char *key, uint64_t value);
void json_bool(struct json_writer *w, const char *key, bool value);
/* A value that is JSON already: a number as it was written, a document. */
void json_raw(struct json_writer *w, const char *key, const char *value, size_t len);
void json_null(struct json_writer *w, const char *key);

/* The text so far, NUL-terminated, owned by the writer; NULL after -ENOMEM. *ret_len may be NULL. */
const char *json_write_end(struct json_writer *w, size_t *ret_len);

/* The same text with newlines and `indent` blanks a level, for people and for `husk spec`; owned by the caller. */
char *json_pretty(const char *json, size_t len, int indent);
