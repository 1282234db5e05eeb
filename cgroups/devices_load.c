/* cgroups/devices_load.c: the device program, into the kernel and onto the cgroup [bpf(2)]. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "cgroups/cgroups_internal.h"

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

static int load(const struct cgroup_plan *plan)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = (uintptr_t)plan->device_program,
		.insn_cnt = (uint32_t)plan->device_insn_count,
		.license = (uintptr_t) "Apache-2.0",
		.prog_name = "husk_devices",
	};
	int fd = -EAGAIN;

	/* The verifier gives up with EAGAIN when a signal is pending. */
	for (int attempt = 0; fd == -EAGAIN && attempt < 5; attempt++)
		fd = bpf(BPF_PROG_LOAD, &attr);
	return fd;
}

static int attach(const struct cgroup *cgroup, int program)
{
	/* bpf(2) takes no O_PATH */
	cleanup_close int dir = openat(cgroup->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	union bpf_attr attr = {
		.target_fd = (uint32_t)dir,
		.attach_bpf_fd = (uint32_t)program,
		.attach_type = BPF_CGROUP_DEVICE,
		.attach_flags = BPF_F_ALLOW_MULTI, /* beside what the host has above; a device must pass all */
	};

	return dir < 0 ? -errno : bpf(BPF_PROG_ATTACH, &attr);
}

int cgroup_attach_devices(const struct cgroup *cgroup, const struct cgroup_plan *plan, struct error *err)
{
	cleanup_close int program = -1;
	int r;

	if (!plan->device_program)
		return 0;
	program = load(plan);
	r = program < 0 ? program : attach(cgroup, program);
	if (r >= 0 || ((r == -EPERM || r == -EACCES || r == -ENOSYS) && !plan->device_program_must))
		return 0;
	(void)error_sys(err, r, "%s the program for the device rules", program < 0 ? "load" : "attach");
	if (r == -EPERM)
		(void)error_hint(err, "this needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN");
	return error_at(err, "linux.resources.devices");
}
