/* spec/features.c: what husk can do, for callers that ask before they use it [features.md, features-linux.md].
 *
 * Written from the tables that decode a config, so what is listed is what is read. It does not depend on the host. */
#include <string.h>

#include "base/json_write.h"
#include "spec/decode.h"
#include "spec/spec.h"
#include "spec/words.h"

static void write_words(struct json_writer *w, const char *key, const struct words *words)
{
	json_array(w, key);
	for (size_t i = 0; i < words->count; i++)
		json_string(w, NULL, words->items[i].name);
	json_array_end(w);
}

static void write_names(struct json_writer *w, const char *key, const char *const *names, size_t count)
{
	json_array(w, key);
	for (size_t i = 0; i < count; i++)
		json_string(w, NULL, names[i]);
	json_array_end(w);
}

static void write_switch(struct json_writer *w, const char *key, bool enabled)
{
	json_object(w, key);
	json_bool(w, "enabled", enabled);
	json_object_end(w);
}

static void write_capabilities(struct json_writer *w)
{
	json_array(w, "capabilities");
	for (int cap = 0; cap <= word_capability_last(); cap++)
		json_string(w, NULL, word_capability_name(cap));
	json_array_end(w);
}

static void write_cgroup(struct json_writer *w)
{
	json_object(w, "cgroup");
	json_bool(w, "v1", false);
	json_bool(w, "v2", true);
	json_bool(w, "systemd", true);
	json_bool(w, "systemdUser", true);
	json_bool(w, "rdma", true);
	json_object_end(w);
}

static void write_seccomp(struct json_writer *w)
{
	json_object(w, "seccomp");
	json_bool(w, "enabled", true);
	write_words(w, "actions", &words_seccomp_action);
	write_words(w, "operators", &words_seccomp_operator);
	write_words(w, "archs", &words_seccomp_arch);
	write_words(w, "knownFlags", &words_seccomp_flag);
	write_words(w, "supportedFlags", &words_seccomp_flag);
	json_object_end(w);
}

static void write_linux(struct json_writer *w)
{
	json_object(w, "linux");
	write_names(w, "namespaces", spec_namespace_names, SPEC_NAMESPACES);
	write_capabilities(w);
	write_cgroup(w);
	write_seccomp(w);
	write_switch(w, "apparmor", true);
	write_switch(w, "selinux", true);
	json_object(w, "intelRdt");
	json_bool(w, "enabled", true);
	json_bool(w, "schemata", true);
	json_bool(w, "monitoring", true);
	json_object_end(w);
	json_object(w, "memoryPolicy");
	write_words(w, "modes", &words_memory_mode);
	write_words(w, "flags", &words_memory_flag);
	json_object_end(w);
	json_object(w, "mountExtensions");
	write_switch(w, "idmap", true);
	json_object_end(w);
	write_switch(w, "netDevices", true);
	json_object_end(w);
}

void spec_features_write(struct json_writer *w)
{
	/* Annotations that change more than labels do: a caller may want to keep them from its own users. */
	static const char *const unsafe[] = { "run.oci.", "org.criu.config" };

	json_object(w, NULL);
	json_string(w, "ociVersionMin", "1.0.0");
	json_string(w, "ociVersionMax", SPEC_VERSION);
	write_names(w, "hooks", spec_hook_names, SPEC_HOOK_KINDS);
	json_array(w, "mountOptions");
	for (size_t i = 0; word_mount_option(i); i++)
		json_string(w, NULL, word_mount_option(i));
	json_array_end(w);
	write_linux(w);
	write_names(w, "potentiallyUnsafeConfigAnnotations", unsafe, sizeof(unsafe) / sizeof(*unsafe));
	json_object(w, "annotations");
	json_string(w, "org.opencontainers.runc.checkpoint.enabled", "true"); /* as runc says it */
	json_object_end(w);
	json_object_end(w);
}
