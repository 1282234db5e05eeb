/* base/step.c: the list that a plan is. */
#include "base/step.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

void steps_init(struct steps *steps, struct arena *arena)
{
	*steps = (struct steps){ .arena = arena };
}

static void steps_grow(struct steps *steps)
{
	size_t size = steps->size ? steps->size * 2 : 128;
	struct step *items = ARENA_ARRAY(steps->arena, size, struct step);

	if (steps->count)
		memcpy(items, steps->items, steps->count * sizeof(*items));
	steps->items = items;
	steps->size = size;
}

struct step *steps_add(struct steps *steps, const struct step_kind *kind, const char *origin, void *args)
{
	if (steps->count == steps->size)
		steps_grow(steps);
	struct step *step = &steps->items[steps->count++];
	*step = (struct step){ .kind = kind, .origin = origin, .args = args, .fd = -1, .fd2 = -1 };
	return step;
}

void step_blame(const struct step *step, struct error *err)
{
	struct text text;
	char sentence[sizeof(err->what)];

	text_init(&text, sentence, sizeof(sentence));
	if (step->kind->blame)
		step->kind->blame(step, err->code, &text);
	else
		step->kind->say(step, &text);
	memcpy(err->what, sentence, sizeof(sentence));
	if (step->origin)
		error_at(err, "%s", step->origin);
}

int steps_open(struct steps *steps, struct error *err)
{
	for (size_t i = 0; i < steps->count; i++) {
		struct step *step = &steps->items[i];
		int r = step->kind->open ? step->kind->open(step, err) : 0;
		if (r < 0) {
			if (step->origin)
				error_at(err, "%s", step->origin);
			return r;
		}
	}
	return 0;
}

void steps_close(struct steps *steps)
{
	for (size_t i = 0; i < steps->count; i++) {
		fd_closep(&steps->items[i].fd);
		fd_closep(&steps->items[i].fd2);
	}
}

/* ---- in the child ---- */

int walk_await_parent(const struct walk *walk)
{
	char byte;
	ssize_t n;

	do
		n = read(walk->sock, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : STEP_PARENT_GONE;
}

static void open_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "open what comes from the host, as the user namespace allows");
}

static int open_apply(const struct step *step, struct walk *walk)
{
	struct error err = { 0 };

	if (steps_open(step->args, &err) == 0)
		return 0;
	(void)error_line(&err, walk->detail, sizeof(walk->detail));
	return STEP_NOT_OPENED;
}

const struct step_kind open_step = { .name = "open", .say = open_say, .apply = open_apply };
