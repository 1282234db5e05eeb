/* runtime/init.c: the child's walk.
 *
 * Between clone and exec there is no allocation, no stdio, no locale and no parsing: the steps are applied in their
 * order, and the first that fails is reported by its number. The parent, which has the plan, knows the words
 * [signal-safety(7)]. */
#include "runtime/init.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/plan.h"
#include "runtime/report.h"

/* What the kernel logged about a mount it refused: "e overlay: No changes allowed" [fsopen(2), message retrieval]. */
static void read_log(struct walk *walk)
{
	enum { LEVEL = 2 }; /* the level and a blank */
	char *detail = walk->detail;
	ssize_t n = read(walk->fs_context, detail, sizeof(walk->detail) - 1);

	if (n <= LEVEL)
		n = LEVEL;
	else if (detail[n - 1] == '\n')
		n--;
	(void)memmove(detail, detail + LEVEL, (size_t)n - LEVEL);
	detail[n - LEVEL] = '\0';
}

static _Noreturn void fail(struct walk *walk, size_t after, int code)
{
	struct report report = {
		.message = WALK_FAILED,
		.after = (uint32_t)after,
		.code = code,
		.wait_status = walk->wait_status,
	};

	if (walk->fs_context >= 0)
		read_log(walk);
	(void)memcpy(report.detail, walk->detail, sizeof(report.detail));
	(void)send(walk->sock, &report, sizeof(report), MSG_NOSIGNAL);
	_exit(1);
}

void init_walk(void *args)
{
	const struct init_args *init = args;
	const struct steps *steps = &init->plan->steps;
	struct walk walk = {
		.sock = init->sock,
		.root = -1,
		.dev = -1,
		.procfs = -1,
		.mask_file = -1,
		.mask_dir = -1,
		.terminal = -1,
		.fs_context = -1,
	};

	(void)close(init->parent_sock);
	(void)close(init->state_dir);
	for (size_t i = 0; i < steps->count; i++) {
		int r = steps->items[i].kind->apply(&steps->items[i], &walk);
		if (r < 0)
			fail(&walk, steps->count - 1 - i, r);
	}
	_exit(1); /* not reached: the last step is exec */
}
