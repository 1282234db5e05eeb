/* runtime/husk-init.c: the first process of a container of `run --init`.
 *
 * A first process has two duties that programs seldom know of: it reaps whatever loses its parent in the container, and no
 * signal does anything to it that it has no handler for [pid_namespaces(7)]. This one starts the program as its child, passes
 * every signal on, reaps, and ends as the program does. It is the container's file system's only program of husk's, bound
 * read-only into it, so it is small and has no libraries. */
#include <asm/signal.h>
#include <linux/wait.h>
#include <stddef.h>

#include "runtime/freestanding.h"

enum { SIGNALS_BYTES = 8, TERMINAL_SET_GROUP = 0x5410 /* TIOCSPGRP */, NOT_FOUND = -2, PATH_LIMIT = 4096 };

/* ---- texts ---- */

static size_t length(const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	return len;
}

static int has_slash(const char *text)
{
	while (*text && *text != '/')
		text++;
	return *text == '/';
}

static const char *find_path(char **envp)
{
	for (; *envp; envp++)
		if ((*envp)[0] == 'P' && (*envp)[1] == 'A' && (*envp)[2] == 'T' && (*envp)[3] == 'H' &&
			(*envp)[4] == '=')
			return *envp + 5;
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* ---- the program ---- */

static long try_part(const char *part, size_t len, char **argv, char **envp)
{
	char path[PATH_LIMIT];
	size_t name = length(argv[0]);

	if (len + name + 2 > sizeof(path))
		return NOT_FOUND;
	for (size_t i = 0; i < len; i++)
		path[i] = part[i];
	path[len] = '/';
	for (size_t i = 0; i <= name; i++)
		path[len + 1 + i] = argv[0][i];
	return CALL(execve, path, argv, envp, 0, 0);
}

/* As execvp(3) looks for it; the error that says most is kept. */
static long execute(char **argv, char **envp)
{
	const char *path = find_path(envp);
	long r = NOT_FOUND;

	if (has_slash(argv[0]))
		return CALL(execve, argv[0], argv, envp, 0, 0);
	for (;;) {
		size_t len = 0;
		long now;
		while (path[len] && path[len] != ':')
			len++;
		now = try_part(path, len, argv, envp);
		r = now == NOT_FOUND ? r : now;
		if (!path[len])
			return r;
		path += len + 1;
	}
}

/* In a process group of its own, to which the terminal belongs: what is typed there is for the program alone. */
static void become_program(char **argv, char **envp, const unsigned long *signals)
{
	static const char words[] = "husk: cannot run ";
	int own = (int)CALL(getpid, 0, 0, 0, 0, 0);
	long r;

	(void)CALL(setpgid, 0, 0, 0, 0, 0);
	(void)CALL(ioctl, 0, TERMINAL_SET_GROUP, &own, 0, 0);
	(void)CALL(rt_sigprocmask, SIG_SETMASK, signals, 0, SIGNALS_BYTES, 0);
	r = execute(argv, envp);
	(void)CALL(write, 2, words, sizeof(words) - 1, 0, 0);
	(void)CALL(write, 2, argv[0], length(argv[0]), 0, 0);
	(void)CALL(write, 2, "\n", 1, 0, 0);
	(void)CALL(exit_group, r == NOT_FOUND ? 127 : 126, 0, 0, 0, 0);
}

/* ---- the duties ---- */

/* Ends us once the program has ended. */
static void reap(long program)
{
	int status = 0;
	long pid;

	while ((pid = CALL(wait4, -1, &status, WNOHANG, 0, 0)) > 0)
		if (pid == program)
			(void)CALL(exit_group, status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff, 0, 0, 0, 0);
}

void launch(long *stack)
{
	char **argv = (char **)(stack + 1), **envp = argv + *stack + 1;
	unsigned long all = ~0UL, before = 0;
	long program;

	if (*stack < 3) /* husk-init -- PROGRAM */
		(void)CALL(exit_group, 125, 0, 0, 0, 0);
	(void)CALL(rt_sigprocmask, SIG_SETMASK, &all, &before, SIGNALS_BYTES, 0);
	program = CALL(clone, SIGCHLD, 0, 0, 0, 0);
	if (program == 0)
		become_program(argv + 2, envp, &before);
	if (program < 0)
		(void)CALL(exit_group, 125, 0, 0, 0, 0);
	for (;;) {
		long signal = CALL(rt_sigtimedwait, &all, 0, 0, SIGNALS_BYTES, 0);
		if (signal == SIGCHLD)
			reap(program);
		else if (signal > 0 && signal != SIGTTIN && signal != SIGTTOU)
			(void)CALL(kill, program, signal, 0, 0, 0);
	}
}
