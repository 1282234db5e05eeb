/* images/image/tree.h: whole trees of our own: walked; removed as layer.h says. */
#pragma once
#include <dirent.h>
#include <stddef.h>
struct error;

/* The attribute of a folder that hides what the layers below have in it [overlayfs.rst]; in a user namespace the other. */
#define TREE_OPAQUE          "trusted.overlay.opaque"
#define TREE_OPAQUE_ROOTLESS "user.overlay.opaque"

/* Opens a folder for reading its names; the caller's, closedir(3). NULL with words in `err`, which must not be NULL. */
DIR *tree_open(int dir, const char *name, struct error *err);

/* The next name that is neither "." nor ".."; NULL at the end. */
struct dirent *tree_next(DIR *dir);

/* Calls `on_dir` for each folder beneath `root` (depth 0) before what is in it, and `on_node` for all else; both with a
 * readable folder and its depth, `on_node`'s is that which `name` lies in. What on_node removes is not missed. */
int tree_walk(int root, int (*on_dir)(void *data, int dir, size_t depth, struct error *err),
	int (*on_node)(void *data, int dir, size_t depth, const char *name, struct error *err), void *data,
	struct error *err);
