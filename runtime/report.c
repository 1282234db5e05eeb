/* runtime/report.c: the words for what the init could not do.
 *
 * The step says what was tried, errno why; the tables here add what errno does not say: verdicts of our own, the exit
 * status that the contract asks for, and what the reader can do. */
#include "runtime/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/step.h"
#include "base/text.h"
#include "runtime/hooks.h"

static const struct {
	int code;
	const char *words;
} verdicts[] = {
	{ STEP_ON_PROCFS, "refused: the target lies inside /proc, where a mount could hide what husk relies on" },
	{ STEP_OTHER_NODE, "refused: something else is there already" },
	{ STEP_OUTSIDE_ROOT, "refused: the directory is not beneath the container's root" },
	{ STEP_IDENTITY_DIFFERS, "refused: the kernel did not set all ids as asked" },
	{ STEP_PARENT_GONE, "husk ended before the container was ready" },
};
/* The last two come with words of their own. */
static_assert(ARRAY_SIZE(verdicts) + 2 == STEP_VERDICTS_END - STEP_ON_PROCFS, "a verdict has no words");

/* What to do, by the kind of step and errno; the first that fits. */
static const struct {
	const char *kind;
	int code;
	const char *hint;
} hints[] = {
	{ "mount", -ENODEV, "the kernel has no such file system; is its module loaded?" },
	{ "mount", -ENOSPC, "the namespace holds too many mounts: raise fs.mount-max" },
	{ "mount", -EPERM, "the container shares a namespace with the host that this file system shows" },
	{ "mount", -ELOOP, "a part of the path is a symbolic link, which is not followed here" },
	{ "bind", -ELOOP, "a part of the path is a symbolic link, which is not followed here" },
	{ "bind", -EROFS, "the root file system is read-only and has no such place; make it in the image" },
	{ "dev", -ELOOP, "/dev of the root file system is a symbolic link, which is not followed" },
	{ "dev", -ENOTDIR, "/dev of the root file system is not a directory" },
	{ "mask", -ELOOP, "a part of the path is a symbolic link, which is not followed here" },
	{ "sysctl", -ENOENT, "the kernel does not have this one" },
	{ "identity", -EINVAL, "the id has no mapping in the user namespace" },
	{ "rlimit", -EPERM, "only a privileged caller may raise the hard limit" },
	{ "memory-policy", -EINVAL, "does this machine have these nodes?" },
	{ "memory-policy", -ENOSYS, "the kernel was built without NUMA" },
	{ "label", -ENOENT, "is the security module enabled?" },
	{ "label", -EINVAL, "is the security module enabled, and the profile loaded?" },
	{ "find-program", -EACCES, "a program is a file that this user may execute" },
	{ "exec", -ENOENT, "the file is there; is the interpreter that it names?" },
	{ "exec", -ENOEXEC, "not a program for this machine; does a script begin with #!?" },
	{ "root", -EROFS, "the root file system is read-only; make the directory in the image" },
};

static int failed_exec_status(const char *kind, int code)
{
	if (strcmp(kind, "find-program") != 0 && strcmp(kind, "exec") != 0)
		return 0;
	return code == -ENOENT || code == -ENOTDIR ? 127 : 126;
}

static void explain_verdict(int code, struct error *err)
{
	size_t at = strlen(err->what);

	err->judged = true;
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++)
		if (verdicts[i].code == code)
			(void)snprintf(err->what + at, sizeof(err->what) - at, ": %s", verdicts[i].words);
}

static void add_detail(const char *detail, struct error *err)
{
	size_t at = strlen(err->what);

	if (*detail)
		(void)snprintf(err->what + at, sizeof(err->what) - at, ": %s", detail);
}

/* "mounts[3]: open the source /x: No such file or directory": the line is whole, and begins with a JSON path or not. */
static int explain_opening(const char *line, struct error *err)
{
	const char *rest = strstr(line, ": ");
	size_t len = rest ? (size_t)(rest - line) : 0;

	*err = (struct error){ .code = -EPERM, .judged = true };
	if (rest && memchr(line, ' ', len))
		rest = NULL;
	(void)snprintf(err->where, sizeof(err->where), "%.*s", rest ? (int)len : 0, line);
	(void)snprintf(err->what, sizeof(err->what), "%s", rest ? rest + 2 : line);
	return err->code;
}

int report_explain(const struct report *report, const struct steps *steps, struct error *err)
{
	const struct step *step;

	if (report->after >= steps->count)
		return error_bad(err, EPROTO, "the container's first process sent a report that makes no sense");
	step = &steps->items[steps->count - 1 - report->after];
	*err = (struct error){ .code = report->code };
	step_blame(step, err);
	if (report->code == STEP_NOT_OPENED)
		return explain_opening(report->detail, err);
	if (report->code == STEP_HOOK_FAILED)
		return hook_explain(report->wait_status, report->detail, err);
	if (report->code < -4095) {
		explain_verdict(report->code, err);
		err->code = -EPERM;
		return err->code;
	}
	add_detail(report->detail, err);
	err->exit_status = failed_exec_status(step->kind->name, report->code);
	err->judged = err->exit_status != 0; /* the step has said it all */
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (hints[i].code == report->code && strcmp(hints[i].kind, step->kind->name) == 0)
			return error_hint(err, "%s", hints[i].hint);
	return err->code;
}

/* A message that is nothing without its descriptor. */
static int take(int *fd, int *ret_fd, int report)
{
	*ret_fd = fd_take(fd);
	return *ret_fd < 0 ? -EPROTO : report;
}

int report_receive(int sock, struct report *ret_report, int *ret_fd)
{
	struct report message = { 0 };
	cleanup_close int fd = -1;
	ssize_t n;

	/* One that ends without having read all that we sent leaves an error in front of what it said [unix(7)]. */
	do
		n = fd_receive(sock, &message, sizeof(message), &fd);
	while (n == -ECONNRESET);
	if (n == 0)
		return REPORT_END;
	if (n < 0)
		return (int)n;
	if (n == sizeof(message) && message.message == WALK_FAILED && message.code < 0) {
		message.detail[sizeof(message.detail) - 1] = '\0';
		*ret_report = message;
		return REPORT_FAILED;
	}
	if (n != sizeof(uint32_t))
		return -EPROTO;
	switch (message.message) {
	case WALK_READY: return REPORT_READY;
	case WALK_HOOKS: return REPORT_HOOKS;
	case WALK_TERMINAL: return take(&fd, ret_fd, REPORT_TERMINAL);
	case WALK_LISTENER: return take(&fd, ret_fd, REPORT_LISTENER);
	default: return -EPROTO;
	}
}
