/* tests/fuzz/config.c: any bytes as a config.json: read, checked, planned and printed; nothing is touched. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/faults.h"
#include "runtime/plan.h"
#include "spec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const struct plan *plan)
{
	char *text = plan_text(plan), *json = plan_json(plan);

	if (!text || !json)
		abort();
	free(text);
	free(json);
}

static void print_faults(const struct faults *faults)
{
	char line[1024];

	for (const struct fault *fault = faults->first; fault; fault = fault->next)
		if (!*fault_line(faults, fault, line, sizeof(line)))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct plan_request request = { .id = "fuzz", .bundle = "/bundle", .gate = GATE_SOCKET };
	struct arena arena;
	struct faults faults;
	struct error err = { 0 };
	struct spec *spec = NULL;
	struct plan plan;

	arena_init(&arena);
	faults_init(&faults, &arena, "config.json");
	if (spec_parse((const char *)data, size, &arena, &spec, &faults, &err) == 0 && faults.count == 0 &&
		plan_make(spec, &request, &arena, &plan, &faults) == 0 && faults.count == 0)
		print(&plan);
	print_faults(&faults);
	arena_done(&arena);
	return 0;
}
