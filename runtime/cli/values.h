/* runtime/cli/values.h: the texts that options of `run --image` take, as docker's users write them. Pure.
 *
 * Each message names the option it is about: "--memory: expected a size as 512m, found \"lots\"". */
#pragma once
#include <stdint.h>

#include "spec/spec.h"
struct arena;
struct error;

/* "512m", "1.5 GiB", "100": always binary, bare numbers are bytes [go-units]. `unlimited`: -1 is taken, too. */
int value_bytes(const char *option, const char *text, bool unlimited, int64_t *ret, struct error *err);

/* "1.5" processors as microseconds of a period of 100000; at least 0.01. */
int value_cpus(const char *text, int64_t *ret_quota, struct error *err);

int value_number(const char *option, const char *text, int64_t min, int64_t max, int64_t *ret, struct error *err);

/* "nofile=1024:2048", "core=-1"; a size in the unit of setrlimit(2). */
int value_ulimit(const char *text, struct spec_rlimit *ret, struct error *err);

/* "HOST[:CONTAINER][:rwm]": looks at the node. */
int value_device(const char *text, struct arena *arena, struct spec_device *ret, struct spec_device_rule *ret_rule,
	struct error *err);

/* "c 1:3 rwm", "b 8:* r", "a". */
int value_device_rule(const char *text, struct spec_device_rule *ret, struct error *err);

/* "net_admin", "CAP_NET_ADMIN" as bits; "all" is every one that this build knows. */
int value_capability(const char *option, const char *text, uint64_t *ret_bits, struct error *err);

/* "CONTAINER:HOST[:SIZE]" */
int value_id_mapping(const char *option, const char *text, struct spec_id_mapping *ret, struct error *err);

/* "1", "true", "FALSE"... as flags take them; -EINVAL. */
int value_bool(const char *text, bool *ret);
