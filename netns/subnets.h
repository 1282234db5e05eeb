/* netns/subnets.h: subnets that are free. Internal to this room. */
#pragma once
#include <stddef.h>
struct error;
struct network;

/* Where the network has no subnet, one of version 4 is chosen; where it has, they are completed and checked. None may overlap
 * one of `others`, or what the host has a route to other than its default: the error names the other. */
int subnets_settle(struct network *network, const struct network *others, size_t count, struct error *err);
