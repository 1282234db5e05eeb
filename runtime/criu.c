/* runtime/criu.c: see the header. */
#include "runtime/criu.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/program.h"
#include "base/step.h"
#include "base/text.h"
#include "runtime/init.h"
#include "runtime/report.h"
#include "runtime/steps.h"
#include "runtime/wait.h"

enum { MESSAGE_MAX = 64 << 10, LOG_MAX = 64 << 20, INHERITED_MAX = 8 };

struct criu_exec {
	char *path;
	char *const *argv;
	int fds[INHERITED_MAX];
	size_t fd_count;
	bool same_group;
	struct exec_args signals;
};

/* ---- the child becomes it ---- */

static void criu_say(const struct step *step, struct text *text)
{
	const struct criu_exec *args = step->args;

	text_add(text, "run %s", args->path);
}

static int criu_apply(const struct step *step, struct walk *walk)
{
	const struct criu_exec *args = step->args;

	(void)walk;
	for (size_t i = 0; i < args->fd_count; i++)
		if (args->fds[i] > STDERR_FILENO && fcntl(args->fds[i], F_SETFD, 0) < 0)
			return -errno;
	/* A ^C for us would end it in the middle of its work, which it undoes only where it is asked to. */
	if (!args->same_group && setpgid(0, 0) < 0)
		return -errno;
	(void)execve(args->path, args->argv, environ);
	return -errno;
}

static const struct step_kind criu_step = { .name = "criu", .say = criu_say, .apply = criu_apply };

/* In the folders of $PATH, and where it is by rule: callers leave $PATH empty, or without the folders of root's programs. */
static char *find(struct arena *arena)
{
	const char *path = getenv("PATH");

	return program_find(
		"criu", arena_printf(arena, "%s:/usr/local/sbin:/usr/sbin:/usr/bin", path ? path : ""), arena);
}

/* ---- its life ---- */

