/* images/fetch/registries.c: see the header. */
#include "images/fetch/registries.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

#define DOCKER_HUB     "docker.io"
#define DOCKER_HUB_API "registry-1.docker.io" /* the name people use is that of a web site */

enum setting_kind { SETTING_NUMBER, SETTING_FLAG, SETTING_TEXT, SETTING_PLACE, SETTING_MIRROR };

struct setting {
	const char *name;
	enum setting_kind kind;
	bool in_section;
	size_t offset;
	uint64_t min, max;
};

#define OF_ALL(member)     false, offsetof(struct registries, member)
#define OF_SECTION(member) true, offsetof(struct registries_section, member)

static const struct setting settings[] = {
	{ "parallel", SETTING_NUMBER, OF_ALL(parallel), 1, 64 },
	{ "retries", SETTING_NUMBER, OF_ALL(retries), 0, 100 },
	{ "retry-delay", SETTING_NUMBER, OF_ALL(retry_delay_ms), 1, 60000 },
	{ "connect-timeout", SETTING_NUMBER, OF_ALL(connect_timeout_s), 1, 3600 },
	{ "stall-timeout", SETTING_NUMBER, OF_ALL(stall_timeout_s), 1, 3600 },
	{ "location", SETTING_PLACE, OF_SECTION(location), 0, 0 },
	{ "realm", SETTING_TEXT, OF_SECTION(realm), 0, 0 },
	{ "ca", SETTING_TEXT, OF_SECTION(ca), 0, 0 },
	{ "insecure", SETTING_FLAG, OF_SECTION(insecure), 0, 0 },
	{ "blocked", SETTING_FLAG, OF_SECTION(blocked), 0, 0 },
	{ "mirror", SETTING_MIRROR, OF_SECTION(mirrors), 0, 0 },
};

/* ---- parsing ---- */

struct reader {
	const char *file;
	unsigned line;
	struct arena *arena;
	struct registries *registries;
	struct registries_section *section; /* NULL: before the first */
	struct error *err;
};

