/* runtime/launcher.c: the program called husk: it starts the real one from a place where no container can write it.
 *
 * Theory of operation
 * A container's first process is, until its exec, the runtime's own program, and whoever holds a descriptor of that file
 * may write to it once it is no longer running [CVE-2019-5736]. So the real program is run through a read-only overlay
 * that is never attached anywhere: writing to it is refused by the kernel, and there is no mount to make writable. Where
 * overlays cannot be made (no privileges, a kernel without) it is run from a sealed copy in memory. The program itself
 * checks how it was started (self.c), so this one need not be trusted.
 * This is a program of its own, without libc, because starting a program twice is the dearest thing on the path of a
 * start: 0.1 ms this way, ten times that for the real one. It reads nothing but argv and envp, which it passes on. */
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/mount.h>
#include <stddef.h>

#include "runtime/freestanding.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3: whether the copy may be run is said, and not left to vm.memfd_noexec */
#endif
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
enum { READ_ONLY = 0, PATH_ONLY = 010000000, CLOSE_ON_EXEC = 02000000, ENTRY_LIMIT = 64 };

/* ---- the place ---- */

/* "/proc/self/fd/3:/proc/self/fd/4": paths by descriptor, since a path may hold what an overlay takes for a separator. */
static void write_layers(char *at, long first, long second)
{
	const long fds[2] = { first, second };

	for (int i = 0; i < 2; i++) {
		char digits[20];
		int count = 0;
		long n = fds[i];
		if (i)
			*at++ = ':';
		for (const char *c = "/proc/self/fd/"; *c; c++)
			*at++ = *c;
		do
			digits[count++] = (char)('0' + n % 10);
		while (n /= 10);
		while (count)
			*at++ = digits[--count];
	}
	*at = '\0';
}

static long new_mount(const char *type, const char *layers)
{
	long context = CALL(fsopen, type, FSOPEN_CLOEXEC, 0, 0, 0);
	long r = context;

	if (r >= 0 && layers)
		r = CALL(fsconfig, context, FSCONFIG_SET_STRING, "lowerdir", layers, 0);
	if (r >= 0)
		r = CALL(fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
	if (r >= 0)
		r = CALL(fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID, 0,
			0);
	if (context >= 0)
		(void)CALL(close, context, 0, 0, 0, 0);
	return r;
}

/* A read-only overlay of two layers, for it takes no fewer: the program's folder and an empty one. */
static long open_in_overlay(const char *folder, const char *name)
{
	char layers[ENTRY_LIMIT + 1];
	long dir = CALL(openat, AT_FDCWD, folder, PATH_ONLY | CLOSE_ON_EXEC, 0, 0);
	long empty = dir < 0 ? dir : new_mount("tmpfs", NULL);
	long overlay = -1, fd;

	if (empty >= 0) {
		write_layers(layers, dir, empty);
		overlay = new_mount("overlay", layers);
	}
	fd = overlay < 0 ? overlay : CALL(openat, overlay, name, PATH_ONLY | CLOSE_ON_EXEC, 0, 0);
	return fd;
}

static long open_sealed_copy(const char *program)
{
	long from = CALL(openat, AT_FDCWD, program, READ_ONLY | CLOSE_ON_EXEC, 0, 0);
	long copy = CALL(memfd_create, "husk", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC, 0, 0, 0);
	long n;

	if (copy < 0)
		copy = CALL(memfd_create, "husk", MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0, 0);
	if (from < 0 || copy < 0)
		return -1;
	do
		n = CALL(sendfile, copy, from, 0, 1L << 24, 0);
	while (n > 0);
	if (n == 0)
		n = CALL(fcntl, copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, 0, 0);
	return n < 0 ? n : copy;
}

/* ---- the start ---- */

static void die(const char *text, size_t len)
{
	(void)CALL(write, 2, text, len, 0, 0);
	(void)CALL(exit_group, 125, 0, 0, 0, 0);
}

void launch(long *stack)
{
	static const char folder[] = HUSK_FOLDER, program[] = HUSK_FOLDER "/husk-runtime", name[] = "husk-runtime";
	static const char failed[] = "husk: cannot start " HUSK_FOLDER "/husk-runtime; is it installed there?\n";
	char **argv = (char **)(stack + 1), **envp = argv + *stack + 1;
	long fd = open_in_overlay(folder, name);

	if (fd >= 0)
		(void)CALL(execveat, fd, "", argv, envp, AT_EMPTY_PATH);
	fd = open_sealed_copy(program);
	if (fd >= 0)
		(void)CALL(execveat, fd, "", argv, envp, AT_EMPTY_PATH);
	(void)CALL(execveat, AT_FDCWD, program, argv, envp, 0); /* which sees for itself whether that is safe */
	die(failed, sizeof(failed) - 1);
	for (;;)
		;
}
