/* netns/ip.h: addresses and subnets of both versions of IP, as values. Pure. [RFC 4291, RFC 4632, inet_pton(3)] */
#pragma once
#include <net/ethernet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IP_TEXT = 46, SUBNET_TEXT = IP_TEXT + 4, MAC_TEXT = 18 };

struct ip {
	uint8_t len;       /* 4 or 16; 0 = none */
	uint8_t bytes[16]; /* in network order */
};

struct subnet {
	struct ip ip; /* as written: the host part need not be zero */
	uint8_t prefix;
};

bool ip_parse(const char *text, struct ip *ret);
/* ADDRESS/PREFIX; without a prefix it is the address alone. */
bool subnet_parse(const char *text, struct subnet *ret);
/* Six bytes with colons, not a group's and not zero. */
bool mac_parse(const char *text, uint8_t ret[ETH_ALEN]);

/* Each returns `buf`. */
const char *ip_text(const struct ip *ip, char buf[IP_TEXT]);
const char *subnet_text(const struct subnet *subnet, char buf[SUBNET_TEXT]);
const char *mac_text(const uint8_t mac[ETH_ALEN], char buf[MAC_TEXT]);

/* AF_INET or AF_INET6. */
int ip_family(const struct ip *ip);

/* < 0, 0, > 0; version 4 before 6. */
int ip_compare(const struct ip *a, const struct ip *b);

/* The address plus `n`; wraps. */
struct ip ip_plus(const struct ip *ip, uint32_t n);

/* The lowest and highest address. For version 4 these are the network's own and the broadcast address. */
struct ip subnet_first(const struct subnet *subnet);
struct ip subnet_last(const struct subnet *subnet);

bool subnet_holds(const struct subnet *subnet, const struct ip *ip);
bool subnet_overlaps(const struct subnet *a, const struct subnet *b);

/* An address that a host may have: not the lowest one, and not the broadcast address of version 4. */
bool subnet_has_host(const struct subnet *subnet, const struct ip *ip);

/* A locally administered address that follows from the IP address, so it comes back with it and is as unique. */
void mac_of_ip(const struct ip *ip, uint8_t ret[ETH_ALEN]);

/* FNV-1a, 64 bits: for names that need be stable, not secret. */
uint64_t name_hash(const char *text);
