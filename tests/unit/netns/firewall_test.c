/* The firewall with real traffic: a host with two networks, containers at them, and others outside. */
#include "tests/unit/netns/world.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "base/error.h"
#include "netns/firewall.h"

enum { TCP = SOCK_STREAM, UDP = SOCK_DGRAM };

/* 192.0.2.0/24 is outside, 203.0.113.1 farther still; a and b are at husk0, c is at husk1. */
static int host, outside, a, b, c;

static struct firewall_network husk0, husk1; /* as set up; a test may make them others */

/* ---- the world ---- */

static void make_bridge(const char *name, const char *ipv4, const char *ipv6)
{
	world_do(host,
		"ip link add %s type bridge && ip link set %s up && ip addr add %s dev %s && "
		"ip addr add %s dev %s nodad",
		name, name, ipv4, name, ipv6, name);
}

static int make_container(const char *bridge, const char *link, const char *mac, int net, int number)
{
	int ns = world_ns();

	world_do(host,
		"ip link add %s type veth peer name eth0 address %s netns /proc/self/fd/%d && "
		"ip link set %s master %s up && ip link set %s type bridge_slave hairpin on",
		link, mac, ns, link, bridge, link);
	world_do(ns,
		"ip link set eth0 up && ip addr add 10.%d.0.%d/24 dev eth0 && "
		"ip addr add fd%d::%d/64 dev eth0 nodad && ip route add default via 10.%d.0.1 && "
		"ip -6 route add default via fd%d::1",
		net, number, net, number, net, net);
	return ns;
}

static void make_world(void)
{
	host = world_ns();
	outside = world_ns();
	world_do(host,
		"ip link add eth0 type veth peer name eth0 netns /proc/self/fd/%d && ip link set eth0 up && "
		"ip addr add 192.0.2.1/24 dev eth0 && ip addr add 2001:db8::1/64 dev eth0 nodad && "
		"sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
		outside);
	world_do(outside,
		"ip link set eth0 up && ip addr add 192.0.2.2/24 dev eth0 && "
		"ip addr add 2001:db8::2/64 dev eth0 nodad && ip addr add 203.0.113.1/32 dev lo && "
		"ip route add 10.0.0.0/8 via 192.0.2.1 && ip -6 route add fd00::/8 via 2001:db8::1");
	make_bridge("husk0", "10.88.0.1/24", "fd88::1/64");
	make_bridge("husk1", "10.89.0.1/24", "fd89::1/64");
	a = make_container("husk0", "hva", "02:00:00:00:00:0a", 88, 2);
	b = make_container("husk0", "hvb", "02:00:00:00:00:0b", 88, 3);
	c = make_container("husk1", "hvc", "02:00:00:00:00:0c", 89, 2);
	(void)world_server(a, TCP, 80, "a");
	(void)world_server(a, TCP, 81, "a81");
	(void)world_server(a, UDP, 53, "a");
	(void)world_server(b, TCP, 80, "b");
	(void)world_server(b, UDP, 53, "b");
	(void)world_server(c, TCP, 80, "c");
	(void)world_server(outside, TCP, 80, "outside");
	(void)world_server(outside, UDP, 53, "outside");
	(void)world_server(host, TCP, 90, "host");
}

/* ---- what is under test ---- */

struct guest {
	const struct firewall_network *network;
	const char *id, *link;
	uint8_t mac[ETH_ALEN];
	struct ip addresses[2];
};

static const struct guest guest_a = { &husk0, "a", "hva", { 2, 0, 0, 0, 0, 0xa },
	{ { 4, { 10, 88, 0, 2 } }, { 16, { 0xfd, 0x88, [15] = 2 } } } };
static const struct guest guest_b = { &husk0, "b", "hvb", { 2, 0, 0, 0, 0, 0xb },
	{ { 4, { 10, 88, 0, 3 } }, { 16, { 0xfd, 0x88, [15] = 3 } } } };
static const struct guest guest_c = { &husk1, "c", "hvc", { 2, 0, 0, 0, 0, 0xc },
	{ { 4, { 10, 89, 0, 2 } }, { 16, { 0xfd, 0x89, [15] = 2 } } } };

typedef int change_fn(const struct firewall_container *container, struct error *err);

static int choose_and_add(const struct firewall_container *container, struct error *err)
{
	int r = firewall_choose_ports(
		(struct published *)container->ports, container->port_count, true, true, container->id, err);

	return r < 0 ? r : firewall_container_add(container, err);
}

static int remove_and_close(const struct firewall_container *container, struct error *err)
{
	int sock, r = firewall_container_remove(container, &sock, err);

	if (r == 0)
		(void)close(sock);
	return r;
}

