/* images/fetch_protocol.h: what husk-image and husk-fetch say to each other.
 *
 * A socket of whole messages [unix(7), SOCK_SEQPACKET]; each is a list of strings, every one with its NUL. The first message
 * names the one registry that this husk-fetch will speak to, so that it can read what it needs of the host (configuration,
 * credentials for that registry and its mirrors, certificates) and give up its rights before it hears a byte from outside:
 *
 *	open HOST [NAME VALUE]...	NAME: authfile, creds, cert-dir, config, tls-verify (0 or 1), parallel, retries
 *
 * Then requests, as many as wanted at once, each with a number of the asker's and a descriptor to write to (SCM_RIGHTS):
 *
 *	manifest ID REPOSITORY PLACE TAG|DIGEST		a memfd; it holds the text when the answer comes
 *	blob ID REPOSITORY PLACE DIGEST SIZE OFFSET	the write end of a pipe; closed before the answer is sent
 *
 * PLACE is 0, or what an answer has named: a repository is asked for at mirrors first, and what came from one may not be what
 * was meant, which only the asker can tell.
 *
 * Every message, the first one too (as number 0), gets one answer, in the order in which they are done:
 *
 *	ID 0 TYPE "" PLACE		done; the manifest's media type as the registry calls it; the place to ask next, 0 for none
 *	ID ERRNO WHAT HINT PLACE	failed
 *
 * Blobs are served in the order of asking, `parallel` at once; one whose pipe is full waits, and so do those behind it. When
 * the asker's end of the socket is closed, husk-fetch ends. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define FETCH_OPEN     "open"
#define FETCH_MANIFEST "manifest"
#define FETCH_BLOB     "blob"

enum {
	FETCH_MESSAGE_MAX = 16 << 10,
	FETCH_WORDS_MAX = 32,         /* strings of a message */
	FETCH_MANIFEST_MAX = 4 << 20, /* bytes [distribution-spec: Pushing Manifests] */
	FETCH_REQUESTS_MAX = 1024,    /* unanswered ones */
};

/* A message being built. */
struct fetch_message {
	char text[FETCH_MESSAGE_MAX];
	size_t len; /* more than the text holds: too long, for the sender to see */
};

void fetch_message_add(struct fetch_message *message, const char *word);
void fetch_message_add_u64(struct fetch_message *message, uint64_t number);

/* Points words[] at the strings of a message that came; how many, or -EBADMSG. */
int fetch_message_split(const char *text, size_t len, const char *words[FETCH_WORDS_MAX]);
