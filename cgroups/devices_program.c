/* cgroups/devices_program.c: device rules as an eBPF program [config-linux.md, Allowed Device list; cgroup-v2.rst].
 *
 * The kernel asks with a type, a number and some of read, write, mknod; the last rule that speaks of one of these decides
 * it, and what no rule speaks of is denied. The program therefore goes through the rules from the last to the first with
 * the set of what is still undecided: a rule that denies a part of it ends with no, one that allows takes its part out,
 * and an empty set ends with yes. Pure. */
#include <inttypes.h>
#include <linux/bpf.h>

#include "base/arena.h"
#include "base/text.h"
#include "cgroups/cgroups_internal.h"
#include "spec/spec.h"

/* What a container cannot do without; after the config's own rules, as every runtime has it. */
static const struct spec_device_rule always_allowed[] = {
	{ .allow = true, .type = 'c', .major = -1, .minor = -1, .mknod = true },
	{ .allow = true, .type = 'b', .major = -1, .minor = -1, .mknod = true },
#define ALLOWED(ma, mi)                                                                                                \
	{                                                                                                              \
		true, 'c', (ma), (mi), true, true, true                                                                \
	}
	ALLOWED(1, 3),    /* null */
	ALLOWED(1, 5),    /* zero */
	ALLOWED(1, 7),    /* full */
	ALLOWED(1, 8),    /* random */
	ALLOWED(1, 9),    /* urandom */
	ALLOWED(5, 0),    /* tty */
	ALLOWED(5, 1),    /* console */
	ALLOWED(5, 2),    /* ptmx */
	ALLOWED(136, -1), /* pts */
};

enum { TYPE = BPF_REG_2, UNDECIDED = BPF_REG_3, MAJOR = BPF_REG_4, MINOR = BPF_REG_5, SCRATCH = BPF_REG_6 };
enum { RULE_INSNS = 8, FRAME_INSNS = 8, ACCESS_ALL = BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD };

struct program {
	struct bpf_insn *insns;
	size_t count;
};

static void emit(struct program *program, uint8_t code, unsigned dst, unsigned src, int off, int32_t imm)
{
	program->insns[program->count++] = (struct bpf_insn){
		.code = code,
		.dst_reg = dst & 0xf,
		.src_reg = src & 0xf,
		.off = (int16_t)off,
		.imm = imm,
	};
}

static void emit_verdict(struct program *program, bool allow)
{
	emit(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow);
	emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* r2 = type, r3 = access, r4 = major, r5 = minor [linux/bpf.h, struct bpf_cgroup_dev_ctx]. */
static void emit_loads(struct program *program)
{
	const uint8_t load = BPF_LDX | BPF_MEM | BPF_W;

	emit(program, load, TYPE, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
	emit(program, BPF_ALU64 | BPF_MOV | BPF_X, UNDECIDED, TYPE, 0, 0);
	emit(program, BPF_ALU | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
	emit(program, BPF_ALU | BPF_RSH | BPF_K, UNDECIDED, 0, 0, 16);
	emit(program, load, MAJOR, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	emit(program, load, MINOR, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
}

static int32_t access_bits(const struct spec_device_rule *rule)
{
	return (rule->read ? BPF_DEVCG_ACC_READ : 0) | (rule->write ? BPF_DEVCG_ACC_WRITE : 0) |
		(rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0);
}

static bool speaks_of_all(const struct spec_device_rule *rule)
{
	return rule->type == 'a' && rule->major < 0 && rule->minor < 0 && access_bits(rule) == ACCESS_ALL;
}

/* Each test that fails jumps behind the rule; how far is known from what else the rule asks. */
static void emit_rule(struct program *program, const struct spec_device_rule *rule)
{
	const uint8_t jump_if_not = BPF_JMP32 | BPF_JNE | BPF_K;
	int behind = (rule->type != 'a') + (rule->major >= 0) + (rule->minor >= 0) + (rule->allow ? 4 : 5);

	if (rule->type != 'a')
		emit(program, jump_if_not, TYPE, 0, --behind,
			rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (rule->major >= 0)
		emit(program, jump_if_not, MAJOR, 0, --behind, (int32_t)(uint32_t)rule->major);
	if (rule->minor >= 0)
		emit(program, jump_if_not, MINOR, 0, --behind, (int32_t)(uint32_t)rule->minor);
	if (rule->allow) {
		emit(program, BPF_ALU | BPF_AND | BPF_K, UNDECIDED, 0, 0, ~access_bits(rule));
		emit(program, BPF_JMP32 | BPF_JNE | BPF_K, UNDECIDED, 0, 2, 0);
	} else {
		emit(program, BPF_ALU64 | BPF_MOV | BPF_X, SCRATCH, UNDECIDED, 0, 0);
		emit(program, BPF_ALU | BPF_AND | BPF_K, SCRATCH, 0, 0, access_bits(rule));
		emit(program, BPF_JMP32 | BPF_JEQ | BPF_K, SCRATCH, 0, 2, 0);
	}
	emit_verdict(program, rule->allow);
}

/* True where the rule decides everything: what stands before it is never asked, and code that cannot be reached is
 * refused by the kernel's verifier. */
static bool emit_rules(struct program *program, const struct spec_device_rule *rules, size_t count)
{
	for (size_t i = count; i > 0; i--) {
		if (speaks_of_all(&rules[i - 1])) {
			emit_verdict(program, rules[i - 1].allow);
			return true;
		}
		emit_rule(program, &rules[i - 1]);
	}
	return false;
}

void cgroup_devices(const struct spec_resources *resources, struct arena *arena, struct cgroup_plan *plan)
{
	size_t rules = resources->device_count + ARRAY_SIZE(always_allowed);
	struct program program = { 0 };

	if (resources->device_count == 0)
		return;
	program.insns = ARENA_ARRAY(arena, rules * RULE_INSNS + FRAME_INSNS, struct bpf_insn);
	emit_loads(&program);
	if (!emit_rules(&program, always_allowed, ARRAY_SIZE(always_allowed)) &&
		!emit_rules(&program, resources->devices, resources->device_count))
		emit_verdict(&program, false);
	plan->device_program = program.insns;
	plan->device_insn_count = program.count;
	for (size_t i = 0; i < resources->device_count; i++)
		plan->device_program_must = plan->device_program_must || !resources->devices[i].allow;
}

/* ---- for people ---- */

static void say_number(struct text *text, int64_t number)
{
	if (number < 0)
		text_add(text, "*");
	else
		text_add(text, "%" PRId64, number);
}

static void say_rules(struct text *text, const struct spec_device_rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct spec_device_rule *rule = &rules[i];
		text_add(text, "%s %c ", rule->allow ? "allow" : "deny", rule->type);
		say_number(text, rule->major);
		text_add(text, ":");
		say_number(text, rule->minor);
		text_add(text, " %s%s%s\n", rule->read ? "r" : "", rule->write ? "w" : "", rule->mknod ? "m" : "");
	}
}

const char *cgroup_devices_say(const struct spec_resources *resources, struct arena *arena)
{
	enum { LINE_MAX_BYTES = sizeof("allow a 4294967295:4294967295 rwm\n") };
	size_t size = (1 + resources->device_count + ARRAY_SIZE(always_allowed)) * LINE_MAX_BYTES;
	struct text text;

	text_init(&text, arena_alloc(arena, size), size);
	text_add(&text, "deny a *:* rwm\n");
	say_rules(&text, resources->devices, resources->device_count);
	say_rules(&text, always_allowed, ARRAY_SIZE(always_allowed));
	return text.buf;
}
