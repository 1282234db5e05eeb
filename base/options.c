/* base/options.c: argv against a table. */
#include "base/options.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

enum { MAX_OPTIONS = 192 };

/* ---- errors ---- */

static int try_help(const struct option_parse *parse, struct error *err)
{
	return error_hint(err, "try husk%s%s --help", *parse->owner ? " " : "", parse->owner);
}

static int unknown(const struct option_parse *parse, const char *arg, size_t len, struct error *err)
{
	const char *names[MAX_OPTIONS], *near;
	char word[64];

	(void)snprintf(word, sizeof(word), "%.*s", (int)(len - strspn(arg, "-")), arg + strspn(arg, "-"));
	size_t count = parse->count < MAX_OPTIONS ? parse->count : MAX_OPTIONS;
	for (size_t i = 0; i < count; i++)
		names[i] = parse->options[i].name;
	near = text_nearest(word, names, count);
	(void)error_bad(
		err, EINVAL, "unknown option %.*s%s%s", (int)len, arg, *parse->owner ? " for " : "", parse->owner);
	if (near)
		return error_hint(
			err, "did you mean --%s? try husk%s%s --help", near, *parse->owner ? " " : "", parse->owner);
	return try_help(parse, err);
}

/* ---- values ---- */

static int set_flag(bool *flag, const char *value)
{
	static const char *const yes[] = { "1", "t", "true", "yes" }, *const no[] = { "0", "f", "false", "no" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (!value || strcasecmp(value, yes[i]) == 0)
			return *flag = true, 0;
		if (strcasecmp(value, no[i]) == 0)
			return *flag = false, 0;
	}
	return -EINVAL;
}

static int set_choice(const struct option *option, unsigned *choice, const char *value)
{
	for (unsigned i = 0; option->choices[i]; i++)
		if (strcmp(option->choices[i], value) == 0)
			return *choice = i, 0;
	return -EINVAL;
}

static int set_number(unsigned *number, const char *value)
{
	uint64_t parsed;
	int r = text_to_u64(value, 0, INT32_MAX, &parsed);

	if (r == 0)
		*number = (unsigned)parsed;
	return r;
}

struct walk_args {
	const struct option_parse *parse;
	char **argv;
	int argc, at;
	bool first_ends;
	void *target;
};

static void add_to_list(struct option_list *list, const char *value, const struct walk_args *walk)
{
	if (!list->items)
		list->items = ARENA_ARRAY(walk->parse->arena, (size_t)walk->argc + 1, const char *);
	list->items[list->count++] = value;
}

static int set_value(const struct walk_args *walk, const struct option *option, const char *value)
{
	void *member = (char *)walk->target + option->offset;

	switch (option->kind) {
	case OPTION_FLAG: return set_flag(member, value);
	case OPTION_NUMBER: return set_number(member, value);
	case OPTION_CHOICE: return set_choice(option, member, value);
	case OPTION_LIST: add_to_list(member, value, walk); return 0;
	case OPTION_TEXT: break;
	}
	*(const char **)member = value;
	return 0;
}

static int bad_value(const struct option *option, const char *value, struct error *err)
{
	char wants[256] = "";
	struct text text;

	text_init(&text, wants, sizeof(wants));
	if (option->kind == OPTION_CHOICE)
		for (unsigned i = 0; option->choices[i]; i++)
			text_add(&text, "%s%s", i ? ", " : "one of ", option->choices[i]);
	else
		text_add(&text, "%s", option->kind == OPTION_FLAG ? "true or false" : "a number");
	return error_bad(err, EINVAL, "--%s: expected %s, found \"%s\"", option->name, wants, value);
}

/* ---- the walk over argv ---- */

static const struct option *find_long(const struct option_parse *parse, const char *name, size_t len)
{
	for (size_t i = 0; i < parse->count; i++)
		if (strlen(parse->options[i].name) == len && strncmp(parse->options[i].name, name, len) == 0)
			return &parse->options[i];
	return NULL;
}

