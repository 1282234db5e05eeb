/* runtime/cli/checkpoint.c: husk checkpoint, husk restore. */
#include <errno.h>
#include <limits.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/checkpoint.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"
#include "runtime/create.h"
#include "runtime/criu_folder.h"
#include "runtime/criu_request.h"
#include "runtime/state_dir.h"
#include "runtime/wait.h"

/* Of both: `type` holds the struct criu_options as `member`. */
#define CRIU_OPTIONS(type, at)                                                                                         \
	OPTION("image-path", 0, OPTION_TEXT, type, at image_path, .value = "DIR",                                      \
		.help = "folder of the checkpoint (default: checkpoint)"),                                             \
		OPTION("work-path", 0, OPTION_TEXT, type, at work_path, .value = "DIR",                                \
			.help = "folder of CRIU's log (default: that of the checkpoint)"),                             \
		OPTION("parent-path", 0, OPTION_TEXT, type, at parent_path, .value = "DIR",                            \
			.help = "an earlier --pre-dump, relative to --image-path"),                                    \
		OPTION("tcp-established", 0, OPTION_FLAG, type, at tcp_established,                                    \
			.help = "with connections as they are"),                                                       \
		OPTION("tcp-skip-in-flight", 0, OPTION_FLAG, type, at tcp_skip_in_flight,                              \
			.help = "without connections that are being made"),                                            \
		OPTION("tcp-close", 0, OPTION_FLAG, type, at tcp_close, .help = "with connections closed"),            \
		OPTION("ext-unix-sk", 0, OPTION_FLAG, type, at ext_unix_sk,                                            \
			.help = "with unix sockets whose other end is outside"),                                       \
		OPTION("shell-job", 0, OPTION_FLAG, type, at shell_job,                                                \
			.help = "with the session and terminal of a shell outside"),                                   \
		OPTION("file-locks", 0, OPTION_FLAG, type, at file_locks, .help = "with file locks"),                  \
		OPTION("link-remap", 0, OPTION_FLAG, type, at link_remap,                                              \
			.help = "with files that were removed and have other names"),                                  \
		OPTION("manage-cgroups-mode", 0, OPTION_CHOICE, type, at cgroups_mode, .value = "MODE",                \
			.choices = criu_cgroups_modes,                                                                 \
			.help = "ignore, props, soft, full or strict: cgroups below the container's"),                 \
		OPTION("empty-ns", 0, OPTION_LIST, type, at empty_ns, .value = "network",                              \
			.help = "without what is in the namespace"),                                                   \
		OPTION("network-lock", 0, OPTION_CHOICE, type, at network_lock, .value = "HOW",                        \
			.choices = criu_network_locks, .help = "iptables, nftables or skip"),                          \
		OPTION("auto-dedup", 0, OPTION_FLAG, type, at auto_dedup, .help = "free memory images that are used"), \
		OPTION("lazy-pages", 0, OPTION_FLAG, type, at lazy_pages, .help = "memory follows when it is needed"), \
		OPTION("status-fd", 0, OPTION_NUMBER, type, at status_fd, .value = "FD",                               \
			.help = "a NUL goes there once --lazy-pages can be served"),                                   \
		OPTION("page-server", 0, OPTION_TEXT, type, at page_server, .value = "ADDRESS:PORT",                   \
			.help = "memory goes to the page server there")

/* ---- checkpoint ---- */

static int save(const struct invocation *invocation, struct container *container, struct error *err)
{
	cleanup_close int signal_fd = wait_block(err);

	return signal_fd < 0 ? signal_fd
			     : container_checkpoint(container, invocation->options, signal_fd, invocation->arena, err);
}

static int checkpoint_run(const struct invocation *invocation, struct error *err)
{
	return cli_with_container(invocation, save, err);
}

static const struct option checkpoint_options[] = {
	OPTION("leave-running", 'R', OPTION_FLAG, struct criu_options, leave_running, .help = "let it go on"),
	OPTION("pre-dump", 0, OPTION_FLAG, struct criu_options, pre_dump,
		.help = "only its memory, while it runs: for --parent-path later"),
	CRIU_OPTIONS(struct criu_options, ),
};

const struct command checkpoint_command = {
	.name = "checkpoint",
	.usage = "[OPTIONS] ID",
	.summary = "Save a running container to a folder, and stop it.",
	.examples = "  husk checkpoint --image-path /srv/saved web\n"
		    "  husk checkpoint --pre-dump --image-path /srv/first web\n"
		    "  husk checkpoint --parent-path ../first --image-path /srv/saved --tcp-established web",
	.options = checkpoint_options,
	.option_count = ARRAY_SIZE(checkpoint_options),
	.options_size = sizeof(struct criu_options),
	.min_args = 1,
	.max_args = 1,
	.failure_status = 1,
	.run = checkpoint_run,
};

