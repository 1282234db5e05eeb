/* images/fetch/rights.h: husk-fetch gives up what it does not need, before it hears from the network. */
#pragma once
struct error;

/* Root becomes nobody, without groups; no capability is left, and none can be gained; files can be read only where name
 * resolution and certificates lie, and nothing can be written, made or executed; system calls that change the host, or reach into
 * other processes, are refused; no core is dumped, and no process of the same user can look into this one. A kernel without
 * Landlock or seccomp is done without. */
int rights_drop(struct error *err);
