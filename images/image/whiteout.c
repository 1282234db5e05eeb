/* images/image/whiteout.c: deleted files, from the names of OCI layers to the marks of overlayfs.
 *
 * Theory of operation
 * In a layer ".wh.NAME" says that NAME of the layers below is deleted, and ".wh..wh..opq" that all they have in its folder is
 * [image-spec: layer.md, Whiteouts]. Both speak of the layers below only, wherever in the archive they stand. Overlayfs has a
 * character device 0:0 for the one and an extended attribute of the folder for the other [overlayfs.rst]. So:
 *
 *	deleted, and the layer has a file of that name	nothing to do: the file hides what is below
 *	deleted, and the layer has a folder of that name	the folder is opaque
 *	deleted, and the layer has nothing of that name	the device
 *
 * in either order. What was deleted and then covered by a file is remembered (marks), in case a folder takes the file's place.
 * A device in an opaque folder would be seen as one, since overlayfs does not merge there: they are swept out at the end. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "images/image/layer_internal.h"
#include "images/image/tree.h"

#define PREFIX                                                                                                         \
	"."                                                                                                            \
	"wh."
#define META   PREFIX PREFIX /* what AUFS keeps for itself */
#define OPAQUE META ".opq"

enum { MARKS_MAX = 1 << 18 };

/* ---- names ---- */

int whiteout_judge(const char *path, struct error *err)
{
	const char *name = layer_name_of(path), *hidden = name + strlen(PREFIX);

	for (const char *at = path; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (!text_starts_with(at, PREFIX))
			continue;
		if (at == name && strcmp(name, OPAQUE) == 0)
			return NAME_OPAQUE;
		if (text_starts_with(at, META))
			return NAME_SKIPPED;
		if (at != name)
			return error_bad(err, EBADMSG, "a whiteout with something in it");
		if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
			return error_bad(err, EBADMSG, "a whiteout that names nothing in its folder");
		return NAME_WHITEOUT;
	}
	return NAME_PLAIN;
}

/* ---- marks ---- */

/* FNV-1a. A layer that makes two of its paths collide hides files of its own image. */
static uint64_t hash_path(const char *path)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 0x100000001b3;
	return hash ? hash : 1;
}

static uint64_t *find_slot(const struct marks *marks, uint64_t hash)
{
	size_t i = hash & (marks->size - 1);

	while (marks->slots[i] != 0 && marks->slots[i] != hash)
		i = (i + 1) & (marks->size - 1);
	return &marks->slots[i];
}

static int grow_marks(struct marks *marks)
{
	struct marks bigger = { .size = marks->size ? marks->size * 2 : 256, .count = marks->count };

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < marks->size; i++)
		if (marks->slots[i])
			*find_slot(&bigger, marks->slots[i]) = marks->slots[i];
	free(marks->slots);
	*marks = bigger;
	return 0;
}

int marks_add(struct marks *marks, const char *path, struct error *err)
{
	uint64_t hash = hash_path(path), *slot;

	if (marks->count >= MARKS_MAX)
		return error_bad(err, E2BIG, "more than %d files that the layer both deletes and has", MARKS_MAX);
	if (marks->count * 2 >= marks->size && grow_marks(marks) < 0)
		return error_sys(err, ENOMEM, "remember a whiteout");
	slot = find_slot(marks, hash);
	marks->count += *slot == 0;
	*slot = hash;
	return 0;
}

bool marks_have(const struct marks *marks, const char *path)
{
	return marks->count > 0 && *find_slot(marks, hash_path(path)) != 0;
}

/* ---- opaque folders ---- */

static const char *opaque_xattr(const struct layer *layer)
{
	return layer->request->rootless ? TREE_OPAQUE_ROOTLESS : TREE_OPAQUE;
}

int whiteout_is_opaque(const struct layer *layer, int dir)
{
	return fgetxattr(dir, opaque_xattr(layer), NULL, 0) > 0;
}

int whiteout_set_opaque(struct layer *layer, int dir, const char *name, struct error *err)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "open the folder that is opaque");
	if (fsetxattr(fd, opaque_xattr(layer), "y", 1, 0) < 0)
		return error_sys(err, errno, "set %s", opaque_xattr(layer));
	layer->opaques++;
	return 0;
}

int whiteout_place_opaque(struct layer *layer, const char *path, struct error *err)
{
	const char *name = layer_name_of(path);
	size_t len = (size_t)(name - path) - (name > path);
	int dir = parents_open(layer, path, len, err);

	return dir < 0 ? dir : whiteout_set_opaque(layer, dir, ".", err);
}

/* ---- deleted names ---- */

/* The layer has something of that name. */
static int delete_below(struct layer *layer, int dir, const char *name, const char *path, struct error *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "look at what it deletes");
	if (layer_is_whiteout(&st))
		return 0;
	return S_ISDIR(st.st_mode) ? whiteout_set_opaque(layer, dir, name, err) : marks_add(&layer->deleted, path, err);
}

int whiteout_place(struct layer *layer, const char *path, struct error *err)
{
	const char *name = layer_name_of(path), *hidden = name + strlen(PREFIX);
	size_t len = (size_t)(name - path);
	int dir = parents_open(layer, path, len - (len > 0), err);
	char target[PATH_MAX];

	if (dir < 0)
		return dir;
	memcpy(target, path, len);
	memcpy(target + len, hidden, strlen(hidden) + 1);
	if (mknodat(dir, hidden, S_IFCHR, 0) == 0) {
		layer->whiteouts++;
		return 0;
	}
	if (errno != EEXIST)
		return error_sys(err, errno, "make the whiteout");
	return delete_below(layer, dir, hidden, target, err);
}

/* ---- the sweep ---- */

struct sweep {
	const struct layer *layer;
	size_t opaque_depth; /* of the outermost opaque folder that the walk is in; SIZE_MAX = none */
};

static int sweep_dir(void *data, int dir, size_t depth, struct error *err)
{
	struct sweep *sweep = data;

	(void)err;
	if (depth > sweep->opaque_depth)
		return 0; /* inside */
	sweep->opaque_depth = whiteout_is_opaque(sweep->layer, dir) ? depth : SIZE_MAX;
	return 0;
}

static int sweep_node(void *data, int dir, size_t depth, const char *name, struct error *err)
{
	struct sweep *sweep = data;
	struct stat st;

	if (depth < sweep->opaque_depth) /* the walk has come back out of it, or was never in one */
		return 0;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "look at %s", name);
	if (!layer_is_whiteout(&st))
		return 0;
	return unlinkat(dir, name, 0) < 0 ? error_sys(err, errno, "remove the whiteout %s", name) : 0;
}

int whiteout_sweep(struct layer *layer, struct error *err)
{
	struct sweep sweep = { layer, SIZE_MAX };

	if (layer->whiteouts == 0 || layer->opaques == 0)
		return 0;
	return tree_walk(layer->request->tree, sweep_dir, sweep_node, &sweep, err);
}
