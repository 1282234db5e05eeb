/* runtime/cli/image_config.c: what flags and image together make of a container.
 *
 * Each part below changes the config and knows nothing of the others but their order: capabilities before the filter that
 * depends on them, the user before what belongs to it. Whether it all fits is for spec_parse() to say. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/program.h"
#include "base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/from_image.h"
#include "runtime/cli/values.h"
#include "images/passwd.h"
#include "runtime/seccomp_profile.h"

enum { ENV_FILE_MAX = 16 << 20, PROFILE_MAX = 16 << 20, HOSTNAME_OF_ID = 12 };

#define INIT_PLACE "/dev/husk-init"

/* ---- pairs ---- */

/* "KEY=VALUE"; a key alone has the value "". */
static int split_pair(const char *option, const char *text, bool needs_value, struct arena *arena,
	struct spec_pair *ret, struct error *err)
{
	size_t len = strcspn(text, "=");

	if (len == 0 || (needs_value && !text[len]))
		return error_bad(err, EINVAL, "--%s: expected %s, found \"%s\"", option,
			needs_value ? "KEY=VALUE" : "KEY[=VALUE]", text);
	*ret = (struct spec_pair){ arena_copy(arena, text, len), text[len] ? text + len + 1 : "" };
	return 0;
}

static int set_pairs(struct from_image *from, const char *option, const struct option_list *list, bool needs_value,
	struct config_pairs *pairs, struct error *err)
{
	struct spec_pair pair = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->count; i++) {
		r = split_pair(option, list->items[i], needs_value, from->arena, &pair, err);
		if (r == 0)
			config_set_pair(&from->config, pairs, pair.key, pair.value);
	}
	return r;
}

/* ---- environment ---- */

/* "NAME=VALUE", "NAME" of our own, "NAME*" all of our own that begin so. */
static int set_variable(struct from_image *from, const char *option, const char *text, struct error *err)
{
	struct config *config = &from->config;
	size_t len = strcspn(text, "="), prefix = len > 1 && text[len - 1] == '*' ? len - 1 : len;

	if (len == 0 || memchr(text, '\n', len) || memchr(text, ' ', len))
		return error_bad(err, EINVAL, "--%s: \"%s\" is no variable", option, text);
	if (text[len]) {
		config_set_pair(config, &config->env, arena_copy(from->arena, text, len), text + len + 1);
		return 0;
	}
	for (char **variable = environ; *variable; variable++) {
		size_t name = strcspn(*variable, "=");
		if ((*variable)[name] && strncmp(*variable, text, prefix) == 0 && (prefix < len || name == len))
			config_set_pair(
				config, &config->env, arena_copy(from->arena, *variable, name), *variable + name + 1);
	}
	return 0;
}

static int take_env_file(struct from_image *from, const char *path, struct error *err)
{
	char *text = NULL;
	size_t len = 0;
	int r = cli_read_file(from->invocation, path, ENV_FILE_MAX, &text, &len, err);

	if (r < 0)
		return error_at(err, "--env-file");
	if (strlen(text) != len || !text_is_utf8(text, len))
		return error_bad(err, EINVAL, "--env-file: %s is no UTF-8 text", path);
	text += text_starts_with(text, "\xef\xbb\xbf") ? 3 : 0;
	for (char *line; r == 0 && (line = strsep(&text, "\n"));) {
		line += strspn(line, " \t");
		if (*line && line[strlen(line) - 1] == '\r')
			line[strlen(line) - 1] = '\0';
		if (*line && *line != '#')
			r = set_variable(from, "env-file", line, err);
	}
	return r < 0 ? error_at(err, "%s", path) : 0;
}

static int decide_environment(struct from_image *from, struct error *err)
{
	const struct image_flags *flags = from->flags;
	struct config *config = &from->config;
	int r = 0;

	config_set_pair(config, &config->env, "container", "husk");
	if (config->hostname)
		config_set_pair(config, &config->env, "HOSTNAME", config->hostname);
	if (flags->tty && !config_env(config, "TERM"))
		config_set_pair(config, &config->env, "TERM", "xterm");
	for (size_t i = 0; r == 0 && i < flags->env_file.count; i++)
		r = take_env_file(from, flags->env_file.items[i], err);
	for (size_t i = 0; r == 0 && i < flags->env.count; i++)
		r = set_variable(from, "env", flags->env.items[i], err);
	return r;
}

