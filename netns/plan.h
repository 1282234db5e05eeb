/* netns/plan.h: what is asked of a container's network, checked. Internal to this room. */
#pragma once
#include "netns/request.h"

struct net_plan {
	struct net_request request;
};
