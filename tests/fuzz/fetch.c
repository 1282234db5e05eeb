/* tests/fuzz/fetch.c: any bytes as what husk-fetch reads: registries.conf, files of credentials, headers, tokens, addresses. The
 * first byte chooses. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "images/fetch/credentials.h"
#include "images/fetch/headers.h"
#include "images/fetch/registries.h"
#include "images/fetch/token.h"
#include "images/fetch_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_config(const char *text, size_t len, struct arena *arena)
{
	struct registries registries;
	struct place places[PLACES_MAX];
	struct error err = { 0 };

	(void)len;
	registries_init(&registries);
	if (registries_parse(text, "f", arena, &registries, &err) < 0) {
		if (err.what[0] == '\0')
			abort();
		return;
	}
	for (const struct registries_section *s = registries.sections; s; s = s->next)
		(void)registries_route(&registries, s->name, "a/b", arena, places, &err);
	(void)registries_of_host(&registries, "h");
}

static void read_auth_file(const char *text, size_t len, struct arena *arena)
{
	struct auth_file file;
	struct error err = { 0 };

	if (auth_file_parse(text, len, "f", arena, &file, &err) == 0)
		(void)credentials_find(file.entries, "docker.io", "library/debian");
	else if (err.what[0] == '\0')
		abort();
}

static void read_challenge(const char *text, size_t len, struct arena *arena)
{
	struct challenge challenge;

	(void)len;
	(void)header_challenge(text, arena, &challenge);
}

static void read_range(const char *text, size_t len, struct arena *arena)
{
	struct content_range range;

	(void)len;
	(void)arena;
	if (header_content_range(text, &range) == 0 && (range.first > range.last || range.last >= range.total))
		abort();
	if (header_retry_after(text, 0) > 86400)
		abort();
}

static void read_token(const char *text, size_t len, struct arena *arena)
{
	const char *token = token_read(text, len, arena);

	if (token && (!*token || strpbrk(token, "\r\n ")))
		abort();
}

static void read_address(const char *text, size_t len, struct arena *arena)
{
	struct origin origin;

	(void)len;
	if (exchange_origin(text, arena, &origin) == 0)
		(void)realm_is_near("registry.example.com:5000", origin.host);
	(void)realm_is_near(text, "a.b.c");
	(void)exchange_add_query(text, "name", text, arena);
}

static void read_message(const char *text, size_t len, struct arena *arena)
{
	const char *words[FETCH_WORDS_MAX];

	(void)arena;
	(void)fetch_message_split(text, len, words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *text, size_t len, struct arena *arena) = {
		read_config,
		read_auth_file,
		read_challenge,
		read_range,
		read_token,
		read_address,
		read_message,
	};
	struct arena arena;

	if (size == 0)
		return 0;
	arena_init(&arena);
	readers[data[0] % ARRAY_SIZE(readers)](arena_copy(&arena, (const char *)data + 1, size - 1), size - 1, &arena);
	arena_done(&arena);
	return 0;
}
