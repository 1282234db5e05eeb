/* runtime/cli/watch.c: husk ps, husk events: what a container's processes are and use. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/program.h"
#include "base/text.h"
#include "netns/netns.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"

/* ---- ps ---- */

enum { FORMAT_TABLE, FORMAT_JSON };
static const char *const formats[] = { "table", "json", NULL };

enum { PS_MAX = 64 << 20 };

struct ps_options {
	unsigned format;
};

static int write_json(const int *pids, size_t count, struct error *err)
{
	struct json_writer w;

	json_write_init(&w);
	json_array(&w, NULL);
	for (size_t i = 0; i < count; i++)
		json_int(&w, NULL, pids[i]);
	json_array_end(&w);
	return cli_write_json(&w, false, err);
}

/* All that ps(1) prints, run with the arguments, or "-ef". */
static int run_ps(const struct invocation *invocation, char **ret_text, struct error *err)
{
	static char name[] = "ps", all[] = "-ef";
	char *const plain[] = { name, all, NULL };
	int status = 0, r;

	invocation->args[0] = name; /* the id was there */
	r = program_run(invocation->arg_count > 1 ? invocation->args : plain, STDOUT_FILENO, PS_MAX, invocation->arena,
		ret_text, &status, err);
	return r == -ENOENT ? error_hint(err, "install procps, or use --format json") : r;
}

/* Which column of the heading is PID; -1 where none is. */
static int pid_column(const char *heading)
{
	int column = 0;

	for (const char *at = heading + strspn(heading, " "); *at && *at != '\n'; column++) {
		size_t len = strcspn(at, " \n");
		if (len == 3 && strncmp(at, "PID", 3) == 0)
			return column;
		at += len;
		at += strspn(at, " ");
	}
	return -1;
}

