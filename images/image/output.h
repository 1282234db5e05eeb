/* images/image/output.h: what commands write to standard output. */
#pragma once
struct arena;
struct error;
struct json_writer;

/* The writer's text and a newline; ends the writer. */
int output_json(struct json_writer *w, struct error *err);

/* Words that fit nowhere else; what goes wrong shows at output_end(). */
void output_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* After the last word: whether all could be written. */
int output_end(struct error *err);

/* A name of the store as people write it: "docker.io/library/debian:13" is debian and 13; NULL, and the tag of a name by
 * digest, are "<none>". */
void image_familiar_name(const char *name, struct arena *arena, const char **ret_repository, const char **ret_tag);
