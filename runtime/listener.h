/* runtime/listener.h: the other end of a seccomp filter that asks (SCMP_ACT_NOTIFY) [seccomp_unotify(2)].
 *
 * The process that installs such a filter gets a descriptor on which its calls are asked about, and from then on none of
 * its own calls is sure to work: it could be waiting for an answer that nobody can give yet. So it sends a page of shared
 * memory before, writes the descriptor's number there, and waits by looking at the page; the parent takes the descriptor
 * out of the process [pidfd_getfd(2), Linux 5.6], gives it to the agent, and says so in the page. */
#pragma once
#include <sys/types.h>
struct error;
struct seccomp_program;
struct spec;
struct spec_state;
struct walk;

/* (child) Installs the filter; returns once the agent has the descriptor. */
int listener_install(const struct seccomp_program *program, const struct walk *walk);

/* Takes the descriptor from the process of `pidfd` by way of `page` (borrowed), and sends it with the state of the
 * container to the agent that the config names. `pid` is the process's; `state` the container's. */
int listener_pass(
	const struct spec *spec, const struct spec_state *state, int pidfd, pid_t pid, int page, struct error *err);
