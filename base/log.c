/* base/log.c: lines for people on stderr, for callers in their file. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/text.h"

/* The one thing that is the process's and not an argument: where it speaks. */
static struct {
	int fd; /* owned for the process's life; 0 = none */
	enum log_format format;
	enum log_level level;
	bool syslog;
} target = { .level = LOG_LEVEL_ERROR };

enum { LINE_MAX_BYTES = 16384 };

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};
static_assert(ARRAY_SIZE(level_names) == LOG_LEVEL_DEBUG + 1, "a level has no name");

/* Both listen at /dev/log. The name is kept by syslog(3), and so must stay. */
static bool open_syslog(const char *path)
{
	static const char *const prefixes[] = { "syslog:", "journald:" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (text_starts_with(path, prefixes[i])) {
			const char *name = path + strlen(prefixes[i]);
			openlog(*name ? name : "husk", LOG_PID, LOG_DAEMON);
			target.syslog = true;
			return true;
		}
	return false;
}

int log_open(const char *path, enum log_format format, enum log_level level, struct error *err)
{
	int fd = 0;

	if (path && !open_syslog(path)) {
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
		if (fd < 0)
			return error_sys(err, errno, "open the log %s", path);
	}
	target.fd = fd;
	target.format = format;
	target.level = level;
	return 0;
}

static void now(char *buf, size_t size)
{
	struct timespec ts;
	struct text text;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	text_init(&text, buf, size);
	text_add_time(&text, &ts, 6);
}

/* One object for all lines, since there are readers that take one object for one failure; with its newline in one
 * write(2), so that lines of several processes do not mix. */
static void write_json(enum log_level level, const char *time, const char *const *lines, size_t count)
{
	char joined[LINE_MAX_BYTES];
	struct json_writer w;
	struct text text;
	size_t len;

	text_init(&text, joined, sizeof(joined));
	for (size_t i = 0; i < count; i++)
		text_add(&text, "%s%s", i ? "\n" : "", lines[i]);
	json_write_init(&w);
	json_object(&w, NULL);
	json_string(&w, "msg", joined);
	json_string(&w, "level", level_names[level]);
	json_string(&w, "time", time);
	json_object_end(&w);
	const char *json = json_write_end(&w, &len);
	const struct iovec parts[] = { { (void *)json, len }, { "\n", 1 } };
	if (json)
		(void)!writev(target.fd, parts, ARRAY_SIZE(parts));
	json_write_done(&w);
}

static void write_text(enum log_level level, const char *time, const char *const *lines, size_t count)
{
	char all[LINE_MAX_BYTES];
	struct text text;

	text_init(&text, all, sizeof(all));
	for (size_t i = 0; i < count; i++) {
		text_add(&text, "%s %s: ", time, level_names[level]);
		text_add_escaped(&text, lines[i], strlen(lines[i]));
		text_add(&text, "\n");
	}
	(void)file_write_all(target.fd, all, text.len);
}

static void to_file(enum log_level level, const char *const *lines, size_t count)
{
	char time[64];

	now(time, sizeof(time));
	if (target.format == LOG_FORMAT_JSON)
		write_json(level, time, lines, count);
	else
		write_text(level, time, lines, count);
}

static void to_stderr(enum log_level level, const char *text)
{
	char line[LINE_MAX_BYTES];
	struct text out;

	text_init(&out, line, sizeof(line) - 1); /* room for the newline */
	text_add(&out, "husk: ");
	if (level != LOG_LEVEL_ERROR)
		text_add(&out, "%s: ", level_names[level]);
	text_add_escaped(&out, text, strlen(text));
	line[out.len] = '\n';
	(void)file_write_all(STDERR_FILENO, line, out.len + 1);
}

static void to_syslog(enum log_level level, const char *const *lines, size_t count)
{
	static const int priorities[] = {
		[LOG_LEVEL_ERROR] = LOG_ERR,
		[LOG_LEVEL_WARNING] = LOG_WARNING,
		[LOG_LEVEL_INFO] = LOG_INFO,
		[LOG_LEVEL_DEBUG] = LOG_DEBUG,
	};

	for (size_t i = 0; i < count; i++)
		syslog(priorities[level], "%s", lines[i]);
}

void log_lines(enum log_level level, const char *const *lines, size_t count)
{
	if (level > target.level || count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		to_stderr(level, lines[i]);
	if (target.syslog)
		to_syslog(level, lines, count);
	if (target.fd > 0)
		to_file(level, lines, count);
}

void log_line(enum log_level level, const char *text)
{
	log_lines(level, &text, 1);
}

void log_error(const struct error *err)
{
	char line[LINE_MAX_BYTES];

	if (*err->what)
		log_line(LOG_LEVEL_ERROR, error_line(err, line, sizeof(line)));
}
