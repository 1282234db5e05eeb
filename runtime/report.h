/* runtime/report.h: from {step, errno} to a sentence.
 *
 * The child sends numbers; the parent, which has the plan, finds the words: what failed, on what, from which JSON path,
 * and for known causes what to do. */
#pragma once
#include <stdint.h>
struct error;
struct steps;

struct report {
	uint32_t message; /* WALK_FAILED */
	uint32_t step;    /* index into the plan's steps */
	int32_t code;     /* negative errno or enum step_verdict */
	char detail[180]; /* the kernel's own words about a mount, NUL-terminated; may be empty */
};

/* Fills `err` (exit_status too: 126, 127) and returns its code. */
int report_explain(const struct report *report, const struct steps *steps, struct error *err);

/* Receives one message: 1 and *ret_report for a failure; 0 for the end of file; 2 for WALK_READY; 3 for WALK_TERMINAL
 * with *ret_fd; a negative errno. */
enum { REPORT_END = 0, REPORT_FAILED = 1, REPORT_READY = 2, REPORT_TERMINAL = 3 };
int report_receive(int sock, struct report *ret_report, int *ret_fd);
