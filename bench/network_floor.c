/* bench/network_floor.c: the least that a link to a bridge costs: the messages of netns/attach.c and nothing else.
 *
 *	network_floor NETNS BRIDGE      makes a pair with its far end in NETNS, addresses, routes; removes it */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static char bytes[4096];
static size_t used;
static struct nlmsghdr *last;

static void begin(uint16_t type, uint16_t flags, const void *header, size_t len)
{
	last = (struct nlmsghdr *)(void *)(bytes + used);
	*last = (struct nlmsghdr){
		.nlmsg_len = (uint32_t)NLMSG_LENGTH(len),
		.nlmsg_type = type,
		.nlmsg_flags = NLM_F_REQUEST | flags,
		.nlmsg_seq = 1,
	};
	memcpy(NLMSG_DATA(last), header, len);
	used += NLMSG_ALIGN(last->nlmsg_len);
}

static struct rtattr *add(uint16_t type, const void *data, size_t len)
{
	struct rtattr *attribute = (struct rtattr *)(void *)(bytes + used);

	*attribute = (struct rtattr){ .rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(len) };
	memcpy(RTA_DATA(attribute), data, len);
	used += RTA_ALIGN(attribute->rta_len);
	last->nlmsg_len = (uint32_t)(bytes + used - (char *)last);
	return attribute;
}

static void end(struct rtattr *nest)
{
	nest->rta_len = (uint16_t)(bytes + used - (char *)nest);
}

static int tell(int sock)
{
	char answer[8192];

	last->nlmsg_flags |= NLM_F_ACK;
	if (send(sock, bytes, used, 0) < 0 || recv(sock, answer, sizeof(answer), 0) < 0)
		return 1;
	used = 0;
	return ((struct nlmsgerr *)NLMSG_DATA((struct nlmsghdr *)(void *)answer))->error != 0;
}

static int host_side(int sock, int netns, int master)
{
	static const struct ifinfomsg none, up = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct rtattr *info, *data, *peer;

	begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &none, sizeof(none));
	add(IFLA_IFNAME, "floor0", 7);
	add(IFLA_MASTER, &master, sizeof(master));
	info = add(IFLA_LINKINFO, "", 0);
	add(IFLA_INFO_KIND, "veth", 5);
	data = add(IFLA_INFO_DATA, "", 0);
	peer = add(VETH_INFO_PEER, &none, sizeof(none));
	add(IFLA_IFNAME, "eth0", 5);
	add(IFLA_NET_NS_FD, &netns, sizeof(netns));
	end(peer), end(data), end(info);
	begin(RTM_NEWLINK, 0, &up, sizeof(up));
	add(IFLA_IFNAME, "floor0", 7);
	add(IFLA_IFALIAS, "floor", 5);
	return tell(sock);
}

static int inner_side(int sock)
{
	struct ifreq request = { .ifr_name = "eth0" };
	uint32_t address = htonl(0x0ad6fffd), gateway = htonl(0x0ad60001);

	if (ioctl(sock, SIOCGIFINDEX, &request) < 0)
		return 1;
	const struct ifinfomsg up = { .ifi_index = request.ifr_ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	const struct ifaddrmsg header = {
		.ifa_family = AF_INET,
		.ifa_prefixlen = 16,
		.ifa_index = (unsigned)request.ifr_ifindex,
	};
	const struct rtmsg route = {
		.rtm_family = AF_INET,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_type = RTN_UNICAST,
	};
	begin(RTM_NEWLINK, 0, &up, sizeof(up));
	begin(RTM_NEWADDR, NLM_F_CREATE, &header, sizeof(header));
	add(IFA_LOCAL, &address, sizeof(address));
	add(IFA_ADDRESS, &address, sizeof(address));
	begin(RTM_NEWROUTE, NLM_F_CREATE, &route, sizeof(route));
	add(RTA_GATEWAY, &gateway, sizeof(gateway));
	add(RTA_OIF, &request.ifr_ifindex, sizeof(request.ifr_ifindex));
	return tell(sock);
}

static int take_down(int sock)
{
	static const struct ifinfomsg none;

	begin(RTM_DELLINK, 0, &none, sizeof(none));
	add(IFLA_IFNAME, "floor0", 7);
	return tell(sock);
}

int main(int argc, char **argv)
{
	int sock = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), home = open("/proc/self/ns/net", O_RDONLY);
	int netns = argc == 3 ? open(argv[1], O_RDONLY) : -1, inside;

	if (netns < 0 || host_side(sock, netns, (int)if_nametoindex(argv[2])))
		return 1;
	if (setns(netns, CLONE_NEWNET) < 0)
		return 2;
	inside = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	if (setns(home, CLONE_NEWNET) < 0 || inner_side(inside))
		return 3;
	return take_down(sock) ? 4 : 0;
}
