/* netns/hosts.c: the hosts file of each container, and how those of a network come to know each other.
 *
 * There is no daemon, so there is nobody to answer questions for names: who joins or leaves a network writes what has
 * changed to the hosts files of all its members. Each libc reads that file, and nothing can fail that is not running.
 *
 * A file has one part of its own and then a section for each network, between two comments, so that a network can be
 * written anew without a thought for the others. The container has the file mounted, so it stays the same inode: it is
 * read, the new text is made, and from the first byte that differs on it is written over the old one in one pwrite(2); only
 * then the file is cut to its new length. A reader thus never finds an empty file, and as members stand in the order in
 * which they are given, one that joined last is as a rule one more line at the end. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "netns/names.h"

enum { HOSTS_MAX = 4 << 20 };

#define SECTION_BEGIN "# network %s\n"
#define SECTION_END   "# end of network %s\n"
#define LOOPBACK      "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

/* ---- texts ---- */

/* A text that grows: how long it gets is known only when it is there. */
struct growing {
	struct arena *arena;
	char *buf;
	size_t len, size;
};

static void grow(struct growing *to, const char *bytes, size_t len)
{
	if (to->len + len + 1 > to->size) {
		char *wider = arena_alloc(to->arena, to->size = 2 * (to->size + len + 1));
		if (to->len)
			memcpy(wider, to->buf, to->len);
		to->buf = wider;
	}
	memcpy(to->buf + to->len, bytes, len);
	to->len += len;
	to->buf[to->len] = '\0';
}

static void grow_text(struct growing *to, const char *text)
{
	grow(to, text, strlen(text));
}

static struct growing growing_in(struct arena *arena)
{
	struct growing growing = { .arena = arena };

	grow(&growing, "", 0);
	return growing;
}

/* "192.0.2.7\tweb.example.org web": a name of several parts is known by its first, too. */
static void add_own_name(struct growing *to, const char *address, const char *name)
{
	size_t first = strcspn(name, ".");

	grow_text(to, address);
	grow_text(to, "\t");
	grow_text(to, name);
	if (name[first]) {
		grow_text(to, " ");
		grow(to, name, first);
	}
	grow_text(to, "\n");
}

static void add_line(struct growing *to, const char *address, const char *names)
{
	grow_text(to, address);
	grow_text(to, "\t");
	grow_text(to, names);
	grow_text(to, "\n");
}

const char *names_hosts_text(const struct names_plan *plan, const struct names_own *own, struct arena *arena)
{
	bool named = own->hostname && names_is_name(own->hostname);
	struct growing text = growing_in(arena);

	grow_text(&text, LOOPBACK);
	for (size_t i = 0; i < plan->host_count; i++) { /* before the others: the first line for a name wins */
		const char *address = plan->hosts[i].address ? plan->hosts[i].address : own->gateway;
		if (address)
			add_line(&text, address, plan->hosts[i].name);
	}
	for (size_t i = 0; named && i < own->addresses.count; i++)
		if (names_is_address(own->addresses.items[i]))
			add_own_name(&text, own->addresses.items[i], own->hostname);
	if (named && own->addresses.count == 0)
		add_own_name(&text, "127.0.1.1", own->hostname);
	if (own->gateway && names_is_address(own->gateway))
		add_line(&text, own->gateway, "host.containers.internal host.docker.internal");
	return text.buf;
}

bool names_need_gateway(const struct names_plan *plan)
{
	for (size_t i = 0; i < plan->host_count; i++)
		if (!plan->hosts[i].address)
			return true;
	return false;
}

/* The id is a name like any other where it is one: ids may hold a "+". */
static void add_member(struct growing *to, const struct names_member *member)
{
	struct growing names = growing_in(to->arena);

	if (names_is_name(member->id))
		grow_text(&names, member->id);
	for (size_t i = 0; i < member->names.count; i++) {
		if (!names_is_name(member->names.items[i]))
			continue;
		grow_text(&names, names.len ? " " : "");
		grow_text(&names, member->names.items[i]);
	}
	for (size_t i = 0; names.len && i < member->addresses.count; i++)
		if (names_is_address(member->addresses.items[i]))
			add_line(to, member->addresses.items[i], names.buf);
}

