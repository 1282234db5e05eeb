/* runtime/seccomp_profile.c: the default filter, as a table.
 *
 * What is left out, and why: new user namespaces (clone, unshare), mounts of any kind, keyrings (they are not namespaced),
 * io_uring (it makes calls that no filter sees), userfaultfd, bpf, perf events, kernel modules, swap, clocks and handles
 * of files: each has been the way from a container to its kernel. clone3 hides its flags in memory, where no filter can
 * look; it does not exist, and C libraries use clone. */
#include "runtime/seccomp_profile.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/json_write.h"
#include "base/text.h"

#define CAP_BIT(cap) (UINT64_C(1) << (cap))

/* Names between blanks. Without capabilities: for everybody. */
static const struct call_group {
	uint64_t any_of; /* capabilities, one of which is enough; without one the calls are EPERM */
	const char *names;
	bool absent; /* without one they do not exist instead: programs know another way then */
} groups[] = {
	/* processes */
	{ .names = "capget capset execve execveat exit exit_group fork getegid getegid32 geteuid geteuid32 getgid getgid32"
		   " getgroups getgroups32 getpgid getpgrp getpid getppid getpriority getresgid getresgid32 getresuid"
		   " getresuid32 getrlimit getrusage getsid gettid getuid getuid32 kill pidfd_open pidfd_send_signal prctl"
		   " prlimit64 process_mrelease ptrace rseq set_robust_list get_robust_list set_thread_area get_thread_area"
		   " set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setpgid"
		   " setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32"
		   " setrlimit setsid setuid setuid32 tgkill tkill times ugetrlimit umask uname vfork wait4 waitid waitpid"
		   " arch_prctl restart_syscall seccomp landlock_add_rule landlock_create_ruleset landlock_restrict_self" },
	/* signals */
	{ .names = "alarm pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend"
		   " rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaction sigaltstack signal signalfd signalfd4"
		   " sigpending sigprocmask sigreturn sigsuspend" },
	/* scheduling, threads */
	{ .names = "futex futex_time64 futex_requeue futex_wait futex_waitv futex_wake getcpu ioprio_get ioprio_set membarrier"
		   " sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam"
		   " sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr"
		   " sched_setparam sched_setscheduler sched_yield" },
	/* memory */
	{ .names = "brk get_mempolicy madvise map_shadow_stack mbind memfd_create memfd_secret mincore mlock mlock2 mlockall"
		   " mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect"
		   " process_vm_readv process_vm_writev remap_file_pages set_mempolicy" },
	/* time */
	{ .names = "clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64"
		   " getitimer gettimeofday nanosleep setitimer time timer_create timer_delete timer_getoverrun timer_gettime"
		   " timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64"
		   " timerfd_settime timerfd_settime64 adjtimex clock_adjtime clock_adjtime64" },
	/* files by name */
	{ .names = "access chdir chmod chown chown32 creat faccessat faccessat2 fchmodat fchmodat2 fchownat fstatat64 futimesat"
		   " getcwd getxattr lchown lchown32 lgetxattr link linkat listxattr llistxattr lremovexattr lsetxattr lstat"
		   " lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 readlink readlinkat"
		   " removexattr rename renameat renameat2 rmdir setxattr stat stat64 statfs statfs64 statx symlink symlinkat"
		   " truncate truncate64 unlink unlinkat utime utimensat utimensat_time64 utimes" },
	/* files that are open */
	{ .names = "_llseek cachestat close close_range copy_file_range dup dup2 dup3 fadvise64 fadvise64_64 fallocate fchdir"
		   " fchmod fchown fchown32 fcntl fcntl64 fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat"
		   " fstat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 getdents getdents64 ioctl lseek pipe pipe2 pread64"
		   " preadv preadv2 pwrite64 pwritev pwritev2 read readahead readdir readv sendfile sendfile64 splice sync"
		   " sync_file_range syncfs tee write writev" },
	/* waiting */
	{ .names = "_newselect epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2"
		   " fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy"
		   " io_getevents io_setup io_submit poll ppoll ppoll_time64 pselect6 pselect6_time64 select" },
	/* sockets; which families, see below. socketcall is how 32-bit programs make one, its arguments are out of sight */
	{ .names = "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg"
		   " recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair" },
	/* System V and POSIX IPC */
	{ .names = "ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend"
		   " mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop"
		   " semtimedop_time64 shmat shmctl shmdt shmget" },
	/* the machine */
	{ .names = "getrandom sysinfo" },
#if defined(__x86_64__)
	{ .names = "modify_ldt" },
#elif defined(__aarch64__)
	{ .names = "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2" },
#endif

	{ .any_of = CAP_BIT(CAP_DAC_READ_SEARCH), .names = "open_by_handle_at" },
	{ .any_of = CAP_BIT(CAP_SYS_CHROOT), .names = "chroot" },
	{ .any_of = CAP_BIT(CAP_SYS_ADMIN),
		.names = "fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount"
			 " mount_setattr move_mount open_tree pivot_root quotactl quotactl_fd setdomainname"
			 " sethostname setns umount umount2 unshare" },
	{ .any_of = CAP_BIT(CAP_SYS_ADMIN), .names = "clone3 listmount statmount", .absent = true },
	{ .any_of = CAP_BIT(CAP_SYS_ADMIN) | CAP_BIT(CAP_BPF), .names = "bpf" },
	{ .any_of = CAP_BIT(CAP_SYS_ADMIN) | CAP_BIT(CAP_PERFMON), .names = "perf_event_open" },
	{ .any_of = CAP_BIT(CAP_SYS_BOOT), .names = "reboot" },
	{ .any_of = CAP_BIT(CAP_SYS_MODULE), .names = "delete_module finit_module init_module" },
	{ .any_of = CAP_BIT(CAP_SYS_PACCT), .names = "acct" },
	{ .any_of = CAP_BIT(CAP_SYS_PTRACE), .names = "kcmp pidfd_getfd process_madvise" },
	{ .any_of = CAP_BIT(CAP_SYS_RAWIO), .names = "ioperm iopl" },
	{ .any_of = CAP_BIT(CAP_SYS_TIME), .names = "clock_settime clock_settime64 settimeofday stime" },
	{ .any_of = CAP_BIT(CAP_SYS_TTY_CONFIG), .names = "vhangup" },
	{ .any_of = CAP_BIT(CAP_SYSLOG) | CAP_BIT(CAP_SYS_ADMIN), .names = "syslog" },
};

