/* netns/ports.c: see the header. */
#include "netns/ports.h"

#include <netinet/in.h>
#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "base/text.h"

enum { TEXT_MAX = 128, PORT_MAX = 65535, ENTRIES_MAX = 1024 };

#define EXPECTED "expected [[IP:]HOST:]CONTAINER[/tcp|udp|sctp]"

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "sctp", IPPROTO_SCTP },
};

const char *port_protocol(uint8_t protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	return "?";
}

const char *port_text(const struct published *port, char buf[PORT_TEXT])
{
	unsigned last_choice = port->host_port + (port->host_choices > 1 ? port->host_choices - 1u : port->count - 1u);
	char ip[IP_TEXT];
	struct text text;

	text_init(&text, buf, PORT_TEXT);
	if (port->host_ip.len)
		text_add(&text, port->host_ip.len == 4 ? "%s:" : "[%s]:", ip_text(&port->host_ip, ip));
	if (port->host_port)
		text_add(&text, "%u", port->host_port);
	if (port->host_port && last_choice > port->host_port)
		text_add(&text, "-%u", last_choice);
	text_add(&text, ":%u", port->container_port);
	if (port->count > 1)
		text_add(&text, "-%u", port->container_port + port->count - 1u);
	text_add(&text, "/%s", port_protocol(port->protocol));
	return buf;
}

/* ---- one text ---- */

/* What is read, and where its faults go. */
struct reading {
	const char *text, *where;
	struct arena *arena;
	struct faults *faults;
	struct published *ports;
	size_t count, size;
};

struct range {
	uint16_t first;
	uint32_t count;
};

static bool read_port(const struct reading *reading, const char *text, uint64_t least, uint64_t *ret)
{
	if (text_to_u64(text, least, PORT_MAX, ret) == 0)
		return true;
	faults_add(
		reading->faults, reading->where, "\"%s\": \"%s\" is no port; expected 1 to 65535", reading->text, text);
	return false;
}

static bool read_range(const struct reading *reading, char *text, uint64_t least, struct range *ret)
{
	char *dash = strchr(text, '-');
	uint64_t first = 0, last;

	if (dash)
		*dash = '\0';
	if (!read_port(reading, text, dash ? 1 : least, &first))
		return false;
	last = first;
	if (dash && !read_port(reading, dash + 1, 1, &last))
		return false;
	if (last < first) {
		faults_add(
			reading->faults, reading->where, "\"%s\": a range that ends before it begins", reading->text);
		return false;
	}
	*ret = (struct range){ .first = (uint16_t)first, .count = (uint32_t)(last - first + 1) };
	return true;
}

/* IP:HOST, [IP]:HOST or HOST: leaves HOST, and takes the address off. */
static char *read_host_ip(const struct reading *reading, char *text, struct ip *ret_ip)
{
	bool bracket = *text == '[';
	char *end = bracket ? strchr(text, ']') : strchr(text, ':');
	char *host = end && bracket ? end + 1 : end;

	if (!end && !bracket)
		return text;
	if (!end || *host != ':') {
		faults_add(reading->faults, reading->where, "\"%s\": " EXPECTED, reading->text);
		return NULL;
	}
	*end = '\0';
	if (!ip_parse(text + bracket, ret_ip) || (ret_ip->len == 16) != bracket) {
		faults_add(reading->faults, reading->where,
			"\"%s\": \"%s\" is no address; expected one as 192.0.2.1, or [2001:db8::1]", reading->text,
			text + bracket);
		return NULL;
	}
	return host + 1;
}

static bool read_protocol(const struct reading *reading, char *text, uint8_t *ret)
{
	char *slash = strchr(text, '/');

	if (slash)
		*slash = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (!slash || strcmp(slash + 1, protocols[i].name) == 0) {
			*ret = protocols[i].number;
			return true;
		}
	faults_add(reading->faults, reading->where, "\"%s\": \"%s\" is no protocol; expected tcp, udp or sctp",
		reading->text, slash + 1);
	return false;
}

