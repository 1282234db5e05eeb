/* runtime/cli/unshare.c: husk unshare: a command among the files of the user's images and containers.
 *
 * They belong to ids of /etc/subuid, which are nobody's outside; in a namespace of all these ids the user is root. With
 * mounts of its own, so that what the command mounts is gone with it. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/userns.h"
#include "runtime/cli/command.h"

enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127 };

static int unshare_run(const struct invocation *invocation, struct error *err)
{
	const char *shell = getenv("SHELL");
	char *const fallback[] = { shell && *shell ? (char *)shell : "/bin/sh", NULL };
	char *const *argv = invocation->arg_count ? invocation->args : fallback;
	struct userns_ids ids;

	if (geteuid() == 0) {
		(void)error_bad(err, EPERM, "unshare is for users");
		return error_hint(err, "root may do anything to the files of images as it is");
	}
	if (userns_ids(&ids, err) == USERNS_ONE_ID) {
		log_error(err);
		*err = (struct error){ 0 };
	}
	if (userns_enter(&ids, err) < 0)
		return err->code;
	if (unshare(CLONE_NEWNS) < 0)
		return error_sys(err, errno, "make a mount namespace");
	(void)execvp(argv[0], argv);
	(void)error_sys(err, errno, "run %s", argv[0]);
	err->exit_status = err->code == -ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
	return err->code;
}

const struct command unshare_command = {
	.name = "unshare",
	.usage = "[COMMAND [ARGUMENTS]]",
	.summary = "Run a command as root of the ids of /etc/subuid, to whom files of a user's images belong.",
	.examples = "  husk unshare rm -rf bundle     a folder that husk image unpack has made\n"
		    "  husk unshare                   a shell",
	.max_args = INT_MAX,
	.options_first = true,
	.failure_status = 125,
	.run = unshare_run,
};
