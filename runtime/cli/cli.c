/* runtime/cli/cli.c: what several commands do alike. */
#include "runtime/cli/cli.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "namespaces/namespaces.h"
#include "runtime/cli/command.h"
#include "runtime/create.h"
#include "runtime/self.h"
#include "runtime/state_dir.h"
#include "runtime/terminal.h"
#include "runtime/wait.h"

enum { LISTEN_FDS_MAX = 65536, CONFIG_MAX = 64 << 20 };

/* ---- state ---- */

int cli_open_root(const struct invocation *invocation, bool make, int *ret_root, struct error *err)
{
	char buf[PATH_MAX];
	const char *path = state_root_path(invocation->globals->root, geteuid(), buf, sizeof(buf));

	*ret_root = -1;
	if (path)
		return state_root_open(path, make, ret_root, err);
	(void)error_bad(err, ENOENT, "there is no place for the state of containers");
	return error_hint(err, "set XDG_RUNTIME_DIR, or name one with --root");
}

const char *cli_store_path(const struct invocation *invocation, struct error *err)
{
	char buf[PATH_MAX];
	const char *path = store_path(invocation->globals->store, geteuid(), buf, sizeof(buf));

	if (path)
		return arena_strdup(invocation->arena, path);
	(void)error_bad(err, ENOENT, "there is no place for images and networks");
	(void)error_hint(err, "set HOME, or name one with --store");
	return NULL;
}

int cli_open_container(const struct invocation *invocation, int *ret_root, struct container *ret, struct error *err)
{
	int r = cli_open_root(invocation, false, ret_root, err);

	return r < 0 ? r : container_open(*ret_root, invocation->args[0], invocation->arena, ret, err);
}

static size_t count_ids(DIR *listing)
{
	size_t count = 0;

	while (readdir(listing))
		count++;
	rewinddir(listing);
	return count;
}

int cli_match_ids(const struct invocation *invocation, int root, const char *pattern, char ***ret_ids,
	size_t *ret_count, struct error *err)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	regex_t regex;

	*ret_count = 0;
	if (!listing)
		return root < 0 ? 0 : error_sys(err, errno, "list the state root");
	if (pattern && regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
		(void)closedir(listing);
		return error_bad(err, EINVAL, "\"%s\" is no regular expression", pattern);
	}
	*ret_ids = ARENA_ARRAY(invocation->arena, count_ids(listing), char *);
	for (const struct dirent *entry; (entry = readdir(listing));)
		if (spec_check_id(entry->d_name, NULL) == 0 &&
			(!pattern || regexec(&regex, entry->d_name, 0, NULL, 0) == 0))
			(*ret_ids)[(*ret_count)++] = arena_strdup(invocation->arena, entry->d_name);
	if (pattern)
		regfree(&regex);
	(void)closedir(listing);
	return 0;
}

int cli_each_id(const struct invocation *invocation, int root, char *const *ids, size_t count,
	int (*act)(const struct invocation *, int, const char *, struct error *), struct error *err)
{
	int result = 0;

	for (size_t i = 0; i < count; i++) {
		struct error one = { 0 };
		int r = act(invocation, root, ids[i], &one);
		if (r == 0)
			continue;
		if (result < 0)
			log_error(err);
		*err = one;
		result = r;
	}
	return result;
}

int cli_with_container(const struct invocation *invocation,
	int (*act)(const struct invocation *, struct container *, struct error *), struct error *err)
{
	struct container container;
	cleanup_close int root = -1;
	int r = cli_open_container(invocation, &root, &container, err);

	if (r < 0)
		return r;
	r = container_lock(&container, invocation->arena, err);
	if (r == 0)
		r = act(invocation, &container, err);
	container_close(&container);
	return r;
}

/* ---- bundles ---- */

