/* runtime/seccomp.h: linux.seccomp as a program the kernel takes, compiled once.
 *
 * libseccomp needs 19 ms for a profile of 400 rules, four times the rest of a start; so the bytes are kept beneath the
 * state root. A cache file holds everything that decided the program, then the program: it is used only when that
 * first part equals ours byte for byte, so a name that collides or a file of another version is simply compiled anew.
 * There are 64 names, so the cache is bounded.
 * [seccomp(2); seccomp_export_bpf(3)] */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/filter.h>
struct arena;
struct error;
struct spec_seccomp;

struct seccomp_program {
	struct sock_filter *insns; /* in the arena */
	unsigned short count;      /* at most BPF_MAXINSNS */
	unsigned flags;            /* for seccomp(2) */
	bool strict;               /* (in) a system call that libseccomp does not know is an error */
	bool notifies;             /* installing it gives a listener */
	const char *unknown; /* names of system calls that libseccomp does not know, "a, b"; NULL = none, or cached */
};

/* Compiles `seccomp`, or finds it in `cache` (a 0700 directory of ours, borrowed; -1 = do not cache). What cannot be
 * cached (full disk, read-only) is compiled all the same. System calls that libseccomp does not know are left out, since
 * profiles are written for newer ones [config-linux.md, Seccomp]; rules whose action is the default are left out. -E2BIG where the program is longer than
 * the kernel takes. `err` names the rule: "linux.seccomp.syscalls[3]". */
int seccomp_compile(const struct spec_seccomp *seccomp, int cache, struct arena *arena,
	struct seccomp_program *ret_program, struct error *err);

/* (child) Installs it. The caller holds CAP_SYS_ADMIN or has no_new_privs. 0, or the listener's
 * descriptor where it notifies, or a negative errno. */
int seccomp_install(const struct seccomp_program *program);
