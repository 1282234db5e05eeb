/* images/image/limits.h: --limit NAME=VALUE: what layers may hold at the most, where the defaults are too little or too much. */
#pragma once
struct error;
struct layer_limits;
struct option_list;

/* The defaults, with what the list says instead: bytes, entries, depth, pax, ratio, free. Sizes take the suffixes k, m, g and
 * t, all binary. -EINVAL with words. */
int limits_parse(const struct option_list *list, struct layer_limits *ret, struct error *err);
