/* cgroups/host.c: where the host has its cgroup v2 tree. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "cgroups/cgroups_internal.h"

/* The second one is systemd's hybrid layout, where v1 has the controllers [systemd's CGROUP_DELEGATION.md]. */
static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

int cgroup_host_open(struct cgroup_host *ret_host, struct error *err)
{
	ret_host->root = -1;
	ret_host->mount[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		cleanup_close int fd = open(mounts[i], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		struct statfs st;
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
			continue;
		if (fd < 0 || fstatfs(fd, &st) < 0)
			return error_sys(err, errno, "open %s", mounts[i]);
		if (st.f_type != CGROUP2_SUPER_MAGIC)
			continue;
		ret_host->root = fd_take(&fd);
		(void)snprintf(ret_host->mount, sizeof(ret_host->mount), "%s", mounts[i]);
		return 0;
	}
	return 0;
}

void cgroup_host_done(struct cgroup_host *host)
{
	fd_closep(&host->root);
}
