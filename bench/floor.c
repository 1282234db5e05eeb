/* bench/floor.c: the least that gives what `husk spec`'s config asks for: the same namespaces, mounts, devices, masks,
 * cgroup and exec, in as few system calls, with no parsing, no checks, no record and no undoing.
 *
 *	floor ROOTFS PROGRAM
 *
 * What a runtime takes beyond this is what it has to answer for. Exits with the program's exit code; 99 where a call
 * failed, which is all it says. */
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define CGROUP "/sys/fs/cgroup/husk-floor"

static void must(long result)
{
	if (result < 0)
		_exit(99);
}

static void fresh(const char *type, const char *target, unsigned long flags, const char *data)
{
	must(mount(type, target, type, flags, data));
}

static void devices(void)
{
	static const struct {
		const char *path;
		unsigned major, minor;
	} nodes[] = {
		{ "dev/null", 1, 3 },
		{ "dev/zero", 1, 5 },
		{ "dev/full", 1, 7 },
		{ "dev/random", 1, 8 },
		{ "dev/urandom", 1, 9 },
		{ "dev/tty", 5, 0 },
	};
	static const char *const links[][2] = {
		{ "/proc/self/fd", "dev/fd" },
		{ "/proc/self/fd/0", "dev/stdin" },
		{ "/proc/self/fd/1", "dev/stdout" },
		{ "/proc/self/fd/2", "dev/stderr" },
		{ "/proc/kcore", "dev/core" },
		{ "pts/ptmx", "dev/ptmx" },
	};

	(void)umask(0);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
		must(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)));
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		must(symlink(links[i][0], links[i][1]));
}

static void mounts(void)
{
	enum { SAFE = MS_NOSUID | MS_NOEXEC | MS_NODEV };

	fresh("proc", "proc", 0, NULL);
	fresh("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
	must(mkdir("dev/pts", 0755) | mkdir("dev/shm", 0755) | mkdir("dev/mqueue", 0755));
	fresh("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
	fresh("tmpfs", "dev/shm", SAFE, "mode=1777,size=65536k");
	fresh("mqueue", "dev/mqueue", SAFE, NULL);
	fresh("sysfs", "sys", SAFE | MS_RDONLY, NULL);
	fresh("cgroup2", "sys/fs/cgroup", SAFE | MS_RDONLY, NULL);
	devices();
}

static void masks(void)
{
	static const char *const readonly[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger" };
	static const char *const masked[] = { "proc/acpi", "proc/asound", "proc/interrupts", "proc/kcore", "proc/keys",
		"proc/latency_stats", "proc/sched_debug", "proc/scsi", "proc/timer_list", "proc/timer_stats",
		"sys/devices/virtual/powercap", "sys/firmware" };

	for (size_t i = 0; i < sizeof(readonly) / sizeof(*readonly); i++)
		if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL) == 0)
			must(mount(NULL, readonly[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	for (size_t i = 0; i < sizeof(masked) / sizeof(*masked); i++) /* a file, a folder, or not there */
		if (mount("dev/null", masked[i], NULL, MS_BIND, NULL) < 0)
			(void)mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, "size=0k");
}

static _Noreturn void container(const char *rootfs, char *const argv[])
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	must(unshare(CLONE_NEWCGROUP));
	must(ioctl(sock, SIOCSIFFLAGS, &lo));
	must(sethostname("husk", 4));
	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	must(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL));
	must(chdir(rootfs));
	mounts();
	masks();
	must(syscall(SYS_pivot_root, ".", "."));
	must(umount2(".", MNT_DETACH));
	must(mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	must(execv(argv[0], argv));
	_exit(99);
}

int main(int argc, char **argv)
{
	static const uint64_t namespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
	struct clone_args args = { .flags = namespaces | CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	int status;
	long pid;

	if (argc < 3)
		return 99;
	must(mkdir(CGROUP, 0755));
	args.cgroup = (uint64_t)open(CGROUP, O_PATH | O_CLOEXEC);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		container(argv[1], argv + 2);
	if (pid > 0)
		(void)waitpid((pid_t)pid, &status, 0);
	(void)rmdir(CGROUP);
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}
