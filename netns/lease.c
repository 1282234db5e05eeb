/* netns/lease.c: see the header. */
#include "netns/lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/text.h"
#include "netns/network.h"
#include "spec/json.h"

enum { LEASE_BYTES_MAX = 16384, LEASE_NAMES_MAX = 64, TRIES_MAX = 1 << 17, BOOT_ID = 64 };

#define UNFINISHED ".new"

int leases_open(int network, struct error *err)
{
	int fd = openat(network, "leases", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? error_sys(err, errno, "open the leases of the network") : fd;
}

static const char *boot_id(char buf[BOOT_ID])
{
	if (file_read_small_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", buf, BOOT_ID) < 0)
		(void)snprintf(buf, BOOT_ID, "unknown");
	return buf;
}

/* ---- in ---- */

static void read_names(const struct json *names, struct arena *arena, struct lease *lease)
{
	const char **items;

	if (names->count > LEASE_NAMES_MAX)
		return;
	items = ARENA_ARRAY(arena, names->count, const char *);
	json_for_each(value, names)
		if (value->kind == JSON_STRING)
			items[lease->name_count++] = value->text;
	lease->names = items;
}

/* Whether it says who holds it. */
static bool read_lease(int leases, const char *name, const char *boot, struct arena *arena, struct lease *ret)
{
	const struct json *object = NULL;
	struct faults faults;
	size_t len;
	char *text;

	*ret = (struct lease){ 0 };
	if (!ip_parse(name, &ret->ip) || file_read_at(leases, name, LEASE_BYTES_MAX, arena, &text, &len, NULL) < 0)
		return false;
	faults_init(&faults, arena, name);
	if (json_parse(text, len, arena, &object, &faults) < 0 || !object || object->kind != JSON_OBJECT)
		return false;
	ret->id = json_member_text(object, "id", "");
	ret->state = json_member_text(object, "state", "");
	if (!*ret->id || *ret->state != '/')
		return false;
	read_names(json_member_array(object, "names"), arena, ret);
	ret->is_void = strcmp(json_member_text(object, "boot", ""), boot) != 0 ||
		(faccessat(AT_FDCWD, ret->state, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT);
	return true;
}

static int by_address(const void *left, const void *right)
{
	const struct lease *a = left, *b = right;

	return ip_compare(&a->ip, &b->ip);
}

static size_t count_entries(DIR *listing)
{
	size_t count = 0;

	while (readdir(listing))
		count++;
	rewinddir(listing);
	return count;
}

/* Calls `each` for every file; `lease` is NULL where it is none. */
static int walk(int leases, struct arena *arena,
	void (*each)(int leases, const char *name, const struct lease *lease, void *data), void *data,
	size_t *ret_entries, struct error *err)
{
	int fd = openat(leases, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	char boot[BOOT_ID];
	struct lease lease;

	if (!listing)
		return error_sys(err, errno, "list the leases of the network");
	(void)boot_id(boot);
	if (ret_entries)
		*ret_entries = count_entries(listing);
	for (const struct dirent *entry; (entry = readdir(listing));)
		if (entry->d_name[0] != '.')
			each(leases, entry->d_name,
				read_lease(leases, entry->d_name, boot, arena, &lease) ? &lease : NULL, data);
	(void)closedir(listing);
	return 0;
}

struct lease_list {
	struct arena *arena;
	struct lease *items;
	size_t count, size;
};

static void keep_lease(int leases, const char *name, const struct lease *lease, void *data)
{
	struct lease_list *list = data;

	(void)leases, (void)name;
	if (!lease)
		return;
	if (list->count == list->size) {
		struct lease *before = list->items;
		list->size = list->size ? list->size * 2 : 64;
		list->items = ARENA_ARRAY(list->arena, list->size, struct lease);
		if (list->count)
			memcpy(list->items, before, list->count * sizeof(*before));
	}
	list->items[list->count++] = *lease;
}

int leases_list(int leases, struct arena *arena, struct lease **ret_leases, size_t *ret_count, struct error *err)
{
	struct lease_list list = { .arena = arena };
	int r = walk(leases, arena, keep_lease, &list, NULL, err);

	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), by_address);
	*ret_leases = list.items;
	*ret_count = list.count;
	return r;
}

static void prune_one(int leases, const char *name, const struct lease *lease, void *data)
{
	int *pruned = data;

	if ((!lease || lease->is_void) && unlinkat(leases, name, 0) == 0)
		(*pruned)++;
}

int leases_prune(int leases, struct arena *arena, struct error *err)
{
	int pruned = 0, r = walk(leases, arena, prune_one, &pruned, NULL, err);

	return r < 0 ? r : pruned;
}

/* ---- out ---- */

static int write_unfinished(int leases, const struct lease *lease, struct error *err)
{
	char boot[BOOT_ID];
	cleanup_close int fd = -1;
	struct json_writer w;
	const char *text;
	size_t len = 0;
	int r;

	json_write_init(&w);
	json_object(&w, NULL);
	json_string(&w, "id", lease->id);
	json_string(&w, "state", lease->state);
	json_string(&w, "boot", boot_id(boot));
	json_array(&w, "names");
	for (size_t i = 0; i < lease->name_count; i++)
		json_string(&w, NULL, lease->names[i]);
	json_array_end(&w);
	json_object_end(&w);
	text = json_write_end(&w, &len);
	fd = openat(leases, UNFINISHED, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = !text ? -ENOMEM : fd < 0 ? -errno : file_write_all(fd, text, len);
	json_write_done(&w);
	return r < 0 ? error_sys(err, r, "write a lease of the network") : 0;
}

int lease_rewrite(int leases, const struct lease *lease, struct error *err)
{
	char name[IP_TEXT];
	int r = write_unfinished(leases, lease, err);

	if (r == 0 && renameat(leases, UNFINISHED, leases, ip_text(&lease->ip, name)) < 0)
		r = error_sys(err, errno, "write the lease %s", name);
	return r;
}

/* ---- taking ---- */

struct search {
	int network, leases;
	const struct network *of;
	const struct network_range *range;
};

/* 0: nobody has it; -EEXIST: somebody does, *ret_holder; -EBADMSG: nobody can tell. */
static int look(const struct search *search, const struct ip *ip, struct arena *arena, struct lease *ret_holder)
{
	char name[IP_TEXT], boot[BOOT_ID];

	if (faccessat(search->leases, ip_text(ip, name), F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!ret_holder)
		return -EEXIST;
	if (!read_lease(search->leases, name, boot_id(boot), arena, ret_holder))
		return -EBADMSG;
	if (!ret_holder->is_void)
		return -EEXIST;
	return unlinkat(search->leases, name, 0) < 0 ? -errno : 0;
}

static bool is_free_to_give(const struct search *search, const struct ip *ip)
{
	return subnet_has_host(&search->range->subnet, ip) && ip_compare(ip, &search->range->gateway) != 0;
}

static const char *last_name(const struct ip *ip)
{
	return ip->len == 4 ? "last" : "last6";
}

/* Where the search begins: after the address that was given last. */
static struct ip search_start(const struct search *search)
{
	const struct network_range *range = search->range;
	char text[IP_TEXT];
	struct ip last;

	if (file_read_small_at(search->network, last_name(&range->first), text, sizeof(text)) <= 0 ||
		!ip_parse(text, &last) || ip_compare(&last, &range->first) < 0 || ip_compare(&last, &range->last) >= 0)
		return range->first;
	return ip_plus(&last, 1);
}

/* Once around the range; -EEXIST: all are taken. What cannot be read belongs to somebody. */
static int search_once(const struct search *search, bool reclaim, struct ip *ret_ip)
{
	const struct ip start = search_start(search);
	struct arena arena;
	struct lease holder;
	struct ip ip = start;
	int r = -EEXIST;

	arena_init(&arena);
	for (unsigned i = 0; i < TRIES_MAX; i++) {
		r = is_free_to_give(search, &ip) ? look(search, &ip, &arena, reclaim ? &holder : NULL) : -EEXIST;
		if (r != -EEXIST && r != -EBADMSG)
			break;
		r = -EEXIST;
		ip = ip_compare(&ip, &search->range->last) >= 0 ? search->range->first : ip_plus(&ip, 1);
		if (ip_compare(&ip, &start) == 0)
			break;
	}
	arena_done(&arena);
	*ret_ip = ip;
	return r;
}

static int find_any(const struct search *search, struct ip *ret_ip, struct error *err)
{
	char first[IP_TEXT], last[IP_TEXT];
	int r = search_once(search, false, ret_ip);

	if (r == -EEXIST)
		r = search_once(search, true, ret_ip);
	if (r == -EEXIST)
		return error_bad(err, EADDRNOTAVAIL,
			"the network \"%s\" has no free address: all of %s to %s are taken", search->of->name,
			ip_text(&search->range->first, first), ip_text(&search->range->last, last));
	return r < 0 ? error_sys(err, r, "look for an address of the network \"%s\"", search->of->name) : 0;
}

static int say_taken(const struct search *search, int code, const char *ip, const char *holder, struct error *err)
{
	if (code == -EEXIST)
		return error_bad(err, EADDRINUSE,
			"the address %s of the network \"%s\" is held by the container \"%s\"", ip, search->of->name,
			holder);
	if (code != -EBADMSG)
		return error_sys(err, code, "look for the address %s", ip);
	(void)error_bad(err, EINVAL, "the lease of %s in the network \"%s\" is damaged", ip, search->of->name);
	return error_hint(err, "husk network prune removes it");
}

static int find_this(const struct search *search, const struct ip *wanted, struct error *err)
{
	char ip[IP_TEXT], subnet[SUBNET_TEXT];
	struct lease holder = { 0 };
	struct arena arena;
	int r;

	(void)ip_text(wanted, ip);
	(void)subnet_text(&search->range->subnet, subnet);
	if (!subnet_holds(&search->range->subnet, wanted))
		return error_bad(err, EINVAL, "the address %s is not in the subnet %s of the network \"%s\"", ip,
			subnet, search->of->name);
	if (!is_free_to_give(search, wanted))
		return error_bad(err, EINVAL,
			"the address %s is the gateway's, or the first or last one of %s, and no container's", ip,
			subnet);
	arena_init(&arena);
	r = look(search, wanted, &arena, &holder);
	if (r < 0)
		r = say_taken(search, r, ip, holder.id, err);
	arena_done(&arena);
	return r;
}

int lease_find(int network, int leases, const struct network *of, const struct network_range *range,
	const struct ip *wanted, struct ip *ret_ip, struct error *err)
{
	const struct search search = { network, leases, of, range };

	if (!wanted->len)
		return find_any(&search, ret_ip, err);
	*ret_ip = *wanted;
	return find_this(&search, wanted, err);
}

int lease_take(int network, int leases, const struct lease *lease, const struct ip *ip, struct error *err)
{
	char name[IP_TEXT];
	int r = write_unfinished(leases, lease, err);

	if (r < 0)
		return r;
	if (renameat2(leases, UNFINISHED, leases, ip_text(ip, name), RENAME_NOREPLACE) < 0)
		return error_sys(err, errno, "take the address %s", name);
	cleanup_close int last =
		openat(network, last_name(ip), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (last >= 0) /* only a hint for the next search */
		(void)file_write_all(last, name, strlen(name));
	return 0;
}

void lease_give_back(int leases, const struct ip *ip, const char *state)
{
	char name[IP_TEXT], boot[BOOT_ID];
	struct arena arena;
	struct lease lease;

	arena_init(&arena);
	if (read_lease(leases, ip_text(ip, name), boot_id(boot), &arena, &lease) && strcmp(lease.state, state) == 0)
		(void)unlinkat(leases, name, 0);
	arena_done(&arena);
}
