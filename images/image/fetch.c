/* images/image/fetch.c: asks husk-fetch and keeps its answers until somebody wants them (images/fetch_protocol.h).
 *
 * Answers come in the order in which downloads end, and are asked for in another; so those that nobody has waited for yet
 * are in a list. */
#include "images/image/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/program.h"
#include "base/text.h"
#include "images/fetch_protocol.h"
#include "images/reference.h"

/* Room for layers that arrive while others are unpacked; what the kernel allows an ordinary user [pipe(7)]. */
enum { PIPE_BYTES = 1 << 20, TYPE_MAX = 256 };

struct answer {
	struct answer *next;
	unsigned id;
	int code; /* positive errno; 0 = done */
	unsigned next_place;
	char what[1024], hint[512];
};

struct fetch {
	int sock;     /* owned */
	int manifest; /* owned; a memfd for one at a time, made before the sandbox forbids it */
	pid_t pid;
	unsigned last_id;
	struct answer *answers; /* owned; not waited for yet */
};

/* ---- messages ---- */

static int gone(struct error *err)
{
	return error_bad(err, EPIPE, "husk-fetch has ended");
}

static int ask(struct fetch *fetch, const struct fetch_message *message, int fd, struct error *err)
{
	int r;

	if (message->len > sizeof(message->text))
		return error_bad(err, E2BIG, "what husk-fetch is asked for has too long a name");
	r = fd_send(fetch->sock, message->text, message->len, fd);
	if (r == -EPIPE || r == -ECONNRESET)
		return gone(err);
	return r < 0 ? error_sys(err, r, "ask husk-fetch") : 0;
}

static void copy(char *buf, size_t size, const char *word)
{
	size_t len = strnlen(word, size - 1);

	memcpy(buf, word, len);
	buf[len] = '\0';
}

