/* runtime/hooks.h: programs that take part in a container's life [config.md, POSIX-platform Hooks].
 *
 * Run one by one in their order, each with the state document on its standard input. Of what it writes the end is kept,
 * for the message of one that fails. A hook that takes too long is killed with its children of the same session, and
 * none outlives a husk that is killed. */
#pragma once
#include <sys/types.h>

#include "spec/spec.h"
struct arena;
struct error;
struct step_kind;

struct hook_setting {
	const char *head, *tail;         /* the state document; the pid goes in between */
	const char *bundle;              /* where it runs; NULL: where we are */
	const char *const *env;          /* of a hook that has none of its own; NULL: ours */
	const char *out_file, *err_file; /* what it writes is appended there instead of kept; NULL */
};

/* For hooks of the container whose state that is, its pid left open: with the document, in its bundle, and as the
 * annotations say where output goes. Texts are in the arena or the state's. */
struct hook_setting hook_setting_of(const struct spec *spec, const struct spec_state *state, struct arena *arena);

/* (child) Runs one and waits: 0, a negative errno where it could not be run, or STEP_HOOK_FAILED with its wait status
 * (-1: killed after its timeout) and the end of its output. Async-signal-safe. */
int hook_run(const struct spec_hook *hook, const struct hook_setting *setting, pid_t pid, int *ret_wait_status,
	char *output, size_t size);

/* Adds to err->what, which names the hook, how it ended. Returns err->code. */
int hook_explain(int wait_status, const char *output, struct error *err);

/* Runs all of a kind, up to the first that fails; its JSON path is in `err`. */
int hooks_run(const struct spec_hooks *hooks, const struct hook_setting *setting, pid_t pid, struct error *err);

/* The same, but a failure is a warning, and the rest still runs: poststop. */
void hooks_run_all(const struct spec_hooks *hooks, const struct hook_setting *setting, pid_t pid);

struct hook_args {
	const struct spec_hook *hook;
	const struct hook_setting *setting;
};

extern const struct step_kind runtime_hooks_step; /* none: waits for the parent's */
extern const struct step_kind hook_step;          /* struct hook_args */
