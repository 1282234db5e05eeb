/* The texts of hosts and resolv.conf, and what of others may become part of them. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "netns/lease.h"
#include "netns/names.h"
#include "netns/pasta.h"

/* ---- words ---- */

static const struct {
	const char *text;
	bool name, address, domain, option;
} words[] = {
	{ "web", true, false, true, true },
	{ "web_1.example.org", true, false, true, false },
	{ "1web", true, false, true, true },
	{ "-web", false, false, false, true },
	{ "web.", false, false, false, false },
	{ ".web", false, false, false, false },
	{ "a..b", false, false, false, false },
	{ ".", false, false, true, false },
	{ "", false, false, false, false },
	{ "a b", false, false, false, false },
	{ "a\nb", false, false, false, false },
	{ "a#b", false, false, false, false },
	{ "w\xc3\xa9"
	  "b",
		false, false, false, false },
	{ "192.0.2.1", false, true, false, false },
	{ "2001:db8::1", false, true, false, false },
	{ "::ffff:192.0.2.1", false, true, false, false },
	{ "fe80::1%eth0", false, false, false, false },
	{ "192.0.2.1/24", false, false, false, false },
	{ "192.0.2", true, false, true, false },
	{ "ndots:2", false, false, false, true },
	{ "use-vc", true, false, true, true },
	{ "ndots:x", false, false, false, false },
	{ ":2", false, false, false, false },
};

static void words_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (names_is_name(words[i].text) != words[i].name ||
			names_is_address(words[i].text) != words[i].address ||
			names_is_domain(words[i].text) != words[i].domain ||
			names_is_option(words[i].text) != words[i].option)
			fail_msg("\"%s\"", words[i].text);
}

static void a_label_has_at_most_63_bytes(void **state)
{
	char name[256];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[64] = '\0';
	assert_false(names_is_name(name));
	name[63] = '\0';
	assert_true(names_is_name(name));
	for (size_t i = 63; i < 255; i += 64)
		name[i] = '.', name[i + 1] = 'a';
	name[253] = '\0';
	assert_true(names_is_name(name));
	name[253] = 'a', name[254] = '\0';
	assert_false(names_is_name(name));
}

/* ---- annotations ---- */

static struct names_plan plan_of(struct unit *unit, const char *key, const char *value)
{
	struct spec_pair pair = { key, value };
	const struct spec spec = { .annotations = &pair, .annotation_count = 1 };
	struct names_plan plan;

	names_plan(&spec, &unit->arena, &plan, &unit->faults);
	return plan;
}

static const struct {
	const char *key, *value, *fault;
} faults[] = {
	{ NAMES_DNS, "192.0.2.1;2001:db8::1", "" },
	{ NAMES_DNS, "none", "" },
	{ NAMES_DNS, ";;192.0.2.1;", "" },
	{ NAMES_DNS, "192.0.2.1;x", "annotations[\"org.husk.network.dns\"]: expected an IP address, found \"x\"" },
	{ NAMES_DNS, "192.0.2.1\nx",
		"annotations[\"org.husk.network.dns\"]: expected an IP address, found \"192.0.2.1\\x0Ax\"" },
	{ NAMES_DNS_SEARCH, "example.org;.", "" },
	{ NAMES_DNS_SEARCH, "a b",
		"annotations[\"org.husk.network.dns-search\"]: expected a domain, or \".\" for none, found \"a b\"" },
	{ NAMES_DNS_OPTION, "ndots:1;rotate", "" },
	{ NAMES_DNS_OPTION, "ndots 1",
		"annotations[\"org.husk.network.dns-option\"]: expected an option of resolv.conf(5), found \"ndots 1\"" },
	{ NAMES_ADD_HOSTS, "a:192.0.2.1;b=[2001:db8::1];c:2001:db8::2;d;e:host-gateway", "" },
	{ NAMES_ADD_HOSTS, "a",
		"annotations[\"org.husk.network.add-hosts\"]: expected NAME:ADDRESS or NAME:host-gateway, found \"a\"" },
	{ NAMES_ADD_HOSTS, "a:",
		"annotations[\"org.husk.network.add-hosts\"]: expected NAME:ADDRESS or NAME:host-gateway, found \"a:\"" },
	{ NAMES_ADD_HOSTS, ":192.0.2.1",
		"annotations[\"org.husk.network.add-hosts\"]: expected NAME:ADDRESS or NAME:host-gateway, found \":192.0.2.1\"" },
	{ NAMES_ADD_HOSTS, "a:192.0.2.1 b",
		"annotations[\"org.husk.network.add-hosts\"]: expected NAME:ADDRESS or NAME:host-gateway, found \"a:192.0.2.1 b\"" },
};

