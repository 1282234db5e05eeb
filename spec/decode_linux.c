/* spec/decode_linux.c: namespaces, ids, devices and the rest of the linux object [config-linux.md]. */
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <net/if.h>
#include <string.h>
#include <sys/personality.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"
#include "spec/decode.h"
#include "spec/json.h"
#include "spec/words.h"

enum {
	LINUX_MAX_NET_DEVICES = 256,
	LINUX_MAX_SCHEMATA = 256,
	LINUX_MAX_FLAGS = 64,
	DEVICE_MAJOR_MAX = (1 << 12) - 1, /* [makedev(3); linux/kdev_t.h: 12 and 20 bits] */
	DEVICE_MINOR_MAX = (1 << 20) - 1,
};

/* ---- ids ---- */

static void finish_id_mapping(const struct json *value, void *object, struct decoder *decoder)
{
	const struct spec_id_mapping *m = object;
	uint64_t ids = (uint64_t)SPEC_ID_MAX + 1;

	if (m->size > ids - m->container_id || m->size > ids - m->host_id)
		decode_fault_at(value, "size", decoder, "%" PRIu32 " ids from there go beyond the last one, %" PRIu32,
			m->size, SPEC_ID_MAX);
}

static const struct field id_mapping_fields[] = {
	FIELD("containerID", decode_u32, struct spec_id_mapping, container_id, .required = true, .max = SPEC_ID_MAX),
	FIELD("hostID", decode_u32, struct spec_id_mapping, host_id, .required = true, .max = SPEC_ID_MAX),
	FIELD("size", decode_u32, struct spec_id_mapping, size, .required = true, .min = 1, .max = UINT32_MAX),
};

static const struct object_type id_mapping_type = {
	FIELDS(id_mapping_fields),
	.size = sizeof(struct spec_id_mapping),
	.finish = finish_id_mapping,
};

void decode_id_mappings(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	static const struct field list = LIST(
		"", decode_list, struct spec_id_mappings, items, count, SPEC_MAX_ID_MAPPINGS, .type = &id_mapping_type);

	decode_list(value, &list, field_at(field, object), decoder);
}

/* ---- namespaces ---- */

static const struct word namespace_list[] = {
	{ "user", SPEC_NS_USER },
	{ "pid", SPEC_NS_PID },
	{ "network", SPEC_NS_NETWORK },
	{ "mount", SPEC_NS_MOUNT },
	{ "ipc", SPEC_NS_IPC },
	{ "uts", SPEC_NS_UTS },
	{ "cgroup", SPEC_NS_CGROUP },
	{ "time", SPEC_NS_TIME },
};
static const struct words namespace_words = { .what = "namespace", WORDS(namespace_list) };

struct namespace_entry {
	int kind;
	const char *path;
};

static const struct field namespace_fields[] = {
	FIELD("type", decode_word, struct namespace_entry, kind, .required = true, .words = &namespace_words),
	FIELD("path", decode_string, struct namespace_entry, path, .empty_is_absent = true,
		.rule = &rule_absolute_path),
};

static const struct object_type namespace_type = { FIELDS(namespace_fields) };

static void decode_namespaces(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_namespace_request *requests = field_at(field, object);

	if (!decode_is_array(value, field->max, decoder))
		return;
	json_for_each(child, value) {
		struct namespace_entry entry = { 0 };
		if (!decode_fields(child, field->type, &entry, decoder))
			continue;
		if (requests[entry.kind].given)
			decode_fault_at(
				child, "type", decoder, "\"%s\" was given before", spec_namespace_names[entry.kind]);
		requests[entry.kind] = (struct spec_namespace_request){ .given = true, .path = entry.path };
	}
}

static const struct field time_offset_fields[] = {
	FIELD("secs", decode_s64, struct spec_time_offset, secs),
	FIELD("nanosecs", decode_u32, struct spec_time_offset, nanosecs, .max = 999999999),
};

static const struct object_type time_offset_type = { FIELDS(time_offset_fields) };

static const struct field time_offsets_fields[] = {
	FIELD("monotonic", decode_object, struct spec_linux, monotonic, .type = &time_offset_type,
		.given = MARK(struct spec_linux, monotonic.given)),
	FIELD("boottime", decode_object, struct spec_linux, boottime, .type = &time_offset_type,
		.given = MARK(struct spec_linux, boottime.given)),
};

static const struct object_type time_offsets_type = { FIELDS(time_offsets_fields) };

