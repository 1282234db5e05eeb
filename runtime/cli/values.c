/* runtime/cli/values.c: see the header. */
#include "runtime/cli/values.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

/* ---- numbers ---- */

/* "12.5" as whole units and billionths; points `*text` behind it. Nine decimals at most. */
static int take_decimal(const char **text, uint64_t *ret_whole, uint64_t *ret_billionths)
{
	size_t len = strspn(*text, "0123456789"), decimals = 0;
	char digits[20] = "";
	uint64_t scale = 1000000000;

	if (len == 0 || len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, *text, len);
	*text += len;
	*ret_billionths = 0;
	if (**text == '.') {
		const char *c = ++*text;
		for (; *c >= '0' && *c <= '9'; c++, decimals++) {
			scale /= 10;
			*ret_billionths += (uint64_t)(*c - '0') * scale;
		}
		*text = c;
		if (decimals == 0 || decimals > 9)
			return -EINVAL;
	}
	return text_to_u64(digits, 0, INT64_MAX, ret_whole);
}

/* How far the unit shifts; -1 = none. */
static int unit_shift(const char *unit)
{
	static const char letters[] = "kmgtp";
	const char *at = *unit ? strchr(letters, *unit | 0x20) : NULL;
	const char *rest = unit + (at ? 1 : 0);

	if (*rest && strcasecmp(rest, "b") != 0 && !(at && strcasecmp(rest, "ib") == 0))
		return -1;
	return at ? 10 * (int)(at - letters + 1) : 0;
}

static int parse_bytes(const char *text, int64_t *ret)
{
	uint64_t whole, billionths;
	int r = take_decimal(&text, &whole, &billionths), shift;

	if (r < 0)
		return r;
	text += *text == ' ';
	shift = unit_shift(text);
	if (shift < 0 || (shift == 0 && billionths))
		return -EINVAL;
	if (whole >= (uint64_t)INT64_MAX >> shift)
		return -ERANGE;
	*ret = (int64_t)((whole << shift) +
		(uint64_t)((unsigned __int128)billionths * (UINT64_C(1) << shift) / 1000000000));
	return 0;
}

int value_bytes(const char *option, const char *text, bool unlimited, int64_t *ret, struct error *err)
{
	if (unlimited && strcmp(text, "-1") == 0)
		return *ret = -1, 0;
	if (parse_bytes(text, ret) == 0)
		return 0;
	return error_bad(
		err, EINVAL, "--%s: expected a size as 512m%s, found \"%s\"", option, unlimited ? ", or -1" : "", text);
}

int value_cpus(const char *text, int64_t *ret_quota, struct error *err)
{
	enum { PERIOD_US = 100000, CPUS_MAX = 8192 };
	uint64_t whole = 0, billionths = 0;
	const char *rest = text;
	int r = take_decimal(&rest, &whole, &billionths);

	if (r == 0 && (*rest || whole > CPUS_MAX))
		r = -EINVAL;
	*ret_quota = (int64_t)(whole * PERIOD_US + billionths / (1000000000 / PERIOD_US));
	if (r < 0 || *ret_quota < PERIOD_US / 100)
		return error_bad(err, EINVAL, "--cpus: expected a number from 0.01 on, as 1.5, found \"%s\"", text);
	return 0;
}

int value_number(const char *option, const char *text, int64_t min, int64_t max, int64_t *ret, struct error *err)
{
	if (text_to_s64(text, min, max, ret) == 0)
		return 0;
	return error_bad(err, EINVAL, "--%s: expected a number from %lld to %lld, found \"%s\"", option, (long long)min,
		(long long)max, text);
}

int value_bool(const char *text, bool *ret)
{
	static const char *const words[] = { "false", "f", "0", "no", "true", "t", "1", "yes" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(text, words[i]) == 0)
			return *ret = i >= ARRAY_SIZE(words) / 2, 0;
	return -EINVAL;
}

/* ---- rlimits ---- */

static int parse_limit(const char *text, uint64_t *ret)
{
	if (strcmp(text, "-1") == 0 || strcmp(text, "unlimited") == 0)
		return *ret = RLIM_INFINITY, 0;
	return text_to_u64(text, 0, RLIM_INFINITY - 1, ret);
}

int value_ulimit(const char *text, struct spec_rlimit *ret, struct error *err)
{
	char name[32] = "RLIMIT_", soft[32];
	size_t len = strcspn(text, "="), prefix = strlen(name);
	const char *value = text[len] ? text + len + 1 : "", *colon = strchr(value, ':');
	size_t soft_len = colon ? (size_t)(colon - value) : strlen(value);

	if (len == 0 || prefix + len >= sizeof(name) || soft_len == 0 || soft_len >= sizeof(soft))
		return error_bad(err, EINVAL, "--ulimit: expected NAME=SOFT[:HARD], found \"%s\"", text);
	for (size_t i = 0; i < len; i++)
		name[prefix + i] = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 0x20 : text[i]);
	name[prefix + len] = '\0';
	memcpy(soft, value, soft_len);
	soft[soft_len] = '\0';
	ret->resource = word_rlimit(name);
	if (ret->resource < 0)
		return error_bad(err, EINVAL, "--ulimit: there is no limit \"%.*s\"", (int)len, text);
	if (parse_limit(soft, &ret->soft) < 0 || parse_limit(colon ? colon + 1 : soft, &ret->hard) < 0)
		return error_bad(err, EINVAL, "--ulimit: expected numbers or -1, found \"%s\"", value);
	if (ret->soft > ret->hard)
		return error_bad(err, EINVAL, "--ulimit: the soft limit of \"%s\" is above the hard one", text);
	return 0;
}

