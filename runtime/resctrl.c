/* runtime/resctrl.c: see the header. */
#include "runtime/resctrl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "spec/spec.h"

enum { RESCTRL_MAGIC = 0x7655821, SCHEMATA_MAX = 16384 }; /* [linux/magic.h, RDTGROUP_SUPER_MAGIC] */

static const char mount_point[] = "/sys/fs/resctrl";

int resctrl_open(struct error *err)
{
	cleanup_close int root = open(mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;

	if (root >= 0 && fstatfs(root, &fs) == 0 && fs.f_type == RESCTRL_MAGIC)
		return fd_take(&root);
	(void)error_bad(err, ENOTSUP, "resctrl is not mounted here");
	return error_hint(err, "mount -t resctrl resctrl %s, on a processor that has it", mount_point);
}

static int open_group(int root, const char *name)
{
	return path_open_beneath(root, *name ? name : ".", O_PATH | O_DIRECTORY);
}

static bool has_schemata(const struct spec_intel_rdt *rdt)
{
	return rdt->l3_cache_schema || rdt->mem_bw_schema || rdt->schemata.count;
}

int resctrl_look(
	int root, const struct spec_intel_rdt *rdt, const char *id, struct resctrl_group *ret, struct error *err)
{
	const char *clos_id = rdt->clos_id;
	cleanup_close int group = -1;

	*ret = (struct resctrl_group){
		.name = !clos_id                    ? id
			: strcmp(clos_id, "/") == 0 ? ""
						    : clos_id,
		.mon_group = rdt->enable_monitoring ? id : NULL,
	};
	group = open_group(root, ret->name);
	ret->make = group == -ENOENT;
	if (group < 0 && !ret->make)
		return error_sys(err, group, "open the resctrl group %s", ret->name);
	if (ret->make && clos_id && !has_schemata(rdt)) {
		(void)error_bad(err, ENOENT, "there is no resctrl group %s, and no schema to make it with", clos_id);
		return error_at(err, "linux.intelRdt.closID");
	}
	return 0;
}

/* ---- schemata ---- */

/* One line each, l3 and bandwidth first [config-linux.md, IntelRdt]. */
static void join_schemata(const struct spec_intel_rdt *rdt, struct text *text)
{
	if (rdt->l3_cache_schema)
		text_add(text, "%s\n", rdt->l3_cache_schema);
	if (rdt->mem_bw_schema)
		text_add(text, "%s\n", rdt->mem_bw_schema);
	for (size_t i = 0; i < rdt->schemata.count; i++)
		text_add(text, "%s\n", rdt->schemata.items[i]);
}

static int write_schemata(int root, int group, const struct text *text, struct error *err)
{
	char status[512];
	int r = text->cut ? -E2BIG : file_write_raw_at(group, "schemata", text->buf, text->len);

	if (r == 0)
		return 0;
	(void)error_sys(err, r, "write the schemata of the resctrl group");
	if (file_read_small_at(root, "info/last_cmd_status", status, sizeof(status)) > 0)
		(void)error_hint(err, "the kernel says: %s", status);
	return error_at(err, "linux.intelRdt");
}

/* "    L3:0=ff;1=ff": blanks in front do not count. */
static bool holds_line(const char *schemata, const char *line, size_t len)
{
	for (const char *at = schemata; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		at += strspn(at, " ");
		if (strncmp(at, line, len) == 0 && (at[len] == '\n' || at[len] == '\0'))
			return true;
	}
	return false;
}

/* A group that others use, too, is not changed under them. */
static int compare_schemata(int group, const struct text *text, const char *name, struct error *err)
{
	char now[SCHEMATA_MAX];
	ssize_t n = file_read_small_at(group, "schemata", now, sizeof(now));

	if (n < 0)
		return error_sys(err, (int)n, "read the schemata of the resctrl group %s", name);
	for (const char *line = text->buf; *line;) {
		size_t len = strcspn(line, "\n");
		if (!holds_line(now, line, len)) {
			(void)error_bad(err, EEXIST, "the resctrl group %s exists with other schemata than %.*s", name,
				(int)len, line);
			return error_at(err, "linux.intelRdt");
		}
		line += len + (line[len] == '\n');
	}
	return 0;
}

/* ---- joining ---- */

static int write_task(int group, pid_t pid, struct error *err)
{
	char number[21];
	int r = file_write_raw_at(group, "tasks", number, text_put_u64(number, (uint64_t)pid));

	return r < 0 ? error_sys(err, r, "move the process to the resctrl group") : 0;
}

static int join_monitoring(int group, const char *name, pid_t pid, struct error *err)
{
	cleanup_close int all = path_open_beneath(group, "mon_groups", O_PATH | O_DIRECTORY);
	cleanup_close int own = -1;

	if (all < 0 || (mkdirat(all, name, 0755) < 0 && errno != EEXIST)) {
		(void)error_sys(err, all < 0 ? all : errno, "make the monitoring group %s", name);
		return error_at(err, "linux.intelRdt.enableMonitoring");
	}
	own = path_open_beneath(all, name, O_PATH | O_DIRECTORY);
	return own < 0 ? error_sys(err, own, "open the monitoring group %s", name) : write_task(own, pid, err);
}

int resctrl_join(
	int root, const struct spec_intel_rdt *rdt, const struct resctrl_group *group, pid_t pid, struct error *err)
{
	char buf[SCHEMATA_MAX];
	cleanup_close int fd = -1;
	struct text text;
	int r = 0;

	text_init(&text, buf, sizeof(buf));
	join_schemata(rdt, &text);
	if (group->make && mkdirat(root, group->name, 0755) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make the resctrl group %s", group->name);
	fd = open_group(root, group->name);
	if (fd < 0)
		return error_sys(err, fd, "open the resctrl group %s", group->name);
	if (text.len && !group->make && rdt->clos_id)
		r = compare_schemata(fd, &text, group->name, err);
	else if (text.len)
		r = write_schemata(root, fd, &text, err);
	if (r == 0)
		r = write_task(fd, pid, err);
	if (r == 0 && group->mon_group)
		r = join_monitoring(fd, group->mon_group, pid, err);
	return r;
}

int resctrl_update(int root, const char *name, const char *l3_cache, const char *memory, struct error *err)
{
	const struct spec_intel_rdt rdt = { .l3_cache_schema = l3_cache, .mem_bw_schema = memory };
	cleanup_close int group = open_group(root, name);
	char buf[SCHEMATA_MAX];
	struct text text;

	if (group < 0)
		return error_sys(err, group, "open the resctrl group %s", name);
	text_init(&text, buf, sizeof(buf));
	join_schemata(&rdt, &text);
	return write_schemata(root, group, &text, err);
}

/* The kernel's folders go with what is in them. */
int resctrl_remove(int root, const struct resctrl_group *group, struct error *err)
{
	cleanup_close int fd = open_group(root, group->name);
	cleanup_close int all =
		fd < 0 || !group->mon_group ? -1 : path_open_beneath(fd, "mon_groups", O_PATH | O_DIRECTORY);

	if (all >= 0 && unlinkat(all, group->mon_group, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys(err, errno, "remove the monitoring group %s", group->mon_group);
	if (group->make && unlinkat(root, group->name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys(err, errno, "remove the resctrl group %s", group->name);
	return 0;
}
