/* runtime/cli/from_image.c: see the header. */
#include "runtime/cli/from_image.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/path.h"
#include "base/program.h"
#include "base/text.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/command.h"
#include "spec/spec.h"

enum { RANDOM_ID = 12, PULL_OUTPUT_MAX = 65536 };

void from_image_gives_up(struct from_image *from, const char *what)
{
	if (from->given_up_count < GIVEN_UP_MAX)
		from->given_up[from->given_up_count++] = what;
}

/* ---- finding it ---- */

enum pull_when { PULL_MISSING, PULL_ALWAYS, PULL_NEVER, PULLS };
static const char *const pull_words[PULLS] = { "missing", "always", "never" };

static int parse_pull(const char *text, enum pull_when *ret, struct error *err)
{
	*ret = PULL_MISSING;
	if (!text)
		return 0;
	for (size_t i = 0; i < PULLS; i++)
		if (strcmp(pull_words[i], text) == 0)
			return *ret = (enum pull_when)i, 0;
	return error_bad(err, EINVAL, "--pull: expected missing, always or never, found \"%s\"", text);
}

int from_image_ask(
	struct from_image *from, const char *const *words, size_t count, const char **ret_output, struct error *err)
{
	char path[PATH_MAX];
	const char **argv = ARENA_ARRAY(from->arena, count + 4, const char *);
	char *output;
	int status = 0, r;

	(void)snprintf(path, sizeof(path), "%s/husk-image", program_folder);
	argv[0] = path;
	argv[1] = "--store";
	argv[2] = from->folder.store;
	memcpy(argv + 3, words, count * sizeof(*words));
	r = program_run((char *const *)argv, STDOUT_FILENO, PULL_OUTPUT_MAX, from->arena, &output, &status, err);
	if (r == -ENOENT)
		return error_hint(err, "husk was built or installed without it");
	if (r < 0)
		return r;
	output[strcspn(output, "\n")] = '\0';
	*ret_output = output;
	if (status == 0)
		return 0;
	*err = (struct error){ .code = -ENOENT, .exit_status = status > 128 ? status : 125 }; /* it has said why */
	return err->code;
}

/* Its id on standard output is not for our reader, but for us; its progress and its errors, on standard error, are. */
static int pull(struct from_image *from, const char **ret_id, struct error *err)
{
	const char *words[5] = { "pull" };
	size_t count = 1;

	if (from->flags->quiet)
		words[count++] = "--quiet";
	if (from->flags->platform) {
		words[count++] = "--platform";
		words[count++] = from->flags->platform;
	}
	words[count++] = from->flags->image;
	return from_image_ask(from, words, count, ret_id, err);
}

static int look(struct from_image *from, const char *name, struct error *err)
{
	int r;

	fd_closep(&from->store);
	r = store_open(from->folder.store, &from->store, err);
	return r < 0 ? r : image_find(from->store, name, from->arena, &from->image, err);
}

/* "linux/amd64", "arm64", "linux/arm/v7" */
static bool is_platform(const struct image *image, const char *wanted)
{
	const char *architecture = strchr(wanted, '/') ? strchr(wanted, '/') + 1 : wanted;
	size_t len = strcspn(architecture, "/");

	return strlen(image->architecture) == len && strncmp(image->architecture, architecture, len) == 0 &&
		(!architecture[len] || strcmp(architecture + len + 1, image->variant) == 0);
}

/* Files and folders, which are read anew each time: what they hold may have changed. */
static bool is_source(const char *image)
{
	static const char *const transports[] = { "oci:", "oci-archive:", "docker-archive:", "rootfs:" };

	for (size_t i = 0; i < ARRAY_SIZE(transports); i++)
		if (text_starts_with(image, transports[i]))
			return true;
	return false;
}

