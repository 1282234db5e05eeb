/* cgroups/systemd_plan.c: the same cgroup, as a transient unit of systemd's. Pure.
 *
 * systemd writes the cgroup files that it knows anew whenever it likes (daemon-reload is enough), so each of our values
 * of such a file goes to it as the property that it keeps; husk writes the files all the same, since not all can be said
 * by a property, and a container is to have its limits before systemd gets to it. The properties are made of the values
 * themselves, so `unified` needs nothing of its own. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"
#include "cgroups/cgroups_internal.h"
#include "spec/spec.h"

#define PATH       "linux.cgroupsPath"
#define ANNOTATION "org.systemd.property."

enum { UNIT_NAME_MAX = 255, CPU_LIMIT_MAX = 8192, US_PER_S = 1000000, QUOTA_STEP_US = 100 };

struct unit_making {
	struct arena *arena;
	struct faults *faults;
	struct cgroup_unit *unit;
	const struct cgroup_value *value; /* whose property is being made */
};

static void add(struct unit_making *making, struct cgroup_properties *list, const struct cgroup_property *property)
{
	if (list->count == list->size) {
		struct cgroup_property *before = list->items;
		list->size = list->size ? 2 * list->size : 16;
		list->items = ARENA_ARRAY(making->arena, list->size, struct cgroup_property);
		if (list->count)
			memcpy(list->items, before, list->count * sizeof(*before));
	}
	list->items[list->count++] = *property;
}

/* A later value of a file stands; of one with a line for each device, all do. */
static void limit(struct unit_making *making, const char *name, const char *signature, const char *text)
{
	struct cgroup_properties *limits = &making->unit->limits;
	const struct cgroup_property property = { name, signature, text, making->value->origin };

	for (size_t i = 0; i < limits->count; i++) {
		struct cgroup_property *other = &limits->items[i];
		if (strcmp(other->name, name) != 0)
			continue;
		other->text = *signature == 'a' && signature[1] == '('
			? arena_printf(making->arena, "%s\n%s", other->text, text)
			: text;
		return;
	}
	add(making, limits, &property);
}

/* ---- values of files as properties ---- */

/* "max", "1048576", "512M", as the kernel reads sizes [lib/cmdline.c, memparse]. False: it will not like it either. */
static bool read_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGTPE";
	size_t len = strspn(text, "0123456789");
	const char *unit = text[len] ? strchr(units, toupper((unsigned char)text[len])) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	char digits[24];

	*ret = UINT64_MAX;
	if (strcmp(text, "max") == 0)
		return true;
	if (len == 0 || len >= sizeof(digits) || (text[len] && (!unit || text[len + 1])))
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (text_to_u64(digits, 0, UINT64_MAX >> shift, ret) < 0)
		return false;
	*ret <<= shift;
	return true;
}

static const char *size_text(struct unit_making *making, uint64_t size)
{
	return arena_printf(making->arena, "%" PRIu64, size);
}

static void put_size(struct unit_making *making, const char *name, const char *text)
{
	uint64_t size;

	if (read_size(text, &size))
		limit(making, name, "t", size_text(making, size));
}

static void put_idle(struct unit_making *making, const char *name, const char *text)
{
	/* systemd's weight 0 is idle [systemd.resource-control(5), CPUWeight=]; the largest number is none */
	limit(making, name, "t", strcmp(text, "1") == 0 ? "0" : size_text(making, UINT64_MAX));
}

/* "50000 100000": systemd keeps hundredths of a percent; rounded up, as no limit should be tighter than was asked. */
static void put_cpu_max(struct unit_making *making, const char *name, const char *text)
{
	size_t len = strcspn(text, " ");
	uint64_t quota, period = 100000;

	if (!read_size(arena_copy(making->arena, text, len), &quota) ||
		(text[len] && text_to_u64(text + len + 1, 1, US_PER_S, &period) < 0))
		return;
	if (quota != UINT64_MAX) {
		quota = (uint64_t)(((unsigned __int128)quota * US_PER_S + period - 1) / period);
		quota = (quota + QUOTA_STEP_US - 1) / QUOTA_STEP_US * QUOTA_STEP_US;
	}
	limit(making, name, "t", size_text(making, quota));
	limit(making, "CPUQuotaPeriodUSec", "t", size_text(making, period));
}

