/* runtime/describe.c: see the header. */
#include "runtime/describe.h"

#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "images/passwd.h"
#include "runtime/folder.h"
#include "runtime/plan.h"
#include "runtime/record.h"

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

void describe_plan(const struct plan *plan, unsigned cgroup_existing, struct record *ret)
{
	*ret = (struct record){
		.id = plan->id,
		.bundle = plan->bundle,
		.rootfs = plan->rootfs,
		.created = now(plan->arena),
		.owner = owner(plan->arena),
		.folder = plan->folder ? plan->folder->path : NULL,
		.cgroup = plan->has_cgroup ? plan->cgroup.path : NULL,
		.unit = plan->cgroup.unit ? plan->cgroup.unit->name : NULL,
		.unit_user = plan->cgroup.unit && plan->cgroup.unit->user,
		.cgroup_existing = cgroup_existing,
		.no_new_keyring = plan->no_new_keyring,
		.unprivileged = geteuid() != 0,
		.notifies = plan->extras[SHOWN_NOTIFY].step != 0,
		.shares_network = !plan->spec->linux_.namespaces[SPEC_NS_NETWORK].given,
		.shares_pids = !plan->spec->linux_.namespaces[SPEC_NS_PID].given,
		.has_poststart = plan->spec->hooks[SPEC_HOOK_POSTSTART].count > 0,
		.has_poststop = plan->spec->hooks[SPEC_HOOK_POSTSTOP].count > 0,
		.annotations = plan->spec->annotations,
		.annotation_count = plan->spec->annotation_count,
		.config = plan->config,
		.config_len = plan->config_len,
	};
}
