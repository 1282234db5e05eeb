/* images/fetch/confine.h: husk-fetch gives up what it does not need, before it hears from the network. */
#pragma once
struct error;

/* Root becomes nobody, without groups; no capability is left, and none can be gained; files can be read only where name
 * resolution and certificates lie, and nothing can be written, made or executed; no core is dumped, and no process of the same
 * user can look into this one. What the kernel lacks of Landlock [Linux 5.13] is done without. */
int fetch_confine(struct error *err);
