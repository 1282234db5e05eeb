/* base/clock.h: the time that passes, for timeouts. */
#pragma once
#include <stdint.h>
#include <time.h>

/* Milliseconds of the monotonic clock. Async-signal-safe. */
static inline int64_t clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
