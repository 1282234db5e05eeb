/* namespaces/newidmap.c: id maps by the programs that may write more of them than we may [newuidmap(1), newgidmap(1)].
 *
 * A user without privileges may map no other id than its own. The two programs are setuid, and map what /etc/subuid and
 * /etc/subgid give to the user. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/program.h"
#include "base/text.h"
#include "namespaces/namespaces_internal.h"
#include "spec/spec.h"

enum { NUMBERS_MAX = 3 * SPEC_MAX_ID_MAPPINGS, MAP_TEXT_MAX = NUMBERS_MAX * 11 + 1, COMPLAINT_MAX = 4096 };

/* "PROGRAM PID 0 1000 1 1 100000 65536": the numbers of the map, split in place. */
static void split_map(char *map, char **argv, size_t size)
{
	size_t count = 2;
	char *save = NULL;

	for (char *word = strtok_r(map, " \n", &save); word && count + 1 < size; word = strtok_r(NULL, " \n", &save))
		argv[count++] = word;
	argv[count] = NULL;
}

int new_id_map(const char *program, const char *file, const char *map, pid_t pid, struct error *err)
{
	char numbers[MAP_TEXT_MAX], number[21], *argv[NUMBERS_MAX + 3], *complaint = numbers;
	struct arena arena;
	int status = 0, r;

	(void)snprintf(numbers, sizeof(numbers), "%s", map);
	(void)text_put_u64(number, (uint64_t)pid);
	argv[0] = (char *)program;
	argv[1] = number;
	split_map(numbers, argv, ARRAY_SIZE(argv));
	arena_init(&arena);
	r = program_run(argv, STDERR_FILENO, COMPLAINT_MAX, &arena, &complaint, &status, err);
	if (r == -ENOENT)
		(void)error_hint(err, "install uidmap; without it a user can map no other id than its own");
	if (r == 0 && status != 0) {
		complaint[strcspn(complaint, "\n")] = '\0';
		r = error_bad(err, EPERM, "%s", *complaint ? complaint : program);
		(void)error_hint(err, "%s says which ids a user may map", file);
	}
	arena_done(&arena);
	return r;
}