bool cli_is_bundle(const char *arg)
{
	cleanup_close int dir = -1;

	if (strchr(arg, '/'))
		return true;
	dir = open(arg, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dir >= 0 && faccessat(dir, "config.json", F_OK, 0) == 0;
}

const char *cli_id_of(const char *path, struct arena *arena)
{
	const char *slash = strrchr(path, '/');
	char *id = arena_strdup(arena, slash && slash[1] ? slash + 1 : "root");

	for (char *c = id; *c; c++)
		if (!isascii(*c) || !(isalnum((unsigned char)*c) || strchr("_+-", *c) || (*c == '.' && c > id)))
			*c = '-';
	return id;
}

int cli_read_bundle(const struct invocation *invocation, const char *path, struct bundle *ret, struct error *err)
{
	char absolute[PATH_MAX];
	int dir = path_open_dir(path, err);
	int r = dir < 0 ? error_at(err, "the bundle") : path_of_fd(dir, absolute, sizeof(absolute));

	if (dir >= 0)
		(void)close(dir);
	if (r < 0)
		return dir < 0 ? r : error_sys(err, r, "find the path of the bundle %s", path);
	ret->path = arena_strdup(invocation->arena, absolute);
	return 0;
}

static void tell(const struct faults *faults, bool warnings, struct arena *arena)
{
	const char **lines = ARENA_ARRAY(arena, faults->count + faults->warnings, const char *);
	char line[2048];
	size_t count = 0;

	for (const struct fault *fault = faults->first; fault; fault = fault->next)
		if (fault->warning == warnings)
			lines[count++] = arena_strdup(arena, fault_line(faults, fault, line, sizeof(line)));
	log_lines(warnings ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR, lines, count);
}

int cli_tell_faults(const struct faults *faults, struct arena *arena, struct error *err)
{
	tell(faults, false, arena);
	*err = (struct error){ .code = -EINVAL };
	return -EINVAL;
}

int cli_read_file(const struct invocation *invocation, const char *path, size_t max, char **ret_text, size_t *ret_len,
	struct error *err)
{
	bool standard = strcmp(path, "-") == 0;
	cleanup_close int fd = standard ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 && !standard)
		return error_sys(err, errno, "open %s", path);
	return file_read_fd(standard ? STDIN_FILENO : fd, path, max, invocation->arena, ret_text, ret_len, err);
}

static int read_config(
	const struct invocation *invocation, struct bundle *bundle, struct faults *faults, struct error *err)
{
	cleanup_close int dir = -1;
	char *text = NULL;
	int r;

	if (bundle->text)
		return spec_parse(bundle->text, bundle->len, invocation->arena, &bundle->spec, faults, err);
	if (bundle->config) {
		r = cli_read_file(invocation, bundle->config, CONFIG_MAX, &text, &bundle->len, err);
		bundle->text = text;
		return r < 0 ? r : spec_parse(text, bundle->len, invocation->arena, &bundle->spec, faults, err);
	}
	dir = path_open_dir(bundle->path, err);
	if (dir < 0)
		return dir;
	r = spec_read(dir, invocation->arena, &bundle->spec, &bundle->text, &bundle->len, faults, err);
	return r < 0 ? error_at(err, "%s", bundle->path) : 0;
}

/* Root of the host has the host's systemd; everybody else, also root of a user namespace that a session's environment
 * came along to, the one of the session. */
static bool has_own_systemd(void)
{
	if (geteuid() != 0)
		return true;
	return namespaces_ids_mapped() && (getenv("XDG_RUNTIME_DIR") || getenv("DBUS_SESSION_BUS_ADDRESS"));
}

int cli_plan_bundle(const struct invocation *invocation, struct bundle *bundle, struct plan_request *request, bool warn,
	struct error *err)
{
	const struct globals *globals = invocation->globals;
	struct faults faults;
	int r;

