/* runtime/cli/stats.h: what containers use at one moment, and how it is written. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "cgroups/cgroups.h"
#include "spec/spec.h"
struct error;

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

enum stats_format { STATS_TABLE, STATS_JSON, STATS_OPENMETRICS };

/* Writes them to standard output: a table for people, an array of JSON on one line, or OpenMetrics as promtool(1) takes it. */
int stats_write(const struct samples *samples, enum stats_format format, struct arena *arena, struct error *err);
