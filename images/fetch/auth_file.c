/* images/fetch/auth_file.c: the text of auth.json and config.json. Pure. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/text.h"
#include "images/fetch/credentials.h"
#include "spec/json.h"

/* ---- base64 ---- */

static int sextet(char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

/* With or without its padding [RFC 4648, section 4]; no NUL may be in it. NULL: it is none. */
static char *decode(const char *text, struct arena *arena)
{
	size_t len = strlen(text), used = 0;
	char *out = arena_alloc(arena, len + 1);
	uint32_t bits = 0;
	unsigned count = 0;

	while (len > 0 && text[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++) {
		int value = sextet(text[i]);
		if (value < 0)
			return NULL;
		bits = bits << 6 | (uint32_t)value;
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		out[used] = (char)(bits >> count & 0xff);
		if (out[used++] == '\0')
			return NULL;
	}
	out[used] = '\0';
	return out;
}

/* ---- entries ---- */

/* docker writes URLs: "https://index.docker.io/v1/" is docker.io. */
static const char *key_of(const char *text, struct arena *arena)
{
	static const char *const schemes[] = { "https://", "http://" };
	static const char *const versions[] = { "/v1", "/v2" };
	static const char *const hubs[] = { "index.docker.io", "registry-1.docker.io" };
	size_t len;
	char *key;

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (text_starts_with(text, schemes[i]))
			text += strlen(schemes[i]);
	key = arena_strdup(arena, text);
	len = strlen(key);
	while (len > 0 && key[len - 1] == '/')
		key[--len] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		if (len > 3 && strcmp(key + len - 3, versions[i]) == 0)
			key[len - 3] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(hubs); i++)
		if (strcmp(key, hubs[i]) == 0)
			return "docker.io";
	return key;
}

static const char *string_of(const struct json *object, const char *key)
{
	const struct json *value = json_member(object, key);

	return value && value->kind == JSON_STRING && value->len > 0 ? value->text : NULL;
}

int credentials_parse(const char *text, struct arena *arena, struct credentials *ret, struct error *err)
{
	size_t user = strcspn(text, ":");

	if (user == 0)
		return error_bad(err, EINVAL, "credentials are written USER:PASSWORD");
	*ret = (struct credentials){
		.user = arena_copy(arena, text, user),
		.password = text[user] ? arena_strdup(arena, text + user + 1) : "",
	};
	return 0;
}

/* {"auth": BASE64} or {"username": U, "password": P}, and "identitytoken". 1: read; 0: there is nothing in it, as where a
 * helper keeps the rest. */
static int read_entry(
	const struct json *value, const char *name, struct arena *arena, struct credentials *ret, struct error *err)
{
	const char *auth = string_of(value, "auth"), *user = string_of(value, "username");
	const char *token = string_of(value, "identitytoken"), *plain = auth ? decode(auth, arena) : NULL;

	if (auth && (!plain || credentials_parse(plain, arena, ret, NULL) < 0))
		return error_bad(
			err, EINVAL, "%s: auths[\"%s\"].auth is not USER:PASSWORD in base64", name, value->key);
	if (!auth && user) {
		const char *password = string_of(value, "password");
		ret->user = user;
		ret->password = password ? password : "";
	}
	ret->identity_token = token;
	ret->source = name;
	return auth || user || token;
}

static int read_entries(
	const struct json *auths, const char *name, struct arena *arena, struct auth_file *file, struct error *err)
{
	json_for_each(value, auths) {
		struct credentials_entry *entry = ARENA_NEW(arena, struct credentials_entry);
		int r = value->kind == JSON_OBJECT ? read_entry(value, name, arena, &entry->is, err) : 0;
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		entry->key = key_of(value->key, arena);
		entry->next = file->entries;
		file->entries = entry;
	}
	return 0;
}

/* ---- helpers ---- */

/* The name becomes part of a program's: no path, and nothing that could be one. */
static bool is_helper_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return *name && *name != '.' && strspn(name, letters) == strlen(name);
}

static int add_helper(struct auth_file *file, const char *host, const char *helper, const char *name,
	struct arena *arena, struct error *err)
{
	struct credentials_helper *added = ARENA_NEW(arena, struct credentials_helper);

	if (!is_helper_name(helper))
		return error_bad(err, EINVAL, "%s: \"%s\" is no name of a credential helper", name, helper);
	*added = (struct credentials_helper){ file->helpers, host, helper };
	file->helpers = added;
	return 0;
}

/* The one for all goes in first, so that those of a registry stand before it. */
static int read_helpers(
	const struct json *top, const char *name, struct arena *arena, struct auth_file *file, struct error *err)
{
	const struct json *helpers = json_member(top, "credHelpers");
	const char *store = string_of(top, "credsStore");
	int r = store ? add_helper(file, NULL, store, name, arena, err) : 0;

	if (r < 0 || !helpers || helpers->kind != JSON_OBJECT)
		return r;
	json_for_each(value, helpers) {
		if (value->kind == JSON_STRING && value->len > 0)
			r = add_helper(file, key_of(value->key, arena), value->text, name, arena, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int auth_file_parse(
	const char *text, size_t len, const char *name, struct arena *arena, struct auth_file *ret, struct error *err)
{
	const struct json *top = NULL, *auths;
	struct auth_file file = { 0 };
	struct faults faults;
	char line[512];
	int r;

	faults_init(&faults, arena, name);
	r = json_parse(text, len, arena, &top, &faults);
	if (r < 0)
		return error_bad(err, r, "%s cannot be read as JSON", name);
	if (faults.first)
		return error_bad(err, EINVAL, "%s", fault_line(&faults, faults.first, line, sizeof(line)));
	if (top->kind != JSON_OBJECT)
		return error_bad(err, EINVAL, "%s does not hold a JSON object", name);
	auths = json_member(top, "auths");
	if (auths && auths->kind == JSON_OBJECT)
		r = read_entries(auths, name, arena, &file, err);
	if (r == 0)
		r = read_helpers(top, name, arena, &file, err);
	if (r == 0)
		*ret = file;
	return r;
}