/* "0-3,7" as the bytes of a bitmap */
static void put_set(struct unit_making *making, const char *name, const char *text)
{
	unsigned long bits[CPU_LIMIT_MAX / (8 * sizeof(unsigned long))] = { 0 };
	char *hex = arena_alloc(making->arena, CPU_LIMIT_MAX / 4 + 1);
	size_t bytes = 0;
	struct text out;

	if (text_to_bits(text, bits, ARRAY_SIZE(bits)) < 0)
		return;
	for (size_t i = 0; i < sizeof(bits); i++)
		if (bits[i / sizeof(long)] >> 8 * (i % sizeof(long)) & 0xff)
			bytes = i + 1;
	text_init(&out, hex, CPU_LIMIT_MAX / 4 + 1);
	for (size_t i = 0; i < bytes; i++)
		text_add(&out, "%02x", (unsigned)(bits[i / sizeof(long)] >> 8 * (i % sizeof(long)) & 0xff));
	limit(making, name, "ay", hex);
}

static const char *device_line(struct unit_making *making, const char *text, const char *value)
{
	uint64_t number;

	if (!read_size(value, &number))
		return NULL;
	return arena_printf(making->arena, "/dev/block/%.*s %" PRIu64, (int)strcspn(text, " "), text, number);
}

/* "100", "default 100", "8:0 200" */
static void put_io_weight(struct unit_making *making, const char *name, const char *text)
{
	const char *blank = strchr(text, ' ');
	const char *line;

	if (!blank || text_starts_with(text, "default "))
		put_size(making, name, blank ? blank + 1 : text);
	else if ((line = device_line(making, text, blank + 1)))
		limit(making, "IODeviceWeight", "a(st)", line);
}

/* "8:0 rbps=1048576 wiops=max" */
static void put_io_keys(struct unit_making *making, const char *name, const char *text)
{
	static const struct {
		const char *key, *name;
	} keys[] = {
		{ "rbps=", "IOReadBandwidthMax" },
		{ "wbps=", "IOWriteBandwidthMax" },
		{ "riops=", "IOReadIOPSMax" },
		{ "wiops=", "IOWriteIOPSMax" },
		{ "target=", "IODeviceLatencyTargetUSec" },
	};

	(void)name;
	for (const char *at = strchr(text, ' '); at; at = strchr(at + 1, ' '))
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			const char *value = at + 1 + strlen(keys[i].key), *line;
			if (!text_starts_with(at + 1, keys[i].key))
				continue;
			line = device_line(making, text, arena_copy(making->arena, value, strcspn(value, " ")));
			if (line)
				limit(making, keys[i].name, "a(st)", line);
		}
}

/* [systemd.resource-control(5)]; systemd leaves alone the files that are not here. */
static const struct {
	const char *file, *property;
	void (*put)(struct unit_making *making, const char *name, const char *text);
} known[] = {
	{ "cpu.weight", "CPUWeight", put_size },
	{ "cpu.idle", "CPUWeight", put_idle },
	{ "cpu.max", "CPUQuotaPerSecUSec", put_cpu_max },
	{ "cpuset.cpus", "AllowedCPUs", put_set },
	{ "cpuset.mems", "AllowedMemoryNodes", put_set },
	{ "memory.min", "MemoryMin", put_size },
	{ "memory.low", "MemoryLow", put_size },
	{ "memory.high", "MemoryHigh", put_size },
	{ "memory.max", "MemoryMax", put_size },
	{ "memory.swap.max", "MemorySwapMax", put_size },
	{ "memory.zswap.max", "MemoryZSwapMax", put_size },
	{ "pids.max", "TasksMax", put_size },
	{ "io.weight", "IOWeight", put_io_weight },
	{ "io.max", NULL, put_io_keys },
	{ "io.latency", NULL, put_io_keys },
};

