/* runtime/cli/names_options.h: --dns, --add-host and what is like them, of run, create and plan. Each becomes an annotation:
 * see network_options.h, netns/names.h. */
#pragma once
#include "base/options.h"

struct names_options {
	struct option_list servers, searches, options, hosts;
};

/* Rows of a table of options whose struct has a `struct names_options` at `member`. */
#define NAMES_OPTIONS(type, member)                                                                                    \
	OPTION("dns", 0, OPTION_LIST, type, member.servers, .value = "ADDRESS",                                        \
		.help = "name server for resolv.conf; none: the image's file stays"),                                  \
		OPTION("dns-search", 0, OPTION_LIST, type, member.searches, .value = "DOMAIN",                         \
			.help = "search domain for resolv.conf; . for none"),                                          \
		OPTION("dns-option", 0, OPTION_LIST, type, member.options, .value = "OPTION",                          \
			.help = "option for resolv.conf"),                                                             \
		OPTION("add-host", 0, OPTION_LIST, type, member.hosts, .value = "NAME:ADDRESS",                        \
			.help = "line for the hosts file; host-gateway is the host")
