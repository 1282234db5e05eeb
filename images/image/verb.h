/* images/image/verb.h: a command of husk-image, as data. */
#pragma once
#include <stddef.h>

#include "base/options.h"
struct arena;
struct error;
struct userns_ids;

struct call {
	const char *store; /* the path */
	struct arena *arena;
	const void *options; /* of the verb's own struct */
	char **args;
	int arg_count;
	const struct userns_ids
		*ids; /* of a user: what the ids of files become, in whose namespace this is; NULL = root */
};

/* What a command has to do with the files of layers, which belong to the ids of a user's, if he has any. */
enum verb_files {
	VERB_FILES_NONE,
	VERB_FILES_USED,
	VERB_FILES_MADE, /* a user with one id is told that all of them will have it */
};

struct verb {
	const char *name;  /* "pull", "image rm" */
	const char *usage; /* after the name */
	const char *summary;
	const char *examples; /* lines, or NULL */
	const struct option *options;
	size_t option_count, options_size;
	const void *defaults; /* what the options are before any is given; NULL = zeros */
	int min_args, max_args;
	enum verb_files files;
	/* Changes the order of the ids in whose namespace a user's command runs; NULL = as they are. */
	int (*ids)(const struct call *call, struct userns_ids *ids, struct error *err);
	/* The exit status, or a negative errno. */
	int (*run)(const struct call *call, struct error *err);
};

extern const struct verb verb_pull, verb_images, verb_inspect, verb_rm, verb_prune, verb_unpack, verb_import,
	verb_export, verb_verify, verb_fit;
