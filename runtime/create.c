/* runtime/create.c: the parent's side of a start, in stages.
 *
 *   open    everything the plan names, while nothing has been changed
 *   claim   the id; from here on the record says what to undo
 *   make    cgroup, gate, first process
 *   fill    id maps, limits, device program, while the child mounts
 *   let go  the record is complete: the child may outlive us
 *   wait    until the child says that all is set up
 *
 * Whatever fails, the undoing is the same as that of `delete --force`: one way out, taken often. Why it failed is the
 * child's to say, if it said something: a stage of ours that fails may only have noticed that the child is gone. */
#include "runtime/create.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "runtime/container.h"
#include "runtime/gate.h"
#include "runtime/init.h"
#include "runtime/passwd.h"
#include "runtime/plan.h"
#include "runtime/report.h"
#include "runtime/state_dir.h"
#include "runtime/wait.h"

struct creation {
	struct plan *plan;
	const struct create_request *request;
	struct container container;
	struct cgroup_host host;
	struct cgroup cgroup;
	int socks[2]; /* ours, the child's */
	int gate_lock;
	int terminal;
};

/* ---- open ---- */

/* Signals that our caller has us ignore: exec keeps them ignored, so the child resets them [signal(7)]. */
static uint64_t ignored_signals(void)
{
	char status[8192];
	char *line;

	if (file_read_small_at(AT_FDCWD, "/proc/self/status", status, sizeof(status)) < 0)
		return ~UINT64_C(0);
	line = strstr(status, "\nSigIgn:");
	return line ? strtoull(line + strlen("\nSigIgn:"), NULL, 16) : ~UINT64_C(0);
}

static int open_rootfs(const struct plan *plan, struct error *err)
{
	int fd = path_open_dir(plan->rootfs, err);

	return fd < 0 ? error_at(err, "root.path") : fd;
}

static void find_home(struct plan *plan, int rootfs)
{
	const char *home;

	if (!plan->exec->home)
		return;
	home = passwd_find(rootfs, plan->spec->process.user.uid, plan->arena).home;
	if (home && *home)
		*plan->exec->home = arena_printf(plan->arena, "HOME=%s", home);
}

