/* netns/counters.c: what went through the links of a process's network. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "netns/netns.h"

enum { TABLE_MAX = 32768 };

/* "  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 ..." [proc_pid_net(5)] */
static bool read_line(const char *line, struct net_counters *ret)
{
	unsigned long long rx[4], tx[4];

	/* NOLINTNEXTLINE(cert-err34-c): of the kernel's own */
	if (sscanf(line, " %31[^:]: %llu %llu %llu %llu %*u %*u %*u %*u %llu %llu %llu %llu", ret->name, &rx[0], &rx[1],
		    &rx[2], &rx[3], &tx[0], &tx[1], &tx[2], &tx[3]) != 9)
		return false;
	for (int i = 0; i < 4; i++) {
		ret->rx[i] = rx[i];
		ret->tx[i] = tx[i];
	}
	return true;
}

size_t net_counters_read(pid_t pid, struct net_counters *ret, size_t size)
{
	char path[64], buf[TABLE_MAX];
	size_t count = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/net/dev", pid);
	if (file_read_small_at(AT_FDCWD, path, buf, sizeof(buf)) <= 0)
		return 0;
	for (const char *line = buf; *line && count < size; line += strcspn(line, "\n"), line += *line == '\n')
		count += read_line(line, &ret[count]);
	return count;
}
