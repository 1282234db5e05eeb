/* netns/shape.h: how fast a container may receive and send [tc-tbf(8)].
 *
 * Both directions are limited at the host's end of its link, which the container cannot change: what it receives, as the
 * link sends it; what it sends, by way of a link of the kind ifb that all of it passes. Needs CAP_NET_ADMIN. */
#pragma once
#include <net/if.h>
#include <stdint.h>
struct arena;
struct error;
struct faults;

/* Bytes a second; 0 = as fast as it can. */
struct rates {
	uint64_t in, out; /* as the container sees it */
};

/* Reads "in=10mbit,out=5mbit", or one of the two. A rate is a number of bit, kbit, mbit, gbit or of B, kB, MB, GB (by
 * 1000), KiB, MiB, GiB (by 1024), a second; from 1 kB to 1000 Gbit. */
void rates_parse(const char *text, const char *where, struct arena *arena, struct rates *ret, struct faults *faults);

/* The ifb of a link: the name with "hi" for its first two letters. Returns `buf`. */
const char *shape_ifb(const char *link, char buf[IFNAMSIZ]);

/* Limits what goes through `link`, as often as one likes: the last rates hold. `alias` is that of the ifb; may be NULL. */
int shape_apply(const char *link, const char *alias, const struct rates *rates, struct error *err);

/* Removes the ifb; the rest goes with the link. Fine where there is none. */
int shape_remove(const char *link, struct error *err);
