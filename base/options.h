/* base/options.h: the command line as data.
 *
 * A command's options are a table; parsing, messages and help come from it. The grammar is the one that callers and
 * people of runc, crun and docker know: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, flags with =true or =false, "--"
 * ends options. An abbreviation is refused, since it would change its meaning when an option is added. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
struct arena;
struct error;

enum option_kind {
	OPTION_FLAG,   /* bool */
	OPTION_TEXT,   /* const char * */
	OPTION_NUMBER, /* unsigned */
	OPTION_CHOICE, /* unsigned: index into `choices` */
	OPTION_LIST,   /* struct option_list: may be given many times */
};

struct option_list {
	const char **items;
	size_t count;
};

struct option {
	const char *name;
	char letter; /* 0 = none */
	enum option_kind kind;
	size_t offset;              /* in the struct that is filled */
	const char *value;          /* the word in help: "FILE" */
	const char *const *choices; /* NULL-terminated */
	const char *help;
	const char *heading; /* a group of options begins with this one; NULL */
	bool first_ends;     /* once it is given, the first positional ends the options */
};

#define OPTION(name_, letter_, kind_, type, member, ...)                                                               \
	{                                                                                                              \
		.name = (name_), .letter = (letter_), .kind = (kind_), .offset = offsetof(type, member), __VA_ARGS__   \
	}

/* Fills `target` from argv[*at] on and moves *at past the options; positionals are moved to the front of argv, where
 * they may be mixed, counted in *ret_count and ended by a NULL. `owner` names the command in messages; "" for the options before it. */
struct option_parse {
	const struct option *options;
	size_t count;
	const char *owner;
	bool options_first;
	struct arena *arena; /* for lists */
	bool *ret_help;      /* --help was met, and nothing behind it looked at; NULL: it is an option like others */
};
int options_parse(
	const struct option_parse *parse, int argc, char **argv, void *target, int *ret_count, struct error *err);

/* The lines of help. */
void options_print(const struct option *options, size_t count);