	faults_init(&faults, invocation->arena, bundle->config ? bundle->config : "config.json");
	r = read_config(invocation, bundle, &faults, err);
	if (r < 0)
		return r;
	if (faults.count == 0)
		r = cli_settle_network(invocation, bundle->network, bundle->spec, &faults, err);
	if (r < 0)
		return r;
	request->bundle = bundle->path;
	request->no_cgroup = globals->cgroup_manager == CGROUP_MANAGER_DISABLED;
	request->systemd = globals->systemd_cgroup || globals->cgroup_manager == CGROUP_MANAGER_SYSTEMD;
	request->systemd_user = request->systemd && has_own_systemd();
	if (faults.count == 0)
		r = plan_make(bundle->spec, request, invocation->arena, &bundle->plan, &faults);
	bundle->plan.config = bundle->text;
	bundle->plan.config_len = bundle->len;
	if (warn && faults.warnings)
		tell(&faults, true, invocation->arena);
	if (faults.count == 0)
		return r;
	return cli_tell_faults(&faults, invocation->arena, err);
}

int cli_parse_time(const char *option, const char *text, int *ret_ms, struct error *err)
{
	static const struct {
		const char *unit;
		unsigned ms;
	} units[] = { { "", 1000 }, { "s", 1000 }, { "ms", 1 }, { "m", 60000 }, { "h", 3600000 } };
	size_t len = strspn(text, "0123456789");
	uint64_t number = 0;

	for (size_t i = 0; len > 0 && len < 10 && i < ARRAY_SIZE(units); i++) {
		if (strcmp(text + len, units[i].unit) != 0)
			continue;
		number = strtoull(text, NULL, 10) * units[i].ms;
		*ret_ms = (int)number;
		if (number > 0 && number <= INT32_MAX)
			return 0;
	}
	return error_bad(err, EINVAL, "%s: expected a time as 5s, found \"%s\"", option, text);
}

/* ---- output ---- */

int cli_write(const char *text, size_t len, struct error *err)
{
	int r = text ? file_write_all(STDOUT_FILENO, text, len) : -ENOMEM;

	return r < 0 ? error_sys(err, r, "write to standard output") : 0;
}

int cli_write_line(const char *line, struct error *err)
{
	int r = cli_write(line, strlen(line), err);

	return r < 0 ? r : cli_write("\n", 1, err);
}

int cli_write_json(struct json_writer *w, bool pretty, struct error *err)
{
	size_t len = 0;
	const char *json = json_write_end(w, &len);
	char *lines = json && pretty ? json_pretty(json, len, 2) : NULL;
	int r;

	if (!json || (pretty && !lines))
		r = error_sys(err, ENOMEM, "write JSON");
	else if (lines)
		r = cli_write(lines, strlen(lines), err);
	else
		r = cli_write_line(json, err);
	free(lines);
	json_write_done(w);
	return r;
}

/* ---- create and run ---- */

int cli_wrong_count(const struct invocation *invocation, int wanted, struct error *err)
{
	const char *name = invocation->command->name;

	if (invocation->arg_count < wanted)
		(void)error_bad(err, EINVAL, "%s requires an argument: %s", name, invocation->command->usage);
	else
		(void)error_bad(err, EINVAL, "%s: unexpected argument \"%s\"", name, invocation->args[wanted]);
	return error_hint(err, "try husk %s --help", name);
}

/* What is to stay open must be open: else a descriptor of ours would take its place. */
int cli_check_preserved(unsigned count, struct error *err)
{
	for (unsigned fd = 3; fd < 3 + count; fd++)
		if (fcntl((int)fd, F_GETFD) < 0)
			return error_bad(err, EBADF, "descriptor %u is not open, but is to be passed on", fd);
	return fd_cloexec_from(3 + count) < 0 ? error_sys(err, errno, "close_range") : 0;
}

