/* What --network says: every form, and the mistakes. */
#include <stdio.h>

#include "tests/unit/unit.h"

#include "netns/request.h"

static void say_link(const struct net_link_request *link, struct text *text)
{
	char buf[SUBNET_TEXT];

	text_add(text, "%s %s", net_link_names[link->kind], link->name);
	for (size_t v = 0; v < 2; v++) {
		if (link->ip[v].ip.len)
			text_add(text, " ip%s", subnet_text(&link->ip[v], buf));
		if (link->gateway[v].len)
			text_add(text, " via %s", ip_text(&link->gateway[v], buf));
	}
	if (link->has_mac)
		text_add(text, " mac %s", mac_text(link->mac, buf));
	for (size_t i = 0; i < link->alias_count; i++)
		text_add(text, " alias %s", link->aliases[i]);
	if (link->interface)
		text_add(text, " as %s", link->interface);
}

/* What was understood, or the faults. */
static const char *request_of(struct unit *unit, const char *asked)
{
	static const char *const modes[] = { "unchanged", "none", "host", "path", "container", "pasta", "" };
	static char buf[4096];
	struct net_request request;
	struct text text;

	net_request_parse(asked, "net", &request, &unit->faults);
	if (unit->faults.count)
		return unit_faults(unit);
	text_init(&text, buf, sizeof(buf));
	text_add(&text, "%s%s%s", modes[request.mode], request.what ? " " : "", request.what ? request.what : "");
	for (size_t i = 0; i < request.link_count; i++) {
		text_add(&text, "%s", i ? "; " : "");
		say_link(&request.links[i], &text);
	}
	return buf;
}

static const struct {
	const char *asked, *understood;
} cases[] = {
	{ NULL, "unchanged" },
	{ "none", "none" },
	{ "host", "host" },
	{ "ns:/run/netns/a", "path /run/netns/a" },
	{ "container:web", "container web" },
	{ "pasta", "pasta" },
	{ "pasta:--mtu,1400", "pasta --mtu,1400" },
	{ "bridge", "bridge husk" },
	{ "web", "bridge web" },
	{ "bridge:web", "bridge web" },
	{ "bridge:web,ip=10.0.0.2", "bridge web ip10.0.0.2/32" },
	{ "bridge:web:ip=10.0.0.2", "bridge web ip10.0.0.2/32" },
	{ "bridge:ip=10.0.0.2,mac=02:00:00:00:00:01", "bridge husk ip10.0.0.2/32 mac 02:00:00:00:00:01" },
	{ "web:ip6=fd00::2,alias=a,alias=b.c,interface_name=lan0",
		"bridge web ipfd00::2/128 alias a alias b.c as lan0" },
	{ "web;db:ip=10.1.0.2", "bridge web; bridge db ip10.1.0.2/32" },
	{ "macvlan:up0", "macvlan up0" },
	{ "macvlan:up0:ip=192.0.2.7/24,gateway=192.0.2.1", "macvlan up0 ip192.0.2.7/24 via 192.0.2.1" },
	{ "ipvlan:up0,ip6=fd00::7/64", "ipvlan up0 ipfd00::7/64" },

	{ "", "net: \"\" is no name of a network" },
	{ "none:x", "net: none takes no options, found \"x\"" },
	{ "ns:", "net: ns needs a value, as ns:/run/netns/NAME" },
	{ "ns:a", "net: ns: expected an absolute path, found \"a\"" },
	{ "container", "net: container needs a value, as container:ID" },
	{ "a/b", "net: \"a/b\" is no name of a network" },
	{ "../x", "net: \"../x\" is no name of a network" },
	{ "web:ip", "net: expected OPTION=VALUE, found \"ip\"" },
	{ "web:ip=fd00::1", "net: ip: expected an IPv4 address, found \"fd00::1\"" },
	{ "web:ip=10.0.0.1/24", "net: ip: expected an IPv4 address, found \"10.0.0.1/24\"" },
	{ "web:ip6=10.0.0.1", "net: ip6: expected an IPv6 address, found \"10.0.0.1\"" },
	{ "web:mac=01:00:00:00:00:00",
		"net: mac: expected the address of one host, as 02:00:00:00:00:01, found \"01:00:00:00:00:00\"" },
	{ "web:alias=a b", "net: alias: expected a host name, found \"a b\"" },
	{ "web:alias=a\nb", "net: alias: expected a host name, found \"a\\x0Ab\"" },
	{ "web:interface_name=lo",
		"net: interface_name: expected the name of a link, 1 to 15 characters, found \"lo\"" },
	{ "web:gateway=10.0.0.1", "net: gateway: is the network's; see husk network create --gateway" },
	{ "web:ipp=1", "net: \"ipp\" is no option of a network; did you mean \"ip\"?" },
	{ "macvlan", "net: macvlan needs a link of the host's, as macvlan:eth0" },
	{ "macvlan:up0:ip=192.0.2.7",
		"net: ip: expected an address with its prefix, as 192.0.2.7/24 or 2001:db8::7/64, found \"192.0.2.7\"" },
	{ "ipvlan:up0:mac=02:00:00:00:00:01", "net: mac: an ipvlan has the address of its parent" },
	{ "none;web", "net: none, host, ns, container and pasta exclude other networks" },
	{ "web;web", "net: the network \"web\" is given twice" },
};

static void every_form_is_read(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(request_of(*state, cases[i].asked), cases[i].understood);
}

static void too_many_networks_are_a_fault(void **state)
{
	char text[1024] = "n0";

	for (int i = 1; i <= NET_LINKS_MAX; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), ";n%d", i);
	assert_non_null(strstr(request_of(*state, text), "at most 16 networks"));
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(every_form_is_read),
	UNIT_TEST(too_many_networks_are_a_fault),
};
UNIT_MAIN(tests)
