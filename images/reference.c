/* images/reference.c: see the header. [github.com/distribution/reference, its grammar]
 *
 *	name      = [domain "/"] path               the domain is one if it has a "." or ":", or is localhost, or upper-case
 *	domain    = host [":" port]                 host: labels with dots between them, or [IPv6]
 *	path      = component *("/" component)      at most 255 bytes
 *	component = [a-z0-9]+ with "_", "__", "." or any number of "-" between
 *	tag       = [A-Za-z0-9_][A-Za-z0-9_.-]*     at most 128 bytes */
#include "images/reference.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

enum { REFERENCE_MAX = 4096, PATH_NAME_MAX = 255, TAG_MAX = 128, HOST_MAX = 255, BASE_MAX = 64 };

static const struct transport {
	const char *prefix;
	enum image_transport transport;
	bool has_ref;
} transports[] = {
	{ "docker://", IMAGE_REGISTRY, false },
	{ "oci:", IMAGE_OCI, true },
	{ "oci-archive:", IMAGE_OCI_ARCHIVE, true },
	{ "docker-archive:", IMAGE_DOCKER_ARCHIVE, true },
	{ "rootfs:", IMAGE_ROOTFS, false },
};

/* ---- characters ---- */

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

/* ---- parts; each is [at, end) ---- */

static bool is_port(const char *at, const char *end)
{
	unsigned port = 0;

	if (at == end || end - at > 5)
		return false;
	for (; at < end; at++) {
		if (*at < '0' || *at > '9')
			return false;
		port = port * 10 + (unsigned)(*at - '0');
	}
	return port > 0 && port <= 65535;
}

static bool is_ipv6(const char *at, const char *end)
{
	if (end - at < 4 || *at != '[' || end[-1] != ']')
		return false;
	for (at++; at < end - 1; at++)
		if (!isxdigit((unsigned char)*at) && *at != ':')
			return false;
	return true;
}

static bool is_label(const char *at, const char *end)
{
	if (at == end || !is_alnum(*at) || !is_alnum(end[-1]))
		return false;
	for (; at < end; at++)
		if (!is_alnum(*at) && *at != '-')
			return false;
	return true;
}

static bool is_host(const char *at, const char *end)
{
	if (is_ipv6(at, end))
		return true;
	for (;;) {
		const char *dot = memchr(at, '.', (size_t)(end - at));
		if (!is_label(at, dot ? dot : end))
			return false;
		if (!dot)
			return true;
		at = dot + 1;
	}
}

static bool is_domain(const char *at, const char *end)
{
	const char *bracket = *at == '[' ? memchr(at, ']', (size_t)(end - at)) : at, *colon;

	if (!bracket || end - at > HOST_MAX)
		return false;
	colon = memchr(bracket, ':', (size_t)(end - bracket));
	return is_host(at, colon ? colon : end) && (!colon || is_port(colon + 1, end));
}

/* What may stand between two runs of letters and digits: how long it is at `at`, 0 if it is none. */
static size_t separator(const char *at, const char *end)
{
	size_t len = 0;

	if (*at == '.')
		return 1;
	if (*at == '_')
		return end - at > 1 && at[1] == '_' ? 2 : 1;
	while (at + len < end && at[len] == '-')
		len++;
	return len;
}

static bool is_component(const char *at, const char *end)
{
	if (at == end || !is_lower(*at) || !is_lower(end[-1]))
		return false;
	while (at < end) {
		size_t len = is_lower(*at) ? 1 : separator(at, end);
		if (len == 0 || (!is_lower(*at) && !is_lower(at[len])))
			return false;
		at += len;
	}
	return true;
}

static bool is_path(const char *at, const char *end)
{
	if (end - at > PATH_NAME_MAX)
		return false;
	for (;;) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		if (!is_component(at, slash ? slash : end))
			return false;
		if (!slash)
			return true;
		at = slash + 1;
	}
}

