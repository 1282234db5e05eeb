/* runtime/seccomp_file.c: profiles as Docker and Podman write them, for one container.
 *
 * They are linux.seccomp with conditions: a rule has `includes` and `excludes`, of capabilities and architectures, and
 * archMap says which architectures come with the one of the machine. What is left when they are decided is copied; what
 * it means is spec_parse()'s to judge. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/json_write.h"
#include "base/text.h"
#include "runtime/seccomp_profile.h"
#include "spec/json.h"
#include "spec/spec.h"

#if defined(__x86_64__)
static const char own_arch[] = "amd64", own_token[] = "SCMP_ARCH_X86_64";
#elif defined(__aarch64__)
static const char own_arch[] = "arm64", own_token[] = "SCMP_ARCH_AARCH64";
#else
static const char own_arch[] = "", own_token[] = "";
#endif

static void copy(struct json_writer *w, const char *key, const struct json *value)
{
	switch (value->kind) {
	case JSON_NULL: json_null(w, key); break;
	case JSON_BOOL: json_bool(w, key, value->boolean); break;
	case JSON_NUMBER: json_raw(w, key, value->text, value->len); break;
	case JSON_STRING: json_string_len(w, key, value->text, value->len); break;
	case JSON_ARRAY:
	case JSON_OBJECT:
	case JSON_KINDS:
		(value->kind == JSON_ARRAY ? json_array : json_object)(w, key);
		json_for_each(child, value)
			copy(w, value->kind == JSON_OBJECT ? child->key : NULL, child);
		(value->kind == JSON_ARRAY ? json_array_end : json_object_end)(w);
		break;
	}
}

static bool has_capability(const struct json *list, uint64_t capabilities, bool all)
{
	json_for_each(item, list) {
		int cap = item->kind == JSON_STRING ? word_capability(item->text) : -1;
		bool has = cap >= 0 && (capabilities >> cap & 1);
		if (has != all)
			return has;
	}
	return all;
}

static bool has_own_arch(const struct json *list)
{
	json_for_each(item, list)
		if (item->kind == JSON_STRING && strcmp(item->text, own_arch) == 0)
			return true;
	return false;
}

/* All capabilities and some architecture that are included; none that is excluded [moby, seccomp.Filter]. */
static bool applies(const struct json *rule, uint64_t capabilities)
{
	const struct json *includes = json_member(rule, "includes"), *excludes = json_member(rule, "excludes");
	const struct json *caps, *arches;

	caps = includes ? json_member(includes, "caps") : NULL;
	arches = includes ? json_member(includes, "arches") : NULL;
	if ((caps && !has_capability(caps, capabilities, true)) || (arches && arches->count && !has_own_arch(arches)))
		return false;
	caps = excludes ? json_member(excludes, "caps") : NULL;
	arches = excludes ? json_member(excludes, "arches") : NULL;
	return !(caps && has_capability(caps, capabilities, false)) && !(arches && has_own_arch(arches));
}

static void copy_members(struct json_writer *w, const struct json *object, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct json *value = json_member(object, keys[i]);
		if (value)
			copy(w, keys[i], value);
	}
}

static void write_rules(struct json_writer *w, const struct json *rules, uint64_t capabilities)
{
	static const char *const kept[] = { "names", "action", "errnoRet", "args" };

	json_array(w, "syscalls");
	json_for_each(rule, rules) {
		if (rule->kind != JSON_OBJECT || !applies(rule, capabilities))
			continue;
		json_object(w, NULL);
		copy_members(w, rule, kept, ARRAY_SIZE(kept));
		json_object_end(w);
	}
	json_array_end(w);
}

static void write_architectures(struct json_writer *w, const struct json *map)
{
	json_array(w, "architectures");
	json_for_each(entry, map) {
		const struct json *own = entry->kind == JSON_OBJECT ? json_member(entry, "architecture") : NULL;
		const struct json *others = own ? json_member(entry, "subArchitectures") : NULL;
		if (!own || own->kind != JSON_STRING || strcmp(own->text, own_token) != 0)
			continue;
		copy(w, NULL, own);
		if (others)
			json_for_each(other, others)
				copy(w, NULL, other);
	}
	json_array_end(w);
}

static void write_profile(struct json_writer *w, const struct json *profile, uint64_t capabilities)
{
	static const char *const kept[] = { "defaultAction", "defaultErrnoRet", "flags", "architectures",
		"listenerPath", "listenerMetadata" };
	const struct json *rules = json_member(profile, "syscalls"), *map = json_member(profile, "archMap");

	json_object(w, NULL);
	copy_members(w, profile, kept, ARRAY_SIZE(kept));
	if (map)
		write_architectures(w, map);
	if (rules)
		write_rules(w, rules, capabilities);
	json_object_end(w);
}

int seccomp_profile_read(const char *path, const char *text, size_t len, uint64_t capabilities, struct arena *arena,
	const char **ret_json, struct error *err)
{
	const struct json *profile = NULL;
	struct json_writer w;
	struct faults faults;
	char line[512];
	const char *json;

	faults_init(&faults, arena, NULL);
	(void)json_parse(text, len, arena, &profile, &faults);
	if (faults.first)
		return error_bad(err, EINVAL, "--security-opt seccomp=%s: %s", path,
			fault_line(&faults, faults.first, line, sizeof(line)));
	if (!profile || profile->kind != JSON_OBJECT)
		return error_bad(err, EINVAL, "--security-opt seccomp=%s: expected an object", path);
	json_write_init(&w);
	write_profile(&w, profile, capabilities);
	json = json_write_end(&w, NULL);
	*ret_json = json ? arena_strdup(arena, json) : NULL;
	json_write_done(&w);
	return *ret_json ? 0 : error_sys(err, ENOMEM, "write the seccomp profile");
}