static int change(change_fn *how, const struct guest *guest, const char *ports, struct unit *unit, struct error *err)
{
	const struct firewall_link link = { guest->link, guest->network->bridge, guest->mac, guest->addresses, 2 };
	struct firewall_container container = { guest->id, guest->network, 1, &link, 1, guest->addresses[0],
		guest->addresses[1], NULL, 0 };
	struct published *list;

	if (ports) {
		container.port_count = ports_parse(ports, "-p", &unit->arena, &list, &unit->faults);
		container.ports = list;
		assert_string_equal(unit_faults(unit), "");
	}
	return how(&container, err);
}

static void add(struct unit *unit, const struct guest *guest, const char *ports)
{
	struct error err = { 0 };
	char line[2048];

	if (change(choose_and_add, guest, ports, unit, &err) < 0)
		fail_msg("add %s: %s", guest->id, error_line(&err, line, sizeof(line)));
}

static void take_away(struct unit *unit, const struct guest *guest, const char *ports)
{
	struct error err = { 0 };
	char line[2048];

	if (change(remove_and_close, guest, ports, unit, &err) < 0)
		fail_msg("remove %s: %s", guest->id, error_line(&err, line, sizeof(line)));
}

static void assert_refused(struct unit *unit, const struct guest *guest, const char *ports, const char *expected)
{
	struct error err = { 0 };
	char line[2048];

	assert_true(change(choose_and_add, guest, ports, unit, &err) < 0);
	assert_string_equal(error_line(&err, line, sizeof(line)), expected);
}

static void network(const struct firewall_network *network)
{
	struct error err = { 0 };
	char line[2048];

	if (firewall_network_add(network, &err) < 0)
		fail_msg("%s: %s", network->bridge, error_line(&err, line, sizeof(line)));
}

static int setup(void **state)
{
	(void)unit_setup(state);
	if (geteuid() != 0)
		skip();
	if (world_host < 0)
		make_world();
	husk0 = (struct firewall_network){ .bridge = "husk0", .masquerade = true };
	husk1 = (struct firewall_network){ .bridge = "husk1", .masquerade = true };
	network(&husk0);
	network(&husk1);
	return 0;
}

static int teardown(void **state)
{
	struct error err = { 0 };

	world_enter(world_host);
	assert_true(firewall_network_remove(&husk0, &err) >= 0);
	assert_true(firewall_network_remove(&husk1, &err) >= 0);
	assert_string_equal(world_output(host, "nft list ruleset"), "");
	return unit_teardown(state);
}

/* ---- published ports ---- */

static void a_published_port_is_reached_from_everywhere(void **state)
{
	add(*state, &guest_a, "8080:80;5353:53/udp");
	add(*state, &guest_b, NULL);
	add(*state, &guest_c, NULL);
	assert_string_equal(world_ask(outside, TCP, "192.0.2.1", 8080), "a 192.0.2.2");
	assert_string_equal(world_ask(outside, TCP, "2001:db8::1", 8080), "a 2001:db8::2");
	assert_string_equal(world_ask(outside, UDP, "192.0.2.1", 5353), "a 192.0.2.2");
	assert_string_equal(world_ask(host, TCP, "127.0.0.1", 8080), "a 10.88.0.1");
	assert_string_equal(world_ask(host, TCP, "127.9.9.9", 8080), "a 10.88.0.1");
	assert_string_equal(world_ask(host, UDP, "127.0.0.1", 5353), "a 10.88.0.1");
	assert_string_equal(world_ask(host, TCP, "192.0.2.1", 8080), "a 10.88.0.1");
	assert_string_equal(world_ask(host, TCP, "2001:db8::1", 8080), "a fd88::1");
	assert_string_equal(world_ask(a, TCP, "192.0.2.1", 8080), "a 10.88.0.1");
	assert_string_equal(world_ask(b, TCP, "192.0.2.1", 8080), "a 10.88.0.1");
	assert_string_equal(world_ask(b, TCP, "10.88.0.1", 8080), "a 10.88.0.1");
	assert_string_equal(world_ask(b, TCP, "fd88::1", 8080), "a fd88::1");
	assert_string_equal(world_ask(c, TCP, "192.0.2.1", 8080), "a 10.88.0.1");
	assert_string_equal(world_ask(host, TCP, "::1", 8080), "ECONNREFUSED"); /* at once, so that clients go on */
	take_away(*state, &guest_a, "8080:80;5353:53/udp");
	assert_string_equal(world_ask(outside, TCP, "192.0.2.1", 8080), "ECONNREFUSED");
	assert_string_equal(world_ask(host, TCP, "127.0.0.1", 8080), "ECONNREFUSED");
}

