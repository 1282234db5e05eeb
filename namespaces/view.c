/* namespaces/view.c: the order in which the host's view becomes the container's. Pure.
 *
 * The order is a matter of security, not of taste:
 *   the root before anything on it; config mounts in their own order [config.md, Mounts]; then devices, which need the
 *   /dev that the config mounted; masks and read-only paths after all mounts, so that none comes to lie on top of one,
 *   and before the pivot, so that no program of the container ever sees what they hide. A mount in which places must be
 *   made becomes read-only once they are; the root last of all. */
#include <limits.h>
#include <string.h>
#include <sys/mount.h>

#include "base/arena.h"
#include "base/step.h"
#include "base/text.h"
#include "namespaces/namespaces.h"
#include "namespaces/namespaces_internal.h"

/* Parts of /proc that may be replaced; anything else there would fake or unmask what the kernel says [CVE-2019-16884]. */
static const char *const proc_replaceable[] = {
	"/proc/cpuinfo",
	"/proc/diskstats",
	"/proc/meminfo",
	"/proc/stat",
	"/proc/swaps",
	"/proc/uptime",
	"/proc/loadavg",
	"/proc/slabinfo",
	"/proc/sys/kernel/ns_last_pid",
	"/proc/sys/crypto/fips_enabled",
};

/* File systems whose superblock is shared or the kernel's own: "ro" is a flag of the mount alone. */
static const char *const kernel_types[] = { "proc", "sysfs", "cgroup2", "mqueue", "devpts", "tmpfs" };

static const struct spec_device default_devices[] = {
	{ .type = 'c', .path = "/dev/null", .major = 1, .minor = 3, .mode = 0666 },
	{ .type = 'c', .path = "/dev/zero", .major = 1, .minor = 5, .mode = 0666 },
	{ .type = 'c', .path = "/dev/full", .major = 1, .minor = 7, .mode = 0666 },
	{ .type = 'c', .path = "/dev/random", .major = 1, .minor = 8, .mode = 0666 },
	{ .type = 'c', .path = "/dev/urandom", .major = 1, .minor = 9, .mode = 0666 },
	{ .type = 'c', .path = "/dev/tty", .major = 5, .minor = 0, .mode = 0666 },
};

/* [config-linux.md, Default Devices; config.md, dev symbolic links]; core as runc makes it. */
static struct link_args default_links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
	{ "core", "/proc/kcore" },
	{ "ptmx", "pts/ptmx" },
};

static bool in_list(const char *word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, list[i]) == 0)
			return true;
	return false;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

uint64_t propagation_flag(enum spec_propagation kind)
{
	switch (kind) {
	case SPEC_PROPAGATION_SHARED: return MS_SHARED;
	case SPEC_PROPAGATION_SLAVE: return MS_SLAVE;
	case SPEC_PROPAGATION_UNBINDABLE: return MS_UNBINDABLE;
	case SPEC_PROPAGATION_NONE:
	case SPEC_PROPAGATION_PRIVATE: break;
	}
	return MS_PRIVATE;
}

static bool names_option(const struct spec_mount *mount, const char *prefix)
{
	for (size_t i = 0; i < mount->data.count; i++)
		if (text_starts_with(mount->data.items[i], prefix))
			return true;
	return false;
}

static bool wants_idmap(const struct spec_mount *mount)
{
	return mount->idmap != SPEC_IDMAP_NONE || mount->uid_mappings.count;
}

static bool same_text(const char *left, const char *right)
{
	return left == right || (left && right && strcmp(left, right) == 0);
}

static struct idmap_args *share_idmap(struct idmap_args *args, spec_origin origin, struct steps *steps)
{
	for (size_t i = 0; i < steps->count; i++) {
		struct idmap_args *other = steps->items[i].args;
		if (steps->items[i].kind == &idmap_step && same_text(other->path, args->path) &&
			same_text(other->uid_map, args->uid_map) && same_text(other->gid_map, args->gid_map))
			return other;
	}
	steps_add(steps, &idmap_step, origin, args);
	return args;
}

/* The mount's own maps, else those of the container's user namespace; one namespace for all that have the same. */
static struct idmap_args *add_idmap(const struct spec *spec, const struct spec_mount *mount, struct steps *steps)
{
	bool own = mount->uid_mappings.count;
	struct idmap_args *args = ARENA_NEW(steps->arena, struct idmap_args);

	*args = (struct idmap_args){
		.uid_map = id_map_text(own ? &mount->uid_mappings : &spec->linux_.uid_mappings, steps->arena),
		.gid_map = id_map_text(own ? &mount->gid_mappings : &spec->linux_.gid_mappings, steps->arena),
		.path = own ? NULL : spec->linux_.namespaces[SPEC_NS_USER].path,
		.fd = -1,
	};
	return share_idmap(args, mount->origin, steps);
}

