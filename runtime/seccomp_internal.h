/* runtime/seccomp_internal.h: between seccomp.c and the stub in front of its programs. */
#pragma once
#include <stdbool.h>
struct arena;
struct seccomp_program;
struct spec_seccomp;

bool seccomp_wants_stub(const struct spec_seccomp *seccomp);
int seccomp_add_stub(const struct spec_seccomp *seccomp, struct arena *arena, struct seccomp_program *program);
