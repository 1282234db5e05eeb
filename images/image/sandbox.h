/* images/image/sandbox.h: what husk-image gives away before it reads what strangers made.
 *
 * Five walls, each of which holds where another has a hole: no new privileges; the least capabilities; Landlock, so that only
 * the given folders can be opened [landlock(7), Linux 5.13; the one who cannot, goes on without]; limits; and a seccomp
 * allow-list, without which no system call reaches the kernel that unpacking does not need. Descriptors that are open stay
 * usable. For a process with one thread; threads that it starts later are inside. There is no way back.
 *
 * CAP_SYS_ADMIN stays where trusted.overlay.opaque has to be written, since no lesser right lets a process do that. Behind the
 * allow-list it is good for nothing else: there is no mount, bpf, setns, unshare, quotactl, ioctl of a device, and no call
 * that could make another program run. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct error;

struct sandbox {
	const int *writable; /* borrowed: folders beneath which all may be read, made, changed and removed */
	size_t writable_count;
	const int *readable; /* borrowed: folders beneath which all may be read */
	size_t readable_count;
	bool trusted_xattrs;   /* keep what trusted.* needs; false in a user namespace */
	unsigned descriptors;  /* that may be open; 0 = 4096, or fewer where the hard limit is lower */
	uint64_t memory_bytes; /* of address space; 0 = 4 GiB */
};

/* 0, or a negative errno; then the process must not go on. */
int sandbox_enter(const struct sandbox *sandbox, struct error *err);
