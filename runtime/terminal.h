/* runtime/terminal.h: between the caller's terminal and the container's.
 *
 * The container gets a pty of its own, made inside its own devpts; the caller's terminal is never handed in, so
 * nothing inside can push characters into it [CVE-2017-5226, TIOCSTI]. The relay copies bytes both ways, passes window
 * sizes on and puts the caller's terminal back whatever happens. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>
struct error;

struct relay {
	int master; /* owned; the container's pty */
	bool raw;   /* the caller's terminal was put into raw mode */
	struct termios saved;
	bool stdin_open;                          /* more may come from the caller */
	bool output_open;                         /* more may come from the container */
	char to_container[4096], to_caller[4096]; /* what could not be written yet */
	size_t to_container_len, to_caller_len;
};

/* Takes `*master`, which has its first size already. Raw mode only where stdin is a terminal. */
int relay_start(struct relay *relay, int *master, struct error *err);

/* SIGWINCH: passes the caller's window size on. */
void relay_resize(struct relay *relay);

/* Fills in what to wait for: at most 4 entries; returns how many. */
struct pollfd;
int relay_poll(const struct relay *relay, struct pollfd *fds);

/* Moves bytes after a poll; never blocks on either side. End of input sends the terminal's EOF character. */
void relay_move(struct relay *relay, const struct pollfd *fds, int count);

/* After the container's end: what is still in the pty comes out, then the caller's terminal is as before. Twice and on
 * a zeroed relay is fine. */
void relay_stop(struct relay *relay);
