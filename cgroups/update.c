/* cgroups/update.c: other limits for a container that runs: all of them, or none.
 *
 * Before a file is written its value is kept; when a later write fails, what was written is put back, last first. Files
 * of lines by device give back the line of the device that was changed, or the word that means none. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "cgroups/cgroups_internal.h"
#include "spec/spec.h"

/* ---- what is there now ---- */

static int64_t read_number(int dir, const char *file, int64_t missing)
{
	char buf[64];
	uint64_t value;

	if (file_read_small_at(dir, file, buf, sizeof(buf)) < 0)
		return missing;
	if (strcmp(buf, "max") == 0)
		return -1;
	return text_to_u64(buf, 0, INT64_MAX, &value) < 0 ? missing : (int64_t)value;
}

/* "50000 100000", "max 100000" */
static void fill_cpu(int dir, struct spec_resources *resources)
{
	struct spec_limit *quota = &resources->cpu.quota, *period = &resources->cpu.period;
	char buf[64], *blank;
	uint64_t value;

	if (quota->given == period->given || file_read_small_at(dir, "cpu.max", buf, sizeof(buf)) < 0)
		return;
	blank = strchr(buf, ' ');
	if (!blank)
		return;
	*blank = '\0';
	if (!period->given && text_to_u64(blank + 1, 0, INT64_MAX, &value) == 0)
		*period = (struct spec_limit){ .given = true, .value = (int64_t)value };
	if (!quota->given)
		*quota = (struct spec_limit){ .given = true,
			.value = text_to_u64(buf, 0, INT64_MAX, &value) == 0 ? (int64_t)value : -1 };
}

static int64_t swap_of(int dir)
{
	return read_number(dir, "memory.swap.current", 0);
}

static int check_usage(int dir, const struct spec_resources *resources, struct error *err)
{
	int64_t limit = resources->memory.limit.value, usage = read_number(dir, "memory.current", 0);

	if (!resources->memory.check_before_update || !resources->memory.limit.given || limit <= 0)
		return 0;
	if (usage > limit) {
		(void)error_bad(err, EBUSY, "%" PRId64 " is below what is used now, %" PRId64, limit, usage);
		return error_at(err, "linux.resources.memory.limit");
	}
	if (resources->memory.swap.given && resources->memory.swap.value > 0 &&
		usage + swap_of(dir) > resources->memory.swap.value) {
		(void)error_bad(err, EBUSY, "%" PRId64 " is below what is used now, %" PRId64,
			resources->memory.swap.value, usage + swap_of(dir));
		return error_at(err, "linux.resources.memory.swap");
	}
	return 0;
}

int cgroup_complete(
	const struct cgroup_host *host, const char *path, struct spec_resources *resources, struct error *err)
{
	cleanup_close int dir = cgroup_open_path(host, path);

	if (dir < 0)
		return error_sys(err, dir, "open the cgroup %s", path);
	fill_cpu(dir, resources);
	if (resources->memory.swap.given && !resources->memory.limit.given)
		resources->memory.limit =
			(struct spec_limit){ .given = true, .value = read_number(dir, "memory.max", -1) };
	return check_usage(dir, resources, err);
}

/* ---- writing, and taking it back ---- */

struct before {
	const char *file;
	const char *text; /* what puts it back; NULL = nothing there */
};

/* Files of one line a device; what is written for one without. */
static const struct {
	const char *file, *none;
} keyed[] = {
	{ "io.max", "rbps=max wbps=max riops=max wiops=max" },
	{ "io.weight", "default" },
	{ "io.bfq.weight", "default" },
	{ "rdma.max", "hca_handle=max hca_object=max" },
};

static const char *none_of(const char *file)
{
	for (size_t i = 0; i < ARRAY_SIZE(keyed); i++)
		if (strcmp(keyed[i].file, file) == 0)
			return keyed[i].none;
	return NULL;
}

/* The line of `content` that begins as `text` does, up to its first blank. */
static const char *line_of(const char *content, const char *text, struct arena *arena)
{
	size_t len = strcspn(text, " ");

	for (const char *line = content; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, text, len) == 0 && line[len] == ' ')
			return arena_copy(arena, line, strcspn(line, "\n"));
	return NULL;
}

static const char *value_before(int dir, const char *file, const char *text, struct arena *arena)
{
	char *content = arena_alloc(arena, CGROUP_FILE_MAX);
	const char *none = none_of(file), *line;

	if (file_read_small_at(dir, file, content, CGROUP_FILE_MAX) < 0)
		return NULL;
	if (!none || !strchr(text, ' ')) {
		line = line_of(content, "default ", arena); /* "default 100" of io.weight */
		return none && line ? line : arena_copy(arena, content, strcspn(content, "\n"));
	}
	line = line_of(content, text, arena);
	return line ? line : arena_printf(arena, "%.*s %s", (int)strcspn(text, " "), text, none);
}

static void take_back(int dir, const struct before *befores, size_t count)
{
	while (count-- > 0)
		if (befores[count].text)
			(void)file_write_raw_at(
				dir, befores[count].file, befores[count].text, strlen(befores[count].text));
}

int cgroup_update(
	const struct cgroup_host *host, const struct cgroup_plan *plan, struct arena *arena, struct error *err)
{
	struct before *befores = ARENA_ARRAY(arena, 2 * plan->value_count, struct before);
	cleanup_close int dir = cgroup_open_path(host, plan->path);
	size_t count = 0;
	int r = dir < 0 ? error_sys(err, dir, "open the cgroup %s", plan->path)
			: cgroup_enable_controllers(host, plan, err);

	for (size_t i = 0; r == 0 && i < plan->value_count; i++) {
		const struct cgroup_value *value = &plan->values[i];
		const char *other = value->fallback_text ? value->fallback_text : value->text;
		size_t before = count;
		befores[count++] = (struct before){ value->file, value_before(dir, value->file, value->text, arena) };
		if (value->fallback)
			befores[count++] =
				(struct before){ value->fallback, value_before(dir, value->fallback, other, arena) };
		r = cgroup_write_value(dir, value, err);
		if (r < 0)
			count = before;
	}
	if (r == 0 && plan->unit)
		r = cgroup_unit_set(plan->unit, arena, err);
	if (r < 0)
		take_back(dir, befores, count);
	return r;
}
