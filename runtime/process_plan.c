/* runtime/process_plan.c: from process.* to steps. Pure.
 *
 * Theory of operation
 * Rights are needed to give up rights, so the order is fixed:
 *   the session, labels, keyring and scheduling while still privileged; no_new_privs; the bounding set (needs
 *   CAP_SETPCAP); groups, gid, uid, with capabilities kept over the change; the five sets; then the directory and the
 *   search for the program, as the user who will run it. After the gate only what must come last: exact limits (after
 *   every open of ours), seccomp (after every call of ours), exec.
 * Without no_new_privs a filter needs CAP_SYS_ADMIN to be installed. That one is kept in the permitted and effective
 * sets until exec, which computes both anew from the inheritable, bounding and ambient sets [capabilities(7)], so the
 * program never has it unless the config says so. */
#include <linux/capability.h>
#include <linux/sched.h>
#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"
#include "runtime/hooks.h"
#include "runtime/notify.h"
#include "runtime/plan.h"
#include "runtime/process.h"
#include "runtime/steps.h"

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static const char *environment(const struct spec_strings *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < env->count; i++)
		if (strncmp(env->items[i], name, len) == 0 && env->items[i][len] == '=')
			return env->items[i] + len + 1;
	return NULL;
}

/* Each place where args[0] may be, as execvp(3) looks: PATH if the name holds no slash. An empty part of PATH is the
 * working directory. */
static const char **candidates(const char *name, const char *path, struct arena *arena)
{
	size_t parts = 1, count = 0;

	if (strchr(name, '/')) {
		const char **one = ARENA_ARRAY(arena, 2, const char *);
		one[0] = name;
		return one;
	}
	for (const char *c = path; *c; c++)
		parts += *c == ':';
	const char **list = ARENA_ARRAY(arena, parts + 1, const char *);
	for (const char *part = path; count < parts; part = strchrnul(part, ':') + 1) {
		int len = (int)strcspn(part, ":");
		list[count++] =
			len ? arena_printf(arena, "%.*s/%s", len, part, name) : arena_printf(arena, "./%s", name);
	}
	return list;
}

struct variables {
	const char **items;
	size_t count;
};

static const char **add_variable(struct variables *env, const char *variable)
{
	env->items[env->count] = variable;
	return &env->items[env->count++];
}

/* [sd_listen_fds(3)] Which process is meant, only that process knows. */
static void add_listen_fds(
	struct variables *env, const struct plan_request *request, struct exec_args *args, struct arena *arena)
{
	char *pid;

	if (!request->listen_fds)
		return;
	pid = arena_strdup(arena, "LISTEN_PID=18446744073709551615");
	(void)add_variable(env, arena_printf(arena, "LISTEN_FDS=%u", request->listen_fds));
	(void)add_variable(env, pid);
	if (request->listen_names)
		(void)add_variable(env, arena_printf(arena, "LISTEN_FDNAMES=%s", request->listen_names));
	args->listen_pid = pid + strlen("LISTEN_PID=");
}

/* The config's variables, HOME where it has none, since programs and callers expect it [runc, crun], and ours. */
static void add_environment(
	struct exec_args *args, const struct spec_strings *env, const struct plan_request *request, struct arena *arena)
{
	enum { OURS = 5 }; /* HOME, three of LISTEN_*, NOTIFY_SOCKET */
	struct variables all = { .items = ARENA_ARRAY(arena, env->count + OURS + 1, const char *),
		.count = env->count };

	if (env->count)
		memcpy(all.items, env->items, env->count * sizeof(*all.items));
	if (!environment(env, "HOME"))
		args->home = add_variable(&all, "HOME=/");
	add_listen_fds(&all, request, args, arena);
	if (request->notify)
		(void)add_variable(&all, "NOTIFY_SOCKET=" NOTIFY_PLACE "/" NOTIFY_SOCKET);
	args->envp = all.items;
}

static struct exec_args *exec_args(
	const struct spec_process *process, const struct plan_request *request, struct arena *arena)
{
	struct exec_args *args = ARENA_NEW(arena, struct exec_args);
	const char *path = environment(&process->env, "PATH");

	*args = (struct exec_args){
		.argv = process->args.items,
		.candidates = candidates(process->args.items[0], path ? path : default_path, arena),
		.preserve_fds = request->preserve_fds,
	};
	add_environment(args, &process->env, request, arena);
	return args;
}

