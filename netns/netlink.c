/* netns/netlink.c: see the header. */
#include "netns/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

static struct nlmsghdr *header_of(struct message *message)
{
	return (struct nlmsghdr *)(void *)message->bytes;
}

void message_init(struct message *message, uint16_t type, uint16_t flags, const void *header, size_t len)
{
	*message = (struct message){ 0 };
	*header_of(message) = (struct nlmsghdr){
		.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + NLMSG_ALIGN(len)),
		.nlmsg_type = type,
		.nlmsg_flags = NLM_F_REQUEST | flags,
		.nlmsg_seq = 1,
	};
	memcpy(NLMSG_DATA(header_of(message)), header, len);
}

void message_add(struct message *message, uint16_t type, const void *data, size_t len)
{
	struct nlmsghdr *header = header_of(message);
	struct nlattr attribute = { .nla_type = type, .nla_len = (uint16_t)(NLA_HDRLEN + len) };
	size_t room = NLA_HDRLEN + NLA_ALIGN(len);

	if (header->nlmsg_len + room > MESSAGE_MAX) {
		header->nlmsg_len = MESSAGE_MAX + 1;
		return;
	}
	memcpy(message->bytes + header->nlmsg_len, &attribute, sizeof(attribute));
	memcpy(message->bytes + header->nlmsg_len + NLA_HDRLEN, data, len);
	header->nlmsg_len += (uint32_t)room;
}

size_t message_nest(struct message *message, uint16_t type)
{
	size_t nest = header_of(message)->nlmsg_len;

	message_add(message, type | NLA_F_NESTED, "", 0);
	return nest;
}

void message_unnest(struct message *message, size_t nest)
{
	struct nlmsghdr *header = header_of(message);
	struct nlattr *attribute = (void *)(message->bytes + nest);

	if (header->nlmsg_len <= MESSAGE_MAX)
		attribute->nla_len = (uint16_t)(header->nlmsg_len - nest);
}

void message_add_raw(struct message *message, const void *data, size_t len)
{
	struct nlmsghdr *header = header_of(message);

	if (header->nlmsg_len + NLMSG_ALIGN(len) > MESSAGE_MAX) {
		header->nlmsg_len = MESSAGE_MAX + 1;
		return;
	}
	memcpy(message->bytes + header->nlmsg_len, data, len);
	header->nlmsg_len += (uint32_t)NLMSG_ALIGN(len);
}

/* ---- sockets ---- */

int netlink_open(void)
{
	static const int on = 1;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)); /* a refusal need not repeat the message */
	return fd;
}

/* A socket stays in the namespace that it was made in, so we go there to make it, and to do what else only a process there
 * can do. Nothing of ours may run in the container's network if there is no way back. */
int netns_visit(int netns, int (*there)(void *data), void *data, struct error *err)
{
	cleanup_close int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int r;

	if (home < 0)
		return error_sys(err, errno, "open our own network namespace");
	if (setns(netns, CLONE_NEWNET) < 0)
		return error_sys(err, errno, "enter the network namespace of the container");
	r = there(data);
	if (setns(home, CLONE_NEWNET) < 0)
		(void)raise(SIGKILL);
	return r < 0 ? error_sys(err, r, "talk to the kernel in the network namespace of the container") : r;
}

static int open_there(void *data)
{
	(void)data;
	return netlink_open();
}

int netlink_open_in(int netns, struct error *err)
{
	return netns_visit(netns, open_there, NULL, err);
}

/* ---- talking ---- */

struct answers {
	void (*each)(const struct nlmsghdr *answer, void *data);
	void *data;
	uint32_t last;   /* the number whose acknowledgement is the end */
	uint32_t failed; /* the number of the first that failed; 0 = none */
	int code;        /* and its code */
	char reason[128];
};

/* The kernel's own words follow the header of what it refused [include/uapi/linux/netlink.h, NLMSGERR_ATTR_MSG]. */
static void read_reason(const struct nlmsghdr *answer, struct answers *answers)
{
	size_t len = 0;
	const char *reason;

	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS) || !(answer->nlmsg_flags & NLM_F_CAPPED))
		return;
	reason = answer_attribute(answer, sizeof(struct nlmsgerr), NLMSGERR_ATTR_MSG, &len);
	if (reason)
		(void)snprintf(answers->reason, sizeof(answers->reason), "%.*s", (int)len, reason);
}

/* True where more is to come. */
static bool read_answer(const struct nlmsghdr *answer, struct answers *answers)
{
	const struct nlmsgerr *word = NLMSG_DATA(answer);

	if (answer->nlmsg_seq == 0 || answer->nlmsg_seq > answers->last)
		return true;
	if (answer->nlmsg_type == NLMSG_DONE)
		return false;
	if (answer->nlmsg_type != NLMSG_ERROR) {
		if (answers->each)
			answers->each(answer, answers->data);
		return true;
	}
	if (answers->code == 0) {
		answers->code = answer->nlmsg_len < NLMSG_LENGTH(sizeof(*word)) ? -EPROTO : word->error;
		answers->failed = answers->code ? answer->nlmsg_seq : 0;
		if (answers->code)
			read_reason(answer, answers);
	}
	return answer->nlmsg_seq < answers->last;
}

