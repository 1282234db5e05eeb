/* runtime/cli/from_image.h: a container from an image: found or pulled, configured by flags, written as a config.
 *
 * Until the container is made nothing is: `plan --image` stops here, too. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/userns.h"
#include "images/images.h"
#include "images/to_config.h"
#include "runtime/cli/image_flags.h"
#include "runtime/folder.h"
struct bundle;
struct error;
struct invocation;

enum { GIVEN_UP_MAX = 32 };

struct from_image {
	const struct invocation *invocation;
	const struct image_flags *flags;
	struct arena *arena;
	bool rootless;
	bool many_ids;         /* of a user: `ids` has more than the own one */
	struct userns_ids ids; /* of a user: what the ids of the image are on the host */
	const char *keep_id;   /* "UID:GID" that the user is in the container; NULL: root */
	const char *id;
	char **args; /* of the program; NULL-terminated */
	int store;   /* owned, with its lock */
	struct image image;
	int *layers; /* owned, topmost first; folder.overlay has them */
	struct config config;
	struct folder folder;
	const char *const *volumes; /* names of those that must be there */
	size_t volume_count;
	const char *given_up[GIVEN_UP_MAX]; /* of the isolation that is the default, in words */
	size_t given_up_count;
};

/* Finds the image of flags->image, which must be given, or pulls it; decides all; fills *ret_bundle. `id` is NULL where one
 * is to be made up. The rest of *ret is the caller's to close. */
int from_image_plan(const struct invocation *invocation, const struct image_flags *flags, const char *id, char **args,
	struct from_image *ret, struct bundle *ret_bundle, struct error *err);

/* The same for a container that was one before: of its folder, which stands, and its config as it was. `path` is the folder's,
 * from its record. */
int from_image_again(const struct invocation *invocation, const char *path, const char *config, size_t config_len,
	struct from_image *ret, struct bundle *ret_bundle, struct error *err);

/* What must be there before the container is: volumes by name, --cidfile. */
int from_image_prepare(const struct from_image *from, struct error *err);

/* Which of the container's standard streams are none (bit n: descriptor n): input without -i; what a container in the background
 * says nobody reads, and who started it must not wait for its end. */
unsigned from_image_closed_streams(const struct from_image *from, bool detached);

/* An id for a container that nobody has named: 12 hexadecimal digits, in the arena; NULL with words. */
const char *from_image_random_id(struct arena *arena, struct error *err);

/* Gives the store and the layers back, once the container has them. */
void from_image_close(struct from_image *from);

/* Runs husk-image with these words, and gives what it says on standard output. */
int from_image_ask(
	struct from_image *from, const char *const *words, size_t count, const char **ret_output, struct error *err);

/* (image_ids.c) The ids of a user in the container, before the image is looked for; then layers that fit them. */
int image_ids_decide(struct from_image *from, struct error *err);
int image_ids_fit(struct from_image *from, struct error *err);

/* (image_config.c) Flags and image into the config. */
int image_config_decide(struct from_image *from, struct error *err);

/* (image_mounts.c) Their mounts, devices and namespaces' file systems. */
int image_config_mounts(struct from_image *from, struct error *err);
int image_config_devices(struct from_image *from, struct error *err);

/* (image_namespaces.c) Which namespaces are its own, and how ids map. */
int image_config_namespaces(struct from_image *from, struct error *err);

/* (image_limits.c) Limits of its cgroup and of its processes. */
int image_config_limits(struct from_image *from, struct error *err);

/* Notes that a part of the default isolation is not there. */
void from_image_gives_up(struct from_image *from, const char *what);
