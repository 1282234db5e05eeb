/* cgroups/systemd_protocol.h: what husk and husk-systemd say to each other.
 *
 * husk is static and starts in a millisecond, which libsystemd would double; so D-Bus is spoken by a program of its own
 * that only runs for containers of the systemd cgroup manager, and answers one request.
 *
 * A request is a list of strings, each with its NUL: the verb, the manager ("system" or "user"), the unit, and for each
 * property its name, its D-Bus signature and its value as text:
 *
 *	s, b, and numbers	as they are: true, 42, -1
 *	as, au and the like	one element a line
 *	ay			the bytes in hexadecimal
 *	a(st)			a line for each: the string, a blank, the number
 *
 * SYSTEMD_ATTACH has, instead of properties, the cgroup below the unit's and the process.
 *
 * The answer is two strings: an errno, 0 if all is well, and the message for people; after SYSTEMD_START, instead, the
 * unit's cgroup. ENOTCONN: systemd was not reached, so nothing can have happened. */
#pragma once

/* Starts a transient unit and waits for its job. */
#define SYSTEMD_START "start"

/* Sets properties until the unit ends [systemctl(1), set-property --runtime]: all of them or none. */
#define SYSTEMD_SET "set"

/* Kills what is in the unit, stops it, waits for its job and forgets that it failed. One that is gone is fine. */
#define SYSTEMD_STOP "stop"

/* Moves a process into the unit's cgroup, or one below it: "/a/b"; "" = the unit's own. */
#define SYSTEMD_ATTACH "attach"

enum {
	SYSTEMD_MESSAGE_MAX = 128 << 10,
	SYSTEMD_BUS_TIMEOUT_MS = 5000,  /* to connect, and for each call */
	SYSTEMD_JOB_TIMEOUT_MS = 30000, /* for a job; it is cancelled then */
	SYSTEMD_TIMEOUT_MS = 60000,     /* for an answer: longer than all that husk-systemd waits for */
};
