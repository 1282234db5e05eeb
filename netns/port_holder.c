/* netns/port_holder.c: see the header.
 *
 * The kernel lists sockets by port in /proc/net, each with the inode of its file; whoever has that file open is the
 * holder. Only an error looks for one, so the way may be long. */
#include "netns/port_holder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"

/* ---- is it free ---- */

static socklen_t address_of(int family, const struct ip *ip, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *v6 = (void *)ret;
	struct sockaddr_in *v4 = (void *)ret;

	*ret = (struct sockaddr_storage){ .ss_family = (sa_family_t)family };
	if (family == AF_INET) {
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, ip->bytes, ip->len);
		return sizeof(*v4);
	}
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, ip->bytes, ip->len);
	return sizeof(*v6);
}

int port_try(int family, const struct ip *ip, uint8_t protocol, uint16_t port, uint16_t *ret_port)
{
	cleanup_close int sock =
		socket(family, (protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, protocol);
	struct sockaddr_storage address;
	socklen_t len = address_of(family, ip, port, &address);
	const int on = 1;

	*ret_port = port;
	if (sock < 0)
		return 0;
	if (family == AF_INET6)
		(void)setsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	/* Connections that are over do not matter, only who listens; datagrams have no such difference. */
	if (protocol != IPPROTO_UDP)
		(void)setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(sock, (struct sockaddr *)&address, len) < 0)
		return errno == EADDRINUSE || (errno == EADDRNOTAVAIL && ip->len) ? -errno : 0;
	if (getsockname(sock, (struct sockaddr *)&address, &len) == 0) /* the port is at one place in both */
		*ret_port = ntohs(((struct sockaddr_in *)(void *)&address)->sin_port);
	return 0;
}

/* ---- who has it ---- */

enum { FIELD_LOCAL = 1, FIELD_INODE = 9 }; /* of a line of /proc/net/tcp and its like, counted from 0 */

static size_t nth_field(const char *line, unsigned n, const char **ret)
{
	const char *at = line + strspn(line, " ");

	while (n-- > 0) {
		at += strcspn(at, " \n");
		at += strspn(at, " ");
	}
	*ret = at;
	return strcspn(at, " \n");
}

/* The local address ends in a colon and the port, in hexadecimal. */
static uint64_t inode_of_line(const char *line, uint16_t port)
{
	const char *local, *inode;
	size_t len = nth_field(line, FIELD_LOCAL, &local), inode_len = nth_field(line, FIELD_INODE, &inode);
	const char *colon = memchr(local, ':', len);
	char digits[24];
	uint64_t number;

	if (!colon || strtoul(colon + 1, NULL, 16) != port || inode_len >= sizeof(digits))
		return 0;
	memcpy(digits, inode, inode_len);
	digits[inode_len] = '\0';
	return text_to_u64(digits, 0, UINT64_MAX, &number) == 0 ? number : 0;
}

static uint64_t inode_in(const char *path, uint16_t port)
{
	uint64_t inode = 0;
	char line[512];
	FILE *file = fopen(path, "re");

	while (file && inode == 0 && fgets(line, sizeof(line), file))
		inode = inode_of_line(line, port);
	if (file)
		(void)fclose(file);
	return inode;
}

static uint64_t inode_of_port(uint8_t protocol, uint16_t port)
{
	static const struct {
		uint8_t protocol;
		const char *path;
	} tables[] = {
		{ IPPROTO_TCP, "/proc/self/net/tcp" },
		{ IPPROTO_TCP, "/proc/self/net/tcp6" },
		{ IPPROTO_UDP, "/proc/self/net/udp" },
		{ IPPROTO_UDP, "/proc/self/net/udp6" },
	};
	uint64_t inode = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tables) && inode == 0; i++)
		if (tables[i].protocol == protocol)
			inode = inode_in(tables[i].path, port);
	return inode;
}

/* A socket's file has the socket's inode. */
static bool has_open(int proc, const char *pid, uint64_t inode)
{
	cleanup_close int process = openat(proc, pid, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fds = process < 0 ? -1 : openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fds < 0 ? NULL : fdopendir(fds);
	bool found = false;
	struct stat st;

	if (!dir) {
		if (fds >= 0)
			(void)close(fds);
		return false;
	}
	for (struct dirent *entry = readdir(dir); entry && !found; entry = readdir(dir))
		found = *entry->d_name != '.' && fstatat(fds, entry->d_name, &st, 0) == 0 && S_ISSOCK(st.st_mode) &&
			st.st_ino == inode;
	(void)closedir(dir);
	return found;
}

static void name_process(int proc, const char *pid, char buf[PORT_HOLDER])
{
	cleanup_close int process = openat(proc, pid, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[32];
	struct text text;

	text_init(&text, buf, PORT_HOLDER);
	if (process >= 0 && file_read_small_at(process, "comm", name, sizeof(name)) > 0)
		text_add(&text, "%s (pid %s)", name, pid);
}

const char *port_holder(uint8_t protocol, uint16_t port, char buf[PORT_HOLDER])
{
	uint64_t inode = inode_of_port(protocol, port);
	DIR *dir = inode ? opendir("/proc") : NULL;
	bool found = false;

	*buf = '\0';
	if (!dir)
		return buf;
	for (struct dirent *entry = readdir(dir); entry && !found; entry = readdir(dir)) {
		uint64_t pid;
		found = text_to_u64(entry->d_name, 1, INT32_MAX, &pid) == 0 &&
			has_open(dirfd(dir), entry->d_name, inode);
		if (found)
			name_process(dirfd(dir), entry->d_name, buf);
	}
	(void)closedir(dir);
	return buf;
}