/* SELinux labels a file system as a whole, by an option, and only one that is new. */
static const char *mount_context(const struct spec *spec, const char *type, struct arena *arena)
{
	static const char *const unlabelled[] = { "proc", "sysfs", "cgroup2", "mqueue" };
	const char *kind = spec_annotation(spec, "run.oci.mount_context_type");

	if (!spec->linux_.mount_label || in_list(type, unlabelled, ARRAY_SIZE(unlabelled)))
		return NULL;
	return arena_printf(arena, "%s=%s", kind ? kind : "context", spec->linux_.mount_label);
}

static const char *mount_source(
	const struct spec_mount *mount, const char *type, const char *bundle, struct arena *arena)
{
	if (mount->bind && *mount->source != '/')
		return arena_printf(arena, "%s/%s", bundle, mount->source);
	return *mount->source ? mount->source : type;
}

/* Without a cgroup namespace the container sees the host's cgroups as the host does. Another mount of cgroup2 would show
 * the same, but its options are the host's too: it would take nsdelegate and the like away from the host. */
static const struct spec_mount *host_cgroups(const struct spec_mount *mount, struct arena *arena)
{
	struct spec_mount *bind = ARENA_NEW(arena, struct spec_mount);

	*bind = *mount;
	bind->bind = bind->bind_recursive = true;
	bind->source = "/sys/fs/cgroup";
	bind->attr_set_tree |= mount->attr_set | (mount->read_only ? MOUNT_ATTR_RDONLY : 0);
	bind->data.count = 0;
	return bind;
}

/* A user namespace may mount a sysfs only of a network namespace of its own [sysfs: sget_fc; user_namespaces(7)]. */
static const struct spec_mount *host_sys(const struct spec_mount *mount, struct arena *arena)
{
	struct spec_mount *bind = ARENA_NEW(arena, struct spec_mount);

	*bind = *mount;
	bind->bind = bind->bind_recursive = true;
	bind->source = "/sys";
	bind->attr_set_tree |= MOUNT_ATTR_RDONLY;
	bind->data.count = 0;
	return bind;
}

static bool shares_network(const struct spec *spec)
{
	const struct spec_namespace_request *network = &spec->linux_.namespaces[SPEC_NS_NETWORK];

	return !network->given || network->path;
}

static bool is_cgroup_type(const char *type)
{
	return strcmp(type, "cgroup") == 0 || strcmp(type, "cgroup2") == 0;
}

static void add_mount(const struct spec *spec, const struct spec_mount *mount, const char *bundle, struct steps *steps)
{
	struct arena *arena = steps->arena;
	struct mount_args *args = ARENA_NEW(arena, struct mount_args);
	const char *type = is_cgroup_type(mount->type) ? "cgroup2" : mount->type;
	const struct step_kind *kind = mount->remount ? &remount_step : mount->bind ? &bind_step : &mount_step;

	*args = (struct mount_args){
		.mount = mount,
		.fs_type = kind == &mount_step ? type : NULL,
		.source = mount_source(mount, type, bundle, arena),
		.over_procfs = strcmp(type, "proc") == 0 ||
			in_list(mount->destination, proc_replaceable, ARRAY_SIZE(proc_replaceable)),
		/* A link in the image must not decide where these go [CVE-2019-19921, CVE-2023-27561, CVE-2026-41579]. */
		.no_symlinks =
			strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0 || is_below(mount->destination, "/dev"),
		.inherit_mode = strcmp(type, "tmpfs") == 0 && !names_option(mount, "mode="),
		.superblock_ro = mount->read_only && !in_list(type, kernel_types, ARRAY_SIZE(kernel_types)),
		.attr_set = mount->attr_set | mount->attr_set_tree | (mount->read_only ? MOUNT_ATTR_RDONLY : 0),
		.attr_clear = mount->attr_clear | mount->attr_clear_tree,
	};
	if (mount->copy_symlink)
		args->link_target = arena_alloc(arena, PATH_MAX);
	if (wants_idmap(mount))
		args->idmap = add_idmap(spec, mount, steps);
	if (kind == &mount_step)
		args->context = mount_context(spec, type, arena);
	steps_add(steps, kind, mount->origin, args);
}

/* What is left of a path below a place, "" for the place itself, NULL elsewhere: "/etc//hosts/" lies as "hosts/" in "/etc". */
static const char *below_place(const char *path, const char *place)
{
	for (;;) {
		size_t len = strcspn(place += strspn(place, "/"), "/");
		path += strspn(path, "/");
		if (len == 0)
			return path;
		if (len != strcspn(path, "/") || strncmp(path, place, len) != 0)
			return NULL;
		path += len;
		place += len;
	}
}

