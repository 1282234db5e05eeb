/* base/log.c: lines for people on stderr, for callers in their file. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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
} target = { .level = LOG_LEVEL_WARNING };

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};
static_assert(ARRAY_SIZE(level_names) == LOG_LEVEL_DEBUG + 1, "a level has no name");

int log_open(const char *path, enum log_format format, enum log_level level, struct error *err)
{
	int fd = 0;

	if (path) {
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
		if (fd < 0)
			return error_sys(err, errno, "open the log %s", path);
	}
	target.fd = fd;
	target.format = format;
	target.level = level;
	return 0;
}

/* RFC 3339 in UTC with microseconds: "2026-01-02T03:04:05.000006Z". */
static void now(char *buf, size_t size)
{
	struct timespec ts;
	struct tm tm;
	size_t len;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	(void)gmtime_r(&ts.tv_sec, &tm);
	len = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf + len, size - len, ".%06ldZ", ts.tv_nsec / 1000);
}

static void to_file(enum log_level level, const char *text)
{
	char time[64], line[4096];
	struct json_writer w;
	const char *out = line;
	size_t len;

	now(time, sizeof(time));
	json_write_init(&w);
	if (target.format == LOG_FORMAT_JSON) {
		json_object(&w, NULL);
		json_string(&w, "msg", text);
		json_string(&w, "level", level_names[level]);
		json_string(&w, "time", time);
		json_object_end(&w);
		out = json_write_end(&w, &len);
	} else {
		(void)snprintf(line, sizeof(line), "%s %s: %s", time, level_names[level], text);
		len = strlen(line);
	}
	if (out) {
		(void)file_write_all(target.fd, out, len);
		(void)file_write_all(target.fd, "\n", 1);
	}
	json_write_done(&w);
}

/* One write(2), so that lines of several processes do not mix. */
static void to_stderr(enum log_level level, const char *text)
{
	char line[4096];
	struct text out;

	text_init(&out, line, sizeof(line));
	text_add(&out, level == LOG_LEVEL_ERROR ? "husk: " : "husk: %s: ", level_names[level]);
	text_add_escaped(&out, text, strlen(text));
	if (out.len == sizeof(line) - 1)
		out.len--;
	line[out.len] = '\n';
	(void)file_write_all(STDERR_FILENO, line, out.len + 1);
}

void log_line(enum log_level level, const char *text)
{
	if (level > target.level)
		return;
	to_stderr(level, text);
	if (target.fd > 0)
		to_file(level, text);
}

void log_error(const struct error *err)
{
	char line[3072];

	log_line(LOG_LEVEL_ERROR, error_line(err, line, sizeof(line)));
}
