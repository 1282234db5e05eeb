/* netns/network.c: see the header. */
#include "netns/network.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/path.h"
#include "base/text.h"
#include "netns/subnets.h"
#include "spec/json.h"
#include "spec/spec.h"

enum { NETWORK_BYTES_MAX = 65536, NAMES_MAX = 4096 };

#define DEFINITION "network"
#define UNFINISHED ".new"

int network_check_name(const char *name, struct error *err)
{
	size_t len = strlen(name);
	bool good = len > 0 && len <= NETWORK_NAME_MAX && isalnum((unsigned char)name[0]);

	for (size_t i = 0; good && i < len; i++)
		good = isascii(name[i]) && (isalnum((unsigned char)name[i]) || strchr("_.-", name[i]));
	if (good)
		return 0;
	return error_bad(err, EINVAL,
		"\"%s\" is no name of a network: up to %d of a-z, A-Z, 0-9, \"_\", \".\" and \"-\"", name,
		NETWORK_NAME_MAX);
}

const struct network_range *network_range_of(const struct network *network, uint8_t len)
{
	for (size_t i = 0; i < network->range_count; i++)
		if (network->ranges[i].subnet.ip.len == len)
			return &network->ranges[i];
	return NULL;
}

/* ---- out ---- */

static void write_range(const struct network_range *range, struct json_writer *w)
{
	char subnet[SUBNET_TEXT], ip[IP_TEXT];

	json_object(w, NULL);
	json_string(w, "subnet", subnet_text(&range->subnet, subnet));
	json_string(w, "gateway", ip_text(&range->gateway, ip));
	json_string(w, "first", ip_text(&range->first, ip));
	json_string(w, "last", ip_text(&range->last, ip));
	json_object_end(w);
}

void network_write(const struct network *network, struct json_writer *w)
{
	json_string(w, "name", network->name);
	json_string(w, "driver", "bridge");
	json_string(w, "bridge", network->bridge);
	json_array(w, "subnets");
	for (size_t i = 0; i < network->range_count; i++)
		write_range(&network->ranges[i], w);
	json_array_end(w);
	json_uint(w, "mtu", network->mtu);
	json_uint(w, "vlan", network->vlan);
	json_bool(w, "internal", network->internal);
	json_bool(w, "isolated", network->isolated);
	json_bool(w, "names", !network->nameless);
	json_array(w, "dns");
	for (size_t i = 0; i < network->dns_count; i++)
		json_string(w, NULL, network->dns[i]);
	json_array_end(w);
	json_object(w, "labels");
	for (size_t i = 0; i < network->label_count; i++)
		json_string(w, network->labels[i].key, network->labels[i].value);
	json_object_end(w);
	json_string(w, "created", network->created);
}

/* ---- in ---- */

static bool read_range(const struct json *object, struct network_range *ret)
{
	return object->kind == JSON_OBJECT && subnet_parse(json_member_text(object, "subnet", ""), &ret->subnet) &&
		ip_parse(json_member_text(object, "gateway", ""), &ret->gateway) &&
		ip_parse(json_member_text(object, "first", ""), &ret->first) &&
		ip_parse(json_member_text(object, "last", ""), &ret->last) && network_range_complete(ret, NULL) == 0;
}

static void read_lists(const struct json *object, struct arena *arena, struct network *network)
{
	const struct json *labels = json_member(object, "labels");

	json_for_each(value, json_member_array(object, "dns"))
		if (network->dns_count < NETWORK_DNS_MAX && value->kind == JSON_STRING)
			network->dns[network->dns_count++] = value->text;
	if (!labels || labels->kind != JSON_OBJECT)
		return;
	network->labels = ARENA_ARRAY(arena, labels->count, struct spec_pair);
	json_for_each(value, labels)
		if (value->kind == JSON_STRING)
			network->labels[network->label_count++] =
				(struct spec_pair){ .key = value->key, .value = value->text };
}

static bool read_definition(const struct json *object, struct arena *arena, struct network *network)
{
	const char *bridge = json_member_text(object, "bridge", "");

	if (!*bridge || strlen(bridge) >= IFNAMSIZ || strchr(bridge, '/'))
		return false;
	(void)snprintf(network->bridge, sizeof(network->bridge), "%s", bridge);
	json_for_each(value, json_member_array(object, "subnets"))
		if (network->range_count == NETWORK_RANGES ||
			!read_range(value, &network->ranges[network->range_count++]))
			return false;
	network->mtu = (unsigned)json_member_u64(object, "mtu", UINT32_MAX);
	network->vlan = (unsigned)json_member_u64(object, "vlan", UINT32_MAX);
	network->internal = json_member_bool(object, "internal");
	network->isolated = json_member_bool(object, "isolated");
	network->nameless = !json_member_bool(object, "names");
	network->created = json_member_text(object, "created", "");
	read_lists(object, arena, network);
	return network->range_count > 0;
}