/* The next answer, whichever it is. */
static int hear(struct fetch *fetch, struct answer *ret, struct error *err)
{
	char text[FETCH_MESSAGE_MAX];
	const char *words[FETCH_WORDS_MAX];
	uint64_t id = 0, code = 0, place = 0;
	ssize_t n;
	int count;

	do
		n = recv(fetch->sock, text, sizeof(text), 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return gone(err);
	count = fetch_message_split(text, (size_t)n, words);
	if (count < 5 || text_to_u64(words[0], 0, UINT32_MAX, &id) < 0 || text_to_u64(words[1], 0, 4095, &code) < 0 ||
		text_to_u64(words[4], 0, UINT8_MAX, &place) < 0)
		return error_bad(err, EBADMSG, "husk-fetch gave no proper answer");
	*ret = (struct answer){ .id = (unsigned)id, .code = (int)code, .next_place = (unsigned)place };
	copy(ret->what, sizeof(ret->what), words[2]);
	copy(ret->hint, sizeof(ret->hint), words[3]);
	return 0;
}

/* Takes the answer out of the list if it is there. */
static bool take(struct fetch *fetch, unsigned id, struct answer *ret)
{
	for (struct answer **at = &fetch->answers; *at; at = &(*at)->next)
		if ((*at)->id == id) {
			struct answer *found = *at;
			*at = found->next;
			*ret = *found;
			free(found);
			return true;
		}
	return false;
}

static int keep(struct fetch *fetch, const struct answer *answer, struct error *err)
{
	struct answer *kept = malloc(sizeof(*kept));

	if (!kept)
		return error_sys(err, ENOMEM, "keep an answer of husk-fetch");
	*kept = *answer;
	kept->next = fetch->answers;
	fetch->answers = kept;
	return 0;
}

/* Hears answers until that to `id` comes. */
static int hear_of(struct fetch *fetch, unsigned id, struct answer *ret, struct error *err)
{
	int r;

	for (;;) {
		r = hear(fetch, ret, err);
		if (r < 0 || ret->id == id)
			return r;
		r = keep(fetch, ret, err);
		if (r < 0)
			return r;
	}
}

/* The error of an answer that says why something failed. */
static int judge(const struct answer *answer, struct error *err)
{
	if (answer->code == 0)
		return 0;
	(void)error_bad(err, answer->code, "%s", answer->what);
	return answer->hint[0] ? error_hint(err, "%s", answer->hint) : -answer->code;
}

/* Waits for the answer to `id`. */
static int hear_about(struct fetch *fetch, unsigned id, struct answer *ret, struct error *err)
{
	return take(fetch, id, ret) ? 0 : hear_of(fetch, id, ret, err);
}

static int await(struct fetch *fetch, unsigned id, struct answer *ret, struct error *err)
{
	int r = hear_about(fetch, id, ret, err);

	return r < 0 ? r : judge(ret, err);
}

/* ---- the program ---- */

static void add_setting(struct fetch_message *message, const char *name, const char *value)
{
	if (!value)
		return;
	fetch_message_add(message, name);
	fetch_message_add(message, value);
}

static void add_number(struct fetch_message *message, const char *name, unsigned number)
{
	if (number == 0)
		return;
	fetch_message_add(message, name);
	fetch_message_add_u64(message, number);
}

static int open_registry(
	struct fetch *fetch, const struct fetch_settings *settings, const char *host, struct error *err)
{
	static const char *const words[] = { "0", "1" };
	struct fetch_message message = { .len = 0 };
	struct answer answer = { 0 };
	int r;

	fetch_message_add(&message, FETCH_OPEN);
	fetch_message_add(&message, host);
	add_setting(&message, "authfile", settings->auth_file);
	add_setting(&message, "creds", settings->creds);
	add_setting(&message, "cert-dir", settings->cert_dir);
	add_setting(&message, "config", settings->config);
	add_setting(&message, "tls-verify", settings->tls_verify < 0 ? NULL : words[settings->tls_verify > 0]);
	add_number(&message, "parallel", settings->parallel);
	add_number(&message, "retries", settings->retries);
	r = ask(fetch, &message, -1, err);
	return r < 0 ? r : await(fetch, 0, &answer, err);
}

int fetch_start(const struct fetch_settings *settings, const char *host, struct fetch **ret, struct error *err)
{
	struct fetch *fetch = calloc(1, sizeof(*fetch));
	int r;

	if (!fetch)
		return error_sys(err, ENOMEM, "start husk-fetch");
	fetch->sock = -1;
	fetch->manifest = memfd_create("manifest", MFD_CLOEXEC);
	r = fetch->manifest < 0 ? error_sys(err, errno, "make room for a manifest") : 0;
	if (r == 0)
		r = program_start("husk-fetch", &fetch->pid, &fetch->sock, err);
	if (r == 0)
		r = open_registry(fetch, settings, host, err);
	if (r < 0) {
		fetch_stop(fetch);
		return r;
	}
	*ret = fetch;
	return 0;
}

void fetch_stop(struct fetch *fetch)
{
	struct answer *next;

	if (!fetch)
		return;
	/* It has nothing to tidy up. In a sandbox that forbids this, it ends by the closed socket. */
	if (fetch->pid > 0)
		(void)kill(fetch->pid, SIGKILL);
	fd_closep(&fetch->sock);
	if (fetch->pid > 0)
		(void)program_reap(fetch->pid);
	fd_closep(&fetch->manifest);
	for (struct answer *answer = fetch->answers; answer; answer = next) {
		next = answer->next;
		free(answer);
	}
	free(fetch);
}

/* ---- requests ---- */

static unsigned begin(struct fetch *fetch, struct fetch_message *message, const char *verb,
	const struct reference *reference, unsigned place)
{
	unsigned id = ++fetch->last_id;

	message->len = 0;
	fetch_message_add(message, verb);
	fetch_message_add_u64(message, id);
	fetch_message_add(message, reference->repository);
	fetch_message_add_u64(message, place);
	return id;
}

int fetch_manifest(struct fetch *fetch, const struct reference *reference, const struct digest *digest, unsigned place,
	struct arena *arena, char **ret_text, size_t *ret_len, const char **ret_type, unsigned *ret_next,
	struct error *err)
{
	char name[DIGEST_TEXT_MAX];
	struct fetch_message message;
	struct answer answer = { 0 };
	unsigned id = begin(fetch, &message, FETCH_MANIFEST, reference, place);
	int r;

	if (lseek(fetch->manifest, 0, SEEK_SET) < 0 || ftruncate(fetch->manifest, 0) < 0)
		return error_sys(err, errno, "make room for a manifest");
	if (!digest && reference->digest.algorithm != DIGEST_NONE)
		digest = &reference->digest;
	fetch_message_add(&message, digest ? digest_text(digest, name) : reference->tag);
	r = ask(fetch, &message, fetch->manifest, err);
	if (r == 0)
		r = await(fetch, id, &answer, err);
	if (r < 0)
		return r;
	if (lseek(fetch->manifest, 0, SEEK_SET) < 0)
		return error_sys(err, errno, "go to the start of a manifest");
	*ret_next = answer.next_place;
	r = file_read_fd(fetch->manifest, "the manifest", FETCH_MANIFEST_MAX, arena, ret_text, ret_len, err);
	if (r == 0)
		*ret_type = arena_copy(arena, answer.what, strnlen(answer.what, TYPE_MAX));
	return r;
}

int fetch_blob(struct fetch *fetch, const struct reference *reference, const struct digest *digest, unsigned place,
	uint64_t size, uint64_t offset, int *ret_stream, unsigned *ret_id, struct error *err)
{
	char name[DIGEST_TEXT_MAX];
	struct fetch_message message;
	unsigned id = begin(fetch, &message, FETCH_BLOB, reference, place);
	int pipes[2], r;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return error_sys(err, errno, "make a pipe");
	cleanup_close int in = pipes[0], out = pipes[1];
	(void)fcntl(out, F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one works, too */
	fetch_message_add(&message, digest_text(digest, name));
	fetch_message_add_u64(&message, size);
	fetch_message_add_u64(&message, offset);
	r = ask(fetch, &message, out, err);
	if (r < 0)
		return r;
	*ret_stream = fd_take(&in);
	*ret_id = id;
	return 0;
}

int fetch_blob_end(struct fetch *fetch, unsigned id, unsigned *ret_next, struct error *err)
{
	struct answer answer = { 0 };
	int r = hear_about(fetch, id, &answer, err);

	*ret_next = answer.next_place;
	if (r < 0 || answer.code == EPIPE) /* we have closed it ourselves, and know why */
		return r;
	return judge(&answer, err);
}