static int compile_seccomp(struct plan *plan, int root, struct error *err)
{
	cleanup_close int cache = -1;

	if (!plan->seccomp)
		return 0;
	if (mkdirat(root, ".seccomp", 0700) == 0 || errno == EEXIST)
		cache = openat(root, ".seccomp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return seccomp_compile(&plan->spec->linux_.seccomp, cache, plan->arena, plan->seccomp, err);
}

static int open_cgroups(struct creation *creation, struct error *err)
{
	struct plan *plan = creation->plan;
	int r;

	if (!plan->has_cgroup)
		return 0;
	r = cgroup_host_open(&creation->host, err);
	if (r == 0)
		r = cgroup_check_host(&creation->host, &plan->cgroup, err);
	if (creation->host.root < 0) /* and no limit asks for one */
		plan->has_cgroup = false;
	return r;
}

static int open_all(struct creation *creation, struct error *err)
{
	struct plan *plan = creation->plan;
	cleanup_close int rootfs = open_rootfs(plan, err);
	int r;

	if (rootfs < 0)
		return rootfs;
	if ((r = namespaces_open(&plan->namespaces, err)) < 0)
		return r;
	if ((r = steps_open(&plan->steps, err)) < 0)
		return r;
	if ((r = open_cgroups(creation, err)) < 0)
		return r;
	if ((r = compile_seccomp(plan, creation->request->root, err)) < 0)
		return r;
	find_home(plan, rootfs);
	plan->exec->ignored_signals = ignored_signals();
	return 0;
}

void plan_close(struct plan *plan)
{
	namespaces_close(&plan->namespaces);
	steps_close(&plan->steps);
	fd_closep(&plan->gate->listener);
}

/* ---- claim ---- */

static const char *now(struct arena *arena)
{
	char *buf = arena_alloc(arena, sizeof("2026-01-02T03:04:05.000000006Z"));
	struct timespec ts;
	struct text text;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	text_init(&text, buf, sizeof("2026-01-02T03:04:05.000000006Z"));
	text_add_time(&text, &ts, 9);
	return buf;
}

static const char *owner(struct arena *arena)
{
	uid_t uid = geteuid();
	cleanup_close int host = uid == 0 ? -1 : path_open_dir("/", NULL);
	const char *name = uid == 0 ? "root" : host < 0 ? NULL : passwd_find(host, uid, arena).name;

	return name ? name : arena_printf(arena, "%u", uid);
}

static void describe(const struct plan *plan, unsigned cgroup_existing, struct record *record)
{
	*record = (struct record){
		.id = plan->id,
		.bundle = plan->bundle,
		.rootfs = plan->rootfs,
		.created = now(plan->arena),
		.owner = owner(plan->arena),
		.cgroup = plan->has_cgroup ? plan->cgroup.path : NULL,
		.cgroup_existing = cgroup_existing,
		.no_new_keyring = plan->no_new_keyring,
		.annotations = plan->spec->annotations,
		.annotation_count = plan->spec->annotation_count,
		.config = plan->config,
		.config_len = plan->config_len,
	};
}

static int claim(struct creation *creation, struct error *err)
{
	struct container *container = &creation->container;
	const struct plan *plan = creation->plan;
	unsigned existing = 0;
	int r = 0;

	container->dir = state_dir_claim(container->root, plan->id, err);
	if (container->dir < 0)
		return container->dir;
	if (plan->has_cgroup)
		r = cgroup_look(&creation->host, plan->cgroup.path, &existing, err);
	if (r < 0)
		return r;
	describe(plan, existing, &container->record);
	return record_write(container->dir, &container->record, err);
}

/* ---- make ---- */

static int make_gate(struct creation *creation, struct error *err)
{
	struct gate_args *gate = creation->plan->gate;

	if (gate->kind == GATE_PAIR)
		return 0;
	return gate_make(creation->container.dir, &gate->listener, &creation->gate_lock, err);
}

static int make_cgroup(struct creation *creation, struct error *err)
{
	const struct plan *plan = creation->plan;

	return plan->has_cgroup ? cgroup_make(&creation->host, &plan->cgroup, &creation->cgroup, err) : 0;
}

static int clone_init(struct creation *creation, struct error *err)
{
	struct container *container = &creation->container;
	struct init_args args = { .plan = creation->plan };

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, creation->socks) < 0)
		return error_sys(err, errno, "make a pair of sockets");
	args.parent_sock = creation->socks[0];
	args.sock = creation->socks[1];
	args.state_dir = container->dir;
	container->pid = namespaces_clone(
		&creation->plan->namespaces, creation->cgroup.fd, init_walk, &args, &container->pidfd, err);
	fd_closep(&creation->socks[1]);
	return container->pid < 0 ? container->pid : 0;
}

/* ---- fill ---- */

static int send_byte(const struct creation *creation, struct error *err)
{
	if (send(creation->socks[0], "", 1, MSG_NOSIGNAL) == 1)
		return 0;
	return error_sys(err, errno, "talk to the container's first process");
}

static int map_ids(struct creation *creation, struct error *err)
{
	const struct namespaces_plan *namespaces = &creation->plan->namespaces;
	int r;

	if (!namespaces->makes_user)
		return 0;
	r = namespaces_write_maps(namespaces, creation->container.pid, err);
	return r < 0 ? r : send_byte(creation, err);
}

static int fill_cgroup(struct creation *creation, struct error *err)
{
	const struct plan *plan = creation->plan;
	int r;

	if (!plan->has_cgroup)
		return 0;
	r = cgroup_write_values(&creation->cgroup, &plan->cgroup, err);
	return r < 0 ? r : cgroup_attach_devices(&creation->cgroup, &plan->cgroup, err);
}

