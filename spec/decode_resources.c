/* spec/decode_resources.c: linux.resources as written [config-linux.md, Control groups].
 *
 * Only what a value is, is checked here; what it means on cgroup v2 is the business of cgroups/. */
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"
#include "spec/decode.h"
#include "spec/json.h"

enum {
	RESOURCES_MAX_DEVICES = 1024, /* of one list of blockIO */
	RESOURCES_MAX_PAGE_SIZES = 64,
	RESOURCES_MAX_RDMA = 256,
	RESOURCES_MAX_FILES = 256,
	RESOURCES_MAX_PRIORITIES = 256,
};

#define LIMIT(name, member, ...) FIELD(name, decode_limit, struct spec_resources, member, __VA_ARGS__)

/* Each group of limits lies in the struct of the whole, so that its object is the whole. */
static void decode_group(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	(void)decode_fields(value, field->type, object, decoder);
}

#define GROUP(name, group_type) FIELD(name, decode_group, struct spec_resources, given, .type = &(group_type))

/* ---- device rules ---- */

static bool is_rule_type(const char *text)
{
	return strlen(text) == 1 && strchr("abc", *text);
}

static bool is_access(const char *text)
{
	return *text && text[strspn(text, "rwm")] == '\0';
}

static const struct string_rule rule_type_rule = { is_rule_type, "\"a\", \"b\" or \"c\"" };
static const struct string_rule access_rule = { is_access, "letters of \"rwm\"" };

struct rule_entry {
	bool allow;
	const char *type, *access;
	int64_t major, minor;
};

static const struct field device_rule_fields[] = {
	FIELD("allow", decode_bool, struct rule_entry, allow, .required = true),
	FIELD("type", decode_string, struct rule_entry, type, .empty_is_absent = true, .rule = &rule_type_rule),
	FIELD("major", decode_s64, struct rule_entry, major, .min = -1, .max = UINT32_MAX),
	FIELD("minor", decode_s64, struct rule_entry, minor, .min = -1, .max = UINT32_MAX),
	FIELD("access", decode_string, struct rule_entry, access, .empty_is_absent = true, .rule = &access_rule),
};

static const struct object_type device_rule_type = { FIELDS(device_rule_fields) };

static void decode_device_rules(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_resources *resources = object;

	if (!decode_is_array(value, field->max, decoder))
		return;
	resources->devices = ARENA_ARRAY(decoder->arena, value->count, struct spec_device_rule);
	json_for_each(child, value) {
		struct rule_entry entry = { .type = "a", .access = "rwm", .major = -1, .minor = -1 };
		if (!decode_fields(child, field->type, &entry, decoder))
			continue;
		resources->devices[resources->device_count++] = (struct spec_device_rule){
			.allow = entry.allow,
			.type = *entry.type,
			.major = entry.major,
			.minor = entry.minor,
			.read = strchr(entry.access, 'r'),
			.write = strchr(entry.access, 'w'),
			.mknod = strchr(entry.access, 'm'),
		};
	}
}

/* ---- memory, cpu, pids ---- */

static const struct field memory_fields[] = {
	LIMIT("limit", memory.limit, .min = -1, .max = INT64_MAX),
	LIMIT("reservation", memory.reservation, .min = -1, .max = INT64_MAX),
	LIMIT("swap", memory.swap, .min = -1, .max = INT64_MAX),
	LIMIT("kernel", memory.kernel, .min = -1, .max = INT64_MAX),
	LIMIT("kernelTCP", memory.kernel_tcp, .min = -1, .max = INT64_MAX),
	LIMIT("swappiness", memory.swappiness, .max = 100),
	FIELD("disableOOMKiller", decode_bool, struct spec_resources, memory.disable_oom_killer,
		.given = MARK(struct spec_resources, memory.has_disable_oom_killer)),
	FIELD("useHierarchy", decode_bool, struct spec_resources, memory.use_hierarchy,
		.given = MARK(struct spec_resources, memory.has_use_hierarchy)),
	FIELD("checkBeforeUpdate", decode_bool, struct spec_resources, memory.check_before_update),
};

static const struct object_type memory_type = { FIELDS(memory_fields) };

static const struct field cpu_fields[] = {
	LIMIT("shares", cpu.shares, .max = INT64_MAX),
	LIMIT("quota", cpu.quota),
	LIMIT("period", cpu.period, .max = INT64_MAX),
	LIMIT("burst", cpu.burst, .max = INT64_MAX),
	LIMIT("idle", cpu.idle, .max = 1),
	LIMIT("realtimeRuntime", cpu.realtime_runtime),
	LIMIT("realtimePeriod", cpu.realtime_period, .max = INT64_MAX),
	FIELD("cpus", decode_number_list, struct spec_resources, cpu.cpus),
	FIELD("mems", decode_number_list, struct spec_resources, cpu.mems),
};

