/* base/program.h: another program, run and listened to.
 *
 * For the few things that belong to programs of the host's, ps(1) or newuidmap(1), and for those of our own that are kept
 * apart, because the libraries that they need must not weigh on the start of a container. Never inside a container. */
#pragma once
#include <stddef.h>
#include <sys/types.h>
struct arena;
struct error;

/* Runs argv[0], found in $PATH, and reads what it writes to `fd` (1 or 2) until its end, at most `max` bytes, into the
 * arena; its other streams are ours, and it has no more descriptors of ours than these. *ret_status is its exit status, or 128 plus the signal that ended it. */
int program_run(char *const *argv, int fd, size_t max, struct arena *arena, char **ret_text, int *ret_status,
	struct error *err);

/* The same with `input` as its standard input, and what it writes to its standard output. */
int program_feed(char *const *argv, const char *input, size_t max, struct arena *arena, char **ret_text,
	int *ret_status, struct error *err);

/* The same with `in` and `out` as its standard input and output; what it complains of on its standard error is read. One
 * that goes into the background must have closed that by then. */
int program_complain(char *const *argv, int in, int out, size_t max, struct arena *arena, char **ret_text,
	int *ret_status, struct error *err);

/* Looks for a program in the folders of a list as $PATH has it, of those that begin with a "/"; its path is in the arena. NULL:
 * it is in none of them, or we may not run it. */
char *program_find(const char *name, const char *folders, struct arena *arena);

/* ---- our own ---- */

/* Where they are installed; the build says it (base/folder.c). */
extern const char program_folder[];

/* Starts one of program_folder, with a socket of whole messages [unix(7), SOCK_SEQPACKET] as its standard input and output
 * and with no descriptor of ours but standard error. The other end, close-on-exec, and the child are the caller's.
 * -ENOENT: it is not installed. */
int program_start(const char *name, pid_t *ret_pid, int *ret_sock, struct error *err);

/* Waits for a child of ours: its exit status, or 128 plus the signal that ended it. */
int program_reap(pid_t pid);

/* Starts one, sends it one request and waits at most `timeout_ms` for its answer, of which it returns the length; a NUL
 * follows. -ETIMEDOUT; -EPIPE: it ended instead. */
ssize_t program_ask(const char *name, const void *request, size_t len, char *answer, size_t size, unsigned timeout_ms,
	struct error *err);
