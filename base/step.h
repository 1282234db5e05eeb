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

/* What steps of one walk share. All descriptors belong to the child's copy of the table; exec closes them. */
struct walk {
	int root;    /* O_PATH of the container's root mount */
	int host_fs; /* O_PATH of the host's "/", until the pivot */
	int procfs;  /* a private procfs of the container's pid namespace, never attached; -1 until a step makes it */
	int sock;    /* to the parent: reports, requests, descriptors */
	int terminal; /* the slave side of the container's terminal, -1 without one */
	int fs_context; /* the file-system context of a failed mount, whose log explains it; -1 */
	const char *program; /* what `find the program` found */
	const struct step *again; /* a step whose first try failed for want of rights and is retried later */
};

struct step_kind {
	const char *name; /* the word in `husk plan --format json`: "mount", "mask" */
	/* A sentence without a full stop, "mount tmpfs on /dev (nosuid,mode=755)"; also the error's `what`. */
	void (*say)(const struct step *step, struct text *text);
	/* Parent, before the clone: opens what the child could not. NULL = nothing to open. */
	int (*open)(struct step *step, struct error *err);
	/* Child: 0 or a negative errno. */
	int (*apply)(const struct step *step, struct walk *walk);
};

struct step {
	const struct step_kind *kind;
	const char *origin; /* JSON path that asked for it, "mounts[3]"; NULL = husk's own */
	const void *args;   /* of the kind; in the plan's arena */
	int fd;             /* opened by `open`; -1; owned by the plan */
	int fd2;            /* a second one */
};

struct steps {
	struct arena *arena; /* borrowed */
	struct step *items;
	size_t count, size;
};

void steps_init(struct steps *steps, struct arena *arena);
struct step *steps_add(struct steps *steps, const struct step_kind *kind, const char *origin, const void *args);

/* Runs `open` of every step; on failure `err` says which. Descriptors stay open until steps_close(). */
int steps_open(struct steps *steps, struct error *err);
void steps_close(struct steps *steps);
