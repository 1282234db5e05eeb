/* runtime/cli/resources.c: husk pause, resume, update: the cgroup of a container that is there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"

/* ---- pause, resume ---- */

static int pause_it(const struct invocation *invocation, struct container *container, struct error *err)
{
	(void)invocation;
	return container_freeze(container, true, err);
}

static int resume_it(const struct invocation *invocation, struct container *container, struct error *err)
{
	(void)invocation;
	return container_freeze(container, false, err);
}

static int pause_run(const struct invocation *invocation, struct error *err)
{
	return cli_with_container(invocation, pause_it, err);
}

static int resume_run(const struct invocation *invocation, struct error *err)
{
	return cli_with_container(invocation, resume_it, err);
}

const struct command pause_command = {
	.name = "pause",
	.usage = "ID",
	.summary = "Stop every process of a container, until husk resume.",
	.examples = "  husk pause web",
	.min_args = 1,
	.max_args = 1,
	.failure_status = 1,
	.run = pause_run,
};

const struct command resume_command = {
	.name = "resume",
	.usage = "ID",
	.summary = "Let the processes of a paused container go on.",
	.examples = "  husk resume web",
	.min_args = 1,
	.max_args = 1,
	.failure_status = 1,
	.run = resume_run,
};

/* ---- update ---- */

enum { RESOURCES_MAX = 16 << 20 };

struct update_options {
	const char *resources;
	const char *blkio_weight, *cpu_period, *cpu_quota, *cpu_burst, *cpu_share, *cpu_idle, *cpu_rt_period,
		*cpu_rt_runtime, *cpuset_cpus, *cpuset_mems, *memory, *memory_reservation, *memory_swap, *kernel_memory,
		*kernel_memory_tcp, *pids_limit, *l3_cache_schema, *mem_bw_schema;
	struct option_list weight_device, read_bps, write_bps, read_iops, write_iops;
};

/* Those of devices are lists of PATH:VALUE. */
enum unit { NUMBER, BYTES, TEXT, DEVICE_WEIGHT, DEVICE_BYTES, DEVICE_NUMBER };

/* In the order of the document that they are put into. */
static const struct {
	const char *object, *key; /* of linux.resources */
	const char *option;
	size_t offset;
	enum unit unit;
} values[] = {
#define VALUE(object, key, option, member, unit)                                                                       \
	{                                                                                                              \
		object, key, option, offsetof(struct update_options, member), unit                                     \
	}
	VALUE("blockIO", "weight", "blkio-weight", blkio_weight, NUMBER),
	VALUE("blockIO", "weightDevice", "blkio-weight-device", weight_device, DEVICE_WEIGHT),
	VALUE("blockIO", "throttleReadBpsDevice", "device-read-bps", read_bps, DEVICE_BYTES),
	VALUE("blockIO", "throttleWriteBpsDevice", "device-write-bps", write_bps, DEVICE_BYTES),
	VALUE("blockIO", "throttleReadIOPSDevice", "device-read-iops", read_iops, DEVICE_NUMBER),
	VALUE("blockIO", "throttleWriteIOPSDevice", "device-write-iops", write_iops, DEVICE_NUMBER),
	VALUE("cpu", "shares", "cpu-share", cpu_share, NUMBER),
	VALUE("cpu", "quota", "cpu-quota", cpu_quota, NUMBER),
	VALUE("cpu", "period", "cpu-period", cpu_period, NUMBER),
	VALUE("cpu", "burst", "cpu-burst", cpu_burst, NUMBER),
	VALUE("cpu", "idle", "cpu-idle", cpu_idle, NUMBER),
	VALUE("cpu", "realtimePeriod", "cpu-rt-period", cpu_rt_period, NUMBER),
	VALUE("cpu", "realtimeRuntime", "cpu-rt-runtime", cpu_rt_runtime, NUMBER),
	VALUE("cpu", "cpus", "cpuset-cpus", cpuset_cpus, TEXT),
	VALUE("cpu", "mems", "cpuset-mems", cpuset_mems, TEXT),
	VALUE("memory", "limit", "memory", memory, BYTES),
	VALUE("memory", "reservation", "memory-reservation", memory_reservation, BYTES),
	VALUE("memory", "swap", "memory-swap", memory_swap, BYTES),
	VALUE("memory", "kernel", "kernel-memory", kernel_memory, BYTES),
	VALUE("memory", "kernelTCP", "kernel-memory-tcp", kernel_memory_tcp, BYTES),
	VALUE("pids", "limit", "pids-limit", pids_limit, NUMBER),
};

static bool given(const struct update_options *options, size_t i)
{
	const char *at = (const char *)options + values[i].offset;

	return values[i].unit >= DEVICE_WEIGHT ? ((const struct option_list *)at)->count > 0
					       : *(const char *const *)at != NULL;
}

