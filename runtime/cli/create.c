/* runtime/cli/create.c: husk create, husk run. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"
#include "runtime/create.h"
#include "runtime/end.h"
#include "runtime/state_dir.h"
#include "runtime/report.h"
#include "runtime/wait.h"

void cli_close_making(struct making *making)
{
	if (making->bundle.plan.gate)
		plan_close(&making->bundle.plan);
	container_close(&making->container);
	child_close(&making->child);
	notify_done(&making->notify);
	fd_closep(&making->signal_fd);
	fd_closep(&making->root);
	from_image_close(&making->from);
}

/* ---- run ---- */

/* Until the program runs and its poststart hooks have. */
static int start_it(const struct invocation *invocation, struct making *making, struct error *err)
{
	int r = child_await(&making->child, REPORT_END, err);

	if (r < 0) {
		child_kill(making->container.pidfd);
		return error_at(err, "config.json");
	}
	return container_poststart(&making->container, invocation->arena, err);
}

int cli_await_end(struct making *making, const struct notify *notify, struct error *err)
{
	struct spec_end end = { .known = true };
	int r = cli_foreground(
		making->container.pidfd, &making->child.terminal, making->signal_fd, notify, &end.signal, err);

	if (r >= 0) { /* for the case that it is kept */
		end.code = r;
		end.oom = end_is_oom(making->container.record.cgroup);
		end_write(making->container.dir, &end);
	}
	return r;
}

/* Until it has ended, or in the background until it says that it is ready where it can. */
static int stay(const struct invocation *invocation, struct making *making, struct error *err)
{
	const struct create_options *options = invocation->options;
	struct notify *notify = &making->notify;
	bool notifies = notify->sock >= 0;

	if (!options->detach)
		return cli_await_end(making, notifies ? notify : NULL, err);
	notify->main_pid = making->container.pid;
	return notifies ? notify_wait(notify, making->container.pidfd, making->signal_fd) : 0;
}

static int run_made(const struct invocation *invocation, struct making *making, struct error *err)
{
	int r;

	cli_warn_of_seccomp(&making->bundle.plan);
	r = start_it(invocation, making, err);
	state_dir_unlock(making->container.dir);
	return r < 0 ? r : stay(invocation, making, err);
}

int cli_remove_made(struct making *making, struct arena *arena, struct error *err)
{
	int r = container_lock(&making->container, arena, err);

	if (r == -ENOENT) /* someone was quicker */
		return 0;
	return r < 0 ? r : container_erase(&making->container, err);
}

static _Noreturn void keep(struct making *making, int status, int started)
{
	struct container container = making->container;

	(void)prctl(PR_SET_PDEATHSIG, 0);
	(void)!write(started, &status, sizeof(status)); /* a caller that is gone needs no answer */
	end_keep(&container);
}

static int run_here(const struct invocation *invocation, int started, struct error *err)
{
	const struct create_options *options = invocation->options;
	struct error also = { 0 };
	struct making making;
	int r = cli_make_container(invocation, GATE_PAIR, &making, err);
	bool made = r == 0;

	if (made)
		r = run_made(invocation, &making, err);
	if (made && (r < 0 || !(options->keep || options->detach)) &&
		cli_remove_made(&making, invocation->arena, &also) < 0)
		log_error(&also);
	if (made && r >= 0 && started >= 0)
		keep(&making, r, started);
	cli_close_making(&making);
	return r;
}

/* What asks us to end, asks it. False: it has ended without a word. */
static bool hear_of_it(pid_t keeper, int in, int signal_fd, int *ret_status)
{
	struct pollfd wait[] = { { .fd = in, .events = POLLIN }, { .fd = signal_fd, .events = POLLIN } };

	while (!wait[0].revents) {
		if (poll(wait, ARRAY_SIZE(wait), -1) < 0 && errno != EINTR)
			return false;
		int signal = wait[1].revents ? wait_interrupted(signal_fd) : 0;
		if (signal)
			(void)kill(keeper, signal); /* our child, not reaped yet */
	}
	return read(in, ret_status, sizeof(*ret_status)) == sizeof(*ret_status);
}

/* The keeper is the first process's parent, so it is there before that: a child of ours does all, and we end when it has
 * said how that went. Until then it dies with us. */
static int run_detached(const struct invocation *invocation, struct error *err)
{
	const struct create_options *options = invocation->options;
	cleanup_close int signal_fd = wait_block(err);
	int pipes[2], status = 0;
	pid_t caller = getpid(), keeper;

	if (signal_fd < 0)
		return signal_fd;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return error_sys(err, errno, "make a pipe");
	cleanup_close int in = pipes[0], out = pipes[1];
	keeper = fork();
	if (keeper < 0)
		return error_sys(err, errno, "fork the container's keeper");
	if (keeper == 0) {
		fd_closep(&in);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != caller)
			return error_bad(err, ECHILD, "our caller has ended");
		return run_here(invocation, out, err);
	}
	fd_closep(&out);
	if (hear_of_it(keeper, in, signal_fd, &status))
		return status == 0 && options->image.image ? cli_write_line(options->image.name, err) : status;
	while (waitpid(keeper, &status, 0) < 0 && errno == EINTR)
		;
	*err = (struct error){ .code = -ECHILD }; /* it has said what was wrong */
	err->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return err->code;
}

