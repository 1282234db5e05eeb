/* runtime/cli/top.c: husk top, which is a program of its own, since it needs ncurses. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/program.h"
#include "runtime/cli/command.h"

static int top_run(const struct invocation *invocation, struct error *err)
{
	const char *argv[] = { "husk-top", program_folder, invocation->globals->root, NULL };
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/husk-top", program_folder);
	(void)execv(path, (char *const *)argv);
	(void)error_sys(err, errno, "run %s", path);
	return errno == ENOENT ? error_hint(err, "husk was built or installed without it; try husk stats --stream")
			       : err->code;
}

const struct command top_command = {
	.name = "top",
	.usage = "",
	.summary = "Watch all containers on the whole screen; kill, pause, resume and update them.",
	.examples = "  husk top     c m i p n: sort; up, down: select; K P R U: kill, pause, resume, update; q: quit",
	.max_args = 0,
	.failure_status = 1,
	.run = top_run,
};