/* run BUNDLE [--id ID], and run [--bundle BUNDLE] ID as crun and runc have it. */
static int name_bundle(
	const struct invocation *invocation, struct making *making, const char **ret_id, struct error *err)
{
	const struct create_options *options = invocation->options;
	const char *arg = invocation->args[0];
	bool is_bundle;
	const char *path;
	int r;

	if (invocation->arg_count != 1)
		return cli_wrong_count(invocation, 1, err);
	is_bundle = !options->bundle && cli_is_bundle(arg);
	path = is_bundle ? arg : ".";
	if (!is_bundle && options->id)
		return error_bad(err, EINVAL, "the id is given twice: \"%s\" and --id %s", arg, options->id);
	r = cli_read_bundle(invocation, options->bundle ? options->bundle : path, &making->bundle, err);
	if (r < 0)
		return r;
	*ret_id = !is_bundle ? arg : options->id ? options->id : cli_id_of(making->bundle.path, invocation->arena);
	return spec_check_id(*ret_id, err);
}

/* run --image IMAGE [--] [ARGUMENTS], create --image IMAGE ID [--] [ARGUMENTS]: the id of `create` is its first word. */
static int name_from_image(const struct invocation *invocation, enum gate gate, struct making *making,
	const char **ret_id, struct error *err)
{
	const struct create_options *options = invocation->options;
	const char *id = options->id ? options->id : options->image.name;
	char **args = invocation->args;

	if (options->bundle || options->config)
		return error_bad(err, EINVAL, "--image and --%s: a container has one or the other",
			options->bundle ? "bundle" : "config");
	if (gate == GATE_SOCKET) {
		if (invocation->arg_count == 0)
			return cli_wrong_count(invocation, 1, err);
		if (id && strcmp(id, args[0]) != 0)
			return error_bad(err, EINVAL, "the id is given twice: \"%s\" and --name %s", args[0], id);
		id = *args++;
		args += *args && strcmp(*args, "--") == 0;
	}
	*ret_id = id;
	return from_image_plan(invocation, &options->image, id, args, &making->from, &making->bundle, err);
}

static int name_it(
	const struct invocation *invocation, struct making *making, struct plan_request *request, struct error *err)
{
	const struct create_options *options = invocation->options;
	struct from_image *from = &making->from;
	int r;

	if (!options->image.image && !options->again)
		return name_bundle(invocation, making, &request->id, err);
	r = options->again ? from_image_again(invocation, options->again, options->again_config,
				     options->again_config_len, from, &making->bundle, err)
			   : name_from_image(invocation, request->gate, making, &request->id, err);
	if (r < 0)
		return r;
	request->id = from->id;
	request->folder = &from->folder;
	request->given_up = from->given_up;
	request->given_up_count = from->given_up_count;
	request->closed_streams = from_image_closed_streams(from, options->detach);
	/* What is removed at the end need not be written to the disk first, as the end of an overlay does: 2 ms and more. */
	if (request->gate == GATE_PAIR && !options->detach && !options->keep && !options->again)
		from->folder.overlay.is_volatile = true;
	return 0;
}

/* Who takes the terminal: a socket, or the relay of a `run` in the foreground. */
static int check_terminal(const struct create_options *options, bool terminal, enum gate gate, struct error *err)
{
	if (options->console_socket && !terminal)
		return error_bad(err, EINVAL, "--console-socket: process.terminal is not true in config.json");
	if (terminal && !options->console_socket && (gate == GATE_SOCKET || options->detach)) {
		(void)error_bad(err, EINVAL,
			"config.json: process.terminal: a container in the background needs --console-socket");
		return error_hint(err, "or set process.terminal to false");
	}
	return 0;
}

static struct plan_request plan_wanted(const struct create_options *options, enum gate gate)
{
	return (struct plan_request){
		.gate = gate,
		.preserve_fds = cli_listen_fds() + options->preserve_fds,
		.listen_fds = cli_listen_fds(),
		.listen_names = getenv("LISTEN_FDNAMES"),
		.notify = cli_notify_socket() != NULL,
		.no_new_keyring = options->no_new_keyring,
		.no_pivot = options->no_pivot,
		.restores = options->checkpoint != NULL,
		.unprivileged = geteuid() != 0,
		.mapped = namespaces_ids_mapped(),
	};
}

