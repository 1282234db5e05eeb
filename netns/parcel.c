/* netns/parcel.c: see the header.
 *
 * The kernel works through a parcel while sendmsg(2) lasts: what it has to say of it waits in our socket by then. So a
 * parcel whose messages ask for no acknowledgement is done when nothing is there to be read. */
#include "netns/parcel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

enum {
	PARCEL_FIRST_SIZE = 4096,
	PARCEL_MAX = 64 << 20, /* a fault of ours, where anything wants more */
	SEND_BUFFER = 128 << 10,
	ANSWER_SIZE = 32 << 10,  /* the kernel gives no more at a time */
	SOL_NETLINK_LEVEL = 270, /* SOL_NETLINK, which sys/socket.h has only with some libraries */
};

/* ---- filling ---- */

void parcel_done(struct parcel *parcel)
{
	free(parcel->bytes);
	*parcel = (struct parcel){ 0 };
}

static void *grow(struct parcel *parcel, size_t len)
{
	size_t size = parcel->size ? parcel->size : PARCEL_FIRST_SIZE;
	char *bytes;

	if (parcel->code < 0)
		return NULL;
	while (size < parcel->len + len)
		size *= 2;
	if (size > PARCEL_MAX)
		return parcel->code = -EMSGSIZE, NULL;
	if (size != parcel->size) {
		bytes = realloc(parcel->bytes, size);
		if (!bytes)
			return parcel->code = -ENOMEM, NULL;
		parcel->bytes = bytes;
		parcel->size = size;
	}
	bytes = parcel->bytes + parcel->len;
	memset(bytes, 0, len);
	parcel->len += len;
	return bytes;
}

static struct nlmsghdr *last_message(const struct parcel *parcel)
{
	return (struct nlmsghdr *)(void *)(parcel->bytes + parcel->last);
}

void parcel_message(struct parcel *parcel, uint16_t type, uint16_t flags, const void *header, size_t len)
{
	size_t at = parcel->len;
	size_t room = NLMSG_HDRLEN + NLMSG_ALIGN(len);

	if (!grow(parcel, room))
		return;
	parcel->last = at;
	parcel->count++;
	*last_message(parcel) = (struct nlmsghdr){
		.nlmsg_len = (uint32_t)room,
		.nlmsg_type = type,
		.nlmsg_flags = NLM_F_REQUEST | flags,
		.nlmsg_seq = parcel->count,
	};
	memcpy(NLMSG_DATA(last_message(parcel)), header, len);
}

void parcel_put(struct parcel *parcel, uint16_t type, const void *data, size_t len)
{
	struct nlattr *attribute;

	if (len > UINT16_MAX - NLA_HDRLEN) {
		parcel->code = parcel->code < 0 ? parcel->code : -EMSGSIZE;
		return;
	}
	attribute = grow(parcel, NLA_HDRLEN + NLA_ALIGN(len));
	if (!attribute)
		return;
	*attribute = (struct nlattr){ .nla_type = type, .nla_len = (uint16_t)(NLA_HDRLEN + len) };
	if (len)
		memcpy((char *)attribute + NLA_HDRLEN, data, len);
	last_message(parcel)->nlmsg_len = (uint32_t)(parcel->len - parcel->last);
}

void parcel_put_text(struct parcel *parcel, uint16_t type, const char *text)
{
	parcel_put(parcel, type, text, strlen(text) + 1);
}

void parcel_put_u8(struct parcel *parcel, uint16_t type, uint8_t value)
{
	parcel_put(parcel, type, &value, sizeof(value));
}

void parcel_put_u32(struct parcel *parcel, uint16_t type, uint32_t value)
{
	parcel_put(parcel, type, &value, sizeof(value));
}

void parcel_put_be16(struct parcel *parcel, uint16_t type, uint16_t value)
{
	value = htons(value);
	parcel_put(parcel, type, &value, sizeof(value));
}

void parcel_put_be32(struct parcel *parcel, uint16_t type, uint32_t value)
{
	value = htonl(value);
	parcel_put(parcel, type, &value, sizeof(value));
}

size_t parcel_nest(struct parcel *parcel, uint16_t type)
{
	size_t nest = parcel->len;

	parcel_put(parcel, type | NLA_F_NESTED, NULL, 0);
	return nest;
}

void parcel_unnest(struct parcel *parcel, size_t nest)
{
	size_t len = parcel->len - nest;

	if (parcel->code < 0)
		return;
	if (len > UINT16_MAX)
		parcel->code = -EMSGSIZE;
	else
		((struct nlattr *)(void *)(parcel->bytes + nest))->nla_len = (uint16_t)len;
}

/* ---- sending ---- */

