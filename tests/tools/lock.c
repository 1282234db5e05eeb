/* tests/tools/lock.c: takes the lock of a file, at once or not at all, and becomes a command that keeps it. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd;

	if (argc < 3) {
		(void)fprintf(stderr, "usage: lock FILE COMMAND...\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR | O_CREAT, 0600); /* not close-on-exec: the command has it */
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return 1;
	(void)execvp(argv[2], argv + 2);
	return 127;
}