static int set_oom_score(struct creation *creation, struct error *err)
{
	const struct spec_process *process = &creation->plan->spec->process;
	char path[64], value[16];
	int r;

	if (!process->has_oom_score_adj)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", creation->container.pid);
	(void)snprintf(value, sizeof(value), "%d", process->oom_score_adj);
	r = file_write_at(AT_FDCWD, path, value, err);
	if (r == -EACCES)
		(void)error_hint(err, "only a privileged caller may lower it");
	return r < 0 ? error_at(err, "process.oomScoreAdj") : 0;
}

/* The child sets the exact limits as the last thing it does, when it may no longer raise a hard one. */
static int raise_rlimits(struct creation *creation, struct error *err)
{
	const struct spec_process *process = &creation->plan->spec->process;

	for (size_t i = 0; i < process->rlimit_count; i++) {
		const struct spec_rlimit *limit = &process->rlimits[i];
		struct rlimit now;
		if (getrlimit(limit->resource, &now) < 0 || limit->hard <= now.rlim_max)
			continue;
		now.rlim_max = limit->hard;
		if (prlimit(creation->container.pid, limit->resource, &now, NULL) == 0)
			continue;
		(void)error_sys(err, errno, "raise the hard limit %s to %llu", word_rlimit_name(limit->resource),
			(unsigned long long)limit->hard);
		(void)error_hint(err,
			limit->resource == RLIMIT_NOFILE
				? "it needs CAP_SYS_RESOURCE, and goes no higher than the sysctl fs.nr_open"
				: "it needs CAP_SYS_RESOURCE");
		return error_at(err, "process.rlimits[%zu]", i);
	}
	return 0;
}

static int fill(struct creation *creation, struct error *err)
{
	int r = map_ids(creation, err);

	if (r == 0)
		r = fill_cgroup(creation, err);
	if (r == 0)
		r = set_oom_score(creation, err);
	return r < 0 ? r : raise_rlimits(creation, err);
}

/* ---- let go, wait ---- */

static int let_go(struct creation *creation, struct error *err)
{
	struct init_mark mark;
	int r = init_mark_of(creation->container.pid, &mark);

	if (r < 0)
		return error_sys(err, r, "look at the container's first process");
	r = init_mark_write(creation->container.dir, &mark, err);
	return r < 0 ? r : send_byte(creation, err);
}

static int interrupted(int signal, struct error *err)
{
	(void)error_bad(err, EINTR, "interrupted by %s before the container was ready", word_signal_name(signal));
	err->exit_status = 128 + signal;
	return -EINTR;
}

/* The next message of the child; a signal that asks husk to end is a failure like any other. */
static int next_report(const struct creation *creation, struct report *report, int *ret_fd, struct error *err)
{
	struct pollfd fds[] = {
		{ .fd = creation->socks[0], .events = POLLIN },
		{ .fd = creation->request->signal_fd, .events = POLLIN },
	};
	int signal;

	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return error_sys(err, errno, "poll");
		signal = fds[1].revents ? wait_interrupted(creation->request->signal_fd) : 0;
		if (signal)
			return interrupted(signal, err);
		if (fds[0].revents)
			return report_receive(creation->socks[0], report, ret_fd);
	}
}

static int await_ready(struct creation *creation, struct error *err)
{
	for (;;) {
		struct report report;
		int r = next_report(creation, &report, &creation->terminal, err);
		if (r < 0 && r != -EINTR)
			return error_sys(err, r, "hear from the container's first process");
		if (r < 0 || r == REPORT_READY)
			return r < 0 ? r : 0;
		if (r == REPORT_FAILED)
			return report_explain(&report, &creation->plan->steps, err);
		if (r == REPORT_END)
			return error_bad(err, ESRCH, "the container's first process ended before it was ready");
	}
}