int criu_prepare(struct criu *criu, const char *id, int signal_fd, struct arena *arena, struct error *err)
{
	struct criu_exec *exec = ARENA_NEW(arena, struct criu_exec);
	char **argv = ARENA_ARRAY(arena, 4, char *);
	int pair[2];

	*criu = (struct criu){ .walk = { .arena = arena, .id = id }, .sock = -1, .other = -1, .exec = exec };
	criu->child = child_of(&criu->walk, signal_fd, SPEC_CREATING);
	steps_init(&criu->walk.steps, arena);
	exec->path = find(arena);
	if (!exec->path) {
		(void)error_bad(err, ENOENT, "criu: executable file not found in $PATH");
		return error_hint(err, "checkpoints are made by CRIU: install the package criu");
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_sys(err, errno, "make a pair of sockets");
	criu->sock = pair[0];
	criu->other = pair[1];
	argv[0] = exec->path;
	argv[1] = arena_strdup(arena, "swrk");
	argv[2] = arena_printf(arena, "%d", criu->other);
	exec->argv = argv;
	exec->signals.ignored_signals = ~UINT64_C(0);
	criu_inherits(criu, criu->other);
	steps_add(&criu->walk.steps, &await_parent_step, NULL, (void *)"its parent");
	return 0;
}

void criu_inherits(struct criu *criu, int fd)
{
	if (criu->exec->fd_count < INHERITED_MAX)
		criu->exec->fds[criu->exec->fd_count++] = fd;
}

void criu_shares_terminal(struct criu *criu)
{
	criu->exec->same_group = true;
}

int criu_clone(struct criu *criu, int cgroup, int state_dir, bool mounts, struct error *err)
{
	struct child *child = &criu->child;
	struct init_args args = { .plan = &criu->walk, .state_dir = state_dir };
	int r = child_pair(child, err);

	if (r < 0)
		return r;
	steps_add(&criu->walk.steps, &signals_step, NULL, &criu->exec->signals);
	steps_add(&criu->walk.steps, &criu_step, NULL, criu->exec);
	criu->walk.namespaces.make = mounts ? CLONE_NEWNS : 0;
	args.parent_sock = child->sock;
	args.sock = child->other;
	child->pid = namespaces_clone(&criu->walk.namespaces, cgroup, init_walk, &args, &child->pidfd, err);
	fd_closep(&child->other);
	fd_closep(&criu->other);
	return child->pid < 0 ? child->pid : 0;
}

void criu_done(struct criu *criu)
{
	fd_closep(&criu->sock);
	fd_closep(&criu->other);
	child_close(&criu->child); /* one that has not walked yet hears that nobody waits for it */
	if (criu->child.pid > 0)
		(void)program_reap(criu->child.pid);
	criu->child.pid = 0;
}

/* ---- its messages ---- */

static void *take_memory(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void leave_memory(void *arena, void *memory)
{
	(void)arena, (void)memory;
}

static int send_request(const struct criu *criu, const Criu__Request *request, struct error *err)
{
	size_t len = criu__request__get_packed_size(request);
	uint8_t *bytes = arena_alloc(criu->walk.arena, len);

	(void)criu__request__pack(request, bytes);
	return send(criu->sock, bytes, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : error_sys(err, errno, "talk to criu");
}

/* In the arena; NULL with words. */
static const Criu__Answer *receive_answer(const struct criu *criu, int *ret_fd, struct error *err)
{
	struct arena *arena = criu->walk.arena;
	ProtobufCAllocator allocator = { take_memory, leave_memory, arena };
	uint8_t *bytes = arena_alloc(arena, MESSAGE_MAX);
	const Criu__Answer *answer;
	ssize_t n;

	do
		n = fd_receive(criu->sock, bytes, MESSAGE_MAX, ret_fd);
	while (n == -EINTR);
	if (n == 0 || n == -ECONNRESET) {
		(void)error_bad(err, EPIPE, "criu has ended without an answer");
		return NULL;
	}
	if (n < 0) {
		(void)error_sys(err, (int)n, "hear from criu");
		return NULL;
	}
	answer = criu__answer__unpack(&allocator, (size_t)n, bytes);
	if (!answer)
		(void)error_bad(err, EPROTO, "criu sent something that makes no sense");
	return answer;
}

/* ---- the version ---- */

static int compare_version(const struct criu *criu, const Criu__Version *version, struct error *err)
{
	int number = version->major_number * 10000 + version->minor_number * 100 + version->sublevel;

	if (number >= CRIU_OLDEST)
		return 0;
	(void)error_bad(err, ENOTSUP, "%s is version %d.%d, and husk needs %d.%d or newer", criu->exec->path,
		version->major_number, version->minor_number, CRIU_OLDEST / 10000, CRIU_OLDEST / 100 % 100);
	return error_hint(err, "install a newer package criu");
}

static int check_version(const struct criu *criu, struct error *err)
{
	Criu__Request request = CRIU__REQUEST__INIT;
	cleanup_close int fd = -1;
	const Criu__Answer *answer;
	int r;

	request.kind = CRIU__KIND__VERSION;
	request.has_keep_open = request.keep_open = true;
	r = send_request(criu, &request, err);
	if (r < 0)
		return r;
	answer = receive_answer(criu, &fd, err);
	if (!answer)
		return err->code;
	if (answer->kind != CRIU__KIND__VERSION || !answer->success || !answer->version)
		return error_bad(err, EPROTO, "criu does not say which version it is");
	return compare_version(criu, answer->version, err);
}

int criu_begin(struct criu *criu, struct error *err)
{
	int r = child_send(&criu->child, err);

	if (r == 0)
		r = child_await(&criu->child, REPORT_END, err); /* closed by exec */
	return r < 0 ? r : check_version(criu, err);
}

/* ---- a request ---- */

/* "(00.070573)      1: Error (criu/files.c:1221): Unable to open fd=1" */
static const char *find_error(const char *line, size_t len)
{
	const char *error = memmem(line, len, "Error (", strlen("Error ("));
	const char *words = error ? memmem(error, len - (size_t)(error - line), "): ", strlen("): ")) : NULL;

	return words && !memmem(line, len, "FAILED", strlen("FAILED")) ? words + strlen("): ") : NULL;
}

/* One line leads to the next; the last but one is as a rule the cause, and earlier ones may be complaints that it lives with. */
const char *criu_errors(const char *log, struct arena *arena)
{
	const char *last = "", *before = "";

	for (size_t len; *log; log += len + (log[len] == '\n')) {
		len = strcspn(log, "\n");
		const char *words = find_error(log, len);
		if (!words)
			continue;
		before = last;
		last = arena_copy(arena, words, len - (size_t)(words - log));
	}
	return *before ? arena_printf(arena, "%s; %s", before, last) : last;
}

static const char *words_of(const char *log_file, const char *said, int work, struct arena *arena)
{
	const char *words = "";
	size_t len = 0;
	char *log;

	if (file_read_at(work, log_file, LOG_MAX, arena, &log, &len, NULL) == 0)
		words = criu_errors(log, arena);
	if (!*words && said)
		words = said;
	len = strlen(words);
	while (len && strchr("\r\n\t ", words[len - 1]))
		len--;
	return arena_copy(arena, words, len);
}

static int failed(
	const struct criu *criu, const Criu__Answer *answer, const char *log_file, int work, struct error *err)
{
	const char *words = words_of(log_file, answer->error_message, work, criu->walk.arena);
	int code = answer->has_error && answer->error > 0 ? answer->error : EIO;

	if (*words)
		return error_bad(err, code, "criu: %s", words);
	return error_sys(err, code, "criu");
}

/* A refusal of ours, or a signal, is the reason for what it says afterwards. */
static int tell(struct criu *criu, const Criu__Answer *answer, int *fd, const struct criu_ear *ear, struct error *why)
{
	const struct criu_notice notice = {
		.script = answer->notice && answer->notice->script ? answer->notice->script : "",
		.pid = answer->notice && answer->notice->has_pid ? answer->notice->pid : 0,
		.fd = fd,
	};
	Criu__Request request = CRIU__REQUEST__INIT;
	int signal = why->code ? 0 : wait_interrupted(criu->child.signal_fd);

	if (signal) {
		(void)error_bad(why, EINTR, "interrupted by %s", word_signal_name(signal));
		why->exit_status = 128 + signal;
	}
	if (!why->code && ear)
		(void)ear->hear(ear->arg, &notice, why);
	request.kind = CRIU__KIND__NOTIFY;
	request.has_notify_success = true;
	request.notify_success = why->code == 0;
	return send_request(criu, &request, why->code ? NULL : why);
}

static int take_result(const struct criu *criu, const Criu__Answer *answer, const char *log_file, int work,
	pid_t *ret_pid, struct error *err)
{
	if (!answer->success)
		return failed(criu, answer, log_file, work, err);
	if (!ret_pid)
		return 0;
	if (!answer->restore || answer->restore->pid <= 0)
		return error_bad(err, EPROTO, "criu does not say which process it has restored");
	*ret_pid = answer->restore->pid;
	return 0;
}

int criu_ask(struct criu *criu, Criu__Kind kind, Criu__Options *options, const struct criu_ear *ear, int work,
	pid_t *ret_pid, struct error *err)
{
	Criu__Request request = CRIU__REQUEST__INIT;
	struct error why = { 0 };
	bool goes_on = true;
	int r;

	request.kind = kind;
	request.options = options;
	r = send_request(criu, &request, err);
	while (r == 0 && goes_on) {
		cleanup_close int fd = -1;
		const Criu__Answer *answer = receive_answer(criu, &fd, err);
		goes_on = answer && answer->kind == CRIU__KIND__NOTIFY;
		if (!answer)
			r = err->code;
		else if (goes_on)
			r = tell(criu, answer, &fd, ear, &why);
		else
			r = take_result(criu, answer, options->log_file, work, ret_pid, err);
	}
	if (why.code) /* also where it went on all the same */
		*err = why;
	return why.code ? why.code : r;
}
