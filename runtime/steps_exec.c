/* runtime/steps_exec.c: from the search for the program to exec.
 *
 * The hand-over is where the init stops depending on husk: husk has written the record and all limits and says so with
 * one byte. Then, for `create`, the gate: the init listens on a socket that husk bound in the state directory, and
 * whoever connects and sends a byte lets it go. Its socket is from then on where a failure is reported, and its closing
 * by exec(2) is the good news. There is no state to go stale: a dead init refuses the connection. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "runtime/plan.h"
#include "runtime/steps.h"

/* ---- the program ---- */

static void find_say(const struct step *step, struct text *text)
{
	const struct exec_args *args = step->args;

	text_add(text, "look for \"%s\"%s", args->argv[0], strchr(args->argv[0], '/') ? "" : " in $PATH");
}

/* Callers look for these words, and docker tells 126 from 127 by errno's, which it has in lower case. */
static void exec_blame(const struct step *step, int code, struct text *text)
{
	const struct exec_args *args = step->args;
	const char *words = strerror(-code);

	text_add(text, "exec \"%s\": %c%s", args->argv[0], tolower((unsigned char)*words), words + 1);
}

static void find_blame(const struct step *step, int code, struct text *text)
{
	const struct exec_args *args = step->args;

	if (code == -ENOENT && !strchr(args->argv[0], '/'))
		text_add(text, "exec \"%s\": executable file not found in $PATH", args->argv[0]);
	else
		exec_blame(step, code, text);
}

static int is_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

/* As execvp(3): the first that can be executed; a refusal is remembered, but the search goes on. */
static int find_apply(const struct step *step, struct walk *walk)
{
	const struct exec_args *args = step->args;
	int result = -ENOENT;

	for (const char **candidate = args->candidates; *candidate; candidate++) {
		int r = is_program(*candidate);
		if (r == 0) {
			walk->program = *candidate;
			return 0;
		}
		if (r != -ENOENT && r != -ENOTDIR)
			result = r;
	}
	return result;
}

/* ---- letting go ---- */

static void handover_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "wait for the limits and the record, then live without husk");
}

/* Closes all but those to keep: a container that waits for `start` may have other processes by `exec`, and a descriptor
 * of a folder of the host's would be their way out [CVE-2024-21626]. */
static int close_others(const struct exec_args *args, int sock)
{
	const int keep[] = { sock, args->gate->lock, args->gate->listener };
	unsigned from = 3 + args->preserve_fds;

	for (;;) {
		int next = -1;
		for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
			if (keep[i] >= (int)from && (next < 0 || keep[i] < next))
				next = keep[i];
		if (next < 0)
			return close_range(from, ~0U, 0) < 0 ? -errno : 0;
		if ((unsigned)next > from && close_range(from, (unsigned)next - 1, 0) < 0)
			return -errno;
		from = (unsigned)next + 1;
	}
}

static int handover_apply(const struct step *step, struct walk *walk)
{
	int r = walk_await_parent(walk);

	if (r < 0)
		return r;
	if (prctl(PR_SET_PDEATHSIG, 0) < 0)
		return -errno;
	return close_others(step->args, walk->sock);
}

static void gate_say(const struct step *step, struct text *text)
{
	const struct gate_args *args = step->args;

	text_add(text, "%s", args->kind == GATE_SOCKET ? "wait for start" : "report that all is set up");
}

/* A `start` that died before its byte leaves the container created. */
static int await_start(int listener)
{
	for (;;) {
		int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		char byte;

		if (sock < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (sock < 0)
			return -errno;
		if (read(sock, &byte, 1) == 1)
			return sock;
		(void)close(sock);
	}
}

static int gate_apply(const struct step *step, struct walk *walk)
{
	const struct gate_args *args = step->args;
	uint32_t ready = WALK_READY;
	int sock;

	if (send(walk->sock, &ready, sizeof(ready), MSG_NOSIGNAL) < 0)
		return -errno;
	if (args->kind == GATE_PAIR)
		return 0;
	(void)close(walk->sock);
	walk->sock = -1;
	sock = await_start(args->listener);
	if (sock < 0)
		return sock;
	(void)close(args->listener); /* a second start is refused from here on */
	walk->sock = sock;
	return 0;
}

/* ---- exec ---- */

static void exec_say(const struct step *step, struct text *text)
{
	const struct exec_args *args = step->args;

	text_add(text, "exec \"%s\"", args->argv[0]);
}

static int exec_apply(const struct step *step, struct walk *walk)
{
	const struct exec_args *args = step->args;

	if (args->listen_pid)
		(void)text_put_u64(args->listen_pid, (uint64_t)getpid());
	if (args->gate->lock >= 0) /* before the socket whose end says that the program runs */
		(void)close(args->gate->lock);
	/* Everything of ours is close-on-exec already; this is for what nobody thought of [CVE-2024-21626]. */
	if (close_range(3 + args->preserve_fds, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	(void)execve(walk->program, (char *const *)args->argv, (char *const *)args->envp);
	return -errno;
}

const struct step_kind find_step = {
	.name = "find-program", .say = find_say, .blame = find_blame, .apply = find_apply
};
const struct step_kind handover_step = { .name = "hand-over", .say = handover_say, .apply = handover_apply };
const struct step_kind gate_step = { .name = "gate", .say = gate_say, .apply = gate_apply };
const struct step_kind exec_step = { .name = "exec", .say = exec_say, .blame = exec_blame, .apply = exec_apply };