/* Refused whoever asks. */
static const char forbidden[] =
	"add_key keyctl request_key io_uring_enter io_uring_register io_uring_setup userfaultfd"
	" kexec_file_load kexec_load migrate_pages move_pages nfsservctl swapoff swapon sysfs uselib ustat vm86 vm86old"
	" vmsplice";

enum {
	NAMESPACE_FLAGS = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
		CLONE_NEWNET,
	NETLINK_AUDIT_PROTOCOL = 9
};

/* ---- JSON ---- */

struct words {
	const char *rest;
	char word[64];
};

static bool next_word(struct words *words)
{
	size_t len;

	words->rest += strspn(words->rest, " ");
	len = strcspn(words->rest, " ");
	if (len == 0 || len >= sizeof(words->word))
		return false;
	memcpy(words->word, words->rest, len);
	words->word[len] = '\0';
	words->rest += len;
	return true;
}

/* A name that this libseccomp does not know is the default: it does not exist. */
static void write_names(struct json_writer *w, const char *names)
{
	struct words words = { .rest = names };

	while (next_word(&words))
		if (seccomp_syscall_resolve_name(words.word) != __NR_SCMP_ERROR)
			json_string(w, NULL, words.word);
}

static void open_rule(struct json_writer *w)
{
	json_object(w, NULL);
	json_array(w, "names");
}

static void close_rule(struct json_writer *w, const char *action)
{
	json_array_end(w);
	json_string(w, "action", action);
}

static bool is_open(const struct call_group *group, uint64_t capabilities)
{
	return !group->any_of || (group->any_of & capabilities);
}

