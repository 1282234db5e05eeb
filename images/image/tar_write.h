/* images/image/tar_write.h: a folder as a tar archive. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
struct error;

/* Writes all that is beneath `dir` to `out`: pax format, names sorted, so the same tree gives the same bytes. Hard links,
 * devices, and those extended attributes that a layer may have are kept; sockets are left out, and so is what is mounted
 * in it. `name` is for messages. A file that changes meanwhile is an error. `strangers_are_root`: in a user namespace, ids that have
 * no name there are written as 0. */
int tar_write_tree(int dir, int out, const char *name, bool strangers_are_root, struct error *err);

/* Writes one regular file's header, and after its bytes the rest of its last block; and the end of an archive. For archives
 * that are put together of blobs. */
int tar_write_file_header(int out, const char *path, uint64_t size, struct error *err);
int tar_write_padding(int out, uint64_t size, struct error *err);
int tar_write_end(int out, struct error *err);
