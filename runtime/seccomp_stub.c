/* runtime/seccomp_stub.c: ENOSYS for system calls that a profile could not know.
 *
 * A list of what is allowed refuses what came later. Programs ask for new calls and fall back to old ones when they hear
 * ENOSYS, but not when they hear EPERM, and so break under an older profile. Where a profile refuses with an errno that it
 * did not choose, calls with a higher number than any it names get ENOSYS. What it names, and what it says of its default,
 * stands. In front of the program, for each of its architectures:
 *
 *	load arch; if it is X: load nr; if nr > the highest named there: return ENOSYS
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_internal.h"
#include "spec/spec.h"

enum { STUB_MAX = 256, X32_BIT = 0x40000000 };

struct stub {
	struct sock_filter insns[STUB_MAX];
	size_t count;
};

static void emit(struct stub *stub, unsigned code, uint32_t k, unsigned if_true, unsigned if_false)
{
	stub->insns[stub->count++] = (struct sock_filter){
		.code = (uint16_t)code,
		.jt = (uint8_t)if_true,
		.jf = (uint8_t)if_false,
		.k = k,
	};
}

/* The highest number that the rules name on an architecture; -1 where they name none. */
static int highest(const struct spec_seccomp *seccomp, uint32_t arch)
{
	int result = -1;

	for (size_t i = 0; i < seccomp->rule_count; i++)
		for (size_t n = 0; n < seccomp->rules[i].names.count; n++) {
			int number = seccomp_syscall_resolve_name_arch(arch, seccomp->rules[i].names.items[n]);
			if (number > result) /* those that it lacks are negative */
				result = number;
		}
	return result;
}

/* x32 and n32 share their architecture with another and tell themselves apart by the number. */
static bool has_numbers_of_its_own(uint32_t arch)
{
	return arch != SCMP_ARCH_X32 && arch != SCMP_ARCH_MIPS64N32 && arch != SCMP_ARCH_MIPSEL64N32;
}

static void add_architecture(struct stub *stub, const struct spec_seccomp *seccomp, uint32_t arch)
{
	enum { BLOCK = 5 };
	int last = highest(seccomp, arch);

	if (last < 0 || !has_numbers_of_its_own(arch) || stub->count + BLOCK + 1 > STUB_MAX)
		return;
	emit(stub, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	emit(stub, BPF_JMP | BPF_JEQ | BPF_K, arch, 0, BLOCK - 1);
	emit(stub, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	emit(stub, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0);
	emit(stub, BPF_JMP | BPF_JGT | BPF_K, (uint32_t)last, 0, 1);
	emit(stub, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
}

bool seccomp_wants_stub(const struct spec_seccomp *seccomp)
{
	return (seccomp->default_action & 0xffff0000) == SCMP_ACT_ERRNO(0) && !seccomp->has_default_errno &&
		seccomp->rule_count > 0;
}

int seccomp_add_stub(const struct spec_seccomp *seccomp, struct arena *arena, struct seccomp_program *program)
{
	struct stub stub = { .count = 0 };
	struct sock_filter *insns;
	uint32_t native = seccomp_arch_native();

	add_architecture(&stub, seccomp, native);
	for (size_t i = 0; i < seccomp->architecture_count; i++)
		if (seccomp->architectures[i] != native)
			add_architecture(&stub, seccomp, seccomp->architectures[i]);
	if (stub.count + program->count > BPF_MAXINSNS)
		return -E2BIG;
	insns = ARENA_ARRAY(arena, stub.count + program->count, struct sock_filter);
	memcpy(insns, stub.insns, stub.count * sizeof(*insns));
	memcpy(insns + stub.count, program->insns, program->count * sizeof(*insns));
	program->insns = insns;
	program->count = (unsigned short)(program->count + stub.count);
	return 0;
}