static void what_annotations_say_is_checked(void **state)
{
	struct unit *unit = *state;

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		(void)plan_of(unit, faults[i].key, faults[i].value);
		assert_string_equal(unit_faults(unit), faults[i].fault);
	}
}

/* ---- hosts ---- */

static void the_own_part_of_hosts(void **state)
{
	struct unit *unit = *state;
	const struct names_plan plan = plan_of(unit, NAMES_ADD_HOSTS, "a;b:192.0.2.9;host:host-gateway");
	const char *addresses[] = { "10.1.0.5", "fd00::5", "nonsense\n" };
	const struct names_own own = {
		.hostname = "web.example.org",
		.addresses = { addresses, ARRAY_SIZE(addresses) },
		.gateway = "10.1.0.1",
	};

	assert_true(names_need_gateway(&plan));
	assert_string_equal(names_hosts_text(&plan, &own, &unit->arena),
		"127.0.0.1\tlocalhost\n"
		"::1\tlocalhost ip6-localhost ip6-loopback\n"
		"192.0.2.9\ta\n"
		"192.0.2.9\tb\n"
		"10.1.0.1\thost\n"
		"10.1.0.5\tweb.example.org web\n"
		"fd00::5\tweb.example.org web\n"
		"10.1.0.1\thost.containers.internal host.docker.internal\n");
}

static void a_hostname_that_is_no_name_becomes_no_line(void **state)
{
	struct unit *unit = *state;
	const struct names_plan plan = { 0 };

	assert_string_equal(
		names_hosts_text(&plan, &(struct names_own){ .hostname = "x\n192.0.2.1 bank" }, &unit->arena),
		"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
	assert_string_equal(names_hosts_text(&plan, &(struct names_own){ .hostname = "x" }, &unit->arena),
		"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\tx\n");
}

/* The file as it is after the change. */
static const char *replaced(struct unit *unit, const char *old, const char *network, const char *lines)
{
	struct names_section section = names_section_of(network, lines, &unit->arena);
	struct names_change change = names_change_of(old, strlen(old), &section);

	return arena_printf(&unit->arena, "%.*s%.*s%.*s", (int)change.at, old, (int)change.parts[0].iov_len,
		(const char *)change.parts[0].iov_base, (int)change.parts[1].iov_len,
		(const char *)change.parts[1].iov_base);
}

static void only_what_differs_is_written(void **state)
{
	struct unit *unit = *state;
	struct names_section section = names_section_of("web", "10.1.0.2\ta\n10.1.0.3\tb\n", &unit->arena);
	const char *same = "own\n# network web\n10.1.0.2\ta\n10.1.0.3\tb\n# end of network web\n";
	const char *less = "own\n# network web\n10.1.0.2\ta\n# end of network web\n";
	struct names_change change = names_change_of(same, strlen(same), &section);

	assert_int_equal(change.at, strlen(same));
	assert_int_equal(change.parts[0].iov_len + change.parts[1].iov_len, 0);
	change = names_change_of(less, strlen(less), &section);
	assert_int_equal(change.at, strlen("own\n# network web\n10.1.0.2\ta\n"));
	assert_int_equal(change.parts[0].iov_len, strlen("10.1.0.3\tb\n# end of network web\n"));
}

static void sections_are_replaced_one_by_one(void **state)
{
	struct unit *unit = *state;
	const char *text = "own\n";

	text = replaced(unit, text, "web", "10.1.0.2\ta\n");
	text = replaced(unit, text, "we", "10.2.0.2\ta\n");
	text = replaced(unit, text, "web", "10.1.0.2\ta\n10.1.0.3\tb\n");
	assert_string_equal(text,
		"own\n"
		"# network web\n10.1.0.2\ta\n10.1.0.3\tb\n# end of network web\n"
		"# network we\n10.2.0.2\ta\n# end of network we\n");
	text = replaced(unit, text, "web", "");
	assert_string_equal(text, "own\n# network we\n10.2.0.2\ta\n# end of network we\n");
	assert_string_equal(replaced(unit, text, "we", ""), "own\n");
	assert_string_equal(replaced(unit, "own\n", "we", ""), "own\n");
	/* cut in the middle of a section, as nothing of ours leaves it: the section is made whole */
	assert_string_equal(
		replaced(unit, "own\n# network we\n10.2", "we", "x\n"), "own\n# network we\nx\n# end of network we\n");
}

/* ---- published ---- */

struct folder {
	char path[64];
	ino_t inode;
};

static struct folder make_member(const char *hosts)
{
	struct folder folder = { .path = "/tmp/husk-names-XXXXXX" };
	struct stat st;
	char path[128];

	assert_non_null(mkdtemp(folder.path));
	(void)snprintf(path, sizeof(path), "%s/hosts", folder.path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, hosts, strlen(hosts)), (ssize_t)strlen(hosts));
	assert_int_equal(fstat(fd, &st), 0);
	(void)close(fd);
	folder.inode = st.st_ino;
	return folder;
}

