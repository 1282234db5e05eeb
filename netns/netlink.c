/* netns/netlink.c: see the header. */
#include "netns/netlink.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/syscalls.h"

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

/* ---- sockets ---- */

int netlink_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

/* A socket stays in the namespace that it was made in; a helper that shares our descriptors goes there to make it. */
int netlink_open_in(int netns, struct error *err)
{
	struct clone_args args = { .flags = CLONE_FILES | CLONE_VFORK, .exit_signal = SIGCHLD };
	int *fd = mmap(NULL, sizeof(*fd), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int result;
	pid_t pid;

	if (fd == MAP_FAILED)
		return error_sys(err, errno, "map a page to share with a helper");
	*fd = -ECHILD;
	pid = (pid_t)sys_clone3(&args);
	if (pid == 0) {
		*fd = setns(netns, CLONE_NEWNET) < 0 ? -errno : netlink_open();
		_exit(0);
	}
	result = pid < 0 ? -errno : 0;
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (result == 0)
		result = *fd;
	(void)munmap(fd, sizeof(*fd));
	return result < 0 ? error_sys(err, result, "talk to the kernel in the container's network namespace") : result;
}

/* ---- talking ---- */

struct answers {
	void (*each)(const struct nlmsghdr *answer, void *data);
	void *data;
};

/* 1 where more is to come, else the kernel's word. */
static int read_answer(const struct nlmsghdr *answer, const struct answers *answers)
{
	const struct nlmsgerr *word = NLMSG_DATA(answer);

	if (answer->nlmsg_type == NLMSG_DONE)
		return 0;
	if (answer->nlmsg_type == NLMSG_ERROR)
		return answer->nlmsg_len < NLMSG_LENGTH(sizeof(*word)) ? -EPROTO : word->error;
	if (answers->each)
		answers->each(answer, answers->data);
	return 1;
}

static int talk(int sock, struct message *message, const struct answers *answers)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const struct nlmsghdr *request = header_of(message);
	_Alignas(struct nlmsghdr) char buf[32768];

	if (request->nlmsg_len > MESSAGE_MAX)
		return -EMSGSIZE;
	if (sendto(sock, message, request->nlmsg_len, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	for (;;) {
		ssize_t n = recv(sock, buf, sizeof(buf), 0);
		int left = (int)n;
		if (n < 0 && errno != EINTR)
			return -errno;
		for (const struct nlmsghdr *answer = (void *)buf; n > 0 && NLMSG_OK(answer, (unsigned)left);
			answer = NLMSG_NEXT(answer, left)) {
			int r = read_answer(answer, answers);
			if (r <= 0)
				return r;
		}
	}
}

int netlink_do(int sock, struct message *message)
{
	header_of(message)->nlmsg_flags |= NLM_F_ACK;
	return talk(sock, message, &(struct answers){ 0 });
}

int netlink_ask(int sock, struct message *message, void (*each)(const struct nlmsghdr *answer, void *data), void *data)
{
	if (!(header_of(message)->nlmsg_flags & NLM_F_DUMP))
		header_of(message)->nlmsg_flags |= NLM_F_ACK; /* so that a single answer has an end, too */
	return talk(sock, message, &(struct answers){ .each = each, .data = data });
}

const void *answer_attribute(const struct nlmsghdr *answer, size_t skip, uint16_t type, size_t *ret_len)
{
	size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(skip);

	while (at + NLA_HDRLEN <= answer->nlmsg_len) {
		const struct nlattr *attribute = (const void *)((const char *)answer + at);
		if (attribute->nla_len < NLA_HDRLEN || at + attribute->nla_len > answer->nlmsg_len)
			break;
		if ((attribute->nla_type & NLA_TYPE_MASK) == type) {
			*ret_len = attribute->nla_len - NLA_HDRLEN;
			return (const char *)attribute + NLA_HDRLEN;
		}
		at += NLA_ALIGN(attribute->nla_len);
	}
	return NULL;
}
