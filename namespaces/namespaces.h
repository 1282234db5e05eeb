/* namespaces/namespaces.h: what the container sees of the system: namespaces, ids, mounts, devices.
 *
 * A plan of namespaces says which the init is cloned into, which it joins and how its ids map; the mounts become steps
 * of the walk. Plans are pure. Everything a mount needs from the host is opened by the parent before the clone, in the
 * host's view, as a detached tree; the child only attaches, to targets that the kernel resolves beneath the container's
 * root. [namespaces(7), open_tree(2), mount_setattr(2), openat2(2)]
 * [security: CVE-2019-5736's kin A1-A19 and B1-B10 in docs/security.md] */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spec/spec.h"
struct arena;
struct error;
struct step;
struct steps;
struct json_writer;

/* ---- namespaces ---- */

struct namespace_join {
	enum spec_namespace kind;
	const char *path;
	int fd;    /* owned by the plan, once opened */
	bool done; /* joined already when the init starts to walk */
};

struct namespaces_plan {
	uint64_t make;    /* CLONE_NEW* of those that clone3(2) makes */
	bool make_cgroup; /* made by the init itself, once it sits in its cgroup: the namespace's root is where it sits */
	bool make_ipc;  /* made by the init itself, as root of its user namespace: whoever makes it owns /dev/mqueue */
	bool make_time; /* made before the clone: a process cannot set the offsets of the one it is in */
	const char *time_offsets; /* text for timens_offsets, NULL */
	struct namespace_join joins[SPEC_NAMESPACES];
	size_t join_count;
	bool makes_user, joins_user;
	const char *uid_map, *gid_map; /* texts for /proc/PID/{uid,gid}_map, NULL */
};

/* CLONE_NEW* of a namespace. */
uint64_t namespace_flag(enum spec_namespace kind);

/* Pure. */
void namespaces_plan(const struct spec *spec, struct arena *arena, struct namespaces_plan *ret_plan);

/* Adds the child's own part: joins, the namespaces that it makes itself. */
void namespaces_steps(struct namespaces_plan *plan, struct steps *steps);

/* The same for a process whose children CRIU makes into the container: joins, and the cgroup namespace, of the kinds that CRIU
 * leaves as it finds them. The others it makes, or is given. */
void namespaces_inherited_steps(struct namespaces_plan *plan, struct steps *steps);

/* Opens the namespaces to join and checks that each is of its kind [ioctl_ns(2), NS_GET_NSTYPE]. A user namespace that
 * is ours already is dropped from the plan: it cannot be joined again. */
int namespaces_open(struct namespaces_plan *plan, struct error *err);
void namespaces_close(struct namespaces_plan *plan);

/* Clones the init into the plan's namespaces and, unless -1, the cgroup; it runs `child(arg)`, which never returns.
 * The init is always the caller's own child; the caller's own namespaces never change. *ret_pidfd is the caller's.
 * Returns the pid, or a negative errno with words and hints (user namespaces forbidden, limits reached). */
pid_t namespaces_clone(
	struct namespaces_plan *plan, int cgroup, void (*child)(void *), void *arg, int *ret_pidfd, struct error *err);

/* ---- a process that joins a container ---- */

struct enter_args {
	int target;     /* borrowed: pidfd of a process in the container */
	pid_t pid;      /* its number */
	uint64_t flags; /* CLONE_NEW* of the namespaces to enter */
};

/* Clones a process that is about to enter `args`; of a pid namespace it is born a member, since it cannot become one.
 * Otherwise as namespaces_clone(). args->flags loses what needs no more entering. */
pid_t namespaces_clone_beside(
	struct enter_args *args, int cgroup, void (*child)(void *), void *arg, int *ret_pidfd, struct error *err);

/* Adds the entering, by one setns(2) [Linux 5.8, setns with a pidfd]. From then on the container's root is ours. */
void namespaces_enter_step(struct enter_args *args, struct steps *steps);

/* Whether the process is in another user namespace than we are. */
bool namespaces_user_differs(pid_t pid);

