/* images/image/sandbox.c: the walls, from the one that needs the most rights to the one that leaves none.
 *
 * A call that is not listed fails with ENOSYS, so that glibc takes an older way where it has one (clone3 to clone, whose flags a
 * filter can read). Those that only an attacker makes end the process. */
#include "images/image/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

#define DESCRIPTORS 4096
#define MEMORY      ((uint64_t)4 << 30)

/* ---- capabilities ---- */

static const cap_value_t kept[] = {
	CAP_CHOWN,        /* files of others */
	CAP_DAC_OVERRIDE, /* folders that their owner may not write */
	CAP_FOWNER,       /* mode, ACL and mtime of files that were given away */
	CAP_FSETID,       /* set-group-id bits of other groups */
	CAP_MKNOD,        /* devices, and the whiteouts of overlayfs */
	CAP_SETFCAP,      /* file capabilities */
	CAP_SYS_ADMIN,    /* trusted.overlay.opaque; the last, because it is left out where it is not asked for */
};

static int drop_bounding(size_t count)
{
	for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++) {
		bool keep = false;
		for (size_t i = 0; i < count; i++)
			keep = keep || kept[i] == cap;
		if (!keep && cap_drop_bound(cap) < 0)
			return -errno;
	}
	return 0;
}

/* Of `kept` what is there: a user without any keeps none. */
static int keep_only(cap_t have, cap_t want, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		cap_flag_value_t permitted = CAP_CLEAR;
		if (cap_get_flag(have, kept[i], CAP_PERMITTED, &permitted) < 0 || permitted == CAP_CLEAR)
			continue;
		if (cap_set_flag(want, CAP_PERMITTED, 1, &kept[i], CAP_SET) < 0 ||
			cap_set_flag(want, CAP_EFFECTIVE, 1, &kept[i], CAP_SET) < 0)
			return -errno;
	}
	return cap_set_proc(want) < 0 ? -errno : 0;
}

static int drop_capabilities(const struct sandbox *sandbox, struct error *err)
{
	size_t count = ARRAY_SIZE(kept) - !sandbox->trusted_xattrs;
	cap_t have = cap_get_proc(), want = cap_init();
	cap_flag_value_t setpcap = CAP_CLEAR;
	int r = have && want ? 0 : -ENOMEM;

	if (r == 0 && cap_get_flag(have, CAP_SETPCAP, CAP_EFFECTIVE, &setpcap) == 0 && setpcap == CAP_SET)
		r = drop_bounding(count);
	if (r == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		r = -errno;
	if (r == 0)
		r = keep_only(have, want, count);
	(void)cap_free(have);
	(void)cap_free(want);
	return r < 0 ? error_sys(err, r, "give up capabilities") : 0;
}

/* ---- Landlock ---- */

/* What later versions added to the header of Debian 12 [landlock(7)]. */
struct landlock_rules {
	uint64_t fs, net, scoped;
};
enum {
	LANDLOCK_ABI_REFER = 2,
	LANDLOCK_ABI_TRUNCATE = 3,
	LANDLOCK_ABI_NET = 4,
	LANDLOCK_ABI_IOCTL = 5,
	LANDLOCK_ABI_SCOPED = 6,
};
#define FS_TRUNCATE  (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)
#define FS_FIRST     ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1) /* all of the first version */
#define FS_READ      (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_NEVER     (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_SOCK | FS_IOCTL_DEV)
#define NET_ALL      3ULL /* bind and connect, TCP */
#define SCOPED_ALL   3ULL /* abstract sockets and signals */

static struct landlock_rules rules_of(int abi)
{
	struct landlock_rules rules = { .fs = FS_FIRST | LANDLOCK_ACCESS_FS_REFER };

	if (abi >= LANDLOCK_ABI_TRUNCATE)
		rules.fs |= FS_TRUNCATE;
	if (abi >= LANDLOCK_ABI_NET)
		rules.net = NET_ALL;
	if (abi >= LANDLOCK_ABI_IOCTL)
		rules.fs |= FS_IOCTL_DEV;
	if (abi >= LANDLOCK_ABI_SCOPED)
		rules.scoped = SCOPED_ALL;
	return rules;
}

static int allow_beneath(int ruleset, const int *folders, size_t count, uint64_t access)
{
	for (size_t i = 0; i < count; i++) {
		struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = folders[i] };
		if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
			return -errno;
	}
	return 0;
}