/* br_netfilter, where it is there, bridges what is translated to an address of the same bridge; else it is routed. */
static void within_a_network_it_works_without_br_netfilter_too(void **state)
{
	world_do(host, "sysctl -qew net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0");
	add(*state, &guest_a, "8080:80");
	add(*state, &guest_b, NULL);
	assert_string_equal(world_ask(a, TCP, "192.0.2.1", 8080), "a 10.88.0.1");
	assert_string_equal(world_ask(b, TCP, "192.0.2.1", 8080), "a 10.88.0.1");
	assert_string_equal(world_ask(b, TCP, "2001:db8::1", 8080), "a fd88::1");
	take_away(*state, &guest_a, "8080:80");
	world_do(host, "sysctl -qew net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1");
}

static void a_port_of_one_address_is_reached_by_that_only(void **state)
{
	world_do(host, "ip addr add 192.0.2.7/24 dev eth0");
	add(*state, &guest_a, "192.0.2.7:8080:80;127.0.0.1:8081:81");
	assert_string_equal(world_ask(outside, TCP, "192.0.2.7", 8080), "a 192.0.2.2");
	assert_string_equal(world_ask(outside, TCP, "192.0.2.1", 8080), "ECONNREFUSED");
	assert_string_equal(world_ask(outside, TCP, "2001:db8::1", 8080), "ECONNREFUSED");
	assert_string_equal(world_ask(host, TCP, "127.0.0.1", 8080), "ECONNREFUSED");
	assert_string_equal(world_ask(host, TCP, "127.0.0.1", 8081), "a81 10.88.0.1");
	assert_string_equal(world_ask(outside, TCP, "192.0.2.1", 8081), "ECONNREFUSED");
	add(*state, &guest_b, "[2001:db8::1]:8082:80");
	assert_string_equal(world_ask(outside, TCP, "2001:db8::1", 8082), "b 2001:db8::2");
	assert_string_equal(world_ask(outside, TCP, "192.0.2.1", 8082), "ECONNREFUSED");
	assert_string_equal(world_ask(a, TCP, "fd88::1", 8082), "ECONNREFUSED");
	take_away(*state, &guest_b, "[2001:db8::1]:8082:80");
	take_away(*state, &guest_a, "192.0.2.7:8080:80;127.0.0.1:8081:81");
	world_do(host, "ip addr del 192.0.2.7/24 dev eth0");
}

static void ranges_keep_their_order(void **state)
{
	add(*state, &guest_a, "8000-8001:80-81");
	assert_string_equal(world_ask(outside, TCP, "192.0.2.1", 8000), "a 192.0.2.2");
	assert_string_equal(world_ask(outside, TCP, "192.0.2.1", 8001), "a81 192.0.2.2");
	take_away(*state, &guest_a, "8000-8001:80-81");
}

static void all_ports_at_once_are_elements_not_rules(void **state)
{
	static const char ports[] = "192.0.2.1:1-65535:1-65535/udp";

	add(*state, &guest_a, ports);
	assert_string_equal(world_ask(outside, UDP, "192.0.2.1", 53), "a 192.0.2.2");
	assert_refused(*state, &guest_b, "4000:53/udp", "4000/udp is published by container a");
	take_away(*state, &guest_a, ports);
	assert_string_equal(world_ask(outside, UDP, "192.0.2.1", 53), "ECONNREFUSED");
}

/* A client that goes on sending from one port is one connection to the kernel. */
static const char *ask_again(const char *ip)
{
	return world_ask_for(outside, UDP, ip, 5353, 40000, WORLD_LONG_MS);
}

static void a_client_that_goes_on_is_led_to_who_has_the_port_now(void **state)
{
	static const char unrelated[] = "dst=192.0.2.2 sport=40001 dport=5353 ";

	add(*state, &guest_c, NULL);
	(void)world_ask_for(c, UDP, "192.0.2.2", 5353, 40001, WORLD_LONG_MS);
	assert_string_equal(ask_again("192.0.2.1"), "ECONNREFUSED");
	add(*state, &guest_a, "5353:53/udp");
	assert_string_equal(ask_again("192.0.2.1"), "a 192.0.2.2");
	take_away(*state, &guest_a, "5353:53/udp");
	add(*state, &guest_b, "192.0.2.1:5353:53/udp");
	assert_string_equal(ask_again("192.0.2.1"), "b 192.0.2.2");
	take_away(*state, &guest_b, "192.0.2.1:5353:53/udp");
	assert_string_equal(ask_again("192.0.2.1"), "ECONNREFUSED");
	assert_string_equal(ask_again("2001:db8::1"), "ECONNREFUSED");
	add(*state, &guest_a, "5353:53/udp");
	assert_string_equal(ask_again("2001:db8::1"), "a 2001:db8::2");
	take_away(*state, &guest_a, "5353:53/udp");
	assert_non_null(strstr(world_output(host, "cat /proc/self/net/nf_conntrack"), unrelated));
}

