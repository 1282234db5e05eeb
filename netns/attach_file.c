/* netns/attach_file.c: what a container has of networks, out and in. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/text.h"
#include "netns/attach.h"
#include "spec/json.h"

enum { FILE_BYTES_MAX = 1 << 20 };

/* ---- out ---- */

static void write_link(const struct net_link *link, struct json_writer *w)
{
	char text[SUBNET_TEXT];

	json_object(w, NULL);
	json_string(w, "kind", net_link_names[link->kind]);
	json_string(w, "network", link->network);
	json_string(w, "bridge", link->bridge);
	json_string(w, "host", link->host);
	json_string(w, "name", link->name);
	if (link->has_mac)
		json_string(w, "mac", mac_text(link->mac, text));
	json_array(w, "addresses");
	for (size_t i = 0; i < 2; i++)
		if (link->ip[i].ip.len)
			json_string(w, NULL, subnet_text(&link->ip[i], text));
	json_array_end(w);
	json_array(w, "gateways");
	for (size_t i = 0; i < 2; i++)
		if (link->gateway[i].len)
			json_string(w, NULL, ip_text(&link->gateway[i], text));
	json_array_end(w);
	json_uint(w, "mtu", link->mtu);
	json_bool(w, "internal", link->internal);
	json_bool(w, "isolated", link->isolated);
	json_bool(w, "nameless", link->nameless);
	json_array(w, "aliases");
	for (size_t i = 0; i < link->name_count; i++)
		json_string(w, NULL, link->names[i]);
	json_array_end(w);
	json_object_end(w);
}

int attachment_write(int state_dir, const struct attachment *attachment, struct error *err)
{
	char port[PORT_TEXT];
	struct json_writer w;
	const char *text;
	size_t len = 0;
	int r;

	json_write_init(&w);
	json_object(&w, NULL);
	json_string(&w, "store", attachment->store);
	json_string(&w, "id", attachment->id);
	json_string(&w, "state", attachment->state);
	json_array(&w, "links");
	for (size_t i = 0; i < attachment->link_count; i++)
		write_link(&attachment->links[i], &w);
	json_array_end(&w);
	json_array(&w, "ports");
	for (size_t i = 0; i < attachment->port_count; i++)
		json_string(&w, NULL, port_text(&attachment->ports[i], port));
	json_array_end(&w);
	json_uint(&w, "rateIn", attachment->rates.in); /* bytes a second */
	json_uint(&w, "rateOut", attachment->rates.out);
	json_object_end(&w);
	text = json_write_end(&w, &len);
	r = text ? file_replace_at(state_dir, ATTACHMENT_FILE, text, len, 0600, err)
		 : error_sys(err, ENOMEM, "write the links of the container");
	json_write_done(&w);
	return r;
}

/* ---- in ---- */

static bool copy_link_name(const struct json *object, const char *key, char ret[IFNAMSIZ])
{
	const char *name = json_member_text(object, key, "");

	(void)snprintf(ret, IFNAMSIZ, "%s", name);
	return !*name || net_is_link_name(name);
}

static bool read_addresses(const struct json *object, struct net_link *link)
{
	json_for_each(value, json_member_array(object, "addresses")) {
		struct subnet subnet;
		if (value->kind != JSON_STRING || !subnet_parse(value->text, &subnet))
			return false;
		link->ip[subnet.ip.len == 16] = subnet;
	}
	json_for_each(value, json_member_array(object, "gateways")) {
		struct ip ip;
		if (value->kind != JSON_STRING || !ip_parse(value->text, &ip))
			return false;
		link->gateway[ip.len == 16] = ip;
	}
	return true;
}

static bool read_link(const struct json *object, struct arena *arena, struct net_link *link)
{
	const struct json *aliases = json_member_array(object, "aliases");
	const char *kind = json_member_text(object, "kind", ""), *mac = json_member_text(object, "mac", "");
	const char **names = ARENA_ARRAY(arena, aliases->count, const char *);

	*link = (struct net_link){
		.kind = NET_LINK_KINDS, .names = names, .network = json_member_text(object, "network", "")
	};
	for (int i = 0; i < NET_LINK_KINDS; i++)
		if (strcmp(kind, net_link_names[i]) == 0)
			link->kind = (enum net_link_kind)i;
	json_for_each(value, aliases)
		if (value->kind == JSON_STRING)
			names[link->name_count++] = value->text;
	link->has_mac = *mac && mac_parse(mac, link->mac);
	link->internal = json_member_bool(object, "internal");
	link->isolated = json_member_bool(object, "isolated");
	link->nameless = json_member_bool(object, "nameless");
	link->mtu = (unsigned)json_member_u64(object, "mtu", UINT32_MAX);
	return link->kind < NET_LINK_KINDS && *link->network && copy_link_name(object, "bridge", link->bridge) &&
		copy_link_name(object, "host", link->host) && copy_link_name(object, "name", link->name) &&
		read_addresses(object, link);
}

static bool read_ports(const struct json *object, struct arena *arena, struct attachment *ret)
{
	struct faults faults;

	faults_init(&faults, arena, NULL);
	const struct json *texts = json_member_array(object, "ports");
	const char *joined = NULL;
	json_for_each(value, texts)
		if (value->kind == JSON_STRING)
			joined = joined ? arena_printf(arena, "%s;%s", joined, value->text) : value->text;
	if (joined)
		ret->port_count = ports_parse(joined, NULL, arena, &ret->ports, &faults);
	return faults.count == 0;
}

static bool read_all(const struct json *object, struct arena *arena, struct attachment *ret)
{
	*ret = (struct attachment){
		.store = json_member_text(object, "store", ""),
		.id = json_member_text(object, "id", ""),
		.state = json_member_text(object, "state", ""),
		.rates = {
			.in = json_member_u64(object, "rateIn", UINT64_MAX),
			.out = json_member_u64(object, "rateOut", UINT64_MAX),
		},
	};
	json_for_each(value, json_member_array(object, "links"))
		if (ret->link_count == NET_LINKS_MAX || value->kind != JSON_OBJECT ||
			!read_link(value, arena, &ret->links[ret->link_count++]))
			return false;
	return read_ports(object, arena, ret) && *ret->store == '/' && *ret->id && *ret->state == '/';
}

int attachment_read(int state_dir, struct arena *arena, struct attachment *ret, struct error *err)
{
	const struct json *object = NULL;
	struct faults faults;
	size_t len;
	char *text;
	int r = file_read_at(state_dir, ATTACHMENT_FILE, FILE_BYTES_MAX, arena, &text, &len, err);

	if (r < 0)
		return r;
	faults_init(&faults, arena, ATTACHMENT_FILE);
	if (json_parse(text, len, arena, &object, &faults) == 0 && object && object->kind == JSON_OBJECT &&
		read_all(object, arena, ret))
		return 0;
	return error_bad(err, EINVAL, "the file \"" ATTACHMENT_FILE "\" of the container is damaged");
}
