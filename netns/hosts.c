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
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "netns/lease.h"
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

static void add_member(struct growing *to, const struct lease *lease)
{
	struct growing names = growing_in(to->arena);
	char address[IP_TEXT];

	for (size_t i = 0; i < lease->name_count; i++) {
		if (!names_is_name(lease->names[i])) /* an id may hold a "+" */
			continue;
		grow_text(&names, names.len ? " " : "");
		grow_text(&names, lease->names[i]);
	}
	if (names.len)
		add_line(to, ip_text(&lease->ip, address), names.buf);
}

const char *names_members_text(const struct lease *leases, size_t count, struct arena *arena)
{
	struct growing text = growing_in(arena);

	for (size_t i = 0; i < count; i++)
		if (!leases[i].is_void)
			add_member(&text, &leases[i]);
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

static int publish_to(const char *state, const char *network, const char *lines)
{
	char path[PATH_MAX], *old = NULL;
	int len = snprintf(path, sizeof(path), "%s/" NAMES_HOSTS_FILE, state);
	cleanup_close int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct arena arena;
	int r;

	if (fd < 0 || (size_t)len >= sizeof(path))
		return errno == ENOENT ? 0 : -errno;
	arena_init(&arena);
	r = file_read_fd(fd, NAMES_HOSTS_FILE, HOSTS_MAX, &arena, &old, NULL, NULL);
	if (r == 0)
		r = write_over(fd, old, names_hosts_replace(old, network, lines, &arena));
	arena_done(&arena);
	return r;
}

int names_withdraw(const char *network, const char *state, struct error *err)
{
	int r = publish_to(state, network, "");

	return r < 0 ? error_sys(err, r, "write " NAMES_HOSTS_FILE " in %s", state) : 0;
}

int names_publish(const char *network, const struct lease *leases, size_t count, struct arena *arena, struct error *err)
{
	const char *lines = names_members_text(leases, count, arena);
	int first = 0;

	for (size_t i = 0; i < count; i++) {
		int r = leases[i].is_void ? 0 : publish_to(leases[i].state, network, lines);
		if (r < 0 && first == 0)
			first = error_sys(err, r, "write " NAMES_HOSTS_FILE " in %s", leases[i].state);
	}
	return first;
}
