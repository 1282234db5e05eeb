/* netns/ports.h: ports of a container that the host publishes: what -p says. Pure. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "netns/ip.h"
struct arena;
struct faults;

/* `count` ports in a row on both sides. */
struct published {
	struct ip host_ip;     /* none: every address of the host */
	uint8_t protocol;      /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
	uint16_t host_port;    /* 0: any that is free */
	uint16_t host_choices; /* above 1: any that is free of so many from host_port on; `count` is 1 then */
	uint16_t container_port;
	uint16_t count;
};

/* Reads [[IP:]HOST:]CONTAINER[/tcp|udp|sctp]: HOST and CONTAINER are ports or ranges A-B of one length; HOST left out or
 * 0 is any free port for each; a range of HOST for one port is a choice. An IPv6 address is in brackets. Texts are
 * joined by ';', and make at most 1024 entries. Two that want the same port of the host are a fault, too. Returns how
 * many entries there are; *ret_ports lives in the arena. */
size_t ports_parse(
	const char *texts, const char *where, struct arena *arena, struct published **ret_ports, struct faults *faults);

/* "tcp", "udp", "sctp". */
const char *port_protocol(uint8_t protocol);

/* "127.0.0.1:8080-8081:80-81/tcp", as ports_parse() reads it; returns `buf`. */
enum { PORT_TEXT = 96 };
const char *port_text(const struct published *port, char buf[PORT_TEXT]);
