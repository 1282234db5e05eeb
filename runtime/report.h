/* runtime/report.h: from {step, errno} to a sentence.
 *
 * The child sends numbers; the parent, which has the plan, finds the words: what failed, on what, from which JSON path,
 * and for known causes what to do. */
#pragma once
#include <stdint.h>

#include "base/step.h"
struct error;
struct steps;

struct report {
	uint32_t message; /* WALK_FAILED */
	uint32_t after;   /* how many steps come after the one that failed: see report_explain() */
	int32_t code;     /* negative errno or enum step_verdict */
	int32_t wait_status;
	char detail[WALK_DETAIL]; /* NUL-terminated; may be empty; both as in struct walk */
};

/* Fills `err` (exit_status too: 126, 127) and returns its code. Counted from the end, steps are the same in a plan that `start`
 * makes anew: it knows neither image nor caller, which shape the walk only before the gate. */
int report_explain(const struct report *report, const struct steps *steps, struct error *err);

/* Receives one message: its REPORT_*, or a negative errno. *ret_report is filled by a failure, *ret_fd by a terminal
 * or a listener's page. */
enum { REPORT_END, REPORT_FAILED, REPORT_READY, REPORT_TERMINAL, REPORT_HOOKS, REPORT_LISTENER };
int report_receive(int sock, struct report *ret_report, int *ret_fd);
