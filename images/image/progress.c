/* images/image/progress.c: see the header. */
#include "images/image/progress.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "images/digest.h"
#include "images/image/human.h"

enum { REDRAW_MS = 100, SHORT_ID = 12, BAR = 30, ROWS_DEFAULT = 24 };

const char *const progress_styles[] = { "auto", "plain", "tty", "json", "none", NULL };

struct layer_progress {
	char id[SHORT_ID + 1];
	uint64_t size, bytes;
	bool done, present;
	int64_t told_ms;
};

struct progress {
	pthread_mutex_t lock;
	enum progress_style style;
	size_t count;
	struct layer_progress *layers;
	size_t drawn; /* lines on the terminal, above the cursor */
	int64_t drawn_ms;
	bool ended;
};

struct progress *progress_new(enum progress_style style, size_t layers)
{
	const char *term = getenv("TERM");
	bool terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
	struct progress *progress;

	if (style == PROGRESS_NONE)
		return NULL;
	progress = calloc(1, sizeof(*progress));
	if (!progress)
		return NULL;
	progress->style = style != PROGRESS_AUTO ? style : terminal ? PROGRESS_TTY : PROGRESS_PLAIN;
	progress->layers = calloc(layers + 1, sizeof(*progress->layers));
	progress->count = progress->layers ? layers : 0;
	(void)pthread_mutex_init(&progress->lock, NULL);
	return progress;
}

void progress_free(struct progress *progress)
{
	if (!progress)
		return;
	(void)pthread_mutex_destroy(&progress->lock);
	free(progress->layers);
	free(progress);
}

/* ---- what is said ---- */

static void draw_bar(const struct layer_progress *layer)
{
	char bytes[HUMAN_MAX], size[HUMAN_MAX], bar[BAR + 1];
	size_t full = layer->size ? (size_t)((double)layer->bytes / (double)layer->size * BAR) : BAR;

	if (layer->done) {
		(void)fprintf(stderr, "\r%s: %s %s\033[K\n", layer->id, layer->present ? "already there" : "unpacked",
			human_size(layer->size, size));
		return;
	}
	memset(bar, ' ', BAR);
	memset(bar, '=', full < BAR ? full : BAR);
	bar[BAR] = '\0';
	(void)fprintf(stderr, "\r%s: [%s] %s/%s\033[K\n", layer->id, bar, human_size(layer->bytes, bytes),
		human_size(layer->size, size));
}

/* Only as many lines as the terminal has can be drawn over again: the last ones, then. */
static void draw(struct progress *progress)
{
	struct winsize window = { 0 };
	size_t rows = ROWS_DEFAULT, first;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_row > 2)
		rows = window.ws_row;
	first = progress->count > rows - 1 ? progress->count - (rows - 1) : 0;
	if (progress->drawn)
		(void)fprintf(stderr, "\033[%zuA", progress->drawn);
	for (size_t i = first; i < progress->count; i++)
		draw_bar(&progress->layers[i]);
	progress->drawn = progress->count - first;
	progress->drawn_ms = clock_ms();
	(void)fflush(stderr);
}

static void say_json(const struct progress *progress, const struct layer_progress *layer)
{
	struct json_writer w;
	const char *text;

	json_write_init(&w);
	json_object(&w, NULL);
	json_uint(&w, "layer", (uint64_t)(layer - progress->layers) + 1);
	json_uint(&w, "of", progress->count);
	json_string(&w, "id", layer->id);
	json_uint(&w, "bytes", layer->done ? layer->size : layer->bytes);
	json_uint(&w, "size", layer->size);
	json_string(&w, "status", !layer->done ? "unpacking" : layer->present ? "present" : "done");
	json_object_end(&w);
	text = json_write_end(&w, NULL);
	if (text)
		(void)fprintf(stderr, "%s\n", text);
	json_write_done(&w);
}

static void say_line(const struct progress *progress, const struct layer_progress *layer)
{
	char size[HUMAN_MAX];

	(void)fprintf(stderr, "layer %zu of %zu: %s, %s, %s\n", (size_t)(layer - progress->layers) + 1, progress->count,
		layer->id, human_size(layer->size, size), layer->present ? "already there" : "unpacked");
}

/* ---- what happens; the lock is held ---- */

static void tell(struct progress *progress, struct layer_progress *layer)
{
	int64_t now = clock_ms();

	switch (progress->style) {
	case PROGRESS_TTY:
		if (now - progress->drawn_ms >= REDRAW_MS)
			draw(progress);
		break;
	case PROGRESS_JSON:
		if (layer->done || now - layer->told_ms >= REDRAW_MS) {
			layer->told_ms = now;
			say_json(progress, layer);
		}
		break;
	case PROGRESS_PLAIN:
		if (layer->done)
			say_line(progress, layer);
		break;
	case PROGRESS_AUTO:
	case PROGRESS_NONE: break;
	}
}

static struct layer_progress *begin(struct progress *progress, size_t index)
{
	if (!progress || index >= progress->count)
		return NULL;
	(void)pthread_mutex_lock(&progress->lock);
	return &progress->layers[index];
}

void progress_layer(struct progress *progress, size_t index, const struct digest *digest, uint64_t size)
{
	struct layer_progress *layer = begin(progress, index);
	char hex[DIGEST_TEXT_MAX];

	if (!layer)
		return;
	(void)snprintf(layer->id, sizeof(layer->id), "%s", digest_hex(digest, hex));
	layer->size = size;
	(void)pthread_mutex_unlock(&progress->lock);
}

void progress_bytes(struct progress *progress, size_t index, uint64_t bytes)
{
	struct layer_progress *layer = begin(progress, index);

	if (!layer)
		return;
	layer->bytes = bytes;
	tell(progress, layer);
	(void)pthread_mutex_unlock(&progress->lock);
}

void progress_done(struct progress *progress, size_t index, bool present)
{
	struct layer_progress *layer = begin(progress, index);

	if (!layer)
		return;
	layer->done = true;
	layer->present = present;
	tell(progress, layer);
	(void)pthread_mutex_unlock(&progress->lock);
}

void progress_end(struct progress *progress)
{
	if (!progress || progress->ended)
		return;
	progress->ended = true;
	if (progress->style == PROGRESS_TTY)
		draw(progress);
	(void)fflush(stderr);
}
