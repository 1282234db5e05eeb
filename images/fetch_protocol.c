/* images/fetch_protocol.c: lists of strings. */
#include "images/fetch_protocol.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

void fetch_message_add(struct fetch_message *message, const char *word)
{
	size_t len = strlen(word) + 1;

	if (message->len + len <= sizeof(message->text))
		memcpy(message->text + message->len, word, len);
	message->len += len;
}

void fetch_message_add_u64(struct fetch_message *message, uint64_t number)
{
	char digits[21];

	(void)text_put_u64(digits, number);
	fetch_message_add(message, digits);
}

int fetch_message_split(const char *text, size_t len, const char *words[FETCH_WORDS_MAX])
{
	int count = 0;

	if (len == 0 || text[len - 1] != '\0')
		return -EBADMSG;
	for (const char *at = text; at < text + len; at += strlen(at) + 1) {
		if (count == FETCH_WORDS_MAX)
			return -EBADMSG;
		words[count++] = at;
	}
	return count;
}
