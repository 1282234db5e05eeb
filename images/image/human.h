/* images/image/human.h: sizes and ages as docker's tables have them. */
#pragma once
#include <stdint.h>
struct arena;

/* Decimal, four digits at most: "24.9MB". Into buf of HUMAN_MAX bytes; returns buf. */
enum { HUMAN_MAX = 32 };
const char *human_size(uint64_t bytes, char *buf);

/* How long before `now` (seconds since 1970) an RFC 3339 time was: "3 weeks ago"; "N/A" where the text is none. */
const char *human_age(const char *time, int64_t now, char *buf);
