/* runtime/state_dir.h: where containers are kept between two commands: one directory each, in the state root.
 *
 * There is no daemon, so the directory is the container: it exists as long as something may be left to undo. Who
 * changes a container holds its directory's lock [flock(2)], which the kernel lets go of with its holder. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
struct error;

/* The state root: --root, else /run/husk for root and $XDG_RUNTIME_DIR/husk for others, and for who is root in a user
 * namespace and kept that variable: podman calls us so for a user. A function of these alone; an empty variable counts
 * as unset. NULL where a user has no $XDG_RUNTIME_DIR. */
const char *state_root_path(const char *option, uid_t euid, char *buf, size_t size);

/* Where what outlives a reboot is kept, images and networks: --store, else /var/lib/husk for root and $XDG_DATA_HOME/husk or
 * ~/.local/share/husk for others [XDG Base Directory Specification]. NULL where a user has no home. */
const char *store_path(const char *option, uid_t euid, char *buf, size_t size);

/* Opens it. Missing: made where `make`; else -1 through *ret_root and 0, as nothing is in it. */
int state_root_open(const char *path, bool make, int *ret_root, struct error *err);

/* Makes the directory of a new container and locks it. The id must have been checked. -EEXIST: in use. Returns the
 * directory, which holds the lock while it is open. */
int state_dir_claim(int root, const char *id, struct error *err);

/* Opens the directory of a container: -ENOENT "container \"web\" does not exist". */
int state_dir_open(int root, const char *id, struct error *err);

/* Locks it, waiting at most `timeout_ms`: -EBUSY after that. -ENOENT: it was deleted meanwhile. */
int state_dir_lock(int dir, const char *id, unsigned timeout_ms, struct error *err);

void state_dir_unlock(int dir);

/* Whether somebody works on it. */
bool state_dir_is_locked(int dir);

/* Removes the directory and the files in it, its record last: whoever is killed on the way leaves something that can
 * still be deleted. What is gone already is fine. */
int state_dir_remove(int root, const char *id, int dir, struct error *err);
