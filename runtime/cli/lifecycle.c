/* runtime/cli/lifecycle.c: husk start, state, kill, delete: what is done to one container by its id. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"

/* ---- start ---- */

static int start_it(const struct invocation *invocation, struct container *container, struct error *err)
{
	return container_start(container, cli_notify_socket(), invocation->arena, err);
}

static int start_run(const struct invocation *invocation, struct error *err)
{
	return cli_with_container(invocation, start_it, err);
}

const struct command start_command = {
	.name = "start",
	.usage = "ID",
	.summary = "Run the program of a created container.",
	.examples = "  husk start web",
	.min_args = 1,
	.max_args = 1,
	.failure_status = 1,
	.run = start_run,
};

/* ---- state ---- */

static int state_run(const struct invocation *invocation, struct error *err)
{
	struct spec_state state;
	struct container container;
	struct json_writer w;
	cleanup_close int root = -1;
	int r = cli_open_container(invocation, &root, &container, err);

	if (r < 0)
		return r;
	state = container_state(&container);
	container_close(&container);
	json_write_init(&w);
	spec_state_write(&state, &w, NULL);
	return cli_write_json(&w, true, err);
}

const struct command state_command = {
	.name = "state",
	.usage = "ID",
	.summary = "Print the state of a container as JSON.",
	.examples = "  husk state web",
	.min_args = 1,
	.max_args = 1,
	.failure_status = 1,
	.run = state_run,
};

/* ---- kill ---- */

struct kill_options {
	bool all, regex;
};

static int kill_one(const struct invocation *invocation, int root, const char *id, int signal, struct error *err)
{
	const struct kill_options *options = invocation->options;
	struct container container;
	int r = container_open(root, id, invocation->arena, &container, err);

	if (r < 0)
		return r;
	r = container_kill(&container, signal, options->all, err);
	container_close(&container);
	return r;
}

static int kill_run(const struct invocation *invocation, struct error *err)
{
	const struct kill_options *options = invocation->options;
	const char *word = invocation->arg_count > 1 ? invocation->args[1] : "TERM";
	int signal = word_signal(word);
	char **ids = invocation->args;
	size_t count = 1;
	cleanup_close int root = -1;
	int r;

	if (signal < 0)
		return error_bad(err, EINVAL, "\"%s\" is no signal: a name as TERM or SIGTERM, or a number", word);
	r = cli_open_root(invocation, false, &root, err);
	if (r == 0 && options->regex)
		r = cli_match_ids(invocation, root, invocation->args[0], &ids, &count, err);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = kill_one(invocation, root, ids[i], signal, err);
	return r;
}

static const struct option kill_options[] = {
	OPTION("all", 'a', OPTION_FLAG, struct kill_options, all, .help = "signal every process of the container"),
	OPTION("regex", 'r', OPTION_FLAG, struct kill_options, regex,
		.help = "ID is a regular expression: all that match"),
};

const struct command kill_command = {
	.name = "kill",
	.usage = "[OPTIONS] ID [SIGNAL]",
	.summary = "Send a signal (default: TERM) to the first process of a container.",
	.examples = "  husk kill web\n"
		    "  husk kill web HUP\n"
		    "  husk kill --all web 9",
	.options = kill_options,
	.option_count = ARRAY_SIZE(kill_options),
	.options_size = sizeof(struct kill_options),
	.min_args = 1,
	.max_args = 2,
	.failure_status = 1,
	.run = kill_run,
};

/* ---- delete ---- */

struct delete_options {
	bool force, regex;
};

static int refuse_delete(const struct container *container, struct error *err)
{
	(void)error_bad(err, EPERM, "cannot delete the container \"%s\" that is not stopped: it is %s", container->id,
		spec_status_names[container->status]);
	return error_hint(err, "husk delete --force kills it first");
}

static int delete_opened(struct container *container, struct arena *arena, bool force, struct error *err)
{
	int r;

	if (force && container->pidfd >= 0) /* whoever works on it will notice, and let go of the lock */
		(void)container_kill(container, SIGKILL, false, NULL);
	r = container_lock(container, arena, err);
	if (r < 0)
		return r;
	if (!force && container->status != SPEC_STOPPED && container->status != SPEC_CREATED)
		return refuse_delete(container, err);
	return container_erase(container, err);
}

static int delete_one(const struct invocation *invocation, int root, const char *id, struct error *err)
{
	const struct delete_options *options = invocation->options;
	struct container container;
	int r = container_open(root, id, invocation->arena, &container, err);

	if (r == -EINVAL && options->force && spec_check_id(id, NULL) == 0) /* a damaged record */
		r = container_open_damaged(root, id, invocation->arena, &container, err);
	if (r == 0) {
		r = delete_opened(&container, invocation->arena, options->force, err);
		container_close(&container);
	}
	return r == -ENOENT && options->force ? 0 : r;
}

static int delete_run(const struct invocation *invocation, struct error *err)
{
	const struct delete_options *options = invocation->options;
	char **ids = invocation->args;
	size_t count = (size_t)invocation->arg_count;
	cleanup_close int root = -1;
	int r = cli_open_root(invocation, false, &root, err);

	if (r == 0 && options->regex)
		r = cli_match_ids(invocation, root, invocation->args[0], &ids, &count, err);
	return r < 0 ? r : cli_each_id(invocation, root, ids, count, delete_one, err);
}

static const struct option delete_options[] = {
	OPTION("force", 'f', OPTION_FLAG, struct delete_options, force, .help = "kill it first; a missing one is fine"),
	OPTION("regex", 'r', OPTION_FLAG, struct delete_options, regex,
		.help = "ID is a regular expression: all that match"),
};

const struct command delete_command = {
	.name = "delete",
	.usage = "[OPTIONS] ID...",
	.summary = "Remove a stopped container and everything husk made for it.",
	.examples = "  husk delete web\n"
		    "  husk delete --force web web-2",
	.options = delete_options,
	.option_count = ARRAY_SIZE(delete_options),
	.options_size = sizeof(struct delete_options),
	.min_args = 1,
	.max_args = 1 << 20,
	.failure_status = 1,
	.run = delete_run,
};
