/* netns/plan.h: what is asked of a container's network, checked. Internal to this room. */
#pragma once
#include "netns/ports.h"
#include "netns/request.h"
#include "netns/shape.h"

struct net_plan {
	struct net_request request;
	struct published *ports;
	size_t port_count;
	struct rates rates;
};