static int parse(const char *text, size_t len, struct arena *arena, struct network *network)
{
	const struct json *object = NULL;
	struct faults faults;

	faults_init(&faults, arena, DEFINITION);
	if (json_parse(text, len, arena, &object, &faults) < 0 || !object || object->kind != JSON_OBJECT)
		return -EINVAL;
	return read_definition(object, arena, network) ? 0 : -EINVAL;
}

/* ---- the directory ---- */

int networks_open(const char *store, struct error *err)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s/networks", store) >= sizeof(path))
		return error_sys(err, ENAMETOOLONG, "open the store %s", store);
	return path_open_private_dir(path, err);
}

int network_lock(int dir, struct error *err)
{
	while (flock(dir, LOCK_EX) < 0)
		if (errno != EINTR)
			return error_sys(err, errno, "lock the network");
	return 0;
}

static int by_name(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

int networks_list(int networks, struct arena *arena, const char ***ret_names, size_t *ret_count, struct error *err)
{
	int fd = openat(networks, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	const char **names = ARENA_ARRAY(arena, NAMES_MAX, const char *);
	size_t count = 0;

	if (!listing)
		return error_sys(err, errno, "list the networks");
	for (const struct dirent *entry; count < NAMES_MAX && (entry = readdir(listing));)
		if (network_check_name(entry->d_name, NULL) == 0)
			names[count++] = arena_strdup(arena, entry->d_name);
	(void)closedir(listing);
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	*ret_names = names;
	*ret_count = count;
	return 0;
}

static int unknown(int networks, const char *name, struct arena *arena, struct error *err)
{
	const char **names = NULL, *near;
	size_t count = 0;

	(void)error_bad(err, ENOENT, "network \"%s\" does not exist", name);
	if (networks_list(networks, arena, &names, &count, NULL) == 0 && (near = text_nearest(name, names, count)))
		return error_hint(err, "did you mean \"%s\"?", near);
	return error_hint(err, "husk network create makes one, husk network ls lists them");
}

int network_open(int networks, const char *name, struct arena *arena, struct network *ret, struct error *err)
{
	cleanup_close int dir = -1;
	char *text;
	size_t len;
	int r = network_check_name(name, err);

	if (r < 0)
		return r;
	dir = openat(networks, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 && errno == ENOENT)
		return unknown(networks, name, arena, err);
	if (dir < 0)
		return error_sys(err, errno, "open the network \"%s\"", name);
	*ret = (struct network){ .name = arena_strdup(arena, name) };
	r = file_read_at(dir, DEFINITION, NETWORK_BYTES_MAX, arena, &text, &len, err);
	if (r < 0)
		return error_at(err, "network \"%s\"", name);
	if (parse(text, len, arena, ret) == 0)
		return fd_take(&dir);
	(void)error_bad(err, EINVAL, "the definition of the network \"%s\" is damaged", name);
	return error_hint(err, "husk network rm --force %s removes it", name);
}

/* ---- making and removing ---- */

int network_range_complete(struct network_range *range, struct error *err)
{
	char subnet[SUBNET_TEXT], ip[IP_TEXT];
	unsigned bits = range->subnet.ip.len * 8U;

	range->subnet.ip = subnet_first(&range->subnet);
	(void)subnet_text(&range->subnet, subnet);
	if (range->subnet.prefix == 0 || range->subnet.prefix + 2U > bits)
		return error_bad(err, EINVAL, "the subnet %s has no room for a gateway and a container", subnet);
	if (!range->gateway.len)
		range->gateway = ip_plus(&range->subnet.ip, 1);
	if (!range->first.len)
		range->first = ip_plus(&range->subnet.ip, 1);
	if (!range->last.len)
		range->last = subnet_last(&range->subnet);
	if (!subnet_has_host(&range->subnet, &range->gateway))
		return error_bad(err, EINVAL, "the gateway %s is no address of a host in %s",
			ip_text(&range->gateway, ip), subnet);
	if (!subnet_holds(&range->subnet, &range->first) || !subnet_holds(&range->subnet, &range->last) ||
		ip_compare(&range->first, &range->last) > 0)
		return error_bad(err, EINVAL, "the range of addresses is not in the subnet %s", subnet);
	return 0;
}

static int write_definition(int dir, const struct network *network, struct error *err)
{
	struct json_writer w;
	const char *text;
	size_t len = 0;
	int r;

	json_write_init(&w);
	json_object(&w, NULL);
	network_write(network, &w);
	json_object_end(&w);
	text = json_write_end(&w, &len);
	r = text ? file_replace_at(dir, DEFINITION, text, len, 0600, err) : error_sys(err, ENOMEM, "write the network");
	json_write_done(&w);
	return r;
}

/* Whatever is in the directory of a network, it is ours: files, and `leases` with files. */
static void empty(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);

	for (const struct dirent *entry; listing && (entry = readdir(listing));)
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
			empty(fd, entry->d_name);
			(void)unlinkat(fd, entry->d_name, AT_REMOVEDIR);
		} else {
			(void)unlinkat(fd, entry->d_name, 0);
		}
	if (listing)
		(void)closedir(listing);
}