int cli_make_container(const struct invocation *invocation, enum gate gate, struct making *ret, struct error *err)
{
	const struct create_options *options = invocation->options;
	struct plan_request request = plan_wanted(options, gate);
	struct create_request create = {
		.pid_file = options->pid_file,
		.console_socket = options->console_socket,
		.pidfd_socket = options->pidfd_socket,
		.keeps = gate == GATE_PAIR && options->detach && !options->checkpoint,
		.checkpoint = options->checkpoint,
		.folders = options->folders,
	};
	int r;

	*ret = (struct making){
		.from = { .store = -1, .folder.overlay.folder = -1 },
		.root = -1,
		.signal_fd = -1,
		.container = { .dir = -1, .pidfd = -1 },
		.notify = { .sock = -1, .host = cli_notify_socket() },
		.child = child_of(NULL, -1, SPEC_CREATING),
	};
	if ((r = self_check(err)) < 0)
		return r;
	if ((r = cli_check_preserved(request.preserve_fds, err)) < 0)
		return r;
	if ((r = name_it(invocation, ret, &request, err)) < 0)
		return r;
	if (!ret->bundle.text)
		ret->bundle.config = options->config;
	ret->bundle.network = &options->network;
	if ((r = cli_plan_bundle(invocation, &ret->bundle, &request, gate == GATE_PAIR, err)) < 0)
		return r;
	if (!create.pidfd_socket) /* as crun has it */
		create.pidfd_socket = spec_annotation(ret->bundle.spec, "run.oci.pidfd_receiver");
	if ((r = check_terminal(options, ret->bundle.plan.terminal, gate, err)) < 0)
		return r;
	if ((r = cli_open_root(invocation, true, &ret->root, err)) < 0)
		return r;
	ret->signal_fd = wait_block(err);
	if (ret->signal_fd < 0)
		return ret->signal_fd;
	if (options->image.image && (r = from_image_prepare(&ret->from, err)) < 0)
		return r;
	create.root = ret->root;
	if (ret->bundle.plan.network && !(create.store = cli_store_absolute(invocation, err)))
		return err->code;
	create.signal_fd = ret->signal_fd;
	create.notify = gate == GATE_PAIR ? &ret->notify : NULL;
	r = create_container(&ret->bundle.plan, &create, &ret->container, &ret->child, err);
	from_image_close(&ret->from);
	return r;
}

void cli_warn_of_seccomp(const struct plan *plan)
{
	char line[768];
	struct text text;

	if (!plan->seccomp || !plan->seccomp->unknown)
		return;
	text_init(&text, line, sizeof(line));
	text_add(&text, "config.json: linux.seccomp: system calls unknown to this libseccomp are left out: %s",
		plan->seccomp->unknown);
	log_line(LOG_LEVEL_WARNING, line);
}

const char *cli_notify_socket(void)
{
	const char *socket = getenv("NOTIFY_SOCKET");

	return socket && *socket ? socket : NULL;
}

unsigned cli_listen_fds(void)
{
	const char *count = getenv("LISTEN_FDS");
	uint64_t number;

	return count && text_to_u64(count, 0, LISTEN_FDS_MAX, &number) == 0 ? (unsigned)number : 0;
}

int cli_foreground(
	int pidfd, int *terminal, int signal_fd, const struct notify *notify, int *ret_signal, struct error *err)
{
	struct relay relay = { .master = -1 };
	int status = 0, r = 0;

	if (*terminal >= 0)
		r = relay_start(&relay, terminal, err);
	if (r == 0)
		r = wait_for(
			&(struct wait){
				.pidfd = pidfd,
				.signal_fd = signal_fd,
				.relay = relay.master >= 0 ? &relay : NULL,
				.notify = notify,
				.ret_signal = ret_signal,
			},
			&status, err);
	relay_stop(&relay);
	return r < 0 ? r : status;
}