static bool has_pid(const char *line, int column, const int *pids, size_t count)
{
	const char *at = line + strspn(line, " ");
	long pid;

	for (; column > 0; column--) {
		at += strcspn(at, " \n");
		at += strspn(at, " ");
	}
	pid = strtol(at, NULL, 10);
	for (size_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

static int write_table(const struct invocation *invocation, const int *pids, size_t count, struct error *err)
{
	char nothing[] = "", *text = nothing, *line;
	int column, r = run_ps(invocation, &text, err);

	if (r < 0)
		return r;
	column = pid_column(text);
	if (column < 0)
		return error_bad(err, EINVAL, "what ps prints with these options has no column PID");
	for (line = text; *line && r == 0;) {
		size_t len = strcspn(line, "\n");
		len += line[len] == '\n';
		if (line == text || has_pid(line, column, pids, count))
			r = cli_write(line, len, err);
		line += len;
	}
	return r;
}

static int ps_run(const struct invocation *invocation, struct error *err)
{
	const struct ps_options *options = invocation->options;
	struct container container;
	cleanup_close int root = -1;
	size_t count = 0;
	int *pids, r = cli_open_container(invocation, &root, &container, err);

	if (r < 0)
		return r;
	r = container_pids(&container, invocation->arena, &pids, &count, err);
	container_close(&container);
	if (r < 0)
		return r;
	return options->format == FORMAT_JSON ? write_json(pids, count, err)
					      : write_table(invocation, pids, count, err);
}

static const struct option ps_options[] = {
	OPTION("format", 'f', OPTION_CHOICE, struct ps_options, format, .value = "FORMAT", .choices = formats,
		.help = "table or json"),
};

const struct command ps_command = {
	.name = "ps",
	.usage = "[OPTIONS] ID [PS-OPTIONS]",
	.summary = "List the processes of a container, by their pids on the host.",
	.examples = "  husk ps web\n"
		    "  husk ps web -o pid,rss,comm\n"
		    "  husk ps --format json web",
	.options = ps_options,
	.option_count = ARRAY_SIZE(ps_options),
	.options_size = sizeof(struct ps_options),
	.min_args = 1,
	.max_args = 1 << 20,
	.options_first = true,
	.failure_status = 1,
	.run = ps_run,
};

/* ---- events ---- */

struct events_options {
	bool stats;
	const char *interval;
};

static void write_interface(struct json_writer *w, const struct net_counters *counters)
{
	json_object(w, NULL);
	json_string(w, "Name", counters->name);
	json_uint(w, "RxBytes", counters->rx[0]);
	json_uint(w, "RxPackets", counters->rx[1]);
	json_uint(w, "RxErrors", counters->rx[2]);
	json_uint(w, "RxDropped", counters->rx[3]);
	json_uint(w, "TxBytes", counters->tx[0]);
	json_uint(w, "TxPackets", counters->tx[1]);
	json_uint(w, "TxErrors", counters->tx[2]);
	json_uint(w, "TxDropped", counters->tx[3]);
	json_object_end(w);
}

static void write_interfaces(struct json_writer *w, pid_t pid)
{
	struct net_counters counters[NET_COUNTERS_MAX];
	size_t count = net_counters_read(pid, counters, ARRAY_SIZE(counters));

	json_array(w, "network_interfaces");
	for (size_t i = 0; i < count; i++)
		write_interface(w, &counters[i]);
	json_array_end(w);
}

/* One event a line; `cgroup` NULL leaves the data out. */
static int write_event(const struct container *container, const char *type, const struct cgroup_host *host,
	const char *cgroup, struct error *err)
{
	struct json_writer w;
	int r = 0;

	json_write_init(&w);
	json_object(&w, NULL);
	json_string(&w, "type", type);
	json_string(&w, "id", container->id);
	if (cgroup) {
		json_object(&w, "data");
		r = cgroup_stats_write(host, cgroup, &w, err);
		json_object(&w, "intel_rdt");
		json_object_end(&w);
		write_interfaces(&w, container->pid);
		json_object_end(&w);
	}
	json_object_end(&w);
	if (r == 0)
		return cli_write_json(&w, false, err);
	json_write_done(&w);
	return r;
}

/* Until nothing lives in it any more. */
static int stream(const struct container *container, const struct cgroup_host *host, int interval_ms, struct error *err)
{
	const char *cgroup = container->record.cgroup;
	uint64_t kills = cgroup_oom_kills(host, cgroup);
	int64_t next = clock_ms();
	int r = 0;

	while (r == 0) {
		int64_t left = next - clock_ms();
		uint64_t now = cgroup_oom_kills(host, cgroup);
		if (now > kills)
			r = write_event(container, "oom", NULL, NULL, err);
		kills = now;
		if (r == 0 && left <= 0) {
			r = write_event(container, "stats", host, cgroup, err);
			next += interval_ms;
			left = next - clock_ms();
		}
		if (r == 0 && !cgroup_wait(host, cgroup, left > 0 ? (int)left : 0))
			break;
	}
	return r;
}

static int watch(const struct invocation *invocation, const struct container *container, struct error *err)
{
	const struct events_options *options = invocation->options;
	const char *cgroup = container->record.cgroup;
	struct cgroup_host host;
	int interval_ms = 0, r;

	r = cli_parse_time("--interval", options->interval ? options->interval : "5s", &interval_ms, err);
	if (r == 0 && container->status == SPEC_STOPPED)
		r = error_bad(err, ESRCH, "container not running: \"%s\" is stopped", container->id);
	if (r == 0 && !cgroup)
		r = error_bad(err, ENOTSUP, "the container \"%s\" has no cgroup to be watched", container->id);
	if (r == 0)
		r = cgroup_host_open(&host, err);
	if (r < 0)
		return r;
	r = options->stats ? write_event(container, "stats", &host, cgroup, err)
			   : stream(container, &host, interval_ms, err);
	cgroup_host_done(&host);
	return r;
}

static int events_run(const struct invocation *invocation, struct error *err)
{
	struct container container;
	cleanup_close int root = -1;
	int r = cli_open_container(invocation, &root, &container, err);

	if (r < 0)
		return r;
	r = watch(invocation, &container, err);
	container_close(&container);
	return r;
}

static const struct option events_options[] = {
	OPTION("stats", 0, OPTION_FLAG, struct events_options, stats, .help = "once, then end"),
	OPTION("interval", 0, OPTION_TEXT, struct events_options, interval, .value = "TIME",
		.help = "how often (default: 5s)"),
};

const struct command events_command = {
	.name = "events",
	.usage = "[OPTIONS] ID",
	.summary = "Print what a container uses, one JSON object a line, and when the kernel kills for lack of memory.",
	.examples = "  husk events --stats web | jq .data.memory.usage\n"
		    "  husk events --interval 1s web",
	.options = events_options,
	.option_count = ARRAY_SIZE(events_options),
	.options_size = sizeof(struct events_options),
	.min_args = 1,
	.max_args = 1,
	.failure_status = 1,
	.run = events_run,
};
