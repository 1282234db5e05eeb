/* runtime/start.c: letting a created container go.
 *
 * The init answers on the same socket on which it was told to start: closed by exec, or a report. Its plan ended with
 * the husk that made it, so a report is explained by planning anew from the frozen config. */
#include <errno.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "runtime/container.h"
#include "runtime/gate.h"
#include "runtime/hooks.h"
#include "runtime/listener.h"
#include "runtime/notify.h"
#include "runtime/plan.h"
#include "runtime/report.h"
#include "runtime/state_dir.h"

static int explain(
	const struct container *container, const struct report *report, struct arena *arena, struct error *err)
{
	struct spec *spec;
	struct plan plan;

	if (container_plan(container, arena, &spec, &plan, NULL) < 0)
		return error_sys(err, report->code, "run the program of the container \"%s\"", container->id);
	(void)report_explain(report, &plan.steps, err);
	return error_at(err, "config.json");
}

int container_poststart(const struct container *container, struct arena *arena, struct error *err)
{
	struct spec_state state = container_state(container);
	struct hook_setting setting;
	struct spec *spec;
	int r;

	if (!container->record.has_poststart)
		return 0;
	r = container_spec(container, arena, &spec, err);
	if (r < 0)
		return r;
	state.status = SPEC_RUNNING;
	setting = hook_setting_of(spec, &state, arena);
	r = hooks_run(&spec->hooks[SPEC_HOOK_POSTSTART], &setting, container->pid, err);
	return r < 0 ? error_at(err, "config.json") : 0;
}

/* A container whose hook has failed is stopped and destroyed. */
static int give_up(struct container *container, struct error *err)
{
	struct error also = { 0 };

	if (container_erase(container, &also) < 0)
		(void)error_hint(err, "and the container could not be removed: %s", also.what);
	return err->code;
}

static int pass_listener(const struct container *container, int page, struct arena *arena, struct error *err)
{
	const struct spec_state state = container_state(container);
	struct spec *spec;
	int r = container_spec(container, arena, &spec, err);

	return r < 0 ? r : listener_pass(spec, &state, container->pidfd, container->pid, page, err);
}

static int refuse(const struct container *container, struct error *err)
{
	if (container->status == SPEC_STOPPED)
		return error_bad(err, EPERM, "cannot start the container \"%s\": it has stopped", container->id);
	return error_bad(err, EPERM, "cannot start the container \"%s\": it is %s and not created", container->id,
		spec_status_names[container->status]);
}

static int let_go(struct container *container, struct arena *arena, struct error *err)
{
	cleanup_close int sock = -1;
	struct report report;
	int fd = -1, r;

	sock = gate_pass(container->dir, err);
	if (sock == -ECONNREFUSED) /* it has ended, or its program runs by now */
		return error_bad(
			err, EPERM, "cannot start the container \"%s\": it is not waiting any more", container->id);
	if (sock < 0)
		return sock;
	while ((r = report_receive(sock, &report, &fd)) == REPORT_LISTENER) {
		r = pass_listener(container, fd, arena, err);
		fd_closep(&fd);
		if (r < 0)
			return give_up(container, err);
	}
	if (r == REPORT_FAILED) {
		(void)explain(container, &report, arena, err);
		return report.code == STEP_HOOK_FAILED ? give_up(container, err) : err->code;
	}
	if (r < 0)
		return error_sys(err, r, "hear from the container \"%s\"", container->id);
	return container_poststart(container, arena, err) < 0 ? give_up(container, err) : 0;
}

int container_start(struct container *container, const char *notify_socket, struct arena *arena, struct error *err)
{
	struct notify notify = { .sock = -1, .host = notify_socket, .main_pid = container->pid };
	bool notifies = container->record.notifies && notify_socket;
	int r = 0;

	if (container->status != SPEC_CREATED)
		return refuse(container, err);
	if (notifies)
		r = notify_listen(container->dir, &notify, err);
	if (r == 0)
		r = let_go(container, arena, err);
	if (r == 0 && notifies) {
		state_dir_unlock(container->dir); /* it may take its time */
		(void)notify_wait(&notify, container->pidfd, -1);
	}
	notify_done(&notify);
	return r;
}