static int write_pid_file(struct creation *creation, struct error *err)
{
	const char *path = creation->request->pid_file;
	const char *slash = path ? strrchr(path, '/') : NULL;
	cleanup_close int dir = -1;
	char text[16];
	int len, r;

	if (!path)
		return 0;
	/* "dir/" of "dir/file" */
	dir = path_open_dir(slash ? arena_copy(creation->plan->arena, path, (size_t)(slash - path) + 1) : ".", err);
	len = snprintf(text, sizeof(text), "%d", creation->container.pid);
	r = dir < 0 ? dir : file_replace_at(dir, slash ? slash + 1 : path, text, (size_t)len, 0644, err);
	return r < 0 ? error_hint(err, "--pid-file %s", path) : 0;
}

/* ---- undo ---- */

void create_reap(const struct container *container)
{
	while (waitid(P_PIDFD, (id_t)container->pidfd, &(siginfo_t){ 0 }, WEXITED) < 0 && errno == EINTR)
		;
}

/* A child that failed said so before it ended, so the message is there once it is reaped. One that we end here says
 * nothing. */
static void ask_child(const struct creation *creation, struct error *err)
{
	struct report report;
	int fd = -1, r;

	do {
		r = report_receive(creation->socks[0], &report, &fd);
		fd_closep(&fd);
	} while (r == REPORT_READY || r == REPORT_TERMINAL);
	if (r == REPORT_FAILED)
		(void)report_explain(&report, &creation->plan->steps, err);
}

static void undo(struct creation *creation, struct error *err)
{
	struct container *container = &creation->container;
	struct error also = { 0 };

	if (container->pidfd >= 0) {
		(void)pidfd_send_signal(container->pidfd, SIGKILL, NULL, 0);
		create_reap(container);
		ask_child(creation, err);
		fd_closep(&container->pidfd);
	}
	if (container->dir >= 0 && container_erase(container, &also) < 0)
		(void)error_hint(
			err, "and it left something behind: %s; husk delete --force %s", also.what, container->id);
	container_close(container);
	fd_closep(&creation->terminal);
}

int create_container(struct plan *plan, const struct create_request *request, struct container *ret_container,
	struct created *ret, struct error *err)
{
	static int (*const stages[])(struct creation *, struct error *) = {
		open_all,
		claim,
		make_cgroup,
		make_gate,
		clone_init,
		fill,
		let_go,
		await_ready,
		write_pid_file,
	};
	struct creation creation = {
		.plan = plan,
		.request = request,
		.container = { .root = request->root, .dir = -1, .id = plan->id, .pidfd = -1 },
		.host = { .root = -1 },
		.cgroup = { .fd = -1 },
		.socks = { -1, -1 },
		.gate_lock = -1,
		.terminal = -1,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(stages); i++)
		r = stages[i](&creation, err);
	if (r < 0) {
		undo(&creation, err);
		if (err->code == -ENOSYS)
			(void)error_hint(err, "husk needs Linux 5.14 or newer, all of it allowed by seccomp");
		if (*err->where) /* a JSON path */
			(void)error_at(err, "config.json");
	}
	cgroup_done(&creation.cgroup);
	cgroup_host_done(&creation.host);
	fd_closep(&creation.gate_lock);
	*ret = (struct created){ .sock = fd_take(&creation.socks[0]), .terminal = creation.terminal };
	*ret_container = creation.container;
	return r < 0 ? err->code : 0;
}

int create_await_exec(const struct plan *plan, struct created *created, struct error *err)
{
	struct report report;
	int fd = -1;
	int r = report_receive(created->sock, &report, &fd);

	fd_closep(&fd);
	fd_closep(&created->sock);
	if (r == REPORT_FAILED) {
		(void)report_explain(&report, &plan->steps, err);
		return error_at(err, "config.json");
	}
	return r < 0 ? error_sys(err, r, "hear from the container's first process") : 0;
}
