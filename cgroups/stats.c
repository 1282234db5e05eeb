/* cgroups/stats.c: what a cgroup has used, in the document that callers of `events` know.
 *
 * The names are those of runc, which are older than cgroup v2: swap means memory plus swap, "max" of it is 0, and no
 * limit is 2^64-1. A file that is not there, its controller being off, leaves its part out or at 0. [cgroup-v2.rst] */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/text.h"
#include "cgroups/cgroups_internal.h"

enum { NS_PER_US = 1000 };

static uint64_t read_value(int dir, const char *file, uint64_t max)
{
	char buf[64];

	if (file_read_small_at(dir, file, buf, sizeof(buf)) < 0)
		return 0;
	return strcmp(buf, "max") == 0 ? max : strtoull(buf, NULL, 10);
}

/* ---- pressure: "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" ---- */

static void write_average(struct json_writer *w, const char *line, const char *name)
{
	const char *at = strstr(line, name);
	const char *end = at ? at + strlen(name) + 1 : NULL;

	if (at)
		json_raw(w, name, end, strcspn(end, " \n"));
}

static void write_pressure(struct json_writer *w, int dir, const char *file)
{
	static const char *const kinds[] = { "some", "full" };
	char buf[512];

	if (file_read_small_at(dir, file, buf, sizeof(buf)) < 0)
		return;
	json_object(w, "psi");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *line = strstr(buf, kinds[i]);
		if (!line)
			continue;
		json_object(w, kinds[i]);
		write_average(w, line, "avg10");
		write_average(w, line, "avg60");
		write_average(w, line, "avg300");
		write_average(w, line, "total");
		json_object_end(w);
	}
	json_object_end(w);
}

/* ---- cpu ---- */

static uint64_t cpu_ns(int dir, const char *key)
{
	return cgroup_keyed_value(dir, "cpu.stat", key, 0) * NS_PER_US;
}

static void write_cpu(struct json_writer *w, int dir)
{
	json_object(w, "cpu");
	json_object(w, "usage");
	json_uint(w, "total", cpu_ns(dir, "usage_usec"));
	json_uint(w, "kernel", cpu_ns(dir, "system_usec"));
	json_uint(w, "user", cpu_ns(dir, "user_usec"));
	json_object_end(w);
	json_object(w, "throttling");
	json_uint(w, "periods", cgroup_keyed_value(dir, "cpu.stat", "nr_periods", 0));
	json_uint(w, "throttledPeriods", cgroup_keyed_value(dir, "cpu.stat", "nr_throttled", 0));
	json_uint(w, "throttledTime", cpu_ns(dir, "throttled_usec"));
	json_object_end(w);
	write_pressure(w, dir, "cpu.pressure");
	json_object_end(w);
}

/* "0-3,7" as numbers. */
static void write_list(struct json_writer *w, const char *key, int dir, const char *file)
{
	char buf[4096];
	unsigned long bits[128] = { 0 };

	if (file_read_small_at(dir, file, buf, sizeof(buf)) <= 0 || text_to_bits(buf, bits, ARRAY_SIZE(bits)) < 0)
		return;
	json_array(w, key);
	for (size_t i = 0; i < sizeof(bits) * 8; i++)
		if (bits[i / 64] >> (i % 64) & 1)
			json_uint(w, NULL, i);
	json_array_end(w);
}

static void write_cpuset(struct json_writer *w, int dir)
{
	json_object(w, "cpuset");
	write_list(w, "cpus", dir, "cpuset.cpus.effective");
	write_list(w, "mems", dir, "cpuset.mems.effective");
	json_object_end(w);
}

/* ---- memory ---- */

static uint64_t plus(uint64_t left, uint64_t right)
{
	return left > UINT64_MAX - right ? UINT64_MAX : left + right;
}

static void write_usage(
	struct json_writer *w, const char *key, uint64_t limit, uint64_t usage, uint64_t max, uint64_t failures)
{
	json_object(w, key);
	json_uint(w, "limit", limit);
	json_uint(w, "usage", usage);
	json_uint(w, "max", max);
	json_uint(w, "failcnt", failures);
	json_object_end(w);
}

/* Each "key value" line as a member. */
static void write_raw(struct json_writer *w, int dir, const char *file)
{
	char buf[16384], key[64];

	json_object(w, "raw");
	if (file_read_small_at(dir, file, buf, sizeof(buf)) > 0)
		for (const char *line = buf; *line; line += strcspn(line, "\n"), line += *line == '\n') {
			size_t len = strcspn(line, " \n");
			if (len == 0 || len >= sizeof(key) || line[len] != ' ')
				continue;
			memcpy(key, line, len);
			key[len] = '\0';
			json_uint(w, key, strtoull(line + len + 1, NULL, 10));
		}
	json_object_end(w);
}