static int find(struct from_image *from, struct error *err)
{
	const char *wanted = from->flags->image, *id = wanted;
	enum pull_when when;
	int r = parse_pull(from->flags->pull, &when, err);

	if (r == 0)
		r = is_source(wanted) ? IMAGE_UNKNOWN : look(from, wanted, err);
	if (r == IMAGE_FOUND && from->flags->platform && !is_platform(&from->image, from->flags->platform))
		r = IMAGE_UNKNOWN;
	if (r < 0 || (r == IMAGE_FOUND && when != PULL_ALWAYS))
		return r;
	if (when == PULL_NEVER) {
		(void)error_bad(err, ENOENT, "the image \"%s\" is not in the store", wanted);
		return error_hint(err, "husk pull %s", wanted);
	}
	fd_closep(&from->store); /* its lock is in nobody's way while others fill it */
	r = pull(from, &id, err);
	if (r == 0)
		r = look(from, id, err);
	return r == IMAGE_UNKNOWN
		? error_bad(err, ENOENT, "the image \"%s\" was pulled, but is not in the store", wanted)
		: r;
}

static int open_layers(struct from_image *from, struct error *err)
{
	const struct image *image = &from->image;

	if (image->layer_count == 0)
		return error_bad(err, EINVAL, "the image \"%s\" has no layer", from->flags->image);
	from->layers = ARENA_ARRAY(from->arena, image->layer_count, int);
	for (size_t i = 0; i < image->layer_count; i++) {
		int fd = image_open_layer(from->store, &image->layers[image->layer_count - 1 - i], err);
		if (fd < 0)
			return fd;
		from->layers[i] = fd;
		from->folder.overlay.layer_count++;
	}
	from->folder.overlay.layers = from->layers;
	return 0;
}

/* ---- naming it ---- */

const char *from_image_random_id(struct arena *arena, struct error *err)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[RANDOM_ID];
	char *name = arena_alloc(arena, RANDOM_ID + 1);

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
		(void)error_sys(err, errno, "make an id");
		return NULL;
	}
	for (int i = 0; i < RANDOM_ID; i++)
		name[i] = digits[bytes[i] & 15];
	return name;
}

static int choose_id(struct from_image *from, const char *id, struct error *err)
{
	from->id = id ? id : from_image_random_id(from->arena, err);
	return from->id ? spec_check_id(from->id, err) : err->code;
}

/* An absolute path of a folder that may not be there yet. */
static int absolute(struct from_image *from, const char *path, const char **ret, struct error *err)
{
	char here[PATH_MAX];

	if (*path != '/' && !getcwd(here, sizeof(here)))
		return error_sys(err, errno, "find the working directory");
	*ret = *path == '/' ? path : arena_printf(from->arena, "%s/%s", here, path);
	return 0;
}

static void name_folder(struct from_image *from)
{
	char digest[DIGEST_TEXT_MAX];

	from->folder.id = from->id;
	from->folder.path = arena_printf(from->arena, "%s/containers/%s", from->folder.store, from->id);
	from->folder.image = arena_strdup(from->arena, digest_text(&from->image.digest, digest));
	from->folder.overlay.is_volatile = from->flags->is_volatile;
	from->folder.overlay.unprivileged = from->rootless;
}

/* ---- the config ---- */

static int write_config(struct from_image *from, struct bundle *bundle, struct error *err)
{
	struct json_writer w;
	const char *text;

	json_write_init(&w);
	config_write(&from->config, &w);
	text = json_write_end(&w, &bundle->len);
	bundle->text = text ? arena_copy(from->arena, text, bundle->len) : NULL;
	json_write_done(&w);
	bundle->path = from->folder.path;
	bundle->config = arena_printf(from->arena, "--image %s", from->flags->image);
	return bundle->text ? 0 : error_sys(err, ENOMEM, "write the config");
}

int from_image_plan(const struct invocation *invocation, const struct image_flags *flags, const char *id, char **args,
	struct from_image *ret, struct bundle *ret_bundle, struct error *err)
{
	const char *store = cli_store_path(invocation, err);
	int r;

	*ret = (struct from_image){
		.invocation = invocation,
		.flags = flags,
		.arena = invocation->arena,
		.rootless = geteuid() != 0,
		.args = args,
		.store = -1,
		.folder.overlay.folder = -1,
	};
	if (!store)
		return err->code;
	r = absolute(ret, store, &ret->folder.store, err);
	if (r == 0)
		r = choose_id(ret, id, err);
	if (r == 0)
		r = image_ids_decide(ret, err);
	if (r == 0)
		r = find(ret, err);
	if (r == 0)
		r = image_ids_fit(ret, err);
	if (r == 0)
		r = open_layers(ret, err);
	if (r < 0)
		return r;
	name_folder(ret);
	r = image_config_decide(ret, err);
	return r < 0 ? r : write_config(ret, ret_bundle, err);
}