static bool same_place(const char *left, const char *right)
{
	const char *rest = below_place(left, right);

	return rest && !*rest;
}

static bool config_mounts(const struct spec *spec, const char *place)
{
	for (size_t i = 0; i < spec->mount_count; i++)
		if (same_place(spec->mounts[i].destination, place))
			return true;
	return false;
}

/* A tmpfs takes what it hides and the nodes of devices, and a bind a place for each mount below it, before they become
 * read-only. Not what a later mount covers or changes: it could not be found again, or would lose that change. */
static bool read_only_later(const struct spec *spec, size_t index)
{
	const struct spec_mount *mount = &spec->mounts[index];
	bool later = !mount->bind;

	if (!mount->read_only || mount->remount || (!mount->bind && strcmp(mount->type, "tmpfs") != 0))
		return false;
	for (size_t i = index + 1; i < spec->mount_count; i++) {
		const char *rest = below_place(spec->mounts[i].destination, mount->destination);
		if (rest && !*rest)
			return false;
		later = later || rest;
	}
	return later;
}

static const struct spec_mount *writable_for_now(const struct spec_mount *mount, struct arena *arena)
{
	struct spec_mount *writable = ARENA_NEW(arena, struct spec_mount);

	*writable = *mount;
	writable->read_only = false;
	writable->attr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	return writable;
}

static void add_read_only(const struct spec_mount *mount, struct steps *steps)
{
	struct mount_args *args = ARENA_NEW(steps->arena, struct mount_args);
	struct spec_mount *place = ARENA_NEW(steps->arena, struct spec_mount);

	*place = (struct spec_mount){ .destination = mount->destination };
	*args = (struct mount_args){ .mount = place, .attr_set = MOUNT_ATTR_RDONLY };
	steps_add(steps, &remount_step, mount->origin, args);
}

static void add_extra(const struct spec *spec, struct view_extra *extra, struct steps *steps)
{
	struct mount_args *args = ARENA_NEW(steps->arena, struct mount_args);
	struct spec_mount *mount = ARENA_NEW(steps->arena, struct spec_mount);

	if (extra->yields && config_mounts(spec, extra->place))
		return;
	*mount = (struct spec_mount){ .destination = extra->place, .type = "", .source = "", .bind = true };
	*args = (struct mount_args){
		.mount = mount,
		.extra = extra->what,
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
	};
	extra->step = steps->count;
	steps_add(steps, &extra_step, NULL, args);
}

static void add_device(const struct spec_device *device, bool by_bind, struct arena *arena, struct steps *steps)
{
	struct device_args *args = ARENA_NEW(arena, struct device_args);
	const char *name = text_starts_with(device->path, "/dev/") ? device->path + strlen("/dev/") : NULL;

	*args = (struct device_args){
		.device = device,
		.in_dev = name && *name && !strchr(name, '/') && strcmp(name, "..") != 0 && strcmp(name, ".") != 0
			? name
			: NULL,
		.by_bind = by_bind && device->type != 'p',
	};
	steps_add(steps, &device_step, device->origin, args);
}

/* A /dev bound from the host has its devices; ours would be made there. */
static bool dev_is_bound(const struct spec *spec)
{
	bool bound = false;

	for (size_t i = 0; i < spec->mount_count; i++)
		if (strcmp(spec->mounts[i].destination, "/dev") == 0)
			bound = spec->mounts[i].bind;
	return bound;
}

static bool config_names(const struct spec *spec, const char *path)
{
	for (size_t i = 0; i < spec->linux_.device_count; i++)
		if (strcmp(spec->linux_.devices[i].path, path) == 0)
			return true;
	return false;
}

static void add_devices(
	const struct spec *spec, const struct view_request *request, struct arena *arena, struct steps *steps)
{
	if (!dev_is_bound(spec)) {
		steps_add(steps, &dev_step, NULL, NULL);
		for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++)
			if (!config_names(spec, default_devices[i].path))
				add_device(&default_devices[i], request->devices_by_bind, arena, steps);
	}
	for (size_t i = 0; i < spec->linux_.device_count; i++)
		add_device(&spec->linux_.devices[i], request->devices_by_bind, arena, steps);
	if (!dev_is_bound(spec))
		for (size_t i = 0; i < ARRAY_SIZE(default_links); i++)
			steps_add(steps, &link_step, NULL, &default_links[i]);
}

