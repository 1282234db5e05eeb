/* images/image/output.c: see the header. */
#include "images/image/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json_write.h"
#include "base/text.h"

void output_say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vprintf(fmt, args);
	va_end(args);
}

int output_end(struct error *err)
{
	return fflush(stdout) < 0 || ferror(stdout) ? error_sys(err, errno, "write to standard output") : 0;
}

int output_json(struct json_writer *w, struct error *err)
{
	const char *text = json_write_end(w, NULL);

	if (text)
		output_say("%s\n", text);
	json_write_done(w);
	return text ? output_end(err) : error_sys(err, ENOMEM, "write JSON");
}

void image_familiar_name(const char *name, struct arena *arena, const char **ret_repository, const char **ret_tag)
{
	static const char *const prefixes[] = { "docker.io/library/", "docker.io/" };
	char *copy, *at, *colon;

	*ret_repository = *ret_tag = "<none>";
	if (!name)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (text_starts_with(name, prefixes[i])) {
			name += strlen(prefixes[i]);
			break;
		}
	copy = arena_strdup(arena, name);
	at = strchr(copy, '@');
	colon = at ? NULL : strrchr(copy, ':');
	if (at)
		*at = '\0';
	if (colon) {
		*colon = '\0';
		*ret_tag = colon + 1;
	}
	*ret_repository = copy;
}
