/* runtime/gate.h: where a created container waits for `start`.
 *
 * The container's first process holds two things of the gate: a socket that it listens on, and the lock of its record. Both
 * end with it, or with its exec(2), so nothing here can go stale: a lock that is held means created, a connection that
 * is refused means that it is no longer waiting. [unix(7)] */
#pragma once
#include <stdbool.h>
struct error;

/* Makes both in the container's directory; the descriptors are for the first process to inherit, and the caller's to
 * close. */
int gate_make(int dir, int *ret_listener, int *ret_lock, struct error *err);

/* Lets the container go. Returns the socket on which it reports: closed without a word by a successful exec.
 * -ECONNREFUSED: nobody waits. */
int gate_pass(int dir, struct error *err);
