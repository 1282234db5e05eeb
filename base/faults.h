/* base/faults.h: many faults of one input, each with its place.
 *
 * Whoever checks a config wants to hear of every mistake at once, not one a run. Faults refuse the input; warnings do
 * not. Both keep the order in which they were found. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
struct arena;
struct error;

struct fault {
	struct fault *next;
	bool warning;
	const char *where; /* JSON path: "process.rlimits[2].soft"; may be empty */
	const char *what;  /* "expected an unsigned integer, found \"many\"" */
};

struct faults {
	struct arena *arena; /* borrowed; holds the texts */
	const char *source;  /* "config.json"; borrowed, may be NULL; printed before each place */
	struct fault *first, *last;
	unsigned count;    /* without warnings */
	unsigned warnings; /* only the first FAULTS_KEPT of each are kept */
};

enum { FAULTS_KEPT = 100 };

void faults_init(struct faults *faults, struct arena *arena, const char *source);
void faults_add(struct faults *faults, const char *where, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void faults_warn(struct faults *faults, const char *where, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* One fault as "SOURCE: WHERE: WHAT", escaped as error_line() does; returns `buf`. */
char *fault_line(const struct faults *faults, const struct fault *fault, char *buf, size_t size);
