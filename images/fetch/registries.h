/* images/fetch/registries.h: registries.conf, and where an image is really fetched from.
 *
 *	# for all
 *	parallel = 4
 *
 *	[registry "docker.io"]
 *	mirror = mirror.example.com:5000/hub
 *
 * Pure; the format is documented in docs/husk-registries.conf.5. A section is named after a registry, or a registry and the
 * first parts of a repository; the one with the longest name that fits counts. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct arena;
struct error;

enum { REGISTRIES_MAX_BYTES = 1 << 20, REGISTRIES_MAX_MIRRORS = 16 };

struct registries_section {
	struct registries_section *next;
	const char *name;     /* "docker.io", "quay.io/team" */
	const char *location; /* what stands for the name in reality: "host:5000/prefix"; NULL = the name itself */
	const char *realm;    /* host that may be shown the credentials, too; NULL */
	const char *ca;       /* a file; NULL */
	bool insecure, blocked;
	const char *mirrors[REGISTRIES_MAX_MIRRORS];
	size_t mirror_count;
};

struct registries {
	unsigned parallel, retries, retry_delay_ms, connect_timeout_s, stall_timeout_s;
	struct registries_section *sections;
};

/* Without any file: 4 at once, 5 retries from 500 ms on, 10 s to connect, 30 s of standing still. */
void registries_init(struct registries *registries);

/* Reads a file's text on top of what *registries has. -EINVAL: `name`, line and what is wrong with it. */
int registries_parse(
	const char *text, const char *name, struct arena *arena, struct registries *registries, struct error *err);

/* Where a repository may be got. */
struct place {
	const char *host;       /* "registry-1.docker.io", "127.0.0.1:5000" */
	const char *repository; /* as it is called there */
	bool is_mirror;
};

enum { PLACES_MAX = REGISTRIES_MAX_MIRRORS + 1 };

/* The places of host/repository in the order of trial: mirrors, then the registry itself; how many there are. Texts are in the
 * arena. -EPERM: it is blocked. */
int registries_route(const struct registries *registries, const char *host, const char *repository, struct arena *arena,
	struct place places[PLACES_MAX], struct error *err);

/* The section that says how to speak to a host of a place, by its location or its name; NULL where none does. */
const struct registries_section *registries_of_host(const struct registries *registries, const char *host);