static void add_paths(const struct spec_strings *paths, const struct step_kind *kind, const char *origin,
	struct arena *arena, struct steps *steps)
{
	for (size_t i = 0; i < paths->count; i++) {
		struct path_args *args = ARENA_NEW(arena, struct path_args);
		args->path = paths->items[i];
		steps_add(steps, kind, origin, args);
	}
}

/* Stands for the root where ids are mapped. */
static const struct spec_mount no_mount;

static void add_root(
	const struct spec *spec, const struct view_request *request, struct arena *arena, struct steps *steps)
{
	struct root_args *args = ARENA_NEW(arena, struct root_args);
	enum spec_propagation asked = spec->linux_.rootfs_propagation.kind;
	bool follows_host = asked == SPEC_PROPAGATION_SLAVE || asked == SPEC_PROPAGATION_SHARED;

	args->path = request->rootfs;
	args->propagation = follows_host ? MS_SLAVE : MS_PRIVATE;
	args->at_path = request->root_at_path;
	args->overlay = request->overlay;
	if (args->overlay && !args->overlay->unprivileged && spec->linux_.namespaces[SPEC_NS_USER].given)
		args->idmap = add_idmap(spec, &no_mount, steps);
	*request->ret_root = steps->count;
	steps_add(steps, args->overlay ? &overlay_step : &root_step, args->overlay ? NULL : "root.path", args);
}

void view_terminal_step(const struct spec_process *process, bool console, struct steps *steps)
{
	struct terminal_args *args = ARENA_NEW(steps->arena, struct terminal_args);

	*args = (struct terminal_args){
		.console = console,
		.has_size = process->has_console_size,
		.height = process->console_height,
		.width = process->console_width,
		.uid = process->user.uid,
		.gid = process->user.gid,
	};
	steps_add(steps, &terminal_step, "process.terminal", args);
}

static void add_root_flags(const struct spec *spec, struct arena *arena, struct steps *steps)
{
	if (spec->linux_.rootfs_propagation.kind != SPEC_PROPAGATION_NONE) {
		struct propagation_args *args = ARENA_NEW(arena, struct propagation_args);
		args->word = spec->linux_.rootfs_propagation;
		steps_add(steps, &root_propagation_step, "linux.rootfsPropagation", args);
	}
	if (spec->root_readonly)
		steps_add(steps, &root_readonly_step, "root.readonly", NULL);
}

bool procfs_needed(const struct spec *spec)
{
	return spec->linux_.sysctl_count || spec->process.apparmor_profile || spec->process.selinux_label;
}

static void add_procfs(const struct spec *spec, struct arena *arena, struct steps *steps)
{
	bool *all = ARENA_NEW(arena, bool);

	if (!procfs_needed(spec))
		return;
	*all = spec->linux_.sysctl_count > 0;
	steps_add(steps, &procfs_step, NULL, all);
}

void view_steps(const struct spec *spec, const struct view_request *request, struct arena *arena, struct steps *steps)
{
	bool shares_cgroups = !spec->linux_.namespaces[SPEC_NS_CGROUP].given;
	bool has_user = spec->linux_.namespaces[SPEC_NS_USER].given;

	add_procfs(spec, arena, steps);
	add_root(spec, request, arena, steps);
	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct spec_mount *mount = &spec->mounts[i];
		if (shares_cgroups && is_cgroup_type(mount->type) && !mount->remount)
			mount = host_cgroups(mount, arena);
		if (has_user && shares_network(spec) && strcmp(mount->type, "sysfs") == 0 && !mount->bind)
			mount = host_sys(mount, arena);
		if (read_only_later(spec, i))
			mount = writable_for_now(mount, arena);
		add_mount(spec, mount, request->bundle, steps);
	}
	for (size_t i = 0; i < request->extra_count; i++)
		if (request->extras[i].place)
			add_extra(spec, &request->extras[i], steps);
	add_devices(spec, request, arena, steps);
	if (request->terminal)
		view_terminal_step(&spec->process, true, steps);
	for (size_t i = 0; i < spec->mount_count; i++)
		if (read_only_later(spec, i))
			add_read_only(&spec->mounts[i], steps);
	if (spec->linux_.masked_paths.count)
		steps_add(steps, &null_step, NULL, NULL);
	add_paths(&spec->linux_.readonly_paths, &readonly_step, "linux.readonlyPaths", arena, steps);
	add_paths(&spec->linux_.masked_paths, &mask_step, "linux.maskedPaths", arena, steps);
}

void view_enter_steps(const struct spec *spec, bool no_pivot, struct steps *steps)
{
	steps_add(steps, no_pivot ? &chroot_step : &pivot_step, NULL, NULL);
	add_root_flags(spec, steps->arena, steps);
}
