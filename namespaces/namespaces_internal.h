/* namespaces/namespaces_internal.h: what the files of this room share and nobody above needs. */
#pragma once
#include "base/step.h"
#include "namespaces/namespaces.h"

/* ---- join.c ---- */

extern const struct step_kind join_step;             /* args: struct namespace_join */
extern const struct step_kind cgroup_namespace_step; /* args: none */
extern const struct step_kind ipc_namespace_step;    /* args: none */

/* Whether a namespace can only be entered by the process that clones the init. */
bool namespace_joins_before_clone(const struct namespaces_plan *plan, const struct namespace_join *join);

/* ---- the steps of the view; args as said ---- */

struct mount_args {
	const struct spec_mount *mount;
	const char *fs_type;      /* of fsopen(2); NULL for binds and remounts */
	const char *source;       /* binds: absolute, in the host's view; else what mountinfo shows */
	bool over_procfs;         /* this path of /proc may be mounted over */
	bool no_symlinks;         /* the target must be reached without a link */
	bool inherit_mode;        /* tmpfs: take the mode of the directory below, if there is one */
	bool superblock_ro;       /* "ro" concerns the file system too, not only this mount */
	bool source_is_file;      /* filled by open */
	const char *extra;        /* what it is, where it is the runtime's own; NULL */
	char *link_target;        /* copy-symlink: room for PATH_MAX, filled by open; "" where the source is no link */
	struct idmap_args *idmap; /* NULL = none */
	const char *context;      /* "context=LABEL" for SELinux; NULL */
	uint64_t attr_set, attr_clear; /* everything for this mount alone */
};

/* A user namespace whose id maps a mount takes over [mount_setattr(2), ID-mapped mounts]. */
struct idmap_args {
	const char *uid_map, *gid_map; /* as for /proc/PID/uid_map; NULL: the namespace at `path` */
	const char *path;
	int fd; /* filled by open; the step owns it */
};

struct device_args {
	const struct spec_device *device;
	const char *in_dev; /* the name within /dev, or NULL: anywhere */
	bool by_bind;
};

struct link_args {
	const char *name, *target; /* in /dev */
};

struct path_args {
	const char *path;
};

struct propagation_args {
	struct spec_propagation_word word;
};

extern const struct step_kind root_step;             /* struct root_args */
extern const struct step_kind overlay_step;          /* struct root_args */
extern const struct step_kind procfs_step;           /* bool *all: with sysctls */
extern const struct step_kind idmap_step;            /* struct idmap_args */
extern const struct step_kind mount_step;            /* struct mount_args */
extern const struct step_kind bind_step;             /* struct mount_args */
extern const struct step_kind extra_step;            /* struct mount_args; its source is named later */
extern const struct step_kind remount_step;          /* struct mount_args */
extern const struct step_kind dev_step;              /* none */
extern const struct step_kind device_step;           /* struct device_args */
extern const struct step_kind link_step;             /* struct link_args */
extern const struct step_kind terminal_step;         /* struct terminal_args */
extern const struct step_kind null_step;             /* none */
extern const struct step_kind mask_step;             /* struct path_args */
extern const struct step_kind readonly_step;         /* struct path_args */
extern const struct step_kind pivot_step;            /* none */
extern const struct step_kind chroot_step;           /* none */
extern const struct step_kind root_readonly_step;    /* none */
extern const struct step_kind root_propagation_step; /* struct propagation_args */

struct root_args {
	const char *path;
	uint64_t propagation;               /* MS_PRIVATE or MS_SLAVE: what the root and all below it are to the host */
	bool at_path;                       /* mounted there, not over "/" */
	const struct root_overlay *overlay; /* of overlay_step, whose `path` is an empty folder */
	struct idmap_args *idmap;           /* for its layers; NULL = none */
};

/* (child) Attaches the root, of either kind. */
int root_apply(const struct step *step, struct walk *walk);

struct terminal_args {
	bool console; /* bound on /dev/console */
	bool has_size;
	uint16_t height, width;
	uid_t uid;
	gid_t gid;
};

/* (child) The target of a mount: found, or made as a directory or file, by the rules of mount_args. */
int mount_target(const struct mount_args *args, const struct walk *walk, bool is_file);

/* (child) Copies all that is in one directory to another: tmpcopyup. */
int copy_up(int from_dir, int to_dir);

/* One line an extent, as uid_map takes them [user_namespaces(7)]; NULL for none. */
const char *id_map_text(const struct spec_id_mappings *mappings, struct arena *arena);

/* MS_* of a propagation word. */
uint64_t propagation_flag(enum spec_propagation kind);
