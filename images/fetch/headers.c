/* images/fetch/headers.c: see the header. */
#include "images/fetch/headers.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/text.h"

enum { DAY_S = 86400 };

/* Digits at *at, which moves past them and past the `end` that must follow. */
static int read_number(const char **at, char end, uint64_t *ret)
{
	char digits[24];
	size_t len = strspn(*at, "0123456789");

	if (len >= sizeof(digits) || (*at)[len] != end)
		return -EINVAL;
	memcpy(digits, *at, len);
	digits[len] = '\0';
	*at += len + (end != '\0');
	return text_to_u64(digits, 0, INT64_MAX, ret) < 0 ? -EINVAL : 0;
}

int header_content_range(const char *value, struct content_range *ret)
{
	struct content_range range = { .total = UINT64_MAX };

	if (strncasecmp(value, "bytes ", strlen("bytes ")) != 0)
		return -EINVAL;
	value += strlen("bytes ");
	if (read_number(&value, '-', &range.first) < 0 || read_number(&value, '/', &range.last) < 0)
		return -EINVAL;
	if (strcmp(value, "*") != 0 && read_number(&value, '\0', &range.total) < 0)
		return -EINVAL;
	if (range.last < range.first || range.last >= range.total)
		return -EINVAL;
	*ret = range;
	return 0;
}

unsigned header_retry_after(const char *value, time_t now)
{
	uint64_t seconds = 0;
	time_t date;

	if (text_to_u64(value, 0, UINT32_MAX, &seconds) < 0) {
		date = curl_getdate(value, NULL);
		seconds = date > now ? (uint64_t)(date - now) : 0;
	}
	return seconds > DAY_S ? DAY_S : (unsigned)seconds;
}

/* ---- challenges ---- */

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

static size_t token_length(const char *at)
{
	return strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~");
}

/* A token, or a string in quotes with its backslashes taken out; *at moves past it. */
static int read_value(const char **at, struct arena *arena, const char **ret)
{
	size_t len = token_length(*at), used = 0;
	const char *from = *at;
	char *value;

	if (*from != '"') {
		*ret = arena_copy(arena, from, len);
		*at += len;
		return len > 0 ? 0 : -EINVAL;
	}
	value = arena_alloc(arena, strlen(from));
	for (from++; *from != '"'; from++) {
		from += *from == '\\';
		if (!*from)
			return -EINVAL;
		value[used++] = *from;
	}
	*ret = value;
	*at = from + 1;
	return 0;
}

static void keep(struct challenge *challenge, const char *name, size_t len, const char *value)
{
	if (len == strlen("realm") && strncasecmp(name, "realm", len) == 0)
		challenge->realm = value;
	else if (len == strlen("service") && strncasecmp(name, "service", len) == 0)
		challenge->service = value;
}

/* "name=value" at *at; moves past it and says 1, or says 0 where there is none, as before the name of a scheme. */
static int read_parameter(const char **at, bool bearer, struct arena *arena, struct challenge *challenge)
{
	const char *name = *at, *value, *equals;
	size_t len = token_length(name);
	int r;

	equals = skip_blanks(name + len);
	if (len == 0 || *equals != '=')
		return 0;
	equals = skip_blanks(equals + 1);
	r = read_value(&equals, arena, &value);
	if (r < 0)
		return r;
	if (bearer)
		keep(challenge, name, len, value);
	*at = skip_blanks(equals);
	return 1;
}

/* To the next comma outside of quotes, or to the end. */
static void pass_over(const char **at)
{
	bool quoted = false;

	for (; **at && (quoted || **at != ','); (*at)++) {
		if (quoted && **at == '\\' && (*at)[1])
			(*at)++;
		else if (**at == '"')
			quoted = !quoted;
	}
}

/* Whether a parameter begins here, and not the name of a scheme. */
static bool at_parameter(const char *at)
{
	return *skip_blanks(at + token_length(at)) == '=';
}

/* The parameters of one scheme, up to the name of the next; those of schemes that are not ours may be of any kind. */
static int read_parameters(const char **at, bool ours, bool bearer, struct arena *arena, struct challenge *challenge)
{
	do {
		int r = ours ? read_parameter(at, bearer, arena, challenge) : 0;
		if (r < 0 || (r > 0 && **at && **at != ','))
			return -EINVAL;
		if (!ours)
			pass_over(at);
		else if (r == 0 && **at != ',')
			return 0;
		while (**at == ',')
			*at = skip_blanks(*at + 1);
	} while (**at && at_parameter(*at));
	return 0;
}

int header_challenge(const char *value, struct arena *arena, struct challenge *ret)
{
	struct challenge challenge = { 0 };
	const char *at = skip_blanks(value);

	while (*at) {
		size_t len = token_length(at);
		bool bearer = len == strlen("Bearer") && strncasecmp(at, "Bearer", len) == 0;
		bool basic = len == strlen("Basic") && strncasecmp(at, "Basic", len) == 0;
		if (len == 0)
			return -EINVAL;
		challenge.bearer |= bearer;
		challenge.basic |= basic;
		at = skip_blanks(at + len);
		if (read_parameters(&at, bearer || basic, bearer, arena, &challenge) < 0)
			return -EINVAL;
	}
	*ret = challenge;
	return 0;
}
