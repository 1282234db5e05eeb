/* images/fetch/server.c: requests in, answers out, and in between whatever has something to do.
 *
 * One round: begin what may begin, let libcurl work, take what has ended, answer, then wait for a socket of libcurl's, for a
 * request, for room in the pipe of a paused job, or for the time of the next try. */
#include "images/fetch/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "images/fetch_protocol.h"

enum { WAIT_MAX_MS = 60000 };

struct server {
	struct fetcher *fetcher;
	int sock;         /* borrowed */
	struct job *jobs; /* in the order of asking */
	unsigned count;
	bool full; /* of answers: the socket takes no more for now */
};

/* ---- answers ---- */

int serve_answer(int sock, unsigned id, const struct error *err, const char *text, int next_place)
{
	struct fetch_message message = { .len = 0 };
	char line[sizeof(err->what) + sizeof(err->where)];
	struct error told = *err;

	fetch_message_add_u64(&message, id);
	fetch_message_add_u64(&message, (uint64_t)-err->code);
	told.hint[0] = '\0';
	fetch_message_add(&message, err->code ? error_line(&told, line, sizeof(line)) : text);
	fetch_message_add(&message, err->hint);
	fetch_message_add_u64(&message, (uint64_t)next_place);
	if (send(sock, message.text, message.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return -errno;
	return 0;
}

/* Those that are done and can be told leave the list. */
static int answer_done(struct server *server)
{
	struct job **at = &server->jobs;

	server->full = false;
	while (*at) {
		struct job *job = *at;
		int r;
		if (job->phase != JOB_DONE) {
			at = &job->next;
			continue;
		}
		r = serve_answer(server->sock, job->id, &job->err, job->type ? job->type : "", job_next_place(job));
		if (r == -EAGAIN)
			return server->full = true, 0;
		if (r < 0)
			return r;
		*at = job->next;
		job_free(job);
		server->count--;
	}
	return 0;
}

/* ---- requests ---- */

static void append(struct server *server, struct job *job)
{
	struct job **at = &server->jobs;

	while (*at)
		at = &(*at)->next;
	*at = job;
	server->count++;
}

static int make_job(struct server *server, const char *const *words, int count, int *out, struct error *err)
{
	uint64_t id = 0, place = 0, size = 0, offset = 0;
	enum job_kind kind = strcmp(words[0], FETCH_BLOB) == 0 ? JOB_BLOB : JOB_MANIFEST;
	struct job *job;
	int r;

	if (count < (kind == JOB_BLOB ? 7 : 5) || text_to_u64(words[1], 1, UINT32_MAX, &id) < 0 || *out < 0 ||
		text_to_u64(words[3], 0, PLACES_MAX, &place) < 0 ||
		(kind == JOB_MANIFEST && strcmp(words[0], FETCH_MANIFEST) != 0) ||
		(kind == JOB_BLOB &&
			(text_to_u64(words[5], 0, INT64_MAX, &size) < 0 ||
				text_to_u64(words[6], 0, INT64_MAX, &offset) < 0)))
		return error_bad(err, EBADMSG, "a request that husk-fetch does not understand");
	if (kind == JOB_BLOB && fcntl(*out, F_SETFL, O_NONBLOCK) < 0)
		return error_sys(err, errno, "use a pipe");
	r = job_new(server->fetcher, kind, (unsigned)id, words[2], (int)place, words[4], size, offset, out, &job, err);
	if (r == 0)
		append(server, job);
	else
		r = serve_answer(server->sock, (unsigned)id, err, "", 0);
	return r;
}

/* 1: more may come; 0: the other end is closed. */
static int hear(struct server *server, struct error *err)
{
	char text[FETCH_MESSAGE_MAX];
	const char *words[FETCH_WORDS_MAX];
	int fd = -1, count;
	ssize_t n = fd_receive(server->sock, text, sizeof(text), &fd);
	cleanup_close int out = fd;

	if (n == 0 || n == -ECONNRESET)
		return 0;
	if (n < 0)
		return error_sys(err, (int)n, "hear a request");
	count = fetch_message_split(text, (size_t)n, words);
	if (count < 1)
		return error_bad(err, EBADMSG, "a request that husk-fetch does not understand");
	count = make_job(server, words, count, &out, err);
	return count < 0 ? count : 1;
}

/* ---- rounds ---- */

static bool is_moving(const struct job *job)
{
	return job->kind == JOB_BLOB && job->phase != JOB_QUEUED && job->phase != JOB_DONE;
}

static void begin_jobs(struct server *server)
{
	unsigned moving = 0;
	int64_t now = clock_ms();

	for (const struct job *job = server->jobs; job; job = job->next)
		moving += is_moving(job);
	for (struct job *job = server->jobs; job; job = job->next) {
		if (job->phase == JOB_WAITING && job->due_ms <= now)
			job_begin(job);
		if (job->phase != JOB_QUEUED)
			continue;
		if (job->kind == JOB_MANIFEST || moving < server->fetcher->registries.parallel)
			job_begin(job);
		moving += is_moving(job);
	}
}

static void take_finished(struct server *server)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(server->fetcher->multi, &left))) {
		CURLcode code = message->data.result;
		char *job = NULL;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &job);
		if (message->msg == CURLMSG_DONE)
			job_finished((struct job *)job, code);
	}
}

