/* The device program, run by a small interpreter of the instructions that it uses, against the rules read one by one. */
#include "tests/unit/unit.h"

#include <linux/bpf.h>

#include "cgroups/cgroups.h"
#include "spec/spec.h"

enum { STEPS_MAX = 100000 };

static uint32_t load(const struct bpf_cgroup_dev_ctx *ctx, int off)
{
	uint32_t word;

	assert_true(off >= 0 && (size_t)off + sizeof(word) <= sizeof(*ctx));
	memcpy(&word, (const char *)ctx + off, sizeof(word));
	return word;
}

/* What the kernel would answer; an instruction outside the program or unknown here fails the test. */
static bool run(const struct cgroup_plan *plan, struct bpf_cgroup_dev_ctx ctx)
{
	uint64_t reg[11] = { 0 };
	size_t at = 0;

	for (int steps = 0; steps < STEPS_MAX; steps++) {
		assert_true(at < plan->device_insn_count);
		const struct bpf_insn *insn = &plan->device_program[at++];
		uint64_t *dst = &reg[insn->dst_reg];
		switch (insn->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			assert_int_equal(insn->src_reg, BPF_REG_1);
			*dst = load(&ctx, insn->off);
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X: *dst = reg[insn->src_reg]; break;
		case BPF_ALU64 | BPF_MOV | BPF_K: *dst = (uint64_t)(int64_t)insn->imm; break;
		case BPF_ALU | BPF_AND | BPF_K: *dst = (uint32_t)*dst & (uint32_t)insn->imm; break;
		case BPF_ALU | BPF_RSH | BPF_K: *dst = (uint32_t)*dst >> insn->imm; break;
		case BPF_JMP32 | BPF_JNE | BPF_K:
			at += (uint32_t)*dst != (uint32_t)insn->imm ? (size_t)insn->off : 0;
			break;
		case BPF_JMP32 | BPF_JEQ | BPF_K:
			at += (uint32_t)*dst == (uint32_t)insn->imm ? (size_t)insn->off : 0;
			break;
		case BPF_JMP | BPF_EXIT: return reg[0] != 0;
		default: fail_msg("instruction %#x", insn->code);
		}
	}
	fail_msg("the program does not end");
	return false;
}

struct question {
	char type;
	uint32_t major, minor;
	bool read, write, mknod;
};

static bool answer(const struct cgroup_plan *plan, const struct question *question)
{
	uint32_t access = (question->read ? BPF_DEVCG_ACC_READ : 0) | (question->write ? BPF_DEVCG_ACC_WRITE : 0) |
		(question->mknod ? BPF_DEVCG_ACC_MKNOD : 0);
	uint32_t type = question->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;

	return run(plan,
		(struct bpf_cgroup_dev_ctx){
			.access_type = access << 16 | type,
			.major = question->major,
			.minor = question->minor,
		});
}

static void plan_of(struct unit *unit, struct spec_device_rule *rules, size_t count, struct cgroup_plan *ret_plan)
{
	const struct spec_resources resources = { .given = true, .devices = rules, .device_count = count };

	assert_int_equal(cgroup_plan_make(NULL, "x", &resources, &unit->arena, ret_plan, &unit->faults), 0);
}

#define DENY_ALL                                                                                                       \
	{                                                                                                              \
		.type = 'a', .major = -1, .minor = -1, .read = true, .write = true, .mknod = true                      \
	}

static void no_rules_mean_no_program(void **state)
{
	struct cgroup_plan plan;

	plan_of(*state, NULL, 0, &plan);
	assert_null(plan.device_program);
}

static void what_everybody_needs_is_always_there(void **state)
{
	struct spec_device_rule rules[] = { DENY_ALL };
	struct cgroup_plan plan;

	plan_of(*state, rules, 1, &plan);
	assert_true(plan.device_program_must);
	assert_true(answer(&plan, &(struct question){ 'c', 1, 3, true, true, false }));   /* null */
	assert_true(answer(&plan, &(struct question){ 'c', 136, 7, true, true, false })); /* a pty */
	assert_true(answer(&plan, &(struct question){ 'b', 8, 0, false, false, true })); /* mknod alone opens nothing */
	assert_false(answer(&plan, &(struct question){ 'b', 8, 0, true, false, false }));
	assert_false(answer(&plan, &(struct question){ 'c', 1, 1, true, false, false }));   /* mem */
	assert_false(answer(&plan, &(struct question){ 'c', 10, 229, true, true, false })); /* fuse */
}