static int restrict_files(const struct sandbox *sandbox, struct error *err)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int r;

	/* Absent, switched off, or the first version, which forbids hard links and renames between folders. */
	if (abi < LANDLOCK_ABI_REFER)
		return 0;
	const struct landlock_rules rules = rules_of((int)abi);
	cleanup_close int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (ruleset < 0)
		return error_sys(err, errno, "make Landlock rules");
	if ((r = allow_beneath(ruleset, sandbox->writable, sandbox->writable_count, rules.fs & ~FS_NEVER)) < 0 ||
		(r = allow_beneath(ruleset, sandbox->readable, sandbox->readable_count, FS_READ)) < 0)
		return error_sys(err, r, "add a Landlock rule");
	return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? error_sys(err, errno, "enter Landlock") : 0;
}

/* ---- limits ---- */

static int limit(int resource, rlim_t wanted)
{
	struct rlimit old;

	if (getrlimit(resource, &old) < 0)
		return -errno;
	if (wanted > old.rlim_max)
		wanted = old.rlim_max;
	return setrlimit(resource, &(struct rlimit){ wanted, wanted }) < 0 ? -errno : 0;
}

static int set_limits(const struct sandbox *sandbox, struct error *err)
{
	rlim_t descriptors = sandbox->descriptors ? sandbox->descriptors : DESCRIPTORS;
	int r;

	if ((r = limit(RLIMIT_NOFILE, descriptors)) < 0 || (r = limit(RLIMIT_CORE, 0)) < 0)
		return error_sys(err, r, "set limits");
#ifndef __SANITIZE_ADDRESS__ /* it reserves terabytes */
	if ((r = limit(RLIMIT_AS, sandbox->memory_bytes ? sandbox->memory_bytes : MEMORY)) < 0)
		return error_sys(err, r, "limit memory");
#endif
	return 0;
}

/* ---- seccomp ---- */

#ifndef __SANITIZE_ADDRESS__ /* its search for leaks traces the process */

#define CALL(name)                                                                                                     \
	{                                                                                                              \
#name, SCMP_SYS(name)                                                                                  \
	}

static const struct call {
	const char *name;
	int number; /* negative: not on this architecture, which libseccomp takes as nothing to do */
} allowed[] = {
	/* bytes */
	CALL(read), CALL(readv), CALL(pread64), CALL(write), CALL(writev), CALL(pwrite64), CALL(lseek), CALL(ftruncate),
	CALL(copy_file_range), CALL(sendfile), CALL(splice), CALL(fadvise64), CALL(fallocate),
	/* files and folders */
	CALL(openat), CALL(openat2), CALL(close), CALL(close_range), CALL(dup), CALL(dup2), CALL(dup3), CALL(fcntl), CALL(flock),
	CALL(mkdirat), CALL(mknodat), CALL(symlinkat), CALL(linkat), CALL(unlinkat), CALL(renameat), CALL(renameat2),
	CALL(unlink), CALL(rmdir), CALL(rename), CALL(mkdir), CALL(readlink), CALL(readlinkat), CALL(getdents64), CALL(faccessat),
	CALL(faccessat2), CALL(access), CALL(getcwd),
	/* attributes */
	CALL(fstat), CALL(stat), CALL(lstat), CALL(newfstatat), CALL(statx), CALL(statfs), CALL(fstatfs), CALL(fchown),
	CALL(fchownat), CALL(fchmod), CALL(fchmodat), CALL(utimensat), CALL(fsetxattr), CALL(fgetxattr),
	CALL(flistxattr), CALL(fremovexattr), CALL(umask),
	/* onto the disk */
	CALL(fsync), CALL(fdatasync), CALL(syncfs), CALL(sync_file_range),
	/* other processes of ours */
	CALL(pipe), CALL(pipe2), CALL(eventfd2), CALL(sendto), CALL(recvfrom), CALL(sendmsg), CALL(recvmsg), CALL(shutdown), CALL(memfd_create),
	CALL(getsockopt), CALL(poll), CALL(ppoll), CALL(select), CALL(pselect6), CALL(epoll_create1), CALL(epoll_ctl),
	CALL(epoll_wait), CALL(epoll_pwait), CALL(wait4), CALL(waitid), CALL(signalfd4),
	/* memory and threads */
	CALL(brk), CALL(mmap), CALL(munmap), CALL(mremap), CALL(mprotect), CALL(madvise), CALL(futex), CALL(set_robust_list),
	CALL(rseq), CALL(set_tid_address), CALL(membarrier), CALL(sched_yield), CALL(sched_getaffinity), CALL(sysinfo),
	CALL(getrandom),
	/* signals, time, ids, the end */
	CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(sigaltstack), CALL(restart_syscall),
	CALL(clock_gettime), CALL(clock_getres), CALL(clock_nanosleep), CALL(nanosleep), CALL(gettimeofday), CALL(time),
	CALL(timerfd_create), CALL(timerfd_settime), CALL(getpid), CALL(gettid), CALL(getppid), CALL(getuid), CALL(geteuid),
	CALL(getgid), CALL(getegid), CALL(getrusage), CALL(uname), CALL(exit), CALL(exit_group),
}, deadly[] = {
	CALL(execve), CALL(execveat), CALL(fork), CALL(vfork), CALL(ptrace), CALL(process_vm_readv), CALL(process_vm_writev),
	CALL(mount), CALL(umount2), CALL(pivot_root), CALL(chroot), CALL(open_tree), CALL(move_mount), CALL(fsopen),
	CALL(fsmount), CALL(mount_setattr), CALL(setns), CALL(unshare), CALL(bpf), CALL(perf_event_open), CALL(userfaultfd),
	CALL(io_uring_setup), CALL(init_module), CALL(finit_module), CALL(delete_module), CALL(kexec_load), CALL(reboot),
	CALL(keyctl), CALL(add_key), CALL(request_key), CALL(quotactl), CALL(swapon), CALL(syslog), CALL(open_by_handle_at),
	CALL(setuid), CALL(setgid), CALL(setresuid), CALL(setresgid), CALL(setgroups), CALL(capset), CALL(seccomp),
	CALL(personality), CALL(pidfd_getfd), CALL(kcmp), CALL(iopl), CALL(ioperm),
};

