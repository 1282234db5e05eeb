/* images/to_config.c: what an image says becomes what a container is. */
#include "images/to_config.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "base/userns.h"

enum { PIDS_MAX = 2048 };

#define CAP_BIT(cap) (UINT64_C(1) << (cap))

/* What Docker gives, without CAP_NET_RAW, CAP_MKNOD and CAP_AUDIT_WRITE: pings need no raw socket (the sysctl below), and
 * nodes and audit messages are the host's business. */
static const uint64_t default_capabilities = CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_FSETID) |
	CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETFCAP) | CAP_BIT(CAP_SETPCAP) |
	CAP_BIT(CAP_NET_BIND_SERVICE) | CAP_BIT(CAP_SYS_CHROOT) | CAP_BIT(CAP_KILL);

#define OPTIONS(...)                                                                                                   \
	{                                                                                                              \
		.items = (const char *[]){ __VA_ARGS__, NULL },                                                        \
		.count = sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(const char *)                                \
	}

static const struct config_mount default_mounts[] = {
	{ "/proc", "proc", "proc", OPTIONS("nosuid", "noexec", "nodev") },
	{ "/dev", "tmpfs", "tmpfs", OPTIONS("nosuid", "noexec", "strictatime", "mode=755", "size=65536k") },
	{ "/dev/pts", "devpts", "devpts",
		OPTIONS("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5") },
	{ "/dev/shm", "tmpfs", "shm", OPTIONS("nosuid", "noexec", "nodev", "mode=1777", "size=65536k") },
	{ "/dev/mqueue", "mqueue", "mqueue", OPTIONS("nosuid", "noexec", "nodev") },
	{ "/sys", "sysfs", "sysfs", OPTIONS("nosuid", "noexec", "nodev", "ro") },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", OPTIONS("nosuid", "noexec", "nodev", "relatime", "ro") },
};

static const struct spec_strings volume_options = OPTIONS("nosuid", "nodev", "tmpcopyup");

static const char *const masked_paths[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/interrupts",
	"/proc/kcore",
	"/proc/keys",
	"/proc/latency_stats",
	"/proc/sched_debug",
	"/proc/scsi",
	"/proc/timer_list",
	"/proc/timer_stats",
	"/sys/dev/block",
	"/sys/devices/virtual/powercap",
	"/sys/firmware",
	"/sys/fs/selinux",
	NULL,
};

static const char *const readonly_paths[] = {
	"/proc/bus",
	"/proc/fs",
	"/proc/irq",
	"/proc/sys",
	"/proc/sysrq-trigger",
	NULL,
};

/* Annotations that husk, crun or systemd act on; a stranger's image must not speak to them [CVE-2024-3154]. */
static const char *const reserved_labels[] = { "org.husk.", "run.oci.", "org.systemd." };

/* ---- lists ---- */

void config_set_pair(struct config *config, struct config_pairs *pairs, const char *key, const char *value)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (strcmp(pairs->items[i].key, key) == 0) {
			pairs->items[i].value = value;
			return;
		}
	if (pairs->count == pairs->size) {
		struct spec_pair *before = pairs->items;
		pairs->size = pairs->size * 2 + 16;
		pairs->items = ARENA_ARRAY(config->arena, pairs->size, struct spec_pair);
		if (pairs->count)
			memcpy(pairs->items, before, pairs->count * sizeof(*before));
	}
	pairs->items[pairs->count++] = (struct spec_pair){ .key = key, .value = value };
}

void config_set_mount(struct config *config, const struct config_mount *mount)
{
	config_drop_mount(config, mount->destination);
	if (config->mount_count == config->mount_size) {
		struct config_mount *before = config->mounts;
		config->mount_size = config->mount_size * 2 + 16;
		config->mounts = ARENA_ARRAY(config->arena, config->mount_size, struct config_mount);
		if (config->mount_count)
			memcpy(config->mounts, before, config->mount_count * sizeof(*before));
	}
	config->mounts[config->mount_count++] = *mount;
}

void config_drop_mount(struct config *config, const char *destination)
{
	size_t kept = 0;

	for (size_t i = 0; i < config->mount_count; i++)
		if (strcmp(config->mounts[i].destination, destination) != 0)
			config->mounts[kept++] = config->mounts[i];
	config->mount_count = kept;
}

const char *config_env(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->env.count; i++)
		if (strcmp(config->env.items[i].key, name) == 0)
			return config->env.items[i].value;
	return NULL;
}

/* ---- what it begins with ---- */

