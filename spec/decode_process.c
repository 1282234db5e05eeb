/* spec/decode_process.c: what runs, as whom, with which rights [config.md, Process].
 *
 * A process comes with a config or alone (`exec --process`), so all that one process asks of itself is checked here. */
#include <inttypes.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"
#include "spec/decode.h"
#include "spec/json.h"

enum {
	PROCESS_MAX_GROUPS = 65536, /* NGROUPS_MAX [setgroups(2)] */
	PROCESS_MAX_CAPABILITIES = 256,
	PROCESS_MAX_FLAGS = 64,
};

/* ---- user ---- */

static void decode_groups(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	static const struct field gid = { .decode = decode_u32, .max = SPEC_ID_MAX };
	struct spec_user *user = object;

	if (!decode_is_array(value, field->max, decoder))
		return;
	user->additional_gids = ARENA_ARRAY(decoder->arena, value->count, gid_t);
	json_for_each(child, value)
		decode_u32(child, &gid, &user->additional_gids[user->additional_gid_count++], decoder);
}

static const struct field user_fields[] = {
	FIELD("uid", decode_u32, struct spec_user, uid, .required = true, .max = SPEC_ID_MAX),
	FIELD("gid", decode_u32, struct spec_user, gid, .required = true, .max = SPEC_ID_MAX),
	FIELD("umask", decode_u32, struct spec_user, umask, .max = 0777, .given = MARK(struct spec_user, has_umask)),
	FIELD("additionalGids", decode_groups, struct spec_user, additional_gids, .max = PROCESS_MAX_GROUPS),
};

static const struct object_type user_type = { FIELDS(user_fields) };

/* ---- console ---- */

static const struct field console_fields[] = {
	FIELD("height", decode_u16, struct spec_process, console_height, .required = true),
	FIELD("width", decode_u16, struct spec_process, console_width, .required = true),
};

static const struct object_type console_type = { FIELDS(console_fields) };

/* Its members lie in the process itself. */
static void decode_console(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	(void)decode_fields(value, field->type, object, decoder);
}

/* ---- capabilities ---- */

