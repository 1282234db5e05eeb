/* netns/pasta.c: see the header.
 *
 * pasta is told the namespaces by descriptors, its standard input and output, since the container's first process soon
 * cannot be looked into. It opens the network namespace by a path; that is a link in the state directory to its own
 * standard input, and pasta, which takes the link for a name of the namespace, ends when the link goes. So a container
 * that is deleted leaves no pasta behind, also where its husk was killed before it had written down the pid. */
#include "netns/pasta.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json_write.h"
#include "base/path.h"
#include "base/program.h"
#include "base/text.h"
#include "netns/ports.h"

enum { COMPLAINT_MAX = 16384, VALUE_MAX = 128, EPHEMERAL_FIRST = 49152, EPHEMERAL_COUNT = 16384 }; /* RFC 6335 */

#define FORWARD_DNS "--dns-forward"

/* What may follow "pasta:". Not here: what writes files, changes users or leads to another namespace. */
static const struct {
	const char *name;
	bool has_value;
} options[] = {
	{ "-4", false },
	{ "--ipv4-only", false },
	{ "-6", false },
	{ "--ipv6-only", false },
	{ "-a", true },
	{ "--address", true },
	{ "-n", true },
	{ "--netmask", true },
	{ "-g", true },
	{ "--gateway", true },
	{ "-M", true },
	{ "--mac-addr", true },
	{ "--ns-mac-addr", true },
	{ "-I", true },
	{ "--ns-ifname", true },
	{ "-i", true },
	{ "--interface", true },
	{ "-o", true },
	{ "--outbound", true },
	{ "--outbound-if4", true },
	{ "--outbound-if6", true },
	{ "-m", true },
	{ "--mtu", true },
	{ "-t", true },
	{ "--tcp-ports", true },
	{ "-u", true },
	{ "--udp-ports", true },
	{ "-T", true },
	{ "--tcp-ns", true },
	{ "-U", true },
	{ "--udp-ns", true },
	{ FORWARD_DNS, true },
	{ "--no-tcp", false },
	{ "--no-udp", false },
	{ "--no-icmp", false },
	{ "--no-dhcp", false },
	{ "--no-dhcpv6", false },
	{ "--no-ndp", false },
	{ "--no-ra", false },
};

/* Of pasta's own, which finds and forwards the ports of others in both directions, or answers for the host's loopback at
 * the gateway's address, nothing is on unless it is asked for. */
static const struct {
	const char *name, *also; /* the two spellings of an option */
} ports_off[] = {
	{ "-t", "--tcp-ports" },
	{ "-u", "--udp-ports" },
	{ "-T", "--tcp-ns" },
	{ "-U", "--udp-ns" },
};

#define MAP_GATEWAY "--map-gw" /* as podman has it: leaves "--no-map-gw" out */

/* ---- the plan ---- */

static void add(struct pasta_plan *plan, const char *word, struct arena *arena)
{
	const char **items = ARENA_ARRAY(arena, plan->options.count + 1, const char *);

	if (plan->options.count)
		memcpy(items, plan->options.items, plan->options.count * sizeof(*items));
	items[plan->options.count++] = word;
	plan->options.items = items;
}

static bool gives(const struct pasta_plan *plan, const char *word)
{
	for (size_t i = 0; i < plan->options.count; i++)
		if (strcmp(plan->options.items[i], word) == 0)
			return true;
	return false;
}

/* "8080:80", "192.0.2.1%eth0/80", "fe80::1", "~3000-3010" */
static bool is_value(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/%~_-";
	size_t len = text ? strlen(text) : 0;

	return len > 0 && len <= VALUE_MAX && *text != '-' && text[strspn(text, allowed)] == '\0';
}

/* The next of "a,b,c"; NULL at the end. */
static const char *next_word(const char **at, struct arena *arena)
{
	size_t len = strcspn(*at, ",");
	const char *word = len ? arena_copy(arena, *at, len) : NULL;

	*at += len + ((*at)[len] == ',');
	return word;
}

static int find_option(const char *word, size_t *ret_index)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (strcmp(options[i].name, word) == 0) {
			*ret_index = i;
			return 1;
		}
	return 0;
}

/* False, and a fault, where it is no option that may stand there. */
static bool read_option(const char *word, const char **at, const char *where, struct arena *arena,
	struct pasta_plan *plan, struct faults *faults)
{
	size_t equals = strcspn(word, "="), index = 0;
	const char *name = arena_copy(arena, word, equals), *value = word[equals] ? word + equals + 1 : NULL;

