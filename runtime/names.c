/* runtime/names.c: see the header. */
#include "runtime/names.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "netns/netns.h"
#include "runtime/plan.h"
#include "runtime/shown.h"

enum { RESOLV_MAX = 65536 };

#define ALL_GROUPS "0 2147483647"

/* ---- the plan ---- */

/* Both ends must have a mapping: from the lowest to the highest group that has one. */
static const char *groups_of(const struct spec_id_mappings *maps, struct arena *arena)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (size_t i = 0; i < maps->count; i++) {
		uint64_t first = maps->items[i].container_id, last = first + maps->items[i].size - 1;
		low = first < low ? first : low;
		high = last > high ? last : high;
	}
	if (high > INT32_MAX)
		high = INT32_MAX;
	return arena_printf(arena, "%llu %llu", (unsigned long long)low, (unsigned long long)high);
}

/* "net.ipv4.x" and "net/ipv4/x" are the same. */
static bool sets_ping_groups(const struct spec_linux *linux_)
{
	for (size_t i = 0; i < linux_->sysctl_count; i++) {
		const char *key = linux_->sysctl[i].key, *wanted = NAMES_PING_GROUPS;
		while (*key && (*key == *wanted || (*key == '/' && *wanted == '.')))
			key++, wanted++;
		if (!*key && !*wanted)
			return true;
	}
	return false;
}

static void let_users_ping(struct plan *plan)
{
	const struct spec_linux *linux_ = &plan->spec->linux_;
	const char *groups = plan->namespaces.makes_user ? groups_of(&linux_->gid_mappings, plan->arena) : ALL_GROUPS;
	struct spec *spec = ARENA_NEW(plan->arena, struct spec);
	struct spec_pair *sysctl = ARENA_ARRAY(plan->arena, linux_->sysctl_count + 1, struct spec_pair);

	if (sets_ping_groups(linux_) || plan->namespaces.joins_user) /* there we know of no mapping */
		return;
	if (linux_->sysctl_count)
		memcpy(sysctl, linux_->sysctl, linux_->sysctl_count * sizeof(*sysctl));
	sysctl[linux_->sysctl_count] = (struct spec_pair){ NAMES_PING_GROUPS, groups };
	*spec = *plan->spec;
	spec->linux_.sysctl = sysctl;
	spec->linux_.sysctl_count++;
	plan->spec = spec;
	plan->process = &spec->process;
}

void names_plan_for(struct plan *plan, struct faults *faults)
{
	struct names_plan *names = ARENA_NEW(plan->arena, struct names_plan);

	names_plan(plan->spec, plan->arena, names, faults);
	plan->names = names;
	let_users_ping(plan);
}

/* ---- the files ---- */

static const char *read_host_file(const char *path, struct arena *arena)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *text = NULL;

	return fd >= 0 && file_read_fd(fd, path, RESOLV_MAX, arena, &text, NULL, NULL) == 0 ? text : NULL;
}

/* Servers on the host's loopback are asked through the network's forwarder; without one, what systemd-resolved asks itself
 * can be asked from elsewhere. */
static struct names_resolv host_resolv(const struct names_network *network, struct arena *arena)
{
	struct names_resolv resolv = {
		.host = read_host_file(NAMES_RESOLV, arena),
		.servers = network->servers,
		.internal = network->internal,
	};
	const char **forwarder = ARENA_NEW(arena, const char *), *uplink;

	if (!resolv.host || !names_resolv_is_local(resolv.host))
		return resolv;
	if (network->forwarder && resolv.servers.count == 0) {
		*forwarder = network->forwarder;
		resolv.servers = (struct spec_strings){ .items = forwarder, .count = 1 };
		return resolv;
	}
	uplink = read_host_file(NAMES_UPLINK, arena);
	if (uplink)
		resolv.host = uplink;
	return resolv;
}

/* Without one in the config, a new UTS namespace has that of the host [uts_namespaces(7)]. */
static const char *hostname_of(const struct plan *plan)
{
	struct utsname host;

	if (plan->spec->hostname)
		return plan->spec->hostname;
	return uname(&host) == 0 ? arena_strdup(plan->arena, host.nodename) : "localhost";
}

int names_fill(const struct plan *plan, int dir, const struct names_network *network, struct error *err)
{
	const char *hostname = hostname_of(plan);
	const struct names_own own = {
		.hostname = hostname,
		.addresses = network->addresses,
		.gateway = network->gateway,
	};
	const struct names_resolv resolv = host_resolv(network, plan->arena);
	int r;

	if (!network->gateway && names_need_gateway(plan->names)) {
		(void)error_bad(err, EINVAL, "host-gateway: this network has no way to the host");
		return error_at(err, "annotations[\"" NAMES_ADD_HOSTS "\"]");
	}
	r = shown_write(plan, dir, SHOWN_HOSTS, names_hosts_text(plan->names, &own, plan->arena), err);
	if (r == 0)
		r = shown_write(plan, dir, SHOWN_HOSTNAME, arena_printf(plan->arena, "%s\n", hostname), err);
	if (r == 0)
		r = shown_write(plan, dir, SHOWN_RESOLV, names_resolv_text(plan->names, &resolv, plan->arena), err);
	return r;
}