/* ---- devices ---- */

static bool is_device_type(const char *text)
{
	return strlen(text) == 1 && strchr("cbup", *text);
}

static const struct string_rule device_type_rule = { is_device_type, "\"c\", \"b\", \"u\" or \"p\"" };

static void decode_device_type(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	const char *type = NULL;
	const struct field string = { .rule = &device_type_rule };

	decode_string(value, &string, &type, decoder);
	if (type)
		*(char *)field_at(field, object) = *type == 'u' ? 'c' : *type;
}

struct device_entry { /* what the spec's struct does not keep */
	struct spec_device device;
	bool has_major, has_minor;
	uint32_t mode;
};

static void finish_device(const struct json *value, void *object, struct decoder *decoder)
{
	const struct device_entry *entry = object;

	if (entry->device.type == 'p')
		return;
	if (!entry->has_major)
		decode_fault_at(value, "major", decoder, "required for a device of type \"%c\", but missing",
			entry->device.type);
	if (!entry->has_minor)
		decode_fault_at(value, "minor", decoder, "required for a device of type \"%c\", but missing",
			entry->device.type);
}

static const struct field device_fields[] = {
	FIELD("type", decode_device_type, struct device_entry, device.type, .required = true),
	FIELD("path", decode_string, struct device_entry, device.path, .required = true, .rule = &rule_absolute_path),
	FIELD("major", decode_u32, struct device_entry, device.major, .max = DEVICE_MAJOR_MAX,
		.given = MARK(struct device_entry, has_major)),
	FIELD("minor", decode_u32, struct device_entry, device.minor, .max = DEVICE_MINOR_MAX,
		.given = MARK(struct device_entry, has_minor)),
	FIELD("fileMode", decode_u32, struct device_entry, mode),
	FIELD("uid", decode_u32, struct device_entry, device.uid, .max = SPEC_ID_MAX),
	FIELD("gid", decode_u32, struct device_entry, device.gid, .max = SPEC_ID_MAX),
};

static const struct object_type device_type = {
	FIELDS(device_fields),
	.origin = MARK(struct device_entry, device.origin),
	.finish = finish_device,
};

/* fileMode may come with the type bits of stat(2), as Go's callers send it; only the permissions are asked for. */
static void decode_devices(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_linux *linux_ = object;

	if (!decode_is_array(value, field->max, decoder))
		return;
	linux_->devices = ARENA_ARRAY(decoder->arena, value->count, struct spec_device);
	json_for_each(child, value) {
		struct device_entry entry = { .mode = 0666 };
		if (!decode_fields(child, field->type, &entry, decoder))
			continue;
		entry.device.mode = entry.mode & 07777;
		linux_->devices[linux_->device_count++] = entry.device;
	}
}

/* [linux/net/core/dev.c: dev_valid_name] */
static bool is_link_name(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len < IFNAMSIZ && strcmp(text, ".") != 0 && strcmp(text, "..") != 0 &&
		!text[strcspn(text, "/: \t\n\v\f\r")];
}

static const struct string_rule link_name_rule = { is_link_name,
	"the name of a link: 1 to 15 bytes, no \"/\", \":\" or blank" };

static const struct field net_device_fields[] = {
	FIELD("name", decode_string, struct spec_net_device, container_name, .empty_is_absent = true,
		.rule = &link_name_rule),
};

static const struct object_type net_device_type = { FIELDS(net_device_fields) };

static void decode_net_devices(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_linux *linux_ = object;

	if (!decode_is_map(value, field->max, decoder))
		return;
	linux_->net_devices = ARENA_ARRAY(decoder->arena, value->count, struct spec_net_device);
	json_for_each(child, value) {
		struct spec_net_device device = { .host_name = child->key, .container_name = child->key };
		if (!is_link_name(child->key)) {
			decode_expected(child, decoder, "%s", link_name_rule.wants);
			continue;
		}
		if (decode_fields(child, field->type, &device, decoder))
			linux_->net_devices[linux_->net_device_count++] = device;
	}
}

/* ---- memory policy, resctrl, personality, propagation ---- */

#define MPOL_WEIGHTED 6 /* MPOL_WEIGHTED_INTERLEAVE [set_mempolicy(2), Linux 6.9]; older headers lack it */