	if (strcmp(word, MAP_GATEWAY) == 0) {
		add(plan, word, arena);
		return true;
	}
	if (!find_option(name, &index)) {
		faults_add(faults, where, "\"%s\" is no option of pasta's that can be given here", name);
		return false;
	}
	if (options[index].has_value && !value)
		value = next_word(at, arena);
	if (options[index].has_value ? !is_value(value) : value != NULL) {
		faults_add(faults, where, options[index].has_value ? "%s needs a value" : "%s has no value", name);
		return false;
	}
	add(plan, name, arena);
	if (value)
		add(plan, value, arena);
	return true;
}

void pasta_plan(
	const char *text, const char *where, struct arena *arena, struct pasta_plan *ret_plan, struct faults *faults)
{
	*ret_plan = (struct pasta_plan){ 0 };
	while (*text) {
		const char *word = next_word(&text, arena);
		if (word && !read_option(word, &text, where, arena, ret_plan, faults))
			return;
	}
}

void pasta_plan_ports(
	const char *texts, const char *where, struct arena *arena, struct pasta_plan *plan, struct faults *faults)
{
	plan->port_count = ports_parse(texts, where, arena, &plan->ports, faults);
	for (size_t i = 0; i < plan->port_count; i++)
		if (plan->ports[i].protocol == IPPROTO_SCTP)
			faults_add(faults, where, "pasta forwards ports of tcp and udp only");
}

/* ---- for a reader ---- */

void pasta_plan_say(const struct pasta_plan *plan, struct text *text)
{
	char port[PORT_TEXT];

	text_add(text, "  start pasta");
	for (size_t i = 0; i < plan->options.count; i++)
		text_add(text, " %s", plan->options.items[i]);
	for (size_t i = 0; i < plan->port_count; i++)
		text_add(text, "%s %s", i ? "," : ", publish", port_text(&plan->ports[i], port));
	text_add(text, "\n");
}

void pasta_plan_write(const struct pasta_plan *plan, struct json_writer *w)
{
	char port[PORT_TEXT];

	json_object(w, "pasta");
	json_array(w, "options");
	for (size_t i = 0; i < plan->options.count; i++)
		json_string(w, NULL, plan->options.items[i]);
	json_array_end(w);
	json_array(w, "ports");
	for (size_t i = 0; i < plan->port_count; i++)
		json_string(w, NULL, port_text(&plan->ports[i], port));
	json_array_end(w);
	json_object_end(w);
}

/* ---- ports ---- */

