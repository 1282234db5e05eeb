/* netns/netns.h: the container's network, as far as husk makes it itself.
 *
 * Knows links and addresses, nothing of containers. For now: the loopback of a new network namespace. */
#pragma once
struct steps;

/* Adds the step that brings lo up in the namespace the init is in. */
void loopback_steps(struct steps *steps);
