/* runtime/cli/cli.h: what several commands do alike. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/table.h"
#include "runtime/child.h"
#include "runtime/cli/from_image.h"
#include "runtime/cli/network_options.h"
#include "runtime/container.h"
#include "runtime/notify.h"
#include "runtime/plan.h"
struct criu_folders;
struct criu_options;
struct error;
struct faults;
struct invocation;
struct json_writer;

/* Opens the state root of the invocation: see state_root_open(). */
int cli_open_root(const struct invocation *invocation, bool make, int *ret_root, struct error *err);

/* The path of the store of the invocation, in the arena: see store_path(). NULL, with words, where there is none. */
const char *cli_store_path(const struct invocation *invocation, struct error *err);

/* Looks up the container named by the first argument; *ret_root is the caller's to close, also on failure. */
int cli_open_container(const struct invocation *invocation, int *ret_root, struct container *ret, struct error *err);

/* Looks up the container named by the first argument, locks it and calls `act`. */
int cli_with_container(const struct invocation *invocation,
	int (*act)(const struct invocation *, struct container *, struct error *), struct error *err);

/* Calls `act` for each id, whatever becomes of the others: what failed is told, the last of it in `err`. */
int cli_each_id(const struct invocation *invocation, int root, char *const *ids, size_t count,
	int (*act)(const struct invocation *, int, const char *, struct error *), struct error *err);

/* The ids of the state root that match an extended regular expression (NULL: all), in the arena. */
int cli_match_ids(const struct invocation *invocation, int root, const char *pattern, char ***ret_ids,
	size_t *ret_count, struct error *err);

/* A bundle that was read, and the plan of its container. */
struct bundle {
	const char *
		config; /* a file instead of the bundle's config.json; with a text, the name of that in messages; NULL */
	const struct network_options *network; /* NULL: only what the config asks for */
	const char *path;                      /* absolute, links resolved */
	const char *text;                      /* of config.json; NULL = to be read */
	size_t len;
	struct spec *spec;
	struct plan plan;
};

/* Whether an argument of `run` names a bundle rather than an id: it holds a "/", or is a folder with a config.json. */
bool cli_is_bundle(const char *arg);

/* An id made from the name of the bundle's folder. */
const char *cli_id_of(const char *path, struct arena *arena);

/* Opens, reads, checks and plans. All faults of the config are told at once, warnings only where `warn`; then `err` is
 * without words. */
int cli_read_bundle(const struct invocation *invocation, const char *path, struct bundle *ret, struct error *err);
int cli_plan_bundle(const struct invocation *invocation, struct bundle *bundle, struct plan_request *request, bool warn,
	struct error *err);

/* Logs the faults, all at once; `err` is then without words. Returns a negative errno. */
int cli_tell_faults(const struct faults *faults, struct arena *arena, struct error *err);

/* Reads a file that the command line names, or standard input for "-", up to `max` bytes. */
int cli_read_file(const struct invocation *invocation, const char *path, size_t max, char **ret_text, size_t *ret_len,
	struct error *err);

/* Writes what the writer holds, on one line or for people; the writer is done after it. */
int cli_write_json(struct json_writer *w, bool pretty, struct error *err);

/* Writes text to stdout; a full disk or a closed pipe is an error. */
int cli_write(const char *text, size_t len, struct error *err);
int cli_write_line(const char *line, struct error *err);

/* "5", "5s", "1m", "500ms" of an option. */
int cli_parse_time(const char *option, const char *text, int *ret_ms, struct error *err);

/* The words for too few arguments, or too many. */
int cli_wrong_count(const struct invocation *invocation, int wanted, struct error *err);

/* ---- create and run ---- */

struct create_options {
	const char *bundle, *config, *id, *pid_file, *console_socket, *pidfd_socket;
	unsigned preserve_fds;
	bool no_new_keyring, detach, keep, no_subreaper, no_pivot;
	struct image_flags image;
	struct network_options network;
	const struct criu_options *checkpoint; /* of `restore`: */
	const struct criu_folders *folders;
	const char *again, *again_config; /* the folder of one from an image that stopped here, and its config; NULL */
	size_t again_config_len;
};

/* From the command line to a container that is ready: what `create` and `run` have in common. The signalfd, the root,
 * the container and the rest are the caller's to close. */
struct making {
	struct from_image from; /* where --image was given */
	struct bundle bundle;
	int root, signal_fd;
	struct container container;
	struct child child;
	struct notify notify; /* of `run` */
};
int cli_make_container(const struct invocation *invocation, enum gate gate, struct making *ret, struct error *err);
void cli_close_making(struct making *making);

/* Stays in the foreground until it ends, and writes that down for the case that it is kept; its exit status. `notify` may be NULL. */
int cli_await_end(struct making *making, const struct notify *notify, struct error *err);

/* Removes it by its record, as `delete --force` would; gone already is fine. */
int cli_remove_made(struct making *making, struct arena *arena, struct error *err);

/* Waits for the end of a child of ours in the foreground, with its terminal if it has one; its exit status.
 * *ret_signal, where it is not NULL: the signal that killed it, or 0. */
int cli_foreground(
	int pidfd, int *terminal, int signal_fd, const struct notify *notify, int *ret_signal, struct error *err);

/* What the environment asks for [sd_notify(3), sd_listen_fds(3)]: NULL and 0 where it does not. */
const char *cli_notify_socket(void);
unsigned cli_listen_fds(void);

/* What must stay open for the program is open, and nothing else gets to it. */
int cli_check_preserved(unsigned count, struct error *err);

/* Warns of system calls that a filter leaves out. */
void cli_warn_of_seccomp(const struct plan *plan);
