/* netns/hosts.c: the hosts file of each container, and how those of a network come to know each other.
 *
 * There is no daemon, so there is nobody to answer questions for names: who joins or leaves a network writes what has
 * changed to the hosts files of all its members. Each libc reads that file, and nothing can fail that is not running.
 *
 * A file has one part of its own and then a section for each network, between two comments, so that a network can be
 * written anew without a thought for the others. The container has the file mounted, so it stays the same inode: it is
 * read, and from the first byte that differs on the new text is written over the old one in one pwritev(2); only then the
 * file is cut to its new length. A reader thus never finds an empty file, and since members stand in the order of their
 * addresses, one that joined last is as a rule one more line at the end. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "netns/lease.h"
#include "netns/names.h"

enum { HOSTS_MAX = 4 << 20, OWN_PART = 4096 };

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

/* ---- sections ---- */

/* Where `line`, a whole one, begins in the text; NULL where it is not there. */
static const char *find_line(const char *text, size_t len, const char *line)
{
	const char *at = text;
	size_t line_len = strlen(line);

	while ((at = memmem(at, len - (size_t)(at - text), line, line_len)) && at != text && at[-1] != '\n')
		at++;
	return at;
}

/* Behind the section that begins at `from`: as a rule it is the last one, so there it is looked for first. One without an
 * end was not finished. */
static const char *find_end(const char *from, size_t len, const char *line)
{
	size_t line_len = strlen(line);
	bool is_last = len > line_len && from[len - line_len - 1] == '\n' &&
		memcmp(from + len - line_len, line, line_len) == 0;
	const char *at = is_last ? from + len - line_len : find_line(from, len, line);

	return at ? at + line_len : from + len;
}

static size_t same_bytes(const char *left, const char *right, size_t len)
{
	enum { BLOCK = 256 };
	size_t same = 0;

	while (len - same >= BLOCK && memcmp(left + same, right + same, BLOCK) == 0)
		same += BLOCK;
	while (same < len && left[same] == right[same])
		same++;
	return same;
}

struct names_section names_section_of(const char *network, const char *lines, struct arena *arena)
{
	struct names_section section = {
		.begin = arena_printf(arena, SECTION_BEGIN, network),
		.end = arena_printf(arena, SECTION_END, network),
	};
	struct growing text = growing_in(arena);

	if (*lines) {
		grow_text(&text, section.begin);
		grow_text(&text, lines);
		grow_text(&text, section.end);
	}
	section.text = text.buf;
	section.len = text.len;
	return section;
}

struct names_change names_change_of(const char *old, size_t len, const struct names_section *section)
{
	const char *from = find_line(old, len, section->begin);
	size_t at = from ? (size_t)(from - old) : len, was, same;
	const char *to = from ? find_end(from, len - at, section->end) : old + len;

	was = (size_t)(to - old) - at;
	same = same_bytes(old + at, section->text, was < section->len ? was : section->len);
	if (same == was && same == section->len)
		return (struct names_change){ .at = len };
	return (struct names_change){
		.at = at + same,
		.parts = { { (void *)(section->text + same), section->len - same }, { (void *)to, len - at - was } },
	};
}

/* ---- files ---- */

/* What is the same for all members of a network: its section, and room for their files. */
struct publishing {
	struct names_section section;
	struct arena *arena;
	char *buf;
	size_t size;
};

static ssize_t read_whole(int fd, struct publishing *to)
{
	for (;;) {
		ssize_t n = pread(fd, to->buf, to->size, 0);
		if (n < 0 || (size_t)n < to->size)
			return n < 0 ? -errno : n;
		if (to->size >= HOSTS_MAX)
			return -EFBIG;
		to->size *= 4;
		to->buf = arena_alloc(to->arena, to->size);
	}
}

static int publish_to(const char *state, struct publishing *to)
{
	char path[PATH_MAX];
	int path_len = snprintf(path, sizeof(path), "%s/" NAMES_HOSTS_FILE, state);
	cleanup_close int fd = (size_t)path_len < sizeof(path) ? open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC)
							       : (errno = ENAMETOOLONG, -1);
	struct names_change change;
	ssize_t len, wanted, n;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	len = read_whole(fd, to);
	if (len < 0)
		return (int)len;
	change = names_change_of(to->buf, (size_t)len, &to->section);
	wanted = (ssize_t)(change.parts[0].iov_len + change.parts[1].iov_len);
	n = wanted ? pwritev(fd, change.parts, ARRAY_SIZE(change.parts), (off_t)change.at) : 0;
	if (n < wanted)
		return n < 0 ? -errno : -ENOSPC;
	return (ssize_t)change.at + n < len && ftruncate(fd, (off_t)change.at + n) < 0 ? -errno : 0;
}

static struct publishing begin_publishing(const char *network, const char *lines, struct arena *arena)
{
	struct publishing to = {
		.section = names_section_of(network, lines, arena),
		.arena = arena,
	};

	to.size = to.section.len + OWN_PART;
	to.buf = arena_alloc(arena, to.size);
	return to;
}

int names_withdraw(const char *network, const char *state, struct arena *arena, struct error *err)
{
	struct publishing to = begin_publishing(network, "", arena);
	int r = publish_to(state, &to);

	return r < 0 ? error_sys(err, r, "write " NAMES_HOSTS_FILE " in %s", state) : 0;
}

int names_publish(const char *network, const struct lease *leases, size_t count, struct arena *arena, struct error *err)
{
	struct publishing to = begin_publishing(network, names_members_text(leases, count, arena), arena);
	int first = 0;

	for (size_t i = 0; i < count; i++) {
		int r = leases[i].is_void ? 0 : publish_to(leases[i].state, &to);
		if (r < 0 && first == 0)
			first = error_sys(err, r, "write " NAMES_HOSTS_FILE " in %s", leases[i].state);
	}
	return first;
}
