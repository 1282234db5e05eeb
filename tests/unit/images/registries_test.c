/* registries.conf, and where it leads. */
#include "tests/unit/unit.h"

#include "base/error.h"
#include "images/fetch/registries.h"

/* "HOST REPOSITORY" for each place, mirrors with a star; or the error. */
static const char *route(struct unit *unit, const char *conf, const char *host, const char *repository)
{
	static char buf[2048];
	struct registries registries;
	struct place places[PLACES_MAX] = { 0 };
	struct error err = { 0 };
	struct text text;
	int r;

	registries_init(&registries);
	text_init(&text, buf, sizeof(buf));
	r = registries_parse(conf, "conf", &unit->arena, &registries, &err);
	if (r == 0)
		r = registries_route(&registries, host, repository, &unit->arena, places, &err);
	if (r < 0)
		return error_line(&err, buf, sizeof(buf));
	for (int i = 0; i < r; i++)
		text_add(&text, "%s%s %s%s", i ? ", " : "", places[i].host, places[i].repository,
			places[i].is_mirror ? "*" : "");
	return buf;
}

static void the_hub_is_where_it_is(void **state)
{
	assert_string_equal(route(*state, "", "docker.io", "library/debian"), "registry-1.docker.io library/debian");
	assert_string_equal(route(*state, "", "quay.io", "a/b"), "quay.io a/b");
}

static void mirrors_come_first_and_keep_the_rest_of_the_name(void **state)
{
	static const char conf[] = "[registry \"docker.io\"]\nmirror = m1:5000\nmirror = m2/hub\n";

	assert_string_equal(route(*state, conf, "docker.io", "library/debian"),
		"m1:5000 library/debian*, m2 hub/library/debian*, registry-1.docker.io library/debian");
	assert_string_equal(route(*state, conf, "docker.io.evil.com", "x"), "docker.io.evil.com x");
}

static void the_longest_name_counts(void **state)
{
	static const char conf[] = "[registry \"q.io\"]\nlocation = a.io\n\n"
				   "[registry \"q.io/team\"] # ours\nlocation = \"b.io/t\"\n";

	assert_string_equal(route(*state, conf, "q.io", "x"), "a.io x");
	assert_string_equal(route(*state, conf, "q.io", "team/x"), "b.io t/x");
	assert_string_equal(route(*state, conf, "q.io", "teams/x"), "a.io teams/x");
	assert_string_equal(route(*state, "[registry \"q.io/team\"]\nblocked = true", "q.io", "team/x"),
		"q.io/team is blocked by registries.conf");
}

static void mistakes_are_named_with_their_line(void **state)
{
	static const char *const cases[][2] = {
		{ "\n[registry \"q.io\"]\ninsecur = true",
			"conf: line 3: \"insecur\" is no setting (did you mean \"insecure\"?)" },
		{ "insecure = true", "conf: line 1: insecure belongs to a section [registry \"NAME\"]" },
		{ "[registry \"q.io\"]\nretries = 3", "conf: line 2: retries stands before the first section" },
		{ "retries = many", "conf: line 1: retries is a number from 0 to 100, not \"many\"" },
		{ "retries =", "conf: line 1: a value is missing" },
		{ "[registry]", "conf: line 1: a section is written [registry \"NAME\"]" },
		{ "[registry \"q.io\"", "conf: line 1: a section is written [registry \"NAME\"]" },
		{ "[registry \"q.io]", "conf: line 1: a quote is not closed" },
		{ "[registry \"../x\"]", "conf: line 1: \"../x\" is no name of a registry" },
		{ "[registry \"a\"]\n[registry \"a\"]", "conf: line 2: there is a section \"a\" already" },
		{ "[registry \"a\"]\nmirror = https://m",
			"conf: line 2: mirror is HOST[:PORT][/PREFIX], not \"https://m\"" },
		{ "[registry \"a\"]\nlocation = \"u@h\"",
			"conf: line 2: location is HOST[:PORT][/PREFIX], not \"u@h\"" },
		{ "[registry \"a\"]\ninsecure = yes", "conf: line 2: insecure is true or false, not \"yes\"" },
		{ "[registry \"a\"]\nca = \"x\" y", "conf: line 2: \"y\" is left after the value" },
		{ "words", "conf: line 1: \"words\" is neither a section nor NAME = VALUE" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(route(*state, cases[i][0], "x.io", "y"), cases[i][1]);
}

static void numbers_stand_before_the_sections(void **state)
{
	struct unit *unit = *state;
	struct registries r;

	registries_init(&r);
	assert_int_equal(registries_parse("parallel = 8 # more\r\nretry-delay=20\nstall-timeout = \"3\"\n", "conf",
				 &unit->arena, &r, NULL),
		0);
	assert_int_equal(r.parallel, 8);
	assert_int_equal(r.retry_delay_ms, 20);
	assert_int_equal(r.stall_timeout_s, 3);
	assert_int_equal(r.retries, 5);
}

static void a_host_has_the_settings_of_its_own_section(void **state)
{
	static const char conf[] =
		"[registry \"q.io/team\"]\ninsecure = true\n[registry \"q.io\"]\nca = /x\n"
		"[registry \"a\"]\nlocation = b:1/c\ninsecure = true\n[registry \"docker.io\"]\nca = /y\n";
	struct unit *unit = *state;
	struct registries r;

	registries_init(&r);
	assert_int_equal(registries_parse(conf, "conf", &unit->arena, &r, NULL), 0);
	assert_string_equal(registries_of_host(&r, "q.io")->ca, "/x");
	assert_true(registries_of_host(&r, "b:1")->insecure);
	assert_string_equal(registries_of_host(&r, "registry-1.docker.io")->ca, "/y");
	assert_null(registries_of_host(&r, "a"));
	assert_null(registries_of_host(&r, "b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(the_hub_is_where_it_is),
		UNIT_TEST(mirrors_come_first_and_keep_the_rest_of_the_name),
		UNIT_TEST(the_longest_name_counts),
		UNIT_TEST(mistakes_are_named_with_their_line),
		UNIT_TEST(numbers_stand_before_the_sections),
		UNIT_TEST(a_host_has_the_settings_of_its_own_section),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
