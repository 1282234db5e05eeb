/* runtime/hooks.c: one program, its input, its output, its end. */
#include "runtime/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/step.h"
#include "base/syscalls.h"
#include "base/text.h"

enum { TIMED_OUT = -1, FOREVER = -1 };

/* ---- input ---- */

/* In front of the pid stand only the version and the id, which cannot hold these bytes. */
static void write_document(const struct spec_state *state, struct arena *arena, struct hook_setting *setting)
{
	static const char pid[] = "\"pid\":";
	struct json_writer w;
	const char *text;
	char *head;

	json_write_init(&w);
	spec_state_write(state, &w, NULL);
	text = json_write_end(&w, NULL);
	head = arena_strdup(arena, text ? text : "{\"pid\":0}");
	json_write_done(&w);
	setting->tail = strstr(head, pid) + strlen(pid);
	setting->head = arena_copy(arena, head, (size_t)(setting->tail - head));
	setting->tail += strspn(setting->tail, "0123456789");
}

struct hook_setting hook_setting_of(const struct spec *spec, const struct spec_state *state, struct arena *arena)
{
	struct hook_setting setting = {
		.bundle = state->bundle,
		.out_file = spec_annotation(spec, "run.oci.hooks.stdout"),
		.err_file = spec_annotation(spec, "run.oci.hooks.stderr"),
	};

	write_document(state, arena, &setting);
	return setting;
}

/* A file has the whole document at once and an end, and does not mind if nobody reads it. */
static int make_input(const struct hook_setting *setting, pid_t pid)
{
	cleanup_close int fd = memfd_create("state", MFD_CLOEXEC);
	char number[21];
	size_t len = text_put_u64(number, (uint64_t)pid);

	if (fd < 0)
		return -errno;
	if (file_write_all(fd, setting->head, strlen(setting->head)) < 0 || file_write_all(fd, number, len) < 0 ||
		file_write_all(fd, setting->tail, strlen(setting->tail)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -EIO;
	return fd_take(&fd);
}

/* ---- output ---- */

struct output {
	int fd; /* the reading end */
	char *text;
	size_t size, len;
};

/* Keeps the end of all that comes. False once there is no more. */
static bool read_output(struct output *output)
{
	char chunk[512];
	ssize_t n = read(output->fd, chunk, sizeof(chunk));
	size_t len = n > 0 ? (size_t)n : 0, room = output->size - 1, skip = 0;

	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (len > room) {
		skip = len - room;
		len = room;
	}
	if (output->len + len > room) {
		size_t drop = output->len + len - room;
		(void)memmove(output->text, output->text + drop, output->len - drop);
		output->len -= drop;
	}
	(void)memcpy(output->text + output->len, chunk + skip, len);
	output->len += len;
	output->text[output->len] = '\0';
	return true;
}

static int append_to(const char *file, int otherwise)
{
	return file ? open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644) : otherwise;
}

/* ---- the program ---- */

struct streams {
	int in, out, err; /* become 0, 1, 2 */
	int refusal;      /* an errno goes there where exec fails; closed by exec */
};

static _Noreturn void become(
	const struct spec_hook *hook, const struct hook_setting *setting, const struct streams *streams)
{
	const char *const argv[] = { hook->path, NULL };
	const char *const *args = hook->args.count ? hook->args.items : argv;
	const char *const *env = hook->has_env ? hook->env.items
		: setting->env                 ? setting->env
					       : (const char *const *)environ;
	const char *const none[] = { NULL };
	sigset_t nothing;
	int code;

	(void)sigemptyset(&nothing);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && setsid() >= 0 && dup2(streams->in, 0) == 0 &&
		dup2(streams->out, 1) == 1 && dup2(streams->err, 2) == 2 &&
		(!setting->bundle || chdir(setting->bundle) == 0) && sigprocmask(SIG_SETMASK, &nothing, NULL) == 0 &&
		close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		(void)execve(hook->path, (char *const *)args, (char *const *)(env ? env : none));
	code = errno;
	(void)!write(streams->refusal, &code, sizeof(code));
	_exit(1);
}

/* What is there by now; children that it leaves behind may hold the pipe open, and are not waited for. */
static void drain(struct output *output)
{
	struct pollfd readable = { .fd = output->fd, .events = POLLIN };

	for (int chunk = 0; chunk < 128 && poll(&readable, 1, 0) > 0; chunk++)
		if (!read_output(output))
			return;
}

/* Until it has ended; false where its time is over before. */
static bool watch(int pidfd, struct output *output, unsigned timeout_s)
{
	int64_t end = clock_ms() + (int64_t)timeout_s * 1000;

	for (;;) {
		struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN }, { .fd = output->fd, .events = POLLIN } };
		int64_t left = timeout_s ? end - clock_ms() : FOREVER;
		if (timeout_s && left <= 0)
			return false;
		if (poll(fds, ARRAY_SIZE(fds), left > INT_MAX ? INT_MAX : (int)left) < 0 && errno != EINTR)
			return false;
		if (fds[0].revents) {
			drain(output);
			return true;
		}
		if (fds[1].revents && !read_output(output))
			output->fd = -1; /* poll(2) skips it */
	}
}