int network_remove(int networks, const char *name, struct error *err)
{
	/* Under another name, so that nobody sees it without its definition. */
	empty(networks, UNFINISHED);
	(void)unlinkat(networks, UNFINISHED, AT_REMOVEDIR);
	if (renameat(networks, name, networks, UNFINISHED) < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "remove the network \"%s\"", name);
	empty(networks, UNFINISHED);
	(void)unlinkat(networks, UNFINISHED, AT_REMOVEDIR);
	return 0;
}

static int fill_directory(int networks, const struct network *network, struct error *err)
{
	cleanup_close int dir = -1;

	empty(networks, UNFINISHED); /* of a husk that was killed */
	if (mkdirat(networks, UNFINISHED, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "make the network \"%s\"", network->name);
	dir = openat(networks, UNFINISHED, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || (mkdirat(dir, "leases", 0700) < 0 && errno != EEXIST))
		return error_sys(err, errno, "make the network \"%s\"", network->name);
	return write_definition(dir, network, err);
}

static const char *now(struct arena *arena)
{
	char *buf = arena_alloc(arena, sizeof("2026-01-02T03:04:05Z"));
	struct timespec ts;
	struct text text;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	text_init(&text, buf, sizeof("2026-01-02T03:04:05Z"));
	text_add_time(&text, &ts, 0);
	return buf;
}

/* "husk0", "husk1"...: neither a network's nor any link's. */
static int choose_bridge(struct network *network, const struct network *others, size_t count, struct error *err)
{
	for (unsigned n = 0; n < NAMES_MAX; n++) {
		bool taken;
		(void)snprintf(network->bridge, sizeof(network->bridge), "husk%u", n);
		taken = if_nametoindex(network->bridge) != 0;
		for (size_t i = 0; !taken && i < count; i++)
			taken = strcmp(others[i].bridge, network->bridge) == 0;
		if (!taken)
			return 0;
	}
	return error_bad(err, EEXIST, "there is no name left for a bridge");
}

/* Damaged ones are left out: they have no bridge that could be known. */
static struct network *read_all(int networks, struct arena *arena, size_t *ret_count)
{
	const char **names = NULL;
	struct network *all;
	size_t count = 0;

	*ret_count = 0;
	(void)networks_list(networks, arena, &names, &count, NULL);
	all = ARENA_ARRAY(arena, count + 1, struct network);
	for (size_t i = 0; i < count; i++) {
		cleanup_close int dir = network_open(networks, names[i], arena, &all[*ret_count], NULL);
		if (dir >= 0)
			(*ret_count)++;
	}
	return all;
}

int network_make(int networks, struct network *network, struct arena *arena, struct error *err)
{
	size_t count;
	const struct network *others = read_all(networks, arena, &count);
	int r = network_check_name(network->name, err);

	if (r == 0 && faccessat(networks, network->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return error_bad(err, EEXIST, "network \"%s\" already exists", network->name);
	if (r == 0)
		r = subnets_settle(network, others, count, err);
	if (r == 0)
		r = choose_bridge(network, others, count, err);
	network->created = now(arena);
	if (r == 0)
		r = fill_directory(networks, network, err);
	if (r == 0 && renameat(networks, UNFINISHED, networks, network->name) < 0)
		r = error_sys(err, errno, "make the network \"%s\"", network->name);
	return r;
}

int network_open_or_make(int networks, const char *name, struct arena *arena, struct network *ret, struct error *err)
{
	struct network network = { .name = NETWORK_DEFAULT, .nameless = true };
	cleanup_close int lock = -1;
	int r;

	if (strcmp(name, NETWORK_DEFAULT) != 0 || faccessat(networks, NETWORK_DEFAULT, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return network_open(networks, name, arena, ret, err);
	lock = openat(networks, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = lock < 0 ? error_sys(err, errno, "open the networks") : network_lock(lock, err);
	if (r == 0)
		r = network_make(networks, &network, arena, err);
	if (r < 0 && r != -EEXIST) /* someone was quicker */
		return r;
	return network_open(networks, name, arena, ret, err);
}