static void warn_capability(const struct json *value, struct decoder *decoder)
{
	const char *names[64], *nearest;
	size_t count = 0;

	for (int cap = 0; cap <= word_capability_last() && count < ARRAY_SIZE(names); cap++)
		names[count++] = word_capability_name(cap);
	nearest = text_nearest(value->text, names, count);
	faults_warn(decoder->faults, json_path(value, decoder->arena),
		"%s is no capability known here and is left out%s%s%s", json_found(value, decoder->arena),
		nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

/* Names that the kernel or this build does not know are no reason to refuse [config.md, capabilities]. */
static void decode_capability_set(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	uint64_t *ret = field_at(field, object), set = 0;

	if (!decode_is_array(value, field->max, decoder))
		return;
	json_for_each(child, value) {
		int cap = child->kind == JSON_STRING ? word_capability(child->text) : -1;
		if (child->kind != JSON_STRING)
			decode_expected(child, decoder, "the name of a capability");
		else if (cap < 0)
			warn_capability(child, decoder);
		else
			set |= UINT64_C(1) << cap;
	}
	*ret = set;
}

#define CAPABILITIES(name, member)                                                                                     \
	FIELD(name, decode_capability_set, struct spec_capabilities, member, .max = PROCESS_MAX_CAPABILITIES)

static const struct field capability_fields[] = {
	CAPABILITIES("bounding", bounding),
	CAPABILITIES("effective", effective),
	CAPABILITIES("inheritable", inheritable),
	CAPABILITIES("permitted", permitted),
	CAPABILITIES("ambient", ambient),
};

static const struct object_type capabilities_type = { FIELDS(capability_fields) };

/* ---- rlimits ---- */

static void decode_rlimit_name(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	const char *names[RLIM_NLIMITS];
	int resource = value->kind == JSON_STRING ? word_rlimit(value->text) : -1;

	if (value->kind != JSON_STRING) {
		decode_expected(value, decoder, "the name of a limit, as \"RLIMIT_NOFILE\"");
	} else if (resource < 0) {
		for (int i = 0; i < RLIM_NLIMITS; i++)
			names[i] = word_rlimit_name(i);
		decode_unknown_word(value, decoder, "resource limit", names, ARRAY_SIZE(names));
	} else {
		*(int *)field_at(field, object) = resource;
	}
}

static void finish_rlimit(const struct json *value, void *object, struct decoder *decoder)
{
	const struct spec_rlimit *limit = object;

	if (limit->soft > limit->hard)
		decode_fault_at(value, "soft", decoder, "%" PRIu64 " is above the hard limit of %" PRIu64, limit->soft,
			limit->hard);
}

static const struct field rlimit_fields[] = {
	FIELD("type", decode_rlimit_name, struct spec_rlimit, resource, .required = true),
	FIELD("soft", decode_u64, struct spec_rlimit, soft, .required = true),
	FIELD("hard", decode_u64, struct spec_rlimit, hard, .required = true),
};

static const struct object_type rlimit_type = {
	FIELDS(rlimit_fields),
	.size = sizeof(struct spec_rlimit),
	.finish = finish_rlimit,
};

static void decode_rlimits(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	const struct json *before[RLIM_NLIMITS] = { NULL };

	decode_list(value, field, object, decoder);
	if (value->kind != JSON_ARRAY)
		return;
	json_for_each(child, value) {
		const struct json *type = child->kind == JSON_OBJECT ? json_member(child, "type") : NULL;
		int resource = type && type->kind == JSON_STRING ? word_rlimit(type->text) : -1;
		if (resource < 0)
			continue;
		if (before[resource])
			decode_fault(type, decoder, "%s was given before, in %s", type->text,
				json_path(before[resource], decoder->arena));
		before[resource] = child;
	}
}

/* ---- scheduling ---- */

static const struct word policy_list[] = {
	{ "SCHED_OTHER", SCHED_OTHER },
	{ "SCHED_FIFO", SCHED_FIFO },
	{ "SCHED_RR", SCHED_RR },
	{ "SCHED_BATCH", SCHED_BATCH },
	{ "SCHED_ISO", 4 }, /* named by the specification, in no kernel [linux/sched.h] */
	{ "SCHED_IDLE", SCHED_IDLE },
	{ "SCHED_DEADLINE", SCHED_DEADLINE },
};
static const struct words policy_words = { .what = "scheduling policy", WORDS(policy_list) };

static const struct word scheduler_flag_list[] = {
	{ "SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK },
	{ "SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM },
	{ "SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN },
	{ "SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY },
	{ "SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS },
	{ "SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN },
	{ "SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX },
};
static const struct words scheduler_flag_words = { .what = "scheduler flag", WORDS(scheduler_flag_list) };

static void check_deadline(const struct json *value, const struct spec_scheduler *s, struct decoder *decoder)
{
	uint64_t period = s->period_ns ? s->period_ns : s->deadline_ns; /* [sched(7), SCHED_DEADLINE] */

	if (s->policy != SCHED_DEADLINE) {
		if (s->runtime_ns || s->deadline_ns || s->period_ns)
			decode_fault(value, decoder, "runtime, deadline and period are for SCHED_DEADLINE alone");
	} else if (s->runtime_ns == 0 || s->runtime_ns > s->deadline_ns || s->deadline_ns > period) {
		decode_fault(value, decoder, "SCHED_DEADLINE wants 0 < runtime <= deadline <= period");
	}
}

/* What sched_setattr(2) would refuse, or ignore without a word. */
static void finish_scheduler(const struct json *value, void *object, struct decoder *decoder)
{
	struct spec_scheduler *s = object;
	bool real_time = s->policy == SCHED_FIFO || s->policy == SCHED_RR;

	s->given = true;
	if (s->policy == 4)
		decode_fault_at(value, "policy", decoder, "Linux has no SCHED_ISO; choose another policy");
	if (s->nice && s->policy != SCHED_OTHER && s->policy != SCHED_BATCH)
		decode_fault_at(value, "nice", decoder, "is for SCHED_OTHER and SCHED_BATCH alone");
	if (real_time && (s->priority < 1 || s->priority > 99))
		decode_fault_at(value, "priority", decoder,
			"SCHED_FIFO and SCHED_RR want a priority from 1 to 99, found %" PRId32, s->priority);
	if (!real_time && s->priority)
		decode_fault_at(value, "priority", decoder, "is for SCHED_FIFO and SCHED_RR alone");
	check_deadline(value, s, decoder);
}

static const struct field scheduler_fields[] = {
	FIELD("policy", decode_word, struct spec_scheduler, policy, .required = true, .words = &policy_words),
	FIELD("nice", decode_s32, struct spec_scheduler, nice, .min = -20, .max = 19),
	FIELD("priority", decode_s32, struct spec_scheduler, priority),
	FIELD("flags", decode_word_bits, struct spec_scheduler, flags, .max = PROCESS_MAX_FLAGS,
		.words = &scheduler_flag_words),
	FIELD("runtime", decode_u64, struct spec_scheduler, runtime_ns),
	FIELD("deadline", decode_u64, struct spec_scheduler, deadline_ns),
	FIELD("period", decode_u64, struct spec_scheduler, period_ns),
};

static const struct object_type scheduler_type = { FIELDS(scheduler_fields), .finish = finish_scheduler };

static const struct word io_class_list[] = {
	{ "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
	{ "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
	{ "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
};
static const struct words io_class_words = { .what = "I/O scheduling class", WORDS(io_class_list) };

struct io_priority {
	int class;
	int32_t level;
};

static const struct field io_priority_fields[] = {
	FIELD("class", decode_word, struct io_priority, class, .required = true, .words = &io_class_words),
	FIELD("priority", decode_s32, struct io_priority, level, .max = 7),
};

static const struct object_type io_priority_type = { FIELDS(io_priority_fields) };

static void decode_io_priority(
	const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	struct io_priority priority = { 0 };

	if (decode_fields(value, field->type, &priority, decoder))
		*(int *)field_at(field, object) = priority.class << IOPRIO_CLASS_SHIFT | priority.level;
}

static const struct field affinity_fields[] = {
	FIELD("initial", decode_number_list, struct spec_process, exec_affinity_initial),
	FIELD("final", decode_number_list, struct spec_process, exec_affinity_final),
};

static const struct object_type affinity_type = { FIELDS(affinity_fields) };

static void decode_affinity(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	(void)decode_fields(value, field->type, object, decoder);
}

/* ---- the process ---- */

static void decode_args(const struct json *value, const struct field *field, void *object, struct decoder *decoder)
{
	decode_strings(value, field, object, decoder);
	if (value->kind != JSON_ARRAY)
		return;
	if (value->count == 0)
		decode_fault(value, decoder, "the program to run is missing; at least one entry is required");
	else if (value->first->kind == JSON_STRING && value->first->len == 0)
		decode_expected(value->first, decoder, "the program to run");
}

static void finish_process(const struct json *value, void *object, struct decoder *decoder)
{
	struct spec_process *process = object;

	(void)value;
	(void)decoder;
	process->has_console_size = process->has_console_size && process->terminal; /* [config.md, consoleSize] */
}

static const struct field process_fields[] = {
	FIELD("terminal", decode_bool, struct spec_process, terminal),
	FIELD("consoleSize", decode_console, struct spec_process, console_height, .type = &console_type,
		.given = MARK(struct spec_process, has_console_size)),
	FIELD("user", decode_object, struct spec_process, user, .type = &user_type,
		.given = MARK(struct spec_process, has_user)),
	FIELD("args", decode_args, struct spec_process, args, .required = true, .max = SPEC_MAX_ARGS),
	FIELD("env", decode_strings, struct spec_process, env, .max = SPEC_MAX_ARGS, .rule = &rule_environment),
	FIELD("cwd", decode_string, struct spec_process, cwd, .required = true, .rule = &rule_absolute_path),
	FIELD("capabilities", decode_object, struct spec_process, capabilities, .type = &capabilities_type,
		.given = MARK(struct spec_process, capabilities.given)),
	LIST("rlimits", decode_rlimits, struct spec_process, rlimits, rlimit_count, RLIM_NLIMITS * 2,
		.type = &rlimit_type),
	FIELD("noNewPrivileges", decode_bool, struct spec_process, no_new_privileges),
	FIELD("apparmorProfile", decode_string, struct spec_process, apparmor_profile, .empty_is_absent = true),
	FIELD("selinuxLabel", decode_string, struct spec_process, selinux_label, .empty_is_absent = true),
	FIELD("oomScoreAdj", decode_s32, struct spec_process, oom_score_adj, .min = -1000, .max = 1000,
		.given = MARK(struct spec_process, has_oom_score_adj)),
	FIELD("scheduler", decode_object, struct spec_process, scheduler, .type = &scheduler_type),
	FIELD("ioPriority", decode_io_priority, struct spec_process, io_priority, .type = &io_priority_type,
		.given = MARK(struct spec_process, has_io_priority)),
	FIELD("execCPUAffinity", decode_affinity, struct spec_process, exec_affinity_initial, .type = &affinity_type),
};

const struct object_type process_type = { FIELDS(process_fields), .finish = finish_process };
