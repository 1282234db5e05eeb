/* runtime/listener.c: see the header. */
#include "runtime/listener.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/step.h"
#include "runtime/seccomp.h"
#include "runtime/sockets.h"
#include "spec/spec.h"

enum { NOT_YET = -1, PATIENCE_S = 10, PAUSE_NS = 20000 };

struct page {
	atomic_int listener; /* NOT_YET; then a number in the process's table, or a negative errno below NOT_YET */
	atomic_int passed;   /* 1: the agent has it */
};

static struct page *map_page(int fd)
{
	void *page = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return page == MAP_FAILED ? NULL : page;
}

/* ---- the child ---- */

/* By the clock of the vDSO, which is no system call [vdso(7)]. */
static bool wait_for_agent(struct page *page)
{
	struct timespec start, now;

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		if (atomic_load(&page->passed))
			return true;
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < PATIENCE_S);
	return false;
}

int listener_install(const struct seccomp_program *program, const struct walk *walk)
{
	cleanup_close int fd = memfd_create("listener", MFD_CLOEXEC);
	struct page *page;
	int r;

	if (fd < 0 || ftruncate(fd, sizeof(struct page)) < 0)
		return -errno;
	/* So that the parent may take a descriptor from us; no other is open by now. */
	if (prctl(PR_SET_DUMPABLE, 1) < 0)
		return -errno;
	page = map_page(fd);
	if (!page)
		return -errno;
	atomic_store(&page->listener, NOT_YET);
	r = fd_send(walk->sock, &(uint32_t){ WALK_LISTENER }, sizeof(uint32_t), fd);
	fd_closep(&fd); /* while we still can */
	if (r < 0)
		return r;
	r = seccomp_install(program);
	if (r < 0) {
		atomic_store(&page->listener, r - 1);
		return r;
	}
	atomic_store(&page->listener, r);
	return wait_for_agent(page) ? 0 : -ETIMEDOUT;
}

/* ---- the parent ---- */

/* [config-linux.md, The Container Process State] */
static int send_state(
	const struct spec *spec, const struct spec_state *state, pid_t pid, int agent, int listener, struct error *err)
{
	struct json_writer w;
	const char *text;
	int r;

	json_write_init(&w);
	json_object(&w, NULL);
	json_string(&w, "ociVersion", SPEC_VERSION);
	json_array(&w, "fds");
	json_string(&w, NULL, "seccompFd");
	json_array_end(&w);
	json_int(&w, "pid", pid);
	if (spec->linux_.seccomp.listener_metadata)
		json_string(&w, "metadata", spec->linux_.seccomp.listener_metadata);
	spec_state_write(state, &w, "state");
	json_object_end(&w);
	text = json_write_end(&w, NULL);
	r = text ? socket_hand_over(agent, text, listener, err) : error_sys(err, ENOMEM, "write the state");
	json_write_done(&w);
	return r;
}

static int take_listener(struct page *page, int pidfd, struct error *err)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int number, fd;

	while ((number = atomic_load(&page->listener)) == NOT_YET) {
		if (poll(&end, 1, 0) > 0)
			return error_bad(err, ESRCH, "the process ended while it installed its filter");
		(void)nanosleep(&pause, NULL);
	}
	if (number < 0)
		return error_sys(err, number + 1, "install the seccomp filter");
	fd = pidfd_getfd(pidfd, number, 0);
	return fd < 0 ? error_sys(err, errno, "take the seccomp listener of the process") : fd;
}

int listener_pass(
	const struct spec *spec, const struct spec_state *state, int pidfd, pid_t pid, int page_fd, struct error *err)
{
	cleanup_close int agent = socket_connect(spec->linux_.seccomp.listener_path, err);
	struct page *page = agent < 0 ? NULL : map_page(page_fd);
	cleanup_close int listener = -1;
	int r;

	if (agent < 0)
		return error_at(err, "linux.seccomp.listenerPath");
	if (!page)
		return error_sys(err, errno, "map a page to share with the process");
	listener = take_listener(page, pidfd, err);
	r = listener < 0 ? listener : send_state(spec, state, pid, agent, listener, err);
	if (r == 0)
		atomic_store(&page->passed, 1);
	(void)munmap(page, sizeof(*page));
	return r < 0 ? error_at(err, "linux.seccomp") : 0;
}
