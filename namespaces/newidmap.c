/* namespaces/newidmap.c: id maps by the programs that may write more of them than we may [newuidmap(1), newgidmap(1)].
 *
 * A user without privileges may map no other id than its own. The two programs are setuid, and map what /etc/subuid and
 * /etc/subgid give to the user. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "namespaces/namespaces_internal.h"
#include "spec/spec.h"

enum { NUMBERS_MAX = 3 * SPEC_MAX_ID_MAPPINGS, MAP_TEXT_MAX = NUMBERS_MAX * 11 + 1, COMPLAINT_MAX = 256 };

/* "PROGRAM PID 0 1000 1 1 100000 65536": the numbers of the map, split in place. */
static void split_map(char *map, char **argv, size_t size)
{
	size_t count = 2;
	char *save = NULL;

	for (char *word = strtok_r(map, " \n", &save); word && count + 1 < size; word = strtok_r(NULL, " \n", &save))
		argv[count++] = word;
	argv[count] = NULL;
}

/* Waits for its end; what it wrote is in `complaint`, on one line. */
static int finish(pid_t pid, int out, char *complaint)
{
	size_t len = 0;
	ssize_t n;
	int status = 0;

	while (len + 1 < COMPLAINT_MAX && (n = read(out, complaint + len, COMPLAINT_MAX - 1 - len)) > 0)
		len += (size_t)n;
	complaint[len] = '\0';
	complaint[strcspn(complaint, "\n")] = '\0';
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status == 0 ? 0 : -EPERM;
}

int new_id_map(const char *program, const char *file, const char *map, pid_t pid, struct error *err)
{
	char numbers[MAP_TEXT_MAX], number[16], complaint[COMPLAINT_MAX], *argv[NUMBERS_MAX + 3];
	posix_spawn_file_actions_t actions;
	pid_t helper;
	int pipes[2], r;

	(void)snprintf(numbers, sizeof(numbers), "%s", map);
	(void)snprintf(number, sizeof(number), "%d", pid);
	argv[0] = (char *)program;
	argv[1] = number;
	split_map(numbers, argv, ARRAY_SIZE(argv));
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return error_sys(err, errno, "make a pipe");
	cleanup_close int in = pipes[0], out = pipes[1];
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	r = posix_spawnp(&helper, program, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r > 0) {
		(void)error_sys(err, r, "run %s", program);
		return error_hint(err, "install uidmap; without it a user can map no other id than its own");
	}
	fd_closep(&out);
	r = finish(helper, in, complaint);
	if (r == 0)
		return 0;
	(void)error_bad(err, EPERM, "%s: %s", program, *complaint ? complaint : "it failed without a word");
	return error_hint(err, "%s says which ids a user may map", file);
}
