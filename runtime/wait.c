/* runtime/wait.c: signals out, bytes both ways, the end in. */
#include "runtime/wait.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "runtime/notify.h"
#include "runtime/terminal.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* Not blocked: what the kernel sends for our own faults, and what cannot be. */
static const int own[] = { SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, SIGSYS };
/* Blocked and read, but not passed on: they are about us. */
static const int kept[] = { SIGCHLD, SIGWINCH, SIGURG };

int wait_block(struct error *err)
{
	sigset_t set;
	int fd;

	(void)sigfillset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		(void)sigdelset(&set, own[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return error_sys(err, errno, "block signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? error_sys(err, errno, "make a signalfd") : fd;
}

int wait_interrupted(int signal_fd)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
		int signal = (int)info.ssi_signo;
		if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT)
			return signal;
	}
	return 0;
}

static bool is_kept(int signal)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (kept[i] == signal)
			return true;
	return false;
}

/* SIGTSTP and its kin stop the container's processes, which are not of our session; and us, as a shell expects. */
static void stop_self(int signal)
{
	if (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
		(void)kill(getpid(), SIGSTOP);
}

static void read_signals(int signal_fd, int pidfd, struct relay *relay)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
		int signal = (int)info.ssi_signo;
		if (signal == SIGWINCH && relay)
			relay_resize(relay);
		if (is_kept(signal))
			continue;
		(void)pidfd_send_signal(pidfd, signal, NULL, 0); /* ESRCH: it has just ended, which the poll says */
		stop_self(signal);
	}
}

static int reap(int pidfd, int *ret_status, int *ret_signal, struct error *err)
{
	siginfo_t info = { 0 };

	while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		if (errno != EINTR)
			return error_sys(err, errno, "wait for the container's first process");
	*ret_status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	if (ret_signal)
		*ret_signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	return 0;
}

int wait_for(const struct wait *wait, int *ret_status, struct error *err)
{
	enum { PIDFD, SIGNALS, NOTIFY, RELAY, RELAY_FDS = 4 };
	struct pollfd fds[RELAY + RELAY_FDS];
	bool ready = false;

	for (;;) {
		int relayed = wait->relay ? relay_poll(wait->relay, fds + RELAY) : 0;
		fds[PIDFD] = (struct pollfd){ .fd = wait->pidfd, .events = POLLIN };
		fds[SIGNALS] = (struct pollfd){ .fd = wait->signal_fd, .events = POLLIN };
		fds[NOTIFY] = (struct pollfd){ .fd = wait->notify ? wait->notify->sock : -1, .events = POLLIN };
		if (poll(fds, RELAY + (nfds_t)relayed, -1) < 0 && errno != EINTR)
			return error_sys(err, errno, "poll");
		if (fds[SIGNALS].revents)
			read_signals(wait->signal_fd, wait->pidfd, wait->relay);
		if (fds[NOTIFY].revents)
			notify_pass(wait->notify, &ready);
		if (wait->relay)
			relay_move(wait->relay, fds + RELAY, relayed);
		if (fds[PIDFD].revents)
			return reap(wait->pidfd, ret_status, wait->ret_signal, err);
	}
}