/* CVE-2025-67499: what the host only forwards is not taken for its own. */
static void transit_traffic_is_left_alone(void **state)
{
	add(*state, &guest_a, "80:80");
	world_do(host, "ip route add 203.0.113.1 via 192.0.2.2");
	add(*state, &guest_c, NULL);
	assert_string_equal(world_ask(c, TCP, "203.0.113.1", 80), "outside 192.0.2.1");
	world_do(host, "ip route del 203.0.113.1");
	take_away(*state, &guest_a, "80:80");
	take_away(*state, &guest_c, NULL);
}

/* ---- who reaches whom ---- */

static void neighbours_of_the_host_find_all_else_closed(void **state)
{
	add(*state, &guest_a, "127.0.0.1:8080:80;8081:81");
	assert_silence(outside, TCP, "10.88.0.2", 80);
	assert_silence(outside, TCP, "10.88.0.2", 81); /* published, but asked for directly */
	assert_silence(outside, TCP, "fd88::2", 80);
	assert_silence(outside, UDP, "10.88.0.2", 53);
	world_do(outside,
		"sysctl -qw net.ipv4.conf.eth0.route_localnet=1 && ip addr del 127.0.0.1/8 dev lo && "
		"ip route add 127.0.0.1/32 via 192.0.2.1 src 192.0.2.2");
	world_do(host, "sysctl -qw net.ipv4.conf.eth0.route_localnet=1"); /* even so */
	assert_silence(outside, TCP, "127.0.0.1", 8080);
	assert_silence(outside, TCP, "127.0.0.1", 90);
	world_do(host, "sysctl -qw net.ipv4.conf.eth0.route_localnet=0");
	world_do(outside, "ip route del 127.0.0.1/32 && ip addr add 127.0.0.1/8 dev lo");
	take_away(*state, &guest_a, "127.0.0.1:8080:80;8081:81");
}

static void containers_do_not_reach_the_localhost_of_the_host(void **state)
{
	add(*state, &guest_a, "127.0.0.1:8080:80"); /* this sets route_localnet */
	world_do(a,
		"sysctl -qw net.ipv4.conf.eth0.route_localnet=1 && ip addr del 127.0.0.1/8 dev lo && "
		"ip route add 127.0.0.1/32 via 10.88.0.1 src 10.88.0.2");
	assert_silence(a, TCP, "127.0.0.1", 90);
	world_do(a, "ip route del 127.0.0.1/32 && ip addr add 127.0.0.1/8 dev lo");
	take_away(*state, &guest_a, "127.0.0.1:8080:80");
}

static void networks_are_apart(void **state)
{
	add(*state, &guest_a, NULL);
	add(*state, &guest_b, NULL);
	add(*state, &guest_c, NULL);
	assert_string_equal(world_ask(a, TCP, "10.88.0.3", 80), "b 10.88.0.2");
	assert_string_equal(world_ask(a, TCP, "fd88::3", 80), "b fd88::2");
	assert_silence(a, TCP, "10.89.0.2", 80);
	assert_silence(c, TCP, "10.88.0.2", 80);
	assert_silence(c, TCP, "fd88::2", 80);
	assert_string_equal(world_ask(host, TCP, "10.88.0.2", 80), "a 10.88.0.1");
}

static void containers_reach_the_outside_behind_the_hosts_address(void **state)
{
	add(*state, &guest_a, NULL);
	assert_string_equal(world_ask(a, TCP, "192.0.2.2", 80), "outside 192.0.2.1");
	assert_string_equal(world_ask(a, UDP, "192.0.2.2", 53), "outside 192.0.2.1");
	assert_string_equal(world_ask(a, TCP, "2001:db8::2", 80), "outside 2001:db8::1");
}

static void an_internal_network_has_no_outside(void **state)
{
	husk0.internal = true;
	husk0.masquerade = false;
	network(&husk0);
	add(*state, &guest_a, "8080:80");
	add(*state, &guest_b, NULL);
	assert_silence(a, TCP, "192.0.2.2", 80);
	assert_silence(a, TCP, "2001:db8::2", 80);
	assert_silence(outside, TCP, "192.0.2.1", 8080);
	assert_string_equal(world_ask(a, TCP, "10.88.0.3", 80), "b 10.88.0.2");
	husk0.internal = false;
	husk0.masquerade = true;
	network(&husk0);
	assert_string_equal(world_ask(a, TCP, "192.0.2.2", 80), "outside 192.0.2.1");
	take_away(*state, &guest_a, "8080:80");
}

