/* images/image/husk-image.c: everything that husk does with images but running them.
 *
 *	husk-image [--store DIR] pull|images ARGS...
 *	husk-image [--store DIR] image inspect|rm|prune|unpack|import|export|verify ARGS...
 *
 * A program of its own: its libraries are heavy, and what it reads was made by strangers. Each verb opens what it needs,
 * gives up every right that it does not need for the rest (confine.h), and only then reads the first byte of that. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "base/userns.h"
#include "images/image/output.h"
#include "images/image/verb.h"

enum { FAILURE = 125, ARENA_BYTES = 48 << 20 };

static const struct verb *const verbs[] = { &verb_pull, &verb_images, &verb_inspect, &verb_rm, &verb_prune,
	&verb_unpack, &verb_import, &verb_export, &verb_verify, &verb_fit };

static const char group[] = "image ";

struct globals {
	const char *store;
	bool help;
};

static const struct option global_options[] = {
	OPTION("store", 0, OPTION_TEXT, struct globals, store, .value = "DIR", .help = "where images are kept"),
	OPTION("help", 'h', OPTION_FLAG, struct globals, help, .help = "print this"),
};

/* ---- help ---- */

static int print_group_help(void)
{
	output_say("Usage: husk image COMMAND [ARGUMENTS]\n\n"
		   "Inspects, removes, unpacks, imports, exports and verifies images of the store.\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (text_starts_with(verbs[i]->name, group))
			output_say("  %-8s %s\n", verbs[i]->name + strlen(group), verbs[i]->summary);
	output_say("\nExamples:\n"
		   "  husk image inspect debian:13\n"
		   "  husk image COMMAND --help      more about a command\n");
	return output_end(NULL) < 0;
}

static int print_help(const struct verb *verb)
{
	output_say("Usage: husk %s %s\n\n%s\n", verb->name, verb->usage, verb->summary);
	if (verb->option_count) {
		output_say("\nOptions:\n");
		options_print(verb->options, verb->option_count);
	}
	if (verb->examples)
		output_say("\nExamples:\n%s\n", verb->examples);
	return output_end(NULL) < 0;
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

/* ---- verbs ---- */

/* Only in the namespace of a user's ids may he do anything to files of layers that belong to others than himself. */
static int find_ids(const struct verb *verb, const struct call *call, struct userns_ids *ids, struct error *err)
{
	struct error why = { 0 };
	int many = userns_ids(ids, &why) == USERNS_MANY_IDS, r = verb->ids ? verb->ids(call, ids, err) : 0;

	if (r < 0)
		return r;
	if (many)
		return verb->files == VERB_FILES_NONE ? 0 : userns_enter(ids, err);
	(void)error_at(&why, "all files of the image will belong to one user");
	if (verb->files == VERB_FILES_MADE) {
		char line[1024];
		log_line(LOG_LEVEL_WARNING, error_line(&why, line, sizeof(line)));
	}
	return 0;
}

static int act(const struct verb *verb, struct call *call, struct userns_ids *ids, struct error *err)
{
	int r = 0;

	if (geteuid() != 0) {
		call->ids = ids;
		r = find_ids(verb, call, ids, err);
	}
	(void)prctl(PR_SET_DUMPABLE, 0); /* credentials pass through; and no program may map ids for such a process */
	return r < 0 ? r : verb->run(call, err);
}

static int run(
	const struct verb *verb, const char *store, int argc, char **argv, struct arena *arena, struct error *err)
{
	const struct option_parse parse = {
		.options = verb->options,
		.count = verb->option_count,
		.owner = verb->name,
		.arena = arena,
	};
	struct userns_ids ids;
	struct call call = { .store = store, .arena = arena, .args = argv };
	void *options = arena_alloc(arena, verb->options_size);
	int r;

	if (asks_for_help(argc, argv))
		return print_help(verb);
	if (verb->defaults)
		memcpy(options, verb->defaults, verb->options_size);
	call.options = options;
	r = options_parse(&parse, argc, argv, options, &call.arg_count, err);
	if (r < 0)
		return r;
	if (call.arg_count < verb->min_args)
		(void)error_bad(err, EINVAL, "%s requires an argument: %s", verb->name, verb->usage);
	else if (call.arg_count > verb->max_args)
		(void)error_bad(err, EINVAL, "%s: unexpected argument \"%s\"", verb->name, argv[verb->max_args]);
	else
		return act(verb, &call, &ids, err);
	return error_hint(err, "try husk %s --help", verb->name);
}

static const struct verb *find(const char *name, struct error *err)
{
	const char *names[ARRAY_SIZE(verbs)], *near;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
		names[i] = verbs[i]->name;
	}
	near = text_nearest(name, names, ARRAY_SIZE(names));
	(void)error_bad(err, EINVAL, "unknown command \"%s\"", name);
	if (near)
		(void)error_hint(err, "did you mean %s? try husk image --help", near);
	(void)error_hint(err, "try husk image --help");
	return NULL;
}

static int image(int argc, char **argv, struct arena *arena, struct error *err)
{
	const struct option_parse parse = {
		.options = global_options, .count = ARRAY_SIZE(global_options), .owner = "image", .options_first = true
	};
	struct globals globals = { 0 };
	const struct verb *verb;
	const char *name;
	int count = 0, words = 1, r = options_parse(&parse, argc, argv, &globals, &count, err);

	if (r < 0)
		return r;
	if (globals.help || count == 0 || (strcmp(argv[0], "image") == 0 && (count < 2 || argv[1][0] == '-')))
		return print_group_help();
	name = argv[0];
	if (strcmp(name, "image") == 0) {
		name = strcmp(argv[1], "ls") == 0 ? "images" : arena_printf(arena, "%s%s", group, argv[1]);
		words = 2;
	}
	verb = find(name, err);
	if (!verb)
		return err->code;
	if (!globals.store)
		return error_bad(err, EINVAL, "--store is missing");
	return run(verb, globals.store, count - words, argv + words, arena, err);
}

#ifdef __SANITIZE_ADDRESS__ /* its search for leaks looks into the process from outside, which nothing may by then */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

int main(int argc, char **argv)
{
	struct error err = { 0 };
	struct arena arena;
	int r;

	arena_init(&arena);
	arena.limit = ARENA_BYTES;
	(void)umask(0); /* a layer says what its files are; whatever else is made here is 0600 or 0700 */
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN },
		NULL); /* a reader that goes away is an error of the writer's */
	r = fd_open_missing_stdio(&err);
	if (r == 0)
		r = log_open(NULL, LOG_FORMAT_TEXT, LOG_LEVEL_WARNING, &err);
	if (r == 0)
		r = image(argc - 1, argv + 1, &arena, &err);
	if (r < 0)
		log_error(&err);
	arena_done(&arena);
	return r < 0 ? err.exit_status ? err.exit_status : FAILURE : r;
}
