/* images/image/platform.h: which machine an image is for. Pure.
 *
 * Names are brought into one form, x86_64 is amd64 and arm64 alone is v8, and compared with what is wanted: an older variant
 * of the same architecture runs, too [image-spec: image-index.md; containerd's order]. */
#pragma once
#include <stdbool.h>
struct arena;
struct error;

struct platform {
	const char *os, *architecture;
	const char *variant; /* "" where not given */
};

/* "linux/arm64", "linux/arm/v7", "arm64"; the texts are in the arena. NULL is this machine. */
int platform_parse(const char *text, struct arena *arena, struct platform *ret, struct error *err);

/* How far `has` is from what is wanted: 0 is the same, more is an older variant, -1 does not run. */
int platform_distance(const struct platform *wanted, const struct platform *has);

/* "linux/arm/v7", in the arena. */
const char *platform_text(const struct platform *platform, struct arena *arena);