#define bad(reader, fmt, ...)                                                                                          \
	error_bad((reader)->err, EINVAL, "%s: line %u: " fmt, (reader)->file, (reader)->line, ##__VA_ARGS__)

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts blanks off both ends, in place. */
static char *trim(char *text)
{
	size_t len;

	while (is_blank(*text))
		text++;
	len = strlen(text);
	while (len > 0 && is_blank(text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* host[:port][/path], as it goes into a URL: no user, no query, no step upwards. */
static bool is_place(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:/[]";
	size_t len = strlen(text);

	return len > 0 && strspn(text, letters) == len && *text != '/' && text[len - 1] != '/' && !strstr(text, "//") &&
		!strstr(text, "..");
}

/* A value may stand in quotes, which keep blanks and "#". A comment may follow. */
static int read_value(struct reader *reader, char *text, const char **ret_value)
{
	char *end;

	if (*text == '"') {
		end = strchr(text + 1, '"');
		if (!end)
			return bad(reader, "a quote is not closed");
		*end = '\0';
		*ret_value = text + 1;
		text = trim(end + 1);
		return *text && *text != '#' ? bad(reader, "\"%s\" is left after the value", text) : 0;
	}
	end = strchr(text, '#');
	if (end)
		*end = '\0';
	*ret_value = trim(text);
	return **ret_value ? 0 : bad(reader, "a value is missing");
}

static int begin_section(struct reader *reader, char *text)
{
	static const char kind[] = "registry";
	struct registries_section *section = ARENA_NEW(reader->arena, struct registries_section);
	char *end = strrchr(text, ']');
	const char *name = "";
	int r;

	if (!end || !text_starts_with(text + 1, kind) || !is_blank(text[sizeof(kind)]))
		return bad(reader, "a section is written [registry \"NAME\"]");
	end[0] = '\0';
	r = read_value(reader, trim(text + sizeof(kind)), &name);
	if (r < 0)
		return r;
	if (!is_place(name))
		return bad(reader, "\"%s\" is no name of a registry", name);
	for (const struct registries_section *other = reader->registries->sections; other; other = other->next)
		if (strcmp(other->name, name) == 0)
			return bad(reader, "there is a section \"%s\" already", name);
	section->name = name;
	section->next = reader->registries->sections;
	reader->registries->sections = section;
	reader->section = section;
	return 0;
}

static int set_number(struct reader *reader, const struct setting *setting, const char *value, unsigned *target)
{
	uint64_t number;

	if (text_to_u64(value, setting->min, setting->max, &number) < 0)
		return bad(reader, "%s is a number from %llu to %llu, not \"%s\"", setting->name,
			(unsigned long long)setting->min, (unsigned long long)setting->max, value);
	*target = (unsigned)number;
	return 0;
}

static int set_flag(struct reader *reader, const struct setting *setting, const char *value, bool *target)
{
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return bad(reader, "%s is true or false, not \"%s\"", setting->name, value);
	*target = *value == 't';
	return 0;
}

static int add_mirror(struct reader *reader, struct registries_section *section, const char *value)
{
	if (section->mirror_count == REGISTRIES_MAX_MIRRORS)
		return bad(reader, "there are more than %d mirrors", REGISTRIES_MAX_MIRRORS);
	section->mirrors[section->mirror_count++] = value;
	return 0;
}

static int set(struct reader *reader, const struct setting *setting, const char *value)
{
	void *base = setting->in_section ? (void *)reader->section : (void *)reader->registries;
	void *target = (char *)base + setting->offset;

	if ((setting->kind == SETTING_PLACE || setting->kind == SETTING_MIRROR) && !is_place(value))
		return bad(reader, "%s is HOST[:PORT][/PREFIX], not \"%s\"", setting->name, value);
	switch (setting->kind) {
	case SETTING_NUMBER: return set_number(reader, setting, value, target);
	case SETTING_FLAG: return set_flag(reader, setting, value, target);
	case SETTING_MIRROR: return add_mirror(reader, base, value);
	case SETTING_TEXT:
	case SETTING_PLACE: *(const char **)target = value; break;
	}
	return 0;
}

static int unknown(struct reader *reader, const char *name)
{
	const char *names[ARRAY_SIZE(settings)], *near;

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		names[i] = settings[i].name;
	near = text_nearest(name, names, ARRAY_SIZE(settings));
	(void)bad(reader, "\"%s\" is no setting", name);
	return near ? error_hint(reader->err, "did you mean \"%s\"?", near) : -EINVAL;
}

static int read_setting(struct reader *reader, char *text)
{
	char *equals = strchr(text, '=');
	const char *value = "", *name;
	int r;

	if (!equals)
		return bad(reader, "\"%s\" is neither a section nor NAME = VALUE", text);
	*equals = '\0';
	name = trim(text);
	r = read_value(reader, trim(equals + 1), &value);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (strcmp(settings[i].name, name) != 0)
			continue;
		if (settings[i].in_section && !reader->section)
			return bad(reader, "%s belongs to a section [registry \"NAME\"]", name);
		if (!settings[i].in_section && reader->section)
			return bad(reader, "%s stands before the first section", name);
		return set(reader, &settings[i], value);
	}
	return unknown(reader, name);
}

int registries_parse(
	const char *text, const char *name, struct arena *arena, struct registries *registries, struct error *err)
{
	struct reader reader = { .file = name, .arena = arena, .registries = registries, .err = err };
	char *at = arena_strdup(arena, text), *line;
	int r = 0;

	while (r == 0 && at) {
		char *end = strchr(at, '\n');
		if (end)
			*end = '\0';
		reader.line++;
		line = trim(at);
		at = end ? end + 1 : NULL;
		if (*line == '[')
			r = begin_section(&reader, line);
		else if (*line && *line != '#')
			r = read_setting(&reader, line);
	}
	return r;
}

void registries_init(struct registries *registries)
{
	*registries = (struct registries){
		.parallel = 4,
		.retries = 5,
		.retry_delay_ms = 500,
		.connect_timeout_s = 10,
		.stall_timeout_s = 30,
	};
}

/* ---- routes ---- */

/* Whether `name` is `place` or one of the folders above it. */
static bool covers(const char *name, const char *place)
{
	size_t len = strlen(name);

	return strncmp(name, place, len) == 0 && (place[len] == '\0' || place[len] == '/');
}

/* host[:port][/prefix] and the rest of the repository. */
static struct place place_of(const char *location, const char *rest, bool is_mirror, struct arena *arena)
{
	size_t host = strcspn(location, "/");
	const char *prefix = location + host + (location[host] == '/');
	const char *between = *prefix && *rest ? "/" : "";

	if (host == strlen(DOCKER_HUB) && strncmp(location, DOCKER_HUB, host) == 0)
		return (struct place){ DOCKER_HUB_API, arena_printf(arena, "%s%s%s", prefix, between, rest),
			is_mirror };
	return (struct place){
		arena_copy(arena, location, host),
		arena_printf(arena, "%s%s%s", prefix, between, rest),
		is_mirror,
	};
}

int registries_route(const struct registries *registries, const char *host, const char *repository, struct arena *arena,
	struct place places[PLACES_MAX], struct error *err)
{
	const char *whole = arena_printf(arena, "%s/%s", host, repository), *rest;
	const struct registries_section *found = NULL;
	int count = 0;

	for (const struct registries_section *s = registries->sections; s; s = s->next)
		if (covers(s->name, whole) && (!found || strlen(s->name) > strlen(found->name)))
			found = s;
	if (!found) {
		places[0] = place_of(host, repository, false, arena);
		return 1;
	}
	if (found->blocked)
		return error_bad(err, EPERM, "%s is blocked by registries.conf", found->name);
	rest = whole + strlen(found->name);
	rest += *rest == '/';
	for (size_t i = 0; i < found->mirror_count; i++)
		places[count++] = place_of(found->mirrors[i], rest, true, arena);
	places[count++] = place_of(found->location ? found->location : found->name, rest, false, arena);
	return count;
}

static bool is_host_of(const char *host, const char *location)
{
	size_t len = strcspn(location, "/");

	if (len == strlen(DOCKER_HUB) && strncmp(location, DOCKER_HUB, len) == 0)
		return strcmp(host, DOCKER_HUB_API) == 0;
	return strlen(host) == len && strncmp(host, location, len) == 0;
}

/* How well a section fits a host: its own section before one of a part of it, and those before one that is moved there. */
static int fit(const struct registries_section *section, const char *host)
{
	if (section->location)
		return is_host_of(host, section->location) ? 1 : 0;
	return !is_host_of(host, section->name) ? 0 : strchr(section->name, '/') ? 2 : 3;
}

const struct registries_section *registries_of_host(const struct registries *registries, const char *host)
{
	const struct registries_section *best = NULL;

	for (const struct registries_section *s = registries->sections; s; s = s->next)
		if (fit(s, host) > (best ? fit(best, host) : 0))
			best = s;
	return best;
}