void config_init(struct config *config, struct arena *arena)
{
	*config = (struct config){
		.arena = arena,
		.version = SPEC_VERSION,
		.no_new_privileges = true,
		.cwd = "/",
		.capabilities = default_capabilities,
		.root_path = "rootfs",
		.masked = masked_paths,
		.readonly = readonly_paths,
		.limits.pids = { .given = true, .value = PIDS_MAX },
	};
	for (int kind = 0; kind < SPEC_NAMESPACES; kind++)
		if (kind != SPEC_NS_USER && kind != SPEC_NS_TIME)
			config->namespaces[kind] = "";
	for (size_t i = 0; i < ARRAY_SIZE(default_mounts); i++)
		config_set_mount(config, &default_mounts[i]);
	config_set_pair(config, &config->env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

/* ---- the image ---- */

static int take_env(struct config *config, const struct image *image, struct error *err)
{
	for (size_t i = 0; i < image->env.count; i++) {
		const char *variable = image->env.items[i], *equals = strchr(variable, '=');
		if (!equals || equals == variable)
			return error_bad(
				err, EINVAL, "the image's Env[%zu]: expected NAME=VALUE, found \"%s\"", i, variable);
		config_set_pair(config, &config->env, arena_copy(config->arena, variable, (size_t)(equals - variable)),
			equals + 1);
	}
	return 0;
}

static void take_args(struct config *config, const struct image *image)
{
	size_t count = image->entrypoint.count + image->cmd.count;
	const char **args = ARENA_ARRAY(config->arena, count + 1, const char *);

	for (size_t i = 0; i < image->entrypoint.count; i++)
		args[i] = image->entrypoint.items[i];
	for (size_t i = 0; i < image->cmd.count; i++)
		args[image->entrypoint.count + i] = image->cmd.items[i];
	config->args = (struct spec_strings){ .items = args, .count = count };
}

static const char *join(const struct spec_strings *words, struct arena *arena)
{
	const char *joined = words->count ? words->items[0] : "";

	for (size_t i = 1; i < words->count; i++)
		joined = arena_printf(arena, "%s,%s", joined, words->items[i]);
	return joined;
}

static bool is_reserved(const char *label)
{
	for (size_t i = 0; i < ARRAY_SIZE(reserved_labels); i++)
		if (text_starts_with(label, reserved_labels[i]))
			return true;
	return false;
}

/* Labels last: they win over what is derived [conversion.md, Annotation Fields]. */
static void take_annotations(struct config *config, const struct image *image)
{
	const struct spec_pair derived[] = {
		{ "org.opencontainers.image.os", image->os },
		{ "org.opencontainers.image.architecture", image->architecture },
		{ "org.opencontainers.image.variant", image->variant },
		{ "org.opencontainers.image.author", image->author },
		{ "org.opencontainers.image.created", image->created },
		{ "org.opencontainers.image.stopSignal", image->stop_signal },
		{ "org.opencontainers.image.exposedPorts", join(&image->exposed_ports, config->arena) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(derived); i++)
		if (*derived[i].value)
			config_set_pair(config, &config->annotations, derived[i].key, derived[i].value);
	for (size_t i = 0; i < image->label_count; i++)
		if (*image->labels[i].key && !is_reserved(image->labels[i].key))
			config_set_pair(config, &config->annotations, image->labels[i].key, image->labels[i].value);
}

int config_take_image(struct config *config, const struct image *image, struct error *err)
{
	const char *dir = image->working_dir;

	if (*dir)
		config->cwd = *dir == '/' ? dir : arena_printf(config->arena, "/%s", dir);
	if (*image->stop_signal && word_signal(image->stop_signal) < 0)
		return error_bad(err, EINVAL, "the image's StopSignal \"%s\" is no signal", image->stop_signal);
	take_args(config, image);
	take_annotations(config, image);
	return take_env(config, image, err);
}

/* ---- volumes ---- */

/* "/" would hide the whole image, and ".." is no honest name of a place [CVE-2022-23648]. */
static bool is_volume_path(const char *path)
{
	if (path[0] != '/' || path[strspn(path, "/.")] == '\0')
		return false;
	for (const char *part = path; *part; part = strchrnul(part + 1, '/'))
		if (strncmp(part, "/..", 3) == 0 && (part[3] == '/' || part[3] == '\0'))
			return false;
	return true;
}

int config_check_volumes(const struct image *image, struct error *err)
{
	for (size_t i = 0; i < image->volumes.count; i++)
		if (!is_volume_path(image->volumes.items[i]))
			return error_bad(err, EINVAL,
				"the image's volume \"%s\": expected an absolute path other than /",
				image->volumes.items[i]);
	return 0;
}

void config_add_volumes(struct config *config, const struct image *image)
{
	for (size_t i = 0; i < image->volumes.count; i++)
		config_set_mount(
			config, &(struct config_mount){ image->volumes.items[i], "tmpfs", "tmpfs", volume_options });
}

/* ---- user namespaces ---- */

static void take_map(struct config *config, const struct userns_map *map, struct spec_id_mappings *ret)
{
	ret->items = ARENA_ARRAY(config->arena, map->count, struct spec_id_mapping);
	for (ret->count = 0; ret->count < map->count; ret->count++) {
		const struct userns_extent *extent = &map->items[ret->count];
		ret->items[ret->count] = (struct spec_id_mapping){ extent->inside, extent->outside, extent->count };
	}
}

void config_map_ids(struct config *config, const struct userns_ids *ids)
{
	take_map(config, &ids->uids, &config->uid_mappings);
	take_map(config, &ids->gids, &config->gid_mappings);
}

static uint32_t count_ids(const struct spec_id_mappings *mappings)
{
	uint32_t count = 0;

	for (size_t i = 0; i < mappings->count; i++)
		if (mappings->items[i].container_id == count)
			count += mappings->items[i].size;
	return count;
}

void config_fit_user_namespace(struct config *config, bool rootless)
{
	static const char *const options[] = { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620" };
	static const struct config_mount pts = { "/dev/pts", "devpts", "devpts",
		{ .items = (const char **)options, .count = ARRAY_SIZE(options) } };
	enum { TTY_GROUP = 5 };

	config->namespaces[SPEC_NS_USER] = "";
	if (count_ids(&config->gid_mappings) <= TTY_GROUP)
		config_set_mount(config, &pts);
	if (rootless)
		config_drop_mount(config, "/sys/fs/cgroup");
}
