/* netns/netlink.h: questions to the kernel about links and addresses [netlink(7), rtnetlink(7)]. Internal to this room.
 *
 * A message is built in a buffer of fixed size and sent; the answer is an acknowledgement or a list. Written here rather
 * than taken from libmnl because distributions have no static library of that. */
#pragma once
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
struct error;

enum { MESSAGE_MAX = 1024 };

struct message {
	_Alignas(struct nlmsghdr) char bytes[MESSAGE_MAX];
};

/* A message of `type` with the header of its family (struct ifinfomsg, ifaddrmsg); NLM_F_REQUEST is added. */
void message_init(struct message *message, uint16_t type, uint16_t flags, const void *header, size_t len);

/* Appends an attribute. What does not fit makes the message be refused when it is sent. */
void message_add(struct message *message, uint16_t type, const void *data, size_t len);

/* A socket of routing messages in our network namespace, or in the one of `netns`: nobody else's changes. */
int netlink_open(void);
int netlink_open_in(int netns, struct error *err);

/* Sends the message and waits for the kernel's word on it: 0 or a negative errno. */
int netlink_do(int sock, struct message *message);

/* Sends the message and calls `each` for every answer. */
int netlink_ask(int sock, struct message *message, void (*each)(const struct nlmsghdr *answer, void *data), void *data);

/* The attribute of `type` after a family header of `skip` bytes; NULL where it is not there. */
const void *answer_attribute(const struct nlmsghdr *answer, size_t skip, uint16_t type, size_t *ret_len);