static void add_limits(struct unit_making *making, const struct cgroup_plan *plan)
{
	for (size_t i = 0; i < plan->value_count; i++) {
		const struct cgroup_value *value = &plan->values[i];
		const char *file = value->fallback ? value->fallback : value->file;
		making->value = value;
		for (size_t k = 0; k < ARRAY_SIZE(known); k++)
			if (strcmp(known[k].file, file) == 0)
				known[k].put(making, known[k].property,
					value->fallback_text ? value->fallback_text : value->text);
	}
}

/* Files whose property can only be given at the start [systemd.scope(5), OOMPolicy=; systemd 253]. */
static const char *oom_policy(const struct cgroup_plan *plan)
{
	const char *policy = NULL;

	for (size_t i = 0; i < plan->value_count; i++)
		if (strcmp(plan->values[i].file, "memory.oom.group") == 0)
			policy = strcmp(plan->values[i].text, "1") == 0 ? "kill" : "continue";
	return policy;
}

/* ---- names ---- */

static bool is_unit_name(const char *name)
{
	size_t len = strlen(name);

	for (const char *c = name; *c; c++)
		if (!isascii(*c) || !(isalnum((unsigned char)*c) || strchr(":-_.\\@", *c)))
			return false;
	return len > 0 && len <= UNIT_NAME_MAX && *name != '.';
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

/* "a-b.slice" lies in "a.slice", so there must be something on both sides of each dash [systemd.slice(5)]. */
static bool is_slice(const char *name)
{
	size_t len = strlen(name);

	return strcmp(name, "-.slice") == 0 ||
		(is_unit_name(name) && ends_with(name, ".slice") && *name != '-' && name[len - 7] != '-' &&
			!strstr(name, "--"));
}

/* slice:prefix:name; on any fault, a plan that cannot be used but can be looked at. */
static void name_unit(struct unit_making *making, const char *path, const char *id, const char **ret_slice)
{
	struct arena *arena = making->arena;
	const char *first = path ? strchr(path, ':') : NULL, *second = first ? strchr(first + 1, ':') : NULL;
	const char *slice = "", *prefix = "husk", *name = id;

	if (path && *path) {
		if (!second || strchr(second + 1, ':')) {
			faults_add(making->faults, PATH,
				"expected slice:prefix:name, as systemd manages the cgroups; found \"%s\"", path);
		} else {
			slice = arena_copy(arena, path, (size_t)(first - path));
			prefix = arena_copy(arena, first + 1, (size_t)(second - first - 1));
			name = second + 1;
		}
	}
	if (!*slice)
		slice = making->unit->user ? "user.slice" : "system.slice";
	*ret_slice = strcmp(slice, "-") == 0 ? "-.slice" : slice;
	if (!is_slice(*ret_slice))
		faults_add(making->faults, PATH,
			"\"%s\" is no slice: expected a name as \"a-b.slice\", a dash between two words", slice);
	making->unit->name =
		*prefix ? arena_printf(arena, "%s-%s.scope", prefix, name) : arena_printf(arena, "%s.scope", name);
	if (ends_with(name, ".slice"))
		faults_add(making->faults, PATH, "a slice takes no processes: \"%s\" cannot be a container's", name);
	if (!is_unit_name(making->unit->name))
		faults_add(making->faults, PATH, "\"%s\" cannot be a unit: at most %d letters, digits and :-_.\\@",
			making->unit->name, UNIT_NAME_MAX);
}

/* ---- annotations ---- */

/* What an annotation may set: how the unit is ordered, ended and limited. Nothing that starts, runs or shuts down
 * something else: a config may come from someone who may not do that [CVE-2024-3154]. */
static const char *const allowed[] = {
	"After",
	"Before",
	"PartOf",
	"CollectMode",
	"Description",
	"Documentation",
	"TimeoutStopUSec",
	"RuntimeMaxUSec",
	"KillMode",
	"KillSignal",
	"FinalKillSignal",
	"SendSIGHUP",
	"SendSIGKILL",
	"OOMPolicy",
	"OOMScoreAdjust",
	"ManagedOOMSwap",
	"ManagedOOMMemoryPressure",
	"ManagedOOMMemoryPressureLimit",
	"ManagedOOMPreference",
	"CPUWeight",
	"StartupCPUWeight",
	"CPUQuotaPerSecUSec",
	"CPUQuotaPeriodUSec",
	"AllowedCPUs",
	"AllowedMemoryNodes",
	"MemoryMin",
	"MemoryLow",
	"MemoryHigh",
	"MemoryMax",
	"MemorySwapMax",
	"MemoryZSwapMax",
	"IOWeight",
	"StartupIOWeight",
	"TasksMax",
	"MemoryPressureWatch",
	"MemoryPressureThresholdUSec",
};

/* The part of GVariant's text format that properties need [gvariant-text-format]: 'text', true, 5, uint64 5, ['a', 'b']. */
static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

static const char *read_string(const char *at, struct text *out)
{
	char quote = *at++;

	for (; *at && *at != quote; at++) {
		if (*at == '\\' && (at[1] == '\\' || at[1] == '\'' || at[1] == '"'))
			at++;
		if ((unsigned char)*at < ' ')
			return NULL;
		text_add(out, "%c", *at);
	}
	return *at ? at + 1 : NULL;
}

static const struct {
	const char *word;
	char type;
	int64_t min;
	uint64_t max;
} numbers[] = {
	{ "", 'i', INT32_MIN, INT32_MAX },
	{ "byte ", 'y', 0, UINT8_MAX },
	{ "int16 ", 'n', INT16_MIN, INT16_MAX },
	{ "uint16 ", 'q', 0, UINT16_MAX },
	{ "int32 ", 'i', INT32_MIN, INT32_MAX },
	{ "uint32 ", 'u', 0, UINT32_MAX },
	{ "int64 ", 'x', INT64_MIN, INT64_MAX },
	{ "uint64 ", 't', 0, UINT64_MAX },
};

static const char *read_number(const char *at, struct text *out, char *ret_type)
{
	const char *start;
	size_t kind = 0, len;
	char *number;
	uint64_t value;
	int64_t negative;

	for (size_t i = 1; i < ARRAY_SIZE(numbers); i++)
		if (text_starts_with(at, numbers[i].word))
			kind = i;
	start = skip_blanks(at + strlen(numbers[kind].word));
	len = strspn(start, "-0123456789");
	number = out->buf + out->len;
	text_add(out, "%.*s", (int)len, start);
	*ret_type = numbers[kind].type;
	if (text_to_u64(number, 0, numbers[kind].max, &value) < 0 &&
		text_to_s64(number, numbers[kind].min, INT64_MAX, &negative) < 0)
		return NULL;
	return start + len;
}

static const char *read_scalar(const char *at, struct text *out, char *ret_type)
{
	if (*at == '\'' || *at == '"') {
		*ret_type = 's';
		return read_string(at, out);
	}
	if (text_starts_with(at, "true") || text_starts_with(at, "false")) {
		*ret_type = 'b';
		text_add(out, *at == 't' ? "true" : "false");
		return at + (*at == 't' ? 4 : 5);
	}
	return read_number(at, out, ret_type);
}

static const char *read_list(const char *at, struct text *out, char *ret_type)
{
	char type = 0;

	for (at = skip_blanks(at + 1); *at != ']';) {
		at = read_scalar(at, out, ret_type);
		if (!at || (type && type != *ret_type))
			return NULL;
		type = *ret_type;
		at = skip_blanks(at);
		if (*at == ',')
			at = skip_blanks(at + 1);
		else if (*at != ']')
			return NULL;
		text_add(out, *at == ']' ? "" : "\n");
	}
	return type ? at + 1 : NULL;
}

/* Returns false where it is not in the format. */
static bool read_variant(const char *value, struct arena *arena, struct cgroup_property *property)
{
	size_t size = strlen(value) + 8;
	const char *at = skip_blanks(value);
	bool list = *at == '[';
	struct text out;
	char type = 0;

	text_init(&out, arena_alloc(arena, size), size);
	at = list ? read_list(at, &out, &type) : read_scalar(at, &out, &type);
	property->signature = arena_printf(arena, "%s%c", list ? "a" : "", type);
	property->text = out.buf;
	return at && !out.cut && *skip_blanks(at) == '\0';
}

/* D-Bus knows times in microseconds only: "TimeoutStopSec" of 5 is "TimeoutStopUSec" of 5000000. */
static bool to_microseconds(struct cgroup_property *property, struct arena *arena)
{
	size_t len = strlen(property->name);
	uint64_t seconds;

	if (!ends_with(property->name, "Sec") || ends_with(property->name, "USec"))
		return true;
	property->name = arena_printf(arena, "%.*sUSec", (int)len - 3, property->name);
	if (property->signature[1] || text_to_u64(property->text, 0, UINT64_MAX / US_PER_S, &seconds) < 0)
		return false;
	property->signature = "t";
	property->text = arena_printf(arena, "%" PRIu64, seconds * US_PER_S);
	return true;
}

static bool is_allowed(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		if (strcmp(allowed[i], name) == 0)
			return true;
	return false;
}

static void add_annotation(struct unit_making *making, const struct spec_pair *pair)
{
	struct cgroup_property property = {
		.name = pair->key + strlen(ANNOTATION),
		.origin = arena_printf(making->arena, "annotations[\"%s\"]", pair->key),
	};

	if (!read_variant(pair->value, making->arena, &property) || !to_microseconds(&property, making->arena))
		faults_add(making->faults, property.origin,
			"expected a value as true, 'text', uint64 5 or ['a', 'b'], found \"%s\"", pair->value);
	else if (!is_allowed(property.name))
		faults_add(making->faults, property.origin, "systemd's property %s may not be set by a config",
			property.name);
	else
		add(making, &making->unit->start, &property);
}

/* ---- the unit ---- */

static void add_start(struct unit_making *making, const char *name, const char *signature, const char *text)
{
	add(making, &making->unit->start, &(struct cgroup_property){ name, signature, text, PATH });
}

static bool has_limit(const struct unit_making *making, const char *name)
{
	for (size_t i = 0; i < making->unit->limits.count; i++)
		if (strcmp(making->unit->limits.items[i].name, name) == 0)
			return true;
	return false;
}

void cgroup_unit_limits(struct cgroup_unit *unit, const struct cgroup_plan *plan, struct arena *arena)
{
	struct unit_making making = { .arena = arena, .unit = unit };

	add_limits(&making, plan);
}

void cgroup_plan_make_unit(const struct cgroup_unit_request *request, const struct spec_resources *resources,
	struct arena *arena, struct cgroup_plan *ret_plan, struct faults *faults)
{
	struct cgroup_unit *unit = ARENA_NEW(arena, struct cgroup_unit);
	struct unit_making making = { .arena = arena, .faults = faults, .unit = unit };
	const char *slice;

	*unit = (struct cgroup_unit){ .user = request->user };
	*ret_plan = (struct cgroup_plan){ .unit = unit };
	cgroup_limits(resources, arena, ret_plan, faults);
	cgroup_devices(resources, arena, ret_plan);
	name_unit(&making, request->cgroups_path, request->id, &slice);
	add_limits(&making, ret_plan);

	add_start(&making, "Description", "s", arena_printf(arena, "husk container %s", request->id));
	add_start(&making, "Slice", "s", slice);
	add_start(&making, "DefaultDependencies", "b", "false");
	add_start(&making, "Delegate", "b", "true");
	add_start(&making, "CollectMode", "s", "inactive-or-failed");
	add_start(&making, "CPUAccounting", "b", "true");
	add_start(&making, "IOAccounting", "b", "true");
	add_start(&making, "MemoryAccounting", "b", "true");
	add_start(&making, "TasksAccounting", "b", "true");
	if (oom_policy(ret_plan))
		add_start(&making, "OOMPolicy", "s", oom_policy(ret_plan));
	if (!has_limit(&making, "TasksMax")) /* systemd's own default is not what the config says */
		add_start(&making, "TasksMax", "t", "18446744073709551615");
	for (size_t i = 0; i < request->annotation_count; i++)
		if (text_starts_with(request->annotations[i].key, ANNOTATION))
			add_annotation(&making, &request->annotations[i]);
}
