/* images/image/platform.c: see the header. */
#include "images/image/platform.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

enum { OTHER_ARCHITECTURE = 100, WORDS_MAX = 3 };

/* What machines and people call them, and what images do. */
static const struct alias {
	const char *name, *architecture, *variant;
} aliases[] = {
	{ "x86_64", "amd64", "" },
	{ "x86-64", "amd64", "" },
	{ "aarch64", "arm64", "" },
	{ "armv8l", "arm64", "" },
	{ "armhf", "arm", "v7" },
	{ "armv7l", "arm", "v7" },
	{ "armel", "arm", "v6" },
	{ "armv6l", "arm", "v6" },
	{ "i386", "386", "" },
	{ "i686", "386", "" },
	{ "s390x", "s390x", "" },
	{ "ppc64le", "ppc64le", "" },
	{ "riscv64", "riscv64", "" },
};

/* The variant that is meant where none is given. */
static const struct alias defaults[] = {
	{ "amd64", "amd64", "v1" },
	{ "arm64", "arm64", "v8" },
	{ "arm", "arm", "v7" },
};

static const char *find(const struct alias *table, size_t count, const char *name, const char **ret_variant)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(table[i].name, name) == 0) {
			*ret_variant = table[i].variant;
			return table[i].architecture;
		}
	return NULL;
}

/* In the names that images use. */
static struct platform renamed(const struct platform *platform)
{
	struct platform ret = *platform;
	const char *variant = "", *known = find(aliases, ARRAY_SIZE(aliases), ret.architecture, &variant);

	if (known)
		ret.architecture = known;
	if (!*ret.variant)
		ret.variant = variant;
	return ret;
}

static struct platform normal(const struct platform *platform)
{
	struct platform ret = renamed(platform);
	const char *variant;

	if (!*ret.variant && find(defaults, ARRAY_SIZE(defaults), ret.architecture, &variant))
		ret.variant = variant;
	return ret;
}

/* "v8.2" as 802, "v7" as 700; -1 for what is no such number. */
static int variant_number(const char *variant)
{
	char major[4] = "", minor[4] = "0";
	uint64_t high, low;
	const char *dot = strchr(variant, '.');
	size_t len = dot ? (size_t)(dot - variant) : strlen(variant);

	if (*variant != 'v' || len < 2 || len > sizeof(major) || (dot && strlen(dot + 1) >= sizeof(minor)))
		return -1;
	memcpy(major, variant + 1, len - 1);
	if (dot)
		memcpy(minor, dot + 1, strlen(dot + 1) + 1);
	if (text_to_u64(major, 0, 99, &high) < 0 || text_to_u64(minor, 0, 99, &low) < 0)
		return -1;
	return (int)(high * 100 + low);
}

int platform_distance(const struct platform *wanted, const struct platform *has)
{
	struct platform want = normal(wanted), have = normal(has);
	int wanted_number = variant_number(want.variant), number = variant_number(have.variant);

	if (strcmp(want.os, have.os) != 0)
		return -1;
	if (strcmp(want.architecture, "amd64") == 0 && strcmp(have.architecture, "386") == 0)
		return OTHER_ARCHITECTURE * OTHER_ARCHITECTURE;
	if (strcmp(want.architecture, have.architecture) != 0)
		return -1;
	if (strcmp(want.variant, have.variant) == 0)
		return 0;
	return wanted_number >= 0 && number >= 0 && number < wanted_number ? wanted_number - number : -1;
}

static bool is_word(const char *word)
{
	return *word && strlen(word) < 32 &&
		word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] == '\0';
}

int platform_parse(const char *text, struct arena *arena, struct platform *ret, struct error *err)
{
	char *words[WORDS_MAX] = { NULL }, *rest;
	struct platform platform = { .os = "linux", .architecture = "", .variant = "" };
	struct utsname host;
	size_t count = 0;

	if (!text && uname(&host) == 0)
		text = host.machine;
	rest = arena_strdup(arena, text ? text : "");
	for (char *word; (word = strsep(&rest, "/"));)
		if (count == WORDS_MAX || !is_word(word))
			return error_bad(
				err, EINVAL, "\"%.100s\" is no platform: expected OS/ARCHITECTURE[/VARIANT]", text);
		else
			words[count++] = word;
	if (count > 1)
		platform.os = words[0];
	if (count > 2)
		platform.variant = words[2];
	if (count)
		platform.architecture = words[count > 1 ? 1 : 0];
	*ret = renamed(&platform);
	return 0;
}

const char *platform_text(const struct platform *platform, struct arena *arena)
{
	return arena_printf(arena, "%s/%s%s%s", platform->os, platform->architecture, *platform->variant ? "/" : "",
		platform->variant);
}
