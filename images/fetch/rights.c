/* images/fetch/rights.c: see the header. */
#include "images/fetch/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/capability.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/syscalls.h"
#include "base/text.h"
#include "images/fetch_protocol.h"

enum { NOBODY = 65534 };

/* What getaddrinfo(3), its modules, OpenSSL and the loader read. */
static const char *const readable[] = {
	"/etc",
	"/usr",
	"/lib",
	"/lib64",
	"/run/systemd/resolve",
	"/run/resolvconf",
	"/run/NetworkManager",
};

static int limit(struct error *err)
{
	static const struct rlimit none = { 0, 0 }, manifest = { FETCH_MANIFEST_MAX, FETCH_MANIFEST_MAX };

	if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_FSIZE, &manifest) < 0)
		return error_sys(err, errno, "set limits");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, errno, "forbid new privileges");
	return 0;
}

/* In a user namespace there may be no nobody; who is root there is nobody outside. */
static int become_nobody(struct error *err)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return error_sys(err, errno, "drop the groups");
	if ((setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0) && errno != EINVAL)
		return error_sys(err, errno, "become nobody");
	return 0;
}

static int drop_capabilities(struct error *err)
{
	cap_t none = cap_init();
	int r = !none || cap_set_proc(none) < 0 ? -errno : 0;

	(void)cap_free(none);
	if (r == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		r = -errno;
	return r < 0 ? error_sys(err, r, "drop the capabilities") : 0;
}

/* The kernel knows more rights than this header, in later versions; those of version 1 are everything that matters. */
static int make_rules(void)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1, /* all of version 1 */
	};

	return (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
}

static int allow_reading(int rules, const char *path)
{
	cleanup_close int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct landlock_path_beneath_attr attr = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = dir,
	};

	if (dir < 0)
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) < 0 ? -errno : 0;
}

static int restrict_files(struct error *err)
{
	cleanup_close int rules = make_rules();
	int r = 0;

	if (rules < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : error_sys(err, errno, "make Landlock rules");
	for (size_t i = 0; i < ARRAY_SIZE(readable) && r == 0; i++)
		r = allow_reading(rules, readable[i]);
	if (r == 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		r = -errno;
	return r < 0 ? error_sys(err, r, "restrict files by Landlock") : 0;
}

/* What nothing here calls, neither libcurl nor the resolver with its modules: a list of what they do call would have to follow
 * every release of theirs. */
static const int refused[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(process_madvise),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp),
	SCMP_SYS(kill),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsmount),
	SCMP_SYS(fspick),
	SCMP_SYS(open_tree),
	SCMP_SYS(move_mount),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(listen),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
};

static int refuse_calls(struct error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(refused) && r == 0; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	/* A kernel without it, or a sandbox around us that has taken it away. */
	return r == 0 || r == -EINVAL || r == -ENOSYS ? 0 : error_sys(err, r, "refuse system calls by seccomp");
}

int rights_drop(struct error *err)
{
	int r = limit(err);

	if (r == 0)
		r = restrict_files(err);
	if (r == 0)
		r = become_nobody(err);
	if (r == 0)
		r = drop_capabilities(err);
	if (r == 0)
		r = refuse_calls(err);
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = error_sys(err, errno, "hide from other processes");
	return r;
}
