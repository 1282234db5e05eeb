/* runtime/cli/mount_flags.h: -v, --mount and --tmpfs: what is mounted where, in three spellings. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "images/to_config.h"
struct arena;
struct error;

enum mount_origin {
	MOUNT_OF_HOST,      /* a file or folder of the host */
	MOUNT_OF_VOLUME,    /* STORE/volumes/NAME, made when it is first used */
	MOUNT_OF_ANONYMOUS, /* a folder of the container's own, gone with it */
	MOUNT_NEW,          /* a new file system */
};

struct mount_flag {
	enum mount_origin origin;
	const char *name;          /* of a volume */
	bool seeded;               /* an empty volume begins with what the image has there */
	bool makes_source;         /* bind-create-src: a folder of the host that is missing is made */
	struct config_mount mount; /* `source` is the caller's to set for volumes; an absolute path for the host's */
};

/* "[SRC:]DST[:OPT,...]" */
int mount_flag_volume(const char *text, struct arena *arena, struct mount_flag *ret, struct error *err);

/* "type=bind,src=/a,dst=/b,ro" */
int mount_flag_mount(const char *text, struct arena *arena, struct mount_flag *ret, struct error *err);

/* "DST[:OPT,...]" */
int mount_flag_tmpfs(const char *text, struct arena *arena, struct mount_flag *ret, struct error *err);

/* Adds an option. */
void mount_flag_option(struct mount_flag *flag, struct arena *arena, const char *option);
