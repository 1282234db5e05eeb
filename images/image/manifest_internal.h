/* images/image/manifest_internal.h: what manifest.c and config.c share. */
#pragma once
#include <stddef.h>

#include "spec/field.h"
struct error;
struct json;

/* The first fault as an error: -EBADMSG; 0 where there is none. */
int manifest_faults(const struct faults *faults, const char *name, struct error *err);

/* Parses a document of at most DOCUMENT_MAX_BYTES. */
int manifest_json(const char *text, size_t len, const char *name, struct decoder *decoder,
	const struct json **ret_value, struct error *err);
