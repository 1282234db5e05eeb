/* runtime/cli/image_namespaces.c: --pid, --ipc, --uts, --cgroupns, --userns, --uidmap, --gidmap.
 *
 * A container has namespaces of its own but for users; without root a user namespace is what makes it possible. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"
#include "runtime/cli/from_image.h"
#include "runtime/cli/values.h"

enum { RANGE_SIZE = 65536, RANGES = 16384 };
enum { RANGES_START = 1 << 30 }; /* ids that no distribution gives to anybody [shadow: login.defs, SUB_UID_MIN] */

/* ---- namespaces of others ---- */

static int of_container(struct from_image *from, enum spec_namespace kind, const char *id, struct error *err)
{
	struct container container = { .dir = -1, .pidfd = -1 };
	cleanup_close int root = -1;
	int r = cli_open_root(from->invocation, false, &root, err);

	if (r == 0)
		r = container_open(root, id, from->arena, &container, err);
	if (r < 0)
		return r;
	if (container.pid == 0)
		r = error_bad(err, ESRCH, "the container \"%s\" is not running", id);
	else
		from->config.namespaces[kind] = arena_printf(from->arena, "/proc/%d/ns/%s", container.pid,
			kind == SPEC_NS_NETWORK ? "net" : spec_namespace_names[kind]);
	container_close(&container);
	return r;
}

static int set_namespace(
	struct from_image *from, enum spec_namespace kind, const char *option, const char *mode, struct error *err)
{
	int r = 0;

	if (!mode || strcmp(mode, "private") == 0)
		return 0;
	if (strcmp(mode, "host") == 0) {
		from->config.namespaces[kind] = NULL;
		from_image_gives_up(from, arena_printf(from->arena, "a namespace of its own (--%s host)", option));
	} else if (text_starts_with(mode, "ns:/")) {
		from->config.namespaces[kind] = mode + strlen("ns:");
	} else if (text_starts_with(mode, "container:")) {
		r = of_container(from, kind, mode + strlen("container:"), err);
	} else {
		r = error_bad(err, EINVAL, "expected private, host, container:ID or ns:PATH, found \"%s\"", mode);
	}
	return r < 0 ? error_at(err, "--%s", option) : 0;
}

/* ---- id maps ---- */

static int take_mappings(struct from_image *from, const char *option, const struct option_list *list,
	struct spec_id_mappings *ret, struct error *err)
{
	int r = 0;

	ret->items = ARENA_ARRAY(from->arena, list->count, struct spec_id_mapping);
	for (ret->count = 0; r == 0 && ret->count < list->count; ret->count++)
		r = value_id_mapping(option, list->items[ret->count], &ret->items[ret->count], err);
	return r;
}

static void map_one(
	struct from_image *from, struct spec_id_mappings *ret, uint32_t inside, uint32_t outside, uint32_t size)
{
	ret->items = ARENA_NEW(from->arena, struct spec_id_mapping);
	ret->items[0] = (struct spec_id_mapping){ inside, outside, size };
	ret->count = 1;
}

/* ---- a range that no other container has ---- */

/* The uid of each container's root shows in the owner of its upper folder. */
static bool is_taken(int containers, uint32_t start)
{
	int fd = containers < 0 ? -1 : openat(containers, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	bool taken = false;

	for (const struct dirent *entry; !taken && listing && (entry = readdir(listing));) {
		char path[NAME_MAX + sizeof("/upper")];
		struct stat st;
		(void)snprintf(path, sizeof(path), "%s/upper", entry->d_name);
		taken = fstatat(containers, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == start;
	}
	if (listing)
		(void)closedir(listing);
	return taken;
}

/* [RFC draft-eastlake-fnv: FNV-1a] Spreads containers over the ranges; the first that is free from there on. */
static int map_auto(struct from_image *from, struct error *err)
{
	cleanup_close int containers = openat(from->store, "containers", O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint32_t hash = 0x811c9dc5;

	for (const char *c = from->id; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x01000193;
	for (uint32_t i = 0; i < RANGES; i++) {
		uint32_t start = RANGES_START + (hash + i) % RANGES * RANGE_SIZE;
		if (is_taken(containers, start))
			continue;
		map_one(from, &from->config.uid_mappings, 0, start, RANGE_SIZE);
		map_one(from, &from->config.gid_mappings, 0, start, RANGE_SIZE);
		return 0;
	}
	return error_bad(err, ENOSPC, "--userns auto: no range of %d ids is free", RANGE_SIZE);
}

static int decide_maps(struct from_image *from, struct error *err)
{
	const struct image_flags *flags = from->flags;
	int r = 0;

	if (from->rootless && ((flags->userns && !from->keep_id) || flags->uidmap.count || flags->gidmap.count)) {
		(void)error_bad(err, EPERM, "--userns auto and host, --uidmap and --gidmap need root");
		return error_hint(
			err, "without it the container's root is you, or with --userns keep-id you are yourself");
	}
	if (flags->uidmap.count || flags->gidmap.count) {
		const struct option_list *gids = flags->gidmap.count ? &flags->gidmap : &flags->uidmap;
		const struct option_list *uids = flags->uidmap.count ? &flags->uidmap : &flags->gidmap;
		r = take_mappings(from, "uidmap", uids, &from->config.uid_mappings, err);
		return r < 0 ? r : take_mappings(from, "gidmap", gids, &from->config.gid_mappings, err);
	}
	if (from->rootless) /* a user is root of his own containers; what else is in them are his ids of /etc/subuid */
		config_map_ids(&from->config, &from->ids);
	else if (flags->userns && strcmp(flags->userns, "auto") == 0)
		r = map_auto(from, err);
	return r;
}

/* ---- what depends on them ---- */

static uint32_t on_host(const struct spec_id_mappings *mappings, uint32_t otherwise)
{
	for (size_t i = 0; i < mappings->count; i++)
		if (mappings->items[i].container_id == 0)
			return mappings->items[i].host_id;
	return otherwise;
}

int image_config_namespaces(struct from_image *from, struct error *err)
{
	const struct image_flags *flags = from->flags;
	const struct {
		enum spec_namespace kind;
		const char *option, *mode;
	} namespaces[] = {
		{ SPEC_NS_PID, "pid", flags->pid },
		{ SPEC_NS_IPC, "ipc", flags->ipc },
		{ SPEC_NS_UTS, "uts", flags->uts },
		{ SPEC_NS_CGROUP, "cgroupns", flags->cgroupns },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(namespaces); i++)
		r = set_namespace(from, namespaces[i].kind, namespaces[i].option, namespaces[i].mode, err);
	if (r == 0 && flags->userns && !from->keep_id && strcmp(flags->userns, "auto") != 0 &&
		strcmp(flags->userns, "host") != 0)
		r = error_bad(err, EINVAL, "--userns: expected auto, host or (of users) keep-id, found \"%s\"",
			flags->userns);
	if (r == 0)
		r = decide_maps(from, err);
	if (r < 0)
		return r;
	if (from->config.uid_mappings.count)
		config_fit_user_namespace(&from->config, from->rootless);
	from->folder.owner = on_host(&from->config.uid_mappings, geteuid());
	from->folder.group = on_host(&from->config.gid_mappings, getegid());
	return 0;
}