static const struct word memory_mode_list[] = {
	{ "MPOL_DEFAULT", MPOL_DEFAULT },
	{ "MPOL_BIND", MPOL_BIND },
	{ "MPOL_INTERLEAVE", MPOL_INTERLEAVE },
	{ "MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED },
	{ "MPOL_PREFERRED", MPOL_PREFERRED },
	{ "MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY },
	{ "MPOL_LOCAL", MPOL_LOCAL },
};
const struct words words_memory_mode = { .what = "memory policy", WORDS(memory_mode_list) };

static const struct word memory_flag_list[] = {
	{ "MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING },
	{ "MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES },
	{ "MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES },
};
const struct words words_memory_flag = { .what = "memory policy flag", WORDS(memory_flag_list) };

struct memory_policy_entry {
	struct spec_memory_policy policy;
	uint64_t flags;
};

static void finish_memory_policy(const struct json *value, void *object, struct decoder *decoder)
{
	struct memory_policy_entry *entry = object;
	int mode = entry->policy.mode;

	if (entry->policy.nodes && (mode == MPOL_DEFAULT || mode == MPOL_LOCAL))
		decode_fault_at(value, "nodes", decoder, "MPOL_DEFAULT and MPOL_LOCAL take no nodes");
	if (!entry->policy.nodes && mode != MPOL_DEFAULT && mode != MPOL_LOCAL && mode != MPOL_PREFERRED)
		decode_fault_at(value, "nodes", decoder, "required for this mode, but missing");
	entry->policy.mode |= (int)entry->flags;
}

static const struct field memory_policy_fields[] = {
	FIELD("mode", decode_word, struct memory_policy_entry, policy.mode, .required = true,
		.words = &words_memory_mode),
	FIELD("nodes", decode_number_list, struct memory_policy_entry, policy.nodes),
	FIELD("flags", decode_word_bits, struct memory_policy_entry, flags, .max = LINUX_MAX_FLAGS,
		.words = &words_memory_flag),
};

static const struct object_type memory_policy_type = { FIELDS(memory_policy_fields), .finish = finish_memory_policy };

static void decode_memory_policy(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct memory_policy_entry entry = { 0 };

	if (decode_fields(value, field->type, &entry, decoder))
		*(struct spec_memory_policy *)field_at(field, object) = entry.policy;
}

static bool is_one_line(const char *text)
{
	return !strchr(text, '\n');
}

static bool is_bandwidth_schema(const char *text)
{
	return text_starts_with(text, "MB:") && is_one_line(text);
}

static bool is_clos_id(const char *text)
{
	if (strcmp(text, "/") == 0)
		return true;
	return *text && !strchr(text, '/') && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static const struct string_rule line_rule = { is_one_line, "a string without a newline" };
static const struct string_rule bandwidth_rule = { is_bandwidth_schema, "one line that begins with \"MB:\"" };
static const struct string_rule clos_id_rule = { is_clos_id, "the name of a folder, or \"/\"" };

static const struct field intel_rdt_fields[] = {
	FIELD("closID", decode_string, struct spec_intel_rdt, clos_id, .empty_is_absent = true, .rule = &clos_id_rule),
	FIELD("l3CacheSchema", decode_string, struct spec_intel_rdt, l3_cache_schema, .empty_is_absent = true),
	FIELD("memBwSchema", decode_string, struct spec_intel_rdt, mem_bw_schema, .empty_is_absent = true,
		.rule = &bandwidth_rule),
	FIELD("schemata", decode_strings, struct spec_intel_rdt, schemata, .max = LINUX_MAX_SCHEMATA,
		.rule = &line_rule),
	FIELD("enableMonitoring", decode_bool, struct spec_intel_rdt, enable_monitoring),
};

static const struct object_type intel_rdt_type = { FIELDS(intel_rdt_fields) };

static const struct word personality_list[] = {
	{ "LINUX", PER_LINUX },
	{ "LINUX32", PER_LINUX32 },
};
static const struct words personality_words = { .what = "personality", WORDS(personality_list) };

/* The specification defines no flags yet [config-linux.md, Personality]. */
static void decode_personality_flags(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	(void)field;
	(void)object;
	if (decode_is_array(value, LINUX_MAX_FLAGS, decoder) && value->count)
		decode_fault(value, decoder, "no flags of a personality are defined");
}

struct personality_entry {
	int domain;
};

static const struct field personality_fields[] = {
	FIELD("domain", decode_word, struct personality_entry, domain, .required = true, .words = &personality_words),
	FIELD("flags", decode_personality_flags, struct personality_entry, domain),
};

static const struct object_type personality_type = { FIELDS(personality_fields) };

static void decode_personality(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct personality_entry entry = { 0 };

	if (decode_fields(value, field->type, &entry, decoder))
		*(unsigned long *)field_at(field, object) = (unsigned long)entry.domain;
}

enum { RECURSIVE = 1 << 8 };

static const struct word propagation_list[] = {
	{ "private", SPEC_PROPAGATION_PRIVATE },
	{ "rprivate", SPEC_PROPAGATION_PRIVATE | RECURSIVE },
	{ "slave", SPEC_PROPAGATION_SLAVE },
	{ "rslave", SPEC_PROPAGATION_SLAVE | RECURSIVE },
	{ "shared", SPEC_PROPAGATION_SHARED },
	{ "rshared", SPEC_PROPAGATION_SHARED | RECURSIVE },
	{ "unbindable", SPEC_PROPAGATION_UNBINDABLE },
	{ "runbindable", SPEC_PROPAGATION_UNBINDABLE | RECURSIVE },
};
static const struct words propagation_words = { .what = "propagation", WORDS(propagation_list) };

static void decode_propagation(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct spec_propagation_word *ret = field_at(field, object);
	uint64_t word;

	if (value->kind == JSON_STRING && value->len == 0)
		return; /* what Go's callers send for none */
	if (decode_find_word(value, field->words, &word, decoder))
		*ret = (struct spec_propagation_word){ .kind = word & (RECURSIVE - 1), .recursive = word & RECURSIVE };
}

/* ---- the linux object ---- */

#define PATHS(name, member)                                                                                            \
	FIELD(name, decode_strings, struct spec_linux, member, .max = SPEC_MAX_PATHS, .rule = &rule_absolute_path)

static const struct field linux_fields[] = {
	FIELD("namespaces", decode_namespaces, struct spec_linux, namespaces, .max = 2UL * SPEC_NAMESPACES,
		.type = &namespace_type),
	FIELD("uidMappings", decode_id_mappings, struct spec_linux, uid_mappings, .max = SPEC_MAX_ID_MAPPINGS),
	FIELD("gidMappings", decode_id_mappings, struct spec_linux, gid_mappings, .max = SPEC_MAX_ID_MAPPINGS),
	FIELD("devices", decode_devices, struct spec_linux, devices, .max = SPEC_MAX_DEVICES, .type = &device_type),
	FIELD("netDevices", decode_net_devices, struct spec_linux, net_devices, .max = LINUX_MAX_NET_DEVICES,
		.type = &net_device_type),
	FIELD("cgroupsPath", decode_string, struct spec_linux, cgroups_path, .empty_is_absent = true),
	FIELD("resources", decode_object, struct spec_linux, resources, .type = &resources_type,
		.given = MARK(struct spec_linux, resources.given)),
	FIELD("rootfsPropagation", decode_propagation, struct spec_linux, rootfs_propagation,
		.words = &propagation_words),
	FIELD("seccomp", decode_object, struct spec_linux, seccomp, .type = &seccomp_type,
		.given = MARK(struct spec_linux, seccomp.given)),
	LIST("sysctl", decode_pairs, struct spec_linux, sysctl, sysctl_count, SPEC_MAX_SYSCTLS),
	PATHS("maskedPaths", masked_paths),
	PATHS("readonlyPaths", readonly_paths),
	FIELD("mountLabel", decode_string, struct spec_linux, mount_label, .empty_is_absent = true),
	FIELD("intelRdt", decode_object, struct spec_linux, intel_rdt, .type = &intel_rdt_type,
		.given = MARK(struct spec_linux, intel_rdt.given)),
	FIELD("memoryPolicy", decode_memory_policy, struct spec_linux, memory_policy, .type = &memory_policy_type,
		.given = MARK(struct spec_linux, memory_policy.given)),
	FIELD("personality", decode_personality, struct spec_linux, personality, .type = &personality_type,
		.given = MARK(struct spec_linux, has_personality)),
	/* The offsets lie in the linux object itself, so this field's place is its beginning. */
	FIELD("timeOffsets", decode_object, struct spec_linux, namespaces, .type = &time_offsets_type),
};

const struct object_type linux_type = { FIELDS(linux_fields) };
static_assert(offsetof(struct spec_linux, namespaces) == 0, "timeOffsets are decoded from the object's beginning");
