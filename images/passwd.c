/* images/passwd.c: users and groups by the container's own files. */
#include "images/passwd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"

enum { FILE_MAX = 1 << 20, GROUPS_MAX = 65536 /* NGROUPS_MAX */ };

/* ---- files ---- */

/* Looked at before it is opened: the opening of a device can do something by itself. */
static int open_file(int root, const char *path)
{
	cleanup_close int place = path_open_in_root(root, path, O_PATH);
	struct stat st;

	if (place < 0)
		return place;
	if (fstat(place, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return path_open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

/* NULL through *ret_text where the image has none. */
static int read_file(int root, const char *path, struct arena *arena, char **ret_text, struct error *err)
{
	cleanup_close int fd = open_file(root, path);
	size_t len;
	int r;

	*ret_text = NULL;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return error_bad(err, fd, "the image's %s is no regular file that can be read", path);
	r = file_read_fd(fd, path, FILE_MAX, arena, ret_text, &len, err);
	if (r < 0)
		return error_at(err, "the image");
	if (memchr(*ret_text, '\0', len))
		return error_bad(err, EINVAL, "the image's %s holds a NUL byte", path);
	return 0;
}

enum { NAME, UID = 2, GID, HOME = 5, FIELDS, MEMBERS = 3, GROUP_FIELDS };

/* Cuts the line into its first `count` fields; false where it has too few. */
static bool split(char *line, char **fields, int count)
{
	for (int i = 0; i < count; i++) {
		fields[i] = strsep(&line, ":");
		if (!fields[i])
			return false;
	}
	return *fields[NAME] != '\0';
}

static bool is_id(const char *text, uint32_t *ret)
{
	uint64_t id;

	if (text_to_u64(text, 0, UINT32_MAX - 1, &id) < 0) /* the last one means "leave it" to the kernel */
		return false;
	*ret = (uint32_t)id;
	return true;
}

struct passwd_entry passwd_find(int root, uid_t uid, struct arena *arena)
{
	char *rest;

	if (read_file(root, "/etc/passwd", arena, &rest, NULL) < 0)
		return (struct passwd_entry){ 0 };
	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		char *fields[FIELDS];
		uint32_t id;
		if (split(line, fields, FIELDS) && is_id(fields[UID], &id) && id == uid)
			return (struct passwd_entry){ .name = fields[NAME], .home = fields[HOME] };
	}
	return (struct passwd_entry){ 0 };
}

/* ---- who is meant ---- */

static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

bool passwd_needs_files(const char *user)
{
	const char *colon = strchr(user, ':');

	return *user && !(colon && strspn(user, "0123456789") == (size_t)(colon - user) && is_number(colon + 1));
}

static int parse_number(const char *text, const char *what, uint32_t *ret, struct error *err)
{
	return is_id(text, ret)
		? 0
		: error_bad(err, ERANGE, "the %s %s is out of range: expected 0 to 4294967294", what, text);
}

struct user {
	const char *name; /* NULL = not known */
	uint32_t uid, gid;
};

static int find_user(int root, const char *wanted, struct arena *arena, struct user *ret, struct error *err)
{
	bool by_number = is_number(wanted);
	char *rest = NULL;
	int r = by_number ? parse_number(wanted, "uid", &ret->uid, err) : 0;

	if (r == 0 && root >= 0)
		r = read_file(root, "/etc/passwd", arena, &rest, err);
	if (r < 0)
		return r;
	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		char *fields[GID + 1];
		uint32_t uid, gid;
		if (!split(line, fields, GID + 1) || !is_id(fields[UID], &uid) || !is_id(fields[GID], &gid))
			continue;
		if (by_number ? uid != ret->uid : strcmp(fields[NAME], wanted) != 0)
			continue;
		*ret = (struct user){ fields[NAME], uid, gid };
		return 0;
	}
	return by_number ? 0 : error_bad(err, ENOENT, "the image's /etc/passwd has no user \"%s\"", wanted);
}

int passwd_group(int root, const char *group, struct arena *arena, gid_t *ret, struct error *err)
{
	char *rest = NULL;
	int r;

	if (is_number(group))
		return parse_number(group, "gid", ret, err);
	r = root < 0 ? 0 : read_file(root, "/etc/group", arena, &rest, err);
	if (r < 0)
		return r;
	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		char *fields[GROUP_FIELDS];
		if (split(line, fields, UID + 1) && strcmp(fields[NAME], group) == 0 && is_id(fields[UID], ret))
			return 0;
	}
	return error_bad(err, ENOENT, "the image's /etc/group has no group \"%s\"", group);
}

static bool is_member(char *members, const char *name)
{
	for (char *member; (member = strsep(&members, ","));)
		if (strcmp(member, name) == 0)
			return true;
	return false;
}

/* The groups that name the user among their members. */
static int find_groups(int root, const struct user *user, struct arena *arena, struct spec_user *ret, struct error *err)
{
	gid_t *gids = ARENA_ARRAY(arena, GROUPS_MAX, gid_t);
	char *rest = NULL;
	size_t count = 0;
	int r = read_file(root, "/etc/group", arena, &rest, err);

	if (r < 0)
		return r;
	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		char *fields[GROUP_FIELDS];
		uint32_t gid;
		if (!split(line, fields, GROUP_FIELDS) || !is_id(fields[UID], &gid) || gid == user->gid ||
			!is_member(fields[MEMBERS], user->name))
			continue;
		if (count == GROUPS_MAX)
			return error_bad(err, E2BIG, "the image's /etc/group has more than %d groups of \"%s\"",
				GROUPS_MAX, user->name);
		gids[count++] = gid;
	}
	ret->additional_gids = gids;
	ret->additional_gid_count = count;
	return 0;
}

int passwd_resolve(int root, const char *text, struct arena *arena, struct spec_user *ret, struct error *err)
{
	size_t len = strcspn(text, ":");
	const char *group = text[len] ? text + len + 1 : NULL;
	struct user user = { 0 };
	int r = 0;

	if (*text)
		r = find_user(passwd_needs_files(text) ? root : -1, arena_copy(arena, text, len), arena, &user, err);
	if (r == 0 && group)
		r = passwd_group(root, group, arena, &user.gid, err);
	if (r < 0)
		return r;
	ret->uid = user.uid;
	ret->gid = user.gid;
	return !group && user.name ? find_groups(root, &user, arena, ret, err) : 0;
}