static void assert_hosts(const struct folder *folder, const char *wanted)
{
	char path[128], text[1024];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/hosts", folder->path);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_int_equal(fstat(fd, &st), 0);
	(void)close(fd);
	assert_string_equal(text, wanted);
	assert_int_equal(st.st_ino, folder->inode);
}

static void remove_member(const struct folder *folder)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/hosts", folder->path);
	(void)unlink(path);
	(void)rmdir(folder->path);
}

static struct lease lease_of(const char *ip, const struct folder *folder, const char *const *names, size_t count)
{
	struct lease lease = { .id = names[0], .state = folder->path, .names = names, .name_count = count };

	assert_true(ip_parse(ip, &lease.ip));
	return lease;
}

static void members_are_told_of_each_other(void **state)
{
	static const char *const db[] = { "db-1", "db" }, *const web[] = { "web", "a+b", "x y" };
	struct unit *unit = *state;
	struct folder one = make_member("one\n"), two = make_member("two, and longer\n");
	const struct folder gone = { .path = "/tmp/husk-names-is-not-there" };
	struct lease leases[] = { lease_of("10.1.0.2", &one, db, 2), lease_of("10.1.0.3", &two, web, 3),
		lease_of("10.1.0.4", &gone, web, 1), lease_of("fd00::2", &one, db, 2) };
	struct error err = { 0 };

	leases[2].is_void = true;
	assert_int_equal(names_publish("net", leases, ARRAY_SIZE(leases), &unit->arena, &err), 0);
#define SECTION "# network net\n10.1.0.2\tdb-1 db\n10.1.0.3\tweb\nfd00::2\tdb-1 db\n# end of network net\n"
	assert_hosts(&one, "one\n" SECTION);
	assert_hosts(&two, "two, and longer\n" SECTION);
	leases[2].is_void = false; /* no void lease, but its folder is not there: passed over */
	assert_int_equal(names_publish("net", leases + 1, 2, &unit->arena, &err), 0);
	assert_hosts(&two, "two, and longer\n# network net\n10.1.0.3\tweb\n10.1.0.4\tweb\n# end of network net\n");
	assert_int_equal(names_withdraw("net", one.path, &unit->arena, &err), 0);
	assert_hosts(&one, "one\n");
	remove_member(&one);
	remove_member(&two);
}

/* ---- resolv.conf ---- */

#define MADE "# made by husk\n"
#define NONE MADE "# no name server of the host's can be reached from this network\n"

static const struct {
	const char *host;
	bool internal;
	const char *text;
} resolvs[] = {
	{ "nameserver 192.0.2.1\nsearch a.example b.example\noptions ndots:2 edns0\n", false,
		MADE "nameserver 192.0.2.1\nsearch a.example b.example\noptions ndots:2 edns0\n" },
	{ "nameserver 192.0.2.1\nsearch a.example\n", true, NONE },
	{ "nameserver 127.0.0.53\nnameserver 192.0.2.1\n", false, MADE "nameserver 192.0.2.1\n" },
	{ "nameserver 127.0.0.53\nnameserver ::1\noptions edns0\n", false, NONE "options edns0\n" },
	{ "nameserver fe80::1%eth0\nnameserver 0.0.0.0\nnameserver ::\n", false, NONE },
	{ "nameserver 192.0.2.1 192.0.2.2\nnameserver\t192.0.2.3 # c\nnameserver 192.0.2.4\n", false,
		MADE "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n" },
	{ "search a.example\nsearch b.example c.example", false, NONE "search b.example c.example\n" },
	{ "#nameserver 192.0.2.1\n;nameserver 192.0.2.1\nxnameserver 192.0.2.1\nnameserver192.0.2.1\n", false, NONE },
	{ "search bad/one good.example\noptions $(x) rotate\n", false, NONE "search good.example\noptions rotate\n" },
	{ NULL, false, NONE },
	{ "", false, NONE },
	{ "nameserver", false, NONE },
};

