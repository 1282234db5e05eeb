/* runtime/steps.c: the steps that make a process what the config says. Run by the child: async-signal-safe only. */
#include "runtime/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/syscalls.h"
#include "base/text.h"
#include "runtime/listener.h"
#include "runtime/plan.h"

/* ---- session ---- */

static void session_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "start a session that ends with husk until it lets go");
}

static int session_apply(const struct step *step, struct walk *walk)
{
	(void)step, (void)walk;
	/* Killed with husk, until the hand-over. A husk that died before this call is seen there, at the closed socket. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	if (setsid() < 0)
		return -errno;
	(void)umask(0); /* modes of what is made are the ones asked for */
	return 0;
}

/* ---- processors ---- */

static void affinity_say(const struct step *step, struct text *text)
{
	const struct affinity_args *args = step->args;

	text_add(text, "run on %s%s", args->list ? "the processors " : "all processors", args->list ? args->list : "");
}

/* Of our caller's narrowing nothing is to stay; a host that refuses that takes away no more than it did before. */
static int affinity_apply(const struct step *step, struct walk *walk)
{
	const struct affinity_args *args = step->args;

	(void)walk;
	return syscall(SYS_sched_setaffinity, 0, sizeof(args->bits), args->bits) < 0 && args->list ? -errno : 0;
}

/* ---- what only the parent can do first ---- */

static void await_parent_say(const struct step *step, struct text *text)
{
	text_add(text, "wait for %s", (const char *)step->args);
}

static int await_parent_apply(const struct step *step, struct walk *walk)
{
	(void)step;
	return walk_await_parent(walk);
}

static void become_root_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "become root of the user namespace");
}

static int become_root_apply(const struct step *step, struct walk *walk)
{
	(void)step, (void)walk;
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
		return -errno;
	/* The change of ids cleared the first [prctl(2)]. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	return 0;
}

/* ---- the working directory ---- */

static void make_cwd_say(const struct step *step, struct text *text)
{
	text_add(text, "make sure of the working directory %s", (const char *)step->args);
}

/* Made where it is missing, as callers expect; whether it can be entered shows later, as the user. */
static int make_cwd_apply(const struct step *step, struct walk *walk)
{
	const char *path = step->args;

	if (strcmp(path, "/") == 0)
		return 0;
	cleanup_close int fd = path_make_dir(walk->root, path, 0755);
	if (fd >= 0)
		(void)!fchdir(fd); /* as root; the user may not be allowed to, and then this stands [config.md, cwd] */
	return fd < 0 ? fd : 0;
}

static void enter_cwd_say(const struct step *step, struct text *text)
{
	text_add(text, "enter %s", (const char *)step->args);
}

/* The kernel says "(unreachable)/..." of a directory outside the root, where a leaked descriptor may lead
 * [CVE-2024-21626]. */
static int enter_cwd_apply(const struct step *step, struct walk *walk)
{
	char cwd[4096];

	(void)walk;
	if (chdir(step->args) < 0 && errno != EACCES)
		return -errno;
	if (syscall(SYS_getcwd, cwd, sizeof(cwd)) < 0)
		return -errno;
	return cwd[0] == '/' ? 0 : STEP_OUTSIDE_ROOT;
}

/* ---- keyring ---- */

static void keyring_say(const struct step *step, struct text *text)
{
	text_add(text, "join a session keyring of its own, %s", (const char *)step->args);
}

static int keyring_apply(const struct step *step, struct walk *walk)
{
	(void)walk;
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, step->args) >= 0)
		return 0;
	/* No keys in this kernel, or an outer container refuses keyctl: there is nothing to be kept apart from. */
	return errno == ENOSYS || errno == EPERM || errno == EACCES ? 0 : -errno;
}

/* ---- scheduling ---- */

static void scheduler_say(const struct step *step, struct text *text)
{
	const struct spec_scheduler *s = step->args;

	text_add(text, "set the scheduling policy %d, nice %d, priority %d", s->policy, s->nice, s->priority);
}

static int scheduler_apply(const struct step *step, struct walk *walk)
{
	const struct spec_scheduler *s = step->args;
	struct sys_sched_attr attr = {
		.size = sizeof(attr),
		.sched_policy = (uint32_t)s->policy,
		.sched_flags = s->flags,
		.sched_nice = s->nice,
		.sched_priority = (uint32_t)s->priority,
		.sched_runtime = s->runtime_ns,
		.sched_deadline = s->deadline_ns,
		.sched_period = s->period_ns,
	};

	(void)walk;
	return syscall(SYS_sched_setattr, 0, &attr, 0) < 0 ? -errno : 0;
}

