/* How a process is told from a later one with its number, and how it ended. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "runtime/mark.h"

/* A child that ends by exit(3), or by the signal; its name is meant to confuse. */
static pid_t child(int signal)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_NAME, "a) Z 1 (");
	if (signal)
		(void)raise(signal);
	_exit(3);
}

static void await_end(pid_t pid)
{
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

/* As on kernels where a pidfd has no inode of its own. */
static struct mark mark_by_time(pid_t pid)
{
	struct mark mark = { .pid = pid };
	char path[64], stat[1024], *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	assert_true(file_read_small_at(AT_FDCWD, path, stat, sizeof(stat)) > 0);
	at = strrchr(stat, ')') + 1;
	for (int field = 3; field <= 22; field++)
		at = strchr(at, ' ') + 1;
	mark.number = strtoull(at, NULL, 10);
	return mark;
}

static void an_end_is_known_until_it_is_reaped(void **state)
{
	static const struct {
		int signal, status;
	} cases[] = { { 0, 3 << 8 }, { SIGKILL, SIGKILL } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		pid_t pid = child(cases[i].signal);
		cleanup_close int pidfd = pidfd_open(pid, 0);
		struct mark mark, by_time;
		int status = -1;
		await_end(pid);
		assert_int_equal(mark_of(pid, pidfd, &mark), 0);
		by_time = mark_by_time(pid);
		assert_true(mark_read_end(&mark, &status));
		assert_int_equal(status, cases[i].status);
		status = -1;
		assert_true(mark_read_end(&by_time, &status));
		assert_int_equal(status, cases[i].status);
		assert_true(mark_open(&mark) < 0);
		by_time.number++;
		assert_false(mark_read_end(&by_time, &status));
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_false(mark_read_end(&mark, &status));
	}
}

static void one_that_lives_has_no_end(void **state)
{
	struct mark mark, by_time = mark_by_time(getpid());
	cleanup_close int pidfd = pidfd_open(getpid(), 0), again = -1, third = -1;
	int status;

	(void)state;
	assert_int_equal(mark_of(getpid(), pidfd, &mark), 0);
	assert_false(mark_read_end(&mark, &status));
	again = mark_open(&mark);
	assert_true(again >= 0);
	third = mark_open(&by_time);
	assert_true(third >= 0);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(an_end_is_known_until_it_is_reaped),
	UNIT_TEST(one_that_lives_has_no_end),
};

UNIT_MAIN(tests)
