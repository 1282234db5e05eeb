/* base/faults.c: a list of faults in the order they were found. */
#include "base/faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

enum { FAULT_TEXT = 1024 };

void faults_init(struct faults *faults, struct arena *arena, const char *source)
{
	*faults = (struct faults){ .arena = arena, .source = source };
}

PRINTF(4, 0)
static void add(struct faults *faults, bool warning, const char *where, const char *fmt, va_list args)
{
	unsigned *count = warning ? &faults->warnings : &faults->count;
	struct fault *fault;
	char text[FAULT_TEXT];

	if (++*count > FAULTS_KEPT)
		return;
	(void)vsnprintf(text, sizeof(text), fmt, args);
	fault = ARENA_NEW(faults->arena, struct fault);
	*fault = (struct fault){
		.warning = warning,
		.where = arena_strdup(faults->arena, where),
		.what = arena_strdup(faults->arena, text),
	};
	if (faults->last)
		faults->last->next = fault;
	else
		faults->first = fault;
	faults->last = fault;
}

void faults_add(struct faults *faults, const char *where, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(faults, false, where, fmt, args);
	va_end(args);
}

void faults_warn(struct faults *faults, const char *where, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(faults, true, where, fmt, args);
	va_end(args);
}

static void add_part(struct text *text, const char *part)
{
	if (!part || !*part)
		return;
	if (text->len)
		text_add(text, ": ");
	text_add_escaped(text, part, strlen(part));
}

char *fault_line(const struct faults *faults, const struct fault *fault, char *buf, size_t size)
{
	struct text text;

	text_init(&text, buf, size);
	add_part(&text, faults->source);
	add_part(&text, fault->where);
	add_part(&text, fault->what);
	return buf;
}
