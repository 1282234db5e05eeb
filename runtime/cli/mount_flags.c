/* runtime/cli/mount_flags.c: see the header.
 *
 * Binds take what is below the source along; "ro" makes all of it read-only, and nosuid and nodev hold unless the
 * contrary is asked for, since what a container brings in is no more to be trusted than the container. */
#include "runtime/cli/mount_flags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/cli/values.h"
#include "spec/spec.h"

enum { MOUNT_OPTIONS_MAX = 64 };

/* ---- what all have in common ---- */

void mount_flag_option(struct mount_flag *flag, struct arena *arena, const char *option)
{
	struct spec_strings *options = &flag->mount.options;
	const char **items = ARENA_ARRAY(arena, options->count + 2, const char *);

	if (options->count)
		memcpy(items, options->items, options->count * sizeof(*items));
	items[options->count] = option;
	*options = (struct spec_strings){ .items = items, .count = options->count + 1 };
}

static bool has_option(const struct mount_flag *flag, const char *option)
{
	for (size_t i = 0; i < flag->mount.options.count; i++)
		if (strcmp(flag->mount.options.items[i], option) == 0)
			return true;
	return false;
}

static int check_destination(const char *option, const char *text, const char *destination, struct error *err)
{
	if (destination && destination[0] == '/' && destination[strspn(destination, "/.")])
		return 0;
	return error_bad(
		err, EINVAL, "--%s: \"%s\": expected an absolute path other than / in the container", option, text);
}

static bool is_volume_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	return *name && strchr(letters, *name) && strlen(name) < 256 &&
		name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] == '\0';
}

/* A path of the host's as a person writes it. */
static const char *absolute_path(const char *path, struct arena *arena)
{
	const char *home = getenv("HOME");
	char *here;
	const char *absolute;

	if (*path == '/')
		return path;
	if (path[0] == '~' && (!path[1] || path[1] == '/') && home)
		return arena_printf(arena, "%s%s", home, path + 1);
	here = getcwd(NULL, 0);
	absolute = here ? arena_printf(arena, "%s/%s", here, path) : path;
	free(here);
	return absolute;
}

/* Defaults of a bind, as far as nothing else was said. */
static void finish_bind(struct mount_flag *flag, struct arena *arena, bool read_only, bool recursive, bool propagates)
{
	mount_flag_option(flag, arena, recursive ? "rbind" : "bind");
	if (read_only)
		mount_flag_option(flag, arena, recursive ? "rro" : "ro");
	if (!has_option(flag, "suid"))
		mount_flag_option(flag, arena, "nosuid");
	if (!has_option(flag, "dev"))
		mount_flag_option(flag, arena, "nodev");
	if (!propagates)
		mount_flag_option(flag, arena, "rprivate");
	flag->mount.type = "bind";
	flag->seeded = flag->seeded && flag->origin != MOUNT_OF_HOST;
}

