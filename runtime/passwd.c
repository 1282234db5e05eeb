/* runtime/passwd.c: name and home of a user id [passwd(5)]. */
#include "runtime/passwd.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"

enum { PASSWD_MAX = 1 << 20 };

static char *read_passwd(int root, struct arena *arena)
{
	cleanup_close int fd = path_open_in_root(root, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char *text;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	return file_read_fd(fd, "/etc/passwd", PASSWD_MAX, arena, &text, NULL, NULL) < 0 ? NULL : text;
}

enum { NAME, UID = 2, HOME = 5, FIELDS };

/* Cuts the line into its fields as far as they are of use; false where it has too few. */
static bool split(char *line, char *fields[FIELDS])
{
	for (int i = 0; i < FIELDS; i++) {
		fields[i] = strsep(&line, ":");
		if (!fields[i])
			return false;
	}
	return *fields[NAME] != '\0';
}

struct passwd_entry passwd_find(int root, uid_t uid, struct arena *arena)
{
	char *rest = read_passwd(root, arena);

	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		char *fields[FIELDS];
		uint64_t id;
		if (split(line, fields) && text_to_u64(fields[UID], 0, UINT32_MAX, &id) == 0 && id == uid)
			return (struct passwd_entry){ .name = fields[NAME], .home = fields[HOME] };
	}
	return (struct passwd_entry){ 0 };
}