static const struct object_type cpu_type = { FIELDS(cpu_fields) };

static const struct field pids_fields[] = {
	LIMIT("limit", pids, .required = true, .min = -1, .max = INT64_MAX),
};

static const struct object_type pids_type = { FIELDS(pids_fields) };

/* ---- block devices ---- */

#define DEVICE_NUMBER(type)                                                                                            \
	FIELD("major", decode_u32, type, device.major, .required = true),                                              \
		FIELD("minor", decode_u32, type, device.minor, .required = true)

struct weight_entry {
	struct spec_device_number device;
	struct spec_limit weight, leaf_weight;
};

static void finish_weight(const struct json *value, void *object, struct decoder *decoder)
{
	const struct weight_entry *entry = object;

	if (!entry->weight.given && !entry->leaf_weight.given)
		decode_fault_at(value, "weight", decoder, "required where there is no leafWeight, but missing");
	if (entry->weight.given && entry->weight.value < 10)
		decode_fault_at(value, "weight", decoder, "expected an integer from 10 to 1000, found %" PRId64,
			entry->weight.value);
}

static const struct field weight_fields[] = {
	DEVICE_NUMBER(struct weight_entry),
	FIELD("weight", decode_limit, struct weight_entry, weight, .max = 1000),
	FIELD("leafWeight", decode_limit, struct weight_entry, leaf_weight, .max = 1000),
};

static const struct object_type weight_type = { FIELDS(weight_fields), .finish = finish_weight };

static void decode_weight_devices(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_resources *resources = object;

	if (!decode_is_array(value, field->max, decoder))
		return;
	resources->io.weight_devices = ARENA_ARRAY(decoder->arena, value->count, struct spec_weight_device);
	json_for_each(child, value) {
		struct weight_entry entry = { 0 };
		if (decode_fields(child, field->type, &entry, decoder))
			resources->io.weight_devices[resources->io.weight_device_count++] = (struct spec_weight_device){
				.device = entry.device,
				.has_weight = entry.weight.given,
				.weight = (uint16_t)entry.weight.value,
			};
	}
}

static const struct field throttle_fields[] = {
	DEVICE_NUMBER(struct spec_throttle_device),
	FIELD("rate", decode_u64, struct spec_throttle_device, rate, .required = true),
};

static const struct object_type throttle_type = { FIELDS(throttle_fields) };

/* The four lists of the specification are one here: a rate, and io.max's word for what it counts. */
static void decode_throttle(const struct json *value, const char *key, void *object, struct decoder *decoder)
{
	struct spec_resources *resources = object;
	size_t before = resources->io.throttle_device_count;
	struct spec_throttle_device *all;

	if (!decode_is_array(value, RESOURCES_MAX_DEVICES, decoder))
		return;
	all = ARENA_ARRAY(decoder->arena, before + value->count, struct spec_throttle_device);
	if (before)
		memcpy(all, resources->io.throttle_devices, before * sizeof(*all));
	resources->io.throttle_devices = all;
	json_for_each(child, value) {
		struct spec_throttle_device device = { .key = key };
		if (decode_fields(child, &throttle_type, &device, decoder))
			all[resources->io.throttle_device_count++] = device;
	}
}

#define THROTTLE(function, word)                                                                                       \
	static void function(const struct json *value, const struct field *field, void *object, struct decoder *d)     \
	{                                                                                                              \
		(void)field;                                                                                           \
		decode_throttle(value, word, object, d);                                                               \
	}
THROTTLE(decode_read_bytes, "rbps")
THROTTLE(decode_write_bytes, "wbps")
THROTTLE(decode_reads, "riops")
THROTTLE(decode_writes, "wiops")

static const struct field block_io_fields[] = {
	LIMIT("weight", io.weight, .max = 1000),
	LIMIT("leafWeight", io.leaf_weight, .max = 1000),
	FIELD("weightDevice", decode_weight_devices, struct spec_resources, io.weight_devices,
		.max = RESOURCES_MAX_DEVICES, .type = &weight_type),
	FIELD("throttleReadBpsDevice", decode_read_bytes, struct spec_resources, io.throttle_devices),
	FIELD("throttleWriteBpsDevice", decode_write_bytes, struct spec_resources, io.throttle_devices),
	FIELD("throttleReadIOPSDevice", decode_reads, struct spec_resources, io.throttle_devices),
	FIELD("throttleWriteIOPSDevice", decode_writes, struct spec_resources, io.throttle_devices),
};

