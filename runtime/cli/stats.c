/* runtime/cli/stats.c: husk stats: what containers use, for people, programs and monitoring. */
#include <errno.h>
#include <fcntl.h>
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
#include "base/text.h"
#include "cgroups/cgroups.h"
#include "netns/netns.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"
#include "runtime/cli/stats.h"

static const char *const formats[] = { "table", "json", "openmetrics", NULL };

struct stats_options {
	unsigned format;
	bool stream, no_stream, all;
	const char *interval;
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

/* ---- the command ---- */

static int write_samples(const struct invocation *invocation, const struct samples *samples, struct error *err)
{
	const struct stats_options *options = invocation->options;

	if (options->stream && options->format == STATS_TABLE && isatty(STDOUT_FILENO))
		(void)cli_write("\033[H\033[J", 6, NULL); /* each table in the place of the one before */
	return stats_write(samples, options->format, invocation->arena, err);
}

/* Each round has its own memory, and the one before is kept to compare with. */
static int stream(const struct invocation *invocation, int root, const struct cgroup_host *host, struct error *err)
{
	const struct stats_options *options = invocation->options;
	struct samples rounds[2] = { 0 };
	struct invocation round = *invocation;
	int interval_ms = 1000, r = 0;

	if (options->interval)
		r = cli_parse_time("--interval", options->interval, &interval_ms, err);
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
