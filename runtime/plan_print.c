/* runtime/plan_print.c: the plan for a reader.
 *
 * Steps say themselves by the same sentences that name them in errors, so what is read here is what an error will say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json_write.h"
#include "base/text.h"
#include "netns/netns.h"
#include "runtime/plan.h"

static void say(const struct step *step, char *buf, size_t size)
{
	struct text text;

	text_init(&text, buf, size);
	step->kind->say(step, &text);
}

/* Whether a namespace is made, joined or shared, and what for. */
static const char *namespace_fate(const struct spec_namespace_request *request)
{
	return !request->given ? "host" : request->path ? "join" : "new";
}

/* ---- JSON ---- */

static void write_namespaces(const struct plan *plan, struct json_writer *w)
{
	json_array(w, "namespaces");
	for (int kind = 0; kind < SPEC_NAMESPACES; kind++) {
		const struct spec_namespace_request *request = &plan->spec->linux_.namespaces[kind];
		json_object(w, NULL);
		json_string(w, "type", spec_namespace_names[kind]);
		json_string(w, "action", namespace_fate(request));
		if (request->path)
			json_string(w, "path", request->path);
		json_object_end(w);
	}
	json_array_end(w);
}

static void write_cgroup(const struct plan *plan, struct json_writer *w)
{
	json_object(w, "cgroup");
	if (plan->cgroup.unit)
		json_string(w, "unit", plan->cgroup.unit->name);
	else
		json_string(w, "path", plan->cgroup.path);
	json_array(w, "values");
	for (size_t i = 0; i < plan->cgroup.value_count; i++) {
		const struct cgroup_value *value = &plan->cgroup.values[i];
		json_object(w, NULL);
		json_string(w, "file", value->file);
		json_string(w, "value", value->text);
		if (value->origin)
			json_string(w, "origin", value->origin);
		json_object_end(w);
	}
	json_array_end(w);
	json_uint(w, "deviceProgramInstructions", plan->cgroup.device_insn_count);
	json_object_end(w);
}

static void write_steps(const struct plan *plan, struct json_writer *w)
{
	char sentence[1024];

	json_array(w, "steps");
	for (size_t i = 0; i < plan->steps.count; i++) {
		const struct step *step = &plan->steps.items[i];
		say(step, sentence, sizeof(sentence));
		json_object(w, NULL);
		json_string(w, "kind", step->kind->name);
		json_string(w, "what", sentence);
		if (step->origin)
			json_string(w, "origin", step->origin);
		json_object_end(w);
	}
	json_array_end(w);
}

char *plan_json(const struct plan *plan)
{
	struct json_writer w;
	size_t len;

	json_write_init(&w);
	json_object(&w, NULL);
	json_string(&w, "id", plan->id);
	json_string(&w, "bundle", plan->bundle);
	json_string(&w, "rootfs", plan->rootfs);
	write_namespaces(plan, &w);
	if (plan->namespaces.uid_map)
		json_string(&w, "uidMap", plan->namespaces.uid_map);
	if (plan->namespaces.gid_map)
		json_string(&w, "gidMap", plan->namespaces.gid_map);
	if (plan->has_cgroup)
		write_cgroup(plan, &w);
	if (plan->network)
		net_plan_write(plan->network, &w);
	if (plan->pasta)
		pasta_plan_write(plan->pasta, &w);
	write_steps(plan, &w);
	json_object_end(&w);

	const char *json = json_write_end(&w, &len);
	char *pretty = json ? json_pretty(json, len, 2) : NULL, *text = NULL;
	json_write_done(&w);
	if (pretty && asprintf(&text, "%s\n", pretty) < 0)
		text = NULL;
	free(pretty);
	return text;
}

/* ---- text ---- */

static void print_namespaces(const struct plan *plan, FILE *out)
{
	for (int fate = 0; fate < 3; fate++) {
		static const char *const fates[] = { "new", "join", "host" };
		static const char *const labels[] = { "new namespaces", "joined namespaces", "shared with husk" };
		const char *separator = ": ";
		for (int kind = 0; kind < SPEC_NAMESPACES; kind++) {
			const struct spec_namespace_request *request = &plan->spec->linux_.namespaces[kind];
			if (strcmp(namespace_fate(request), fates[fate]) != 0)
				continue;
			(void)fprintf(out, "%s%s%s", *separator == ':' ? labels[fate] : "", separator,
				spec_namespace_names[kind]);
			if (request->path)
				(void)fprintf(out, " (%s)", request->path);
			separator = ", ";
		}
		if (*separator == ',')
			(void)fputc('\n', out);
	}
}

static void print_properties(const struct cgroup_properties *properties, FILE *out)
{
	for (size_t i = 0; i < properties->count; i++)
		(void)fprintf(out, "  %s=%s\n", properties->items[i].name, properties->items[i].text);
}

static void print_unit(const struct cgroup_unit *unit, FILE *out)
{
	(void)fprintf(out, "%s: %s\n", unit->user ? "unit of the user's systemd" : "systemd unit", unit->name);
	print_properties(&unit->start, out);
	print_properties(&unit->limits, out);
}

static void print_cgroup(const struct plan *plan, FILE *out)
{
	if (plan->cgroup.unit)
		print_unit(plan->cgroup.unit, out);
	else
		(void)fprintf(out, "cgroup: %s\n", plan->cgroup.path);
	for (size_t i = 0; i < plan->cgroup.value_count; i++)
		(void)fprintf(out, "  write \"%s\" to %s\n", plan->cgroup.values[i].text, plan->cgroup.values[i].file);
	if (plan->cgroup.device_program)
		(void)fprintf(out, "  attach a device program of %zu instructions\n", plan->cgroup.device_insn_count);
}

static void print_network(const struct plan *plan, FILE *out)
{
	char lines[4096];
	struct text text;

	text_init(&text, lines, sizeof(lines));
	if (plan->network)
		net_plan_say(plan->network, &text);
	if (plan->pasta)
		pasta_plan_say(plan->pasta, &text);
	(void)fprintf(out, "network:\n%s", lines);
}

static void print_steps(const struct plan *plan, FILE *out)
{
	char sentence[1024];

	(void)fprintf(out, "the container's first process:\n");
	for (size_t i = 0; i < plan->steps.count; i++) {
		const struct step *step = &plan->steps.items[i];
		say(step, sentence, sizeof(sentence));
		(void)fprintf(out, "%4zu  %s", i + 1, sentence);
		if (step->origin)
			(void)fprintf(out, "  [%s]", step->origin);
		(void)fputc('\n', out);
	}
}

char *plan_text(const struct plan *plan)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	(void)fprintf(out, "container: %s\nbundle: %s\nroot: %s\n", plan->id, plan->bundle, plan->rootfs);
	print_namespaces(plan, out);
	if (plan->has_cgroup)
		print_cgroup(plan, out);
	if (plan->network || plan->pasta)
		print_network(plan, out);
	print_steps(plan, out);
	bool failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
