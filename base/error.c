/* base/error.c: one line for a person. The words come from where the cause is known; here they are only put together,
 * and whatever an image or a config put into them is made harmless for a terminal and a log. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

PRINTF(4, 0)
static int fill(struct error *err, int code, bool judged, const char *fmt, va_list args)
{
	code = code == 0 ? -EINVAL : -abs(code);
	if (!err)
		return code;
	*err = (struct error){ .code = code, .judged = judged };
	(void)vsnprintf(err->what, sizeof(err->what), fmt, args);
	return code;
}

int error_sys(struct error *err, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	code = fill(err, code, false, fmt, args);
	va_end(args);
	return code;
}

int error_bad(struct error *err, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	code = fill(err, code, true, fmt, args);
	va_end(args);
	return code;
}

int error_at(struct error *err, const char *fmt, ...)
{
	char front[sizeof(err->where)], rest[sizeof(err->where)];
	va_list args;

	if (!err)
		return -EINVAL;
	va_start(args, fmt);
	(void)vsnprintf(front, sizeof(front), fmt, args);
	va_end(args);
	memcpy(rest, err->where, sizeof(rest));
	struct text text;
	text_init(&text, err->where, sizeof(err->where));
	text_add(&text, *rest ? "%s: %s" : "%s%s", front, rest);
	return err->code;
}

int error_hint(struct error *err, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return -EINVAL;
	if (!*err->hint) {
		va_start(args, fmt);
		(void)vsnprintf(err->hint, sizeof(err->hint), fmt, args);
		va_end(args);
	}
	return err->code;
}

static void add_part(struct text *text, const char *separator, const char *part)
{
	if (!*part)
		return;
	if (text->len)
		text_add(text, "%s", separator);
	text_add_escaped(text, part, strlen(part));
}

char *error_line(const struct error *err, char *buf, size_t size)
{
	struct text text;

	text_init(&text, buf, size);
	add_part(&text, ": ", err->where);
	add_part(&text, ": ", err->what);
	if (err->code != 0 && !err->judged)
		add_part(&text, ": ", strerror(-err->code));
	if (*err->hint) {
		text_add(&text, " (");
		text_add_escaped(&text, err->hint, strlen(err->hint));
		text_add(&text, ")");
	}
	if (text.cut && size > 4)
		memcpy(buf + size - 4, "...", 4);
	return buf;
}