/* ---- devices ---- */

/* "rwm" in any order, each once; the rest of the rule is not touched. */
static int parse_access(const char *text, struct spec_device_rule *rule)
{
	if (!*text || text[strspn(text, "rwm")] || strlen(text) > 3)
		return -EINVAL;
	rule->read = strchr(text, 'r') != NULL;
	rule->write = strchr(text, 'w') != NULL;
	rule->mknod = strchr(text, 'm') != NULL;
	return 0;
}

int value_device(const char *text, struct arena *arena, struct spec_device *ret, struct spec_device_rule *ret_rule,
	struct error *err)
{
	char *rest = arena_strdup(arena, text);
	const char *host = strsep(&rest, ":"), *second = strsep(&rest, ":"), *third = rest;
	struct stat st;

	*ret_rule = (struct spec_device_rule){ .allow = true, .read = true, .write = true, .mknod = true };
	if (second && !third && parse_access(second, ret_rule) == 0)
		second = NULL;
	if (*host != '/' || (second && *second != '/') || (third && parse_access(third, ret_rule) < 0))
		return error_bad(err, EINVAL, "--device: expected HOST[:CONTAINER][:rwm], found \"%s\"", text);
	if (stat(host, &st) < 0)
		return error_sys(err, errno, "--device: look at %s", host);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return error_bad(err, ENODEV, "--device: %s is no device", host);
	*ret = (struct spec_device){
		.type = S_ISCHR(st.st_mode) ? 'c' : 'b',
		.path = second ? second : host,
		.major = major(st.st_rdev),
		.minor = minor(st.st_rdev),
		.mode = st.st_mode & 0777,
		.uid = st.st_uid,
		.gid = st.st_gid,
	};
	ret_rule->type = ret->type;
	ret_rule->major = ret->major;
	ret_rule->minor = ret->minor;
	return 0;
}

static int parse_device_number(const char *text, int64_t *ret)
{
	if (strcmp(text, "*") == 0)
		return *ret = -1, 0;
	return text_to_s64(text, 0, UINT32_MAX, ret);
}

int value_device_rule(const char *text, struct spec_device_rule *ret, struct error *err)
{
	char type = 0, major[16] = "*", minor[16] = "*", access[4] = "rwm", more;
	/* NOLINTNEXTLINE(cert-err34-c): texts, which are read as numbers below */
	int fields = sscanf(text, "%c %15[^: ]:%15s %3s %c", &type, major, minor, access, &more);

	*ret = (struct spec_device_rule){ .allow = true, .type = type };
	if ((fields == 4 || (fields == 1 && type == 'a' && !text[1])) && strchr("abc", type) &&
		parse_device_number(major, &ret->major) == 0 && parse_device_number(minor, &ret->minor) == 0 &&
		parse_access(access, ret) == 0)
		return 0;
	return error_bad(err, EINVAL,
		"--device-cgroup-rule: expected TYPE MAJOR:MINOR ACCESS, as \"c 1:3 rwm\", found \"%s\"", text);
}

/* ---- rights ---- */

int value_capability(const char *option, const char *text, uint64_t *ret_bits, struct error *err)
{
	char name[64];
	int cap;

	if (strcasecmp(text, "all") == 0) {
		*ret_bits = (UINT64_C(2) << word_capability_last()) - 1;
		return 0;
	}
	(void)snprintf(name, sizeof(name), "%s%s", strncasecmp(text, "cap_", 4) == 0 ? "" : "CAP_", text);
	for (char *c = name; *c; c++)
		*c = (char)(*c >= 'a' && *c <= 'z' ? *c - 0x20 : *c);
	cap = word_capability(name);
	if (cap < 0)
		return error_bad(err, EINVAL, "--%s: \"%s\" is no capability", option, text);
	*ret_bits = UINT64_C(1) << cap;
	return 0;
}

int value_id_mapping(const char *option, const char *text, struct spec_id_mapping *ret, struct error *err)
{
	char first[16] = "", second[16] = "", third[16] = "1", more;
	/* NOLINTNEXTLINE(cert-err34-c): texts, which are read as numbers below */
	int fields = sscanf(text, "%15[0-9]:%15[0-9]:%15[0-9]%c", first, second, third, &more);
	uint64_t inside = 0, outside = 0, size = 0;

	if ((fields == 2 || fields == 3) && text_to_u64(first, 0, UINT32_MAX - 1, &inside) == 0 &&
		text_to_u64(second, 0, UINT32_MAX - 1, &outside) == 0 &&
		text_to_u64(third, 1, UINT32_MAX - 1, &size) == 0) {
		*ret = (struct spec_id_mapping){ (uint32_t)inside, (uint32_t)outside, (uint32_t)size };
		return 0;
	}
	return error_bad(err, EINVAL, "--%s: expected CONTAINER:HOST[:SIZE], found \"%s\"", option, text);
}
