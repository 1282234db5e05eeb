/* netns/names.c: what annotations say about names, checked. Pure. */
#include "netns/names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"

enum {
	LABEL_MAX = 63,
	NAME_LENGTH_MAX = 253,
	OPTION_MAX = 64,
};

#define HOST_GATEWAY "host-gateway"

/* ---- words ---- */

static bool is_label_char(char c)
{
	return (isascii(c) && isalnum((unsigned char)c)) || c == '-' || c == '_';
}

bool names_is_name(const char *name)
{
	size_t len = strlen(name), label = 0;

	if (len == 0 || len > NAME_LENGTH_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '.' ? label == 0 : !is_label_char(name[i]) || (label == 0 && name[i] == '-'))
			return false;
		label = name[i] == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return false;
	}
	return label > 0 && !names_is_address(name);
}

bool names_is_address(const char *text)
{
	struct in6_addr address;

	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

bool names_is_domain(const char *text)
{
	return strcmp(text, ".") == 0 || names_is_name(text);
}

bool names_is_option(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (len > 0 && text[len] == ':')
		len += 1 + strspn(text + len + 1, "0123456789");
	return len > 0 && len <= OPTION_MAX && text[len] == '\0';
}

static const struct list_kind {
	const char *key;
	bool (*is_good)(const char *word);
	const char *expected;
	size_t offset; /* of its struct spec_strings in struct names_plan */
} lists[] = {
	{ NAMES_DNS, names_is_address, "an IP address", offsetof(struct names_plan, servers) },
	{ NAMES_DNS_SEARCH, names_is_domain, "a domain, or \".\" for none", offsetof(struct names_plan, searches) },
	{ NAMES_DNS_OPTION, names_is_option, "an option of resolv.conf(5)", offsetof(struct names_plan, options) },
};

/* The words between separators; empty ones, as at an end, are none. */
static struct spec_strings split(const char *text, struct arena *arena)
{
	struct spec_strings words = { .items = ARENA_ARRAY(arena, strlen(text) / 2 + 1, const char *) };

	while (*(text += strspn(text, (char[]){ NAMES_SEPARATOR, '\0' }))) {
		size_t len = strcspn(text, (char[]){ NAMES_SEPARATOR, '\0' });
		words.items[words.count++] = arena_copy(arena, text, len);
		text += len;
	}
	return words;
}

static void add_fault(struct faults *faults, const char *key, const char *expected, const char *word)
{
	faults_add(faults, arena_printf(faults->arena, "annotations[\"%s\"]", key), "expected %s, found \"%s\"",
		expected, word);
}

static void read_list(const struct list_kind *list, const char *text, struct arena *arena, struct names_plan *plan,
	struct faults *faults)
{
	struct spec_strings *words = (void *)((char *)plan + list->offset);

	*words = split(text, arena);
	for (size_t i = 0; i < words->count; i++)
		if (!list->is_good(words->items[i]))
			add_fault(faults, list->key, list->expected, words->items[i]);
}

/* ---- hosts ---- */

/* "NAME:ADDRESS" or "NAME=ADDRESS", where an IPv6 address may stand in brackets; without an address: *ret_address is "".
 * False: it is not of this form. */
static bool read_host(const char *word, struct arena *arena, const char **ret_name, const char **ret_address)
{
	size_t len = strcspn(word, ":=");
	const char *address = word[len] ? word + len + 1 : "";
	size_t address_len = strlen(address);

	if (address_len > 2 && address[0] == '[' && address[address_len - 1] == ']')
		address = arena_copy(arena, address + 1, address_len - 2);
	*ret_name = arena_copy(arena, word, len);
	*ret_address = address;
	return names_is_name(*ret_name) &&
		(!word[len] || strcmp(address, HOST_GATEWAY) == 0 || names_is_address(address));
}

/* Names without an address share the next one's: "a;b:192.0.2.1", as podman has it. */
static void read_hosts(const char *text, struct arena *arena, struct names_plan *plan, struct faults *faults)
{
	static const char expected[] = "NAME:ADDRESS or NAME:" HOST_GATEWAY;
	struct spec_strings words = split(text, arena);
	size_t first = 0; /* of those that wait for an address */

	plan->hosts = ARENA_ARRAY(arena, words.count, struct names_host);
	for (size_t i = 0; i < words.count; i++) {
		const char *name, *address;
		if (!read_host(words.items[i], arena, &name, &address)) {
			add_fault(faults, NAMES_ADD_HOSTS, expected, words.items[i]);
			return;
		}
		plan->hosts[plan->host_count++].name = name;
		for (; *address && first < plan->host_count; first++)
			plan->hosts[first].address = strcmp(address, HOST_GATEWAY) == 0 ? NULL : address;
	}
	if (first < plan->host_count)
		add_fault(faults, NAMES_ADD_HOSTS, expected, plan->hosts[first].name);
}

void names_refuse(const struct spec *spec, struct faults *faults)
{
	static const char *const keys[] = { NAMES_DNS, NAMES_DNS_SEARCH, NAMES_DNS_OPTION, NAMES_ADD_HOSTS };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (spec_annotation(spec, keys[i]))
			faults_add(faults, arena_printf(faults->arena, "annotations[\"%s\"]", keys[i]),
				"means something only in a network that husk makes: a bridge network, macvlan, ipvlan or pasta");
}

void names_plan(const struct spec *spec, struct arena *arena, struct names_plan *ret_plan, struct faults *faults)
{
	const char *dns = spec_annotation(spec, NAMES_DNS), *hosts = spec_annotation(spec, NAMES_ADD_HOSTS);
	bool keeps = dns && strcmp(dns, "none") == 0;

	*ret_plan = (struct names_plan){ .keeps_resolv = keeps };
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const char *text = spec_annotation(spec, lists[i].key);
		if (text && !(keeps && text == dns))
			read_list(&lists[i], text, arena, ret_plan, faults);
	}
	if (hosts)
		read_hosts(hosts, arena, ret_plan, faults);
	if (keeps && (ret_plan->searches.count || ret_plan->options.count))
		faults_add(faults, "annotations[\"" NAMES_DNS "\"]",
			"\"none\" leaves resolv.conf to the image: there is none to put other DNS settings into");
}
