/* runtime/cli/stats.c: husk stats: what containers use, for people, programs and monitoring. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/text.h"
#include "cgroups/cgroups.h"
#include "netns/netns.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/options.h"

enum { FORMAT_TABLE, FORMAT_JSON, FORMAT_OPENMETRICS };
static const char *const formats[] = { "table", "json", "openmetrics", NULL };

struct stats_options {
	unsigned format;
	bool stream, no_stream, all;
	const char *interval;
};

struct sample {
	const char *id;
	enum spec_status status;
	int64_t at_us; /* of the system's clock */
	double cpu_percent;
	struct cgroup_usage usage;
	uint64_t received, sent;
};

enum { WORKERS_MAX = 4, WORTH_A_THREAD = 64 };

struct samples {
	struct arena arenas[WORKERS_MAX];
	struct sample *items;
	size_t count;
};

/* ---- samples ---- */

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The record has it as RFC 3339, in UTC. */
static int64_t created_us(const char *text)
{
	struct tm tm = { 0 };
	const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

	return rest ? (int64_t)timegm(&tm) * 1000000 + (*rest == '.' ? (int64_t)(strtod(rest, NULL) * 1e6) : 0) : 0;
}

/* Of one processor: since the sample before, or since the container was made. */
static double cpu_percent(const struct sample *now, const struct samples *before, const char *created)
{
	int64_t since = created_us(created);
	uint64_t used = 0;

	for (size_t i = 0; before && i < before->count; i++)
		if (strcmp(before->items[i].id, now->id) == 0) {
			since = before->items[i].at_us;
			used = before->items[i].usage.cpu_us;
		}
	if (now->at_us <= since || now->usage.cpu_us < used)
		return 0;
	return 100.0 * (double)(now->usage.cpu_us - used) / (double)(now->at_us - since);
}

/* Its own interfaces; the loopback carries what never leaves it. */
static void add_network(pid_t pid, struct sample *sample)
{
	struct net_counters counters[NET_COUNTERS_MAX];
	size_t count = net_counters_read(pid, counters, ARRAY_SIZE(counters));

	for (size_t i = 0; i < count; i++)
		if (strcmp(counters[i].name, "lo") != 0) {
			sample->received += counters[i].rx[0];
			sample->sent += counters[i].tx[0];
		}
}

static bool take(const struct cgroup_host *host, const struct container *container, const struct samples *before,
	struct sample *ret)
{
	const char *cgroup = container->record.cgroup;

	*ret = (struct sample){ .id = container->id, .status = container->status };
	if (!container->pid)
		return true;
	if (cgroup && cgroup_usage_read(host, cgroup, &ret->usage) < 0)
		return false; /* it has just ended */
	if (ret->usage.frozen && ret->status == SPEC_RUNNING)
		ret->status = SPEC_PAUSED;
	ret->at_us = now_us();
	ret->cpu_percent = cpu_percent(ret, before, container->record.created);
	if (!container->record.shares_network)
		add_network(container->pid, ret);
	return true;
}

static uint64_t memory_of_host(void)
{
	struct sysinfo info;

	return sysinfo(&info) < 0 ? UINT64_MAX : (uint64_t)info.totalram * info.mem_unit;
}

/* ---- many at once ----
 * Most of the time goes into the kernel's work for each small file, so a few threads share the containers. */

struct collecting {
	const struct stats_options *options;
	const struct cgroup_host *host;
	const struct samples *before;
	int root;
	bool named;
	uint64_t all_memory;
};

struct worker {
	const struct collecting *collecting;
	struct arena *arena;
	char *const *ids;
	size_t id_count;
	struct sample *items; /* as many as ids */
	size_t count;
	int result;
	struct error err;
	pthread_t thread;
	bool started;
};

