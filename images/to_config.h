/* images/to_config.h: from an image's config to a runtime's: config.json [image-spec: conversion.md].
 *
 * A struct config says what a container is in the terms of the runtime specification, without its nesting. It begins with
 * what husk gives a container that nobody said anything about, which is little: see config_init(). An image fills in its
 * process, flags change it, config_write() makes the JSON, and spec_parse() judges that as it judges anybody's. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/images.h"
#include "spec/spec.h"
struct arena;
struct error;
struct json_writer;
struct userns_ids;

/* Growing lists; all texts are borrowed, or in the arena. */
struct config_pairs {
	struct spec_pair *items;
	size_t count, size;
};

struct config_mount {
	const char *destination, *type, *source;
	struct spec_strings options;
};

struct config {
	struct arena *arena;
	const char *version; /* of the specification; older runtimes refuse newer ones */
	/* process */
	bool terminal, no_new_privileges;
	struct spec_user user;
	struct spec_strings args;
	struct config_pairs env;
	const char *cwd;
	uint64_t capabilities; /* bit n = CAP n: the bounding set, and what root has */
	struct spec_rlimit *rlimits;
	size_t rlimit_count;
	const char *apparmor, *selinux; /* NULL = none */
	bool has_oom_score_adj;
	int oom_score_adj;
	/* the system around it */
	const char *root_path, *hostname, *domainname; /* NULL = none */
	bool root_readonly;
	struct config_mount *mounts;
	size_t mount_count, mount_size;
	struct config_pairs annotations, sysctls;
	const char *namespaces[SPEC_NAMESPACES]; /* NULL = the host's, "" = a new one, else the path of one */
	struct spec_id_mappings uid_mappings, gid_mappings;
	struct spec_device *devices;
	size_t device_count, device_size;
	struct spec_device_rule *device_rules; /* after the one that denies all */
	size_t device_rule_count, device_rule_size;
	bool all_devices;                               /* instead of the rules */
	const char *const *masked, *const *readonly;    /* NULL-terminated */
	const char *propagation, *cgroups_path, *label; /* NULL = not given; of mounts */
	const char *seccomp;                            /* linux.seccomp as JSON; NULL = no filter */
	struct {
		struct spec_limit memory, reservation, swap; /* bytes; -1 = no limit; swap = memory plus swap */
		struct spec_limit shares, quota, period;     /* us */
		struct spec_limit pids, blkio_weight;
		const char *cpus, *mems; /* NULL */
	} limits;
};

/* A container of its own in every respect but users, with the capabilities that few programs can do without, no_new_privs,
 * and at most 2048 processes. Its program and seccomp are left to the caller. */
void config_init(struct config *config, struct arena *arena);

/* Takes the image's process, annotations and labels. The user stays as it is: image->user is a name as a rule, which only
 * the image's own files explain. -EINVAL names what no container can have. */
int config_take_image(struct config *config, const struct image *image, struct error *err);

/* Checks the paths of the image's volumes; a tmpfs on each that begins with what the image has there, for a bundle. */
int config_check_volumes(const struct image *image, struct error *err);
void config_add_volumes(struct config *config, const struct image *image);

/* Sets, adds or replaces. */
void config_set_pair(struct config *config, struct config_pairs *pairs, const char *key, const char *value);
void config_set_mount(struct config *config, const struct config_mount *mount); /* of the same destination */
const char *config_env(const struct config *config, const char *name);          /* its value, or NULL */
void config_drop_mount(struct config *config, const char *destination);

/* Maps the ids of a user (base/userns.h). */
void config_map_ids(struct config *config, const struct userns_ids *ids);

/* Gives it a user namespace with the maps that it has, and takes back what the namespace's root may not have, or cannot name: a
 * group of terminals without a gid for it; without root, the cgroup's file system. */
void config_fit_user_namespace(struct config *config, bool rootless);

void config_write(const struct config *config, struct json_writer *w);
