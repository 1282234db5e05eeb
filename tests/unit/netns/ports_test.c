/* What -p says: every form, and the mistakes. */
#include "tests/unit/unit.h"

#include "netns/ports.h"

/* "8080:80/tcp; ...", or the faults. */
static const char *ports_of(struct unit *unit, const char *texts)
{
	static char buf[4096];
	char one[PORT_TEXT];
	struct published *ports;
	struct text text;
	size_t count = ports_parse(texts, "-p", &unit->arena, &ports, &unit->faults);

	if (unit->faults.count)
		return unit_faults(unit);
	text_init(&text, buf, sizeof(buf));
	for (size_t i = 0; i < count; i++)
		text_add(&text, "%s%s", i ? "; " : "", port_text(&ports[i], one));
	return buf;
}

#define EXPECTED "expected [[IP:]HOST:]CONTAINER[/tcp|udp|sctp]"

static const struct {
	const char *texts, *ports;
} cases[] = {
	{ "80", ":80/tcp" },
	{ ":80", ":80/tcp" },
	{ "0:80", ":80/tcp" },
	{ "8080:80", "8080:80/tcp" },
	{ "8080:80/udp", "8080:80/udp" },
	{ "8080:80/sctp", "8080:80/sctp" },
	{ "127.0.0.1:8080:80", "127.0.0.1:8080:80/tcp" },
	{ "127.0.0.1::80", "127.0.0.1::80/tcp" },
	{ "[2001:db8::1]:8080:80", "[2001:db8::1]:8080:80/tcp" },
	{ "[::1]::80", "[::1]::80/tcp" },
	{ "8000-8002:80-82", "8000-8002:80-82/tcp" },
	{ "1-65535:1-65535/udp", "1-65535:1-65535/udp" },
	{ "8000-8002:80", "8000-8002:80/tcp" }, /* any of three */
	{ "80-82", ":80/tcp; :81/tcp; :82/tcp" },
	{ "8080:80;8443:443;53:53/udp", "8080:80/tcp; 8443:443/tcp; 53:53/udp" },
	{ "80:80;80:80/udp", "80:80/tcp; 80:80/udp" },
	{ "127.0.0.1:80:80;192.0.2.1:80:81", "127.0.0.1:80:80/tcp; 192.0.2.1:80:81/tcp" },

	{ "", "-p: \"\": " EXPECTED },
	{ "80:80;", "-p: \"\": " EXPECTED },
	{ "0", "-p: \"0\": \"0\" is no port; expected 1 to 65535" },
	{ "8080:0", "-p: \"8080:0\": \"0\" is no port; expected 1 to 65535" },
	{ "70000:80", "-p: \"70000:80\": \"70000\" is no port; expected 1 to 65535" },
	{ "80:65536", "-p: \"80:65536\": \"65536\" is no port; expected 1 to 65535" },
	{ "http:80", "-p: \"http:80\": \"http\" is no port; expected 1 to 65535" },
	{ "8080:", "-p: \"8080:\": \"\" is no port; expected 1 to 65535" },
	{ "-1:80", "-p: \"-1:80\": \"\" is no port; expected 1 to 65535" },
	{ "0-5:80-85", "-p: \"0-5:80-85\": \"0\" is no port; expected 1 to 65535" },
	{ "90-80:80", "-p: \"90-80:80\": a range that ends before it begins" },
	{ "8000-8001:80-82",
		"-p: \"8000-8001:80-82\": ranges of different lengths: 2 ports of the host, 3 of the container" },
	{ "8000:80-82", "-p: \"8000:80-82\": ranges of different lengths: 1 ports of the host, 3 of the container" },
	{ "80/", "-p: \"80/\": \"\" is no protocol; expected tcp, udp or sctp" },
	{ "80/icmp", "-p: \"80/icmp\": \"icmp\" is no protocol; expected tcp, udp or sctp" },
	{ "80/tcp/udp", "-p: \"80/tcp/udp\": \"tcp/udp\" is no protocol; expected tcp, udp or sctp" },
	{ "localhost:80:80",
		"-p: \"localhost:80:80\": \"localhost\" is no address; expected one as 192.0.2.1, or [2001:db8::1]" },
	{ "192.0.2.256:80:80",
		"-p: \"192.0.2.256:80:80\": \"192.0.2.256\" is no address; expected one as 192.0.2.1, or [2001:db8::1]" },
	{ "[192.0.2.1]:80:80",
		"-p: \"[192.0.2.1]:80:80\": \"192.0.2.1\" is no address; expected one as 192.0.2.1, or [2001:db8::1]" },
	{ "2001:db8::1:80:80",
		"-p: \"2001:db8::1:80:80\": \"2001\" is no address; expected one as 192.0.2.1, or [2001:db8::1]" },
	{ "[::1:80:80", "-p: \"[::1:80:80\": " EXPECTED },
	{ "[::1]80:80", "-p: \"[::1]80:80\": " EXPECTED },
	{ "1.2.3.4:5:6:7", "-p: \"1.2.3.4:5:6:7\": \"5:6\" is no port; expected 1 to 65535" },
	{ "80:80; rm", "-p: \" rm\": \" rm\" is no port; expected 1 to 65535" },
	{ "80:80;80:81", "-p: 80:80/tcp and 80:81/tcp want the same port of the host" },
	{ "8000-8010:8000-8010;8010:80", "-p: 8000-8010:8000-8010/tcp and 8010:80/tcp want the same port of the host" },
	{ "1-65535", "-p: more than 1024 entries; ports in a row are one, as 8000-8999:8000-8999" },
	{ "127.0.0.1:80:80;80:81", "-p: 127.0.0.1:80:80/tcp and 80:81/tcp want the same port of the host" },
};

static void each_form_is_read_as_it_is_meant(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(ports_of(*state, cases[i].texts), cases[i].ports);
}

static void a_choice_is_told_from_a_range(void **state)
{
	struct unit *unit = *state;
	struct published *ports;

	assert_int_equal(ports_parse("8000-8002:80;8000-8002:80-82", "-p", &unit->arena, &ports, &unit->faults), 2);
	assert_int_equal(ports[0].host_choices, 3);
	assert_int_equal(ports[0].count, 1);
	assert_int_equal(ports[1].host_choices, 0);
	assert_int_equal(ports[1].count, 3);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(each_form_is_read_as_it_is_meant),
	UNIT_TEST(a_choice_is_told_from_a_range),
};
UNIT_MAIN(tests)