static void add_identity(struct plan *plan)
{
	const struct spec_process *process = plan->process;
	struct identity_args *args = ARENA_NEW(plan->arena, struct identity_args);
	bool own_seccomp = plan->seccomp && !process->no_new_privileges;

	*args = (struct identity_args){
		.uid = process->user.uid,
		.gid = process->user.gid,
		.groups = process->user.additional_gids,
		.group_count = process->user.additional_gid_count,
		.last_cap = word_capability_last(),
		.keep_groups = spec_annotation(plan->spec, "run.oci.keep_original_groups") != NULL,
		.caps = process->capabilities,
		.extra_until_exec = own_seccomp ? UINT64_C(1) << CAP_SYS_ADMIN : 0,
	};
	steps_add(&plan->steps, &bounding_step, "process.capabilities.bounding", args);
	steps_add(&plan->steps, &identity_step, "process.user", args);
	steps_add(&plan->steps, &capabilities_step, "process.capabilities", args);
}

static void add_label(struct plan *plan, const char *module, const char *label, const char *origin)
{
	struct label_args *args = ARENA_NEW(plan->arena, struct label_args);

	if (!label)
		return;
	*args = (struct label_args){ .module = module, .label = label };
	if (strcmp(module, "apparmor") == 0) /* changed at exec [apparmor(7)] */
		args->label = arena_printf(plan->arena, "exec %s", label);
	steps_add(&plan->steps, &label_step, origin, args);
}

static void add_scheduling(struct plan *plan)
{
	const struct spec_process *process = plan->process;

	if (process->scheduler.given)
		steps_add(&plan->steps, &scheduler_step, "process.scheduler", (void *)&process->scheduler);
	if (process->has_io_priority)
		steps_add(&plan->steps, &io_priority_step, "process.ioPriority", (void *)&process->io_priority);
	if (plan->spec->linux_.has_personality)
		steps_add(
			&plan->steps, &personality_step, "linux.personality", (void *)&plan->spec->linux_.personality);
}

static void add_memory_policy(struct plan *plan, struct faults *faults)
{
	const struct spec_memory_policy *policy = &plan->spec->linux_.memory_policy;
	struct memory_policy_args *args;

	if (!policy->given)
		return;
	args = ARENA_NEW(plan->arena, struct memory_policy_args);
	args->policy = policy;
	if (policy->nodes && text_to_bits(policy->nodes, args->nodes, ARRAY_SIZE(args->nodes)) < 0)
		faults_add(faults, "linux.memoryPolicy.nodes", "expected numbers below %zu", sizeof(args->nodes) * 8);
	steps_add(&plan->steps, &memory_policy_step, "linux.memoryPolicy", args);
}

/* In the container, as its user, and in the environment of its program unless they have one. */
static void add_start_hooks(struct plan *plan)
{
	struct hook_setting *setting;

	if (!plan->spec->hooks[SPEC_HOOK_START_CONTAINER].count)
		return;
	setting = plan_hook_setting(plan, SPEC_CREATED);
	setting->bundle = NULL;
	setting->out_file = setting->err_file = NULL; /* paths of the host's */
	setting->env = plan->exec->envp;
	plan_add_hooks(plan, SPEC_HOOK_START_CONTAINER, setting);
}

/* What is the same for the first process and for one that joins: from the container's view to its user's. */
static void add_user_steps(struct plan *plan)
{
	const struct spec_process *process = plan->process;
	struct steps *steps = &plan->steps;

	if (plan->closed_streams)
		steps_add(steps, &streams_step, NULL, &plan->closed_streams);
	steps_add(steps, &stdio_step, "process.terminal", (void *)&process->user);
	if (process->no_new_privileges)
		steps_add(steps, &no_new_privs_step, "process.noNewPrivileges", NULL);
	add_identity(plan);
	steps_add(steps, &enter_cwd_step, "process.cwd", (void *)process->cwd);
	steps_add(steps, &umask_step, "process.user.umask", (void *)&process->user);
	steps_add(steps, &find_step, "process.args[0]", plan->exec);
	steps_add(steps, &handover_step, NULL, plan->exec);
}