/* ---- or again ---- */

/* "STORE/containers/ID", as folder.h has it */
static int find_folder(struct from_image *from, const char *path, struct error *err)
{
	const char *id = strrchr(path, '/');
	size_t len = id ? (size_t)(id - path) : 0, parent = strlen("/containers");
	char image[DIGEST_TEXT_MAX];
	ssize_t n;

	if (len < parent || strncmp(id - parent, "/containers", parent) != 0)
		return error_bad(err, EINVAL, "the folder %s of the record is none of husk's", path);
	n = file_read_small_at(AT_FDCWD, arena_printf(from->arena, "%s/image", path), image, sizeof(image));
	if (n < 0)
		return error_sys(err, (int)n, "read image of %s", path);
	from->id = id + 1;
	from->folder.store = arena_copy(from->arena, path, len - parent);
	from->folder.path = path;
	from->folder.id = from->id;
	from->folder.image = arena_strdup(from->arena, image);
	from->folder.stands = true;
	return 0;
}

int from_image_again(const struct invocation *invocation, const char *path, const char *config, size_t config_len,
	struct from_image *ret, struct bundle *ret_bundle, struct error *err)
{
	static const struct image_flags no_flags;
	int r;

	*ret = (struct from_image){
		.invocation = invocation,
		.flags = &no_flags,
		.arena = invocation->arena,
		.store = -1,
		.folder.overlay.folder = -1,
	};
	r = find_folder(ret, path, err);
	if (r == 0)
		r = look(ret, ret->folder.image, err);
	if (r == IMAGE_UNKNOWN)
		r = error_bad(err, ENOENT, "the image %s is not in the store any more", ret->folder.image);
	if (r == 0)
		r = open_layers(ret, err);
	ret_bundle->path = ret->folder.path;
	ret_bundle->text = config;
	ret_bundle->len = config_len;
	return r;
}

/* ---- before the container is made ---- */

static int make_volumes(const struct from_image *from, struct error *err)
{
	char path[PATH_MAX];
	cleanup_close int volumes = -1;

	if (from->volume_count == 0)
		return 0;
	if ((size_t)snprintf(path, sizeof(path), "%s/volumes", from->folder.store) >= sizeof(path))
		return error_sys(err, ENAMETOOLONG, "make the volumes of the store");
	volumes = path_open_private_dir(path, err);
	if (volumes < 0)
		return volumes;
	for (size_t i = 0; i < from->volume_count; i++)
		if (mkdirat(volumes, from->volumes[i], 0755) < 0 && errno != EEXIST)
			return error_sys(err, errno, "make the volume %s", from->volumes[i]);
	return 0;
}

static int write_cidfile(const struct from_image *from, struct error *err)
{
	const char *path = from->flags->cidfile;
	cleanup_close int fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0644) : -1;
	int r;

	if (!path)
		return 0;
	if (fd < 0)
		return error_sys(err, errno, "--cidfile: make %s", path);
	r = file_write_all(fd, from->id, strlen(from->id));
	return r < 0 ? error_sys(err, r, "--cidfile: write %s", path) : 0;
}

unsigned from_image_closed_streams(const struct from_image *from, bool detached)
{
	if (from->flags->tty)
		return 0;
	return (from->flags->interactive ? 0 : 1) | (detached ? 6 : 0);
}

int from_image_prepare(const struct from_image *from, struct error *err)
{
	int r = make_volumes(from, err);

	return r < 0 ? r : write_cidfile(from, err);
}

void from_image_close(struct from_image *from)
{
	for (size_t i = 0; i < from->folder.overlay.layer_count; i++)
		fd_closep(&from->layers[i]);
	from->folder.overlay.layer_count = 0;
	folder_close(&from->folder);
	fd_closep(&from->store);
}
