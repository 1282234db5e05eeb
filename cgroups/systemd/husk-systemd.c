/* cgroups/systemd/husk-systemd.c: asks systemd over D-Bus for what husk wants [org.freedesktop.systemd1(5)].
 *
 * See cgroups/systemd_protocol.h. Everything in a request was checked by husk; what systemd thinks of it, it says. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/systemd_protocol.h"

#define SYSTEMD         "org.freedesktop.systemd1"
#define MANAGER         SYSTEMD ".Manager"
#define MANAGER_PATH    "/org/freedesktop/systemd1"
#define ARRAY_SIZE(a)   (sizeof(a) / sizeof((a)[0]))
#define US_PER_MS       1000ULL
#define cleanup_message __attribute__((cleanup(sd_bus_message_unrefp)))
#define cleanup_error   __attribute__((cleanup(sd_bus_error_free)))

/* ---- requests ---- */

struct request {
	char text[SYSTEMD_MESSAGE_MAX + 1];
	size_t len;
	const char *verb, *unit;
	bool user;
	const char *properties; /* the first of the triples, or what else the verb needs; ends at text + len */
};

/* The string after `at`, or NULL. */
static const char *next(const struct request *request, const char *at)
{
	const char *end = request->text + request->len;

	at += strlen(at) + 1;
	return at < end ? at : NULL;
}

static int parse(struct request *request)
{
	const char *manager;

	request->verb = request->text;
	if (request->len == 0 || request->text[request->len - 1] != '\0')
		return -EBADMSG;
	manager = next(request, request->verb);
	request->unit = manager ? next(request, manager) : NULL;
	if (!request->unit)
		return -EBADMSG;
	request->user = strcmp(manager, "user") == 0;
	request->properties = next(request, request->unit);
	return 0;
}

/* ---- answers ---- */

static void answer(int code, const char *text)
{
	char buf[1024];
	int len = snprintf(buf, sizeof(buf), "%d%c%s", code < 0 ? -code : code, '\0', text);

	if (len >= (int)sizeof(buf))
		len = sizeof(buf) - 1;
	(void)send(STDOUT_FILENO, buf, (size_t)len + 1, MSG_NOSIGNAL); /* if husk is gone, nobody wants to know */
}

static int fail(int r, const sd_bus_error *error, const char *text)
{
	char buf[900];

	if (r == -ETIMEDOUT || (error && sd_bus_error_has_name(error, SD_BUS_ERROR_NO_REPLY)))
		(void)snprintf(buf, sizeof(buf), "%s: no answer within %d s", text, SYSTEMD_BUS_TIMEOUT_MS / 1000);
	else
		(void)snprintf(buf, sizeof(buf), "%s: %s", text,
			error && error->message ? error->message : strerror(r < 0 ? -r : r));
	answer(r == 0 ? -EIO : r, buf);
	return -1;
}

/* ---- the bus ---- */

static uint64_t now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Lets the bus do its work until `done` says so, at most so long. */
static int work_until(sd_bus *bus, bool (*done)(sd_bus *, void *), void *arg, unsigned timeout_ms)
{
	uint64_t end = now_us() + timeout_ms * US_PER_MS;

	while (!done(bus, arg)) {
		uint64_t now = now_us();
		int r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = now >= end ? -ETIMEDOUT : sd_bus_wait(bus, end - now);
		if (r < 0 && r != -EINTR)
			return r;
	}
	return 0;
}

static bool is_ready(sd_bus *bus, void *arg)
{
	(void)arg;
	return sd_bus_is_ready(bus) != 0;
}

/* systemd's own socket, which is there without a message broker, too. */
static int open_private(bool user, sd_bus **ret_bus)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char address[512];
	int r;

	if (user && !runtime)
		return -ENOENT;
	(void)snprintf(address, sizeof(address), "unix:path=%s/systemd/private", user ? runtime : "/run");
	r = sd_bus_new(ret_bus);
	if (r >= 0)
		r = sd_bus_set_address(*ret_bus, address);
	return r < 0 ? r : sd_bus_start(*ret_bus);
}

/* A login that did not come by PAM, as of su, sudo or cron, has no such variable; its manager may be there all the same. */
static void find_runtime_dir(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/run/user/%u", geteuid());
	if (!getenv("XDG_RUNTIME_DIR") && access(path, F_OK) == 0)
		(void)setenv("XDG_RUNTIME_DIR", path, 0);
}