/* What must come last. */
static void add_exec_steps(struct plan *plan)
{
	const struct spec_process *process = plan->process;
	struct steps *steps = &plan->steps;

	for (size_t i = 0; i < process->rlimit_count; i++)
		steps_add(steps, &rlimit_step, arena_printf(plan->arena, "process.rlimits[%zu]", i),
			&process->rlimits[i]);
	steps_add(steps, &signals_step, NULL, plan->exec);
	if (plan->seccomp)
		steps_add(steps, &seccomp_step, "linux.seccomp", plan->seccomp);
	steps_add(steps, &exec_step, "process.args[0]", plan->exec);
}

static void add_labels(struct plan *plan)
{
	add_label(plan, "apparmor", plan->process->apparmor_profile, "process.apparmorProfile");
	add_label(plan, "selinux", plan->process->selinux_label, "process.selinuxLabel");
}

static void add_keyring(struct plan *plan)
{
	if (!plan->no_new_keyring)
		steps_add(&plan->steps, &keyring_step, NULL, arena_printf(plan->arena, "_ses.%s", plan->id));
}

static void prepare(struct plan *plan, const struct plan_request *request)
{
	plan->exec = exec_args(plan->process, request, plan->arena);
	plan->gate = ARENA_NEW(plan->arena, struct gate_args);
	*plan->gate = (struct gate_args){ .kind = request->gate, .listener = -1, .lock = -1 };
	plan->exec->gate = plan->gate;
	if (plan->spec->linux_.seccomp.given)
		plan->seccomp = ARENA_NEW(plan->arena, struct seccomp_program);
	if (plan->seccomp)
		plan->seccomp->strict = spec_annotation(plan->spec, "run.oci.seccomp_fail_unknown_syscall") != NULL;
}

/* All processors, and not those of our caller: the cgroup narrows them down again [runc, crun]. */
static void add_affinity(struct plan *plan, const char *list, const char *origin)
{
	struct affinity_args *args = ARENA_NEW(plan->arena, struct affinity_args);

	args->list = list;
	if (!list)
		memset(args->bits, 0xff, sizeof(args->bits));
	else
		(void)text_to_bits(list, args->bits, ARRAY_SIZE(args->bits)); /* was checked */
	steps_add(&plan->steps, &affinity_step, origin, args);
}

bool plan_awaits_parent(const struct plan *plan)
{
	return plan->namespaces.makes_user || plan->cgroup.unit;
}

void process_first_steps(struct plan *plan)
{
	bool user = plan->namespaces.makes_user || plan->namespaces.joins_user;

	steps_add(&plan->steps, &session_step, NULL, NULL);
	add_affinity(plan, NULL, NULL);
	if (plan_awaits_parent(plan))
		steps_add(&plan->steps, &await_parent_step, NULL,
			plan->namespaces.makes_user ? "the id maps" : "its cgroup");
	if (user)
		steps_add(&plan->steps, &become_root_step, "linux.uidMappings", NULL);
}

void process_last_steps(struct plan *plan, const struct plan_request *request, struct faults *faults)
{
	struct steps *steps = &plan->steps;

	prepare(plan, request);

	steps_add(steps, &make_cwd_step, "process.cwd", (void *)plan->process->cwd);
	add_keyring(plan);
	add_scheduling(plan);
	add_memory_policy(plan, faults);
	add_labels(plan);
	add_user_steps(plan);
	steps_add(steps, &gate_step, NULL, plan->gate);
	add_start_hooks(plan);
	add_exec_steps(plan);
}

/* Labels are asked for before the container is entered: through the host's /proc, which it cannot have changed. */
void process_joining_steps(struct plan *plan, const struct plan_request *request)
{
	const struct spec_process *process = plan->process;

	prepare(plan, request);
	steps_add(&plan->steps, &session_step, NULL, NULL);
	add_labels(plan);
	namespaces_enter_step(plan->enter, &plan->steps);
	if (plan->enter->flags & CLONE_NEWUSER)
		steps_add(&plan->steps, &become_root_step, NULL, NULL);
	if (process->exec_affinity_final)
		add_affinity(plan, process->exec_affinity_final, "process.execCPUAffinity.final");
	if (process->terminal)
		view_terminal_step(process, false, &plan->steps);
	add_keyring(plan);
	add_scheduling(plan);
	add_user_steps(plan);
	add_exec_steps(plan);
}