#define CREATE_OPTION(name, letter, kind, member, ...)                                                                 \
	OPTION(name, letter, kind, struct create_options, member, __VA_ARGS__)

/* Those of `run` first, which `create` has not. */
static const struct option create_options[] = {
	CREATE_OPTION("detach", 'd', OPTION_FLAG, detach, .help = "leave it running and return"),
	CREATE_OPTION("keep", 0, OPTION_FLAG, keep, .help = "do not delete it when it ends"),
	CREATE_OPTION(
		"bundle", 'b', OPTION_TEXT, bundle, .value = "DIR", .help = "folder with config.json (default: .)"),
	CREATE_OPTION(
		"config", 'f', OPTION_TEXT, config, .value = "FILE", .help = "instead of the bundle's config.json"),
	CREATE_OPTION(
		"pid-file", 0, OPTION_TEXT, pid_file, .value = "FILE", .help = "write the pid of the container there"),
	CREATE_OPTION(
		"preserve-fds", 0, OPTION_NUMBER, preserve_fds, .value = "N", .help = "pass on descriptors 3 to 3+N-1"),
	CREATE_OPTION("no-new-keyring", 0, OPTION_FLAG, no_new_keyring, .help = "keep the caller's session keyring"),
	CREATE_OPTION("console-socket", 0, OPTION_TEXT, console_socket, .value = "SOCKET",
		.help = "send the terminal's master there"),
	CREATE_OPTION("pidfd-socket", 0, OPTION_TEXT, pidfd_socket, .value = "SOCKET",
		.help = "send a pidfd of the container there"),
	CREATE_OPTION(
		"no-pivot", 0, OPTION_FLAG, no_pivot, .help = "where / is a ramdisk, which cannot be pivoted from"),
	CREATE_OPTION(
		"no-subreaper", 0, OPTION_FLAG, no_subreaper, .help = "accepted for callers of runc; husk is none"),
	CREATE_OPTION("id", 0, OPTION_TEXT, id, .value = "ID", .help = "id of a container named by its bundle"),
	NETWORK_OPTIONS(struct create_options),
	IMAGE_FLAGS(struct create_options),
};
enum { OF_RUN = 2 };

/* A bundle has only the network that it asks for; an image asks for nothing. */
static int settle_image_flags(struct create_options *options, struct error *err)
{
	if (!options->image.image)
		return image_flags_need_image(
			create_options, ARRAY_SIZE(create_options), options, &options->image, err);
	options->network.otherwise = cli_default_network();
	return 0;
}

static int create_run(const struct invocation *invocation, struct error *err)
{
	struct making making;
	int r = settle_image_flags(invocation->options, err);

	if (r < 0)
		return r;
	r = cli_make_container(invocation, GATE_SOCKET, &making, err);
	if (r == 0)
		state_dir_unlock(making.container.dir);
	cli_close_making(&making);
	return r;
}

static int run_run(const struct invocation *invocation, struct error *err)
{
	struct create_options *options = invocation->options;
	int r = settle_image_flags(options, err);

	if (r < 0)
		return r;
	if (options->image.image && !options->image.name)
		options->image.name = options->id ? options->id : from_image_random_id(invocation->arena, err);
	if (options->image.image && !options->image.name)
		return err->code;
	return options->detach ? run_detached(invocation, err) : run_here(invocation, -1, err);
}

const struct command create_command = {
	.name = "create",
	.usage = "[OPTIONS] ID | --image IMAGE [OPTIONS] ID [ARGUMENTS]",
	.summary = "Make a container from a bundle or an image; `husk start` runs its program.",
	.examples = "  husk create --bundle /srv/web web\n"
		    "  husk create --image debian:13 web sleep 60\n"
		    "  husk start web",
	.options = create_options + OF_RUN,
	.option_count = ARRAY_SIZE(create_options) - OF_RUN,
	.options_size = sizeof(struct create_options),
	.min_args = 1,
	.max_args = INT_MAX,
	.failure_status = 1,
	.run = create_run,
};

const struct command run_command = {
	.name = "run",
	.usage = "[OPTIONS] BUNDLE | [OPTIONS] [--bundle BUNDLE] ID | --image IMAGE [OPTIONS] [ARGUMENTS]",
	.summary = "Run a program in a new container, from a bundle or an image, and end with its exit code.",
	.examples = "  husk run /srv/web/\n"
		    "  husk run --bundle /srv/web web\n"
		    "  husk run --image debian:13 -it -v ~/src:/src bash",
	.options = create_options,
	.option_count = ARRAY_SIZE(create_options),
	.options_size = sizeof(struct create_options),
	.max_args = INT_MAX,
	.options_first = true,
	.failure_status = 125,
	.run = run_run,
};
