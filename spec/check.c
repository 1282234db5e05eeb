/* spec/check.c: the rules between parts of a config. */
#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"
#include "spec/decode.h"

static bool has(const struct spec *spec, enum spec_namespace kind)
{
	return spec->linux_.namespaces[kind].given;
}

static bool makes(const struct spec *spec, enum spec_namespace kind)
{
	return has(spec, kind) && !spec->linux_.namespaces[kind].path;
}

/* The major version is what promises compatibility [config.md, ociVersion; semver.org]. What was written before 1.0 is
 * read as 1.0 is: the samples of the specification itself say 0.5. */
static void check_version(const struct spec *spec, struct faults *faults)
{
	const char *version = spec->oci_version;

	if (version && !text_starts_with(version, "1.") && !text_starts_with(version, "0."))
		faults_add(faults, "ociVersion", "expected a version below 2.0.0, found \"%s\"", version);
}

static void check_names(const struct spec *spec, struct faults *faults)
{
	static const char words[] = "needs a uts namespace: add {\"type\": \"uts\"} to linux.namespaces";

	if (spec->hostname && !has(spec, SPEC_NS_UTS))
		faults_add(faults, "hostname", "%s", words);
	if (spec->domainname && !has(spec, SPEC_NS_UTS))
		faults_add(faults, "domainname", "%s", words);
}

static void check_user_namespace(const struct spec *spec, struct faults *faults)
{
	const struct spec_linux *linux_ = &spec->linux_;
	bool maps = linux_->uid_mappings.count || linux_->gid_mappings.count;

	if (maps && !has(spec, SPEC_NS_USER))
		faults_add(faults, linux_->uid_mappings.count ? "linux.uidMappings" : "linux.gidMappings",
			"needs a user namespace: add {\"type\": \"user\"} to linux.namespaces");
	if (!makes(spec, SPEC_NS_USER))
		return; /* one that is joined has its mappings; callers repeat them */
	if (!linux_->uid_mappings.count)
		faults_add(faults, "linux.uidMappings", "required for a new user namespace, but missing");
	if (!linux_->gid_mappings.count)
		faults_add(faults, "linux.gidMappings", "required for a new user namespace, but missing");
}

static void check_time_namespace(const struct spec *spec, struct faults *faults)
{
	if (!spec->linux_.monotonic.given && !spec->linux_.boottime.given)
		return;
	if (!has(spec, SPEC_NS_TIME))
		faults_add(faults, "linux.timeOffsets",
			"needs a time namespace: add {\"type\": \"time\"} to linux.namespaces");
	else if (!makes(spec, SPEC_NS_TIME))
		faults_add(faults, "linux.timeOffsets",
			"the offsets of a time namespace that is joined cannot be changed [time_namespaces(7)]");
}

static void check_mounts(const struct spec *spec, struct faults *faults)
{
	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct spec_mount *mount = &spec->mounts[i];
		if (mount->idmap != SPEC_IDMAP_NONE && !mount->uid_mappings.count && !has(spec, SPEC_NS_USER))
			faults_add(faults, mount->origin,
				"needs uidMappings and gidMappings, since there is no user namespace to take them from");
	}
}

/* Which sysctls belong to a namespace; all others are the host's and no container's to change
 * [namespaces(7); ipc/ipc_sysctl.c, net/sysctl_net.c, kernel/utsname_sysctl.c]. A prefix ends in '.'. */
static const struct {
	const char *key;
	enum spec_namespace of;
} namespaced_sysctls[] = {
	{ "kernel.msgmax", SPEC_NS_IPC },
	{ "kernel.msgmnb", SPEC_NS_IPC },
	{ "kernel.msgmni", SPEC_NS_IPC },
	{ "kernel.sem", SPEC_NS_IPC },
	{ "kernel.shmall", SPEC_NS_IPC },
	{ "kernel.shmmax", SPEC_NS_IPC },
	{ "kernel.shmmni", SPEC_NS_IPC },
	{ "kernel.shm_rmid_forced", SPEC_NS_IPC },
	{ "fs.mqueue.", SPEC_NS_IPC },
	{ "net.", SPEC_NS_NETWORK },
	{ "kernel.domainname", SPEC_NS_UTS },
	{ "user.", SPEC_NS_USER },
};