/* ---- program ---- */

/* Words after the image take Cmd's place; an entrypoint of our own takes both [docker]. */
static int decide_args(struct from_image *from, struct error *err)
{
	const char *entrypoint = from->flags->entrypoint;
	struct spec_strings head = from->image.entrypoint, tail = from->image.cmd;
	const char **args;
	size_t count = 0;

	if (entrypoint)
		tail = (struct spec_strings){ 0 };
	if (entrypoint)
		head = (struct spec_strings){ .items = (const char **)&from->flags->entrypoint,
			.count = *entrypoint != '\0' };
	if (from->args[0]) {
		for (tail = (struct spec_strings){ .items = (const char **)from->args }; from->args[tail.count];
			tail.count++)
			;
	}
	args = ARENA_ARRAY(from->arena, head.count + tail.count + 3, const char *);
	if (from->flags->init) {
		args[count++] = INIT_PLACE;
		args[count++] = "--";
	}
	for (size_t i = 0; i < head.count; i++)
		args[count++] = head.items[i];
	for (size_t i = 0; i < tail.count; i++)
		args[count++] = tail.items[i];
	from->config.args = (struct spec_strings){ .items = args, .count = count };
	if (head.count + tail.count)
		return 0;
	(void)error_bad(err, EINVAL, "the image names no program");
	return error_hint(err, "name one: husk run --image %s PROGRAM", from->flags->image);
}

static int decide_init(struct from_image *from, struct error *err)
{
	static const char *const options[] = { "bind", "ro", "nosuid", "nodev" };
	struct config_mount mount = {
		.destination = INIT_PLACE,
		.type = "bind",
		.source = arena_printf(from->arena, "%s/husk-init", program_folder),
		.options = { .items = (const char **)options, .count = ARRAY_SIZE(options) },
	};

	if (!from->flags->init)
		return 0;
	if (access(mount.source, X_OK) < 0) {
		(void)error_sys(err, errno, "--init: %s", mount.source);
		return error_hint(err, "husk was built or installed without it");
	}
	config_set_mount(&from->config, &mount);
	return 0;
}

static int decide_terminal(struct from_image *from, struct error *err)
{
	const struct image_flags *flags = from->flags;

	from->config.terminal = flags->tty;
	if (!flags->tty || !flags->interactive || isatty(STDIN_FILENO))
		return 0;
	(void)error_bad(err, ENOTTY, "-i -t: standard input is not a terminal");
	return error_hint(err, "use -i alone");
}

static int decide_workdir(struct from_image *from, struct error *err)
{
	if (!from->flags->workdir)
		return 0;
	if (*from->flags->workdir != '/')
		return error_bad(
			err, EINVAL, "--workdir: expected an absolute path, found \"%s\"", from->flags->workdir);
	from->config.cwd = from->flags->workdir;
	return 0;
}

/* ---- user ---- */

static bool names_groups(const struct option_list *groups)
{
	for (size_t i = 0; i < groups->count; i++)
		if (groups->items[i][strspn(groups->items[i], "0123456789")])
			return true;
	return false;
}

static int add_groups(struct from_image *from, int root, struct error *err)
{
	const struct option_list *list = &from->flags->group_add;
	struct spec_user *user = &from->config.user;
	gid_t *gids;
	int r = 0;

	if (list->count == 0)
		return 0;
	gids = ARENA_ARRAY(from->arena, user->additional_gid_count + list->count, gid_t);
	if (user->additional_gid_count)
		memcpy(gids, user->additional_gids, user->additional_gid_count * sizeof(*gids));
	user->additional_gids = gids;
	for (size_t i = 0; r == 0 && i < list->count; i++) {
		r = passwd_group(root, list->items[i], from->arena, &gids[user->additional_gid_count], err);
		user->additional_gid_count += r == 0;
	}
	return r < 0 ? error_at(err, "--group-add") : 0;
}

