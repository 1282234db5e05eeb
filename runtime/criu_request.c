/* runtime/criu_request.c: see the header.
 *
 * Cgroups are not CRIU's business as long as nobody asks for that: the processes are restored in the cgroup that husk has
 * made, where CRIU itself runs meanwhile, and what a checkpoint says of cgroups decides nothing. */
#include "runtime/criu_request.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

const char *const criu_cgroups_modes[] = { "default", "ignore", "none", "props", "soft", "full", "strict", NULL };
const char *const criu_network_locks[] = { "default", "iptables", "nftables", "skip", NULL };

static const Criu__CgroupMode cgroup_modes[] = {
	CRIU__CGROUP_MODE__CGROUPS_IGNORE,
	CRIU__CGROUP_MODE__CGROUPS_IGNORE,
	CRIU__CGROUP_MODE__CGROUPS_NONE,
	CRIU__CGROUP_MODE__CGROUPS_PROPERTIES,
	CRIU__CGROUP_MODE__CGROUPS_SOFT,
	CRIU__CGROUP_MODE__CGROUPS_FULL,
	CRIU__CGROUP_MODE__CGROUPS_STRICT,
};
static_assert(ARRAY_SIZE(cgroup_modes) + 1 == ARRAY_SIZE(criu_cgroups_modes), "a mode has no number");

/* As runc calls them, so that either can restore what the other has saved. */
const struct criu_namespace criu_namespaces[] = {
	{ SPEC_NS_NETWORK, "net", "extRootNetNS" },
	{ SPEC_NS_PID, "pid", "extRootPidNS" },
};
const size_t criu_namespace_count = ARRAY_SIZE(criu_namespaces);

/* A list of protobuf's with room for one more. */
static void *longer(const void *list, size_t count, size_t size, struct arena *arena)
{
	void *copy = arena_array(arena, count + 1, size);

	return count ? memcpy(copy, list, count * size) : copy;
}

void criu_request_add_external(Criu__Options *request, const char *text, struct arena *arena)
{
	request->external = longer(request->external, request->n_external, sizeof(char *), arena);
	request->external[request->n_external++] = arena_strdup(arena, text);
}

void criu_request_add_inherited(Criu__Options *request, const char *key, int fd, struct arena *arena)
{
	Criu__Inherited *item = ARENA_NEW(arena, Criu__Inherited);

	criu__inherited__init(item);
	item->key = arena_strdup(arena, key);
	item->fd = fd;
	request->inherit_fd = longer(request->inherit_fd, request->n_inherit_fd, sizeof(item), arena);
	request->inherit_fd[request->n_inherit_fd++] = item;
}

bool criu_parent_is_near(const char *path)
{
	const char *rest = path;

	while (text_starts_with(rest, "../"))
		rest += strlen("../");
	if (rest - path > (ptrdiff_t)strlen("../") || !*rest || *rest == '/' || strcmp(rest, "..") == 0)
		return false;
	return !strstr(rest, "/../") && !text_starts_with(rest, "../") &&
		(strlen(rest) < 3 || strcmp(rest + strlen(rest) - 3, "/..") != 0);
}

/* "192.0.2.1:9876", "[2001:db8::1]:9876" */
static int add_page_server(const char *text, struct arena *arena, Criu__Options *request, struct error *err)
{
	const char *colon = strrchr(text, ':');
	uint64_t port = 0;
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (!len || text_to_u64(colon + 1, 1, UINT16_MAX, &port) < 0)
		return error_bad(err, EINVAL, "--page-server: expected ADDRESS:PORT, found \"%s\"", text);
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	request->page_server = ARENA_NEW(arena, Criu__PageServer);
	criu__page_server__init(request->page_server);
	request->page_server->address = arena_copy(arena, text, len);
	request->page_server->has_port = true;
	request->page_server->port = (int32_t)port;
	return 0;
}

static int add_empty_namespaces(
	const struct criu_options *options, const struct criu_place *place, Criu__Options *request, struct error *err)
{
	bool network = place->wires_network;

	for (size_t i = 0; i < options->empty_ns.count; i++) {
		if (strcmp(options->empty_ns.items[i], "network") != 0)
			return error_bad(err, EINVAL, "--empty-ns: \"%s\": only \"network\" can be left empty",
				options->empty_ns.items[i]);
		network = true;
	}
	request->has_empty_ns = network;
	request->empty_ns = network ? CLONE_NEWNET : 0;
	return 0;
}

static char *copy(struct arena *arena, const char *text)
{
	return text ? arena_strdup(arena, text) : NULL;
}

static void set_flags(const struct criu_options *options, Criu__Options *request)
{
#define FLAG(name)                                                                                                     \
	do {                                                                                                           \
		request->has_##name = options->name;                                                                   \
		request->name = options->name;                                                                         \
	} while (0)
	FLAG(leave_running);
	FLAG(tcp_established);
	FLAG(tcp_skip_in_flight);
	FLAG(tcp_close);
	FLAG(ext_unix_sk);
	FLAG(shell_job);
	FLAG(file_locks);
	FLAG(link_remap);
	FLAG(auto_dedup);
	FLAG(lazy_pages);
#undef FLAG
}

int criu_request_make(const struct criu_options *options, const struct criu_place *place, struct arena *arena,
	Criu__Options *ret, struct error *err)
{
	int r;

	criu__options__init(ret);
	set_flags(options, ret);
	ret->images_dir_fd = place->images;
	ret->has_work_dir_fd = true;
	ret->work_dir_fd = place->work;
	ret->log_file = copy(arena, place->log_file);
	ret->has_log_level = true;
	ret->log_level = 4;
	ret->config_file = copy(arena, place->config_file);
	ret->has_notify_scripts = ret->notify_scripts = true;
	ret->has_orphan_pts_master = ret->orphan_pts_master = true;
	ret->has_manage_cgroups_mode = true;
	ret->manage_cgroups_mode = cgroup_modes[options->cgroups_mode];
	ret->has_network_lock = options->network_lock != 0;
	ret->network_lock = (Criu__NetworkLock)options->network_lock;
	ret->has_status_fd = options->status_fd != 0;
	ret->status_fd = (int32_t)options->status_fd;
	ret->lsm_profile = copy(arena, options->lsm_profile);
	ret->lsm_mount_context = copy(arena, options->lsm_mount_context);
	ret->parent_img = copy(arena, options->parent_path);
	r = add_empty_namespaces(options, place, ret, err);
	return r == 0 && options->page_server ? add_page_server(options->page_server, arena, ret, err) : r;
}