static void what_the_host_asks_is_asked(void **state)
{
	struct unit *unit = *state;
	const struct names_plan plan = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(resolvs); i++) {
		const struct names_resolv setting = { .host = resolvs[i].host, .internal = resolvs[i].internal };
		assert_string_equal(names_resolv_text(&plan, &setting, &unit->arena), resolvs[i].text);
	}
	assert_true(names_resolv_is_local("nameserver 127.0.0.53\n"));
	assert_false(names_resolv_is_local("nameserver 127.0.0.53\nnameserver 192.0.2.1\n"));
	assert_false(names_resolv_is_local("search a\n"));
}

static void the_container_wins_over_its_network_and_that_over_the_host(void **state)
{
	struct unit *unit = *state;
	const char *servers[] = { "10.1.0.53" };
	const struct names_resolv setting = {
		.host = "nameserver 192.0.2.1\nsearch a.example\n",
		.servers = { servers, 1 },
		.internal = true,
	};
	struct names_plan plan = { 0 };

	assert_string_equal(names_resolv_text(&plan, &setting, &unit->arena), MADE "nameserver 10.1.0.53\n");
	plan = plan_of(unit, NAMES_DNS, "192.0.2.7");
	assert_string_equal(names_resolv_text(&plan, &setting, &unit->arena), MADE "nameserver 192.0.2.7\n");
	plan = plan_of(unit, NAMES_DNS_SEARCH, ".");
	assert_string_equal(names_resolv_text(&plan, &(struct names_resolv){ .host = setting.host }, &unit->arena),
		MADE "nameserver 192.0.2.1\n");
}

/* ---- pasta's options ---- */

static const struct {
	const char *text, *options; /* joined by blanks; or the fault */
} options[] = {
	{ "", "" },
	{ "--mtu,1500,-4", "--mtu 1500 -4" },
	{ "--mtu=1500,-I,tap0", "--mtu 1500 -I tap0" },
	{ "-t,8080:80,--tcp-ns,none", "-t 8080:80 --tcp-ns none" },
	{ "--map-gw", "--map-gw" },
	{ "--mtu", "p: --mtu needs a value" },
	{ "--mtu,", "p: --mtu needs a value" },
	{ "--mtu,--no-tcp", "p: --mtu needs a value" },
	{ "--no-tcp=1", "p: --no-tcp has no value" },
	{ "--no-tcp=--pid", "p: --no-tcp has no value" },
	{ "--mtu=--pid", "p: --mtu needs a value" },
	{ "-t,a b", "p: -t needs a value" },
	{ "--pid,/x", "p: \"--pid\" is no option of pasta's that can be given here" },
	{ "--userns=/x", "p: \"--userns\" is no option of pasta's that can be given here" },
	{ "/bin/sh", "p: \"/bin/sh\" is no option of pasta's that can be given here" },
};

static void options_of_pasta_are_a_list_of_their_own(void **state)
{
	struct unit *unit = *state;
	struct pasta_plan plan;
	char buf[256];
	struct text text;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		bool good;
		pasta_plan(options[i].text, "p", &unit->arena, &plan, &unit->faults);
		good = unit->faults.count == 0;
		text_init(&text, buf, sizeof(buf));
		for (size_t k = 0; k < plan.options.count; k++)
			text_add(&text, "%s%s", k ? " " : "", plan.options.items[k]);
		assert_string_equal(good ? buf : unit_faults(unit), options[i].options);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(words_are_told_apart),
		UNIT_TEST(a_label_has_at_most_63_bytes),
		UNIT_TEST(what_annotations_say_is_checked),
		UNIT_TEST(the_own_part_of_hosts),
		UNIT_TEST(a_hostname_that_is_no_name_becomes_no_line),
		UNIT_TEST(only_what_differs_is_written),
		UNIT_TEST(sections_are_replaced_one_by_one),
		UNIT_TEST(members_are_told_of_each_other),
		UNIT_TEST(what_the_host_asks_is_asked),
		UNIT_TEST(the_container_wins_over_its_network_and_that_over_the_host),
		UNIT_TEST(options_of_pasta_are_a_list_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
