/* images/config_write.c: a struct config as the JSON of the runtime specification [config.md, config-linux.md]. */
#include <string.h>

#include "base/arena.h"
#include "base/json_write.h"
#include "base/text.h"
#include "images/to_config.h"

static void write_strings(struct json_writer *w, const char *key, const struct spec_strings *strings)
{
	json_array(w, key);
	for (size_t i = 0; i < strings->count; i++)
		json_string(w, NULL, strings->items[i]);
	json_array_end(w);
}

static void write_list(struct json_writer *w, const char *key, const char *const *items)
{
	json_array(w, key);
	for (; *items; items++)
		json_string(w, NULL, *items);
	json_array_end(w);
}

static void write_pairs(struct json_writer *w, const char *key, const struct config_pairs *pairs)
{
	if (pairs->count == 0)
		return;
	json_object(w, key);
	for (size_t i = 0; i < pairs->count; i++)
		json_string(w, pairs->items[i].key, pairs->items[i].value);
	json_object_end(w);
}

static void write_text(struct json_writer *w, const char *key, const char *text)
{
	if (text)
		json_string(w, key, text);
}

static void write_limit(struct json_writer *w, const char *key, const struct spec_limit *limit)
{
	if (limit->given)
		json_int(w, key, limit->value);
}

/* ---- process ---- */

static void write_user(struct json_writer *w, const struct spec_user *user)
{
	json_object(w, "user");
	json_uint(w, "uid", user->uid);
	json_uint(w, "gid", user->gid);
	if (user->has_umask)
		json_uint(w, "umask", user->umask);
	if (user->additional_gid_count) {
		json_array(w, "additionalGids");
		for (size_t i = 0; i < user->additional_gid_count; i++)
			json_uint(w, NULL, user->additional_gids[i]);
		json_array_end(w);
	}
	json_object_end(w);
}

/* Another user than root has them only by what it executes, as after a login [capabilities(7)]. */
static void write_capabilities(struct json_writer *w, const struct config *config)
{
	static const char *const sets[] = { "bounding", "effective", "permitted" };

	json_object(w, "capabilities");
	for (size_t i = 0; i < (config->user.uid == 0 ? ARRAY_SIZE(sets) : 1); i++) {
		json_array(w, sets[i]);
		for (int cap = 0; cap < 64; cap++)
			if (config->capabilities >> cap & 1 && word_capability_name(cap))
				json_string(w, NULL, word_capability_name(cap));
		json_array_end(w);
	}
	json_object_end(w);
}

static void write_rlimits(struct json_writer *w, const struct config *config)
{
	if (config->rlimit_count == 0)
		return;
	json_array(w, "rlimits");
	for (size_t i = 0; i < config->rlimit_count; i++) {
		json_object(w, NULL);
		json_string(w, "type", word_rlimit_name(config->rlimits[i].resource));
		json_uint(w, "hard", config->rlimits[i].hard);
		json_uint(w, "soft", config->rlimits[i].soft);
		json_object_end(w);
	}
	json_array_end(w);
}

static void write_env(struct json_writer *w, const struct config *config)
{
	json_array(w, "env");
	for (size_t i = 0; i < config->env.count; i++)
		json_string(w, NULL,
			arena_printf(config->arena, "%s=%s", config->env.items[i].key, config->env.items[i].value));
	json_array_end(w);
}

static void write_process(struct json_writer *w, const struct config *config)
{
	json_object(w, "process");
	json_bool(w, "terminal", config->terminal);
	write_user(w, &config->user);
	write_strings(w, "args", &config->args);
	write_env(w, config);
	json_string(w, "cwd", config->cwd);
	write_capabilities(w, config);
	write_rlimits(w, config);
	json_bool(w, "noNewPrivileges", config->no_new_privileges);
	write_text(w, "apparmorProfile", config->apparmor);
	write_text(w, "selinuxLabel", config->selinux);
	if (config->has_oom_score_adj)
		json_int(w, "oomScoreAdj", config->oom_score_adj);
	json_object_end(w);
}

/* ---- mounts ---- */

static void write_mounts(struct json_writer *w, const struct config *config)
{
	json_array(w, "mounts");
	for (size_t i = 0; i < config->mount_count; i++) {
		const struct config_mount *mount = &config->mounts[i];
		json_object(w, NULL);
		json_string(w, "destination", mount->destination);
		json_string(w, "type", mount->type);
		json_string(w, "source", mount->source);
		write_strings(w, "options", &mount->options);
		json_object_end(w);
	}
	json_array_end(w);
}

/* ---- linux ---- */

static void write_mappings(struct json_writer *w, const char *key, const struct spec_id_mappings *mappings)
{
	if (mappings->count == 0)
		return;
	json_array(w, key);
	for (size_t i = 0; i < mappings->count; i++) {
		json_object(w, NULL);
		json_uint(w, "containerID", mappings->items[i].container_id);
		json_uint(w, "hostID", mappings->items[i].host_id);
		json_uint(w, "size", mappings->items[i].size);
		json_object_end(w);
	}
	json_array_end(w);
}

