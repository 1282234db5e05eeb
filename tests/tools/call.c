/* tests/tools/call.c: makes system calls by name or number, "NAME[:ARGUMENT]...", and prints the errno of each; what is not given
 * of the arguments is zero. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL(name)                                                                                                     \
	{                                                                                                              \
#name, SYS_##name                                                                                      \
	}

static const struct {
	const char *name;
	long number;
} calls[] = {
	CALL(acct),
	CALL(add_key),
	CALL(bpf),
	CALL(clock_settime),
	CALL(clone3),
	CALL(delete_module),
	CALL(fanotify_init),
	CALL(finit_module),
	CALL(fsconfig),
	CALL(fsmount),
	CALL(fsopen),
	CALL(fspick),
	CALL(getpid),
	CALL(gettid),
	CALL(getuid),
	CALL(init_module),
	CALL(io_uring_enter),
	CALL(io_uring_register),
	CALL(io_uring_setup),
	CALL(kcmp),
	CALL(kexec_load),
	CALL(keyctl),
	CALL(lookup_dcookie),
	CALL(mkdirat),
	CALL(mount),
	CALL(mount_setattr),
	CALL(move_mount),
	CALL(open_by_handle_at),
	CALL(open_tree),
	CALL(perf_event_open),
	CALL(personality),
	CALL(pivot_root),
	CALL(process_madvise),
	CALL(quotactl),
	CALL(reboot),
	CALL(request_key),
	CALL(sched_yield),
	CALL(sethostname),
	CALL(socket),
	CALL(setns),
	CALL(settimeofday),
	CALL(swapoff),
	CALL(swapon),
	CALL(sync),
	CALL(syslog),
	CALL(umask),
	CALL(umount2),
	CALL(unshare),
	CALL(userfaultfd),
	CALL(vhangup),
	CALL(vmsplice),
};

static long number_of(const char *word)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, word) == 0)
			return calls[i].number;
	return strtol(word, NULL, 10);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		long args[6] = { 0 };
		char *rest = argv[i];
		const char *name = strsep(&rest, ":");
		for (size_t j = 0; rest && j < sizeof(args) / sizeof(args[0]); j++)
			args[j] = strtol(strsep(&rest, ":"), NULL, 10);
		errno = 0;
		(void)syscall(number_of(name), args[0], args[1], args[2], args[3], args[4], args[5]);
		(void)printf("%d%s", errno, i + 1 < argc ? " " : "\n");
	}
	return 0;
}
