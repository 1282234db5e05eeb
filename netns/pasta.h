/* netns/pasta.h: a network for those who may not make links: pasta(1), a program that translates between a tap device in
 * the container's network namespace and sockets of its own on the host. Debian's package passt has it.
 *
 * It knows the host's links, and gives the container the address and the routes of the one with the default route. What
 * the container connects to on its own loopback stays there, and the host's loopback cannot be reached. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "spec/spec.h"
struct arena;
struct error;
struct faults;
struct json_writer;
struct published;
struct text;

/* In the state directory of its container. pasta ends when the first is removed: it watches that folder. */
#define PASTA_LINK     "netns"
#define PASTA_PID_FILE "pasta.pid"

#define PASTA_DNS "169.254.1.1" /* in the container: the host's own name server, also one on its loopback */

struct pasta_plan {
	struct spec_strings options; /* checked; as they go to its command line */
	struct published *ports;
	size_t port_count;
};

/* Reads what follows "pasta:" in a mode: its own options, joined by commas; only those that concern the network. What is
 * wrong with them is a fault at `where`. Ports that are published (see ports.h) may be added after that. Pure. */
void pasta_plan(
	const char *text, const char *where, struct arena *arena, struct pasta_plan *ret_plan, struct faults *faults);
void pasta_plan_ports(
	const char *texts, const char *where, struct arena *arena, struct pasta_plan *plan, struct faults *faults);

/* A line for `husk plan`, and the same as a member of an object. */
void pasta_plan_say(const struct pasta_plan *plan, struct text *text);
void pasta_plan_write(const struct pasta_plan *plan, struct json_writer *w);

struct pasta_place {
	int dir;    /* borrowed: the state directory */
	int netns;  /* borrowed: the container's network namespace */
	int userns; /* borrowed: its user namespace, where that makes us its root; -1: we are root */
};

/* Starts it for the place and returns when the network is there. It stays in the background, and PASTA_PID_FILE has its
 * pid: *ret_pid. -ENOENT: it is not installed. */
int pasta_start(const struct pasta_plan *plan, const struct pasta_place *place, struct arena *arena, pid_t *ret_pid,
	struct error *err);

/* Makes it end, whether it runs or not, and takes its files away. It may be a moment until it is gone. */
void pasta_end(int dir);
