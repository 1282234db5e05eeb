/* images/image/take.h: from a source into the store. */
#pragma once
#include <stdbool.h>

#include "base/options.h"
#include "images/image/fetch.h"
#include "images/image/progress.h"
struct arena;
struct call;
struct error;

struct take_options {
	const char *platform; /* NULL: this machine's */
	unsigned progress;    /* enum progress_style */
	bool quiet;
	const char *auth_file, *creds, *cert_dir;
	bool tls_verify;
	struct option_list limits; /* see limits.h */
};

/* Takes the image that `source` names into the store, under `name`, or under its own where that is NULL, and prints its
 * id. */
int take(const struct call *call, const struct take_options *options, const char *source, const char *name,
	struct error *err);

/* Options that commands which read sources have in common, of a struct that has take_options as `take`. */
#define TAKE_PLATFORM(type)                                                                                            \
	OPTION("platform", 0, OPTION_TEXT, type, take.platform, .value = "OS/ARCH[/VARIANT]",                          \
		.help = "of an image for several (default: this machine's)")
#define TAKE_QUIET(type) OPTION("quiet", 'q', OPTION_FLAG, type, take.quiet, .help = "no progress")
#define TAKE_PROGRESS(type)                                                                                            \
	OPTION("progress", 0, OPTION_CHOICE, type, take.progress, .value = "STYLE", .choices = progress_styles,        \
		.help = "auto, plain, tty, json or none, on standard error")
#define TAKE_LIMITS(type)                                                                                              \
	OPTION("limit", 0, OPTION_LIST, type, take.limits, .value = "NAME=NUMBER",                                     \
		.help = "of a layer: bytes, entries, depth, pax, ratio, free")
#define TAKE_REGISTRY(type)                                                                                            \
	OPTION("authfile", 0, OPTION_TEXT, type, take.auth_file, .value = "FILE",                                      \
		.help = "credentials (default: those of podman and docker)"),                                          \
		OPTION("creds", 0, OPTION_TEXT, type, take.creds, .value = "USER[:PASSWORD]", .help = "credentials"),  \
		OPTION("cert-dir", 0, OPTION_TEXT, type, take.cert_dir, .value = "DIR",                                \
			.help = "with ca.crt, client.cert and client.key"),                                            \
		OPTION("tls-verify", 0, OPTION_FLAG, type, take.tls_verify,                                            \
			.help = "=false: take any certificate, and plain HTTP")

struct fetch_settings take_fetch_settings(const struct take_options *options);

/* Puts the image in front of an error that does not name it yet, as those of layers do; returns its code. */
int take_say_image(const char *source, struct error *err);
