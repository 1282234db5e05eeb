/* images/fetch/credentials.c: which files and helpers are asked, and what is chosen of their answers. */
#include "images/fetch/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/program.h"
#include "base/text.h"
#include "spec/json.h"

enum { FILES_MAX = 5, ANSWER_MAX = 64 << 10 };

/* ---- files ---- */

static void add(
	struct arena *arena, const char *files[FILES_MAX], size_t *count, const char *variable, const char *rest)
{
	const char *folder = getenv(variable);

	if (folder && *folder == '/')
		files[(*count)++] = arena_printf(arena, "%s/%s", folder, rest);
}

/* In the order of trial. One that was asked for by name must be there. */
static size_t candidates(const char *auth_file, struct arena *arena, const char *files[FILES_MAX], bool *ret_asked_for)
{
	const char *named = auth_file ? auth_file : getenv("REGISTRY_AUTH_FILE"), *config = getenv("XDG_CONFIG_HOME");
	size_t count = 0;

	*ret_asked_for = named && *named;
	if (*ret_asked_for) {
		files[0] = named;
		return 1;
	}
	add(arena, files, &count, "XDG_RUNTIME_DIR", "containers/auth.json");
	if (config && *config == '/')
		add(arena, files, &count, "XDG_CONFIG_HOME", "containers/auth.json");
	else
		add(arena, files, &count, "HOME", ".config/containers/auth.json");
	add(arena, files, &count, "DOCKER_CONFIG", "config.json");
	add(arena, files, &count, "HOME", ".docker/config.json");
	return count;
}

/* Links are followed, since people keep such files in a repository of their own and link to them; but what is reached must be
 * a file that nobody else could have written. Who names a file may name one of another owner, as root may a user's. */
static int check_owner(
	int fd, const char *name, bool asked_for, struct arena *arena, const char **ret_warning, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "look at %s", name);
	if (!S_ISREG(st.st_mode))
		return error_bad(err, EINVAL, "%s is not a regular file", name);
	if (!asked_for && st.st_uid != geteuid() && st.st_uid != 0) {
		(void)error_bad(err, EPERM, "%s belongs to user %u", name, st.st_uid);
		return error_hint(err, "--authfile takes it all the same");
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		(void)error_bad(err, EPERM, "%s can be written by others", name);
		return error_hint(err, "chmod 600 it");
	}
	if (st.st_mode & (S_IRGRP | S_IROTH))
		*ret_warning =
			arena_printf(arena, "%s holds credentials and can be read by others (chmod 600 it)", name);
	return 0;
}

static int read_file(const char *name, bool asked_for, struct arena *arena, struct auth_file *ret,
	const char **ret_warning, struct error *err)
{
	cleanup_close int fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char *text = "";
	size_t len = 0;
	int r;

	if (fd < 0 && !asked_for && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		return 0;
	if (fd < 0)
		return error_sys(err, errno, "open %s", name);
	r = check_owner(fd, name, asked_for, arena, ret_warning, err);
	if (r == 0)
		r = file_read_fd(fd, name, CREDENTIALS_MAX_BYTES, arena, &text, &len, err);
	return r < 0 ? r : auth_file_parse(text, len, name, arena, ret, err);
}

/* ---- helpers ---- */

/* {"ServerURL": ..., "Username": U, "Secret": S}; the user "<token>" means that the secret is an identity token. */
static int read_answer(
	const char *text, const char *program, struct arena *arena, struct credentials *ret, struct error *err)
{
	const struct json *top = NULL;
	const char *user, *secret;
	struct faults faults;

	faults_init(&faults, arena, program);
	if (json_parse(text, strlen(text), arena, &top, &faults) < 0 || faults.first || top->kind != JSON_OBJECT)
		return error_bad(err, EBADMSG, "%s gave no JSON object", program);
	user = json_member_text(top, "Username", NULL);
	secret = json_member_text(top, "Secret", NULL);
	if (!user || !secret)
		return error_bad(err, EBADMSG, "%s gave no Username and Secret", program);
	*ret = (struct credentials){ .user = user, .password = secret, .source = program };
	if (strcmp(user, "<token>") == 0)
		*ret = (struct credentials){ .identity_token = secret, .source = program };
	return 0;
}

/* Adds its answer to the entries; a helper that has none for this registry says so by its exit status. */
static int ask_helper(
	const char *helper, const char *host, struct arena *arena, struct credentials_known *known, struct error *err)
{
	const char *program = arena_printf(arena, "docker-credential-%s", helper);
	/* docker's own name for its registry */
	const char *server = strcmp(host, "docker.io") == 0 ? "https://index.docker.io/v1/" : host;
	struct credentials_entry *entry = ARENA_NEW(arena, struct credentials_entry);
	char *const argv[] = { (char *)program, "get", NULL };
	char *text;
	int status = 0, r = program_feed(argv, server, ANSWER_MAX, arena, &text, &status, err);

	if (r < 0 || status != 0)
		return r;
	r = read_answer(text, program, arena, &entry->is, err);
	if (r < 0)
		return r;
	entry->key = host;
	entry->next = known->entries;
	known->entries = entry;
	return 0;
}

/* ---- together ---- */

static bool belongs_to(const char *key, const char *host)
{
	size_t len = strlen(host);

	return strncmp(key, host, len) == 0 && (key[len] == '\0' || key[len] == '/');
}

/* What one file knows of the host. */
static int choose(const struct auth_file *file, const char *host, struct arena *arena, struct credentials_known *known,
	struct error *err)
{
	for (const struct credentials_entry *from = file->entries; from; from = from->next) {
		if (!belongs_to(from->key, host))
			continue;
		struct credentials_entry *entry = ARENA_NEW(arena, struct credentials_entry);
		*entry = *from;
		entry->next = known->entries;
		known->entries = entry;
	}
	if (known->entries)
		return 0;
	for (const struct credentials_helper *helper = file->helpers; helper; helper = helper->next)
		if (!helper->host || strcmp(helper->host, host) == 0)
			return ask_helper(helper->name, host, arena, known, err);
	return 0;
}

int credentials_load(
	const char *auth_file, const char *host, struct arena *arena, struct credentials_known *ret, struct error *err)
{
	struct credentials_known known = { 0 };
	const char *files[FILES_MAX];
	bool asked_for;
	size_t count = candidates(auth_file, arena, files, &asked_for);

	for (size_t i = 0; i < count && !known.entries; i++) {
		struct auth_file file = { 0 };
		const char *warning = NULL;
		int r = read_file(files[i], asked_for, arena, &file, &warning, err);
		if (r == 0)
			r = choose(&file, host, arena, &known, err);
		if (r < 0)
			return r;
		if (known.entries)
			known.warning = warning;
	}
	*ret = known;
	return 0;
}

const struct credentials *credentials_find(
	const struct credentials_entry *entries, const char *host, const char *repository)
{
	const struct credentials_entry *best = NULL;
	size_t host_len = strlen(host);

	for (const struct credentials_entry *entry = entries; entry; entry = entry->next) {
		if (!belongs_to(entry->key, host))
			continue;
		const char *part = entry->key + host_len + (entry->key[host_len] == '/');
		bool fits = !*part || belongs_to(repository, part);
		if (fits && (!best || strlen(entry->key) > strlen(best->key)))
			best = entry;
	}
	return best ? &best->is : NULL;
}
