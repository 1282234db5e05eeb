/* images/image/files.h: a folder or a tar archive that holds an image, read by the paths in it.
 *
 * Both are hostile: a folder's links are not followed, and what is no regular file is never opened for reading; an archive is
 * read by tar.h, once, for an index of where its files begin. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct arena;
struct error;
struct files;

/* Both take the descriptor and keep it; names are for messages. An archive that is compressed is decompressed into the
 * folder `spool` first, under a name that goes away at once. */
int files_open_dir(int *dir, const char *name, struct files **ret, struct error *err);
int files_open_tar(int *file, const char *name, int spool, struct files **ret, struct error *err);
void files_close(struct files *files); /* NULL is fine */

/* The folder: borrowed; -1 for an archive. */
int files_folder(const struct files *files);

/* Some bytes of a file. */
struct extent {
	int fd; /* owned */
	uint64_t offset, size;
	bool to_end; /* they end where the file does */
};

/* 1 if there is such a file, 0 if not. Symbolic links of an archive lead to its other files. */
int files_find(const struct files *files, const char *path, struct extent *ret, struct error *err);

/* The whole of one, in the arena; -ENOENT, -EFBIG. */
int files_read(const struct files *files, const char *path, size_t max, struct arena *arena, char **ret_text,
	size_t *ret_len, struct error *err);

/* The bytes of an extent as a stream: the file itself where it goes to its end, else a pipe that a thread fills. Takes the
 * extent's descriptor; the stream is the caller's. */
struct pump;
int extent_stream(struct extent *extent, int *ret_stream, struct pump **ret_pump, struct error *err);
void pump_end(struct pump *pump); /* after the stream was closed; NULL is fine */
