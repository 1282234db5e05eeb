/* images/image/pull.c: husk pull, husk image import. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "images/image/take.h"
#include "images/image/verb.h"
#include "images/reference.h"

struct pull_options {
	struct take_options take;
};

static const struct pull_options defaults = { .take.tls_verify = true };

/* ---- pull ---- */

static int pull_run(const struct call *call, struct error *err)
{
	const struct pull_options *options = call->options;

	return take(call, &options->take, call->args[0], NULL, err);
}

static const struct option pull_options[] = {
	TAKE_PLATFORM(struct pull_options),
	TAKE_QUIET(struct pull_options),
	TAKE_PROGRESS(struct pull_options),
	TAKE_LIMITS(struct pull_options),
	TAKE_REGISTRY(struct pull_options),
};

const struct verb verb_pull = {
	.name = "pull",
	.usage = "[OPTIONS] IMAGE",
	.summary = "Fetch an image into the store and print its id.",
	.examples = "  husk pull debian:13\n"
		    "  husk pull --platform linux/arm64 quay.io/fedora/fedora:41\n"
		    "  husk pull oci:./layout:v1",
	.options = pull_options,
	.option_count = ARRAY_SIZE(pull_options),
	.options_size = sizeof(struct pull_options),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = 1,
	.files = VERB_FILES_MADE,
	.run = pull_run,
};

/* ---- import ---- */

/* A path without a word before it is a root. */
static int import_run(const struct call *call, struct error *err)
{
	const struct pull_options *options = call->options;
	const char *source = call->args[0], *name = call->arg_count > 1 ? call->args[1] : NULL;
	struct reference reference = { 0 };

	if (reference_parse(source, call->arena, &reference, NULL) == 0 && reference.transport != IMAGE_REGISTRY)
		return take(call, &options->take, source, name, err);
	if (faccessat(AT_FDCWD, source, F_OK, 0) < 0) {
		(void)error_sys(err, errno, "open %s", source);
		return error_hint(err, "what is in a registry is for husk pull");
	}
	return take(call, &options->take, arena_printf(call->arena, "rootfs:%s", source), name, err);
}

static const struct option import_options[] = {
	TAKE_PLATFORM(struct pull_options),
	TAKE_QUIET(struct pull_options),
	TAKE_PROGRESS(struct pull_options),
	TAKE_LIMITS(struct pull_options),
};

const struct verb verb_import = {
	.name = "image import",
	.usage = "[OPTIONS] DIR|FILE|SOURCE [NAME]",
	.summary = "Make an image of a root (a folder or a tar), or take one from an archive or layout.",
	.examples = "  husk image import ./rootfs web:1\n"
		    "  husk image import root.tar.gz\n"
		    "  husk image import docker-archive:saved.tar",
	.options = import_options,
	.option_count = ARRAY_SIZE(import_options),
	.options_size = sizeof(struct pull_options),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = 2,
	.files = VERB_FILES_MADE,
	.run = import_run,
};
