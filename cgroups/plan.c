/* cgroups/plan.c: where the cgroup is [config-linux.md, cgroupsPath]. Pure. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"
#include "cgroups/cgroups_internal.h"
#include "spec/spec.h"

enum { CGROUP_NAME_MAX = 255, CGROUP_PATH_MAX = 4000 };

static bool part_is(const char *part, size_t len, const char *word)
{
	return len == strlen(word) && strncmp(part, word, len) == 0;
}

/* The path without "/" at its ends, "//" and "."; what would lead out of it is a fault. */
static const char *clean_path(const char *path, struct arena *arena, struct faults *faults)
{
	struct text text;
	size_t size = strlen(path) + 1;
	bool leads_out = false, too_long = false;

	text_init(&text, arena_alloc(arena, size), size);
	for (const char *at = path; *at;) {
		size_t len = strcspn(at, "/");
		leads_out |= part_is(at, len, "..");
		too_long |= len > CGROUP_NAME_MAX;
		if (len > 0 && !part_is(at, len, "."))
			text_add(&text, "%s%.*s", text.len ? "/" : "", (int)len, at);
		at += len + (at[len] == '/');
	}
	if (leads_out)
		faults_add(faults, "linux.cgroupsPath", "\"..\" would lead out of it, in \"%s\"", path);
	if (too_long)
		faults_add(faults, "linux.cgroupsPath", "a part of it is longer than %d bytes", CGROUP_NAME_MAX);
	return text.buf;
}

/* slice:prefix:name is a name as any other here: BuildKit gives it without --systemd-cgroup where dockerd has systemd's
 * driver, and expects to get that folder. */
static const char *plan_path(const char *path, const char *id, struct arena *arena, struct faults *faults)
{
	const char *clean;

	if (!path)
		return arena_printf(arena, "husk-%s", id);
	if (strchr(path, '\n'))
		faults_add(faults, "linux.cgroupsPath", "a newline cannot be part of a cgroup's name");
	if (strlen(path) > CGROUP_PATH_MAX)
		faults_add(faults, "linux.cgroupsPath", "longer than %d bytes", CGROUP_PATH_MAX);
	clean = clean_path(path, arena, faults);
	if (!*clean)
		faults_add(faults, "linux.cgroupsPath", "\"%s\" is the root of all cgroups, which belongs to the host",
			path);
	return clean;
}

int cgroup_plan_make(const char *cgroups_path, const char *id, const struct spec_resources *resources,
	struct arena *arena, struct cgroup_plan *ret_plan, struct faults *faults)
{
	*ret_plan = (struct cgroup_plan){ .path = plan_path(cgroups_path, id, arena, faults) };
	cgroup_limits(resources, arena, ret_plan, faults);
	cgroup_devices(resources, arena, ret_plan);
	return 0;
}

/* One part of a path, which no file of the kernel's has for a name. */
static const char *read_part(const struct spec_pair *pair, struct faults *faults)
{
	const char *name = pair->value;

	if (strchr(name, '/') || strchr(name, '\n') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		text_starts_with(name, "cgroup.") || strlen(name) > CGROUP_NAME_MAX)
		faults_add(faults, "annotations", "%s: \"%s\" is no name of a cgroup", pair->key, name);
	return *name ? name : NULL;
}

void cgroup_plan_annotations(
	const struct spec_pair *annotations, size_t count, struct cgroup_plan *plan, struct faults *faults)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(annotations[i].key, "run.oci.delegate-cgroup") == 0)
			plan->inner = read_part(&annotations[i], faults);
		else if (plan->unit && strcmp(annotations[i].key, "run.oci.systemd.subgroup") == 0)
			plan->unit->subgroup = read_part(&annotations[i], faults);
	}
}

unsigned cgroup_path_parts(const char *path)
{
	unsigned parts = *path != '\0';

	for (; *path; path++)
		parts += *path == '/';
	return parts;
}

int cgroup_path_head(const char *path, unsigned parts, char *buf, size_t size)
{
	size_t len = 0;

	for (unsigned i = 0; i < parts && path[len]; i++)
		len += (i > 0) + strcspn(path + len + (i > 0), "/");
	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(buf, path, len);
	buf[len] = '\0';
	return 0;
}
