/* tests/tools/call.c: makes system calls by their numbers, with zeroes, and prints the errno of each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		errno = 0;
		(void)syscall(strtol(argv[i], NULL, 10), 0, 0, 0, 0, 0, 0);
		(void)printf("%d%s", errno, i + 1 < argc ? " " : "\n");
	}
	return 0;
}