static void io_priority_say(const struct step *step, struct text *text)
{
	const int *priority = step->args;

	text_add(text, "set the IO priority to class %d, level %d", *priority >> 13, *priority & 0x1fff);
}

static int io_priority_apply(const struct step *step, struct walk *walk)
{
	const int *priority = step->args;
	enum { IOPRIO_WHO_PROCESS = 1 };

	(void)walk;
	return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, *priority) < 0 ? -errno : 0;
}

static void personality_say(const struct step *step, struct text *text)
{
	const unsigned long *domain = step->args;

	text_add(text, "set the personality 0x%lx", *domain);
}

static int personality_apply(const struct step *step, struct walk *walk)
{
	const unsigned long *domain = step->args;

	(void)walk;
	return personality(*domain) < 0 ? -errno : 0;
}

static void memory_policy_say(const struct step *step, struct text *text)
{
	const struct memory_policy_args *args = step->args;

	text_add(text, "set the memory policy 0x%x, nodes %s", (unsigned)args->policy->mode,
		args->policy->nodes ? args->policy->nodes : "none");
}

static int memory_policy_apply(const struct step *step, struct walk *walk)
{
	const struct memory_policy_args *args = step->args;
	const unsigned long *nodes = args->policy->nodes ? args->nodes : NULL;

	(void)walk;
	return syscall(SYS_set_mempolicy, args->policy->mode, nodes, nodes ? sizeof(args->nodes) * 8 + 1 : 0) < 0
		? -errno
		: 0;
}

/* ---- labels ---- */

static void label_say(const struct step *step, struct text *text)
{
	const struct label_args *args = step->args;

	text_add(text, "ask %s for the label \"%s\" at exec", args->module, args->label);
}

/* Before a container is entered /proc is the host's. */
static int open_host_proc(void)
{
	cleanup_close int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	return fs.f_type == PROC_SUPER_MAGIC ? fd_take(&fd) : -EINVAL;
}

/* "PID/attr/exec" of ourselves on the private procfs, where "self" would be a link. */
static int label_apply(const struct step *step, struct walk *walk)
{
	const struct label_args *args = step->args;
	const char *file = strcmp(args->module, "apparmor") == 0 ? "attr/apparmor/exec" : "attr/exec";
	char own[16] = { 0 };
	cleanup_close int host = walk->procfs < 0 ? open_host_proc() : -1;
	int proc = walk->procfs < 0 ? host : walk->procfs;
	cleanup_close int dir = -1, fd = -1;

	if (proc < 0)
		return proc;
	if (readlinkat(proc, "self", own, sizeof(own) - 1) < 0)
		return -errno;
	dir = path_open_beneath(proc, own, O_PATH | O_DIRECTORY);
	if (dir < 0)
		return dir;
	fd = path_open_beneath(dir, file, O_WRONLY);
	if (fd < 0)
		return fd;
	return file_write_all(fd, args->label, strlen(args->label));
}

/* ---- stdio ---- */

static void stdio_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "hand over standard input, output and error");
}

/* Pipes and sockets go to the user, so that /dev/stderr can be opened by name; files and devices of the host stay whose
 * they are. */
static void own(int fd, const struct stat *st, const struct spec_user *user)
{
	if (user->uid != 0 && (S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode)))
		(void)!fchown(fd, user->uid, (gid_t)-1); /* may be refused; it was only a courtesy */
}

static bool is_null_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* The host's null device by its descriptor is the host's by its mode and owner, too: root of the container could change
 * them. Its own does as well; where it has none, what it has stays. */
