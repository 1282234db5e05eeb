/* runtime/cli/image_mounts.c: the mounts and devices of a container from an image. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "runtime/cli/from_image.h"
#include "runtime/cli/mount_flags.h"
#include "runtime/cli/values.h"

/* ---- volumes ---- */

static void use_volume(struct from_image *from, struct mount_flag *flag)
{
	const char **names = ARENA_ARRAY(from->arena, from->volume_count + 1, const char *);

	if (from->volume_count)
		memcpy(names, from->volumes, from->volume_count * sizeof(*names));
	names[from->volume_count++] = flag->name;
	from->volumes = names;
	flag->mount.source = arena_printf(from->arena, "%s/volumes/%s", from->folder.store, flag->name);
}

/* A volume may come to containers with other id maps: what is on disk are the ids that the containers see. */
static void add_mount(struct from_image *from, struct mount_flag *flag)
{
	bool is_volume = flag->origin == MOUNT_OF_VOLUME || flag->origin == MOUNT_OF_ANONYMOUS;

	if (flag->origin == MOUNT_OF_VOLUME)
		use_volume(from, flag);
	if (flag->origin == MOUNT_OF_ANONYMOUS)
		flag->mount.source =
			arena_printf(from->arena, "%s/volumes/%zu", from->folder.path, from->folder.volume_count++);
	if (flag->seeded)
		mount_flag_option(flag, from->arena, "tmpcopyup");
	if (is_volume && from->config.uid_mappings.count && !from->rootless)
		mount_flag_option(flag, from->arena, "idmap");
	config_set_mount(&from->config, &flag->mount);
}

/* ---- flags ---- */

static bool has_mount(const struct config *config, size_t first, const char *destination)
{
	for (size_t i = first; i < config->mount_count; i++)
		if (strcmp(config->mounts[i].destination, destination) == 0)
			return true;
	return false;
}

static int add_flags(struct from_image *from, const char *option, const struct option_list *list, size_t first,
	int (*parse)(const char *, struct arena *, struct mount_flag *, struct error *), struct error *err)
{
	for (size_t i = 0; i < list->count; i++) {
		struct mount_flag flag;
		int r = parse(list->items[i], from->arena, &flag, err);
		if (r < 0)
			return r;
		if (has_mount(&from->config, first, flag.mount.destination))
			return error_bad(
				err, EINVAL, "--%s: something else goes to %s already", option, flag.mount.destination);
		if (flag.makes_source && mkdir(flag.mount.source, 0755) < 0 && errno != EEXIST)
			return error_sys(err, errno, "--%s: make %s", option, flag.mount.source);
		if (flag.origin == MOUNT_OF_HOST && access(flag.mount.source, F_OK) < 0) {
			(void)error_sys(err, errno, "--%s: the source %s", option, flag.mount.source);
			return error_hint(err, "make it first, or: --mount type=bind,bind-create-src,src=...,dst=...");
		}
		add_mount(from, &flag);
	}
	return 0;
}

static int add_image_volumes(struct from_image *from, size_t first, struct error *err)
{
	for (size_t i = 0; i < from->image.volumes.count; i++) {
		const char *path = from->image.volumes.items[i];
		struct mount_flag flag;
		int r;
		if (has_mount(&from->config, first, path))
			continue;
		if (strchr(path, ':'))
			return error_bad(err, EINVAL, "the image's volume \"%s\" holds a colon", path);
		r = mount_flag_volume(path, from->arena, &flag, err);
		if (r < 0)
			return error_at(err, "the image's volumes");
		add_mount(from, &flag);
	}
	return 0;
}

/* ---- what flags change of the default mounts ---- */

static int set_shm(struct from_image *from, struct error *err)
{
	const char *mode = from->flags->ipc;
	int64_t bytes = 64 << 20;
	int r = from->flags->shm_size ? value_bytes("shm-size", from->flags->shm_size, false, &bytes, err) : 0;
	struct mount_flag shm = { .mount = { "/dev/shm", "tmpfs", "shm", { 0 } } };
	static const char *const fixed[] = { "nosuid", "noexec", "nodev" };

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		mount_flag_option(&shm, from->arena, fixed[i]);
	if (mode && strcmp(mode, "host") == 0) { /* POSIX segments of the host's are files there [shm_overview(7)] */
		shm.mount.type = "bind";
		shm.mount.source = "/dev/shm";
		mount_flag_option(&shm, from->arena, "rbind");
	} else {
		mount_flag_option(&shm, from->arena, "mode=1777");
		if (bytes)
			mount_flag_option(&shm, from->arena, arena_printf(from->arena, "size=%lld", (long long)bytes));
	}
	config_set_mount(&from->config, &shm.mount);
	return 0;
}

