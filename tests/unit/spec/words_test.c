/* Words of configs and command lines to numbers, and back. */
#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "base/error.h"
#include "spec/spec.h"

static void signals_are_known_by_any_of_their_names(void **state)
{
	static const struct {
		const char *word;
		int signal;
	} cases[] = {
		{ "TERM", SIGTERM },
		{ "SIGTERM", SIGTERM },
		{ "sigterm", SIGTERM },
		{ "15", SIGTERM },
		{ "KILL", SIGKILL },
		{ "SIGUSR1", SIGUSR1 },
		{ "64", 64 },
		{ "0", 0 },
		{ "65", -1 },
		{ "-1", -1 },
		{ "SIG", -1 },
		{ "", -1 },
		{ "TERMX", -1 },
		{ "9x", -1 },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (word_signal(cases[i].word) != cases[i].signal)
			fail_msg("%s is %d", cases[i].word, word_signal(cases[i].word));
	assert_int_equal(word_signal("RTMIN+3"), SIGRTMIN + 3);
	assert_int_equal(word_signal("SIGRTMAX-1"), SIGRTMAX - 1);
	assert_string_equal(word_signal_name(SIGINT), "SIGINT");
	assert_null(word_signal_name(1000));
}

static void capabilities_and_limits_go_both_ways(void **state)
{
	(void)state;

	assert_int_equal(word_capability("CAP_CHOWN"), 0);
	assert_string_equal(word_capability_name(0), "CAP_CHOWN");
	assert_int_equal(word_capability("CAP_NOTHING"), -1);
	assert_null(word_capability_name(word_capability_last() + 1));
	for (int cap = 0; cap <= word_capability_last(); cap++)
		assert_int_equal(word_capability(word_capability_name(cap)), cap);
	assert_int_equal(word_rlimit("RLIMIT_NOFILE"), RLIMIT_NOFILE);
	assert_string_equal(word_rlimit_name(RLIMIT_AS), "RLIMIT_AS");
	assert_int_equal(word_rlimit("NOFILE"), -1);
}

static void mount_attributes_are_said_in_words(void **state)
{
	char buf[128];
	(void)state;

	assert_string_equal(word_mount_attrs(MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY, 0, buf, sizeof(buf)), "nosuid,ro");
	assert_string_equal(word_mount_attrs(0, 0, buf, sizeof(buf)), "");
}

static void every_mount_option_is_listed_once(void **state)
{
	const char *word;
	(void)state;

	for (size_t i = 0; (word = word_mount_option(i)); i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(word, word_mount_option(j));
}

static void an_id_is_a_plain_word(void **state)
{
	static const char *const good[] = { "a", "web-1", "A_b.c+d", "0" };
	static const char *const bad[] = { "", ".", "..", ".hidden", "a/b", "a b", "a\n", "\xc3\xbc", "a:b" };
	char name[257];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(spec_check_id(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(spec_check_id(bad[i], NULL) < 0);
	memset(name, 'x', sizeof(name));
	name[256] = '\0';
	assert_true(spec_check_id(name, NULL) < 0);
	name[255] = '\0';
	assert_int_equal(spec_check_id(name, NULL), 0);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(signals_are_known_by_any_of_their_names),
	UNIT_TEST(capabilities_and_limits_go_both_ways),
	UNIT_TEST(mount_attributes_are_said_in_words),
	UNIT_TEST(every_mount_option_is_listed_once),
	UNIT_TEST(an_id_is_a_plain_word),
};
UNIT_MAIN(tests)
