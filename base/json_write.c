/* base/json_write.c: JSON out. */
#include "base/json_write.h"

#include <inttypes.h>
#include <stdarg.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void json_write_init(struct json_writer *w)
{
	*w = (struct json_writer){ 0 };
}

void json_write_done(struct json_writer *w)
{
	free(w->buf);
	*w = (struct json_writer){ 0 };
}

/* Room for `more` bytes and a NUL. */
static bool reserve(struct json_writer *w, size_t more)
{
	size_t size = w->size ? w->size : 1024;

	if (w->code < 0)
		return false;
	while (size - w->len <= more)
		if (__builtin_mul_overflow(size, 2, &size))
			break;
	if (size == w->size)
		return true;
	char *buf = size - w->len > more ? realloc(w->buf, size) : NULL;
	if (!buf) {
		w->code = -ENOMEM;
		return false;
	}
	w->buf = buf;
	w->size = size;
	return true;
}

static void put(struct json_writer *w, const char *bytes, size_t len)
{
	if (!reserve(w, len))
		return;
	memcpy(w->buf + w->len, bytes, len);
	w->len += len;
	w->buf[w->len] = '\0';
}

static void put_text(struct json_writer *w, const char *text)
{
	put(w, text, strlen(text));
}

/* ---- strings ---- */

static const char *escape_of(char c)
{
	switch (c) {
	case '"': return "\\\"";
	case '\\': return "\\\\";
	case '\n': return "\\n";
	case '\r': return "\\r";
	case '\t': return "\\t";
	case '\b': return "\\b";
	case '\f': return "\\f";
	default: return NULL;
	}
}

/* The length of the UTF-8 sequence at `bytes`, or 0 where there is none. */
static size_t sequence(const char *bytes, size_t len)
{
	for (size_t n = 1; n <= 4 && n <= len; n++)
		if (text_is_utf8(bytes, n))
			return n;
	return 0;
}

static void put_escaped(struct json_writer *w, const char *value, size_t len)
{
	put_text(w, "\"");
	for (size_t i = 0; i < len;) {
		const char *escape = escape_of(value[i]);
		size_t n = sequence(value + i, len - i);
		char code[8];

		if (escape)
			put_text(w, escape);
		else if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f) {
			(void)snprintf(code, sizeof(code), "\\u%04x", value[i]);
			put_text(w, code);
		} else if (n == 0)
			put_text(w, "\xef\xbf\xbd"); /* U+FFFD */
		else
			put(w, value + i, n);
		i += n ? n : 1;
	}
	put_text(w, "\"");
}

/* ---- values ---- */

static void begin(struct json_writer *w, const char *key)
{
	if (w->need_comma)
		put_text(w, ",");
	if (key) {
		put_escaped(w, key, strlen(key));
		put_text(w, ":");
	}
	w->need_comma = true;
}

static void open_level(struct json_writer *w, const char *key, const char *bracket)
{
	begin(w, key);
	put_text(w, bracket);
	w->need_comma = false;
}

static void close_level(struct json_writer *w, const char *bracket)
{
	put_text(w, bracket);
	w->need_comma = true;
}

void json_object(struct json_writer *w, const char *key)
{
	open_level(w, key, "{");
}

void json_object_end(struct json_writer *w)
{
	close_level(w, "}");
}

void json_array(struct json_writer *w, const char *key)
{
	open_level(w, key, "[");
}

void json_array_end(struct json_writer *w)
{
	close_level(w, "]");
}

void json_string_len(struct json_writer *w, const char *key, const char *value, size_t len)
{
	begin(w, key);
	put_escaped(w, value, len);
}

void json_string(struct json_writer *w, const char *key, const char *value)
{
	if (value)
		json_string_len(w, key, value, strlen(value));
	else
		json_null(w, key);
}

void json_int(struct json_writer *w, const char *key, int64_t value)
{
	char text[32];

	begin(w, key);
	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	put_text(w, text);
}

void json_uint(struct json_writer *w, const char *key, uint64_t value)
{
	char text[32];

	begin(w, key);
	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	put_text(w, text);
}

void json_raw(struct json_writer *w, const char *key, const char *value, size_t len)
{
	begin(w, key);
	put(w, value, len);
}

void json_bool(struct json_writer *w, const char *key, bool value)
{
	begin(w, key);
	put_text(w, value ? "true" : "false");
}

void json_null(struct json_writer *w, const char *key)
{
	begin(w, key);
	put_text(w, "null");
}

const char *json_write_end(struct json_writer *w, size_t *ret_len)
{
	put_text(w, "");
	if (w->code < 0)
		return NULL;
	if (ret_len)
		*ret_len = w->len;
	return w->buf;
}

/* ---- for people ---- */

static void newline(struct json_writer *out, int indent, int depth)
{
	put_text(out, "\n");
	for (int i = 0; i < indent * depth; i++)
		put_text(out, " ");
}

/* A string whole, quotes included; returns the index of its last byte. */
static size_t copy_string(struct json_writer *out, const char *json, size_t len, size_t at)
{
	size_t end = at + 1;

	while (end < len && json[end] != '"')
		end += json[end] == '\\' ? 2 : 1;
	put(out, json + at, end + 1 - at);
	return end;
}

/* Our own output has no blanks and is correct, so brackets and commas tell everything. */
char *json_pretty(const char *json, size_t len, int indent)
{
	struct json_writer out = { 0 };
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = json[i];
		if (c == '"') {
			i = copy_string(&out, json, len, i);
		} else if ((c == '{' || c == '[') && i + 1 < len && (json[i + 1] == '}' || json[i + 1] == ']')) {
			put(&out, json + i++, 2);
		} else if (c == '{' || c == '[') {
			put(&out, &c, 1);
			newline(&out, indent, ++depth);
		} else if (c == '}' || c == ']') {
			newline(&out, indent, --depth);
			put(&out, &c, 1);
		} else if (c == ',') {
			put(&out, &c, 1);
			newline(&out, indent, depth);
		} else {
			put(&out, &c, 1);
			if (c == ':')
				put_text(&out, " ");
		}
	}
	put_text(&out, "");
	if (out.code < 0)
		json_write_done(&out);
	return out.buf;
}
