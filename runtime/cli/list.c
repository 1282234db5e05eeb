/* runtime/cli/list.c: husk list. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"

enum { FORMAT_TABLE, FORMAT_JSON };
static const char *const formats[] = { "table", "json", NULL };

struct list_options {
	unsigned format;
	bool quiet;
};

struct states {
	struct spec_state *items;
	size_t count, size;
};

static void add(struct states *states, const struct spec_state *state, struct arena *arena)
{
	if (states->count == states->size) {
		struct spec_state *before = states->items;
		states->size = states->size ? states->size * 2 : 32;
		states->items = ARENA_ARRAY(arena, states->size, struct spec_state);
		if (states->count)
			memcpy(states->items, before, states->count * sizeof(*before));
	}
	states->items[states->count++] = *state;
}

/* One that goes away while we look is not listed; one that cannot be read is told of, and the rest is listed. */
static int add_container(
	const struct cgroup_host *host, int root, const char *id, struct arena *arena, struct states *states)
{
	struct container container;
	struct spec_state state;
	struct error err = { 0 };
	int r = container_open_with(host, root, id, arena, &container, &err);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return log_error(&err), r;
	state = container_state(&container);
	add(states, &state, arena);
	container_close(&container);
	return 0;
}

static int by_creation(const void *left, const void *right)
{
	const struct spec_state *a = left, *b = right;
	int order = strcmp(a->created ? a->created : "", b->created ? b->created : "");

	return order ? order : strcmp(a->id, b->id);
}

static int collect(const struct invocation *invocation, int root, char *const *ids, size_t count, struct states *states,
	struct error *err)
{
	struct cgroup_host host;
	int r = cgroup_host_open(&host, err), result = 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		r = add_container(&host, root, ids[i], invocation->arena, states);
		if (r < 0)
			result = r;
	}
	cgroup_host_done(&host);
	if (states->count)
		qsort(states->items, states->count, sizeof(*states->items), by_creation);
	if (err)
		*err = (struct error){ .code = result }; /* told already */
	return result;
}

/* ---- output ---- */

static int write_json(const struct states *states, struct error *err)
{
	struct json_writer w;

	json_write_init(&w);
	json_array(&w, NULL);
	for (size_t i = 0; i < states->count; i++)
		spec_state_write(&states->items[i], &w, NULL);
	json_array_end(&w);
	return cli_write_json(&w, false, err);
}

enum { COLUMNS = 6 };

/* "stopped (3)", "stopped (oom)", "stopped (SIGTERM)", as far as it is known. */
static const char *status_text(const struct spec_state *state, struct arena *arena)
{
	const char *status = spec_status_names[state->status];
	const char *signal = state->end.signal ? word_signal_name(state->end.signal) : NULL;

	if (state->status != SPEC_STOPPED || (!state->end.known && !state->end.oom))
		return status;
	if (state->end.oom || signal)
		return arena_printf(arena, "%s (%s)", status, state->end.oom ? "oom" : signal);
	return arena_printf(arena, "%s (%d)", status, state->end.code);
}

static int write_table(const struct states *states, struct arena *arena, struct error *err)
{
	static const char *const titles[COLUMNS] = { "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" };
	const char **cells = ARENA_ARRAY(arena, (states->count + 1) * COLUMNS, const char *);

	memcpy(cells, titles, sizeof(titles));
	for (size_t i = 0; i < states->count; i++) {
		const struct spec_state *state = &states->items[i];
		const char **row = cells + (i + 1) * COLUMNS;
		row[0] = state->id;
		row[1] = arena_printf(arena, "%d", state->pid);
		row[2] = status_text(state, arena);
		row[3] = state->bundle;
		row[4] = state->created ? state->created : "";
		row[5] = state->owner ? state->owner : "";
	}
	return table_print(cells, COLUMNS, states->count + 1, err);
}

static int by_name(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The names of the folders say it; nothing needs to be opened. */
static int write_ids(char **ids, size_t count, struct error *err)
{
	if (count)
		qsort(ids, count, sizeof(*ids), by_name);
	for (size_t i = 0; i < count; i++)
		(void)printf("%s\n", ids[i]);
	return fflush(stdout) < 0 ? error_sys(err, errno, "write to standard output") : 0;
}

static int list_run(const struct invocation *invocation, struct error *err)
{
	const struct list_options *options = invocation->options;
	struct states states = { 0 };
	cleanup_close int root = -1;
	char **ids = NULL;
	size_t count = 0;
	int r = cli_open_root(invocation, false, &root, err), written;

	if (r == 0 && root >= 0)
		r = cli_match_ids(invocation, root, NULL, &ids, &count, err);
	if (r < 0 || options->quiet)
		return r < 0 ? r : write_ids(ids, count, err);
	r = collect(invocation, root, ids, count, &states, err);
	if (r < 0 && *err->what)
		return r;
	written = options->format == FORMAT_JSON ? write_json(&states, err)
						 : write_table(&states, invocation->arena, err);
	return written < 0 ? written : r;
}

static const struct option list_options[] = {
	OPTION("format", 'f', OPTION_CHOICE, struct list_options, format, .value = "FORMAT", .choices = formats,
		.help = "table or json"),
	OPTION("quiet", 'q', OPTION_FLAG, struct list_options, quiet, .help = "ids only"),
};

const struct command list_command = {
	.name = "list",
	.usage = "[OPTIONS]",
	.summary = "List the containers of the state root.",
	.examples = "  husk list\n"
		    "  husk list -q\n"
		    "  husk list --format json | jq -r '.[] | select(.status == \"running\").id'",
	.options = list_options,
	.option_count = ARRAY_SIZE(list_options),
	.options_size = sizeof(struct list_options),
	.max_args = 0,
	.failure_status = 1,
	.run = list_run,
};
