/* spec/spec.h: what is asked, as typed C.
 *
 * Every source of a container (config.json, `exec --process`, later an image's config) ends in these structs, checked
 * completely: whoever holds a `struct spec` need not look again. Units stand in the names; what was not given is a
 * flag (`has_x`), a NULL or a zero count, never a magic value. All memory is in the arena it was read into.
 * The fields follow the OCI runtime specification 1.3; names in comments are its JSON paths.
 * [https://github.com/opencontainers/runtime-spec, config.md, config-linux.md] */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
struct arena;
struct error;
struct faults;
struct json;
struct json_writer;

#define SPEC_VERSION "1.3.0" /* what `husk spec` writes; any version below 2 is read */

enum {
	SPEC_MAX_ARGS = 65536, /* args and env, each */
	SPEC_MAX_MOUNTS = 4096,
	SPEC_MAX_DEVICES = 1024,
	SPEC_MAX_DEVICE_RULES = 4096,
	SPEC_MAX_HOOKS = 256, /* of one kind */
	SPEC_MAX_SECCOMP_RULES = 4096,
	SPEC_MAX_ANNOTATIONS = 4096,
	SPEC_MAX_ID_MAPPINGS = 340, /* the kernel's [user_namespaces(7), Linux 4.15] */
	SPEC_MAX_PATHS = 4096,      /* masked, read-only */
	SPEC_MAX_SYSCTLS = 1024,
};

/* A list of strings; `items` is NULL-terminated too, as execve(2) wants it. */
struct spec_strings {
	const char **items;
	size_t count;
};

struct spec_pair {
	const char *key, *value;
};

/* One line of a JSON path for messages, kept where a step may fail later: "mounts[3]". */
typedef const char *spec_origin;

/* ---- root, mounts ---- */

struct spec_id_mapping {
	uint32_t container_id, host_id, size; /* size >= 1, no overflow past 2^32-2 */
};

struct spec_id_mappings {
	struct spec_id_mapping *items;
	size_t count;
};

enum spec_propagation { /* 0 = not given */
	SPEC_PROPAGATION_NONE,
	SPEC_PROPAGATION_PRIVATE,
	SPEC_PROPAGATION_SLAVE,
	SPEC_PROPAGATION_SHARED,
	SPEC_PROPAGATION_UNBINDABLE,
};

struct spec_propagation_word {
	enum spec_propagation kind;
	bool recursive;
};

/* Options sorted by what the kernel wants of them [mount_setattr(2), Linux 5.12; mount(2)]. */
struct spec_mount {
	const char *destination; /* absolute; a relative one was made so [config.md, Mounts] */
	const char *type;        /* "" for binds */
	const char *source;      /* "" where not given */
	bool bind, bind_recursive;
	uint64_t attr_set, attr_clear;           /* MOUNT_ATTR_* of this mount */
	uint64_t attr_set_tree, attr_clear_tree; /* MOUNT_ATTR_*, with AT_RECURSIVE: rro, rnosuid ... */
	/* MS_SYNCHRONOUS, MS_DIRSYNC, MS_LAZYTIME, MS_I_VERSION, MS_SILENT, MS_MANDLOCK, MS_RDONLY */
	unsigned long sb_set, sb_clear;
	bool read_only; /* "ro": on the mount, and on the superblock of a new one */
	bool remount;
	bool tmpcopyup, copy_symlink, src_nofollow, dest_nofollow;
	enum { SPEC_IDMAP_NONE, SPEC_IDMAP, SPEC_IDMAP_TREE } idmap;
	struct spec_propagation_word propagation[4];
	size_t propagation_count;
	struct spec_strings data; /* the rest: file-system options, "mode=755", one each, for fsconfig(2) */
	struct spec_id_mappings uid_mappings, gid_mappings;
	spec_origin origin;
};

/* ---- process ---- */

struct spec_user {
	uid_t uid;
	gid_t gid;
	bool has_umask;
	mode_t umask;
	gid_t *additional_gids;
	size_t additional_gid_count;
};

struct spec_rlimit {
	int resource; /* RLIMIT_* */
	uint64_t soft, hard;
};

