/* spec/words.h: tables of words that decoders of this room share. Internal to it. */
#pragma once
#include <stdbool.h>

struct spec_mount;
struct words;

/* Applies one word of a mount's options; a later word overrides an earlier one, as with mount(8). False where it is none
 * of ours: then it belongs to the file system. Words with a value ("idmap=...") are whole. */
bool word_mount_apply(const char *word, struct spec_mount *mount);

/* SCMP_ARCH_*, SCMP_ACT_* (errno and trace with data 0), enum scmp_compare, SECCOMP_FILTER_FLAG_*. */
extern const struct words words_seccomp_arch, words_seccomp_action, words_seccomp_operator, words_seccomp_flag;

/* MPOL_*, MPOL_F_* [set_mempolicy(2)] */
extern const struct words words_memory_mode, words_memory_flag;