/* Of the named ones, or of all that run. One that goes away meanwhile is left out; one that was named must be there. */
static int add_sample(struct worker *worker, const char *id)
{
	const struct cgroup_host no_cgroups = { .root = -1 }; /* whether it is paused, its numbers say */
	const struct collecting *collecting = worker->collecting;
	struct sample *sample = &worker->items[worker->count];
	struct container container;
	int r = container_open_with(
		&no_cgroups, collecting->root, id, worker->arena, &container, collecting->named ? &worker->err : NULL);

	if (r < 0)
		return collecting->named ? r : 0;
	if (take(collecting->host, &container, collecting->before, sample) &&
		(container.pid || collecting->named || collecting->options->all))
		worker->count++;
	if (sample->usage.memory_limit > collecting->all_memory)
		sample->usage.memory_limit = collecting->all_memory; /* the host has no more to give */
	container_close(&container);
	return 0;
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	for (size_t i = 0; worker->result == 0 && i < worker->id_count; i++)
		worker->result = add_sample(worker, worker->ids[i]);
	return NULL;
}

/* Those that cannot be started do their part here. */
static int share_out(struct worker *workers, size_t count, struct error *err)
{
	int r = 0;

	for (size_t i = 1; i < count; i++)
		workers[i].started = pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0;
	for (size_t i = 0; i < count; i++)
		if (!workers[i].started)
			work(&workers[i]);
	for (size_t i = 1; i < count; i++)
		if (workers[i].started)
			(void)pthread_join(workers[i].thread, NULL);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (workers[i].result < 0) {
			*err = workers[i].err;
			r = workers[i].result;
		}
	return r;
}

static size_t worker_count(size_t ids)
{
	size_t processors = (size_t)get_nprocs(), wanted = ids / WORTH_A_THREAD + 1;

	wanted = wanted > processors ? processors : wanted;
	return wanted > WORKERS_MAX ? WORKERS_MAX : wanted;
}

static int by_id(const void *left, const void *right)
{
	return strcmp(((const struct sample *)left)->id, ((const struct sample *)right)->id);
}

static int collect_of(
	const struct collecting *collecting, char *const *ids, size_t count, struct samples *ret, struct error *err)
{
	size_t workers_wanted = worker_count(count), done = 0;
	struct worker workers[WORKERS_MAX] = { 0 };
	int r;

	ret->items = ARENA_ARRAY(&ret->arenas[0], count, struct sample);
	for (size_t i = 0; i < workers_wanted; i++) {
		size_t from = count * i / workers_wanted;
		workers[i] = (struct worker){
			.collecting = collecting,
			.arena = &ret->arenas[i],
			.ids = ids + from,
			.id_count = count * (i + 1) / workers_wanted - from,
			.items = ret->items + from,
		};
	}
	r = share_out(workers, workers_wanted, err);
	for (size_t i = 0; i < workers_wanted; i++) { /* those left out leave no gaps */
		memmove(ret->items + done, workers[i].items, workers[i].count * sizeof(*ret->items));
		done += workers[i].count;
	}
	ret->count = done;
	if (!collecting->named && done)
		qsort(ret->items, done, sizeof(*ret->items), by_id);
	return r;
}

static int collect(const struct invocation *invocation, int root, const struct cgroup_host *host,
	const struct samples *before, struct samples *ret, struct error *err)
{
	const struct collecting collecting = {
		.options = invocation->options,
		.host = host,
		.before = before,
		.root = root,
		.named = invocation->arg_count > 0,
		.all_memory = memory_of_host(),
	};
	char **ids = invocation->args;
	size_t count = (size_t)invocation->arg_count;
	int r = 0;

	if (!collecting.named && root >= 0)
		r = cli_match_ids(invocation, root, NULL, &ids, &count, err);
	return r < 0 ? r : collect_of(&collecting, ids, count, ret, err);
}

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
	return cli_write_table(cells, COLUMNS, samples->count + 1, err);
}

/* ---- for programs ---- */

static void write_number(struct json_writer *w, const char *key, double value)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%.2f", value);

	json_number_text(w, key, text, (size_t)len);
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

/* ---- the command ---- */

