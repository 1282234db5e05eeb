/* base/error.h: why something failed, in the words a person needs.
 *
 * One design for the whole project. A function that can fail returns an int: 0, or a documented value >= 0, or a
 * negative errno; the words go to a `struct error` that the caller gives. The error is filled once, where the cause is
 * known. Callers forward the number unchanged and may prepend `where`. Nothing below main() prints.
 * A printed error is one line:  WHERE: WHAT: STRERROR (HINT) */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct error {
	int code;        /* negative errno; 0 = nothing has failed */
	bool judged;     /* our own verdict: `what` says all, strerror(3) would mislead */
	int exit_status; /* 126 or 127 where the contract asks for it; 0 = the command's usual one */
	char where[512]; /* "config.json: linux.resources.memory.limit"; may be empty */
	char what[1024]; /* verb, object: "mount tmpfs on /dev/shm" */
	char hint[512];  /* what the reader can do about it; may be empty */
};

#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Each fills `err` and returns its code as a negative errno, so that a caller can `return error_sys(...)`.
 * `code` is an errno of either sign; 0 counts as EINVAL. `err` may be NULL: then only the number travels. */
int error_sys(struct error *err, int code, const char *fmt, ...) PRINTF(3, 4); /* the kernel said no */
int error_bad(struct error *err, int code, const char *fmt, ...) PRINTF(3, 4); /* we say no */

/* Adds to an error that is already filled: a prefix of `where` (joined by ": "), or a hint where none is set yet.
 * Return err->code. */
int error_at(struct error *err, const char *fmt, ...) PRINTF(2, 3);
int error_hint(struct error *err, const char *fmt, ...) PRINTF(2, 3);

/* Writes the line, without a newline, control characters and invalid UTF-8 escaped as \xNN; returns `buf`.
 * `size` >= 1; a line that does not fit ends in "...". */
char *error_line(const struct error *err, char *buf, size_t size);
