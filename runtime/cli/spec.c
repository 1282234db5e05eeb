/* runtime/cli/spec.c: husk spec, husk plan: a config out, and what would be made of one. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"

/* ---- spec ---- */

struct spec_options {
	const char *bundle, *file;
	bool rootless;
};

/* Never over an existing one: it may be the only copy of somebody's work. */
static int write_config(const char *path, const char *text, struct error *err)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0644);
	int r;

	if (fd < 0 && errno == EEXIST) {
		(void)error_bad(err, EEXIST, "%s exists already", path);
		return error_hint(err, "remove it first");
	}
	if (fd < 0)
		return error_sys(err, errno, "make %s", path);
	r = file_write_all(fd, text, strlen(text));
	if (r == 0)
		return 0;
	(void)unlink(path);
	return error_sys(err, r, "write %s", path);
}

static int spec_run(const struct invocation *invocation, struct error *err)
{
	const struct spec_options *options = invocation->options;
	char *text = spec_default(options->rootless, geteuid(), getegid());
	const char *path = options->file ? options->file : "config.json";
	int r;

	if (options->bundle && *path != '/')
		path = arena_printf(invocation->arena, "%s/%s", options->bundle, path);
	r = text ? write_config(path, text, err) : error_sys(err, ENOMEM, "make a config");

	free(text);
	return r;
}

static const struct option spec_options[] = {
	OPTION("bundle", 'b', OPTION_TEXT, struct spec_options, bundle, .value = "DIR",
		.help = "where config.json goes (default: .)"),
	OPTION("config", 'f', OPTION_TEXT, struct spec_options, file, .value = "FILE",
		.help = "its name (default: config.json)"),
	OPTION("rootless", 0, OPTION_FLAG, struct spec_options, rootless,
		.help = "for a user without privileges: with a user namespace"),
};

const struct command spec_command = {
	.name = "spec",
	.usage = "[OPTIONS]",
	.summary = "Write a config.json that runs as it is, with a root file system in rootfs/ beside it.",
	.examples = "  mkdir -p web/rootfs && husk spec --bundle web\n"
		    "  husk spec --rootless",
	.options = spec_options,
	.option_count = ARRAY_SIZE(spec_options),
	.options_size = sizeof(struct spec_options),
	.failure_status = 1,
	.run = spec_run,
};

/* ---- plan ---- */

enum { FORMAT_TEXT, FORMAT_JSON };
static const char *const formats[] = { "text", "json", NULL };

struct plan_options {
	unsigned format;
	const char *id;
	struct image_flags image;
	struct network_options network;
};

static int name_plan(const struct invocation *invocation, struct from_image *from, struct bundle *bundle,
	struct plan_request *request, struct error *err)
{
	const struct plan_options *options = invocation->options;
	const char *id = options->id ? options->id : options->image.name;
	int r;

	if (options->image.image) {
		r = from_image_plan(invocation, &options->image, id, invocation->args, from, bundle, err);
		request->id = from->id;
		request->folder = &from->folder;
		request->given_up = from->given_up;
		request->given_up_count = from->given_up_count;
		request->closed_streams = from_image_closed_streams(from, false);
		return r;
	}
	if (invocation->arg_count > 1)
		return cli_wrong_count(invocation, 1, err);
	r = cli_read_bundle(invocation, invocation->arg_count ? invocation->args[0] : ".", bundle, err);
	if (r < 0)
		return r;
	request->id = options->id ? options->id : cli_id_of(bundle->path, invocation->arena);
	return spec_check_id(request->id, err);
}

static const struct option plan_options[] = {
	OPTION("format", 'f', OPTION_CHOICE, struct plan_options, format, .value = "FORMAT", .choices = formats,
		.help = "text or json"),
	OPTION("id", 0, OPTION_TEXT, struct plan_options, id, .value = "ID", .help = "as for run"),
	IMAGE_FLAGS(struct plan_options),
	NETWORK_OPTIONS(struct plan_options),
};

static int plan_run(const struct invocation *invocation, struct error *err)
{
	struct plan_options *options = invocation->options;
	struct plan_request request = { .gate = GATE_PAIR };
	struct from_image from = { .store = -1, .folder.overlay.folder = -1 };
	struct bundle bundle = { .network = &options->network };
	char *text;
	int r = options->image.image
		? 0
		: image_flags_need_image(plan_options, ARRAY_SIZE(plan_options), options, &options->image, err);

	if (options->image.image)
		options->network.otherwise = cli_default_network();
	if (r == 0)
		r = name_plan(invocation, &from, &bundle, &request, err);
	if (r == 0)
		r = cli_plan_bundle(invocation, &bundle, &request, true, err);
	if (r < 0) {
		from_image_close(&from);
		return r;
	}
	text = options->format == FORMAT_JSON ? plan_json(&bundle.plan) : plan_text(&bundle.plan);
	r = text ? cli_write(text, strlen(text), err) : error_sys(err, ENOMEM, "write the plan");
	free(text);
	from_image_close(&from);
	return r;
}

const struct command plan_command = {
	.name = "plan",
	.usage = "[OPTIONS] [BUNDLE] | --image IMAGE [OPTIONS] [ARGUMENTS]",
	.summary = "Print what `husk run` would do, step by step, without doing it.",
	.examples = "  husk plan /srv/web\n"
		    "  husk plan --format json /srv/web | jq '.steps[].kind'",
	.options = plan_options,
	.option_count = ARRAY_SIZE(plan_options),
	.options_size = sizeof(struct plan_options),
	.max_args = INT_MAX,
	.failure_status = 1,
	.run = plan_run,
};

/* ---- features ---- */

static int features_run(const struct invocation *invocation, struct error *err)
{
	struct json_writer w;

	(void)invocation;
	json_write_init(&w);
	spec_features_write(&w);
	return cli_write_json(&w, true, err);
}

const struct command features_command = {
	.name = "features",
	.usage = "",
	.summary = "Print what this husk can do, as the specification's JSON document.",
	.examples = "  husk features | jq .mountOptions",
	.failure_status = 1,
	.run = features_run,
};