/* Whether we are in a user namespace that is not the host's, so that our root is not the host's. Looked up once. */
bool namespaces_ids_mapped(void);

/* Writes the id maps of a new user namespace for the process. */
int namespaces_write_maps(const struct namespaces_plan *plan, pid_t pid, struct error *err);

/* ---- what the container sees ---- */

/* A root that is an overlay of directories which others share. */
struct root_overlay {
	const int *layers; /* borrowed: descriptors of their trees, topmost first */
	size_t layer_count;
	int folder;        /* borrowed: holds `upper` and `work`; needed once the steps are opened */
	bool is_volatile;  /* nothing is synced: for what may be lost with the machine */
	bool unprivileged; /* made in a user namespace, where overlayfs keeps its marks in user.overlay.* */
};

/* The layers alone, read-only, as a detached tree in which their files can be looked up; the caller's. */
int overlay_open_layers(const struct root_overlay *overlay, struct error *err);

/* Something of the runtime's own that the container sees: a folder or a file that is not there yet when the plan is made.
 * It is read-only, and nothing in it is executed. */
struct view_extra {
	const char *what;  /* for messages: "hosts of the container's state" */
	const char *place; /* in the container, absolute; NULL: this one is not wanted */
	bool yields;       /* not where the config mounts something of its own there */
	size_t step;       /* (filled) the number of its step; 0 = it has none */
};

struct view_request {
	const char *bundle; /* absolute path, in the host's view: relative sources of binds start there */
	const char *rootfs; /* absolute path of the root, in the host's view */
	const struct root_overlay *overlay; /* the root itself; then `rootfs` is an empty folder. NULL = none */
	size_t *ret_root;                   /* the number of its step */
	bool devices_by_bind;               /* mknod(2) is not allowed here: a user namespace */
	bool terminal;                      /* a pty is made and becomes /dev/console */
	struct view_extra *extras;          /* mounted after the config's */
	size_t extra_count;
	bool root_at_path; /* the root is mounted where `rootfs` is, for hooks that look for it there; else over "/" */
};

/* Steps from the host's view to the container's: the private procfs, the root, mounts in their order, devices, links,
 * terminal, masks, read-only paths. The process still has the host's root. Pure. */
void view_steps(const struct spec *spec, const struct view_request *request, struct arena *arena, struct steps *steps);

/* Adds a terminal from the devpts of the root, made for the process; `console`: it becomes /dev/console too. Pure. */
void view_terminal_step(const struct spec_process *process, bool console, struct steps *steps);

/* Names the source of a view_extra, which did not exist when the plan was made. */
void view_set_extra_source(struct step *step, const char *path);

/* Then into it: pivot (or, where / is a ramdisk, chroot), the root's own flags. Pure. */
void view_enter_steps(const struct spec *spec, bool no_pivot, struct steps *steps);

/* Something of the host's that is mounted in the container. */
struct view_external {
	const char *target; /* in the container, as the config names it; there it may lie behind links */
	const char *source; /* on the host; NULL: an extra whose source was not named */
	bool is_mask;       /* only where the target is a file; a masked folder is a file system of its own */
};

/* Those of a view's steps, in the arena; what was passed over, since it is not there, is among them. `user_namespace`: the
 * container is in one of its own. Pure. */
size_t view_externals(const struct steps *steps, bool user_namespace, struct arena *arena, struct view_external **ret);

/* Steps that leave the root of a view's opened steps at its own path, which must be asked for (`root_at_path`), with all that
 * the view mounts on: a root for CRIU to mount into. The process is in a mount namespace of its own, and has nobody's
 * root but the host's. They borrow descriptors of `all`. Pure. */
void view_root_steps(struct steps *all, size_t root, bool user_namespace, struct steps *steps);

/* Steps for host name, domain name and sysctls; they need the view's private procfs, so they come after it. */
void names_steps(const struct spec *spec, struct steps *steps);

/* Whether the plan needs the private procfs, and whether with sysctls: see names and labels. */
bool procfs_needed(const struct spec *spec);