static void finish_block_io(const struct json *value, void *object, struct decoder *decoder)
{
	const struct spec_limit *weight = &((const struct spec_resources *)object)->io.weight;

	if (weight->given && weight->value != 0 && weight->value < 10)
		decode_fault_at(
			value, "weight", decoder, "expected an integer from 10 to 1000, found %" PRId64, weight->value);
}

static const struct object_type block_io_type = { FIELDS(block_io_fields), .finish = finish_block_io };

/* ---- huge pages, network, rdma ---- */

static bool is_page_size(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && *text != '0' && text[digits] && strchr("KMG", text[digits]) &&
		strcmp(text + digits + 1, "B") == 0;
}

static const struct string_rule page_size_rule = { is_page_size, "a page size as \"2MB\"" };

static const struct field hugepage_fields[] = {
	FIELD("pageSize", decode_string, struct spec_hugepage_limit, page_size, .required = true,
		.rule = &page_size_rule),
	FIELD("limit", decode_u64, struct spec_hugepage_limit, limit_bytes, .required = true),
};

static const struct object_type hugepage_type = {
	FIELDS(hugepage_fields),
	.size = sizeof(struct spec_hugepage_limit),
};

struct priority_entry {
	const char *name;
	uint32_t priority;
};

static const struct field priority_fields[] = {
	FIELD("name", decode_string, struct priority_entry, name, .required = true),
	FIELD("priority", decode_u32, struct priority_entry, priority, .required = true),
};

static const struct object_type priority_type = { FIELDS(priority_fields) };

static void decode_priorities(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct priority_entry entry;

	if (!decode_is_array(value, field->max, decoder))
		return;
	json_for_each(child, value)
		(void)decode_fields(child, field->type, &entry, decoder);
	*(size_t *)field_at(field, object) = value->count;
}

static const struct field network_fields[] = {
	FIELD("classID", decode_u32, struct spec_resources, network.class_id,
		.given = MARK(struct spec_resources, network.has_class_id)),
	FIELD("priorities", decode_priorities, struct spec_resources, network.priority_count,
		.max = RESOURCES_MAX_PRIORITIES, .type = &priority_type),
};

static const struct object_type network_type = { FIELDS(network_fields) };

static const struct field rdma_fields[] = {
	FIELD("hcaHandles", decode_u32, struct spec_rdma_limit, handles,
		.given = MARK(struct spec_rdma_limit, has_handles)),
	FIELD("hcaObjects", decode_u32, struct spec_rdma_limit, objects,
		.given = MARK(struct spec_rdma_limit, has_objects)),
};

static void finish_rdma(const struct json *value, void *object, struct decoder *decoder)
{
	const struct spec_rdma_limit *limit = object;

	if (!limit->has_handles && !limit->has_objects)
		decode_fault(value, decoder, "hcaHandles or hcaObjects is required");
}

static const struct object_type rdma_type = { FIELDS(rdma_fields), .finish = finish_rdma };

static bool is_word(const char *text)
{
	return *text && text[strcspn(text, " \t\n")] == '\0';
}

static void decode_rdma(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_resources *resources = object;

	if (!decode_is_map(value, field->max, decoder))
		return;
	resources->rdma = ARENA_ARRAY(decoder->arena, value->count, struct spec_rdma_limit);
	json_for_each(child, value) {
		struct spec_rdma_limit limit = { .device = child->key };
		if (!is_word(child->key))
			decode_fault(child, decoder, "the name of an RDMA device has no blanks");
		else if (decode_fields(child, field->type, &limit, decoder))
			resources->rdma[resources->rdma_count++] = limit;
	}
}

/* ---- all of them ---- */

static const struct field resources_fields[] = {
	FIELD("devices", decode_device_rules, struct spec_resources, devices, .max = SPEC_MAX_DEVICE_RULES,
		.type = &device_rule_type),
	GROUP("memory", memory_type),
	GROUP("cpu", cpu_type),
	GROUP("blockIO", block_io_type),
	GROUP("pids", pids_type),
	LIST("hugepageLimits", decode_list, struct spec_resources, hugepages, hugepage_count, RESOURCES_MAX_PAGE_SIZES,
		.type = &hugepage_type),
	GROUP("network", network_type),
	FIELD("rdma", decode_rdma, struct spec_resources, rdma, .max = RESOURCES_MAX_RDMA, .type = &rdma_type),
	LIST("unified", decode_pairs, struct spec_resources, unified, unified_count, RESOURCES_MAX_FILES),
};

const struct object_type resources_type = { FIELDS(resources_fields) };
