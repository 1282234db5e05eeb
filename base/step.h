/* base/step.h: one thing the init does, as data.
 *
 * A plan is a flat list of steps. The same step is described (`husk plan`), prepared by the parent while it still sees
 * the host (open), carried out by the child (apply), and named when it fails. Rooms define kinds of steps; runtime/
 * puts them in order. Between clone and exec the child only walks: apply functions allocate nothing, parse nothing,
 * format nothing, and call only what signal-safety(7) allows. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct arena;
struct error;
struct step;
struct text;

enum { WALK_DETAIL = 512 };

/* What steps of one walk share. All descriptors belong to the child's copy of the table; exec closes them; -1 = none. */
struct walk {
	int sock;                           /* to whoever waits for this walk: reports, requests, descriptors */
	int root;                           /* O_PATH of the container's root mount */
	int dev;                            /* O_PATH of its /dev */
	int procfs;                         /* a private procfs of the container's pid namespace, never attached */
	int mask_file;                      /* a mount of the host's null device */
	int mask_dir;                       /* a mount of an empty read-only tmpfs */
	bool mask_file_used, mask_dir_used; /* attached once: the next mask is a clone */
	int terminal;                       /* the slave side of the container's pty */
	int fs_context;                     /* a file-system context that refused; its log says why [fsopen(2)] */
	int wait_status;                    /* of a hook that failed, as wait(2) has it; -1 = it took too long */
	char detail[WALK_DETAIL];           /* what it wrote; or the kernel's words, from fs_context */
	const char *program;                /* what the search in PATH found */
};

/* What the child says over walk->sock, one message each [unix(7), SOCK_SEQPACKET]. */
enum walk_message {
	WALK_FAILED,   /* a struct report follows (runtime/report.h) */
	WALK_TERMINAL, /* the master of its pty comes with it */
	WALK_READY,    /* all is set up; it waits at the gate */
	WALK_HOOKS,    /* namespaces and mounts are there; it waits while the runtime's hooks run */
	WALK_LISTENER, /* a page comes with it: see runtime/listener.h */
};

/* Verdicts of our own, beside negative errnos: what a step saw and refuses to live with. runtime/report.c has the words. */
enum step_verdict {
	STEP_ON_PROCFS = -5000, /* a mount target that lies on procfs */
	STEP_OTHER_NODE,        /* something else stands where a device or link belongs */
	STEP_OUTSIDE_ROOT,      /* the working directory is not beneath the container's root */
	STEP_IDENTITY_DIFFERS,  /* ids or groups are not what was set */
	STEP_PARENT_GONE,       /* husk ended before it let go: silent end */
	STEP_NOT_OPENED,        /* walk->detail says what could not be opened, and why */
	STEP_HOOK_FAILED,       /* walk->wait_status and walk->detail say how */
	STEP_VERDICTS_END,
};

/* (child) Waits for the parent's one byte: 0, or STEP_PARENT_GONE where its socket was closed instead. */
int walk_await_parent(const struct walk *walk);

struct step_kind {
	const char *name; /* the word in `husk plan --format json`: "mount", "mask" */
	/* A sentence without a full stop, "mount tmpfs on /dev (nosuid,mode=755)"; also the error's `what`... */
	void (*say)(const struct step *step, struct text *text);
	/* ...unless this has better words for the code. NULL = it has not. */
	void (*blame)(const struct step *step, int code, struct text *text);
	/* Parent, before the clone, or the child by open_step: opens what belongs to the host's view. NULL = nothing. */
	int (*open)(struct step *step, struct error *err);
	/* Child: 0 or a negative errno. */
	int (*apply)(const struct step *step, struct walk *walk);
};

struct step {
	const struct step_kind *kind;
	const char *origin; /* JSON path that asked for it, "mounts[3]"; NULL = husk's own */
	void *args;         /* of the kind; in the plan's arena; `open` may fill it in, `apply` only reads */
	int fd;             /* opened by `open`; -1; owned by the plan */
	int fd2;            /* a second one */
};

struct steps {
	struct arena *arena; /* borrowed */
	struct step *items;
	size_t count, size;
};

void steps_init(struct steps *steps, struct arena *arena);
struct step *steps_add(struct steps *steps, const struct step_kind *kind, const char *origin, void *args);

/* Words for a step that failed in the child with err->code: err->what, and its origin as the front of err->where. The
 * rest of `err` is the caller's. */
void step_blame(const struct step *step, struct error *err);

/* Runs `open` of every step; on failure `err` says which. Descriptors stay open until steps_close(). */
int steps_open(struct steps *steps, struct error *err);
void steps_close(struct steps *steps);

/* (child) The same where only the child may: in its user namespace, before it changes anything. The parent has one
 * thread, so the words can be made here, too [fork(2)]; walk->detail has them. Its args are the steps. */
extern const struct step_kind open_step;
