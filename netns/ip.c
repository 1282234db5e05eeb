/* netns/ip.c: see the header. */
#include "netns/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

bool ip_parse(const char *text, struct ip *ret)
{
	struct ip ip = { 0 };

	if (inet_pton(AF_INET, text, ip.bytes) == 1)
		ip.len = 4;
	else if (inet_pton(AF_INET6, text, ip.bytes) == 1)
		ip.len = 16;
	else
		return false;
	*ret = ip;
	return true;
}

bool subnet_parse(const char *text, struct subnet *ret)
{
	const char *slash = strchr(text, '/');
	char address[IP_TEXT];
	struct subnet subnet;
	uint64_t prefix;

	if (slash && slash - text >= IP_TEXT)
		return false;
	(void)snprintf(address, sizeof(address), "%.*s", slash ? (int)(slash - text) : IP_TEXT - 1, text);
	if (!ip_parse(address, &subnet.ip))
		return false;
	prefix = (uint64_t)subnet.ip.len * 8;
	if (slash && text_to_u64(slash + 1, 0, prefix, &prefix) < 0)
		return false;
	subnet.prefix = (uint8_t)prefix;
	*ret = subnet;
	return true;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

bool mac_parse(const char *text, uint8_t ret[ETH_ALEN])
{
	static const uint8_t none[ETH_ALEN];
	uint8_t mac[ETH_ALEN];

	if (strlen(text) != MAC_TEXT - 1)
		return false;
	for (size_t i = 0; i < ETH_ALEN; i++) {
		int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);
		if (high < 0 || low < 0 || text[3 * i + 2] != (i + 1 < ETH_ALEN ? ':' : '\0'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	if (mac[0] & 1 || memcmp(mac, none, ETH_ALEN) == 0)
		return false;
	memcpy(ret, mac, ETH_ALEN);
	return true;
}

const char *ip_text(const struct ip *ip, char buf[IP_TEXT])
{
	if (ip->len == 0 || !inet_ntop(ip_family(ip), ip->bytes, buf, IP_TEXT))
		buf[0] = '\0';
	return buf;
}

const char *subnet_text(const struct subnet *subnet, char buf[SUBNET_TEXT])
{
	char address[IP_TEXT];

	(void)snprintf(buf, SUBNET_TEXT, "%s/%u", ip_text(&subnet->ip, address), subnet->prefix);
	return buf;
}

const char *mac_text(const uint8_t mac[ETH_ALEN], char buf[MAC_TEXT])
{
	(void)snprintf(buf, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return buf;
}

int ip_family(const struct ip *ip)
{
	return ip->len == 16 ? AF_INET6 : AF_INET;
}

int ip_compare(const struct ip *a, const struct ip *b)
{
	return a->len != b->len ? a->len - b->len : memcmp(a->bytes, b->bytes, a->len);
}

struct ip ip_plus(const struct ip *ip, uint32_t n)
{
	struct ip sum = *ip;
	uint64_t carry = n;

	for (size_t i = ip->len; i-- > 0 && carry;) {
		carry += sum.bytes[i];
		sum.bytes[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return sum;
}

/* The address with all bits after the prefix 0 or 1. */
static struct ip fill_host_part(const struct subnet *subnet, bool ones)
{
	struct ip ip = subnet->ip;

	for (unsigned bit = subnet->prefix; bit < ip.len * 8U; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);
		ip.bytes[bit / 8] = ones ? ip.bytes[bit / 8] | mask : (uint8_t)(ip.bytes[bit / 8] & ~mask);
	}
	return ip;
}

struct ip subnet_first(const struct subnet *subnet)
{
	return fill_host_part(subnet, false);
}

struct ip subnet_last(const struct subnet *subnet)
{
	return fill_host_part(subnet, true);
}

bool subnet_holds(const struct subnet *subnet, const struct ip *ip)
{
	struct ip first = subnet_first(subnet), last = subnet_last(subnet);

	return ip->len == subnet->ip.len && ip_compare(&first, ip) <= 0 && ip_compare(ip, &last) <= 0;
}

bool subnet_overlaps(const struct subnet *a, const struct subnet *b)
{
	return subnet_holds(a, &b->ip) || subnet_holds(b, &a->ip);
}

bool subnet_has_host(const struct subnet *subnet, const struct ip *ip)
{
	struct ip first = subnet_first(subnet), last = subnet_last(subnet);

	if (!subnet_holds(subnet, ip) || ip_compare(ip, &first) == 0)
		return false;
	return ip->len == 16 || ip_compare(ip, &last) != 0;
}

void mac_of_ip(const struct ip *ip, uint8_t ret[ETH_ALEN])
{
	uint64_t hash = 0;
	char text[IP_TEXT];

	ret[0] = 0x02; /* locally administered, one receiver [IEEE 802] */
	ret[1] = 0x68;
	if (ip->len == 4) {
		memcpy(ret + 2, ip->bytes, 4);
		return;
	}
	hash = name_hash(ip_text(ip, text));
	for (size_t i = 1; i < ETH_ALEN; i++, hash >>= 8)
		ret[i] = (uint8_t)hash;
}

uint64_t name_hash(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return hash;
}