/* "512m", "1GiB", "-1" */
static int parse_bytes(const char *text, int64_t *ret)
{
	static const char units[] = "kmgtpe";
	char digits[24];
	size_t len = strspn(text, "-0123456789");
	const char *rest = text + len;
	const char *unit = *rest ? strchr(units, *rest | 0x20) : NULL;
	int64_t number;
	int r;

	if (len >= sizeof(digits))
		return -ERANGE;
	memcpy(digits, text, len);
	digits[len] = '\0';
	r = text_to_s64(digits, -1, INT64_MAX, &number);
	if (r == 0 && unit) {
		int shift = 10 * (int)(unit - units + 1);
		r = number > INT64_MAX >> shift || number < 0 ? -ERANGE : 0;
		number = r == 0 ? number << shift : 0;
		rest++;
	}
	if (unit && strncasecmp(rest, "ib", 2) == 0)
		rest += 2;
	else if (*rest == 'b' || *rest == 'B')
		rest++;
	*ret = number;
	return r == 0 && *rest ? -EINVAL : r;
}

static int read_number(size_t i, const char *text, int64_t *ret, struct error *err)
{
	bool bytes = values[i].unit == BYTES || values[i].unit == DEVICE_BYTES;
	int r = bytes ? parse_bytes(text, ret) : text_to_s64(text, INT64_MIN, INT64_MAX, ret);

	return r == 0 ? 0
		      : error_bad(err, EINVAL, "--%s: expected %s, found \"%s\"", values[i].option,
				bytes ? "a size as 512m" : "a number", text);
}

/* "/dev/sda:10mb", "8:0:10mb" */
static int write_device(struct json_writer *w, size_t i, const char *text, struct error *err)
{
	const char *colon = strrchr(text, ':');
	char *device = colon ? strndup(text, (size_t)(colon - text)) : NULL;
	unsigned major = 0, minor = 0;
	struct stat st;
	int64_t number = 0;
	int r = 0;

	if (!device)
		return error_bad(err, EINVAL, "--%s: expected DEVICE:VALUE, as /dev/sda:10mb, found \"%s\"",
			values[i].option, text);
	if (sscanf(device, "%u:%u", &major, &minor) != 2) { /* NOLINT(cert-err34-c): the kernel checks what it is */
		if (stat(device, &st) < 0)
			r = error_sys(err, errno, "--%s: look at %s", values[i].option, device);
		else if (!S_ISBLK(st.st_mode))
			r = error_bad(err, ENOTBLK, "--%s: %s is no block device", values[i].option, device);
		else
			major = major(st.st_rdev), minor = minor(st.st_rdev);
	}
	if (r == 0)
		r = read_number(i, colon + 1, &number, err);
	json_object(w, NULL);
	json_uint(w, "major", major);
	json_uint(w, "minor", minor);
	json_int(w, values[i].unit == DEVICE_WEIGHT ? "weight" : "rate", number);
	json_object_end(w);
	free(device);
	return r;
}

static int write_devices(struct json_writer *w, size_t i, const struct option_list *list, struct error *err)
{
	int r = 0;

	json_array(w, values[i].key);
	for (size_t n = 0; r == 0 && n < list->count; n++)
		r = write_device(w, i, list->items[n], err);
	json_array_end(w);
	return r;
}

static int write_value(struct json_writer *w, const struct update_options *options, size_t i, struct error *err)
{
	const char *at = (const char *)options + values[i].offset;
	const char *text = *(const char *const *)at;
	int64_t number = 0;
	int r;

	if (values[i].unit >= DEVICE_WEIGHT)
		return write_devices(w, i, (const struct option_list *)at, err);
	if (values[i].unit == TEXT) {
		json_string(w, values[i].key, text);
		return 0;
	}
	r = read_number(i, text, &number, err);
	json_int(w, values[i].key, number);
	return r;
}

/* The options as the document that --resources would have, so that both are read and checked alike. */
static int write_document(const struct update_options *options, struct json_writer *w, struct error *err)
{
	const char *open = NULL;
	int r = 0;

	json_object(w, NULL);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(values); i++) {
		if (!given(options, i))
			continue;
		if (open && strcmp(open, values[i].object) != 0)
			json_object_end(w);
		if (!open || strcmp(open, values[i].object) != 0)
			json_object(w, values[i].object);
		open = values[i].object;
		r = write_value(w, options, i, err);
	}
	if (open)
		json_object_end(w);
	json_object_end(w);
	return r;
}

static int document_of_options(const struct invocation *invocation, char **ret_text, size_t *ret_len, struct error *err)
{
	struct json_writer w;
	const char *text;
	int r;

	json_write_init(&w);
	r = write_document(invocation->options, &w, err);
	text = json_write_end(&w, ret_len);
	*ret_text = arena_strdup(invocation->arena, text ? text : "{}");
	json_write_done(&w);
	return r;
}