/* ---- the list ---- */

static void add(struct reading *reading, const struct published *port)
{
	if (reading->count == reading->size) {
		struct published *before = reading->ports;
		reading->size = reading->size ? reading->size * 2 : 4;
		reading->ports = ARENA_ARRAY(reading->arena, reading->size, struct published);
		if (before)
			memcpy(reading->ports, before, reading->count * sizeof(*before));
	}
	reading->ports[reading->count++] = *port;
}

/* Without ports of the host, each port is chosen for itself. */
static void add_ranges(struct reading *reading, struct published port, struct range host, struct range container)
{
	port.host_port = host.first;
	port.container_port = container.first;
	port.count = (uint16_t)(host.first ? container.count : 1);
	if (host.first && host.count != container.count) {
		if (container.count != 1) {
			faults_add(reading->faults, reading->where,
				"\"%s\": ranges of different lengths: %u ports of the host, %u of the container",
				reading->text, host.count, container.count);
			return;
		}
		port.host_choices = (uint16_t)host.count;
	}
	add(reading, &port);
	for (uint32_t i = 1; !host.first && i < container.count && reading->count <= ENTRIES_MAX; i++) {
		port.container_port++;
		add(reading, &port);
	}
}

static void read_text(struct reading *reading, const char *from, size_t len)
{
	char *text = arena_copy(reading->arena, from, len), *colon, *host = NULL;
	struct range host_range = { .count = 1 }, container = { 0 };
	struct published port = { 0 };

	reading->text = arena_strdup(reading->arena, text);
	if (len == 0 || len > TEXT_MAX) {
		faults_add(reading->faults, reading->where, "\"%s\": " EXPECTED, reading->text);
		return;
	}
	if (!read_protocol(reading, text, &port.protocol))
		return;
	colon = strrchr(text, ':');
	if (colon) {
		*colon = '\0';
		host = read_host_ip(reading, text, &port.host_ip);
		if (!host)
			return;
	}
	if (host && *host && !read_range(reading, host, 0, &host_range))
		return;
	if (read_range(reading, colon ? colon + 1 : text, 1, &container))
		add_ranges(reading, port, host_range, container);
}

/* A choice looks for another port itself. */
static bool collide(const struct published *a, const struct published *b)
{
	return a->host_port && b->host_port && a->host_choices <= 1 && b->host_choices <= 1 &&
		a->protocol == b->protocol &&
		(!a->host_ip.len || !b->host_ip.len || ip_compare(&a->host_ip, &b->host_ip) == 0) &&
		a->host_port < b->host_port + b->count && b->host_port < a->host_port + a->count;
}

static void check_collisions(const struct reading *reading)
{
	char one[PORT_TEXT], other[PORT_TEXT];

	for (size_t i = 0; i < reading->count; i++)
		for (size_t j = 0; j < i; j++)
			if (collide(&reading->ports[i], &reading->ports[j])) {
				faults_add(reading->faults, reading->where, "%s and %s want the same port of the host",
					port_text(&reading->ports[j], one), port_text(&reading->ports[i], other));
				return;
			}
}

size_t ports_parse(
	const char *texts, const char *where, struct arena *arena, struct published **ret_ports, struct faults *faults)
{
	struct reading reading = { .where = where, .arena = arena, .faults = faults };

	for (const char *at = texts; reading.count <= ENTRIES_MAX; at++) {
		size_t len = strcspn(at, ";");
		read_text(&reading, at, len);
		at += len;
		if (!*at)
			break;
	}
	if (reading.count > ENTRIES_MAX)
		faults_add(faults, where, "more than %d entries; ports in a row are one, as 8000-8999:8000-8999",
			ENTRIES_MAX);
	else
		check_collisions(&reading);
	*ret_ports = reading.ports;
	return reading.count;
}