static void write_namespaces(struct json_writer *w, const struct config *config)
{
	json_array(w, "namespaces");
	for (int kind = 0; kind < SPEC_NAMESPACES; kind++) {
		if (!config->namespaces[kind])
			continue;
		json_object(w, NULL);
		json_string(w, "type", spec_namespace_names[kind]);
		if (*config->namespaces[kind])
			json_string(w, "path", config->namespaces[kind]);
		json_object_end(w);
	}
	json_array_end(w);
}

static void write_devices(struct json_writer *w, const struct config *config)
{
	if (config->device_count == 0)
		return;
	json_array(w, "devices");
	for (size_t i = 0; i < config->device_count; i++) {
		const struct spec_device *device = &config->devices[i];
		json_object(w, NULL);
		json_string_len(w, "type", &device->type, 1);
		json_string(w, "path", device->path);
		json_uint(w, "major", device->major);
		json_uint(w, "minor", device->minor);
		json_uint(w, "fileMode", device->mode);
		json_uint(w, "uid", device->uid);
		json_uint(w, "gid", device->gid);
		json_object_end(w);
	}
	json_array_end(w);
}

static void write_rule(struct json_writer *w, const struct spec_device_rule *rule)
{
	char access[4];
	struct text text;

	text_init(&text, access, sizeof(access));
	text_add(&text, "%s%s%s", rule->read ? "r" : "", rule->write ? "w" : "", rule->mknod ? "m" : "");
	json_object(w, NULL);
	json_bool(w, "allow", rule->allow);
	if (rule->type != 'a')
		json_string_len(w, "type", &rule->type, 1);
	if (rule->major >= 0)
		json_int(w, "major", rule->major);
	if (rule->minor >= 0)
		json_int(w, "minor", rule->minor);
	json_string(w, "access", access);
	json_object_end(w);
}

static void write_device_rules(struct json_writer *w, const struct config *config)
{
	const struct spec_device_rule all = {
		.allow = config->all_devices,
		.type = 'a',
		.major = -1,
		.minor = -1,
		.read = true,
		.write = true,
		.mknod = true,
	};

	json_array(w, "devices");
	write_rule(w, &all);
	for (size_t i = 0; !config->all_devices && i < config->device_rule_count; i++)
		write_rule(w, &config->device_rules[i]);
	json_array_end(w);
}

static void write_memory(struct json_writer *w, const struct config *config)
{
	if (!config->limits.memory.given && !config->limits.reservation.given && !config->limits.swap.given)
		return;
	json_object(w, "memory");
	write_limit(w, "limit", &config->limits.memory);
	write_limit(w, "reservation", &config->limits.reservation);
	write_limit(w, "swap", &config->limits.swap);
	json_object_end(w);
}

static void write_cpu(struct json_writer *w, const struct config *config)
{
	if (!config->limits.shares.given && !config->limits.quota.given && !config->limits.period.given &&
		!config->limits.cpus && !config->limits.mems)
		return;
	json_object(w, "cpu");
	write_limit(w, "shares", &config->limits.shares);
	write_limit(w, "quota", &config->limits.quota);
	write_limit(w, "period", &config->limits.period);
	write_text(w, "cpus", config->limits.cpus);
	write_text(w, "mems", config->limits.mems);
	json_object_end(w);
}

static void write_resources(struct json_writer *w, const struct config *config)
{
	json_object(w, "resources");
	write_device_rules(w, config);
	write_memory(w, config);
	write_cpu(w, config);
	if (config->limits.blkio_weight.given) {
		json_object(w, "blockIO");
		write_limit(w, "weight", &config->limits.blkio_weight);
		json_object_end(w);
	}
	if (config->limits.pids.given) {
		json_object(w, "pids");
		write_limit(w, "limit", &config->limits.pids);
		json_object_end(w);
	}
	json_object_end(w);
}

static void write_linux(struct json_writer *w, const struct config *config)
{
	json_object(w, "linux");
	write_namespaces(w, config);
	write_mappings(w, "uidMappings", &config->uid_mappings);
	write_mappings(w, "gidMappings", &config->gid_mappings);
	write_devices(w, config);
	write_text(w, "cgroupsPath", config->cgroups_path);
	write_resources(w, config);
	write_text(w, "rootfsPropagation", config->propagation);
	if (config->seccomp)
		json_raw(w, "seccomp", config->seccomp, strlen(config->seccomp));
	write_pairs(w, "sysctl", &config->sysctls);
	write_list(w, "maskedPaths", config->masked);
	write_list(w, "readonlyPaths", config->readonly);
	write_text(w, "mountLabel", config->label);
	json_object_end(w);
}

void config_write(const struct config *config, struct json_writer *w)
{
	json_object(w, NULL);
	json_string(w, "ociVersion", config->version);
	write_process(w, config);
	json_object(w, "root");
	json_string(w, "path", config->root_path);
	json_bool(w, "readonly", config->root_readonly);
	json_object_end(w);
	write_text(w, "hostname", config->hostname);
	write_text(w, "domainname", config->domainname);
	write_mounts(w, config);
	write_pairs(w, "annotations", &config->annotations);
	write_linux(w, config);
	json_object_end(w);
}
