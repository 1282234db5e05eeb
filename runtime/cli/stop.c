/* runtime/cli/stop.c: husk stop and husk wait: containers come to their end.
 *
 * All are asked before any is waited for, so that a hundred take no longer to stop than the slowest of them. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"
#include "runtime/end.h"

#define STOP_SIGNAL "org.opencontainers.image.stopSignal"

enum { STOP_S = 10, KILL_MS = 10000, END_MS = 2000, FOREVER = -1 };

struct stop_options {
	const char *signal, *time;
	bool all;
	int given_signal; /* 0: each container's own */
	int64_t deadline; /* on clock_ms(); FOREVER */
};

/* ---- stop ---- */

/* What the image says that its program wants to be stopped with [image-spec: annotations.md, config.md]. */
static int own_signal(const struct container *container)
{
	const struct record *record = &container->record;
	const char *word = spec_pair_value(record->annotations, record->annotation_count, STOP_SIGNAL);
	int signal = word ? word_signal(word) : SIGTERM;

	return signal > 0 ? signal : SIGTERM;
}

/* What fails here will fail again, and be told, when its end is waited for. */
static void ask(const struct invocation *invocation, int root, const char *id)
{
	const struct stop_options *options = invocation->options;
	struct container container;
	int signal;

	if (container_open(root, id, invocation->arena, &container, NULL) < 0)
		return;
	signal = options->given_signal ? options->given_signal : own_signal(&container);
	if (container.status == SPEC_CREATED) /* nothing runs yet that could listen */
		signal = SIGKILL;
	(void)container_kill(&container, signal, false, NULL);
	if (container.status == SPEC_PAUSED)
		(void)container_freeze(&container, false, NULL);
	container_close(&container);
}

static int stop_opened(const struct container *container, const struct stop_options *options, struct error *err)
{
	int64_t left = options->deadline - clock_ms();
	int r;

	if (container_await_end(container, options->deadline == FOREVER ? FOREVER : left < 0 ? 0 : (int)left))
		return 0;
	r = container_kill(container, SIGKILL, false, err);
	if (r == 0 && !container_await_end(container, KILL_MS))
		r = error_bad(err, ETIMEDOUT, "the container \"%s\" was killed and has still not ended", container->id);
	return r == -ESRCH ? 0 : r;
}

static int stop_one(const struct invocation *invocation, int root, const char *id, struct error *err)
{
	struct container container;
	int r = container_open(root, id, invocation->arena, &container, err);

	if (r < 0)
		return r;
	r = stop_opened(&container, invocation->options, err);
	container_close(&container);
	return r < 0 ? r : cli_write_line(id, err);
}

static int read_stop_options(struct stop_options *options, struct error *err)
{
	int ms = STOP_S * 1000, r = 0;

	if (options->signal && (options->given_signal = word_signal(options->signal)) <= 0)
		return error_bad(err, EINVAL, "--signal: \"%s\" is no signal: a name as TERM or SIGTERM, or a number",
			options->signal);
	if (options->time && strcmp(options->time, "-1") == 0)
		ms = FOREVER;
	else if (options->time && strcmp(options->time, "0") == 0)
		ms = 0;
	else if (options->time)
		r = cli_parse_time("--time", options->time, &ms, err);
	options->deadline = ms == FOREVER ? FOREVER : clock_ms() + ms;
	return r;
}

static int stop_run(const struct invocation *invocation, struct error *err)
{
	struct stop_options *options = invocation->options;
	char **ids = invocation->args;
	size_t count = (size_t)invocation->arg_count;
	cleanup_close int root = -1;
	int r = read_stop_options(options, err);

	if (r == 0 && count == 0 && !options->all)
		r = cli_wrong_count(invocation, 1, err);
	if (r == 0)
		r = cli_open_root(invocation, false, &root, err);
	if (r == 0 && options->all)
		r = cli_match_ids(invocation, root, NULL, &ids, &count, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		ask(invocation, root, ids[i]);
	return cli_each_id(invocation, root, ids, count, stop_one, err);
}

static const struct option stop_options[] = {
	OPTION("all", 'a', OPTION_FLAG, struct stop_options, all, .help = "every container of the state root"),
	OPTION("signal", 's', OPTION_TEXT, struct stop_options, signal, .value = "SIGNAL",
		.help = "ask with this one (default: the image's, or TERM)"),
	OPTION("time", 't', OPTION_TEXT, struct stop_options, time, .value = "TIME",
		.help = "kill after so long: 5, 500ms, 1m (default: 10); -1 = never"),
};

const struct command stop_command = {
	.name = "stop",
	.usage = "[OPTIONS] ID...",
	.summary = "Ask containers to end, and kill those that do not.",
	.examples = "  husk stop web\n"
		    "  husk stop --time 2m --signal QUIT db\n"
		    "  husk stop --all",
	.options = stop_options,
	.option_count = ARRAY_SIZE(stop_options),
	.options_size = sizeof(struct stop_options),
	.max_args = 1 << 20,
	.failure_status = 1,
	.run = stop_run,
};

/* ---- wait ---- */

/* Its parent writes the exit code down a moment after the end, or has not asked for it yet. */
static int tell_end(const struct container *container, struct error *err)
{
	struct spec_end end;
	char code[16];

	for (int64_t deadline = clock_ms() + END_MS;;) {
		end_read(container->root, container->id, &end);
		if (!end.known && container->record.has_init)
			end_look(&container->record.init, &end);
		if (end.known) {
			(void)snprintf(code, sizeof(code), "%d", end.code);
			return cli_write_line(code, err);
		}
		if (clock_ms() >= deadline)
			break;
		(void)poll(NULL, 0, 10);
	}
	(void)error_bad(err, ENODATA, "how the container \"%s\" ended is not known", container->id);
	return error_hint(err, "its parent, who called husk create, has been told");
}

static int wait_one(const struct invocation *invocation, int root, const char *id, struct error *err)
{
	struct container container;
	int r = container_open(root, id, invocation->arena, &container, err);

	if (r < 0)
		return r;
	(void)container_await_end(&container, FOREVER);
	r = tell_end(&container, err);
	container_close(&container);
	return r;
}

static int wait_run(const struct invocation *invocation, struct error *err)
{
	cleanup_close int root = -1;
	int r = cli_open_root(invocation, false, &root, err);

	return r < 0 ? r
		     : cli_each_id(invocation, root, invocation->args, (size_t)invocation->arg_count, wait_one, err);
}

const struct command wait_command = {
	.name = "wait",
	.usage = "ID...",
	.summary = "Wait until containers have ended and print their exit codes.",
	.examples = "  husk wait web",
	.min_args = 1,
	.max_args = 1 << 20,
	.failure_status = 1,
	.run = wait_run,
};
