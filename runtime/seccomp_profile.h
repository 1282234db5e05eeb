/* runtime/seccomp_profile.h: which system calls a container may make that nobody gave a filter.
 *
 * A list of what programs need. What is not on it does not exist (ENOSYS), so programs fall back as they do on an older
 * kernel; what is known and refused is forbidden (EPERM), unless the container has a capability that means it. */
#pragma once
#include <stddef.h>
#include <stdint.h>
struct arena;
struct error;

/* linux.seccomp of the default filter for a container with these capabilities (bit n = CAP n), as JSON in the arena. */
const char *seccomp_profile(uint64_t capabilities, struct arena *arena);

/* The same from a profile as Docker and Podman write them, with conditions on capabilities and architectures
 * (includes, excludes, archMap), or from a plain linux.seccomp. `path` is for messages. */
int seccomp_profile_read(const char *path, const char *text, size_t len, uint64_t capabilities, struct arena *arena,
	const char **ret_json, struct error *err);