static void an_isolated_network_reaches_no_published_port_of_others(void **state)
{
	husk1.isolated = true;
	network(&husk1);
	add(*state, &guest_a, "8080:80");
	add(*state, &guest_c, "8081:80");
	assert_silence(c, TCP, "192.0.2.1", 8080);
	assert_silence(a, TCP, "192.0.2.1", 8081);
	assert_string_equal(world_ask(outside, TCP, "192.0.2.1", 8081), "c 192.0.2.2");
	assert_string_equal(world_ask(c, TCP, "192.0.2.2", 80), "outside 192.0.2.1");
	take_away(*state, &guest_a, "8080:80");
	take_away(*state, &guest_c, "8081:80");
}

/* ---- spoofing ---- */

/* Sends a frame from a container, as its root may. */
static void send_frame(int ns, const uint8_t *bytes, size_t len)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_halen = ETH_ALEN };
	int sock;

	world_enter(ns);
	to.sll_ifindex = (int)if_nametoindex("eth0");
	sock = socket(AF_PACKET, SOCK_RAW, 0);
	assert_true(sendto(sock, bytes, len, 0, (struct sockaddr *)&to, sizeof(to)) == (ssize_t)len);
	(void)close(sock);
	world_enter(world_host);
}

/* A gratuitous ARP request, which says that `ip` is at `mac`, from a, to all. */
static void claim(const uint8_t mac[ETH_ALEN], const uint8_t ip[4])
{
	uint8_t frame[42] = { 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 0xa, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };

	memcpy(frame + 22, mac, ETH_ALEN);
	memcpy(frame + 28, ip, 4);
	memcpy(frame + 38, ip, 4);
	send_frame(a, frame, sizeof(frame));
}

static void arp_for_other_addresses_is_dropped(void **state)
{
	static const uint8_t own_mac[] = { 2, 0, 0, 0, 0, 0xa }, other_mac[] = { 2, 0, 0, 0, 0, 0x66 };
	static const uint8_t own[] = { 10, 88, 0, 2 }, others[] = { 10, 88, 0, 3 }, gateway[] = { 10, 88, 0, 1 };

	add(*state, &guest_a, NULL);
	add(*state, &guest_b, NULL);
	world_do(host, "ip neigh replace 10.88.0.3 lladdr 02:00:00:00:00:0b dev husk0 nud stale");
	world_do(b,
		"ip neigh replace 10.88.0.1 lladdr 02:00:00:00:00:01 dev eth0 nud stale && "
		"ip neigh replace 10.88.0.2 lladdr 02:00:00:00:00:02 dev eth0 nud stale");
	claim(own_mac, others);
	claim(own_mac, gateway);
	claim(other_mac, own);
	assert_non_null(strstr(world_output(host, "ip neigh show 10.88.0.3"), "02:00:00:00:00:0b"));
	assert_non_null(strstr(world_output(b, "ip neigh show 10.88.0.1"), "02:00:00:00:00:01"));
	assert_non_null(strstr(world_output(b, "ip neigh show 10.88.0.2"), "02:00:00:00:00:02"));
	claim(own_mac, own); /* so it is not that claims are never heard */
	assert_non_null(strstr(world_output(b, "ip neigh show 10.88.0.2"), "02:00:00:00:00:0a"));
	world_do(b, "ip neigh flush all");
	world_do(host, "ip neigh flush all");
}

static void packets_from_other_addresses_are_dropped(void **state)
{
	add(*state, &guest_a, NULL);
	add(*state, &guest_b, NULL);
	world_do(a, "ip addr add 10.88.0.9/24 dev eth0 && ip route replace default via 10.88.0.1 src 10.88.0.9");
	assert_silence(a, UDP, "192.0.2.2", 53);
	world_do(a, "ip route replace default via 10.88.0.1 && ip addr del 10.88.0.9/24 dev eth0");
	world_do(a, "ip addr add fd88::9/128 dev eth0 nodad && ip -6 route replace default via fd88::1 src fd88::9");
	assert_silence(a, UDP, "2001:db8::2", 53);
	world_do(a, "ip -6 route replace default via fd88::1 && ip addr del fd88::9/128 dev eth0");
	assert_string_equal(world_ask(a, UDP, "192.0.2.2", 53), "outside 192.0.2.1");
	world_do(a, "ip link set eth0 address 02:00:00:00:00:66");
	assert_silence(a, UDP, "192.0.2.2", 53);
	world_do(a, "ip link set eth0 address 02:00:00:00:00:0a");
	assert_string_equal(world_ask(a, UDP, "192.0.2.2", 53), "outside 192.0.2.1");
}