struct spec_capabilities { /* bit n = CAP n; names this build does not know were warned about */
	bool given;
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct spec_scheduler {
	bool given;
	int policy; /* SCHED_* */
	int32_t nice, priority;
	uint64_t flags; /* SCHED_FLAG_* */
	uint64_t runtime_ns, deadline_ns, period_ns;
};

struct spec_process {
	bool terminal;
	bool has_console_size;
	uint16_t console_height, console_width;
	bool has_user; /* false: root, or for `exec` the container's */
	struct spec_user user;
	struct spec_strings args, env; /* args[0] exists */
	const char *cwd;               /* absolute */
	struct spec_capabilities capabilities;
	struct spec_rlimit *rlimits;
	size_t rlimit_count;
	bool no_new_privileges;
	const char *apparmor_profile, *selinux_label; /* NULL where not given */
	bool has_oom_score_adj;
	int oom_score_adj; /* -1000 .. 1000 */
	struct spec_scheduler scheduler;
	bool has_io_priority;
	int io_priority;                                         /* as ioprio_set(2) takes it: class << 13 | level */
	const char *exec_affinity_initial, *exec_affinity_final; /* cpu lists, checked; NULL */
};

/* ---- hooks ---- */

enum spec_hook_kind {
	SPEC_HOOK_PRESTART,
	SPEC_HOOK_CREATE_RUNTIME,
	SPEC_HOOK_CREATE_CONTAINER,
	SPEC_HOOK_START_CONTAINER,
	SPEC_HOOK_POSTSTART,
	SPEC_HOOK_POSTSTOP,
	SPEC_HOOK_KINDS
};
extern const char *const spec_hook_names[SPEC_HOOK_KINDS]; /* "prestart", ... */

struct spec_hook {
	const char *path;         /* absolute */
	struct spec_strings args; /* argv, [0] included; count 0 = just the path */
	bool has_env;
	struct spec_strings env;
	unsigned timeout_s; /* 0 = none */
	spec_origin origin;
};

struct spec_hooks {
	struct spec_hook *items;
	size_t count;
};

/* ---- linux ---- */

enum spec_namespace { /* the order in which a message lists them */
	SPEC_NS_USER,
	SPEC_NS_PID,
	SPEC_NS_NETWORK,
	SPEC_NS_MOUNT,
	SPEC_NS_IPC,
	SPEC_NS_UTS,
	SPEC_NS_CGROUP,
	SPEC_NS_TIME,
	SPEC_NAMESPACES
};
extern const char *const spec_namespace_names[SPEC_NAMESPACES]; /* "user", "pid", ... */

struct spec_namespace_request {
	bool given;       /* absent: the runtime's own */
	const char *path; /* join this one; NULL: make a new one */
};

struct spec_time_offset {
	bool given;
	int64_t secs;
	uint32_t nanosecs;
};

struct spec_device {
	char type; /* 'c', 'b', 'p'; "u" became 'c' */
	const char *path;
	uint32_t major, minor;
	mode_t mode; /* permission bits; 0666 where not given */
	uid_t uid;
	gid_t gid;
	spec_origin origin;
};

struct spec_net_device {
	const char *host_name, *container_name; /* the same where not given */
};

struct spec_device_rule {
	bool allow;
	char type;            /* 'a', 'b', 'c' */
	int64_t major, minor; /* -1 = any */
	bool read, write, mknod;
};

struct spec_device_number {
	uint32_t major, minor;
};

struct spec_weight_device {
	struct spec_device_number device;
	bool has_weight;
	uint16_t weight; /* 10 .. 1000 */
};

struct spec_throttle_device {
	struct spec_device_number device;
	uint64_t rate;   /* bytes or operations a second */
	const char *key; /* io.max's word: "rbps", "wbps", "riops", "wiops" */
};

struct spec_hugepage_limit {
	const char *page_size; /* "2MB" */
	uint64_t limit_bytes;
};

struct spec_rdma_limit {
	const char *device;
	bool has_handles, has_objects;
	uint32_t handles, objects;
};

/* A limit that may be absent. */
struct spec_limit {
	bool given;
	int64_t value; /* meaning and unit: see the field */
};

/* linux.resources as written; what it means on cgroup v2 is the business of cgroups/. Values that mean "unset" (v1
 * no-ops) are kept as given; `origin` of a field is "linux.resources." plus its JSON name. */
struct spec_resources {
	bool given;
	struct spec_device_rule *devices;
	size_t device_count;
	struct {
		struct spec_limit limit, reservation, swap;       /* bytes; -1 = no limit; swap = memory plus swap */
		struct spec_limit kernel, kernel_tcp, swappiness; /* v1 only */
		bool has_disable_oom_killer, disable_oom_killer;  /* v1 only */
		bool has_use_hierarchy, use_hierarchy;            /* v1 only */
		bool check_before_update;
	} memory;
	struct {
		struct spec_limit shares;                            /* 2 .. 262144 */
		struct spec_limit quota, period, burst;              /* us */
		struct spec_limit idle;                              /* 0, 1 */
		struct spec_limit realtime_runtime, realtime_period; /* v1 only */
		const char *cpus, *mems;                             /* lists "0-3,7"; NULL */
	} cpu;
	struct {
		struct spec_limit weight, leaf_weight; /* 10 .. 1000, 0 = unset */
		struct spec_weight_device *weight_devices;
		size_t weight_device_count;
		struct spec_throttle_device *throttle_devices;
		size_t throttle_device_count;
	} io;
	struct spec_limit pids; /* -1 = no limit; 0 is a limit since 1.3 */
	struct spec_hugepage_limit *hugepages;
	size_t hugepage_count;
	struct {
		bool has_class_id;
		uint32_t class_id;
		size_t priority_count;
	} network; /* v1 only */
	struct spec_rdma_limit *rdma;
	size_t rdma_count;
	struct spec_pair *unified; /* file name, text; in document order */
	size_t unified_count;
};

struct spec_seccomp_arg {
	unsigned index; /* 0 .. 5 */
	uint64_t value, value_two;
	int op; /* enum scmp_compare of libseccomp */
};

struct spec_seccomp_rule {
	struct spec_strings names;
	uint32_t action; /* SCMP_ACT_*, errno and trace data included */
	struct spec_seccomp_arg *args;
	size_t arg_count;
	spec_origin origin;
};

struct spec_seccomp {
	bool given;
	uint32_t default_action; /* SCMP_ACT_* with its errno */
	bool has_default_errno;
	uint32_t *architectures; /* SCMP_ARCH_* tokens */
	size_t architecture_count;
	bool has_flags; /* a list was given, maybe empty */
	uint32_t flags; /* SECCOMP_FILTER_FLAG_* */
	bool notifies;  /* some action is NOTIFY */
	const char *listener_path, *listener_metadata;
	struct spec_seccomp_rule *rules;
	size_t rule_count;
};

struct spec_memory_policy {
	bool given;
	int mode;          /* MPOL_* with MPOL_F_* flags or'ed in [set_mempolicy(2)] */
	const char *nodes; /* list, checked; NULL */
};

struct spec_intel_rdt {
	bool given;
	const char *clos_id, *l3_cache_schema, *mem_bw_schema;
	struct spec_strings schemata;
	bool enable_monitoring;
};

struct spec_linux {
	struct spec_namespace_request namespaces[SPEC_NAMESPACES];
	struct spec_id_mappings uid_mappings, gid_mappings;
	struct spec_time_offset monotonic, boottime;
	struct spec_device *devices;
	size_t device_count;
	struct spec_net_device *net_devices;
	size_t net_device_count;
	const char *cgroups_path; /* NULL */
	struct spec_resources resources;
	struct spec_intel_rdt intel_rdt;
	struct spec_memory_policy memory_policy;
	struct spec_pair *sysctl; /* key as written ("net.ipv4.ip_forward" or with slashes), value */
	size_t sysctl_count;
	struct spec_seccomp seccomp;
	struct spec_propagation_word rootfs_propagation;
	struct spec_strings masked_paths, readonly_paths;
	const char *mount_label; /* NULL */
	bool has_personality;
	unsigned long personality; /* PER_LINUX, PER_LINUX32 */
};

struct spec {
	const char *oci_version;
	const char *root_path; /* as written: absolute or relative to the bundle */
	bool root_readonly;
	const char *hostname, *domainname; /* NULL where not given */
	struct spec_mount *mounts;
	size_t mount_count;
	bool has_process;
	struct spec_process process;
	struct spec_hooks hooks[SPEC_HOOK_KINDS];
	struct spec_pair *annotations;
	size_t annotation_count;
	struct spec_linux linux_;
};

/* Reads and checks a config: its own faults and those between fields (mappings without a user namespace ...). All
 * faults are collected; *ret_spec is valid only where `faults` has none. Returns 0 also then. */
int spec_parse(const char *text, size_t len, struct arena *arena, struct spec **ret_spec, struct faults *faults,
	struct error *err);

/* Reads "config.json" beneath the bundle's directory once, whole, through one descriptor, then as spec_parse().
 * *ret_text and *ret_len keep the bytes for the frozen copy. `faults` must be initialised with source "config.json". */
int spec_read(int bundle, struct arena *arena, struct spec **ret_spec, const char **ret_text, size_t *ret_len,
	struct faults *faults, struct error *err);

/* A process object on its own (`exec --process`), and linux.resources on its own (`update --resources`). */
int spec_parse_process(const char *text, size_t len, struct arena *arena, struct spec_process *ret_process,
	struct faults *faults, struct error *err);
int spec_parse_resources(const char *text, size_t len, struct arena *arena, struct spec_resources *ret_resources,
	struct faults *faults, struct error *err);

/* The value of the pair with this key, or NULL; the same for a config's annotations. */
const char *spec_pair_value(const struct spec_pair *pairs, size_t count, const char *key);
const char *spec_annotation(const struct spec *spec, const char *key);

/* `husk spec`: a config that runs as it is, pretty-printed with a newline at the end; malloc'ed. Rootless adds a user
 * namespace that maps `uid` and `gid` to root and leaves out what such a user may not have. */
char *spec_default(bool rootless, uid_t uid, gid_t gid);

/* `husk features`: one object. */
void spec_features_write(struct json_writer *w);

/* ---- the state document [runtime.md, State] ---- */

enum spec_status { SPEC_CREATING, SPEC_CREATED, SPEC_RUNNING, SPEC_PAUSED, SPEC_STOPPED, SPEC_STATUSES };
extern const char *const spec_status_names[SPEC_STATUSES];

/* How a container ended. */
struct spec_end {
	bool known; /* code and signal are */
	int code;   /* its exit code, or 128 plus the signal */
	int signal; /* that killed it, or 0 */
	bool oom;   /* the kernel has killed in it for lack of memory */
};

struct spec_state {
	const char *id;
	enum spec_status status;
	pid_t pid;           /* 0 when stopped */
	const char *bundle;  /* absolute */
	const char *rootfs;  /* absolute; NULL leaves it out */
	const char *created; /* RFC 3339; NULL leaves it out */
	const char *owner;   /* user name or number; NULL leaves it out */
	const struct spec_pair *annotations;
	size_t annotation_count;
	struct spec_end end; /* of a stopped one */
};

/* Writes the document as one object; `key` as in json_object(). Keys as runc's: ociVersion, id, pid, status, bundle,
 * rootfs, created, annotations, owner; and of our own for a stopped one, as far as it is known: husk.exitCode, signal,
 * oom. */
void spec_state_write(const struct spec_state *state, struct json_writer *w, const char *key);

/* ---- words: the same tables answer decode, features, help and messages ---- */

int word_signal(const char *word);         /* "TERM", "SIGTERM", "sigterm", "15", "RTMIN+3"; -1 if none */
const char *word_signal_name(int signal);  /* "SIGTERM"; NULL if none */
int word_capability(const char *word);     /* "CAP_CHOWN" to its number by libcap; -1 if unknown here */
const char *word_capability_name(int cap); /* "CAP_CHOWN"; NULL beyond the last one known */
int word_capability_last(void);            /* the last one this build of libcap knows */
int word_rlimit(const char *word);         /* "RLIMIT_NOFILE" to RLIMIT_NOFILE; -1 if none */
const char *word_rlimit_name(int resource);
uint32_t word_seccomp_arch(const char *word);          /* "SCMP_ARCH_X86_64" to the token; 0 if none */
const char *word_seccomp_action_name(uint32_t action); /* "SCMP_ACT_ERRNO"; NULL if none */

/* Walks the mount option words that `features` lists; NULL after the last. */
const char *word_mount_option(size_t index);

/* The words of mount attribute bits, for `plan` and messages: "nosuid,nodev,ro"; into buf. */
const char *word_mount_attrs(uint64_t set, uint64_t clear, char *buf, size_t size);

/* Whether `id` can name a container: [A-Za-z0-9_+-][A-Za-z0-9_+.-]*, at most 255 bytes; else error_bad(). */
int spec_check_id(const char *id, struct error *err);