static void write_groups(struct json_writer *w, uint64_t capabilities, bool open)
{
	open_rule(w);
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (is_open(&groups[i], capabilities) == open && (open || !groups[i].absent))
			write_names(w, groups[i].names);
	if (!open)
		write_names(w, forbidden);
	close_rule(w, open ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");
	json_object_end(w);
}

struct comparison {
	unsigned index;
	const char *op;
	uint64_t value, value_two;
};

static void write_rule(struct json_writer *w, const char *name, const char *action, unsigned error,
	const struct comparison *comparisons, size_t count)
{
	open_rule(w);
	json_string(w, NULL, name);
	close_rule(w, action);
	if (error)
		json_uint(w, "errnoRet", error);
	json_array(w, "args");
	for (size_t i = 0; i < count; i++) {
		json_object(w, NULL);
		json_uint(w, "index", comparisons[i].index);
		json_uint(w, "value", comparisons[i].value);
		json_uint(w, "valueTwo", comparisons[i].value_two);
		json_string(w, "op", comparisons[i].op);
		json_object_end(w);
	}
	json_array_end(w);
	json_object_end(w);
}

static void allow_if(
	struct json_writer *w, const char *name, unsigned index, const char *op, uint64_t value, uint64_t value_two)
{
	const struct comparison comparison = { index, op, value, value_two };

	write_rule(w, name, "SCMP_ACT_ALLOW", 0, &comparison, 1);
}

/* Those that a container's programs speak; others are the host's (vsock), or have been ways into the kernel. */
static void write_sockets(struct json_writer *w, uint64_t capabilities)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_PACKET };
	const struct comparison not_audit[] = {
		{ 0, "SCMP_CMP_EQ", AF_NETLINK, 0 },
		{ 2, "SCMP_CMP_NE", NETLINK_AUDIT_PROTOCOL, 0 },
	}, audit[] = {
		{ 0, "SCMP_CMP_EQ", AF_NETLINK, 0 },
		{ 2, "SCMP_CMP_EQ", NETLINK_AUDIT_PROTOCOL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		allow_if(w, "socket", 0, "SCMP_CMP_EQ", (uint64_t)families[i], 0);
	if (capabilities & CAP_BIT(CAP_AUDIT_WRITE)) {
		allow_if(w, "socket", 0, "SCMP_CMP_EQ", AF_NETLINK, 0);
		return;
	}
	write_rule(w, "socket", "SCMP_ACT_ALLOW", 0, not_audit, ARRAY_SIZE(not_audit));
	/* PAM takes this for a kernel without audit, and anything else for a reason to let nobody in. */
	write_rule(w, "socket", "SCMP_ACT_ERRNO", EPROTONOSUPPORT, audit, ARRAY_SIZE(audit));
}

static void write_conditions(struct json_writer *w, uint64_t capabilities)
{
	static const uint64_t personalities[] = { 0x0, 0x8, 0x20000, 0x20008, 0xffffffff }; /* [personality(2)] */

	for (size_t i = 0; i < ARRAY_SIZE(personalities); i++)
		allow_if(w, "personality", 0, "SCMP_CMP_EQ", personalities[i], 0);
	write_sockets(w, capabilities);
	if (capabilities & CAP_BIT(CAP_SYS_ADMIN)) {
		open_rule(w);
		json_string(w, NULL, "clone");
		close_rule(w, "SCMP_ACT_ALLOW");
		json_object_end(w);
	} else {
		allow_if(w, "clone", 0, "SCMP_CMP_MASKED_EQ", NAMESPACE_FLAGS, 0);
	}
}

static void write_architectures(struct json_writer *w)
{
	json_array(w, "architectures");
#if defined(__x86_64__)
	json_string(w, NULL, "SCMP_ARCH_X86_64");
	json_string(w, NULL, "SCMP_ARCH_X86");
#elif defined(__aarch64__)
	json_string(w, NULL, "SCMP_ARCH_AARCH64");
	json_string(w, NULL, "SCMP_ARCH_ARM");
#endif
	json_array_end(w);
}

const char *seccomp_profile(uint64_t capabilities, struct arena *arena)
{
	struct json_writer w;
	const char *json, *copy;

	json_write_init(&w);
	json_object(&w, NULL);
	json_string(&w, "defaultAction", "SCMP_ACT_ERRNO");
	json_uint(&w, "defaultErrnoRet", ENOSYS);
	write_architectures(&w);
	json_array(&w, "syscalls");
	write_groups(&w, capabilities, true);
	write_groups(&w, capabilities, false);
	write_conditions(&w, capabilities);
	json_array_end(&w);
	json_object_end(&w);
	json = json_write_end(&w, NULL);
	copy = arena_strdup(arena, json ? json : "{}");
	json_write_done(&w);
	return copy;
}
