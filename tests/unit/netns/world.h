/* tests/unit/netns/world.h: a small world of network namespaces, for tests with real traffic.
 *
 * The test program itself moves into a network namespace of its own, the `host`; further ones are made beside it and
 * reached by setns(2). Servers are children that answer each client with their own name and the client's address.
 * Everything is gone when the program ends: namespaces have no names, servers die with their parent. */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { WORLD_WAIT_MS = 250, WORLD_LONG_MS = 3000 };

static int world_host = -1; /* a descriptor of its namespace, inherited by commands */

static inline void world_enter(int ns)
{
	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
}

/* Runs a command of ip(8), nft(8), tc(8) in a namespace; it must work. */
static inline void world_do(int ns, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline void world_do(int ns, const char *fmt, ...)
{
	char command[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	world_enter(ns);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
	world_enter(world_host);
}

/* What a command prints, up to the buffer's end. */
static inline const char *world_output(int ns, const char *command)
{
	static char output[65536];
	FILE *pipe;
	size_t n;

	world_enter(ns);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	n = fread(output, 1, sizeof(output) - 1, pipe);
	output[n] = '\0';
	(void)pclose(pipe);
	world_enter(world_host);
	return output;
}

/* A namespace with loopback up. Descriptors are inherited on purpose: commands name them by /proc/self/fd. */
static inline int world_ns(void)
{
	int ns;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	ns = open("/proc/self/ns/net", O_RDONLY);
	assert_true(ns >= 0);
	if (world_host < 0)
		world_host = ns;
	world_do(ns, "ip link set lo up");
	return ns;
}

/* ---- servers ---- */

static inline void world_answer(int sock, int type, const char *name)
{
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	char text[128], ip[INET6_ADDRSTRLEN], byte;
	int client = type == SOCK_STREAM ? accept(sock, (struct sockaddr *)&from, &len) : sock;

	if (type == SOCK_DGRAM && recvfrom(sock, &byte, 1, 0, (struct sockaddr *)&from, &len) < 0)
		return;
	if (client < 0)
		return;
	(void)inet_ntop(AF_INET6, &from.sin6_addr, ip, sizeof(ip));
	(void)snprintf(text, sizeof(text), "%s %s", name, strncmp(ip, "::ffff:", 7) == 0 ? ip + 7 : ip);
	(void)sendto(client, text, strlen(text), MSG_NOSIGNAL, type == SOCK_DGRAM ? (struct sockaddr *)&from : NULL,
		type == SOCK_DGRAM ? len : 0);
	if (client != sock)
		(void)close(client);
}

/* For both versions of IP. */
static inline pid_t world_server(int ns, int type, uint16_t port, const char *name)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	const int off = 0, on = 1;
	int sock;
	pid_t pid;

	world_enter(ns);
	sock = socket(AF_INET6, type, 0);
	(void)setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	(void)setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(sock, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_true(type == SOCK_DGRAM || listen(sock, 64) == 0);
	world_enter(world_host);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			world_answer(sock, type, name);
	}
	(void)close(sock);
	return pid;
}

/* ---- clients ---- */

static inline socklen_t world_address(const char *ip, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *v6 = (void *)ret;
	struct sockaddr_in *v4 = (void *)ret;

	*ret = (struct sockaddr_storage){ .ss_family = strchr(ip, ':') ? AF_INET6 : AF_INET };
	if (ret->ss_family == AF_INET) {
		v4->sin_port = htons(port);
		assert_int_equal(inet_pton(AF_INET, ip, &v4->sin_addr), 1);
		return sizeof(*v4);
	}
	v6->sin6_port = htons(port);
	assert_int_equal(inet_pton(AF_INET6, ip, &v6->sin6_addr), 1);
	return sizeof(*v6);
}

static inline const char *world_talk(int sock, int type, const char *ip, uint16_t port, int wait_ms)
{
	static char answer[128];
	struct sockaddr_storage to;
	socklen_t len = world_address(ip, port, &to), size = sizeof(int);
	struct pollfd ready = { .fd = sock, .events = type == SOCK_STREAM ? POLLOUT : 0 };
	int code = 0;
	ssize_t n;

	if (connect(sock, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS)
		return strerrorname_np(errno);
	if (type == SOCK_STREAM && poll(&ready, 1, wait_ms) == 0)
		return "timeout";
	(void)getsockopt(sock, SOL_SOCKET, SO_ERROR, &code, &size);
	if (code)
		return strerrorname_np(code);
	if (type == SOCK_DGRAM)
		(void)send(sock, "?", 1, 0);
	ready.events = POLLIN;
	if (poll(&ready, 1, wait_ms) == 0)
		return "timeout";
	n = recv(sock, answer, sizeof(answer) - 1, 0);
	if (n < 0)
		return strerrorname_np(errno);
	answer[n] = '\0';
	return answer;
}

/* What a server says to a client of namespace `ns`; "timeout", or the name of an errno. `from` is 0, or its own port. */
static inline const char *world_ask_for(int ns, int type, const char *ip, uint16_t port, uint16_t from, int wait_ms)
{
	struct sockaddr_storage own;
	const char *answer;
	int sock;

	world_enter(ns);
	sock = socket(strchr(ip, ':') ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK, 0);
	assert_true(sock >= 0);
	if (from) {
		socklen_t len = world_address(strchr(ip, ':') ? "::" : "0.0.0.0", from, &own);
		assert_int_equal(bind(sock, (struct sockaddr *)&own, len), 0);
	}
	answer = world_talk(sock, type, ip, port, wait_ms);
	(void)close(sock);
	world_enter(world_host);
	return answer;
}

static inline const char *world_ask(int ns, int type, const char *ip, uint16_t port)
{
	return world_ask_for(ns, type, ip, port, 0, WORLD_LONG_MS);
}

/* The same, where no answer is expected. */
#define assert_silence(ns, type, ip, port)                                                                             \
	assert_string_equal(world_ask_for(ns, type, ip, port, 0, WORLD_WAIT_MS), "timeout")