static const struct option *find_letter(const struct option_parse *parse, char letter)
{
	for (size_t i = 0; i < parse->count; i++)
		if (letter && parse->options[i].letter == letter)
			return &parse->options[i];
	return NULL;
}

/* `attached`: what followed in the same word, or NULL. */
static int take(struct walk_args *walk, const struct option *option, const char *attached, struct error *err)
{
	const char *value = attached;

	if (!value && option->kind != OPTION_FLAG) {
		if (walk->at >= walk->argc) {
			(void)error_bad(
				err, EINVAL, "option --%s requires an argument: %s", option->name, option->value);
			return try_help(walk->parse, err);
		}
		value = walk->argv[walk->at++];
	}
	walk->first_ends = walk->first_ends || option->first_ends;
	return set_value(walk, option, value) < 0 ? bad_value(option, value, err) : 0;
}

/* "--name", "--name=value"; "-name" too, as some callers write it. */
static int take_long(struct walk_args *walk, const char *arg, bool *ret_found, struct error *err)
{
	const char *name = arg + strspn(arg, "-");
	size_t len = strcspn(name, "=");
	const struct option *option = find_long(walk->parse, name, len);

	*ret_found = option != NULL;
	return option ? take(walk, option, name[len] ? name + len + 1 : NULL, err) : 0;
}

/* "-b", "-bVALUE", "-b=VALUE", and flags in a row. */
static int take_letters(struct walk_args *walk, const char *arg, struct error *err)
{
	for (const char *letter = arg + 1; *letter; letter++) {
		const struct option *option = find_letter(walk->parse, *letter);
		if (!option)
			return unknown(walk->parse, arg, strcspn(arg, "="), err);
		if (option->kind == OPTION_FLAG && letter[1] != '=') {
			(void)set_value(walk, option, NULL);
			continue;
		}
		return take(walk, option, letter[1] == '=' ? letter + 2 : letter[1] ? letter + 1 : NULL, err);
	}
	return 0;
}

static int take_option(struct walk_args *walk, const char *arg, struct error *err)
{
	bool found;
	int r = take_long(walk, arg, &found, err);

	if (r < 0 || found)
		return r;
	if (arg[1] == '-')
		return unknown(walk->parse, arg, strcspn(arg, "="), err);
	return take_letters(walk, arg, err);
}

int options_parse(
	const struct option_parse *parse, int argc, char **argv, void *target, int *ret_count, struct error *err)
{
	struct walk_args walk = { .parse = parse, .argv = argv, .argc = argc, .target = target };
	int count = 0;

	walk.first_ends = parse->options_first;
	while (walk.at < argc) {
		char *arg = argv[walk.at++];
		bool ends = strcmp(arg, "--") == 0;
		if (parse->ret_help && strcmp(arg, "--help") == 0) {
			*parse->ret_help = true;
			return 0;
		}
		if (arg[0] == '-' && arg[1] && !ends) {
			int r = take_option(&walk, arg, err);
			if (r < 0)
				return r;
			continue;
		}
		if (!ends)
			argv[count++] = arg;
		if (ends || walk.first_ends)
			break;
	}
	while (walk.at < argc)
		argv[count++] = argv[walk.at++];
	argv[count] = NULL; /* as argv[argc] is: execve(2) takes it so */
	*ret_count = count;
	return 0;
}

void options_print(const struct option *options, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char left[64], letter[8] = "    ";
		if (options[i].heading)
			(void)printf("\n%s:\n", options[i].heading);
		if (options[i].letter)
			(void)snprintf(letter, sizeof(letter), "-%c, ", options[i].letter);
		(void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, options[i].name, options[i].value ? " " : "",
			options[i].value ? options[i].value : "");
		(void)printf("  %-30s %s\n", left, options[i].help);
	}
}
