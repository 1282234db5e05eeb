/* runtime/folder.h: the folder of a container that was made from an image: its bundle, which is husk's own.
 *
 *	STORE/containers/ID/     0700
 *		image                digest of the image: its layers are in use as long as this stands (images/images.h)
 *		holder               whose it is: the boot, and the state root that knows the container
 *		config.json          what the container was made from, for people; husk reads its record
 *		upper, work          of the overlay that is its root
 *		rootfs               empty: root.path
 *		volumes/N            the image's volumes that were given no other place
 *
 * The record names the folder before it is made, so it goes with the container. A reboot takes the record and leaves the
 * folder; `holder` says so, and the first container that is made after it removes what earlier boots left (`.boot` beside the
 * folders names the boot in which that was done). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "namespaces/namespaces.h"
struct error;

struct folder {
	const char *path;  /* absolute */
	const char *store; /* absolute */
	const char *image; /* "sha256:..." */
	const char *id;
	size_t volume_count; /* volumes/0 and on */
	uid_t owner;         /* on the host, of the container's root: of upper and work */
	gid_t group;
	bool stands; /* an earlier container of the same id has left it, filled */
	struct root_overlay overlay; /* its `folder` is opened by folder_make(), and folder_close() closes it */
};

/* Makes it for a container of the state root `root` (borrowed); the store must be locked by the caller until then. -EEXIST: a
 * container of another state root has it. */
int folder_make(struct folder *folder, int root, const char *config, size_t config_len, struct error *err);
void folder_close(struct folder *folder);

/* Removes the folder of a record in the state root `root`, whatever is in it. Gone already is fine, and so is that it was never
 * made: what stands there for another state root stays. */
int folder_remove(const char *path, int root, struct error *err);
