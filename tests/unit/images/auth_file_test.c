/* auth.json and config.json, as podman, docker and hostile hands write them. */
#include "tests/unit/unit.h"

#include "base/error.h"
#include "images/fetch/credentials.h"

/* "USER:PASSWORD[ +TOKEN]" for the repository, "none", or the error. */
static const char *who(struct unit *unit, const char *json, const char *host, const char *repository)
{
	static char buf[1024];
	const struct credentials *found;
	struct auth_file file = { 0 };
	struct error err = { 0 };
	struct text text;

	text_init(&text, buf, sizeof(buf));
	if (auth_file_parse(json, strlen(json), "f", &unit->arena, &file, &err) < 0)
		return error_line(&err, buf, sizeof(buf));
	found = credentials_find(file.entries, host, repository);
	if (!found)
		return "none";
	text_add(&text, "%s:%s", found->user ? found->user : "", found->password ? found->password : "");
	if (found->identity_token)
		text_add(&text, " +%s", found->identity_token);
	return buf;
}

static void podman_writes_hosts_and_parts_of_them(void **state)
{
	/* bob:secret, team:t, one:o */
	static const char json[] =
		"{\"auths\": {\"q.io\": {\"auth\": \"Ym9iOnNlY3JldA==\"},"
		"\"q.io/team\": {\"auth\": \"dGVhbTp0\"}, \"q.io/team/one\": {\"auth\": \"b25lOm8\"}}}";

	assert_string_equal(who(*state, json, "q.io", "x"), "bob:secret");
	assert_string_equal(who(*state, json, "q.io", "teams/x"), "bob:secret");
	assert_string_equal(who(*state, json, "q.io", "team/x"), "team:t");
	assert_string_equal(who(*state, json, "q.io", "team/one"), "one:o");
	assert_string_equal(who(*state, json, "q.io:443", "x"), "none");
	assert_string_equal(who(*state, json, "xq.io", "x"), "none");
	assert_string_equal(who(*state, json, "q.i", "o/x"), "none");
}

static void docker_writes_addresses(void **state)
{
	static const char json[] = "{\"auths\": {\"https://index.docker.io/v1/\": {\"auth\": \"Ym9iOnNlY3JldA==\"},"
				   "\"https://h:5000\": {\"username\": \"u\", \"password\": \"p:q\"},"
				   "\"http://old/v2/\": {\"auth\": \"YTpi\", \"identitytoken\": \"t\"}, \"kept\": {}}}";

	assert_string_equal(who(*state, json, "docker.io", "library/debian"), "bob:secret");
	assert_string_equal(who(*state, json, "h:5000", "x"), "u:p:q");
	assert_string_equal(who(*state, json, "old", "x"), "a:b +t");
	assert_string_equal(who(*state, json, "kept", "x"), "none");
}

static void what_is_broken_is_named(void **state)
{
	static const char *const cases[][2] = {
		{ "{\"auths\": {\"q\": {\"auth\": \"Ym9i*\"}}}",
			"f: auths[\"q\"].auth is not USER:PASSWORD in base64" },
		{ "{\"auths\": {\"q\": {\"auth\": \"OnNlY3JldA==\"}}}",
			"f: auths[\"q\"].auth is not USER:PASSWORD in base64" },
		{ "{\"auths\": {\"q\": {\"auth\": \"YTpiAGM=\"}}}",
			"f: auths[\"q\"].auth is not USER:PASSWORD in base64" },
		{ "[]", "f does not hold a JSON object" },
		{ "{\"credsStore\": \"../../bin/sh\"}", "f: \"../../bin/sh\" is no name of a credential helper" },
		{ "{\"credHelpers\": {\"q\": \"a/b\"}}", "f: \"a/b\" is no name of a credential helper" },
		{ "{\"credHelpers\": {\"q\": \".x\"}}", "f: \".x\" is no name of a credential helper" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(who(*state, cases[i][0], "q", "x"), cases[i][1]);
	assert_non_null(strstr(who(*state, "{\"auths\": ", "q", "x"), "f: "));
	assert_non_null(strstr(who(*state, "{\"auths\": {}, \"auths\": {}}", "q", "x"), "f: "));
}

static void a_registrys_helper_stands_before_the_one_for_all(void **state)
{
	static const char json[] = "{\"credsStore\": \"all\", \"credHelpers\": {\"https://q.io\": \"one\"}}";
	struct unit *unit = *state;
	struct auth_file file = { 0 };

	assert_int_equal(auth_file_parse(json, strlen(json), "f", &unit->arena, &file, NULL), 0);
	assert_string_equal(file.helpers->name, "one");
	assert_string_equal(file.helpers->host, "q.io");
	assert_string_equal(file.helpers->next->name, "all");
	assert_null(file.helpers->next->host);
}

static void a_password_may_hold_colons_or_be_missing(void **state)
{
	struct unit *unit = *state;
	struct credentials is = { 0 };

	assert_int_equal(credentials_parse("bob:a:b", &unit->arena, &is, NULL), 0);
	assert_string_equal(is.user, "bob");
	assert_string_equal(is.password, "a:b");
	assert_int_equal(credentials_parse("bob", &unit->arena, &is, NULL), 0);
	assert_string_equal(is.password, "");
	assert_true(credentials_parse(":x", &unit->arena, &is, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(podman_writes_hosts_and_parts_of_them),
		UNIT_TEST(docker_writes_addresses),
		UNIT_TEST(what_is_broken_is_named),
		UNIT_TEST(a_registrys_helper_stands_before_the_one_for_all),
		UNIT_TEST(a_password_may_hold_colons_or_be_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