static int decide_umask(struct from_image *from, struct error *err)
{
	const char *text = from->flags->umask;

	if (!text)
		return 0;
	if (!*text || strlen(text) > 4 || text[strspn(text, "01234567")])
		return error_bad(err, EINVAL, "--umask: expected octal digits, as 022, found \"%s\"", text);
	from->config.user.has_umask = true;
	from->config.user.umask = (mode_t)strtoul(text, NULL, 8) & 0777;
	return 0;
}

/* Names are those of the image, before any container could have changed them. */
static int decide_user(struct from_image *from, struct error *err)
{
	const char *user = from->flags->user ? from->flags->user : from->keep_id ? from->keep_id : from->image.user;
	bool looks = passwd_needs_files(user) || names_groups(&from->flags->group_add);
	cleanup_close int root = looks ? overlay_open_layers(&from->folder.overlay, err) : -1;
	int r;

	if (looks && root < 0)
		return error_at(err, "look for the user \"%s\" in the image", user);
	r = passwd_resolve(root, user, from->arena, &from->config.user, err);
	if (r < 0)
		return error_at(err, from->flags->user ? "--user" : "the image's User");
	/* Who is root of his own namespace alone has no groups to give [user_namespaces(7), setgroups]. */
	if (from->rootless && !from->many_ids)
		from->config.user.additional_gid_count = 0;
	r = add_groups(from, root, err);
	return r < 0 ? r : decide_umask(from, err);
}

/* ---- rights ---- */

/* Nobody can give what he has not, and an outer container may have taken some; in its user namespace a process has all. */
static uint64_t own_capabilities(const struct from_image *from)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (from->config.uid_mappings.count || syscall(SYS_capget, &header, data) < 0)
		return UINT64_MAX;
	return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

static int decide_capabilities(struct from_image *from, struct error *err)
{
	const struct image_flags *flags = from->flags;
	uint64_t before = from->config.capabilities, bits, all, own, drops = 0, adds = 0;
	int r = value_capability("cap-add", "all", &all, err);

	for (size_t i = 0; r == 0 && i < flags->cap_drop.count; i++, drops |= r == 0 ? bits : 0)
		r = value_capability("cap-drop", flags->cap_drop.items[i], &bits, err);
	for (size_t i = 0; r == 0 && i < flags->cap_add.count; i++, adds |= r == 0 ? bits : 0)
		r = value_capability("cap-add", flags->cap_add.items[i], &bits, err);
	if (r < 0)
		return r;
	own = all & own_capabilities(from);
	/* "all" with exceptions works both ways; what is named for itself wins over "all" */
	if (drops == all)
		from->config.capabilities = adds == all ? own : adds;
	else if (adds == all || flags->privileged)
		from->config.capabilities = own & ~drops;
	else
		from->config.capabilities = (before | adds) & ~drops;
	for (int cap = 0; cap <= word_capability_last(); cap++)
		if (from->config.capabilities & ~before & UINT64_C(1) << cap && !flags->privileged)
			from_image_gives_up(from, word_capability_name(cap));
	return 0;
}

struct security {
	const char *seccomp; /* FILE, "unconfined" or NULL */
	bool all_paths;
};

static int take_label(struct from_image *from, const char *value, struct error *err)
{
	if (strcmp(value, "disable") == 0) {
		from->config.selinux = from->config.label = NULL;
		return 0;
	}
	return error_bad(err, ENOTSUP, "--security-opt label: only \"disable\" is known, found \"%s\"", value);
}

static int take_security_option(struct from_image *from, const char *text, struct security *security, struct error *err)
{
	size_t len = strcspn(text, "=:");
	const char *value = text[len] ? text + len + 1 : "";
	bool flag = true;

	if (len == 7 && strncmp(text, "seccomp", len) == 0 && *value) {
		security->seccomp = value;
	} else if (len == 8 && strncmp(text, "apparmor", len) == 0 && *value) {
		from->config.apparmor = strcmp(value, "unconfined") == 0 ? NULL : value;
	} else if (len == 5 && strncmp(text, "label", len) == 0) {
		return take_label(from, value, err);
	} else if (strncmp(text, "no-new-privileges", len) == 0 && (!text[len] || value_bool(value, &flag) == 0)) {
		from->config.no_new_privileges = flag;
	} else if (strncmp(text, "systempaths", len) == 0 && strcmp(value, "unconfined") == 0) {
		security->all_paths = true;
	} else {
		(void)error_bad(err, EINVAL, "--security-opt: \"%s\" is not known", text);
		return error_hint(err,
			"seccomp=FILE|unconfined, apparmor=PROFILE, label=disable, no-new-privileges[=false],"
			" systempaths=unconfined");
	}
	return 0;
}

