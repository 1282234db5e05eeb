/* runtime/cli/image.c: husk pull, husk images, husk image: what husk-image does, whose libraries are too heavy for the start
 * of a container and which reads what strangers made: see images/image/. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/program.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"

static int pass_on(const struct invocation *invocation, const char *name, struct error *err)
{
	const char **argv = ARENA_ARRAY(invocation->arena, (size_t)invocation->arg_count + 5, const char *);
	const char *store = cli_store_path(invocation, err);
	char path[PATH_MAX];

	if (!store)
		return err->code;
	argv[0] = "husk-image";
	argv[1] = "--store";
	argv[2] = store;
	argv[3] = name;
	for (int i = 0; i < invocation->arg_count; i++)
		argv[4 + i] = invocation->args[i];
	(void)snprintf(path, sizeof(path), "%s/husk-image", program_folder);
	(void)execv(path, (char *const *)argv);
	(void)error_sys(err, errno, "run %s", path);
	return err->code == -ENOENT ? error_hint(err, "husk was built or installed without it") : err->code;
}

static int pull_run(const struct invocation *invocation, struct error *err)
{
	return pass_on(invocation, "pull", err);
}

static int images_run(const struct invocation *invocation, struct error *err)
{
	return pass_on(invocation, "images", err);
}

static int image_run(const struct invocation *invocation, struct error *err)
{
	return pass_on(invocation, "image", err);
}

const struct command pull_command = {
	.name = "pull",
	.summary = "Fetch an image into the store.",
	.failure_status = 125,
	.program = "husk-image",
	.run = pull_run,
};

const struct command images_command = {
	.name = "images",
	.summary = "List the images of the store.",
	.failure_status = 125,
	.program = "husk-image",
	.run = images_run,
};

const struct command image_command = {
	.name = "image",
	.summary = "Inspect, remove, unpack, import, export and verify images.",
	.failure_status = 125,
	.program = "husk-image",
	.run = image_run,
};