int parcel_socket(int protocol)
{
	cleanup_close int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	const int on = 1;

	if (sock < 0)
		return -errno;
	/* The kernel's words, and not our whole message back; without them, numbers have to do. */
	(void)setsockopt(sock, SOL_NETLINK_LEVEL, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(sock, SOL_NETLINK_LEVEL, NETLINK_CAP_ACK, &on, sizeof(on));
	return fd_take(&sock);
}

struct listener {
	void (*each)(const struct nlmsghdr *answer, void *data);
	void *data;
	struct parcel_refusal *refusal;
	int result;
	uint32_t last; /* the number of the message whose end is the end */
	bool ended;
};

/* With NETLINK_CAP_ACK only the header of our message comes back, then what the kernel adds. */
static void hear_refusal(const struct nlmsghdr *answer, const struct nlmsgerr *word, struct listener *listener)
{
	size_t head = NLMSG_LENGTH(sizeof(*word));
	const struct nlattr *words;

	if (listener->result < 0)
		return;
	listener->result = word->error;
	if (!listener->refusal)
		return;
	*listener->refusal = (struct parcel_refusal){ .message = answer->nlmsg_seq };
	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS) || !(answer->nlmsg_flags & NLM_F_CAPPED))
		return;
	words = attribute_find((const char *)answer + head, answer->nlmsg_len - head, NLMSGERR_ATTR_MSG);
	strncat(listener->refusal->words, attribute_text(words), PARCEL_WORDS_MAX - 1);
}

static void hear(const struct nlmsghdr *answer, struct listener *listener)
{
	const struct nlmsgerr *word = NLMSG_DATA(answer);

	if (answer->nlmsg_flags & NLM_F_DUMP_INTR && listener->result == 0)
		listener->result = -EINTR;
	if (answer->nlmsg_type == NLMSG_ERROR) {
		if (answer->nlmsg_len < NLMSG_LENGTH(sizeof(*word)))
			listener->result = -EPROTO;
		else if (word->error < 0)
			hear_refusal(answer, word, listener);
		listener->ended |= answer->nlmsg_seq == listener->last || listener->result < 0;
	} else if (answer->nlmsg_type == NLMSG_DONE) {
		listener->ended |= answer->nlmsg_seq == listener->last;
	} else if (listener->each) {
		listener->each(answer, listener->data);
	}
}

/* One datagram: 1 where it was read, 0 where none is there. */
static int listen_once(int sock, struct listener *listener, int flags)
{
	_Alignas(struct nlmsghdr) char buf[ANSWER_SIZE];
	struct sockaddr_nl from = { 0 };
	struct iovec io = { buf, sizeof(buf) };
	struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &io, .msg_iovlen = 1 };
	ssize_t n = recvmsg(sock, &message, flags);
	int left = (int)n;

	if (n < 0)
		return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -errno;
	if (from.nl_pid != 0)
		return 1; /* not the kernel */
	if (message.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	for (const struct nlmsghdr *answer = (void *)buf; NLMSG_OK(answer, (unsigned)left);
		answer = NLMSG_NEXT(answer, left))
		hear(answer, listener);
	return 1;
}

static int send_whole(int sock, const struct parcel *parcel)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int room = (int)parcel->len + SEND_BUFFER;

	if (parcel->len > SEND_BUFFER)
		(void)setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	while (sendto(sock, parcel->bytes, parcel->len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int parcel_send(int sock, struct parcel *parcel, void (*each)(const struct nlmsghdr *answer, void *data), void *data,
	struct parcel_refusal *ret_refusal)
{
	struct listener listener = { .each = each, .data = data, .refusal = ret_refusal, .last = parcel->count };
	bool waits = parcel->len && last_message(parcel)->nlmsg_flags & (NLM_F_ACK | NLM_F_DUMP);
	int r = parcel->code;

	if (ret_refusal)
		*ret_refusal = (struct parcel_refusal){ 0 };
	if (r == 0)
		r = send_whole(sock, parcel);
	for (int more = r == 0; more;) {
		r = listen_once(sock, &listener, waits && !listener.ended ? 0 : MSG_DONTWAIT);
		more = r == 1;
	}
	return r < 0 ? r : listener.result;
}

/* ---- reading ---- */

const struct nlattr *attribute_find(const void *attributes, size_t len, uint16_t type)
{
	for (size_t at = 0; at + NLA_HDRLEN <= len;) {
		const struct nlattr *attribute = (const void *)((const char *)attributes + at);
		if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > len - at)
			break;
		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			return attribute;
		at += NLA_ALIGN(attribute->nla_len);
	}
	return NULL;
}

const void *attribute_data(const struct nlattr *attribute)
{
	return attribute ? (const char *)attribute + NLA_HDRLEN : NULL;
}

size_t attribute_len(const struct nlattr *attribute)
{
	return attribute ? attribute->nla_len - (size_t)NLA_HDRLEN : 0;
}

uint32_t attribute_be32(const struct nlattr *attribute, uint32_t otherwise)
{
	uint32_t value;

	if (attribute_len(attribute) < sizeof(value))
		return otherwise;
	memcpy(&value, attribute_data(attribute), sizeof(value));
	return ntohl(value);
}

const char *attribute_text(const struct nlattr *attribute)
{
	size_t len = attribute_len(attribute);
	const char *text = attribute_data(attribute);

	return len && text[len - 1] == '\0' ? text : "";
}
