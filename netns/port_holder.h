/* netns/port_holder.h: whether a port of the host is free for us to take over, and who has it. [socket(7), proc(5)] */
#pragma once
#include <stdint.h>

#include "netns/ip.h"

/* Binds a socket as a server would, and lets it go: 0, -EADDRINUSE, or -EADDRNOTAVAIL where the host does not have the
 * address. Port 0 is any free one; *ret_port says which. What this host cannot speak at all is free. */
int port_try(int family, const struct ip *ip, uint8_t protocol, uint16_t port, uint16_t *ret_port);

/* "nginx (pid 4711)" of a socket at the port; "" where nobody is seen, as by those who may not look. Returns `buf`. */
enum { PORT_HOLDER = 64 };
const char *port_holder(uint8_t protocol, uint16_t port, char buf[PORT_HOLDER]);