static uint16_t checksum(const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* An ICMPv6 message of 16, 24 or 32 bytes from a's link-local address to all nodes. */
static void send_icmp6(const uint8_t *message, uint8_t len)
{
	uint8_t frame[86] = { 0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xa, 0x86, 0xdd, 0x60, [19] = len, 58, 255, 0xfe,
		0x80, [33] = 0xff, 0xfe, 0, 0, 0xa, 0xff, 0x02, [53] = 1 };
	uint32_t sum = len + 58u;
	uint16_t sent;

	for (size_t i = 22; i < 54; i += 2)
		sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
	memcpy(frame + 54, message, len);
	sent = checksum(frame + 54, len, sum);
	frame[56] = (uint8_t)(sent >> 8);
	frame[57] = (uint8_t)sent;
	send_frame(a, frame, 54u + len);
}

static void advertise(void)
{
	send_icmp6((const uint8_t[16]){ 134, 0, 0, 0, 64, 0, 7, 8 }, 16);
}

/* fd88::1, the gateway, is at a's hardware address: an advertisement that overrides. */
static void claim_gateway(void)
{
	send_icmp6(
		(const uint8_t[32]){ 136, 0, 0, 0, 0x20, 0, 0, 0, 0xfd, 0x88, [23] = 1, 2, 1, 2, 0, 0, 0, 0, 0xa }, 32);
}

static const char *gateway_of_b(void)
{
	return world_output(b, "ip -6 neigh show fd88::1");
}

static void an_answer_for_another_address_is_dropped(void **state)
{
	static const char preset[] = "ip -6 neigh replace fd88::1 lladdr 02:00:00:00:00:01 dev eth0 nud stale";

	add(*state, &guest_b, NULL);
	world_do(b, preset);
	claim_gateway(); /* without the guard, it is heard */
	assert_non_null(strstr(gateway_of_b(), "02:00:00:00:00:0a"));
	world_do(b, preset);
	add(*state, &guest_a, NULL);
	claim_gateway();
	assert_non_null(strstr(gateway_of_b(), "02:00:00:00:00:01"));
	world_do(b, "ip -6 neigh flush all");
}

static void a_container_is_no_router(void **state)
{
	world_do(b, "sysctl -qw net.ipv6.conf.eth0.accept_ra=2");
	add(*state, &guest_b, NULL);
	advertise(); /* without the guard, it is heard */
	assert_non_null(strstr(world_output(b, "ip -6 route show proto ra"), "fe80::ff:fe00:a"));
	world_do(b, "ip -6 route flush proto ra");
	add(*state, &guest_a, NULL);
	advertise();
	assert_string_equal(world_output(b, "ip -6 route show proto ra"), "");
	world_do(b, "sysctl -qw net.ipv6.conf.eth0.accept_ra=0");
}

/* ---- ports in use ---- */

static void a_port_in_use_is_refused_by_the_name_of_who_has_it(void **state)
{
	pid_t pid = world_server(host, TCP, 8090, "someone");
	char expected[128];

	(void)snprintf(expected, sizeof(expected), "8090/tcp is held by firewall_test (pid %d)", pid);
	assert_refused(*state, &guest_a, "8090:80", expected);
	assert_refused(*state, &guest_a, "127.0.0.1:8089-8091:80-82", expected);
	assert_refused(*state, &guest_a, "198.51.100.1:8080:80",
		"publish 8080/tcp on 198.51.100.1: this host has no such address");
	assert_refused(*state, &guest_a, "[::1]:8080:80",
		"publish 8080/tcp on ::1: the kernel lets nothing from ::1 leave the host (use 127.0.0.1)");
	add(*state, &guest_a, "8090:53/udp"); /* of another protocol */
	assert_refused(*state, &guest_b, "8090:53/udp", "8090/udp is published by container a");
	assert_refused(*state, &guest_b, "127.0.0.1:8090:53/udp", "8090/udp is published by container a");
	take_away(*state, &guest_a, "8090:53/udp");
	add(*state, &guest_a, "127.0.0.1:8091:80");
	assert_refused(*state, &guest_b, "8091:80", "8091/tcp is published by container a");
	add(*state, &guest_b, "192.0.2.1:8091:80");
	assert_string_equal(world_ask(host, TCP, "127.0.0.1", 8091), "a 10.88.0.1");
	assert_string_equal(world_ask(outside, TCP, "192.0.2.1", 8091), "b 192.0.2.2");
	take_away(*state, &guest_a, "127.0.0.1:8091:80");
	take_away(*state, &guest_b, "192.0.2.1:8091:80");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static void a_free_port_is_chosen(void **state)
{
	struct unit *unit = *state;
	struct published *ports;
	struct error err = { 0 };
	size_t count;

	add(unit, &guest_a, "8000:80");
	count = ports_parse("8000-8002:80;8000-8002:81;:80-81", "-p", &unit->arena, &ports, &unit->faults);
	assert_int_equal(count, 4);
	assert_int_equal(firewall_choose_ports(ports, count, true, true, "b", &err), 0);
	assert_int_equal(ports[0].host_port, 8001);
	assert_int_equal(ports[1].host_port, 8002);
	assert_true(ports[2].host_port > 1023 && ports[3].host_port > 1023 && ports[2].host_port != ports[3].host_port);
	assert_refused(unit, &guest_b, "8000-8001:80;8000-8001:80;8000-8001:81",
		"publish 8000-8001:80/tcp: none of 2 ports of the host is free");
	take_away(unit, &guest_a, "8000:80");
}

/* ---- repair ---- */

static void adding_again_repairs(void **state)
{
	struct error err = { 0 };

	add(*state, &guest_a, "8080:80");
	add(*state, &guest_a, "8080:80");
	assert_int_equal(firewall_check(&err), FIREWALL_WHOLE);
	world_do(host, "nft flush ruleset");
	assert_int_equal(firewall_check(&err), FIREWALL_BROKEN);
	add(*state, &guest_a, "8080:80");
	assert_int_equal(firewall_check(&err), FIREWALL_WHOLE);
	assert_string_equal(world_ask(outside, TCP, "192.0.2.1", 8080), "a 192.0.2.2");
	assert_string_equal(world_ask(a, TCP, "192.0.2.2", 80), "outside 192.0.2.1");
	world_do(host, "nft flush chain inet husk forward");
	assert_int_equal(firewall_check(&err), FIREWALL_BROKEN);
	network(&husk0);
	assert_int_equal(firewall_check(&err), FIREWALL_WHOLE);
	assert_string_equal(world_ask(outside, TCP, "192.0.2.1", 8080), "a 192.0.2.2"); /* elements have stayed */
	take_away(*state, &guest_a, "8080:80");
	take_away(*state, &guest_a, "8080:80");
	world_do(host, "nft flush ruleset");
	take_away(*state, &guest_a, "8080:80");
}

static void a_container_brings_its_network(void **state)
{
	struct error err = { 0 };

	assert_int_equal(firewall_network_remove(&husk1, &err), 0);
	add(*state, &guest_a, NULL);
	add(*state, &guest_c, NULL);
	assert_silence(a, TCP, "10.89.0.2", 80);
	assert_string_equal(world_ask(c, TCP, "192.0.2.2", 80), "outside 192.0.2.1");
}

static void what_another_container_has_by_now_stays_its_own(void **state)
{
	add(*state, &guest_a, "8080:80;8081:81");
	take_away(*state, &guest_a, "8080:80");
	add(*state, &guest_b, "8080:80");
	take_away(*state, &guest_a, "8080:80;8081:81");
	assert_string_equal(world_ask(outside, TCP, "192.0.2.1", 8080), "b 192.0.2.2");
	assert_string_equal(world_ask(outside, TCP, "192.0.2.1", 8081), "ECONNREFUSED");
	assert_null(strstr(world_output(host, "nft list ruleset"), "\"hva\""));
	take_away(*state, &guest_b, "8080:80");
}

/* ---- other firewalls ---- */

static void assert_obstacle(const char *what, bool repairable, const char *hint)
{
	struct firewall_obstacle obstacle;
	struct error err = { 0 };

	assert_int_equal(firewall_foreign_drop("husk0", &obstacle, &err), 0);
	assert_string_equal(obstacle.what, what);
	assert_string_equal(obstacle.hint, hint);
	assert_int_equal(obstacle.repairable, repairable);
}

static void a_foreign_drop_is_named_and_repaired(void **state)
{
	struct error err = { 0 };

	add(*state, &guest_a, "8080:80");
	assert_obstacle("", false, "");
	assert_int_equal(firewall_foreign_accept("husk0", &err), 0);
	world_do(host,
		"iptables-nft -N DOCKER-USER && iptables-nft -A DOCKER-USER -j RETURN && "
		"iptables-nft -A FORWARD -j DOCKER-USER && iptables-nft -P FORWARD DROP");
	assert_obstacle("ip filter FORWARD (policy drop, Docker)", true, "husk network repair --with-docker");
	assert_silence(a, TCP, "192.0.2.2", 80);
	assert_int_equal(firewall_foreign_accept("husk0", &err), 2);
	assert_int_equal(firewall_foreign_accept("husk0", &err), 0);
	assert_obstacle("", false, "");
	assert_string_equal(world_ask(a, TCP, "192.0.2.2", 80), "outside 192.0.2.1");
	assert_string_equal(world_ask(outside, TCP, "192.0.2.1", 8080), "a 192.0.2.2");
	assert_silence(outside, TCP, "10.88.0.2", 81); /* ours still holds */
	assert_string_equal(world_output(host, "iptables-nft -S DOCKER-USER 2>&1"),
		"-N DOCKER-USER\n"
		"-A DOCKER-USER -i husk0 -m comment --comment \"husk: husk0\" -j ACCEPT\n"
		"-A DOCKER-USER -o husk0 -m comment --comment \"husk: husk0\" -j ACCEPT\n"
		"-A DOCKER-USER -j RETURN\n");
	assert_int_equal(firewall_foreign_forget("husk0", &err), 2);
	assert_int_equal(firewall_foreign_forget("husk0", &err), 0);
	assert_silence(a, TCP, "192.0.2.2", 80);
	world_do(host, "nft delete table ip filter");
	take_away(*state, &guest_a, "8080:80");
}

static void drops_of_others_are_named_with_what_to_do(void **state)
{
	static const char mine[] = "table inet mine { chain f { type filter hook forward priority 0; policy drop; }; }";

	(void)state;
	world_do(host,
		"nft 'table ip6 filter { chain ufw6-user-forward { }; "
		"chain FORWARD { type filter hook forward priority 0; policy drop; }; }'");
	assert_obstacle("ip6 filter FORWARD (policy drop, ufw)", true, "husk network repair --with-docker");
	world_do(host, "nft delete table ip6 filter && nft '%s'", mine);
	assert_obstacle("inet mine f (policy drop)", false, "accept there what husk0 forwards");
	world_do(host, "nft add rule inet mine f iifname husk0 accept");
	assert_obstacle("", false, "");
	world_do(host,
		"nft delete table inet mine && nft 'table inet firewalld { "
		"chain filter_FORWARD { type filter hook forward priority 10; reject; }; }'");
	assert_obstacle("inet firewalld filter_FORWARD (firewalld)", false,
		"firewall-cmd --permanent --zone=trusted --add-interface=husk0");
	world_do(host, "nft delete table inet firewalld");
}

static void without_rights_it_says_so(void **state)
{
	struct error err = { 0 };
	char line[2048];
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		_exit(setuid(65534) == 0 && firewall_network_add(&husk0, &err) < 0 &&
					strcmp(error_line(&err, line, sizeof(line)),
						"nf_tables: read husk: Operation not permitted "
						"(needs CAP_NET_ADMIN in the network namespace)") == 0
				? 0
				: 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define TRAFFIC_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const struct CMUnitTest tests[] = {
	TRAFFIC_TEST(a_published_port_is_reached_from_everywhere),
	TRAFFIC_TEST(within_a_network_it_works_without_br_netfilter_too),
	TRAFFIC_TEST(a_port_of_one_address_is_reached_by_that_only),
	TRAFFIC_TEST(ranges_keep_their_order),
	TRAFFIC_TEST(all_ports_at_once_are_elements_not_rules),
	TRAFFIC_TEST(a_client_that_goes_on_is_led_to_who_has_the_port_now),
	TRAFFIC_TEST(transit_traffic_is_left_alone),
	TRAFFIC_TEST(neighbours_of_the_host_find_all_else_closed),
	TRAFFIC_TEST(containers_do_not_reach_the_localhost_of_the_host),
	TRAFFIC_TEST(networks_are_apart),
	TRAFFIC_TEST(containers_reach_the_outside_behind_the_hosts_address),
	TRAFFIC_TEST(an_internal_network_has_no_outside),
	TRAFFIC_TEST(an_isolated_network_reaches_no_published_port_of_others),
	TRAFFIC_TEST(arp_for_other_addresses_is_dropped),
	TRAFFIC_TEST(packets_from_other_addresses_are_dropped),
	TRAFFIC_TEST(an_answer_for_another_address_is_dropped),
	TRAFFIC_TEST(a_container_is_no_router),
	TRAFFIC_TEST(a_port_in_use_is_refused_by_the_name_of_who_has_it),
	TRAFFIC_TEST(a_free_port_is_chosen),
	TRAFFIC_TEST(adding_again_repairs),
	TRAFFIC_TEST(a_container_brings_its_network),
	TRAFFIC_TEST(what_another_container_has_by_now_stays_its_own),
	TRAFFIC_TEST(a_foreign_drop_is_named_and_repaired),
	TRAFFIC_TEST(drops_of_others_are_named_with_what_to_do),
	TRAFFIC_TEST(without_rights_it_says_so),
};
UNIT_MAIN(tests)
