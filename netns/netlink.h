/* netns/netlink.h: questions to the kernel about links and addresses [netlink(7), rtnetlink(7)]. Internal to this room.
 *
 * A message is built in a buffer of fixed size and sent; the answer is an acknowledgement or a list. What belongs together
 * goes out as a batch: many messages in one send, of which only the last is acknowledged, and each that failed says so.
 * An answer counts only if the kernel sent it and it answers what was asked: any process may send to our socket.
 * Written here rather than taken from libmnl because distributions have no static library of that. */
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

/* An attribute that holds attributes: those added until message_unnest() with what message_nest() returned. */
size_t message_nest(struct message *message, uint16_t type);
void message_unnest(struct message *message, size_t nest);

/* A structure between attributes, as that of a veth's peer. */
void message_add_raw(struct message *message, const void *data, size_t len);

/* A socket of routing messages in our network namespace, or in the one of `netns`: nobody else's changes. */
int netlink_open(void);
int netlink_open_in(int netns, struct error *err);

/* Calls `there` in another network namespace and comes back; what it returns is returned. */
int netns_visit(int netns, int (*there)(void *data), void *data, struct error *err);

/* Messages that go out in one send. `verb` and `object` (borrowed) name each in errors: "make the link", "eth0". */
enum { BATCH_BYTES = 8192, BATCH_MESSAGES = 32 };
struct batch {
	_Alignas(struct nlmsghdr) char bytes[BATCH_BYTES];
	size_t len;
	uint32_t count;
	struct batch_name {
		const char *verb, *object;
	} names[BATCH_MESSAGES];
};
void batch_init(struct batch *batch);
void batch_add(struct batch *batch, const struct message *message, const char *verb, const char *object);

/* Sends it and waits until the last message is done. Where some failed, the first is told, with the kernel's own reason where
 * it gives one (extended acknowledgement); the kernel has carried out the others all the same. */
int batch_send(int sock, struct batch *batch, struct error *err);

/* Sends the message and waits for the kernel's word on it: 0 or a negative errno. */
int netlink_do(int sock, struct message *message);

/* Sends the message and calls `each` for every answer. */
int netlink_ask(int sock, struct message *message, void (*each)(const struct nlmsghdr *answer, void *data), void *data);

/* The attribute of `type` after a family header of `skip` bytes; NULL where it is not there. */
const void *answer_attribute(const struct nlmsghdr *answer, size_t skip, uint16_t type, size_t *ret_len);

/* The same among attributes that stand in another one. */
const void *attributes_find(const void *attributes, size_t len, uint16_t type, size_t *ret_len);
