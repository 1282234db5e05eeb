/* Command lines against a table. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "base/error.h"
#include "base/options.h"

static const char *const colours[] = { "red", "green", NULL };

struct target {
	struct option_list things;
	bool flag, all;
	const char *name;
	unsigned number, colour;
};

static const struct option options[] = {
	OPTION("flag", 'f', OPTION_FLAG, struct target, flag, .help = ""),
	OPTION("all", 'a', OPTION_FLAG, struct target, all, .help = ""),
	OPTION("name", 'n', OPTION_TEXT, struct target, name, .value = "NAME", .help = ""),
	OPTION("number", 0, OPTION_NUMBER, struct target, number, .value = "N", .help = ""),
	OPTION("thing", 't', OPTION_LIST, struct target, things, .value = "THING", .help = ""),
	OPTION("colour", 'c', OPTION_CHOICE, struct target, colour, .value = "C", .choices = colours, .help = ""),
};

/* "flag all name number colour | positionals", or the error. */
static const char *parsed(const char *line, bool options_first)
{
	static char buf[512];
	struct arena arena;
	const struct option_parse parse = { options, ARRAY_SIZE(options), "paint", options_first, &arena, NULL };
	struct target target = { 0 };
	struct error err = { 0 };
	struct text text;
	char copy[256], *argv[16];
	int argc = 0, count = 0;

	arena_init(&arena);
	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	if (options_parse(&parse, argc, argv, &target, &count, &err) < 0)
		return error_line(&err, buf, sizeof(buf));
	text_init(&text, buf, sizeof(buf));
	text_add(&text, "%d %d %s %u %s |", target.flag, target.all, target.name ? target.name : "-", target.number,
		colours[target.colour]);
	for (int i = 0; i < count; i++)
		text_add(&text, " %s", argv[i]);
	assert_null(argv[count]);
	for (size_t i = 0; i < target.things.count; i++)
		text_add(&text, " +%s", target.things.items[i]);
	arena_done(&arena);
	return buf;
}

static void options_are_spelled_as_people_know_them(void **state)
{
	static const struct {
		const char *line, *parsed;
	} cases[] = {
		{ "", "0 0 - 0 red |" },
		{ "--flag --name x --number 7 --colour green", "1 0 x 7 green |" },
		{ "--flag=true --name=x --number=7 -c=green", "1 0 x 7 green |" },
		{ "--flag --flag=false", "0 0 - 0 red |" },
		{ "-fa -nx", "1 1 x 0 red |" },
		{ "-fan x", "1 1 x 0 red |" },
		{ "-name x", "0 0 x 0 red |" },
		{ "--name=", "0 0  0 red |" },
		{ "a --flag b", "1 0 - 0 red | a b" },
		{ "a -- --flag b", "0 0 - 0 red | a --flag b" },
		{ "-", "0 0 - 0 red | -" },
		{ "-t a --thing b --thing=c d", "0 0 - 0 red | d +a +b +c" },
		{ "--name --flag", "0 0 --flag 0 red |" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(parsed(cases[i].line, false), cases[i].parsed);
	assert_string_equal(parsed("a --flag b", true), "0 0 - 0 red | a --flag b");
}

static void mistakes_are_told_with_what_would_be_right(void **state)
{
	static const struct {
		const char *line, *error;
	} cases[] = {
		{ "--nam x", "unknown option --nam for paint (did you mean --name? try husk paint --help)" },
		{ "--zzzzzz", "unknown option --zzzzzz for paint (try husk paint --help)" },
		{ "-x", "unknown option -x for paint (try husk paint --help)" },
		{ "--name", "option --name requires an argument: NAME (try husk paint --help)" },
		{ "--number -1", "--number: expected a number, found \"-1\"" },
		{ "--number 4294967296", "--number: expected a number, found \"4294967296\"" },
		{ "--flag=maybe", "--flag: expected true or false, found \"maybe\"" },
		{ "--colour blue", "--colour: expected one of red, green, found \"blue\"" },
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(parsed(cases[i].line, false), cases[i].error);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(options_are_spelled_as_people_know_them),
	UNIT_TEST(mistakes_are_told_with_what_would_be_right),
};
UNIT_MAIN(tests)
