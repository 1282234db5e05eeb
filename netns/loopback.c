/* netns/loopback.c: lo, up.
 *
 * A new network namespace has its loopback, but down; the kernel adds 127.0.0.1 and ::1 itself once it is up
 * [netdevice(7)]. One flag of one link is the one case where the old ioctl is shorter than a netlink message, and the
 * start path needs no netlink library for it. */
#include "netns/netns.h"

#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/step.h"
#include "base/text.h"
#include "netns/netlink.h"

static void loopback_say(const struct step *step, struct text *text)
{
	(void)step;
	text_add(text, "bring up the loopback link");
}

static int bring_up(void *data)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	cleanup_close int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)data;
	if (sock < 0)
		return -errno;
	return ioctl(sock, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

int loopback_bring_up(int netns, struct error *err)
{
	return netns_visit(netns, bring_up, NULL, err);
}

static int loopback_apply(const struct step *step, struct walk *walk)
{
	(void)step, (void)walk;
	return bring_up(NULL);
}

static const struct step_kind loopback_step = { .name = "loopback", .say = loopback_say, .apply = loopback_apply };

void loopback_steps(struct steps *steps)
{
	steps_add(steps, &loopback_step, "linux.namespaces", NULL);
}
