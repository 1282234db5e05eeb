/* Headers of registries, friendly and hostile. */
#include "tests/unit/unit.h"

#include "images/fetch/headers.h"
#include "images/fetch/token.h"

static void a_content_range_is_read_strictly(void **state)
{
	static const char *const bad[] = {
		"",
		"bytes",
		"bytes ",
		"bytes 1-2",
		"bytes 1-2/",
		"bytes -2/3",
		"bytes 1-/3",
		"bytes 2-1/3",
		"bytes 0-3/3",
		"bytes */3",
		"bytes 0-1/3 ",
		"bytes 0-1/x",
		"octets 0-1/3",
		"bytes 0-1/-3",
		"bytes 0-1/99999999999999999999999",
		"bytes 18446744073709551616-1/2",
		"bytes  0-1/3",
	};
	struct content_range range;

	(void)state;
	assert_int_equal(header_content_range("bytes 10-19/100", &range), 0);
	assert_true(range.first == 10 && range.last == 19 && range.total == 100);
	assert_int_equal(header_content_range("Bytes 0-0/*", &range), 0);
	assert_true(range.first == 0 && range.last == 0 && range.total == UINT64_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(header_content_range(bad[i], &range) < 0);
}

static void retry_after_is_seconds_or_a_date(void **state)
{
	(void)state;
	assert_int_equal(header_retry_after("120", 0), 120);
	assert_int_equal(header_retry_after("99999999", 0), 86400);
	assert_int_equal(header_retry_after("99999999999999999999", 0), 0);
	assert_int_equal(header_retry_after("-1", 0), 0);
	assert_int_equal(header_retry_after("soon", 0), 0);
	assert_int_equal(header_retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 40), 60);
	assert_int_equal(header_retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 400), 0);
}

/* "basic bearer REALM SERVICE", or "bad". */
static const char *challenge(struct unit *unit, const char *value)
{
	static char buf[1024];
	struct challenge is;
	struct text text;

	text_init(&text, buf, sizeof(buf));
	if (header_challenge(value, &unit->arena, &is) < 0)
		return "bad";
	text_add(&text, "%s%s", is.basic ? "basic " : "", is.bearer ? "bearer " : "");
	text_add(&text, "%s %s", is.realm ? is.realm : "-", is.service ? is.service : "-");
	return buf;
}

static void challenges_are_read(void **state)
{
	static const char *const cases[][2] = {
		{ "Basic realm=\"Registry\"", "basic - -" },
		{ "basic", "basic - -" },
		{ "Bearer realm=\"https://a/t\",service=\"s t\",scope=\"repository:x:pull,push\"",
			"bearer https://a/t s t" },
		{ "BEARER Realm=\"https://a/t\" , service = s", "bearer https://a/t s" },
		{ "Basic realm=\"x\", Bearer realm=\"https://a\",service=s", "basic bearer https://a s" },
		{ "Bearer realm=\"https://a\",service=s, Basic realm=\"x\"", "basic bearer https://a s" },
		{ "Negotiate abc==, Basic realm=\"x\"", "basic - -" },
		{ "Negotiate, Basic realm=x", "basic - -" },
		{ "Bearer realm=\"a\\\"b\\\\c\"", "bearer a\"b\\c -" },
		{ "Bearer realm=\"a,Basic\"", "bearer a,Basic -" },
		{ "Bearer realm=\"open", "bad" },
		{ "Bearer realm=\"open\\", "bad" },
		{ "Bearer realm=", "bad" },
		{ "Bearer realm=\"a\" service=\"b\"", "bad" },
		{ "=", "bad" },
		{ "", "- -" },
		{ "Bearer ,,realm=a", "bearer a -" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(challenge(*state, cases[i][0]), cases[i][1]);
}

static void a_realm_is_near_within_the_registrys_domain(void **state)
{
	static const struct {
		const char *registry, *realm;
		bool near;
	} cases[] = {
		{ "registry-1.docker.io", "auth.docker.io", true },
		{ "registry.gitlab.com", "gitlab.com", true },
		{ "quay.io", "quay.io", true },
		{ "QUAY.io:443", "quay.IO", true },
		{ "127.0.0.1:5000", "127.0.0.1:5001", true },
		{ "[::1]:5000", "[::1]:5001", true },
		{ "registry-1.docker.io", "auth.docker.io.evil.com", false },
		{ "registry-1.docker.io", "evildocker.io", false },
		{ "registry-1.docker.io", "docker.io.", false },
		{ "quay.io", "evil.io", false },
		{ "quay.io", "auth.quay.io", false },
		{ "localhost:5000", "127.0.0.1:5000", false },
		{ "10.0.0.1", "11.0.0.1", false },
		{ "1.2.3.4", "x.2.3.4", false },
		{ "[::1]", "[::2]", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(realm_is_near(cases[i].registry, cases[i].realm), cases[i].near);
}

static void a_token_must_fit_a_header(void **state)
{
	static const char *const cases[][2] = {
		{ "{\"token\": \"abc\"}", "abc" },
		{ "{\"access_token\": \"abc\", \"expires_in\": 3}", "abc" },
		{ "{\"token\": \"a\\r\\nb\"}", NULL },
		{ "{\"token\": \"a b\"}", NULL },
		{ "{\"token\": \"\"}", NULL },
		{ "{\"token\": 1}", NULL },
		{ "{\"token\": \"a\", \"token\": \"b\"}", NULL },
		{ "[]", NULL },
		{ "", NULL },
	};
	struct unit *unit = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *token = token_read(cases[i][0], strlen(cases[i][0]), &unit->arena);
		if (cases[i][1])
			assert_string_equal(token, cases[i][1]);
		else
			assert_null(token);
	}
}

static void an_origin_is_a_scheme_and_a_host(void **state)
{
	static const char *const cases[][3] = {
		{ "https://Host.io/a?b", "https", "host.io" },
		{ "http://h:80/", "http", "h" },
		{ "http://h:443/", "http", "h:443" },
		{ "https://[::1]:5000/x", "https", "[::1]:5000" },
		{ "ftp://h/", NULL, NULL },
		{ "file:///etc/passwd", NULL, NULL },
		{ "https://u@h/", NULL, NULL },
		{ "https://u:p@h/", NULL, NULL },
		{ "//h/x", NULL, NULL },
		{ "/x", NULL, NULL },
		{ "", NULL, NULL },
	};
	struct unit *unit = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct origin origin;
		int r = exchange_origin(cases[i][0], &unit->arena, &origin);
		assert_int_equal(r < 0, cases[i][1] == NULL);
		if (r == 0) {
			assert_string_equal(origin.scheme, cases[i][1]);
			assert_string_equal(origin.host, cases[i][2]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(a_content_range_is_read_strictly),
		UNIT_TEST(retry_after_is_seconds_or_a_date),
		UNIT_TEST(challenges_are_read),
		UNIT_TEST(a_realm_is_near_within_the_registrys_domain),
		UNIT_TEST(a_token_must_fit_a_header),
		UNIT_TEST(an_origin_is_a_scheme_and_a_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
