/* runtime/criu_folder.h: the folder that holds a checkpoint, and the one of CRIU's log.
 *
 * Opened once; CRIU has them by descriptor. What stands in one that comes from elsewhere is somebody's word: files are files,
 * and the link to a parent leads to a folder near by, or nothing is restored from it. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
struct arena;
struct criu_options;
struct error;
struct spec;

struct criu_folders {
	int images, work;      /* owned; the same folder twice where no other is named */
	const char *work_path; /* for messages */
	const char *log;       /* its name in `work` */
};

/* Makes what is missing of it, for the owner alone. */
int criu_folders_make(const struct criu_options *options, struct criu_folders *ret, struct arena *arena, struct error *err);

/* Opens one that was filled, and looks at what is in it. */
int criu_folders_open(const struct criu_options *options, struct criu_folders *ret, struct arena *arena, struct error *err);

/* Lets a user look for files in the folder of the images and its parents, or no more; nobody else [acl(5)]. Where that cannot
 * be said, or something of the kind is said already, nothing changes. */
void criu_folders_allow(const struct criu_folders *folders, uid_t uid, bool allow);
void criu_folders_close(struct criu_folders *folders);

/* The file with more options for CRIU: that of the annotation org.criu.config, or the first of the host's in /etc/criu; NULL
 * in *ret_path where there is none. Never one of a checkpoint's. */
int criu_find_config(const struct spec *spec, struct arena *arena, const char **ret_path, struct error *err);
