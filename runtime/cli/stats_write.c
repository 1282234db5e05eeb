/* runtime/cli/stats_write.c: samples for people, programs and monitoring. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json_write.h"
#include "base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/stats.h"

/* ---- for people ---- */

static const char *size_text(struct arena *arena, uint64_t bytes, unsigned step)
{
	static const char *const binary[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	static const char *const decimal[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= step && unit < ARRAY_SIZE(binary) - 1) {
		value /= step;
		unit++;
	}
	return arena_printf(arena, "%.*f%s",
		unit == 0 || value >= 100 ? 0
			: value >= 10     ? 1
					  : 2,
		value, step == 1024 ? binary[unit] : decimal[unit]);
}

static double memory_percent(const struct sample *sample)
{
	uint64_t limit = sample->usage.memory_limit;

	return limit ? 100.0 * (double)sample->usage.memory / (double)limit : 0;
}

enum { COLUMNS = 8 };

static void row_of(const struct sample *sample, struct arena *arena, const char *row[COLUMNS])
{
	const struct cgroup_usage *usage = &sample->usage;

	row[0] = sample->id;
	if (!sample->at_us) { /* it has ended */
		for (int i = 1; i < COLUMNS; i++)
			row[i] = "--";
		return;
	}
	row[1] = arena_printf(arena, "%.2f%%", sample->cpu_percent);
	row[2] = arena_printf(
		arena, "%s / %s", size_text(arena, usage->memory, 1024), size_text(arena, usage->memory_limit, 1024));
	row[3] = arena_printf(arena, "%.2f%%", memory_percent(sample));
	row[4] = arena_printf(
		arena, "%s / %s", size_text(arena, sample->received, 1000), size_text(arena, sample->sent, 1000));
	row[5] = arena_printf(
		arena, "%s / %s", size_text(arena, usage->io_read, 1000), size_text(arena, usage->io_written, 1000));
	row[6] = arena_printf(arena, "%" PRIu64, usage->pids);
	row[7] = arena_printf(
		arena, "%.1f%% / %.1f%% / %.1f%%", usage->cpu_pressure, usage->memory_pressure, usage->io_pressure);
}

static int write_table(const struct samples *samples, struct arena *arena, struct error *err)
{
	static const char *const titles[COLUMNS] = { "ID", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O",
		"BLOCK I/O", "PIDS", "PRESSURE CPU / MEM / IO" };
	const char **cells = ARENA_ARRAY(arena, (samples->count + 1) * COLUMNS, const char *);

	memcpy(cells, titles, sizeof(titles));
	for (size_t i = 0; i < samples->count; i++)
		row_of(&samples->items[i], arena, cells + (i + 1) * COLUMNS);
	return table_print(cells, COLUMNS, samples->count + 1, err);
}

/* ---- for programs ---- */

static void write_number(struct json_writer *w, const char *key, double value)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%.2f", value);

	json_raw(w, key, text, (size_t)len);
}

static void write_limit(struct json_writer *w, uint64_t limit)
{
	if (limit != UINT64_MAX)
		json_uint(w, "limit", limit);
}

static void write_sample(const struct sample *sample, struct json_writer *w)
{
	const struct cgroup_usage *usage = &sample->usage;

	json_object(w, NULL);
	json_string(w, "id", sample->id);
	json_string(w, "status", spec_status_names[sample->status]);
	json_object(w, "cpu");
	write_number(w, "percent", sample->cpu_percent);
	json_uint(w, "usageMicroseconds", usage->cpu_us);
	write_number(w, "pressure", usage->cpu_pressure);
	json_object_end(w);
	json_object(w, "memory");
	json_uint(w, "usage", usage->memory);
	write_limit(w, usage->memory_limit);
	write_number(w, "percent", memory_percent(sample));
	write_number(w, "pressure", usage->memory_pressure);
	json_object_end(w);
	json_object(w, "io");
	json_uint(w, "readBytes", usage->io_read);
	json_uint(w, "writtenBytes", usage->io_written);
	write_number(w, "pressure", usage->io_pressure);
	json_object_end(w);
	json_object(w, "pids");
	json_uint(w, "current", usage->pids);
	write_limit(w, usage->pids_limit);
	json_object_end(w);
	json_object(w, "network");
	json_uint(w, "receivedBytes", sample->received);
	json_uint(w, "sentBytes", sample->sent);
	json_object_end(w);
	json_object_end(w);
}