const char *names_members_text(const struct names_member *members, size_t count, struct arena *arena)
{
	struct growing text = growing_in(arena);

	for (size_t i = 0; i < count; i++)
		add_member(&text, &members[i]);
	return text.buf;
}

/* Where a whole line is. */
static const char *find_line(const char *text, const char *line)
{
	const char *at = text;

	while ((at = strstr(at, line)) && at != text && at[-1] != '\n')
		at++;
	return at;
}

const char *names_hosts_replace(const char *old, const char *network, const char *lines, struct arena *arena)
{
	const char *begin = arena_printf(arena, SECTION_BEGIN, network);
	const char *end = arena_printf(arena, SECTION_END, network);
	const char *from = find_line(old, begin), *to = from ? find_line(from, end) : NULL;
	struct growing text = growing_in(arena);

	grow(&text, old, from ? (size_t)(from - old) : strlen(old));
	if (*lines) {
		grow_text(&text, begin);
		grow_text(&text, lines);
		grow_text(&text, end);
	}
	if (to)
		grow_text(&text, to + strlen(end));
	return text.buf;
}

/* ---- files ---- */

int names_lock(int dir, struct error *err)
{
	cleanup_close int lock = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	while (lock >= 0 && (r = flock(lock, LOCK_EX)) < 0 && errno == EINTR)
		;
	return lock < 0 || r < 0 ? error_sys(err, errno, "lock the names of the network") : fd_take(&lock);
}

static int write_over(int fd, const char *old, const char *new)
{
	size_t old_len = strlen(old), new_len = strlen(new), same = 0;
	ssize_t n;

	while (same < new_len && old[same] == new[same])
		same++;
	n = pwrite(fd, new + same, new_len - same, (off_t)same);
	if (n < 0 || (size_t)n < new_len - same)
		return n < 0 ? -errno : -ENOSPC;
	return new_len < old_len && ftruncate(fd, (off_t)new_len) < 0 ? -errno : 0;
}

static int publish_to(int root, const struct names_member *member, const char *network, const char *lines)
{
	cleanup_close int dir = openat(root, member->id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int fd = dir < 0 ? -1 : openat(dir, NAMES_HOSTS_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct arena arena;
	char *old = NULL;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	arena_init(&arena);
	r = file_read_fd(fd, NAMES_HOSTS_FILE, HOSTS_MAX, &arena, &old, NULL, NULL);
	if (r == 0)
		r = write_over(fd, old, names_hosts_replace(old, network, lines, &arena));
	arena_done(&arena);
	return r;
}

/* An id comes from a file of ours, but one component of a path it must be. */
static bool is_component(const char *id)
{
	return *id && !strchr(id, '/') && strcmp(id, ".") != 0 && strcmp(id, "..") != 0;
}

static int publish_all(
	const char *network, const char *lines, const struct names_member *members, size_t count, struct error *err)
{
	cleanup_close int root = -1;
	const char *opened = NULL; /* members of one state root stand together as a rule */
	int first = 0;

	for (size_t i = 0; i < count; i++) {
		const struct names_member *member = &members[i];
		int r;
		if (!opened || strcmp(opened, member->state_root) != 0) {
			fd_closep(&root);
			root = open(member->state_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
			opened = member->state_root;
		}
		if (root < 0 || !is_component(member->id))
			continue;
		r = publish_to(root, member, network, lines);
		if (r < 0 && first == 0)
			first = error_sys(err, r, "write the hosts file of the container \"%s\"", member->id);
	}
	return first;
}

int names_publish(
	const char *network, const struct names_member *members, size_t count, struct arena *arena, struct error *err)
{
	return publish_all(network, names_members_text(members, count, arena), members, count, err);
}

int names_withdraw(const char *network, const struct names_member *member, struct error *err)
{
	return publish_all(network, "", member, 1, err);
}
