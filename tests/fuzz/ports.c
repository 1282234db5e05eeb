/* tests/fuzz/ports.c: any bytes as what publishes ports and limits rates; what is read must read the same once written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/faults.h"
#include "netns/ports.h"
#include "netns/shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct published *port, struct arena *arena)
{
	char text[PORT_TEXT];
	struct published *again;
	struct faults faults;

	faults_init(&faults, arena, NULL);
	if (ports_parse(port_text(port, text), "-p", arena, &again, &faults) != 1 || faults.count)
		abort();
	if (memcmp(port, again, sizeof(*port)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct published *ports;
	struct faults faults;
	struct arena arena;
	struct rates rates;
	const char *text;
	size_t count;

	arena_init(&arena);
	text = arena_copy(&arena, (const char *)data, size);
	faults_init(&faults, &arena, NULL);
	count = ports_parse(text, "-p", &arena, &ports, &faults);
	for (size_t i = 0; i < count && faults.count == 0; i++)
		check_again(&ports[i], &arena);
	rates_parse(text, "--rate", &arena, &rates, &faults);
	arena_done(&arena);
	return 0;
}
