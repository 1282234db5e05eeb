/* spec/defaults.c: the config that `husk spec` writes. */
#include <stdlib.h>

#include "base/json_write.h"
#include "base/text.h"
#include "spec/spec.h"

enum { NOFILE_LIMIT = 1024 };

static void strings(struct json_writer *w, const char *key, const char *const *items)
{
	json_array(w, key);
	for (; *items; items++)
		json_string(w, NULL, *items);
	json_array_end(w);
}

#define LIST(...)                                                                                                      \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}

static const char *const capabilities[] = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE", NULL };

static void process(struct json_writer *w)
{
	json_object(w, "process");
	json_bool(w, "terminal", true);
	json_object(w, "user");
	json_uint(w, "uid", 0);
	json_uint(w, "gid", 0);
	json_object_end(w);
	strings(w, "args", LIST("sh"));
	strings(w, "env", LIST("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"));
	json_string(w, "cwd", "/");
	json_object(w, "capabilities");
	strings(w, "bounding", capabilities);
	strings(w, "effective", capabilities);
	strings(w, "permitted", capabilities);
	json_object_end(w);
	json_array(w, "rlimits");
	json_object(w, NULL);
	json_string(w, "type", "RLIMIT_NOFILE");
	json_uint(w, "hard", NOFILE_LIMIT);
	json_uint(w, "soft", NOFILE_LIMIT);
	json_object_end(w);
	json_array_end(w);
	json_bool(w, "noNewPrivileges", true);
	json_object_end(w);
}

struct default_mount {
	const char *destination, *type, *source;
	const char *options[8];
};

static const struct default_mount mounts[] = {
	{ "/proc", "proc", "proc", { NULL } },
	{ "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" } },
	{ "/dev/pts", "devpts", "devpts",
		{ "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" } },
	{ "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" } },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
	{ "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" } },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "relatime", "ro" } },
};

/* What a user without rights on the host gets instead: gid 5 is not mapped there, and sysfs belongs to whoever owns the
 * network namespace, which such a container shares with the host [user_namespaces(7)]. */
static const struct default_mount rootless_mounts[] = {
	{ "/proc", "proc", "proc", { NULL } },
	{ "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" } },
	{ "/dev/pts", "devpts", "devpts", { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620" } },
	{ "/dev/shm", "tmpfs", "shm", { "nosuid", "noexec", "nodev", "mode=1777", "size=65536k" } },
	{ "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
	{ "/sys", "none", "/sys", { "rbind", "nosuid", "noexec", "nodev", "rro" } },
};

static void write_mounts(struct json_writer *w, const struct default_mount *list, size_t count)
{
	json_array(w, "mounts");
	for (size_t i = 0; i < count; i++) {
		json_object(w, NULL);
		json_string(w, "destination", list[i].destination);
		json_string(w, "type", list[i].type);
		json_string(w, "source", list[i].source);
		if (list[i].options[0])
			strings(w, "options", list[i].options);
		json_object_end(w);
	}
	json_array_end(w);
}

static void mapping(struct json_writer *w, const char *key, unsigned host_id)
{
	json_array(w, key);
	json_object(w, NULL);
	json_uint(w, "containerID", 0);
	json_uint(w, "hostID", host_id);
	json_uint(w, "size", 1);
	json_object_end(w);
	json_array_end(w);
}

static void namespaces(struct json_writer *w, const char *const *names)
{
	json_array(w, "namespaces");
	for (; *names; names++) {
		json_object(w, NULL);
		json_string(w, "type", *names);
		json_object_end(w);
	}
	json_array_end(w);
}

static void deny_devices(struct json_writer *w)
{
	json_object(w, "resources");
	json_array(w, "devices");
	json_object(w, NULL);
	json_bool(w, "allow", false);
	json_string(w, "access", "rwm");
	json_object_end(w);
	json_array_end(w);
	json_object_end(w);
}

static void linux_object(struct json_writer *w, bool rootless, uid_t uid, gid_t gid)
{
	json_object(w, "linux");
	if (rootless) {
		mapping(w, "uidMappings", uid);
		mapping(w, "gidMappings", gid);
		namespaces(w, LIST("user", "pid", "ipc", "uts", "mount", "cgroup"));
	} else {
		deny_devices(w);
		namespaces(w, LIST("pid", "network", "ipc", "uts", "mount", "cgroup"));
	}
	strings(w, "maskedPaths",
		LIST("/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys",
			"/proc/latency_stats", "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
			"/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware"));
	strings(w, "readonlyPaths", LIST("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"));
	json_object_end(w);
}

char *spec_default(bool rootless, uid_t uid, gid_t gid)
{
	struct json_writer w;
	const char *json;
	size_t len;
	char *pretty = NULL;

	json_write_init(&w);
	json_object(&w, NULL);
	json_string(&w, "ociVersion", SPEC_VERSION);
	process(&w);
	json_object(&w, "root");
	json_string(&w, "path", "rootfs");
	json_bool(&w, "readonly", true);
	json_object_end(&w);
	json_string(&w, "hostname", "husk");
	if (rootless)
		write_mounts(&w, rootless_mounts, ARRAY_SIZE(rootless_mounts));
	else
		write_mounts(&w, mounts, ARRAY_SIZE(mounts));
	linux_object(&w, rootless, uid, gid);
	json_object_end(&w);
	json = json_write_end(&w, &len);
	if (json)
		pretty = json_pretty(json, len, 4);
	json_write_done(&w);
	return pretty;
}