static int read_resources(const struct invocation *invocation, struct spec_resources *ret, struct error *err)
{
	const struct update_options *options = invocation->options;
	struct faults faults;
	char *text = NULL;
	size_t len = 0;
	int r;

	if (options->resources)
		r = cli_read_file(invocation, options->resources, RESOURCES_MAX, &text, &len, err);
	else
		r = document_of_options(invocation, &text, &len, err);
	if (r < 0)
		return r;
	faults_init(&faults, invocation->arena, options->resources ? options->resources : NULL);
	r = spec_parse_resources(text, len, invocation->arena, ret, &faults, err);
	return r == 0 && faults.count ? cli_tell_faults(&faults, invocation->arena, err) : r;
}

static int update_it(const struct invocation *invocation, struct container *container, struct error *err)
{
	const struct update_options *options = invocation->options;
	struct spec_resources resources;
	struct faults faults;
	int r = read_resources(invocation, &resources, err);

	faults_init(&faults, invocation->arena, NULL);
	if (r == 0)
		r = container_update(container, &resources, invocation->arena, &faults, err);
	if (faults.count)
		return cli_tell_faults(&faults, invocation->arena, err);
	if (r == 0 && (options->l3_cache_schema || options->mem_bw_schema))
		r = container_update_resctrl(container, options->l3_cache_schema, options->mem_bw_schema, err);
	return r;
}

static int update_run(const struct invocation *invocation, struct error *err)
{
	return cli_with_container(invocation, update_it, err);
}

#define DEVICE_OPTION(name, member, word, text)                                                                        \
	OPTION(name, 0, OPTION_LIST, struct update_options, member, .value = (word), .help = (text))
#define UPDATE_OPTION(name, member, word, text)                                                                        \
	OPTION(name, 0, OPTION_TEXT, struct update_options, member, .value = (word), .help = (text))

static const struct option update_options[] = {
	OPTION("resources", 'r', OPTION_TEXT, struct update_options, resources, .value = "FILE",
		.help = "linux.resources as JSON (- is stdin); then the options below do not count"),
	UPDATE_OPTION("blkio-weight", blkio_weight, "N", "share of IO, 10 to 1000"),
	DEVICE_OPTION("blkio-weight-device", weight_device, "DEVICE:N", "the same on one device, as /dev/sda:200"),
	DEVICE_OPTION("device-read-bps", read_bps, "DEVICE:SIZE", "bytes read a second, as /dev/sda:10mb"),
	DEVICE_OPTION("device-write-bps", write_bps, "DEVICE:SIZE", "bytes written a second"),
	DEVICE_OPTION("device-read-iops", read_iops, "DEVICE:N", "reads a second"),
	DEVICE_OPTION("device-write-iops", write_iops, "DEVICE:N", "writes a second"),
	UPDATE_OPTION("cpu-share", cpu_share, "N", "share of CPU, 2 to 262144"),
	UPDATE_OPTION("cpu-quota", cpu_quota, "US", "microseconds of CPU in each period; -1 is no limit"),
	UPDATE_OPTION("cpu-period", cpu_period, "US", "length of a period"),
	UPDATE_OPTION("cpu-burst", cpu_burst, "US", "what a period may take over from those before"),
	UPDATE_OPTION("cpu-idle", cpu_idle, "0|1", "run only when nothing else wants to"),
	UPDATE_OPTION("cpu-rt-period", cpu_rt_period, "US", "cgroup v1 only"),
	UPDATE_OPTION("cpu-rt-runtime", cpu_rt_runtime, "US", "cgroup v1 only"),
	UPDATE_OPTION("cpuset-cpus", cpuset_cpus, "LIST", "processors, as 0-3,7"),
	UPDATE_OPTION("cpuset-mems", cpuset_mems, "LIST", "memory nodes"),
	UPDATE_OPTION("memory", memory, "SIZE", "memory, as 512m; -1 is no limit"),
	UPDATE_OPTION("memory-reservation", memory_reservation, "SIZE", "memory that is taken away last"),
	UPDATE_OPTION("memory-swap", memory_swap, "SIZE", "memory plus swap; -1 is no limit"),
	UPDATE_OPTION("kernel-memory", kernel_memory, "SIZE", "cgroup v1 only"),
	UPDATE_OPTION("kernel-memory-tcp", kernel_memory_tcp, "SIZE", "cgroup v1 only"),
	UPDATE_OPTION("pids-limit", pids_limit, "N", "processes and threads; -1 is no limit"),
	UPDATE_OPTION("l3-cache-schema", l3_cache_schema, "SCHEMA", "cache of the container's resctrl group"),
	UPDATE_OPTION("mem-bw-schema", mem_bw_schema, "SCHEMA", "memory bandwidth of its resctrl group"),
};

const struct command update_command = {
	.name = "update",
	.usage = "[OPTIONS] ID",
	.summary = "Change the limits of a container; what is not given stays as it is.",
	.examples = "  husk update --memory 512m --pids-limit 200 web\n"
		    "  husk update --device-write-bps /dev/sda:10mb web\n"
		    "  husk update --resources - web < resources.json",
	.options = update_options,
	.option_count = ARRAY_SIZE(update_options),
	.options_size = sizeof(struct update_options),
	.min_args = 1,
	.max_args = 1,
	.failure_status = 1,
	.run = update_run,
};
