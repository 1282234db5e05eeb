/* runtime/pasta.c: see the header. */
#include "runtime/pasta.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "netns/netns.h"
#include "netns/request.h"
#include "runtime/container.h"
#include "runtime/plan.h"

enum { END_TIMEOUT_MS = 2000 };

#define WHERE "annotations[\"" NET_ANNOTATION "\"]"

void pasta_plan_for(struct plan *plan, const struct net_request *request, struct faults *faults)
{
	struct pasta_plan *pasta = ARENA_NEW(plan->arena, struct pasta_plan);
	const char *ports = spec_annotation(plan->spec, NET_PORTS_ANNOTATION);

	if (plan->child_opens && !plan->namespaces.makes_user)
		faults_add(faults, WHERE, "pasta needs a user namespace that husk makes, to be its root");
	pasta_plan(request->what ? request->what : "", WHERE, plan->arena, pasta, faults);
	if (ports)
		pasta_plan_ports(ports, "annotations[\"" NET_PORTS_ANNOTATION "\"]", plan->arena, pasta, faults);
	plan->pasta = pasta;
}

static int open_namespace(int pid, const char *name, struct error *err)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "open %s", path) : fd;
}

int pasta_look(const struct plan *plan, int child, struct pasta_ends *ret_ends, struct error *err)
{
	if (!plan->pasta)
		return 0;
	ret_ends->netns = open_namespace(child, "net", err);
	if (ret_ends->netns < 0 || geteuid() == 0)
		return ret_ends->netns < 0 ? ret_ends->netns : 0;
	ret_ends->userns = open_namespace(child, "user", err);
	return ret_ends->userns < 0 ? ret_ends->userns : 0;
}

void pasta_close(struct pasta_ends *ends)
{
	fd_closep(&ends->netns);
	fd_closep(&ends->userns);
}

int pasta_serve(
	const struct plan *plan, int dir, const struct pasta_ends *ends, struct record *record, struct error *err)
{
	const struct pasta_place place = { .dir = dir, .netns = ends->netns, .userns = ends->userns };
	cleanup_close int pidfd = -1;
	pid_t pid = 0;
	int r;

	if (!plan->pasta)
		return 0;
	r = pasta_start(plan->pasta, &place, plan->arena, &pid, err);
	if (r < 0)
		return error_at(err, WHERE);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	r = pidfd < 0 ? -errno : mark_of(pid, pidfd, &record->pasta);
	record->has_pasta = r == 0;
	return r < 0 ? error_sys(err, r, "look at pasta, which has just started") : 0;
}

void pasta_erase(const struct container *container)
{
	cleanup_close int pidfd = container->record.has_pasta ? mark_open(&container->record.pasta) : -1;
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	pasta_end(container->dir);
	if (pidfd < 0 || poll(&end, 1, END_TIMEOUT_MS) > 0)
		return;
	(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	(void)poll(&end, 1, END_TIMEOUT_MS);
}