static int open_bus(bool user, sd_bus **ret_bus)
{
	int r;

	if (user)
		find_runtime_dir();
	r = user ? sd_bus_open_user(ret_bus) : sd_bus_open_system(ret_bus);
	if (r >= 0)
		r = work_until(*ret_bus, is_ready, NULL, SYSTEMD_BUS_TIMEOUT_MS);
	if (r < 0 && r != -ETIMEDOUT) {
		*ret_bus = sd_bus_unref(*ret_bus);
		if (open_private(user, ret_bus) >= 0 &&
			work_until(*ret_bus, is_ready, NULL, SYSTEMD_BUS_TIMEOUT_MS) >= 0)
			r = 0;
	}
	return r < 0 ? r : sd_bus_set_method_call_timeout(*ret_bus, SYSTEMD_BUS_TIMEOUT_MS * US_PER_MS);
}

static int no_bus(bool user, int r)
{
	char text[256];

	if (r == -ETIMEDOUT)
		(void)snprintf(text, sizeof(text), "the D-Bus of %s systemd gave no answer within %d s",
			user ? "the user's" : "the host's", SYSTEMD_BUS_TIMEOUT_MS / 1000);
	else if (user)
		(void)snprintf(text, sizeof(text),
			"there is no systemd session for uid %u (try loginctl enable-linger, or --cgroup-manager cgroupfs)",
			geteuid());
	else
		(void)snprintf(text, sizeof(text),
			"cannot reach systemd: %s (is it the first process here? try --cgroup-manager cgroupfs)",
			strerror(-r));
	answer(-ENOTCONN, text);
	return -1;
}

/* ---- properties ---- */

static int append_bytes(sd_bus_message *m, const char *hex)
{
	unsigned char bytes[4096];
	size_t count = strlen(hex) / 2;

	if (count > sizeof(bytes))
		return -E2BIG;
	for (size_t i = 0; i < count; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };
		bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
	}
	return sd_bus_message_append_array(m, 'y', bytes, count);
}

static int append_one(sd_bus_message *m, char type, const char *text)
{
	long long number = strtoll(text, NULL, 10);

	switch (type) {
	case 's': return sd_bus_message_append(m, "s", text);
	case 'b': return sd_bus_message_append(m, "b", strcmp(text, "true") == 0);
	case 'y': return sd_bus_message_append(m, "y", (uint8_t)number);
	case 'n':
	case 'q': return sd_bus_message_append(m, (char[]){ type, '\0' }, (int)number);
	case 'i':
	case 'u': return sd_bus_message_append(m, (char[]){ type, '\0' }, (int32_t)number);
	case 'x': return sd_bus_message_append(m, "x", (int64_t)number);
	case 't': return sd_bus_message_append(m, "t", (uint64_t)strtoull(text, NULL, 10));
	case 'd': return sd_bus_message_append(m, "d", strtod(text, NULL));
	default: return -EINVAL;
	}
}

/* "/dev/block/8:0 1048576" */
static int append_pair(sd_bus_message *m, char *line)
{
	char *blank = strrchr(line, ' ');

	if (!blank)
		return -EINVAL;
	*blank = '\0';
	return sd_bus_message_append(m, "(st)", line, (uint64_t)strtoull(blank + 1, NULL, 10));
}

static int append_array(sd_bus_message *m, const char *element, const char *text)
{
	char *copy = strdup(text), *save = NULL;
	int r = copy ? sd_bus_message_open_container(m, 'a', element) : -ENOMEM;

	for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL; r >= 0 && line; line = strtok_r(NULL, "\n", &save))
		r = *element == '(' ? append_pair(m, line) : append_one(m, *element, line);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	free(copy);
	return r;
}