static int end_of(pid_t pid, int pidfd, struct output *output, unsigned timeout_s, int *ret_wait_status)
{
	bool in_time = watch(pidfd, output, timeout_s);
	int status = 0;

	if (!in_time && kill(-pid, SIGKILL) < 0) /* its session; it may not have come so far as to have one */
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	*ret_wait_status = in_time ? status : TIMED_OUT;
	return in_time && status == 0 ? 0 : STEP_HOOK_FAILED;
}

int hook_run(const struct spec_hook *hook, const struct hook_setting *setting, pid_t pid, int *ret_wait_status,
	char *text, size_t size)
{
	int pidfd_raw = -1, refused = 0, r;
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)&pidfd_raw,
		.exit_signal = SIGCHLD,
	};
	cleanup_close int in = make_input(setting, pid);
	int pipes[2], refusals[2];
	pid_t child;

	if (in < 0)
		return in;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	cleanup_close int out_read = pipes[0], out_write = pipes[1];
	if (pipe2(refusals, O_CLOEXEC) < 0)
		return -errno;
	cleanup_close int refusal_read = refusals[0], refusal_write = refusals[1];
	cleanup_close int out_file = append_to(setting->out_file, -1), err_file = append_to(setting->err_file, -1);
	if ((setting->out_file && out_file < 0) || (setting->err_file && err_file < 0))
		return -errno;
	child = (pid_t)sys_clone3(&args);
	if (child == 0)
		become(hook, setting,
			&(struct streams){
				.in = in,
				.out = out_file < 0 ? out_write : out_file,
				.err = err_file < 0 ? out_write : err_file,
				.refusal = refusal_write,
			});
	if (child < 0)
		return -errno;
	cleanup_close int pidfd = pidfd_raw;
	fd_closep(&out_write);
	fd_closep(&refusal_write);
	r = (int)read(refusal_read, &refused, sizeof(refused)) == sizeof(refused) ? -refused : 0;
	text[0] = '\0';
	if (r < 0)
		(void)waitpid(child, NULL, 0);
	else
		r = end_of(child, pidfd, &(struct output){ .fd = out_read, .text = text, .size = size },
			hook->timeout_s, ret_wait_status);
	return r;
}

/* ---- words ---- */

static const char *last_line(const char *output, size_t *ret_len)
{
	size_t end = strlen(output), start;

	while (end > 0 && strchr(" \t\r\n", output[end - 1]))
		end--;
	for (start = end; start > 0 && output[start - 1] != '\n';)
		start--;
	*ret_len = end - start;
	return output + start;
}

int hook_explain(int wait_status, const char *output, struct error *err)
{
	size_t len, at = strlen(err->what);
	const char *line = last_line(output, &len);
	struct text text;

	text_init(&text, err->what + at, sizeof(err->what) - at);
	if (wait_status == TIMED_OUT)
		text_add(&text, ": it was killed after its timeout");
	else if (WIFSIGNALED(wait_status))
		text_add(&text, ": it was ended by signal %d", WTERMSIG(wait_status));
	else
		text_add(&text, ": it ended with exit code %d", WEXITSTATUS(wait_status));
	if (len)
		text_add(&text, ": %.*s", (int)len, line);
	err->judged = true;
	err->code = -ECANCELED;
	return err->code;
}

/* ---- by the parent ---- */

static int run_here(const struct spec_hook *hook, const struct hook_setting *setting, pid_t pid, struct error *err)
{
	char output[WALK_DETAIL];
	int status = 0, r = hook_run(hook, setting, pid, &status, output, sizeof(output));

	if (r == 0)
		return 0;
	(void)error_sys(err, r == STEP_HOOK_FAILED ? ECANCELED : r, "run the hook %s", hook->path);
	if (r == STEP_HOOK_FAILED)
		(void)hook_explain(status, output, err);
	return error_at(err, "%s", hook->origin);
}

int hooks_run(const struct spec_hooks *hooks, const struct hook_setting *setting, pid_t pid, struct error *err)
{
	for (size_t i = 0; i < hooks->count; i++) {
		int r = run_here(&hooks->items[i], setting, pid, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void hooks_run_all(const struct spec_hooks *hooks, const struct hook_setting *setting, pid_t pid)
{
	for (size_t i = 0; i < hooks->count; i++) {
		struct error err = { 0 };
		char line[2048];
		if (run_here(&hooks->items[i], setting, pid, &err) < 0)
			log_line(LOG_LEVEL_WARNING, error_line(&err, line, sizeof(line)));
	}
}

/* ---- by the child ---- */

static void runtime_hooks_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "wait for the hooks that the runtime runs");
}

static int runtime_hooks_apply(const struct step *step, struct walk *walk)
{
	uint32_t message = WALK_HOOKS;

	(void)step;
	if (send(walk->sock, &message, sizeof(message), MSG_NOSIGNAL) < 0)
		return -errno;
	return walk_await_parent(walk);
}

static void hook_say(const struct step *step, struct text *text)
{
	const struct hook_args *args = step->args;

	text_add(text, "run the hook %s", args->hook->path);
}

static int hook_apply(const struct step *step, struct walk *walk)
{
	const struct hook_args *args = step->args;

	return hook_run(args->hook, args->setting, getpid(), &walk->wait_status, walk->detail, sizeof(walk->detail));
}

const struct step_kind runtime_hooks_step = {
	.name = "runtime-hooks",
	.say = runtime_hooks_say,
	.apply = runtime_hooks_apply,
};
const struct step_kind hook_step = { .name = "hook", .say = hook_say, .apply = hook_apply };