static bool is_propagation(const char *word)
{
	static const char *const words[] = { "private", "rprivate", "shared", "rshared", "slave", "rslave" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

static int find_source(
	struct mount_flag *flag, const char *option, const char *source, struct arena *arena, struct error *err)
{
	if (!source || !*source) {
		flag->origin = MOUNT_OF_ANONYMOUS;
	} else if (strchr("/.~", *source)) {
		flag->origin = MOUNT_OF_HOST;
		flag->mount.source = absolute_path(source, arena);
	} else if (is_volume_name(source)) {
		flag->origin = MOUNT_OF_VOLUME;
		flag->name = source;
	} else {
		(void)error_bad(err, EINVAL, "--%s: \"%s\" is no name of a volume", option, source);
		return error_hint(err, "letters, digits, _ . and -; a path begins with / or .");
	}
	return 0;
}

/* ---- -v ---- */

struct volume_words {
	bool read_only, recursive, propagates;
};

static int take_volume_option(
	struct mount_flag *flag, struct volume_words *words, const char *word, struct arena *arena, struct error *err)
{
	static const char *const ignored[] = { "rw", "z", "Z", "rbind", "copy", "nocreate", "" };
	static const char *const passed[] = { "exec", "noexec", "dev", "nodev", "suid", "nosuid", "idmap", "noatime" };

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		if (strcmp(word, ignored[i]) == 0)
			return 0;
	for (size_t i = 0; i < ARRAY_SIZE(passed); i++)
		if (strcmp(word, passed[i]) == 0) {
			mount_flag_option(flag, arena, word);
			return 0;
		}
	if (is_propagation(word)) {
		mount_flag_option(flag, arena, word);
		words->propagates = true;
	} else if (strcmp(word, "ro") == 0) {
		words->read_only = true;
	} else if (strcmp(word, "bind") == 0) {
		words->recursive = false;
	} else if (strcmp(word, "nocopy") == 0) {
		flag->seeded = false;
	} else {
		return error_bad(err, EINVAL, "--volume: \"%s\" is no option of a volume", word);
	}
	return 0;
}

int mount_flag_volume(const char *text, struct arena *arena, struct mount_flag *ret, struct error *err)
{
	char *rest = arena_strdup(arena, text);
	char *first = strsep(&rest, ":"), *second = strsep(&rest, ":"), *options = rest;
	struct mount_flag flag = { .seeded = true, .mount = { .source = "", .destination = second ? second : first } };
	struct volume_words words = { .recursive = true };
	int r = check_destination("volume", text, flag.mount.destination, err);

	if (r == 0)
		r = find_source(&flag, "volume", second ? first : NULL, arena, err);
	for (char *word; r == 0 && options && (word = strsep(&options, ","));)
		r = take_volume_option(&flag, &words, word, arena, err);
	if (r < 0)
		return r;
	finish_bind(&flag, arena, words.read_only, words.recursive, words.propagates);
	*ret = flag;
	return 0;
}

/* ---- --mount ---- */

struct mount_words {
	const char *type, *source, *target, *propagation, *size, *mode;
	bool read_only, not_recursive, ro_shallow, makes_source, no_copy, copy_up, idmap;
};

enum key_kind { KEY_TEXT, KEY_FLAG, KEY_FLAG_NOT, KEY_RECURSIVE, KEY_IGNORED };

static const struct {
	const char *key;
	enum key_kind kind;
	size_t offset; /* in struct mount_words */
} mount_keys[] = {
	{ "type", KEY_TEXT, offsetof(struct mount_words, type) },
	{ "src", KEY_TEXT, offsetof(struct mount_words, source) },
	{ "source", KEY_TEXT, offsetof(struct mount_words, source) },
	{ "dst", KEY_TEXT, offsetof(struct mount_words, target) },
	{ "target", KEY_TEXT, offsetof(struct mount_words, target) },
	{ "destination", KEY_TEXT, offsetof(struct mount_words, target) },
	{ "ro", KEY_FLAG, offsetof(struct mount_words, read_only) },
	{ "readonly", KEY_FLAG, offsetof(struct mount_words, read_only) },
	{ "rw", KEY_FLAG_NOT, offsetof(struct mount_words, read_only) },
	{ "bind-propagation", KEY_TEXT, offsetof(struct mount_words, propagation) },
	{ "bind-recursive", KEY_RECURSIVE, 0 },
	{ "bind-create-src", KEY_FLAG, offsetof(struct mount_words, makes_source) },
	{ "idmap", KEY_FLAG, offsetof(struct mount_words, idmap) },
	{ "relabel", KEY_IGNORED, 0 },
	{ "tmpfs-size", KEY_TEXT, offsetof(struct mount_words, size) },
	{ "tmpfs-mode", KEY_TEXT, offsetof(struct mount_words, mode) },
	{ "tmpcopyup", KEY_FLAG, offsetof(struct mount_words, copy_up) },
	{ "notmpcopyup", KEY_FLAG_NOT, offsetof(struct mount_words, copy_up) },
	{ "volume-nocopy", KEY_FLAG, offsetof(struct mount_words, no_copy) },
};

static int take_recursive(struct mount_words *words, const char *value)
{
	static const char *const choices[] = { "enabled", "disabled", "writable", "readonly" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(choices) && strcmp(choices[i], value) != 0; i++)
		;
	if (i == ARRAY_SIZE(choices))
		return -EINVAL;
	words->not_recursive = i == 1;
	words->ro_shallow = i == 2;
	return 0;
}

/* `value` is NULL where the key stands alone, as only flags do. */
static int set_key(struct mount_words *words, enum key_kind kind, size_t offset, const char *value)
{
	char *member = (char *)words + offset;
	bool flag = true;

	switch (kind) {
	case KEY_FLAG:
	case KEY_FLAG_NOT:
		if (value && value_bool(value, &flag) < 0)
			return -EINVAL;
		*(bool *)member = flag == (kind == KEY_FLAG);
		return 0;
	case KEY_TEXT: *(const char **)member = value; return value ? 0 : -EINVAL;
	case KEY_RECURSIVE: return value ? take_recursive(words, value) : -EINVAL;
	case KEY_IGNORED: break;
	}
	return 0;
}

static int take_key(struct mount_words *words, char *pair, struct error *err)
{
	char *equals = strchr(pair, '=');
	const char *value = equals ? equals + 1 : NULL;

	if (equals)
		*equals = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(mount_keys); i++) {
		if (strcmp(mount_keys[i].key, pair) != 0)
			continue;
		if (set_key(words, mount_keys[i].kind, mount_keys[i].offset, value) == 0)
			return 0;
		return error_bad(err, EINVAL, "--mount: %s: \"%s\" is no value for it", pair, value ? value : "");
	}
	return error_bad(err, EINVAL, "--mount: there is no key \"%s\"", pair);
}

static int finish_tmpfs(
	struct mount_flag *flag, const struct mount_words *words, struct arena *arena, struct error *err)
{
	static const char *const fixed[] = { "nosuid", "nodev", "noexec" };
	int64_t size = 0;
	int r = words->size ? value_bytes("mount tmpfs-size", words->size, false, &size, err) : 0;

	if (r < 0)
		return r;
	if (words->source)
		return error_bad(err, EINVAL, "--mount: a tmpfs has no source");
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		mount_flag_option(flag, arena, fixed[i]);
	if (size)
		mount_flag_option(flag, arena, arena_printf(arena, "size=%lld", (long long)size));
	if (words->mode && words->mode[strspn(words->mode, "01234567")])
		return error_bad(err, EINVAL, "--mount: tmpfs-mode: expected octal digits, found \"%s\"", words->mode);
	if (words->mode)
		mount_flag_option(flag, arena, arena_printf(arena, "mode=%s", words->mode));
	if (words->copy_up)
		mount_flag_option(flag, arena, "tmpcopyup");
	if (words->read_only)
		mount_flag_option(flag, arena, "ro");
	flag->origin = MOUNT_NEW;
	flag->mount.type = flag->mount.source = "tmpfs";
	return 0;
}

static int finish_mount_bind(struct mount_flag *flag, const struct mount_words *words, bool is_volume,
	struct arena *arena, struct error *err)
{
	int r = 0;

	if (is_volume) {
		if (words->source && !is_volume_name(words->source))
			r = error_bad(err, EINVAL, "--mount: \"%s\" is no name of a volume", words->source);
		flag->origin = words->source ? MOUNT_OF_VOLUME : MOUNT_OF_ANONYMOUS;
		flag->name = words->source;
	} else if (!words->source || !*words->source) {
		r = error_bad(err, EINVAL, "--mount: type=bind needs a src");
	} else {
		flag->origin = MOUNT_OF_HOST;
		flag->mount.source = absolute_path(words->source, arena);
	}
	if (r == 0 && words->propagation && !is_propagation(words->propagation))
		r = error_bad(err, EINVAL, "--mount: \"%s\" is no propagation", words->propagation);
	if (r < 0)
		return r;
	if (words->propagation)
		mount_flag_option(flag, arena, words->propagation);
	if (words->idmap)
		mount_flag_option(flag, arena, "idmap");
	if (words->read_only && words->ro_shallow)
		mount_flag_option(flag, arena, "ro");
	flag->makes_source = words->makes_source;
	flag->seeded = is_volume && !words->no_copy;
	finish_bind(flag, arena, words->read_only && !words->ro_shallow, !words->not_recursive, words->propagation);
	return 0;
}

int mount_flag_mount(const char *text, struct arena *arena, struct mount_flag *ret, struct error *err)
{
	struct mount_words words = { .type = "volume" };
	char *rest = arena_strdup(arena, text);
	struct mount_flag flag = { .mount.source = "" };
	int r = 0;

	for (char *pair; r == 0 && (pair = strsep(&rest, ","));)
		r = take_key(&words, pair, err);
	if (r == 0)
		r = check_destination("mount", text, words.target, err);
	if (r < 0)
		return r;
	flag.mount.destination = words.target;
	if (strcmp(words.type, "tmpfs") == 0)
		r = finish_tmpfs(&flag, &words, arena, err);
	else if (strcmp(words.type, "bind") == 0 || strcmp(words.type, "volume") == 0)
		r = finish_mount_bind(&flag, &words, *words.type == 'v', arena, err);
	else
		r = error_bad(err, EINVAL, "--mount: expected type=bind, volume or tmpfs, found \"%s\"", words.type);
	if (r == 0)
		*ret = flag;
	return r;
}

/* ---- --tmpfs ---- */

int mount_flag_tmpfs(const char *text, struct arena *arena, struct mount_flag *ret, struct error *err)
{
	static const struct {
		const char *option, *unless;
	} defaults[] = { { "noexec", "exec" }, { "nosuid", "suid" }, { "nodev", "dev" } };
	char *rest = arena_strdup(arena, text);
	char *destination = strsep(&rest, ":");
	struct mount_flag flag = { .origin = MOUNT_NEW,
		.mount = { .destination = destination, .type = "tmpfs", .source = "tmpfs" } };
	int r = check_destination("tmpfs", text, destination, err);

	for (char *word; r == 0 && rest && (word = strsep(&rest, ","));)
		if (flag.mount.options.count == MOUNT_OPTIONS_MAX)
			r = error_bad(err, E2BIG, "--tmpfs: \"%s\" has too many options", text);
		else if (*word)
			mount_flag_option(&flag, arena, word);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		if (!has_option(&flag, defaults[i].unless))
			mount_flag_option(&flag, arena, defaults[i].option);
	*ret = flag;
	return 0;
}
