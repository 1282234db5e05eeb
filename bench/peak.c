/* bench/peak.c: runs a command and prints the largest memory, in KiB, that it or a child of its had resident.
 *
 *	peak COMMAND... */
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

int main(int argc, char **argv, char **envp)
{
	struct rusage usage;
	int status;
	pid_t pid;

	if (argc < 2 || posix_spawnp(&pid, argv[1], NULL, NULL, argv + 1, envp) != 0 ||
		wait4(pid, &status, 0, &usage) < 0)
		return 127;
	(void)printf("%ld\n", usage.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
