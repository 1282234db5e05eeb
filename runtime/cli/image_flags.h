/* runtime/cli/image_flags.h: the options of run, create and plan that say what a container from an image is like.
 *
 * Their names and meanings are docker's. A bundle has a config.json instead, and takes none of them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/options.h"
struct error;

struct image_flags {
	const char *image, *pull, *platform, *propagation;
	bool quiet, is_volatile, read_only;
	const char *name, *cidfile, *hostname, *domainname, *pid, *ipc, *uts, *cgroupns, *userns, *cgroup_parent,
		*stop_signal;
	struct option_list labels, annotations, uidmap, gidmap;
	bool init, interactive, tty, remove;
	struct option_list env, env_file, group_add, ulimit;
	const char *user, *workdir, *entrypoint, *umask, *oom_score_adj;
	const char *memory, *memory_swap, *memory_reservation, *cpus, *cpu_shares, *cpu_quota, *cpu_period,
		*cpuset_cpus, *cpuset_mems, *pids_limit, *shm_size, *blkio_weight;
	struct option_list cap_add, cap_drop, security_opt, sysctl, device, device_rule;
	bool privileged;
	struct option_list volume, mount, tmpfs;
};

/* Rows of a table of options whose struct has a `struct image_flags image`. */
#define IMAGE_FLAG(type, name_, letter_, kind_, member, ...)                                                           \
	OPTION(name_, letter_, kind_, type, image.member, __VA_ARGS__)