static int write_json(const struct samples *samples, struct arena *arena, struct error *err)
{
	struct json_writer w;

	(void)arena;
	json_write_init(&w);
	json_array(&w, NULL);
	for (size_t i = 0; i < samples->count; i++)
		write_sample(&samples->items[i], &w);
	json_array_end(&w);
	return cli_write_json(&w, false, err);
}

/* ---- for monitoring ---- */

static double cpu_seconds(const struct sample *s)
{
	return (double)s->usage.cpu_us / 1e6;
}
static double memory(const struct sample *s)
{
	return (double)s->usage.memory;
}
static double memory_limit(const struct sample *s)
{
	return (double)s->usage.memory_limit;
}
static double pids(const struct sample *s)
{
	return (double)s->usage.pids;
}
static double io_read(const struct sample *s)
{
	return (double)s->usage.io_read;
}
static double io_written(const struct sample *s)
{
	return (double)s->usage.io_written;
}
static double received(const struct sample *s)
{
	return (double)s->received;
}
static double sent(const struct sample *s)
{
	return (double)s->sent;
}
static double cpu_pressure(const struct sample *s)
{
	return s->usage.cpu_pressure / 100;
}
static double memory_pressure(const struct sample *s)
{
	return s->usage.memory_pressure / 100;
}
static double io_pressure(const struct sample *s)
{
	return s->usage.io_pressure / 100;
}

static const struct {
	const char *name, *type, *help;
	double (*value)(const struct sample *sample);
} metrics[] = {
	{ "cpu_usage_seconds_total", "counter", "CPU time used.", cpu_seconds },
	{ "memory_usage_bytes", "gauge", "Memory used, with the page cache.", memory },
	{ "memory_limit_bytes", "gauge", "What it may use; without a limit, what the host has.", memory_limit },
	{ "processes", "gauge", "Processes and threads.", pids },
	{ "io_read_bytes_total", "counter", "Read from block devices.", io_read },
	{ "io_written_bytes_total", "counter", "Written to block devices.", io_written },
	{ "network_received_bytes_total", "counter", "Received by its interfaces but lo.", received },
	{ "network_sent_bytes_total", "counter", "Sent by its interfaces but lo.", sent },
	{ "cpu_pressure_ratio", "gauge", "Part of the last 10 s in which something waited for the CPU.", cpu_pressure },
	{ "memory_pressure_ratio", "gauge", "Part of the last 10 s in which something waited for memory.",
		memory_pressure },
	{ "io_pressure_ratio", "gauge", "Part of the last 10 s in which something waited for IO.", io_pressure },
};

/* Ids have no letter that a label would have to escape [spec_check_id()]. */
static int write_openmetrics(const struct samples *samples, struct arena *arena, struct error *err)
{
	(void)arena;
	for (size_t m = 0; m < ARRAY_SIZE(metrics); m++) {
		(void)printf("# HELP husk_container_%s %s\n# TYPE husk_container_%s %s\n", metrics[m].name,
			metrics[m].help, metrics[m].name, metrics[m].type);
		for (size_t i = 0; i < samples->count; i++)
			if (samples->items[i].at_us)
				(void)printf("husk_container_%s{id=\"%s\"} %.15g\n", metrics[m].name,
					samples->items[i].id, metrics[m].value(&samples->items[i]));
	}
	(void)printf("# EOF\n");
	return fflush(stdout) < 0 ? error_sys(err, errno, "write to standard output") : 0;
}

int stats_write(const struct samples *samples, enum stats_format format, struct arena *arena, struct error *err)
{
	static int (*const writers[])(const struct samples *, struct arena *, struct error *) = {
		[STATS_TABLE] = write_table,
		[STATS_JSON] = write_json,
		[STATS_OPENMETRICS] = write_openmetrics,
	};

	return writers[format](samples, arena, err);
}