static bool has_work(const struct server *server)
{
	for (const struct job *job = server->jobs; job; job = job->next)
		if (job->phase == JOB_DONE && !server->full)
			return true;
	return false;
}

static int wait_ms(const struct server *server)
{
	int64_t now = clock_ms(), wait = has_work(server) ? 0 : WAIT_MAX_MS;

	for (const struct job *job = server->jobs; job; job = job->next)
		if (job->phase == JOB_WAITING && job->due_ms - now < wait)
			wait = job->due_ms > now ? job->due_ms - now : 0;
	return (int)wait;
}

/* The first is our socket, the rest the pipes of paused jobs, in their order. */
static unsigned gather_waits(const struct server *server, struct pollfd *waits)
{
	unsigned count = 1;

	waits[0] = (struct pollfd){ .fd = server->sock };
	if (server->count < FETCH_REQUESTS_MAX)
		waits[0].events |= POLLIN;
	if (server->full)
		waits[0].events |= POLLOUT;
	for (const struct job *job = server->jobs; job; job = job->next)
		if (job->paused)
			waits[count++] = (struct pollfd){ .fd = job->out, .events = POLLOUT };
	return count;
}

/* Waits for these and for libcurl's own. What happened is asked for again, since libcurl does not tell of a pipe whose reader
 * has gone. */
static int wait_for(struct server *server, struct pollfd *waits, unsigned count, struct error *err)
{
	struct curl_waitfd shown[FETCH_REQUESTS_MAX + 1];

	for (unsigned i = 0; i < count; i++) {
		shown[i] = (struct curl_waitfd){ .fd = waits[i].fd };
		shown[i].events |= waits[i].events & POLLIN ? CURL_WAIT_POLLIN : 0;
		shown[i].events |= waits[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0;
	}
	if (curl_multi_poll(server->fetcher->multi, shown, count, wait_ms(server), NULL) != CURLM_OK)
		return error_bad(err, EIO, "libcurl cannot wait");
	if (poll(waits, count, 0) < 0 && errno != EINTR)
		return error_sys(err, errno, "wait");
	return 0;
}

static void resume_jobs(struct server *server, const struct pollfd *waits)
{
	for (struct job *job = server->jobs; job; job = job->next)
		if (job->paused && (++waits)->revents)
			job_resume(job);
}

static int one_round(struct server *server, struct error *err)
{
	struct pollfd waits[FETCH_REQUESTS_MAX + 1];
	int running, r;

	begin_jobs(server);
	if (curl_multi_perform(server->fetcher->multi, &running) != CURLM_OK)
		return error_bad(err, EIO, "libcurl cannot go on");
	take_finished(server);
	r = answer_done(server);
	if (r < 0)
		return r == -EPIPE ? 0 : error_sys(err, r, "answer");
	r = wait_for(server, waits, gather_waits(server, waits), err);
	if (r < 0)
		return r;
	resume_jobs(server, waits);
	return waits[0].revents & ~POLLOUT ? hear(server, err) : 1;
}

int serve(struct fetcher *fetcher, int sock, struct error *err)
{
	struct server server = { .fetcher = fetcher, .sock = sock };
	int r;

	do
		r = one_round(&server, err);
	while (r > 0);
	return r; /* what is left of jobs ends with the program */
}