static int decide_seccomp(struct from_image *from, const char *asked, struct error *err)
{
	struct config *config = &from->config;
	char *text = NULL;
	size_t len = 0;
	int r;

	if (asked ? strcmp(asked, "unconfined") == 0 : from->flags->privileged) {
		from_image_gives_up(from, "the filter of system calls");
		return 0;
	}
	if (!asked) {
		config->seccomp = seccomp_profile(config->capabilities, from->arena);
		return 0;
	}
	r = cli_read_file(from->invocation, asked, PROFILE_MAX, &text, &len, err);
	if (r < 0)
		return error_at(err, "--security-opt seccomp");
	return seccomp_profile_read(asked, text, len, config->capabilities, from->arena, &config->seccomp, err);
}

static int decide_security(struct from_image *from, struct error *err)
{
	static const char *const none[] = { NULL };
	const struct image_flags *flags = from->flags;
	struct security security = { .all_paths = flags->privileged };
	int r = 0;

	if (flags->privileged) {
		from_image_gives_up(from, "all limits of capabilities (--privileged)");
		from->config.no_new_privileges = false;
	}
	for (size_t i = 0; r == 0 && i < flags->security_opt.count; i++)
		r = take_security_option(from, flags->security_opt.items[i], &security, err);
	if (r < 0)
		return r;
	if (security.all_paths) {
		from->config.masked = from->config.readonly = none;
		from_image_gives_up(from, "masked and read-only paths of /proc and /sys");
	}
	if (!from->config.no_new_privileges)
		from_image_gives_up(from, "no_new_privs");
	return decide_seccomp(from, security.seccomp, err);
}

/* ---- the rest ---- */

static int decide_names(struct from_image *from, struct error *err)
{
	const struct image_flags *flags = from->flags;
	struct config *config = &from->config;
	bool own = config->namespaces[SPEC_NS_UTS] && !*config->namespaces[SPEC_NS_UTS];
	int r;

	if (own)
		config->hostname = arena_printf(from->arena, "%.*s", HOSTNAME_OF_ID, from->id);
	if (flags->hostname)
		config->hostname = flags->hostname;
	config->domainname = flags->domainname;
	if (flags->cgroup_parent)
		config->cgroups_path = arena_printf(from->arena, "%s/husk-%s", flags->cgroup_parent, from->id);
	config->root_readonly = flags->read_only;
	config->propagation = flags->propagation;
	r = set_pairs(from, "label", &flags->labels, false, &config->annotations, err);
	if (r == 0)
		r = set_pairs(from, "annotation", &flags->annotations, true, &config->annotations, err);
	if (r == 0)
		r = set_pairs(from, "sysctl", &flags->sysctl, true, &config->sysctls, err);
	if (r < 0 || !flags->stop_signal)
		return r;
	if (word_signal(flags->stop_signal) < 0)
		return error_bad(err, EINVAL, "--stop-signal: \"%s\" is no signal", flags->stop_signal);
	config_set_pair(config, &config->annotations, "org.opencontainers.image.stopSignal", flags->stop_signal);
	return 0;
}

int image_config_decide(struct from_image *from, struct error *err)
{
	static int (*const parts[])(struct from_image *, struct error *) = {
		image_config_namespaces,
		decide_names,
		decide_args,
		decide_environment,
		decide_workdir,
		decide_terminal,
		decide_user,
		decide_capabilities,
		decide_security,
		image_config_limits,
		image_config_mounts,
		image_config_devices,
		decide_init,
	};
	int r;

	config_init(&from->config, from->arena);
	r = config_take_image(&from->config, &from->image, err);
	if (r == 0)
		r = config_check_volumes(&from->image, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++)
		r = parts[i](from, err);
	return r;
}
