/* images/reference.h: how people name images.
 *
 *	debian:13  quay.io/fedora/fedora@sha256:...  127.0.0.1:5000/web   of a registry; also with docker:// before it
 *	oci:DIR[:REF]   oci-archive:FILE[:REF]   docker-archive:FILE[:REF]   rootfs:DIR|FILE.tar
 *
 * Pure. The grammar is that of distribution/reference; short names are docker.io's, and docker.io/NAME is
 * docker.io/library/NAME, the tag is latest where neither tag nor digest is given. */
#pragma once
#include <stdbool.h>

#include "images/digest.h"
struct arena;
struct error;

enum image_transport {
	IMAGE_REGISTRY,
	IMAGE_OCI,
	IMAGE_OCI_ARCHIVE,
	IMAGE_DOCKER_ARCHIVE,
	IMAGE_ROOTFS,
	IMAGE_TRANSPORTS
};

struct reference {
	enum image_transport transport;
	const char *host, *repository; /* of a registry: "docker.io", "library/debian" */
	const char *tag;               /* "13"; NULL with a digest alone */
	struct digest digest;          /* DIGEST_NONE where not given */
	const char *path;              /* of the other transports, as written */
	const char *ref;               /* the text after it, or NULL */
	const char *name;              /* what the store calls it: "docker.io/library/debian:13"; see below */
	const char *local_name;        /* "localhost/debian:13", for a name that says no registry; else NULL */
};

/* Texts are in the arena. -EINVAL with words; at most 4096 bytes, no control characters, and in names no "..". With a tag
 * and a digest, the digest counts, and the name has that alone. An image of another transport has the name that its REF
 * is, where that holds a ":" or "/", else localhost/ with the last part of its path: localhost/DIR:REF. The name of a
 * docker-archive without REF is NULL, since the archive itself says it. */
int reference_parse(const char *text, struct arena *arena, struct reference *ret, struct error *err);

/* The same for a name alone: no transport but docker://, as `image rm` and `run --image` look one up. */
int reference_parse_name(const char *text, struct arena *arena, struct reference *ret, struct error *err);
