/* runtime/shown.h: what a container sees of its own state: files that husk makes for it, bound read-only to their places.
 *
 * They lie in the state directory and go with it; nothing is ever written into the root file system, where a link of an
 * image's could lead elsewhere [CVE-2024-5154]. The container cannot write to them: husk writes them again while it runs
 * (see netns/hosts.h), and what it fills would be the host's memory. A container that wants to write to one gets a file of
 * its own by a mount of its config. */
#pragma once
#include <stdbool.h>

#include "namespaces/namespaces.h"
struct error;
struct names_plan;
struct plan;

enum shown { SHOWN_NOTIFY, SHOWN_HOSTS, SHOWN_HOSTNAME, SHOWN_RESOLV, SHOWN_KINDS };

/* What the plan of a container asks the view for: with `notify`, and by `names` (NULL: no network is husk's). */
void shown_plan(bool notify, const struct names_plan *names, struct view_extra ret_extras[SHOWN_KINDS]);

/* Makes those that the plan mounts, empty, in the state directory `dir`, and opens them where the parent does. */
int shown_make(struct plan *plan, int dir, struct error *err);

/* Fills a file that was just made; nothing where the plan does not mount it. */
int shown_write(const struct plan *plan, int dir, enum shown which, const char *text, struct error *err);

/* Removes all of them; what is not there is fine. A negative errno. */
int shown_remove(int dir);