static int append_property(sd_bus_message *m, const char *name, const char *signature, const char *text)
{
	int r = sd_bus_message_open_container(m, 'r', "sv");

	if (r >= 0)
		r = sd_bus_message_append(m, "s", name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', signature);
	if (r >= 0)
		r = strcmp(signature, "ay") == 0 ? append_bytes(m, text)
			: *signature == 'a'      ? append_array(m, signature + 1, text)
						 : append_one(m, *signature, text);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_properties(sd_bus_message *m, const struct request *request)
{
	int r = sd_bus_message_open_container(m, 'a', "(sv)");
	const char *name = request->properties;

	while (r >= 0 && name) {
		const char *signature = next(request, name), *text = signature ? next(request, signature) : NULL;
		if (!text)
			return -EBADMSG;
		r = append_property(m, name, signature, text);
		name = next(request, text);
	}
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* ---- jobs ---- */

struct job {
	char path[256];
	char result[32]; /* "" = it runs */
};

/* The signal may come before the answer that names the job; so the ends of all jobs are looked at, later. */
static int on_job_removed(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	const char *path, *unit, *result;
	struct job *job = arg;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) >= 0 && strcmp(path, job->path) == 0)
		(void)snprintf(job->result, sizeof(job->result), "%s", result);
	return 0;
}

static bool is_over(sd_bus *bus, void *arg)
{
	(void)bus;
	return ((const struct job *)arg)->result[0] != '\0';
}

static int watch_jobs(sd_bus *bus, struct job *job)
{
	cleanup_error sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = sd_bus_match_signal(bus, NULL, NULL, MANAGER_PATH, MANAGER, "JobRemoved", on_job_removed, job);

	if (r >= 0)
		r = sd_bus_call_method(bus, SYSTEMD, MANAGER_PATH, MANAGER, "Subscribe", &error, NULL, NULL);
	return r < 0 ? fail(r, &error, "watch the jobs of systemd") : 0;
}

static int await_job(sd_bus *bus, struct job *job, const char *unit)
{
	char text[400];
	int r = work_until(bus, is_over, job, SYSTEMD_JOB_TIMEOUT_MS);

	if (r == -ETIMEDOUT) {
		(void)sd_bus_call_method(bus, SYSTEMD, job->path, SYSTEMD ".Job", "Cancel", NULL, NULL, NULL);
		(void)snprintf(text, sizeof(text), "systemd did not finish with %s within %d s", unit,
			SYSTEMD_JOB_TIMEOUT_MS / 1000);
		answer(-ETIMEDOUT, text);
		return -1;
	}
	if (r < 0)
		return fail(r, NULL, "wait for systemd");
	if (strcmp(job->result, "done") == 0)
		return 0;
	(void)snprintf(text, sizeof(text), "systemd gave up on %s: the job ended as \"%s\" (journalctl -u %s)", unit,
		job->result, unit);
	answer(-EIO, text);
	return -1;
}

/* Reads the job that the answer names. The signal is only dispatched later, from the queue. */
static int job_of(sd_bus_message *reply, struct job *job)
{
	const char *path;
	int r = sd_bus_message_read(reply, "o", &path);

	job->result[0] = '\0';
	if (r >= 0)
		(void)snprintf(job->path, sizeof(job->path), "%s", path);
	return r;
}

/* ---- verbs ---- */

static int call_start(sd_bus *bus, const struct request *request, struct job *job, sd_bus_error *error)
{
	cleanup_message sd_bus_message *m = NULL, *reply = NULL;
	int r = sd_bus_message_new_method_call(bus, &m, SYSTEMD, MANAGER_PATH, MANAGER, "StartTransientUnit");

	if (r >= 0)
		r = sd_bus_message_append(m, "ss", request->unit, "fail");
	if (r >= 0)
		r = append_properties(m, request);
	if (r >= 0)
		r = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r >= 0)
		r = sd_bus_call(bus, m, 0, error, &reply);
	return r < 0 ? r : job_of(reply, job);
}

static void reset_failed(sd_bus *bus, const char *unit)
{
	cleanup_error sd_bus_error error = SD_BUS_ERROR_NULL; /* one that has not failed cannot be reset */

	(void)sd_bus_call_method(bus, SYSTEMD, MANAGER_PATH, MANAGER, "ResetFailedUnit", &error, NULL, "s", unit);
}

static int answer_cgroup(sd_bus *bus, const struct request *request)
{
	cleanup_error sd_bus_error error = SD_BUS_ERROR_NULL;
	char *path = NULL, *cgroup = NULL;
	int r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", request->unit, &path);

	if (r >= 0)
		r = sd_bus_get_property_string(bus, SYSTEMD, path, SYSTEMD ".Scope", "ControlGroup", &error, &cgroup);
	if (r < 0)
		r = fail(r, &error, "find the cgroup of the unit");
	else
		answer(0, cgroup);
	free(path);
	free(cgroup);
	return r;
}

static int start(sd_bus *bus, const struct request *request)
{
	cleanup_error sd_bus_error error = SD_BUS_ERROR_NULL;
	struct job job = { 0 };
	char text[320];
	int r;

	if (watch_jobs(bus, &job) < 0)
		return -1;
	r = call_start(bus, request, &job, &error);
	if (sd_bus_error_has_name(&error, SYSTEMD ".UnitExists")) { /* a failed one of the same name only lies about */
		sd_bus_error_free(&error);
		reset_failed(bus, request->unit);
		r = call_start(bus, request, &job, &error);
	}
	if (sd_bus_error_has_name(&error, SYSTEMD ".UnitExists")) {
		(void)snprintf(text, sizeof(text), "the unit %s exists already", request->unit);
		answer(-EEXIST, text);
		return -1;
	}
	(void)snprintf(text, sizeof(text), "start the unit %s", request->unit);
	if (r < 0)
		return fail(r, &error, text);
	if (await_job(bus, &job, request->unit) < 0)
		return -1;
	return answer_cgroup(bus, request);
}