#define IMAGE_FLAGS(type)                                                                                              \
	IMAGE_FLAG(type, "image", 0, OPTION_TEXT, image, .value = "REF", .first_ends = true, .heading = "Image",       \
		.help = "of the store, or to be pulled; what follows is for it"),                                      \
		IMAGE_FLAG(type, "pull", 0, OPTION_TEXT, pull, .value = "WHEN",                                        \
			.help = "missing (default), always or never"),                                                 \
		IMAGE_FLAG(type, "platform", 0, OPTION_TEXT, platform, .value = "OS/ARCH",                             \
			.help = "of an image for several"),                                                            \
		IMAGE_FLAG(type, "quiet", 'q', OPTION_FLAG, quiet, .help = "show no progress of a pull"),              \
		IMAGE_FLAG(type, "read-only", 0, OPTION_FLAG, read_only, .help = "make the root read-only"),           \
		IMAGE_FLAG(type, "rootfs-propagation", 0, OPTION_TEXT, propagation, .value = "KIND",                   \
			.help = "private, slave or shared, or r before it"),                                           \
		IMAGE_FLAG(type, "volatile", 0, OPTION_FLAG, is_volatile,                                              \
			.help = "never sync what is written to the root"),                                             \
		IMAGE_FLAG(type, "name", 0, OPTION_TEXT, name, .value = "NAME", .heading = "Container",                \
			.help = "id of the container (default: random)"),                                              \
		IMAGE_FLAG(type, "annotation", 0, OPTION_LIST, annotations, .value = "KEY=VALUE",                      \
			.help = "add an annotation"),                                                                  \
		IMAGE_FLAG(type, "cgroup-parent", 0, OPTION_TEXT, cgroup_parent, .value = "PATH",                      \
			.help = "make its cgroup beneath this one"),                                                   \
		IMAGE_FLAG(type, "cgroupns", 0, OPTION_TEXT, cgroupns, .value = "MODE",                                \
			.help = "cgroup namespace: private, host"),                                                    \
		IMAGE_FLAG(type, "cidfile", 0, OPTION_TEXT, cidfile, .value = "FILE", .help = "write the id there"),   \
		IMAGE_FLAG(                                                                                            \
			type, "domainname", 0, OPTION_TEXT, domainname, .value = "NAME", .help = "NIS domain name"),   \
		IMAGE_FLAG(type, "gidmap", 0, OPTION_LIST, gidmap, .value = "C:H[:N]",                                 \
			.help = "map gids of the container to the host's"),                                            \
		IMAGE_FLAG(type, "hostname", 'h', OPTION_TEXT, hostname, .value = "NAME",                              \
			.help = "host name (default: of the id)"),                                                     \
		IMAGE_FLAG(type, "init", 0, OPTION_FLAG, init,                                                         \
			.help = "a first process that reaps and passes signals on"),                                   \
		IMAGE_FLAG(type, "ipc", 0, OPTION_TEXT, ipc, .value = "MODE",                                          \
			.help = "ipc namespace: private, host, container:ID, ns:PATH"),                                \
		IMAGE_FLAG(type, "label", 'l', OPTION_LIST, labels, .value = "KEY[=VALUE]", .help = "add a label"),    \
		IMAGE_FLAG(type, "pid", 0, OPTION_TEXT, pid, .value = "MODE", .help = "the same for processes"),       \
		IMAGE_FLAG(type, "rm", 0, OPTION_FLAG, remove, .help = "delete it when it ends: the default of run"),  \
		IMAGE_FLAG(type, "stop-signal", 0, OPTION_TEXT, stop_signal, .value = "SIGNAL",                        \
			.help = "that asks it to end"),                                                                \
		IMAGE_FLAG(type, "uidmap", 0, OPTION_LIST, uidmap, .value = "C:H[:N]",                                 \
			.help = "map uids of the container to the host's"),                                            \
		IMAGE_FLAG(type, "userns", 0, OPTION_TEXT, userns, .value = "MODE",                                    \
			.help = "user namespace: host (default of root), auto, keep-id"),                              \
		IMAGE_FLAG(type, "uts", 0, OPTION_TEXT, uts, .value = "MODE", .help = "namespace of the host name"),   \
		IMAGE_FLAG(type, "entrypoint", 0, OPTION_TEXT, entrypoint, .value = "PROGRAM", .heading = "Process",   \
			.help = "instead of the image's; \"\" for none"),                                              \
		IMAGE_FLAG(type, "env", 'e', OPTION_LIST, env, .value = "NAME[=VALUE]",                                \
			.help = "set a variable, or pass ours on"),                                                    \
		IMAGE_FLAG(type, "env-file", 0, OPTION_LIST, env_file, .value = "FILE", .help = "lines of the same"),  \
		IMAGE_FLAG(type, "group-add", 0, OPTION_LIST, group_add, .value = "GROUP",                             \
			.help = "one more group, by name or number"),                                                  \
		IMAGE_FLAG(type, "interactive", 'i', OPTION_FLAG, interactive, .help = "pass standard input on"),      \
		IMAGE_FLAG(type, "oom-score-adj", 0, OPTION_TEXT, oom_score_adj, .value = "N",                         \
			.help = "-1000 to 1000: who is killed first"),                                                 \
		IMAGE_FLAG(type, "tty", 't', OPTION_FLAG, tty, .help = "give it a terminal"),                          \
		IMAGE_FLAG(type, "ulimit", 0, OPTION_LIST, ulimit, .value = "NAME=SOFT[:HARD]",                        \
			.help = "set a resource limit, as nofile=1024:4096"),                                          \
		IMAGE_FLAG(type, "umask", 0, OPTION_TEXT, umask, .value = "OCTAL", .help = "set its umask"),           \
		IMAGE_FLAG(type, "user", 'u', OPTION_TEXT, user, .value = "USER[:GROUP]",                              \
			.help = "by name or number, instead of the image's"),                                          \
		IMAGE_FLAG(type, "workdir", 'w', OPTION_TEXT, workdir, .value = "DIR", .help = "made if missing"),     \
		IMAGE_FLAG(type, "blkio-weight", 0, OPTION_TEXT, blkio_weight, .value = "N", .heading = "Resources",   \
			.help = "share of IO, 10 to 1000"),                                                            \
		IMAGE_FLAG(type, "cpu-period", 0, OPTION_TEXT, cpu_period, .value = "US",                              \
			.help = "of --cpu-quota (default: 100000)"),                                                   \
		IMAGE_FLAG(type, "cpu-quota", 0, OPTION_TEXT, cpu_quota, .value = "US", .help = "time in a period"),   \
		IMAGE_FLAG(type, "cpu-shares", 'c', OPTION_TEXT, cpu_shares, .value = "N",                             \
			.help = "share of processors, 2 to 262144"),                                                   \
		IMAGE_FLAG(type, "cpus", 0, OPTION_TEXT, cpus, .value = "N", .help = "how many it may use, as 1.5"),   \
		IMAGE_FLAG(type, "cpuset-cpus", 0, OPTION_TEXT, cpuset_cpus, .value = "LIST",                          \
			.help = "which ones, as 0-3,5"),                                                               \
		IMAGE_FLAG(type, "cpuset-mems", 0, OPTION_TEXT, cpuset_mems, .value = "LIST",                          \
			.help = "which memory nodes"),                                                                 \
		IMAGE_FLAG(type, "memory", 'm', OPTION_TEXT, memory, .value = "SIZE", .help = "limit, as 512m"),       \
		IMAGE_FLAG(type, "memory-reservation", 0, OPTION_TEXT, memory_reservation, .value = "SIZE",            \
			.help = "what is left to it when memory is short"),                                            \
		IMAGE_FLAG(type, "memory-swap", 0, OPTION_TEXT, memory_swap, .value = "SIZE",                          \
			.help = "memory plus swap (default: twice --memory)"),                                         \
		IMAGE_FLAG(type, "pids-limit", 0, OPTION_TEXT, pids_limit, .value = "N",                               \
			.help = "processes (default: 2048; -1 for no limit)"),                                         \
		IMAGE_FLAG(type, "shm-size", 0, OPTION_TEXT, shm_size, .value = "SIZE",                                \
			.help = "of /dev/shm (default: 64m)"),                                                         \
		IMAGE_FLAG(type, "cap-add", 0, OPTION_LIST, cap_add, .value = "CAP", .heading = "Security",            \
			.help = "give a capability, or all"),                                                          \
		IMAGE_FLAG(type, "cap-drop", 0, OPTION_LIST, cap_drop, .value = "CAP",                                 \
			.help = "take one of the default away, or all"),                                               \
		IMAGE_FLAG(type, "device", 0, OPTION_LIST, device, .value = "HOST[:PATH][:rwm]",                       \
			.help = "a device of the host's"),                                                             \
		IMAGE_FLAG(type, "device-cgroup-rule", 0, OPTION_LIST, device_rule, .value = "RULE",                   \
			.help = "allow devices, as \"c 1:3 rwm\""),                                                    \
		IMAGE_FLAG(type, "privileged", 0, OPTION_FLAG, privileged,                                             \
			.help = "all capabilities and devices, no filter, no masks"),                                  \
		IMAGE_FLAG(type, "security-opt", 0, OPTION_LIST, security_opt, .value = "OPTION",                      \
			.help = "seccomp=FILE|unconfined, no-new-privileges=false..."),                                \
		IMAGE_FLAG(type, "sysctl", 0, OPTION_LIST, sysctl, .value = "KEY=VALUE",                               \
			.help = "set one that belongs to a namespace"),                                                \
		IMAGE_FLAG(type, "mount", 0, OPTION_LIST, mount, .value = "type=...,dst=...", .heading = "Mounts",     \
			.help = "bind, volume or tmpfs, in full words"),                                               \
		IMAGE_FLAG(type, "tmpfs", 0, OPTION_LIST, tmpfs, .value = "PATH[:OPT,...]",                            \
			.help = "a file system in memory"),                                                            \
		IMAGE_FLAG(type, "volume", 'v', OPTION_LIST, volume, .value = "[SRC:]PATH[:OPT]",                      \
			.help = "a folder of the host's, or a named volume")

/* Where no image is given: each of the others is an error. `options` is the command's table, `target` its struct. */
int image_flags_need_image(const struct option *options, size_t count, const void *target,
	const struct image_flags *flags, struct error *err);
