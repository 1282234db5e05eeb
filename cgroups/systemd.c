/* cgroups/systemd.c: what only systemd can do, asked of it through husk-systemd (systemd_protocol.h). */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/program.h"
#include "base/text.h"
#include "cgroups/cgroups_internal.h"
#include "cgroups/systemd_protocol.h"

enum { ANSWER_MAX = 4608 };

/* A request being built. */
struct message {
	char *text;
	size_t len;
};

static void put(struct message *message, const char *word)
{
	size_t len = strlen(word) + 1;

	if (message->len + len <= SYSTEMD_MESSAGE_MAX)
		memcpy(message->text + message->len, word, len);
	message->len += len; /* beyond the end: too long, seen by ask() */
}

static void put_properties(struct message *message, const struct cgroup_properties *properties)
{
	for (size_t i = 0; i < properties->count; i++) {
		put(message, properties->items[i].name);
		put(message, properties->items[i].signature);
		put(message, properties->items[i].text);
	}
}

/* "ERRNO", then the text that is the answer, or the reason. */
static int read_answer(const char *answer, ssize_t n, const char **ret_text, struct error *err)
{
	size_t len = strlen(answer);
	uint64_t code = EPROTO;

	*ret_text = (ssize_t)len + 1 < n ? answer + len + 1 : "";
	(void)text_to_u64(answer, 0, INT32_MAX, &code);
	return code ? error_bad(err, (int)code, "%s", *ret_text) : 0;
}

static struct message begin(const char *verb, const char *unit, bool user, struct arena *arena)
{
	struct message message = { .text = arena_alloc(arena, SYSTEMD_MESSAGE_MAX) };

	put(&message, verb);
	put(&message, user ? "user" : "system");
	put(&message, unit);
	return message;
}

static int ask(
	const struct message *message, const char *unit, struct arena *arena, const char **ret_text, struct error *err)
{
	char *answer = arena_alloc(arena, ANSWER_MAX);
	ssize_t n;

	if (message->len > SYSTEMD_MESSAGE_MAX)
		return error_bad(err, E2BIG, "the properties of %s are more than systemd takes", unit);
	n = program_ask("husk-systemd", message->text, message->len, answer, ANSWER_MAX, SYSTEMD_TIMEOUT_MS, err);
	return n < 0 ? (int)n : read_answer(answer, n, ret_text, err);
}

int cgroup_unit_start(
	const struct cgroup_unit *unit, pid_t pid, struct arena *arena, const char **ret_path, struct error *err)
{
	struct cgroup_property first = { "PIDs", "au", arena_printf(arena, "%d", pid), NULL };
	const struct cgroup_properties pids = { &first, 1, 1 };
	struct message message = begin(SYSTEMD_START, unit->name, unit->user, arena);
	const char *path = "";
	int r;

	put_properties(&message, &pids);
	put_properties(&message, &unit->start);
	put_properties(&message, &unit->limits);
	r = ask(&message, unit->name, arena, &path, err);
	if (r == -EEXIST)
		return error_hint(err, "give the container another name by linux.cgroupsPath, or stop that unit");
	*ret_path = r < 0 ? NULL : path + (*path == '/');
	return r;
}

int cgroup_unit_set(const struct cgroup_unit *unit, struct arena *arena, struct error *err)
{
	struct message message = begin(SYSTEMD_SET, unit->name, unit->user, arena);
	const char *text;

	if (!unit->limits.count)
		return 0;
	put_properties(&message, &unit->limits);
	return ask(&message, unit->name, arena, &text, err);
}

int cgroup_unit_stop(const char *name, bool user, struct arena *arena, struct error *err)
{
	struct message message = begin(SYSTEMD_STOP, name, user, arena);
	const char *text;

	return ask(&message, name, arena, &text, err);
}

/* "user.slice/husk-web.scope/a/b" of the unit husk-web.scope: "/a/b" */
static const char *below_unit(const char *path, const char *unit)
{
	size_t len = strlen(unit);

	for (const char *at = path; (at = strstr(at, unit)); at += len)
		if ((at == path || at[-1] == '/') && (at[len] == '/' || at[len] == '\0'))
			return at + len;
	return NULL;
}

int cgroup_unit_attach(const char *name, bool user, const char *path, pid_t pid, struct arena *arena, struct error *err)
{
	struct message message = begin(SYSTEMD_ATTACH, name, user, arena);
	const char *below = below_unit(path, name), *text;

	if (!below)
		return error_bad(err, EXDEV, "the cgroup %s is not of the unit %s", path, name);
	put(&message, below);
	put(&message, arena_printf(arena, "%d", pid));
	return ask(&message, name, arena, &text, err);
}