static int set(sd_bus *bus, const struct request *request)
{
	cleanup_error sd_bus_error error = SD_BUS_ERROR_NULL;
	cleanup_message sd_bus_message *m = NULL;
	char text[320];
	int r = sd_bus_message_new_method_call(bus, &m, SYSTEMD, MANAGER_PATH, MANAGER, "SetUnitProperties");

	if (r >= 0)
		r = sd_bus_message_append(m, "sb", request->unit, true);
	if (r >= 0)
		r = append_properties(m, request);
	if (r >= 0)
		r = sd_bus_call(bus, m, 0, &error, NULL);
	(void)snprintf(text, sizeof(text), "set the properties of %s", request->unit);
	if (r < 0)
		return fail(r, &error, text);
	answer(0, "");
	return 0;
}

static int stop(sd_bus *bus, const struct request *request)
{
	cleanup_error sd_bus_error error = SD_BUS_ERROR_NULL;
	cleanup_message sd_bus_message *reply = NULL;
	struct job job = { 0 };
	char text[320];
	int r;

	if (watch_jobs(bus, &job) < 0)
		return -1;
	(void)sd_bus_call_method(
		bus, SYSTEMD, MANAGER_PATH, MANAGER, "KillUnit", NULL, NULL, "ssi", request->unit, "all", 9);
	r = sd_bus_call_method(
		bus, SYSTEMD, MANAGER_PATH, MANAGER, "StopUnit", &error, &reply, "ss", request->unit, "replace");
	(void)snprintf(text, sizeof(text), "stop the unit %s", request->unit);
	if (r < 0 && !sd_bus_error_has_name(&error, SYSTEMD ".NoSuchUnit"))
		return fail(r, &error, text);
	if (r >= 0 && job_of(reply, &job) >= 0 && await_job(bus, &job, request->unit) < 0)
		return -1;
	reset_failed(bus, request->unit);
	answer(0, "");
	return 0;
}

static int attach(sd_bus *bus, const struct request *request)
{
	const char *below = request->properties, *pid = below ? next(request, below) : NULL;
	cleanup_error sd_bus_error error = SD_BUS_ERROR_NULL;
	char text[320];
	int r;

	if (!pid)
		return fail(-EBADMSG, NULL, "read the request");
	r = sd_bus_call_method(bus, SYSTEMD, MANAGER_PATH, MANAGER, "AttachProcessesToUnit", &error, NULL, "ssau",
		request->unit, below, 1, (uint32_t)strtoul(pid, NULL, 10));
	(void)snprintf(text, sizeof(text), "move a process into %s", request->unit);
	if (r < 0)
		return fail(r, &error, text);
	answer(0, "");
	return 0;
}

static const struct {
	const char *name;
	int (*run)(sd_bus *, const struct request *);
} verbs[] = {
	{ SYSTEMD_START, start },
	{ SYSTEMD_SET, set },
	{ SYSTEMD_STOP, stop },
	{ SYSTEMD_ATTACH, attach },
};

static int serve(struct request *request)
{
	sd_bus *bus = NULL;
	int r = parse(request);

	if (r < 0)
		return fail(r, NULL, "read the request");
	if ((r = open_bus(request->user, &bus)) < 0) {
		sd_bus_close_unref(bus);
		return no_bus(request->user, r);
	}
	r = -ENOSYS;
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(verbs[i].name, request->verb) == 0)
			r = verbs[i].run(bus, request);
	sd_bus_flush_close_unref(bus);
	return r == -ENOSYS ? fail(r, NULL, "read the request") : r;
}

int main(void)
{
	static struct request request;
	ssize_t n = recv(STDIN_FILENO, request.text, SYSTEMD_MESSAGE_MAX, 0);

	if (n < 0 && errno == ENOTSOCK)
		(void)fprintf(stderr, "husk-systemd: husk runs this program; it is not to be run by hand\n");
	request.len = n < 0 ? 0 : (size_t)n;
	return n > 0 && serve(&request) == 0 ? 0 : 1;
}