static int replace_null(int fd)
{
	cleanup_close int own_null = open("/dev/null", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (own_null < 0 || fstat(own_null, &st) < 0 || !is_null_device(&st))
		return 0;
	return dup2(own_null, fd) < 0 ? -errno : 0;
}

static void streams_say(const struct step *step, struct text *text)
{
	static const char *const names[] = { "input", "output", "error" };
	const unsigned *closed = step->args;
	const char *separator = "";

	text_add(text, "close standard ");
	for (unsigned fd = 0; fd < ARRAY_SIZE(names); fd++)
		if (*closed >> fd & 1) {
			text_add(text, "%s%s", separator, names[fd]);
			separator = ", ";
		}
}

/* What a program reads there is the end of a file, and what it writes is gone; a closed descriptor would be its next file. */
static int streams_apply(const struct step *step, struct walk *walk)
{
	const unsigned *closed = step->args;
	cleanup_close int null = open("/dev/null", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	(void)walk;
	if (null < 0 || fstat(null, &st) < 0)
		return -errno;
	if (!is_null_device(&st))
		return STEP_OTHER_NODE;
	for (int fd = 0; fd <= 2; fd++)
		if (*closed >> fd & 1 && dup2(null, fd) < 0)
			return -errno;
	return 0;
}

static int pass_stdio(const struct spec_user *user)
{
	for (int fd = 0; fd <= 2; fd++) {
		struct stat st;
		int r;
		if (fstat(fd, &st) < 0)
			return -errno;
		own(fd, &st, user);
		if (is_null_device(&st) && (r = replace_null(fd)) < 0)
			return r;
	}
	return 0;
}

static int stdio_apply(const struct step *step, struct walk *walk)
{
	if (walk->terminal < 0)
		return pass_stdio(step->args);
	if (ioctl(walk->terminal, TIOCSCTTY, 0) < 0)
		return -errno;
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(walk->terminal, fd) < 0)
			return -errno;
	return 0;
}

/* ---- rights ---- */

static void no_new_privs_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "set no_new_privs");
}

static int no_new_privs_apply(const struct step *step, struct walk *walk)
{
	(void)step, (void)walk;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static void say_caps(struct text *text, const char *set, uint64_t caps)
{
	bool first = true;

	text_add(text, "%s ", set);
	for (int cap = 0; cap < 64; cap++)
		if (caps >> cap & 1 && word_capability_name(cap)) {
			text_add(text, "%s%s", first ? "" : ",", word_capability_name(cap));
			first = false;
		}
	text_add(text, first ? "none" : "");
}

static void bounding_say(const struct step *step, struct text *text)
{
	const struct identity_args *args = step->args;

	say_caps(text, "keep in the bounding set", args->caps.bounding);
}

static int bounding_apply(const struct step *step, struct walk *walk)
{
	const struct identity_args *args = step->args;

	(void)walk;
	for (int cap = 0; cap < 64; cap++)
		if (!(args->caps.bounding >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return errno == EINVAL ? 0 : -errno; /* EINVAL: beyond the kernel's last one */
	return 0;
}

static void identity_say(const struct step *step, struct text *text)
{
	const struct identity_args *args = step->args;

	text_add(text, "become uid %u, gid %u", args->uid, args->gid);
	for (size_t i = 0; i < args->group_count; i++)
		text_add(text, "%s%u", i ? "," : ", groups ", args->groups[i]);
}

static int verify_identity(const struct identity_args *args, bool groups_set)
{
	uid_t uids[3];
	gid_t gids[3];

	if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 || getresgid(&gids[0], &gids[1], &gids[2]) < 0)
		return -errno;
	for (int i = 0; i < 3; i++)
		if (uids[i] != args->uid || gids[i] != args->gid)
			return STEP_IDENTITY_DIFFERS;
	return !groups_set || getgroups(0, NULL) == (int)args->group_count ? 0 : STEP_IDENTITY_DIFFERS;
}

/* A user namespace may deny it [CVE-2014-8989]; then nothing can be dropped, and none may be asked for. */
static int set_groups(const struct identity_args *args, bool *ret_set)
{
	*ret_set = !args->keep_groups && syscall(SYS_setgroups, args->group_count, args->groups) == 0;
	return *ret_set || args->keep_groups || (errno == EPERM && args->group_count == 0) ? 0 : -errno;
}

/* Raw calls: glibc's setters talk to its other threads, of which the child has none. */
static int identity_apply(const struct step *step, struct walk *walk)
{
	const struct identity_args *args = step->args;
	bool groups_set;
	int r;

	(void)walk;
	if (args->uid != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	if ((r = set_groups(args, &groups_set)) < 0)
		return r;
	if (syscall(SYS_setresgid, args->gid, args->gid, args->gid) < 0 ||
		syscall(SYS_setresuid, args->uid, args->uid, args->uid) < 0)
		return -errno;
	return verify_identity(args, groups_set);
}

static void capabilities_say(const struct step *step, struct text *text)
{
	const struct identity_args *args = step->args;

	say_caps(text, "set capabilities: effective", args->caps.effective);
	say_caps(text, "; permitted", args->caps.permitted);
	say_caps(text, "; inheritable", args->caps.inheritable);
	say_caps(text, "; ambient", args->caps.ambient);
}

static int set_caps(const struct identity_args *args)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	uint64_t effective = args->caps.effective | args->extra_until_exec;
	uint64_t permitted = args->caps.permitted | args->extra_until_exec;

	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(effective >> (32 * i));
		data[i].permitted = (uint32_t)(permitted >> (32 * i));
		data[i].inheritable = (uint32_t)(args->caps.inheritable >> (32 * i));
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int capabilities_apply(const struct step *step, struct walk *walk)
{
	const struct identity_args *args = step->args;
	int r = set_caps(args);

	(void)walk;
	if (r < 0)
		return r;
	/* A fresh process has no ambient ones unless our caller gave us some: they must not pass [CVE-2016-8867]. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	for (int cap = 0; cap <= args->last_cap; cap++)
		if (args->caps.ambient >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -errno;
	return 0;
}

/* ---- what comes last ---- */

static void umask_say(const struct step *step, struct text *text)
{
	const struct spec_user *user = step->args;

	text_add(text, "set the umask %04o", user->has_umask ? user->umask : 022);
}

static int umask_apply(const struct step *step, struct walk *walk)
{
	const struct spec_user *user = step->args;

	(void)walk;
	(void)umask(user->has_umask ? user->umask : 022); /* 022 where the config is silent, as every caller expects */
	return 0;
}

static void rlimit_say(const struct step *step, struct text *text)
{
	const struct spec_rlimit *limit = step->args;

	text_add(text, "limit %s to %llu, at most %llu", word_rlimit_name(limit->resource),
		(unsigned long long)limit->soft, (unsigned long long)limit->hard);
}

static int rlimit_apply(const struct step *step, struct walk *walk)
{
	const struct spec_rlimit *limit = step->args;
	struct rlimit64 value = { .rlim_cur = limit->soft, .rlim_max = limit->hard };

	(void)walk;
	return syscall(SYS_prlimit64, 0, limit->resource, &value, NULL) < 0 ? -errno : 0;
}

static void signals_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "reset signals to their defaults");
}

static int signals_apply(const struct step *step, struct walk *walk)
{
	const struct exec_args *args = step->args;
	uint64_t none = 0;

	(void)walk;
	for (int signal = 1; signal <= 64; signal++)
		if (args->ignored_signals >> (signal - 1) & 1) {
			/* The kernel's own struct: all zero is SIG_DFL, no flags, no mask. */
			struct {
				void *handler;
				unsigned long flags;
				void *restorer;
				uint64_t mask;
			} action = { 0 };
			(void)syscall(SYS_rt_sigaction, signal, &action, NULL, sizeof(uint64_t));
		}
	return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none)) < 0 ? -errno : 0;
}

