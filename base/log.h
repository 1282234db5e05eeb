/* base/log.h: what main() tells its caller, and where.
 *
 * Errors always go to stderr; with --log they go to that file too, as text or as one JSON object a line, because
 * containerd reads the last object of level "error" and podman reads the whole file as one object. Only main() and the
 * commands log; everything below returns a struct error. */
#pragma once
#include <stddef.h>
struct error;

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* "syslog:NAME" and "journald:NAME" go to the host's log [syslog(3)]; any other `path` is a file. NULL: stderr only. Opened for appending, made 0644, O_NOFOLLOW is not asked: the caller chose the path. */
int log_open(const char *path, enum log_format format, enum log_level level, struct error *err);

/* One line, escaped. On stderr "husk: TEXT"; in the file with level and time (RFC 3339, UTC, microseconds). */
void log_line(enum log_level level, const char *text);

/* Several that belong together: lines on stderr and in a text file, one JSON object. */
void log_lines(enum log_level level, const char *const *lines, size_t count);

/* An error without words has been told already. */
void log_error(const struct error *err);
