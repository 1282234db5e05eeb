/* spec/decode.h: from a JSON tree to the structs of spec.h. Internal to this room.
 *
 * Each JSON object is a table of fields (struct object_type): key, decoder, place in the struct. Decoders know a type,
 * never an object; what an object asks of several of its own fields stands in its `finish`. What crosses objects (a
 * sysctl and the namespace it needs) is check_spec()'s. Unknown keys are ignored, a null counts as absent
 * [config.md, Extensibility, Valid values]. Every fault is added with its JSON path and decoding goes on; a value with
 * a fault leaves its field as it was. Nothing here opens, asks or writes anything. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/field.h"
#include "spec/spec.h"

/* A whole config; linux.resources alone (`update --resources`); a process alone (`exec --process`). Each fills *ret
 * from zero; it is whole only where `faults` got none. */
void decode_spec(const struct json *value, struct arena *arena, struct spec *ret, struct faults *faults);
void decode_process_alone(
	const struct json *value, struct arena *arena, struct spec_process *ret, struct faults *faults);
void decode_resources_alone(
	const struct json *value, struct arena *arena, struct spec_resources *ret, struct faults *faults);

/* The rules between parts of a config. May follow decode_spec() also where that found faults, so that a reader sees
 * all at once: what rests on a list of namespaces that is itself at fault is then left out. */
void check_spec(const struct spec *spec, struct faults *faults);

decode_fn decode_id_mappings; /* struct spec_id_mappings, decode_linux.c */

/* ---- the tables that are parts of others ---- */

#define SPEC_ID_MAX (UINT32_MAX - 1) /* (uid_t)-1 asks setresuid(2) to change nothing */

extern const struct object_type spec_type;    /* decode.c */
extern const struct object_type process_type; /* decode_process.c */
extern const struct object_type mount_type;   /* decode_mounts.c */
extern const struct object_type linux_type;   /* decode_linux.c */
extern const struct object_type resources_type, seccomp_type, hooks_type;