static bool is_tag(const char *tag)
{
	size_t len = strlen(tag);

	if (len == 0 || len > TAG_MAX || *tag == '.' || *tag == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(tag[i]) && !strchr("_.-", tag[i]))
			return false;
	return true;
}

static bool is_hex_id(const char *text)
{
	return strlen(text) == 64 && text[strspn(text, "0123456789abcdef")] == '\0';
}

/* ---- names of registries ---- */

/* Whether the first part of a name, up to a slash, is a host and not a folder of docker.io. */
static bool looks_like_host(const char *at, const char *slash)
{
	if ((size_t)(slash - at) == strlen("localhost") && memcmp(at, "localhost", strlen("localhost")) == 0)
		return true;
	for (; at < slash; at++)
		if (*at == '.' || *at == ':' || *at == '[' || (*at >= 'A' && *at <= 'Z'))
			return true;
	return false;
}

static bool is_docker_hub(const char *host)
{
	return strcmp(host, "docker.io") == 0 || strcmp(host, "index.docker.io") == 0;
}

/* Cuts "@digest" and ":tag" off `copy`. */
static int cut_ends(char *copy, struct reference *ret, struct error *err)
{
	char *at = strchr(copy, '@'), *slash, *colon;

	if (at) {
		*at = '\0';
		int r = digest_parse(at + 1, &ret->digest, err);
		if (r < 0)
			return r;
	}
	slash = strrchr(copy, '/');
	colon = strrchr(slash ? slash : copy, ':');
	if (!colon) {
		ret->tag = at ? NULL : "latest";
		return 0;
	}
	*colon = '\0';
	ret->tag = colon + 1;
	return is_tag(ret->tag) ? 0 : error_bad(err, EINVAL, "\"%.200s\" is no tag", ret->tag);
}

