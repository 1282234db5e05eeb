/* Plans, compared: what a property of a config changes in the plan, and in which order things are done.
 *
 * Each test takes the config of `husk spec`, changes it, and looks at the lines of the plan that are new or gone. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "base/error.h"
#include "runtime/plan.h"
#include "spec/spec.h"

enum { LINES_MAX = 256 };

struct lines {
	const char *items[LINES_MAX];
	size_t count;
};

/* Lines without the numbers of the steps. */
static void split(char *text, struct lines *ret)
{
	ret->count = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		assert_true(ret->count < LINES_MAX);
		ret->items[ret->count++] = line + strspn(line, " 0123456789");
	}
}

static bool holds(const struct lines *lines, const char *line)
{
	for (size_t i = 0; i < lines->count; i++)
		if (strcmp(lines->items[i], line) == 0)
			return true;
	return false;
}

/* The text with every `from` become `to`. Fails where there is none. */
static char *with(struct unit *unit, const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	if (!at)
		fail_msg("\"%s\" is not in the config of husk spec", from);
	return arena_printf(&unit->arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static const char *default_config(struct unit *unit)
{
	char *text = spec_default(false, 0, 0);
	const char *copy = arena_strdup(&unit->arena, text);

	free(text);
	return with(unit, copy, "\"terminal\": true", "\"terminal\": false");
}

static void plan_of(struct unit *unit, const char *config, struct plan *ret_plan)
{
	static const struct plan_request request = { .id = "box", .bundle = "/b", .gate = GATE_PAIR };
	struct spec *spec;
	struct error err = { 0 };

	assert_int_equal(spec_parse(config, strlen(config), &unit->arena, &spec, &unit->faults, &err), 0);
	if (unit->faults.count == 0)
		assert_int_equal(plan_make(spec, &request, &unit->arena, ret_plan, &unit->faults), 0);
}

static void lines_of(struct unit *unit, const char *config, struct lines *ret)
{
	struct plan plan = { 0 };
	char *text;

	plan_of(unit, config, &plan);
	assert_string_equal(unit_faults(unit), "");
	text = plan_text(&plan);
	split(arena_strdup(&unit->arena, text), ret);
	free(text);
}

/* "-line\n+line\n": what the change takes from the default plan and adds to it. */
static const char *difference(struct unit *unit, const char *from, const char *to)
{
	static char buf[8192];
	struct lines before, after;
	struct text text;

	lines_of(unit, default_config(unit), &before);
	lines_of(unit, with(unit, default_config(unit), from, to), &after);
	text_init(&text, buf, sizeof(buf));
	for (size_t i = 0; i < before.count; i++)
		if (!holds(&after, before.items[i]))
			text_add(&text, "-%s\n", before.items[i]);
	for (size_t i = 0; i < after.count; i++)
		if (!holds(&before, after.items[i]))
			text_add(&text, "+%s\n", after.items[i]);
	return buf;
}

static void a_property_changes_its_own_lines(void **state)
{
	static const struct {
		const char *from, *to, *difference;
	} cases[] = {
		{ "\"hostname\": \"husk\"", "\"hostname\": \"web\", \"domainname\": \"example.org\"",
			"-set the host name to husk  [hostname]\n+set the host name to web  [hostname]\n"
			"+set the domain name to example.org  [domainname]\n" },
		{ "\"cwd\": \"/\"", "\"cwd\": \"/srv\"",
			"-make sure of the working directory /  [process.cwd]\n-enter /  [process.cwd]\n"
			"+make sure of the working directory /srv  [process.cwd]\n+enter /srv  [process.cwd]\n" },
		{ "\"cwd\": \"/\"", "\"cwd\": \"/\", \"oomScoreAdj\": 0", "" },
		{ "\"readonly\": true", "\"readonly\": false", "-make the root read-only  [root.readonly]\n" },
		{ "\"noNewPrivileges\": true", "\"noNewPrivileges\": false",
			"-set no_new_privs  [process.noNewPrivileges]\n" },
		{ "\"ociVersion\"", "\"annotations\": {\"a\": \"b\"}, \"ociVersion\"", "" },
		{ "\"type\": \"ipc\"", "\"type\": \"ipc\", \"path\": \"/proc/7/ns/ipc\"",
			"-new namespaces: pid, network, mount, ipc, uts, cgroup\n"
			"+new namespaces: pid, network, mount, uts, cgroup\n"
			"+joined namespaces: ipc (/proc/7/ns/ipc)\n"
			"+join the ipc namespace /proc/7/ns/ipc  [linux.namespaces]\n" },
		{ "\"linux\": {", "\"linux\": {\"cgroupsPath\": \"/m/x\", \"rootfsPropagation\": \"shared\",",
			"-cgroup: husk-box\n+cgroup: m/x\n"
			"+make the root shared  [linux.rootfsPropagation]\n" },
	};
	struct unit *unit = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *found = difference(unit, cases[i].from, cases[i].to);
		if (strcmp(found, cases[i].difference) != 0)
			fail_msg("%s: expected\n%s\nfound\n%s", cases[i].to, cases[i].difference, found);
	}
}

/* ---- order ---- */

static size_t place_of(const struct plan *plan, const char *kind, bool last)
{
	size_t place = SIZE_MAX;

	for (size_t i = 0; i < plan->steps.count; i++)
		if (strcmp(plan->steps.items[i].kind->name, kind) == 0 && (last || place == SIZE_MAX))
			place = i;
	if (place == SIZE_MAX) {
		fail_msg("no step \"%s\" in the plan", kind);
		abort(); /* for analyzers: it never returns */
	}
	return place;
}

/* The order is what keeps a container from seeing or changing what it must not. */
static void each_step_comes_when_it_is_safe(void **state)
{
	static const struct {
		const char *before, *after;
		const char *because;
	} cases[] = {
		{ "root", "mount", "mounts lie on the root" },
		{ "mount", "mask", "a mount must not cover a mask" },
		{ "mount", "readonly", "a mount must not cover a read-only path" },
		{ "readonly", "mask", "a mask must not be covered" },
		{ "mask", "pivot", "nothing of the container runs before paths are masked" },
		{ "pivot", "root-readonly", "mount points may have to be made" },
		{ "pivot", "no-new-privs", "mounts need rights" },
		{ "bounding-set", "identity", "dropping needs CAP_SETPCAP" },
		{ "identity", "capabilities", "setresuid(2) changes them" },
		{ "capabilities", "cwd", "the folder is entered with the program's rights" },
		{ "identity", "find-program", "the program is looked for with its own rights" },
		{ "find-program", "gate", "a missing program is told before start" },
		{ "hand-over", "exec", "the limits are complete" },
	};
	struct unit *unit = *state;
	struct plan plan = { 0 };

	plan_of(unit, default_config(unit), &plan);
	assert_string_equal(unit_faults(unit), "");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (place_of(&plan, cases[i].before, true) >= place_of(&plan, cases[i].after, false))
			fail_msg("\"%s\" after \"%s\", but %s", cases[i].before, cases[i].after, cases[i].because);
	assert_int_equal(place_of(&plan, "exec", true), plan.steps.count - 1);
}

static void without_a_cgroup_namespace_the_hosts_tree_is_bound(void **state)
{
	struct unit *unit = *state;
	const char *config = with(unit, default_config(unit), "\"type\": \"cgroup\"\n", "\"type\": \"time\"\n");
	struct lines lines;

	lines_of(unit, config, &lines);
	assert_true(holds(&lines,
		"bind /sys/fs/cgroup and what is below on /sys/fs/cgroup (nodev,noexec,nosuid,ro)  [mounts[6]]"));
}

static void what_cannot_be_planned_is_a_fault(void **state)
{
	static const struct {
		const char *from, *to, *fault;
	} cases[] = {
		{ "\"type\": \"mount\"\n", "\"type\": \"time\"\n", "linux.namespaces: a mount namespace is required" },
	};
	struct unit *unit = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct plan plan = { 0 };
		plan_of(unit, with(unit, default_config(unit), cases[i].from, cases[i].to), &plan);
		const char *faults = unit_faults(unit);
		if (!text_starts_with(faults, cases[i].fault))
			fail_msg("expected \"%s\", found \"%s\"", cases[i].fault, faults);
	}
}