/* ---- restore ---- */

struct restore_options {
	struct create_options create; /* the first: what makes a container, and some options, look there */
	struct criu_options criu;
};

/* Its folder stays, which holds all that it has written; the options that made it count where none are given now. */
static int keep_folder(
	struct container *container, struct arena *arena, struct create_options *options, struct error *err)
{
	struct record *record = &container->record;

	if (!options->network.networks.count)
		cli_network_again(record->annotations, record->annotation_count, arena, &options->network);
	if (!record->folder || options->bundle)
		return 0;
	options->again = record->folder;
	record->folder = NULL;
	return record_read_config(container->dir, arena, &options->again_config, &options->again_config_len, err);
}

/* What the checkpoint left of the container here makes room for it, as `delete` would. */
static int make_room(const struct invocation *invocation, struct create_options *options, struct error *err)
{
	struct arena *arena = invocation->arena;
	struct container container;
	cleanup_close int root = -1;
	int r = cli_open_root(invocation, false, &root, err);

	if (r < 0 || container_open(root, invocation->args[0], arena, &container, NULL) < 0)
		return r;
	if (container.status == SPEC_STOPPED && container.has_record &&
		(r = container_lock(&container, arena, err)) == 0 && container.status == SPEC_STOPPED) {
		r = keep_folder(&container, arena, options, err);
		if (r == 0)
			r = container_erase(&container, err);
	}
	container_close(&container);
	return r;
}

static int make_it(const struct invocation *invocation, struct error *err)
{
	const struct create_options *options = invocation->options;
	struct error also = { 0 };
	struct making making;
	int r = cli_make_container(invocation, GATE_PAIR, &making, err);

	if (r == 0) {
		state_dir_unlock(making.container.dir);
		if (!options->detach) {
			r = cli_await_end(&making, NULL, err);
			if (!options->keep && cli_remove_made(&making, invocation->arena, &also) < 0)
				log_error(&also);
		}
	}
	cli_close_making(&making);
	return r;
}

static int restore_run(const struct invocation *invocation, struct error *err)
{
	struct restore_options *options = invocation->options;
	struct criu_folders folders;
	int r = criu_folders_open(&options->criu, &folders, invocation->arena, err);

	options->criu.parent_path = NULL; /* the checkpoint itself has it */
	options->create.checkpoint = &options->criu;
	options->create.folders = &folders;
	if (r == 0)
		r = make_room(invocation, &options->create, err);
	if (!options->create.bundle)
		options->create.bundle = ".";
	if (r == 0)
		r = make_it(invocation, err);
	criu_folders_close(&folders);
	return r;
}

static const struct option restore_options[] = {
	OPTION("bundle", 'b', OPTION_TEXT, struct restore_options, create.bundle, .value = "DIR",
		.help = "folder with config.json (default: .)"),
	OPTION("detach", 'd', OPTION_FLAG, struct restore_options, create.detach,
		.help = "leave it running and return"),
	OPTION("keep", 0, OPTION_FLAG, struct restore_options, create.keep, .help = "do not delete it when it ends"),
	OPTION("pid-file", 0, OPTION_TEXT, struct restore_options, create.pid_file, .value = "FILE",
		.help = "write the pid of the container there"),
	OPTION("console-socket", 0, OPTION_TEXT, struct restore_options, create.console_socket, .value = "SOCKET",
		.help = "send the terminal's master there"),
	OPTION("no-pivot", 0, OPTION_FLAG, struct restore_options, create.no_pivot,
		.help = "accepted for callers of runc"),
	OPTION("no-subreaper", 0, OPTION_FLAG, struct restore_options, create.no_subreaper,
		.help = "accepted for callers of runc; husk is none"),
	OPTION("lsm-profile", 0, OPTION_TEXT, struct restore_options, criu.lsm_profile, .value = "TYPE:NAME",
		.help = "selinux:LABEL or apparmor:PROFILE instead of the saved one"),
	OPTION("lsm-mount-context", 0, OPTION_TEXT, struct restore_options, criu.lsm_mount_context, .value = "LABEL",
		.help = "SELinux label of mounts instead of the saved one"),
	CRIU_OPTIONS(struct restore_options, criu.),
	NETWORK_OPTIONS(struct create_options),
};

const struct command restore_command = {
	.name = "restore",
	.usage = "[OPTIONS] ID",
	.summary = "Make a container again from a checkpoint and its bundle, and end with its exit code.",
	.examples = "  husk restore --bundle /srv/web --image-path /srv/saved --detach web",
	.options = restore_options,
	.option_count = ARRAY_SIZE(restore_options),
	.options_size = sizeof(struct restore_options),
	.min_args = 1,
	.max_args = 1,
	.failure_status = 1,
	.run = restore_run,
};
