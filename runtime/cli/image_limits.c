/* runtime/cli/image_limits.c: what a container from an image may use: memory, processors, processes, files. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/cli/command.h"
#include "runtime/cli/from_image.h"
#include "runtime/cli/values.h"

enum { MEMORY_MIN = 6 << 20 };

static bool has_controller(const char *name)
{
	char controllers[512];

	return file_read_small_at(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers", controllers, sizeof(controllers)) >=
		0 &&
		strstr(controllers, name);
}

static int decide_memory(struct from_image *from, struct error *err)
{
	const struct image_flags *flags = from->flags;
	struct spec_limit memory = { 0 }, swap = { 0 }, reservation = { 0 };
	int r = 0;

	if (flags->memory)
		r = value_bytes("memory", flags->memory, false, &memory.value, err);
	if (r == 0 && flags->memory_reservation)
		r = value_bytes("memory-reservation", flags->memory_reservation, false, &reservation.value, err);
	if (r == 0 && flags->memory_swap)
		r = value_bytes("memory-swap", flags->memory_swap, true, &swap.value, err);
	if (r < 0)
		return r;
	if (memory.value > 0 && memory.value < MEMORY_MIN)
		return error_bad(err, EINVAL, "--memory: \"%s\" is less than 6m", flags->memory);
	if (swap.value > 0 && !memory.value)
		return error_bad(err, EINVAL, "--memory-swap is memory plus swap: it needs --memory");
	if (swap.value > 0 && swap.value < memory.value)
		return error_bad(err, EINVAL,
			"--memory-swap: \"%s\" is memory plus swap, so it cannot be below --memory",
			flags->memory_swap);
	if (memory.value && !swap.value && memory.value <= INT64_MAX / 2)
		swap.value = memory.value * 2;
	memory.given = memory.value != 0;
	swap.given = swap.value != 0;
	reservation.given = reservation.value != 0;
	from->config.limits.memory = memory;
	from->config.limits.swap = swap;
	from->config.limits.reservation = reservation;
	return 0;
}

static int decide_cpus(struct from_image *from, struct error *err)
{
	const struct image_flags *flags = from->flags;
	struct spec_limit *quota = &from->config.limits.quota, *period = &from->config.limits.period;

	from->config.limits.cpus = flags->cpuset_cpus;
	from->config.limits.mems = flags->cpuset_mems;
	if (!flags->cpus)
		return 0;
	if (flags->cpu_quota || flags->cpu_period)
		return error_bad(
			err, EINVAL, "--cpus says what --cpu-quota and --cpu-period do: give one or the other");
	*period = (struct spec_limit){ .given = true, .value = 100000 };
	quota->given = true;
	return value_cpus(flags->cpus, &quota->value, err);
}

static int decide_numbers(struct from_image *from, struct error *err)
{
	const struct image_flags *flags = from->flags;
	const struct {
		const char *option, *text;
		int64_t min, max;
		struct spec_limit *limit;
	} numbers[] = {
		{ "cpu-shares", flags->cpu_shares, 2, 262144, &from->config.limits.shares },
		{ "cpu-quota", flags->cpu_quota, 1000, INT64_MAX, &from->config.limits.quota },
		{ "cpu-period", flags->cpu_period, 1000, 1000000, &from->config.limits.period },
		{ "pids-limit", flags->pids_limit, -1, INT32_MAX, &from->config.limits.pids },
		{ "blkio-weight", flags->blkio_weight, 10, 1000, &from->config.limits.blkio_weight },
	};
	int r = 0;

	/* a default is no reason to fail where cgroups cannot keep it */
	if (!flags->pids_limit)
		from->config.limits.pids.given = !from->rootless && has_controller("pids") &&
			from->invocation->globals->cgroup_manager != CGROUP_MANAGER_DISABLED;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(numbers); i++) {
		if (!numbers[i].text)
			continue;
		numbers[i].limit->given = true;
		r = value_number(numbers[i].option, numbers[i].text, numbers[i].min, numbers[i].max,
			&numbers[i].limit->value, err);
	}
	if (flags->pids_limit &&
		from->config.limits.pids.value == 0) /* as docker has it; to the specification 0 is a limit */
		from->config.limits.pids.value = -1;
	return r;
}

static int decide_rlimits(struct from_image *from, struct error *err)
{
	const struct option_list *list = &from->flags->ulimit;
	struct config *config = &from->config;
	int64_t score = 0;
	int r = 0;

	config->rlimits = ARENA_ARRAY(from->arena, list->count, struct spec_rlimit);
	for (size_t i = 0; r == 0 && i < list->count; i++) {
		struct spec_rlimit limit = { 0 };
		size_t at = 0;
		r = value_ulimit(list->items[i], &limit, err);
		while (at < config->rlimit_count && config->rlimits[at].resource != limit.resource)
			at++;
		config->rlimits[at] = limit; /* the last one given wins */
		config->rlimit_count += at == config->rlimit_count;
	}
	if (r == 0 && from->flags->oom_score_adj) {
		r = value_number("oom-score-adj", from->flags->oom_score_adj, -1000, 1000, &score, err);
		config->has_oom_score_adj = true;
		config->oom_score_adj = (int)score;
	}
	return r;
}

int image_config_limits(struct from_image *from, struct error *err)
{
	int r = decide_memory(from, err);

	if (r == 0)
		r = decide_cpus(from, err);
	if (r == 0)
		r = decide_numbers(from, err);
	return r < 0 ? r : decide_rlimits(from, err);
}