static void write_memory(struct json_writer *w, int dir)
{
	uint64_t limit = read_value(dir, "memory.max", UINT64_MAX), usage = read_value(dir, "memory.current", 0);
	uint64_t failures = cgroup_keyed_value(dir, "memory.events", "max", 0);

	json_object(w, "memory");
	json_uint(w, "cache", cgroup_keyed_value(dir, "memory.stat", "file", 0));
	write_usage(w, "usage", limit, usage, read_value(dir, "memory.peak", 0), failures);
	write_usage(w, "swap", plus(limit, read_value(dir, "memory.swap.max", UINT64_MAX)),
		plus(usage, read_value(dir, "memory.swap.current", 0)), 0, 0);
	write_usage(w, "kernel", UINT64_MAX, cgroup_keyed_value(dir, "memory.stat", "kernel", 0), 0, 0);
	write_usage(w, "kernelTCP", UINT64_MAX, cgroup_keyed_value(dir, "memory.stat", "sock", 0), 0, 0);
	write_raw(w, dir, "memory.stat");
	write_pressure(w, dir, "memory.pressure");
	json_object_end(w);
}

/* ---- io: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6" ---- */

static void write_io_key(struct json_writer *w, const char *stat, const char *key, const char *op)
{
	for (const char *line = stat; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		unsigned major, minor;
		size_t len = strcspn(line, "\n");
		const char *at = memmem(line, len, key, strlen(key));
		if (!at || sscanf(line, "%u:%u", &major, &minor) != 2) /* NOLINT(cert-err34-c): of the kernel's own */
			continue;
		json_object(w, NULL);
		json_uint(w, "major", major);
		json_uint(w, "minor", minor);
		json_string(w, "op", op);
		json_uint(w, "value", strtoull(at + strlen(key), NULL, 10));
		json_object_end(w);
	}
}

static void write_io(struct json_writer *w, int dir, struct arena *arena)
{
	char *stat = arena_alloc(arena, CGROUP_FILE_MAX);

	if (file_read_small_at(dir, "io.stat", stat, CGROUP_FILE_MAX) < 0)
		*stat = '\0';
	json_object(w, "blkio");
	json_array(w, "ioServiceBytesRecursive");
	write_io_key(w, stat, " rbytes=", "Read");
	write_io_key(w, stat, " wbytes=", "Write");
	json_array_end(w);
	json_array(w, "ioServicedRecursive");
	write_io_key(w, stat, " rios=", "Read");
	write_io_key(w, stat, " wios=", "Write");
	json_array_end(w);
	write_pressure(w, dir, "io.pressure");
	json_object_end(w);
}

/* ---- the rest ---- */

static void write_pids(struct json_writer *w, int dir)
{
	json_object(w, "pids");
	json_uint(w, "current", read_value(dir, "pids.current", 0));
	json_uint(w, "limit", read_value(dir, "pids.max", 0));
	json_object_end(w);
}

/* Reservations where the kernel counts them, as limits do. */
static void write_hugepages(struct json_writer *w, int dir)
{
	static const char *const sizes[] = { "64KB", "1MB", "2MB", "16MB", "32MB", "512MB", "1GB", "2GB", "16GB" };
	char file[64];

	json_object(w, "hugetlb");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		(void)snprintf(file, sizeof(file), "hugetlb.%s.rsvd.current", sizes[i]);
		if (faccessat(dir, file, F_OK, 0) < 0)
			(void)snprintf(file, sizeof(file), "hugetlb.%s.current", sizes[i]);
		if (faccessat(dir, file, F_OK, 0) < 0)
			continue;
		json_object(w, sizes[i]);
		json_uint(w, "usage", read_value(dir, file, 0));
		(void)snprintf(file, sizeof(file), "hugetlb.%s.events", sizes[i]);
		json_uint(w, "failcnt", cgroup_keyed_value(dir, file, "max", 0));
		json_object_end(w);
	}
	json_object_end(w);
}

int cgroup_stats_write(const struct cgroup_host *host, const char *path, struct json_writer *w, struct error *err)
{
	cleanup_close int dir = cgroup_open_path(host, path);
	struct arena arena;

	if (dir < 0)
		return error_sys(err, dir, "open the cgroup %s", path);
	arena_init(&arena);
	write_cpu(w, dir);
	write_cpuset(w, dir);
	write_memory(w, dir);
	write_pids(w, dir);
	write_io(w, dir, &arena);
	write_hugepages(w, dir);
	arena_done(&arena);
	return 0;
}
