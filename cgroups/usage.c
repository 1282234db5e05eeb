/* cgroups/usage.c: what a cgroup uses, in few reads: for looking at hundreds of them. [cgroup-v2.rst] */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "cgroups/cgroups_internal.h"

enum { STAT_MAX = 16384 };

static uint64_t read_number(int dir, const char *file)
{
	char buf[32];

	if (file_read_small_at(dir, file, buf, sizeof(buf)) < 0)
		return 0;
	return strcmp(buf, "max") == 0 ? UINT64_MAX : strtoull(buf, NULL, 10);
}

/* "253:0 rbytes=1 wbytes=2 rios=3 ...", of all devices */
static uint64_t sum_of(const char *stat, const char *key)
{
	uint64_t sum = 0;

	for (const char *at = stat; (at = strstr(at, key)); at += strlen(key))
		sum += strtoull(at + strlen(key), NULL, 10);
	return sum;
}

/* "some avg10=1.25 avg60=..." */
static double read_pressure(int dir, const char *file)
{
	static const char key[] = "some avg10=";
	char buf[512];
	const char *at;

	if (file_read_small_at(dir, file, buf, sizeof(buf)) < 0)
		return 0;
	at = strstr(buf, key);
	return at ? strtod(at + strlen(key), NULL) : 0;
}

int cgroup_usage_read(const struct cgroup_host *host, const char *path, struct cgroup_usage *ret)
{
	cleanup_close int dir = cgroup_open_path(host, path);
	char stat[STAT_MAX];

	if (dir < 0)
		return dir;
	ret->cpu_us = cgroup_keyed_value(dir, "cpu.stat", "usage_usec", 0);
	ret->memory = read_number(dir, "memory.current");
	ret->memory_limit = read_number(dir, "memory.max");
	ret->pids = read_number(dir, "pids.current");
	ret->pids_limit = read_number(dir, "pids.max");
	if (file_read_small_at(dir, "io.stat", stat, sizeof(stat)) < 0)
		*stat = '\0';
	ret->io_read = sum_of(stat, " rbytes=");
	ret->io_written = sum_of(stat, " wbytes=");
	ret->frozen = read_number(dir, "cgroup.freeze") != 0;
	ret->cpu_pressure = read_pressure(dir, "cpu.pressure");
	ret->memory_pressure = read_pressure(dir, "memory.pressure");
	ret->io_pressure = read_pressure(dir, "io.pressure");
	return 0;
}