static int split_name(char *copy, struct arena *arena, struct reference *ret, struct error *err)
{
	char *slash = strchr(copy, '/'), *path = copy;

	ret->host = "docker.io";
	if (slash && looks_like_host(copy, slash)) {
		if (!is_domain(copy, slash))
			return error_bad(err, EINVAL, "\"%.*s\" is no host", (int)(slash - copy), copy);
		*slash = '\0';
		ret->host = copy;
		path = slash + 1;
	}
	if (!is_path(path, path + strlen(path))) {
		(void)error_bad(err, EINVAL, "\"%.300s\" is no name of an image", path);
		for (const char *c = path; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				return error_hint(err, "it must be lower-case");
		return err ? err->code : -EINVAL;
	}
	if (is_docker_hub(ret->host))
		ret->host = "docker.io";
	ret->repository = path;
	if (path == copy && ret->tag && !ret->digest.algorithm)
		ret->local_name = arena_printf(arena, "localhost/%s:%s", path, ret->tag);
	if (is_docker_hub(ret->host) && !strchr(path, '/'))
		ret->repository = arena_printf(arena, "library/%s", path);
	if (strlen(ret->repository) > PATH_NAME_MAX)
		return error_bad(err, EINVAL, "the name of the image is longer than %d bytes", PATH_NAME_MAX);
	return 0;
}

static int parse_registry(const char *text, struct arena *arena, struct reference *ret, struct error *err)
{
	char digest[DIGEST_TEXT_MAX], *copy = arena_strdup(arena, text);
	int r;

	if (is_hex_id(text))
		return error_bad(err, EINVAL, "\"%s\" is an id and no name of an image", text);
	r = cut_ends(copy, ret, err);
	if (r == 0)
		r = split_name(copy, arena, ret, err);
	if (r < 0)
		return r;
	if (ret->digest.algorithm)
		ret->name =
			arena_printf(arena, "%s/%s@%s", ret->host, ret->repository, digest_text(&ret->digest, digest));
	else
		ret->name = arena_printf(arena, "%s/%s:%s", ret->host, ret->repository, ret->tag);
	return 0;
}

/* ---- the other transports ---- */

/* "/srv/My Image.tar" as a part of a name: "my-image". */
static const char *base_name(const char *path, struct arena *arena)
{
	size_t len = strlen(path), start, out = 0;
	char *name = arena_alloc(arena, BASE_MAX + 1);

	while (len > 0 && path[len - 1] == '/')
		len--;
	for (start = len; start > 0 && path[start - 1] != '/';)
		start--;
	for (; start < len && out < BASE_MAX && (path[start] != '.' || out == 0); start++) {
		char c = (char)tolower((unsigned char)path[start]);
		if (is_lower(c))
			name[out++] = c;
		else if (out > 0 && name[out - 1] != '-')
			name[out++] = '-';
	}
	while (out > 0 && name[out - 1] == '-')
		out--;
	name[out] = '\0';
	return out ? name : "image";
}

static int name_other(struct arena *arena, struct reference *ret, struct error *err)
{
	struct reference named = { 0 };
	int r;

	if (!ret->ref && ret->transport == IMAGE_DOCKER_ARCHIVE)
		return 0;
	if (ret->ref && strpbrk(ret->ref, ":/")) {
		r = parse_registry(ret->ref, arena, &named, err);
		ret->name = named.name;
		return r;
	}
	if (ret->ref && !is_tag(ret->ref))
		return error_bad(err, EINVAL, "\"%.200s\" is no tag", ret->ref);
	ret->name = arena_printf(arena, "localhost/%s:%s", base_name(ret->path, arena), ret->ref ? ret->ref : "latest");
	return 0;
}

static int parse_other(const struct transport *transport, const char *rest, struct arena *arena, struct reference *ret,
	struct error *err)
{
	char *path = arena_strdup(arena, rest), *colon = transport->has_ref ? strchr(path, ':') : NULL;

	if (colon) {
		*colon = '\0';
		ret->ref = colon + 1;
	}
	ret->path = path;
	if (!*path)
		return error_bad(err, EINVAL, "%s needs a path", transport->prefix);
	if (ret->ref && !*ret->ref)
		return error_bad(err, EINVAL, "nothing follows the \":\" after %s", path);
	return name_other(arena, ret, err);
}

/* ---- all ---- */

static int check_bytes(const char *text, struct error *err)
{
	size_t len = strlen(text);

	if (len == 0)
		return error_bad(err, EINVAL, "the name of the image is empty");
	if (len > REFERENCE_MAX)
		return error_bad(
			err, EINVAL, "the name of the image has %zu bytes; at most %d are allowed", len, REFERENCE_MAX);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return error_bad(err, EINVAL, "the name of the image holds a control character");
	return 0;
}

static const struct transport *find_transport(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(transports); i++)
		if (text_starts_with(text, transports[i].prefix))
			return &transports[i];
	return NULL;
}

static int parse(const char *text, bool name_only, struct arena *arena, struct reference *ret, struct error *err)
{
	const struct transport *transport = find_transport(text);
	struct reference reference = { 0 };
	int r = check_bytes(text, err);

	if (r < 0)
		return r;
	if (transport && transport->transport != IMAGE_REGISTRY && name_only)
		return error_bad(err, EINVAL, "expected the name of an image, found \"%.200s\"", text);
	if (transport)
		reference.transport = transport->transport;
	if (!transport || transport->transport == IMAGE_REGISTRY)
		r = parse_registry(transport ? text + strlen(transport->prefix) : text, arena, &reference, err);
	else
		r = parse_other(transport, text + strlen(transport->prefix), arena, &reference, err);
	if (r < 0)
		return error_at(err, "%.300s", text);
	*ret = reference;
	return 0;
}

int reference_parse(const char *text, struct arena *arena, struct reference *ret, struct error *err)
{
	return parse(text, false, arena, ret, err);
}

int reference_parse_name(const char *text, struct arena *arena, struct reference *ret, struct error *err)
{
	return parse(text, true, arena, ret, err);
}