static void seccomp_say(const struct step *step, struct text *text)
{
	const struct seccomp_program *program = step->args;

	text_add(text, "install the seccomp filter");
	if (program->count)
		text_add(text, " (%u instructions)", program->count);
}

static int seccomp_apply(const struct step *step, struct walk *walk)
{
	const struct seccomp_program *program = step->args;

	return program->notifies ? listener_install(program, walk) : seccomp_install(program);
}

#define STEP_KIND(variable, word, function)                                                                            \
	const struct step_kind variable = {                                                                            \
		.name = (word),                                                                                        \
		.say = function##_say,                                                                                 \
		.apply = function##_apply,                                                                             \
	}

STEP_KIND(affinity_step, "affinity", affinity);
STEP_KIND(streams_step, "streams", streams);
STEP_KIND(session_step, "session", session);
STEP_KIND(await_parent_step, "await-parent", await_parent);
STEP_KIND(become_root_step, "become-root", become_root);
STEP_KIND(make_cwd_step, "make-cwd", make_cwd);
STEP_KIND(enter_cwd_step, "cwd", enter_cwd);
STEP_KIND(keyring_step, "keyring", keyring);
STEP_KIND(scheduler_step, "scheduler", scheduler);
STEP_KIND(io_priority_step, "io-priority", io_priority);
STEP_KIND(personality_step, "personality", personality);
STEP_KIND(memory_policy_step, "memory-policy", memory_policy);
STEP_KIND(label_step, "label", label);
STEP_KIND(stdio_step, "stdio", stdio);
STEP_KIND(no_new_privs_step, "no-new-privs", no_new_privs);
STEP_KIND(bounding_step, "bounding-set", bounding);
STEP_KIND(identity_step, "identity", identity);
STEP_KIND(capabilities_step, "capabilities", capabilities);
STEP_KIND(umask_step, "umask", umask);
STEP_KIND(rlimit_step, "rlimit", rlimit);
STEP_KIND(signals_step, "signals", signals);
STEP_KIND(seccomp_step, "seccomp", seccomp);