static int write_samples(const struct invocation *invocation, const struct samples *samples, struct error *err)
{
	static int (*const writers[])(const struct samples *, struct arena *, struct error *) = {
		[FORMAT_TABLE] = write_table,
		[FORMAT_JSON] = write_json,
		[FORMAT_OPENMETRICS] = write_openmetrics,
	};
	const struct stats_options *options = invocation->options;

	if (options->stream && options->format == FORMAT_TABLE && isatty(STDOUT_FILENO))
		(void)printf("\033[H\033[J"); /* each table in the place of the one before */
	return writers[options->format](samples, invocation->arena, err);
}

/* Each round has its own memory, and the one before is kept to compare with. */
static int stream(const struct invocation *invocation, int root, const struct cgroup_host *host, struct error *err)
{
	const struct stats_options *options = invocation->options;
	struct samples rounds[2] = { 0 };
	struct invocation round = *invocation;
	int interval_ms = 1000, r = 0;

	if (options->interval)
		r = cli_parse_interval(options->interval, &interval_ms, err);
	for (size_t n = 0; r == 0; n++) {
		struct samples *now = &rounds[n % 2];
		round.arena = &now->arenas[0];
		for (int i = 0; i < WORKERS_MAX; i++) {
			arena_done(&now->arenas[i]);
			arena_init(&now->arenas[i]);
		}
		r = collect(&round, root, host, n ? &rounds[(n + 1) % 2] : NULL, now, err);
		if (r == 0)
			r = write_samples(&round, now, err);
		if (r < 0 || !options->stream)
			break;
		(void)nanosleep(&(struct timespec){ interval_ms / 1000, interval_ms % 1000 * 1000000L }, NULL);
	}
	for (int i = 0; i < 2 * WORKERS_MAX; i++)
		arena_done(&rounds[i / WORKERS_MAX].arenas[i % WORKERS_MAX]);
	return r;
}

static int stats_run(const struct invocation *invocation, struct error *err)
{
	struct cgroup_host host;
	cleanup_close int root = -1;
	int r = cli_open_root(invocation, false, &root, err);

	if (r == 0 && root < 0 && invocation->arg_count)
		r = error_bad(err, ENOENT, "container \"%s\" does not exist", invocation->args[0]);
	if (r == 0)
		r = cgroup_host_open(&host, err);
	if (r < 0)
		return r;
	r = stream(invocation, root, &host, err);
	cgroup_host_done(&host);
	return r;
}

static const struct option stats_options[] = {
	OPTION("all", 'a', OPTION_FLAG, struct stats_options, all, .help = "those that have ended, too"),
	OPTION("format", 'f', OPTION_CHOICE, struct stats_options, format, .value = "FORMAT", .choices = formats,
		.help = "table, json or openmetrics"),
	OPTION("interval", 0, OPTION_TEXT, struct stats_options, interval, .value = "TIME",
		.help = "how often with --stream (default: 1s)"),
	OPTION("no-stream", 0, OPTION_FLAG, struct stats_options, no_stream, .help = "accepted; it is the default"),
	OPTION("stream", 0, OPTION_FLAG, struct stats_options, stream, .help = "again and again, until interrupted"),
};

const struct command stats_command = {
	.name = "stats",
	.usage = "[OPTIONS] [ID...]",
	.summary = "Show what containers use: CPU, memory, network, IO, processes, and how long they wait for them.",
	.examples = "  husk stats                       CPU % is the average since the container was made\n"
		    "  husk stats --stream web db       CPU % is of the last interval\n"
		    "  husk stats --format json | jq '.[] | select(.memory.percent > 90).id'\n"
		    "  husk stats --format openmetrics >/var/lib/node_exporter/husk.prom",
	.options = stats_options,
	.option_count = ARRAY_SIZE(stats_options),
	.options_size = sizeof(struct stats_options),
	.max_args = 1 << 20,
	.failure_status = 1,
	.run = stats_run,
};
