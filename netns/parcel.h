/* netns/parcel.h: netlink messages that go to the kernel in one send [netlink(7)]. Internal to this room.
 *
 * Messages are put one behind the other in a buffer that grows; each may have nested attributes. What goes wrong while
 * filling (no memory, an attribute that is too long) is kept and comes out when the parcel is sent, so callers need not
 * look after each line. */
#pragma once
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
struct error;

enum { PARCEL_WORDS_MAX = 160 };

struct parcel {
	char *bytes; /* owned */
	size_t len, size;
	size_t last;    /* where the last message begins */
	uint32_t count; /* messages; each is numbered from 1 on */
	int code;       /* negative errno of the first failure */
};

/* What the kernel said of a message that it refused. */
struct parcel_refusal {
	uint32_t message;             /* its number; 0 where none is known */
	char words[PARCEL_WORDS_MAX]; /* the kernel's own [NETLINK_EXT_ACK]; may be empty */
};

/* A parcel that is all zeroes is empty, too. */
void parcel_done(struct parcel *parcel);

/* Begins a message of `type` with the header of its family; NLM_F_REQUEST is added. */
void parcel_message(struct parcel *parcel, uint16_t type, uint16_t flags, const void *header, size_t len);

/* Appends an attribute to the last message. Numbers as be: those of nf_tables and ctnetlink. */
void parcel_put(struct parcel *parcel, uint16_t type, const void *data, size_t len);
void parcel_put_text(struct parcel *parcel, uint16_t type, const char *text); /* with its NUL */
void parcel_put_u8(struct parcel *parcel, uint16_t type, uint8_t value);
void parcel_put_u32(struct parcel *parcel, uint16_t type, uint32_t value);
void parcel_put_be16(struct parcel *parcel, uint16_t type, uint16_t value);
void parcel_put_be32(struct parcel *parcel, uint16_t type, uint32_t value);

/* What is put between the two is inside of the attribute. */
size_t parcel_nest(struct parcel *parcel, uint16_t type);
void parcel_unnest(struct parcel *parcel, size_t nest);

/* A socket of `protocol` (NETLINK_ROUTE, NETLINK_NETFILTER) in our network namespace; a negative errno. */
int parcel_socket(int protocol);

/* Sends all messages and hears what the kernel has to say: 0, or the first refusal as a negative errno. `each`, which
 * may be NULL, is called for every answer; with it, messages need NLM_F_DUMP or NLM_F_ACK, so that there is an end.
 * Answers of anybody but the kernel are dropped [CVE-2009-1185]; a dump that was disturbed is -EINTR. */
int parcel_send(int sock, struct parcel *parcel, void (*each)(const struct nlmsghdr *answer, void *data), void *data,
	struct parcel_refusal *ret_refusal);

/* The attribute of `type` among `len` bytes of attributes, or NULL; and its length. */
const struct nlattr *attribute_find(const void *attributes, size_t len, uint16_t type);
const void *attribute_data(const struct nlattr *attribute);
size_t attribute_len(const struct nlattr *attribute);
/* A number or text of it: `otherwise` where it is NULL or too short; "" where it is no text. */
uint32_t attribute_be32(const struct nlattr *attribute, uint32_t otherwise);
const char *attribute_text(const struct nlattr *attribute);
