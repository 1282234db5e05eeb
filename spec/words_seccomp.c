/* spec/words_seccomp.c: the words of linux.seccomp, as libseccomp and the kernel number them [seccomp(2)]. */
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>

#include "base/text.h"
#include "spec/decode.h"
#include "spec/words.h"

#define ARCH(name)                                                                                                     \
	{                                                                                                              \
		"SCMP_ARCH_" #name, SCMP_ARCH_##name                                                                   \
	}
static const struct word archs[] = {
	ARCH(X86),
	ARCH(X86_64),
	ARCH(X32),
	ARCH(ARM),
	ARCH(AARCH64),
	ARCH(MIPS),
	ARCH(MIPS64),
	ARCH(MIPS64N32),
	ARCH(MIPSEL),
	ARCH(MIPSEL64),
	ARCH(MIPSEL64N32),
	ARCH(PPC),
	ARCH(PPC64),
	ARCH(PPC64LE),
	ARCH(S390),
	ARCH(S390X),
	ARCH(PARISC),
	ARCH(PARISC64),
	ARCH(RISCV64),
#ifdef SCMP_ARCH_LOONGARCH64 /* libseccomp 2.6 */
	ARCH(LOONGARCH64),
	ARCH(M68K),
	ARCH(SH),
	ARCH(SHEB),
#endif
};
const struct words words_seccomp_arch = { .what = "architecture known here", WORDS(archs) };

static const struct word actions[] = {
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0) },
	{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0) },
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
	{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY },
};
const struct words words_seccomp_action = { .what = "seccomp action", WORDS(actions) };

static const struct word operators[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE },
	{ "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_GE", SCMP_CMP_GE },
	{ "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};
const struct words words_seccomp_operator = { .what = "comparison", WORDS(operators) };

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV /* Linux 5.19 */
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
static const struct word flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
};
const struct words words_seccomp_flag = { .what = "seccomp flag", WORDS(flags) };

uint32_t word_seccomp_arch(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		if (strcmp(archs[i].name, word) == 0)
			return (uint32_t)archs[i].value;
	return 0;
}

const char *word_seccomp_action_name(uint32_t action)
{
	bool has_data = (action & 0xffff0000) == SCMP_ACT_ERRNO(0) || (action & 0xffff0000) == SCMP_ACT_TRACE(0);

	if (has_data)
		action &= 0xffff0000;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (actions[i].value == action && strcmp(actions[i].name, "SCMP_ACT_KILL") != 0)
			return actions[i].name;
	return NULL;
}