/* One datagram of the kernel's into `buf`; 0 for what came from elsewhere. */
static ssize_t receive(int sock, void *buf, size_t size)
{
	struct sockaddr_nl from = { 0 };
	struct iovec part = { buf, size };
	struct msghdr datagram = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &part,
		.msg_iovlen = 1,
	};
	ssize_t n = recvmsg(sock, &datagram, 0);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (datagram.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	return from.nl_pid == 0 ? n : 0;
}

static int talk(int sock, const void *request, size_t len, struct answers *answers)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	_Alignas(struct nlmsghdr) char buf[32768];

	if (sendto(sock, request, len, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	for (;;) {
		ssize_t n = receive(sock, buf, sizeof(buf));
		int left = (int)n;
		if (n < 0)
			return (int)n;
		for (const struct nlmsghdr *answer = (void *)buf; NLMSG_OK(answer, (unsigned)left);
			answer = NLMSG_NEXT(answer, left))
			if (!read_answer(answer, answers))
				return answers->code;
	}
}

static int send_one(int sock, struct message *message, struct answers *answers)
{
	const struct nlmsghdr *request = header_of(message);

	answers->last = request->nlmsg_seq;
	return request->nlmsg_len > MESSAGE_MAX ? -EMSGSIZE : talk(sock, message, request->nlmsg_len, answers);
}

int netlink_do(int sock, struct message *message)
{
	header_of(message)->nlmsg_flags |= NLM_F_ACK;
	return send_one(sock, message, &(struct answers){ 0 });
}

int netlink_ask(int sock, struct message *message, void (*each)(const struct nlmsghdr *answer, void *data), void *data)
{
	if (!(header_of(message)->nlmsg_flags & NLM_F_DUMP))
		header_of(message)->nlmsg_flags |= NLM_F_ACK; /* so that a single answer has an end, too */
	return send_one(sock, message, &(struct answers){ .each = each, .data = data });
}

/* ---- batches ---- */

void batch_init(struct batch *batch)
{
	batch->len = 0;
	batch->count = 0;
}

void batch_add(struct batch *batch, const struct message *message, const char *verb, const char *object)
{
	size_t len = ((const struct nlmsghdr *)(const void *)message->bytes)->nlmsg_len;
	struct nlmsghdr *copy = (void *)(batch->bytes + batch->len);

	if (len > MESSAGE_MAX || batch->len + len > BATCH_BYTES || batch->count == BATCH_MESSAGES) {
		batch->len = BATCH_BYTES + 1;
		return;
	}
	memcpy(copy, message->bytes, len);
	batch->names[batch->count] = (struct batch_name){ verb, object };
	copy->nlmsg_seq = ++batch->count;
	batch->len += NLMSG_ALIGN(len);
}

/* The last message has the number of the count. */
static void ask_for_the_end(struct batch *batch)
{
	size_t at = 0;

	for (uint32_t i = 1; i < batch->count; i++)
		at += NLMSG_ALIGN(((struct nlmsghdr *)(void *)(batch->bytes + at))->nlmsg_len);
	((struct nlmsghdr *)(void *)(batch->bytes + at))->nlmsg_flags |= NLM_F_ACK;
}

int batch_send(int sock, struct batch *batch, struct error *err)
{
	struct answers answers = { .last = batch->count };
	int r;

	if (batch->count == 0)
		return 0;
	if (batch->len > BATCH_BYTES)
		return error_sys(err, EMSGSIZE, "put messages to the kernel together");
	ask_for_the_end(batch);
	r = talk(sock, batch->bytes, batch->len, &answers);
	batch_init(batch);
	if (r == 0)
		return 0;
	const struct batch_name *name = answers.failed ? &batch->names[answers.failed - 1] : &batch->names[0];
	return error_sys(err, r, *answers.reason ? "%s %s: %s" : "%s %s", name->verb, name->object, answers.reason);
}

const void *attributes_find(const void *attributes, size_t len, uint16_t type, size_t *ret_len)
{
	for (size_t at = 0; at + NLA_HDRLEN <= len;) {
		const struct nlattr *attribute = (const void *)((const char *)attributes + at);
		if (attribute->nla_len < NLA_HDRLEN || at + attribute->nla_len > len)
			break;
		if ((attribute->nla_type & NLA_TYPE_MASK) == type) {
			*ret_len = attribute->nla_len - NLA_HDRLEN;
			return (const char *)attribute + NLA_HDRLEN;
		}
		at += NLA_ALIGN(attribute->nla_len);
	}
	return NULL;
}

const void *answer_attribute(const struct nlmsghdr *answer, size_t skip, uint16_t type, size_t *ret_len)
{
	size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(skip);

	if (at > answer->nlmsg_len)
		return NULL;
	return attributes_find((const char *)answer + at, answer->nlmsg_len - at, type, ret_len);
}