static void make_writable(struct from_image *from)
{
	static const char *const options[] = { "nosuid", "noexec", "nodev" };
	const struct spec_strings words = { .items = (const char **)options, .count = ARRAY_SIZE(options) };

	config_set_mount(&from->config, &(struct config_mount){ "/sys", "sysfs", "sysfs", words });
	config_set_mount(&from->config, &(struct config_mount){ "/sys/fs/cgroup", "cgroup", "cgroup", words });
	from_image_gives_up(from, "the read-only /sys and cgroups");
}

static unsigned depth_of(const char *path)
{
	unsigned depth = 0;

	for (const char *c = path; *c; c++)
		depth += c[0] == '/' && c[1] && c[1] != '/';
	return depth;
}

/* What lies deeper comes later, whatever the order of the flags: or one would hide the other. */
static void sort_mounts(struct config *config)
{
	for (size_t i = 1; i < config->mount_count; i++) {
		struct config_mount mount = config->mounts[i];
		size_t at = i;
		for (; at > 0 && depth_of(config->mounts[at - 1].destination) > depth_of(mount.destination); at--)
			config->mounts[at] = config->mounts[at - 1];
		config->mounts[at] = mount;
	}
}

int image_config_mounts(struct from_image *from, struct error *err)
{
	const struct image_flags *flags = from->flags;
	struct config defaults;
	size_t first;
	int r = set_shm(from, err);

	if (r < 0)
		return r;
	if (flags->privileged)
		make_writable(from);
	/* Flags may take the place of a default, but not of each other: theirs are collected apart. */
	defaults = from->config;
	from->config.mounts = NULL;
	from->config.mount_count = from->config.mount_size = first = 0;
	r = add_flags(from, "volume", &flags->volume, first, mount_flag_volume, err);
	if (r == 0)
		r = add_flags(from, "mount", &flags->mount, first, mount_flag_mount, err);
	if (r == 0)
		r = add_flags(from, "tmpfs", &flags->tmpfs, first, mount_flag_tmpfs, err);
	if (r == 0)
		r = add_image_volumes(from, first, err);
	for (size_t i = 0; r == 0 && i < defaults.mount_count; i++)
		if (!has_mount(&from->config, 0, defaults.mounts[i].destination))
			config_set_mount(&from->config, &defaults.mounts[i]);
	sort_mounts(&from->config);
	return r;
}

/* ---- devices ---- */

static void add_device(struct config *config, const struct spec_device *device)
{
	if (config->device_count < SPEC_MAX_DEVICES)
		config->devices[config->device_count++] = *device;
}

/* Every node of the host's /dev but terminals, which are the container's own. */
static void add_all_devices(struct from_image *from, const char *path, unsigned depth)
{
	static const char *const left_out[] = { "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/fd", "/dev/console",
		"/dev/tty", "/dev/ptmx", "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom" };
	enum { DEPTH_MAX = 3 };
	DIR *listing = depth < DEPTH_MAX ? opendir(path) : NULL;

	for (const struct dirent *entry; listing && (entry = readdir(listing));) {
		const char *node = arena_printf(from->arena, "%s/%s", path, entry->d_name);
		bool skip = entry->d_name[0] == '.';
		struct stat st;
		for (size_t i = 0; !skip && i < ARRAY_SIZE(left_out); i++)
			skip = strcmp(left_out[i], node) == 0;
		if (skip || fstatat(dirfd(listing), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			add_all_devices(from, node, depth + 1);
		if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
			add_device(&from->config,
				&(struct spec_device){
					.type = S_ISCHR(st.st_mode) ? 'c' : 'b',
					.path = node,
					.major = major(st.st_rdev),
					.minor = minor(st.st_rdev),
					.mode = st.st_mode & 0777,
					.uid = st.st_uid,
					.gid = st.st_gid,
				});
	}
	if (listing)
		(void)closedir(listing);
}

int image_config_devices(struct from_image *from, struct error *err)
{
	const struct image_flags *flags = from->flags;
	struct config *config = &from->config;
	int r = 0;

	config->device_rules =
		ARENA_ARRAY(from->arena, flags->device.count + flags->device_rule.count, struct spec_device_rule);
	config->devices = ARENA_ARRAY(
		from->arena, flags->privileged ? SPEC_MAX_DEVICES : flags->device.count, struct spec_device);
	for (size_t i = 0; r == 0 && i < flags->device.count; i++) {
		r = value_device(flags->device.items[i], from->arena, &config->devices[config->device_count],
			&config->device_rules[config->device_rule_count], err);
		config->device_count++;
		config->device_rule_count++;
	}
	for (size_t i = 0; r == 0 && i < flags->device_rule.count; i++)
		r = value_device_rule(
			flags->device_rule.items[i], &config->device_rules[config->device_rule_count++], err);
	if (r < 0 || !flags->privileged || from->rootless)
		return r;
	config->all_devices = true;
	add_all_devices(from, "/dev", 0);
	from_image_gives_up(from, "the refusal of devices");
	return 0;
}