/* "net/ipv4/conf/eth0.100/x" to "net.ipv4.conf.eth0/100.x": as sysctl(8) reads both [sysctl(8)]. */
static char *with_dots(const char *key, struct arena *arena)
{
	char *copy = arena_strdup(arena, key);

	if (key[strcspn(key, "./")] == '/')
		for (char *c = copy; *c; c++)
			*c = *c == '/' ? '.' : *c == '.' ? '/' : *c;
	return copy;
}

/* Every part between dots is the name of a file: none is empty, or leads elsewhere. In this form '/' is a dot of it. */
static bool is_sysctl_key(const char *dotted)
{
	for (const char *at = dotted;; at++) {
		size_t len = strcspn(at, ".");
		if (len == 0 || (len == 1 && *at == '/') || (len == 2 && strncmp(at, "//", 2) == 0))
			return false;
		at += len;
		if (!*at)
			return true;
	}
}

static void check_sysctl(const struct spec *spec, const struct spec_pair *sysctl, struct faults *faults)
{
	const char *key = with_dots(sysctl->key, faults->arena);
	const char *where = arena_printf(faults->arena, "linux.sysctl[\"%s\"]", sysctl->key);

	if (!is_sysctl_key(key)) {
		faults_add(faults, where, "expected a name as \"net.ipv4.ip_forward\"");
		return;
	}
	if (strcmp(key, "kernel.hostname") == 0) {
		faults_add(faults, where, "use the property hostname instead");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(namespaced_sysctls); i++) {
		const char *name = namespaced_sysctls[i].key;
		size_t len = strlen(name);
		if (strncmp(key, name, len) != 0 || (name[len - 1] != '.' && key[len]))
			continue;
		if (!has(spec, namespaced_sysctls[i].of))
			faults_add(faults, where,
				"needs a %s namespace of the container's own; without it the host's"
				" value would change",
				spec_namespace_names[namespaced_sysctls[i].of]);
		return;
	}
	faults_add(faults, where, "is not namespaced: it can only be set for the whole host");
}

static void check_domainname(const struct spec *spec, const struct spec_pair *sysctl, struct faults *faults)
{
	if (spec->domainname && strcmp(with_dots(sysctl->key, faults->arena), "kernel.domainname") == 0 &&
		strcmp(sysctl->value, spec->domainname) != 0)
		faults_add(faults, "domainname", "contradicts linux.sysctl[\"%s\"]", sysctl->key);
}

static bool has_fault_below(const struct faults *faults, const char *path)
{
	for (const struct fault *fault = faults->first; fault; fault = fault->next)
		if (!fault->warning && text_starts_with(fault->where, path))
			return true;
	return false;
}

static void check_listener(const struct spec *spec, struct faults *faults)
{
	const struct spec_seccomp *seccomp = &spec->linux_.seccomp;

	if (!seccomp->listener_path && (seccomp->notifies || seccomp->listener_metadata))
		faults_add(faults, "linux.seccomp.listenerPath", "required with %s, but missing",
			seccomp->notifies ? "SCMP_ACT_NOTIFY" : "listenerMetadata");
}

void check_spec(const struct spec *spec, struct faults *faults)
{
	check_version(spec, faults);
	check_listener(spec, faults);
	if (has_fault_below(faults, "linux.namespaces"))
		return;
	check_names(spec, faults);
	check_user_namespace(spec, faults);
	check_time_namespace(spec, faults);
	check_mounts(spec, faults);
	for (size_t i = 0; i < spec->linux_.sysctl_count; i++) {
		check_sysctl(spec, &spec->linux_.sysctl[i], faults);
		check_domainname(spec, &spec->linux_.sysctl[i], faults);
	}
}
