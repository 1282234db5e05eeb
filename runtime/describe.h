/* runtime/describe.h: what the record says of a plan that is about to be carried out. */
#pragma once
struct plan;
struct record;

/* Everything that is known before anything is made; texts are in the plan's arena. `cgroup_existing`: of cgroup_look(). */
void describe_plan(const struct plan *plan, unsigned cgroup_existing, struct record *ret);