static void the_last_rule_that_speaks_decides(void **state)
{
	struct spec_device_rule rules[] = {
		DENY_ALL,
		{ .allow = true, .type = 'b', .major = 8, .minor = -1, .read = true, .write = true },
		{ .allow = false, .type = 'b', .major = 8, .minor = 1, .write = true },
	};
	struct cgroup_plan plan;

	plan_of(*state, rules, ARRAY_SIZE(rules), &plan);
	assert_true(answer(&plan, &(struct question){ 'b', 8, 0, true, true, false }));
	assert_true(answer(&plan, &(struct question){ 'b', 8, 1, true, false, false }));
	assert_false(answer(&plan, &(struct question){ 'b', 8, 1, true, true, false }));
	assert_false(answer(&plan, &(struct question){ 'c', 8, 0, true, false, false }));
	assert_false(answer(&plan, &(struct question){ 'b', 9, 0, true, false, false }));
}

static void a_right_may_come_from_several_rules(void **state)
{
	struct spec_device_rule rules[] = {
		DENY_ALL,
		{ .allow = true, .type = 'c', .major = 10, .minor = 229, .read = true },
		{ .allow = true, .type = 'c', .major = 10, .minor = -1, .write = true },
	};
	struct cgroup_plan plan;

	plan_of(*state, rules, ARRAY_SIZE(rules), &plan);
	assert_true(answer(&plan, &(struct question){ 'c', 10, 229, true, true, false }));
	assert_false(answer(&plan, &(struct question){ 'c', 10, 200, true, true, false }));
}

static void rules_before_a_rule_on_everything_do_not_count(void **state)
{
	struct spec_device_rule rules[] = {
		{ .allow = true, .type = 'b', .major = 8, .minor = 0, .read = true },
		DENY_ALL,
	};
	struct cgroup_plan plan;

	plan_of(*state, rules, ARRAY_SIZE(rules), &plan);
	assert_false(answer(&plan, &(struct question){ 'b', 8, 0, true, false, false }));
}

/* ---- any rules, any question ---- */

static uint32_t random_state = 1;

static uint32_t dice(uint32_t sides)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 16) % sides;
}

static struct spec_device_rule any_rule(void)
{
	struct spec_device_rule rule = {
		.allow = dice(2),
		.type = "abc"[dice(3)],
		.major = 200 + (int64_t)dice(3),
		.minor = (int64_t)dice(4) - 1,
		.read = dice(2),
		.write = dice(2),
		.mknod = dice(2),
	};

	if (dice(3) == 0)
		rule.major = -1;
	if (!rule.read && !rule.write)
		rule.read = true;
	return rule;
}

/* One right alone: the last rule that speaks of it decides; mknod is always allowed. */
static bool one_by_one(const struct spec_device_rule *rules, size_t count, const struct question *q, char right)
{
	bool allowed = right == 'm';

	for (size_t i = 0; i < count && right != 'm'; i++) {
		const struct spec_device_rule *rule = &rules[i];
		bool speaks = (right == 'r' ? rule->read : rule->write) &&
			(rule->type == 'a' || rule->type == q->type) && (rule->major < 0 || rule->major == q->major) &&
			(rule->minor < 0 || rule->minor == q->minor);
		if (speaks)
			allowed = rule->allow;
	}
	return allowed;
}

static void any_rules_answer_as_if_read_one_by_one(void **state)
{
	struct spec_device_rule rules[12];
	struct cgroup_plan plan;

	for (int round = 0; round < 2000; round++) {
		size_t count = 1 + dice(ARRAY_SIZE(rules));
		for (size_t i = 0; i < count; i++)
			rules[i] = any_rule();
		plan_of(*state, rules, count, &plan);
		for (int ask = 0; ask < 40; ask++) {
			struct question q = {
				.type = "bc"[dice(2)],
				.major = 200 + dice(4),
				.minor = dice(4),
				.read = dice(2),
				.write = dice(2),
			};
			q.mknod = (!q.read && !q.write) || dice(2);
			bool expected = (!q.read || one_by_one(rules, count, &q, 'r')) &&
				(!q.write || one_by_one(rules, count, &q, 'w'));
			if (answer(&plan, &q) != expected)
				fail_msg("round %d: %c %u:%u %d%d%d is not %d:\n%s", round, q.type, q.major, q.minor,
					q.read, q.write, q.mknod, expected,
					cgroup_devices_say(
						&(struct spec_resources){ .devices = rules, .device_count = count },
						&((struct unit *)*state)->arena));
		}
	}
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(no_rules_mean_no_program),
	UNIT_TEST(what_everybody_needs_is_always_there),
	UNIT_TEST(the_last_rule_that_speaks_decides),
	UNIT_TEST(a_right_may_come_from_several_rules),
	UNIT_TEST(rules_before_a_rule_on_everything_do_not_count),
	UNIT_TEST(any_rules_answer_as_if_read_one_by_one),
};
UNIT_MAIN(tests)
