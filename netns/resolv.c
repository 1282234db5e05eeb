/* netns/resolv.c: the text of a container's resolv.conf. Pure.
 *
 * What the container asks for wins over what its network has, and that over what the host has, line by line: servers,
 * search domains, options. Of the host's servers those are left out that mean something else in another network namespace:
 * on its loopback, or with the name of one of its links [RFC 4007, zones]. Nobody whom the host does not ask is asked
 * instead: without a server left, names are those of the hosts file. */
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "netns/names.h"

/* [resolv.conf(5): MAXNS; more are read by nobody] */
enum { SERVERS_MAX = 3, SEARCHES_MAX = 32, OPTIONS_MAX = 32 };

static bool is_loopback(const char *address)
{
	return text_starts_with(address, "127.") || strcmp(address, "::1") == 0;
}

/* Unspecified is the host itself, too. */
static bool is_elsewhere_too(const char *address)
{
	return names_is_address(address) && !is_loopback(address) && strcmp(address, "0.0.0.0") != 0 &&
		strcmp(address, "::") != 0;
}

static const char *next_word(const char **at, struct arena *arena)
{
	const char *start = *at + strspn(*at, " \t\r");
	size_t len = strcspn(start, " \t\r\n#;");

	*at = start + len;
	return len ? arena_copy(arena, start, len) : NULL;
}

/* The words after each line's `key` that are good, `max` of them at most; where a later line replaces an earlier one, as
 * with "search", only the last counts. */
static struct spec_strings words_of(const char *text, const char *key, bool replaces, bool (*is_good)(const char *),
	size_t max, struct arena *arena)
{
	struct spec_strings words = { .items = ARENA_ARRAY(arena, max, const char *) };
	size_t key_len = strlen(key);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += strspn(line, "\n");
		if (strncmp(line, key, key_len) != 0 || !(line[key_len] == ' ' || line[key_len] == '\t'))
			continue;
		const char *at = line + key_len;
		if (replaces)
			words.count = 0;
		for (const char *word; words.count < max && (word = next_word(&at, arena));)
			if (is_good(word))
				words.items[words.count++] = word;
	}
	return words;
}

bool names_resolv_is_local(const char *host)
{
	struct arena arena;
	bool local;

	arena_init(&arena);
	local = words_of(host, "nameserver", false, names_is_address, SERVERS_MAX, &arena).count > 0 &&
		words_of(host, "nameserver", false, is_elsewhere_too, SERVERS_MAX, &arena).count == 0;
	arena_done(&arena);
	return local;
}

static void add_line(struct text *text, const char *key, const struct spec_strings *words)
{
	if (words->count == 0 || strcmp(words->items[0], ".") == 0) /* "." says that there is none */
		return;
	text_add(text, "%s", key);
	for (size_t i = 0; i < words->count; i++)
		text_add(text, " %s", words->items[i]);
	text_add(text, "\n");
}

static void add_servers(struct text *text, const struct spec_strings *servers)
{
	for (size_t i = 0; i < servers->count && i < SERVERS_MAX; i++)
		text_add(text, "nameserver %s\n", servers->items[i]);
	if (servers->count == 0)
		text_add(text, "# no name server of the host's can be reached from this network\n");
}

static size_t length_of(const struct spec_strings *words)
{
	size_t len = 0;

	for (size_t i = 0; i < words->count; i++)
		len += strlen(words->items[i]) + sizeof("nameserver \n");
	return len;
}

const char *names_resolv_text(const struct names_plan *plan, const struct names_resolv *setting, struct arena *arena)
{
	const char *host = setting->internal || !setting->host ? "" : setting->host;
	struct spec_strings servers = plan->servers.count ? plan->servers
		: setting->servers.count                  ? setting->servers
					 : words_of(host, "nameserver", false, is_elsewhere_too, SERVERS_MAX, arena);
	struct spec_strings searches = plan->searches.count
		? plan->searches
		: words_of(host, "search", true, names_is_domain, SEARCHES_MAX, arena);
	struct spec_strings options = plan->options.count
		? plan->options
		: words_of(host, "options", false, names_is_option, OPTIONS_MAX, arena);
	size_t size = length_of(&servers) + length_of(&searches) + length_of(&options) + 256;
	struct text text;

	text_init(&text, arena_alloc(arena, size), size);
	text_add(&text, "# made by husk\n");
	add_servers(&text, &servers);
	add_line(&text, "search", &searches);
	add_line(&text, "options", &options);
	return text.buf;
}