/* Whether it is free now: it may be taken until pasta binds it, which is an error then. */
static bool is_free(const struct published *port, uint16_t number)
{
	cleanup_close int sock = socket(port->host_ip.len == 16 ? AF_INET6 : AF_INET,
		(port->protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(number) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(number) };

	if (port->host_ip.len == 16) {
		memcpy(&v6.sin6_addr, port->host_ip.bytes, sizeof(v6.sin6_addr));
		return sock >= 0 && bind(sock, (const struct sockaddr *)&v6, sizeof(v6)) == 0;
	}
	if (port->host_ip.len == 4)
		memcpy(&v4.sin_addr, port->host_ip.bytes, sizeof(v4.sin_addr));
	return sock >= 0 && bind(sock, (const struct sockaddr *)&v4, sizeof(v4)) == 0;
}

static int choose(struct published *port, struct error *err)
{
	uint16_t first = port->host_port ? port->host_port : EPHEMERAL_FIRST;
	unsigned choices = port->host_port ? port->host_choices : EPHEMERAL_COUNT;

	if (port->host_port && choices <= 1)
		return 0;
	for (unsigned i = 0; i < choices; i++)
		if (is_free(port, (uint16_t)(first + i))) {
			port->host_port = (uint16_t)(first + i);
			return 0;
		}
	return error_bad(err, EADDRINUSE, "none of the ports %u to %u is free", first, first + choices - 1);
}

/* "-t 192.0.2.1/8080-8081:80-81" */
static void add_port(struct pasta_plan *to, const struct published *port, struct arena *arena)
{
	unsigned more = port->count ? port->count - 1U : 0;
	char ip[IP_TEXT];

	add(to, port->protocol == IPPROTO_UDP ? "-u" : "-t", arena);
	add(to,
		arena_printf(arena, "%s%s%u-%u:%u-%u", port->host_ip.len ? ip_text(&port->host_ip, ip) : "",
			port->host_ip.len ? "/" : "", port->host_port, port->host_port + more, port->container_port,
			port->container_port + more),
		arena);
}

/* ---- the program ---- */

/* The last line that says something of the network. */
static const char *reason(char *complaint)
{
	static const char noise[] = "Failed to send "; /* "... 46 bytes to syslog" */
	const char *last = "it did not say why";
	char *save = NULL;

	for (const char *line = strtok_r(complaint, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!text_starts_with(line, noise))
			last = line;
	return last;
}

static const struct {
	const char *words, *hint;
} hints[] = {
	{ "tun", "it needs /dev/net/tun, readable and writable for its user, and the module tun" },
	{ "bind", "the port is in use, or below net.ipv4.ip_unprivileged_port_start" },
	{ "xternal", "it takes address and routes from the host's default route, and there is none" },
};

static int explain(char *complaint, struct error *err)
{
	const char *why = reason(complaint);

	(void)error_bad(err, EIO, "pasta: %s", why);
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++)
		if (strstr(why, hints[i].words))
			return error_hint(err, "%s", hints[i].hint);
	return err->code;
}

/* NULL-terminated. */
static char **command(
	const struct pasta_plan *plan, const struct pasta_place *place, const char *state, struct arena *arena)
{
	const char *const always[] = {
		"--quiet",
		"--config-net",
		"--netns",
		arena_printf(arena, "%s/" PASTA_LINK, state),
		"--pid",
		arena_printf(arena, "%s/" PASTA_PID_FILE, state),
	};
	const char *const as_root[] = { "--netns-only", "--runas", "0" };
	const char *const as_user[] = { "--userns", "/proc/self/fd/1" };
	struct pasta_plan all = { 0 }, ports = { 0 };

	for (size_t i = 0; i < plan->port_count; i++)
		add_port(&ports, &plan->ports[i], arena);
	add(&all, "pasta", arena);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		add(&all, always[i], arena);
	for (size_t i = 0; place->userns < 0 && i < ARRAY_SIZE(as_root); i++)
		add(&all, as_root[i], arena);
	for (size_t i = 0; place->userns >= 0 && i < ARRAY_SIZE(as_user); i++)
		add(&all, as_user[i], arena);
	for (size_t i = 0; i < ARRAY_SIZE(ports_off); i++)
		if (!gives(plan, ports_off[i].name) && !gives(plan, ports_off[i].also) &&
			!gives(&ports, ports_off[i].name)) {
			add(&all, ports_off[i].name, arena);
			add(&all, "none", arena);
		}
	for (size_t i = 0; i < ports.options.count; i++)
		add(&all, ports.options.items[i], arena);
	if (!gives(plan, FORWARD_DNS)) {
		add(&all, FORWARD_DNS, arena);
		add(&all, PASTA_DNS, arena);
	}
	if (!gives(plan, MAP_GATEWAY))
		add(&all, "--no-map-gw", arena);
	for (size_t i = 0; i < plan->options.count; i++)
		if (strcmp(plan->options.items[i], MAP_GATEWAY) != 0)
			add(&all, plan->options.items[i], arena);
	add(&all, NULL, arena);
	return (char **)all.options.items;
}

static int read_pid(int dir, pid_t *ret_pid, struct error *err)
{
	uint64_t pid = 0;
	char text[32];
	ssize_t n = file_read_small_at(dir, PASTA_PID_FILE, text, sizeof(text));

	if (n < 0 || text_to_u64(text, 1, INT_MAX, &pid) < 0)
		return error_bad(err, EIO, "pasta did not say which process it is");
	*ret_pid = (pid_t)pid;
	return 0;
}

int pasta_start(const struct pasta_plan *plan, const struct pasta_place *place, struct arena *arena, pid_t *ret_pid,
	struct error *err)
{
	char state[PATH_MAX];
	char *complaint = NULL;
	int status = 0, r = path_of_fd(place->dir, state, sizeof(state));

	if (r < 0)
		return error_sys(err, r, "find the path of the container's state");
	for (size_t i = 0; i < plan->port_count; i++)
		if ((r = choose(&plan->ports[i], err)) < 0)
			return r;
	if (symlinkat("/proc/self/fd/0", place->dir, PASTA_LINK) < 0)
		return error_sys(err, errno, "make " PASTA_LINK " in the container's state");
	r = program_complain(command(plan, place, state, arena), place->netns, place->userns, COMPLAINT_MAX, arena,
		&complaint, &status, err);
	if (r == -ENOENT)
		return error_hint(err, "it is in Debian's package passt");
	if (r == 0 && status != 0)
		return explain(complaint, err);
	return r < 0 ? r : read_pid(place->dir, ret_pid, err);
}

void pasta_end(int dir)
{
	(void)unlinkat(dir, PASTA_LINK, 0);
	(void)unlinkat(dir, PASTA_PID_FILE, 0);
}
