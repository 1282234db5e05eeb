/* runtime/network.c: see the header. */
#include "runtime/network.h"

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
#include "runtime/container.h"
#include "runtime/names.h"
#include "runtime/plan.h"

enum { PASTA_END_TIMEOUT_MS = 2000 };

#define WHERE       "annotations[\"" NET_ANNOTATION "\"]"
#define PORTS_WHERE "annotations[\"" NET_PORTS_ANNOTATION "\"]"

/* ---- the plan ---- */

static void plan_pasta(struct plan *plan, const char *options, struct faults *faults)
{
	struct pasta_plan *pasta = ARENA_NEW(plan->arena, struct pasta_plan);
	const char *ports = spec_annotation(plan->spec, NET_PORTS_ANNOTATION);

	if (plan->child_opens && !plan->namespaces.makes_user)
		faults_add(faults, WHERE, "pasta needs a user namespace that husk makes, to be its root");
	pasta_plan(options, WHERE, plan->arena, pasta, faults);
	if (ports)
		pasta_plan_ports(ports, PORTS_WHERE, plan->arena, pasta, faults);
	plan->pasta = pasta;
}

void network_plan(struct plan *plan, bool unprivileged, struct faults *faults)
{
	const struct spec_namespace_request *network = &plan->spec->linux_.namespaces[SPEC_NS_NETWORK];

	if (network->given && !network->path) {
		const char *pasta = net_asks_pasta(plan->spec, faults);
		if (pasta)
			plan_pasta(plan, pasta, faults);
		net_plan_make(plan->spec, unprivileged, plan->arena, &plan->network, faults);
	}
	if (plan->network || plan->pasta)
		names_plan_for(plan, faults);
	else
		names_refuse(plan->spec, faults);
}

/* ---- before the container is there ---- */

int network_reserve(
	const struct plan *plan, const char *store, int state_dir, struct wiring *network, struct error *err)
{
	const struct net_owner owner = { .store = store, .id = plan->id, .state_dir = state_dir };

	return plan->network ? net_reserve(plan->network, &owner, plan->arena, &network->attachment, err) : 0;
}

/* ---- while its first process waits ---- */

static int open_namespace(pid_t pid, const char *name, struct error *err)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "open %s", path) : fd;
}

int network_look(const struct plan *plan, pid_t child, struct wiring *network, struct error *err)
{
	if (!plan->pasta)
		return 0;
	network->netns = open_namespace(child, "net", err);
	if (network->netns < 0 || geteuid() == 0) /* root need not be the root of another user namespace */
		return network->netns < 0 ? network->netns : 0;
	network->userns = open_namespace(child, "user", err);
	return network->userns < 0 ? network->userns : 0;
}

/* ---- while it mounts ---- */

/* The child is born in a new network namespace; one that is joined was opened before. */
static int open_network(const struct plan *plan, pid_t child, struct error *err)
{
	const struct namespaces_plan *namespaces = &plan->namespaces;

	for (size_t i = 0; i < namespaces->join_count; i++)
		if (namespaces->joins[i].kind == SPEC_NS_NETWORK)
			return fcntl(namespaces->joins[i].fd, F_DUPFD_CLOEXEC, 0);
	return open_namespace(child, "net", err);
}

static int fill_links(const struct plan *plan, pid_t child, struct wiring *network, struct error *err)
{
	const struct spec_linux *linux_ = &plan->spec->linux_;
	bool wanted = network->attachment || linux_->net_device_count;
	cleanup_close int netns = wanted ? open_network(plan, child, err) : -1;
	int r = 0;

	if (wanted && netns < 0)
		return netns;
	if (network->attachment)
		r = net_wire(network->attachment, netns, err);
	if (r == 0 && linux_->net_device_count)
		r = net_devices_move(
			linux_->net_devices, linux_->net_device_count, netns, plan->arena, &network->moved, err);
	return r;
}

static int start_pasta(
	const struct plan *plan, const struct wiring *network, struct container *container, struct error *err)
{
	const struct pasta_place place = {
		.dir = container->dir,
		.netns = network->netns,
		.userns = network->userns,
	};
	struct record *record = &container->record;
	cleanup_close int pidfd = -1;
	pid_t pid = 0;
	int r = pasta_start(plan->pasta, &place, plan->arena, &pid, err);

	if (r < 0)
		return error_at(err, WHERE);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	r = pidfd < 0 ? -errno : mark_of(pid, pidfd, &record->pasta);
	record->has_pasta = r == 0;
	return r < 0 ? error_sys(err, r, "look at pasta, which has just started") : 0;
}

static int fill_names(const struct plan *plan, int state_dir, const struct wiring *network, struct error *err)
{
	struct names_network names = { .forwarder = plan->pasta ? PASTA_DNS : NULL };
	int r;

	if (network->attachment)
		net_describe(network->attachment, plan->arena, &names);
	r = names_fill(plan, state_dir, &names, err);
	return r == 0 && network->attachment ? net_publish(network->attachment, err) : r;
}

int network_fill(
	const struct plan *plan, pid_t child, struct container *container, struct wiring *network, struct error *err)
{
	int r = fill_links(plan, child, network, err);

	if (r == 0 && plan->pasta)
		r = start_pasta(plan, network, container, err);
	return r == 0 && plan->names ? fill_names(plan, container->dir, network, err) : r;
}

/* CRIU leaves a network that is ours to make as empty as the kernel makes it. */
int network_restore(
	const struct plan *plan, pid_t child, struct container *container, struct wiring *network, struct error *err)
{
	cleanup_close int netns = plan->network ? open_namespace(child, "net", err) : -1;
	int r = netns >= 0 ? loopback_bring_up(netns, err) : 0;

	if (plan->network && netns < 0)
		return netns;
	return r < 0 ? r : network_fill(plan, child, container, network, err);
}

/* ---- the end ---- */

void network_end_pasta(const struct container *container)
{
	cleanup_close int pidfd = container->record.has_pasta ? mark_open(&container->record.pasta) : -1;
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	pasta_end(container->dir);
	if (pidfd < 0 || poll(&end, 1, PASTA_END_TIMEOUT_MS) > 0)
		return;
	(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	(void)poll(&end, 1, PASTA_END_TIMEOUT_MS);
}

void network_return(struct wiring *network)
{
	net_devices_return(network->moved);
	network->moved = NULL;
}

void network_close(struct wiring *network)
{
	net_devices_done(network->moved);
	fd_closep(&network->netns);
	fd_closep(&network->userns);
}