/* Where a line stands; fails where it does not. */
static size_t place(const struct lines *lines, const char *line)
{
	for (size_t i = 0; i < lines->count; i++)
		if (text_starts_with(lines->items[i], line))
			return i;
	fail_msg("\"%s\" is not in the plan", line);
	return 0;
}

static void hooks_come_at_their_moments(void **state)
{
	static const char hooks[] =
		"\"hooks\": {\"prestart\": [{\"path\": \"/p\"}], \"createContainer\": [{\"path\": \"/c\"}],"
		"\"startContainer\": [{\"path\": \"/s\"}]}, \"ociVersion\"";
	struct unit *unit = *state;
	struct lines lines;

	lines_of(unit, with(unit, default_config(unit), "\"ociVersion\"", hooks), &lines);
	size_t wait = place(&lines, "wait for the hooks"), inside = place(&lines, "run the hook /c");
	assert_true(place(&lines, "mask ") < wait && wait < inside);
	assert_true(inside < place(&lines, "pivot into the root"));
	assert_true(place(&lines, "report that all is set up") < place(&lines, "run the hook /s"));
	assert_true(place(&lines, "run the hook /s") < place(&lines, "exec "));
}

static void one_that_joins_takes_its_label_before_it_enters(void **state)
{
	static const struct plan_request request = { .id = "box", .bundle = "/b" };
	struct unit *unit = *state;
	struct error err = { 0 };
	struct plan plan;
	struct spec *spec;
	struct lines lines;
	const char *config = with(unit, default_config(unit), "\"cwd\"", "\"apparmorProfile\": \"web\", \"cwd\"");

	assert_int_equal(spec_parse(config, strlen(config), &unit->arena, &spec, &unit->faults, &err), 0);
	spec->process.terminal = true;
	plan_make_joining(spec, &spec->process, 0, &request, &unit->arena, &plan);
	char *text = plan_text(&plan);
	split(text, &lines);
	assert_true(place(&lines, "ask apparmor") < place(&lines, "enter the namespaces"));
	assert_true(place(&lines, "enter the namespaces") < place(&lines, "make a terminal"));
	assert_true(place(&lines, "make a terminal") < place(&lines, "become uid"));
	free(text);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(hooks_come_at_their_moments),
	UNIT_TEST(one_that_joins_takes_its_label_before_it_enters),
	UNIT_TEST(a_property_changes_its_own_lines),
	UNIT_TEST(each_step_comes_when_it_is_safe),
	UNIT_TEST(without_a_cgroup_namespace_the_hosts_tree_is_bound),
	UNIT_TEST(what_cannot_be_planned_is_a_fault),
};
UNIT_MAIN(tests)
