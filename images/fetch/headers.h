/* images/fetch/headers.h: what registries say in headers, read strictly. Pure; hostile input. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
struct arena;

/* "bytes 10-19/100" [RFC 9110, section 14.4]; the total is UINT64_MAX where an asterisk stands for it.
 * -EINVAL; also where last < first, or last >= total. */
struct content_range {
	uint64_t first, last, total;
};
int header_content_range(const char *value, struct content_range *ret);

/* Seconds from `now` on, by a number or a date, at most a day [RFC 9110, section 10.2.3]; 0 where it makes no sense. */
unsigned header_retry_after(const char *value, time_t now);

/* WWW-Authenticate: which of the two schemes of registries are offered, in any order, among others. [RFC 9110, section 11.6.1;
 * distribution: token authentication] Texts are in the arena; NULL where not given. -EINVAL for a value of another grammar. */
struct challenge {
	bool basic, bearer;
	const char *realm, *service; /* of Bearer */
};
int header_challenge(const char *value, struct arena *arena, struct challenge *ret);