static int add_calls(scmp_filter_ctx filter, uint32_t action, const struct call *calls, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		int r = calls[i].number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, action, calls[i].number, 0);
		if (r < 0)
			return error_sys(err, r, "filter the system call %s", calls[i].name);
	}
	return 0;
}

/* Those that are allowed with some arguments only. */
static int add_conditional(scmp_filter_ctx filter, struct error *err)
{
	const struct {
		int number;
		struct scmp_arg_cmp argument;
	} calls[] = {
		{ SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD) },
		{ SCMP_SYS(prlimit64), SCMP_A0(SCMP_CMP_EQ, 0, 0) },
		{ SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0) },
		{ SCMP_SYS(kill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0) },
		{ SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, TCGETS) }, /* isatty(3) */
		{ SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, TIOCGWINSZ) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		int r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, calls[i].number, 1, &calls[i].argument);
		if (r < 0)
			return error_sys(err, r, "filter a system call by its argument");
	}
	return 0;
}

static int fill_filter(scmp_filter_ctx filter, struct error *err)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (r == 0)
		r = seccomp_attr_set(
			filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree: each call is looked up in a few steps */
	if (r < 0)
		return error_sys(err, r, "make a system call filter");
	if ((r = add_calls(filter, SCMP_ACT_ALLOW, allowed, ARRAY_SIZE(allowed), err)) < 0 ||
		(r = add_calls(filter, SCMP_ACT_KILL_PROCESS, deadly, ARRAY_SIZE(deadly), err)) < 0)
		return r;
	return add_conditional(filter, err);
}

static int filter_calls(struct error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int r = filter ? fill_filter(filter, err) : error_sys(err, ENOMEM, "make a system call filter");

	if (r == 0 && (r = seccomp_load(filter)) < 0)
		r = error_sys(err, r, "enter the system call filter");
	seccomp_release(filter);
	return r;
}

#else

static int filter_calls(struct error *err)
{
	(void)err;
	return 0;
}

#endif

int sandbox_enter(const struct sandbox *sandbox, struct error *err)
{
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, errno, "give up new privileges");
	if ((r = drop_capabilities(sandbox, err)) < 0 || (r = restrict_files(sandbox, err)) < 0 ||
		(r = set_limits(sandbox, err)) < 0)
		return r;
	return filter_calls(err);
}
