/* spec/words_mount.c: the option words of mounts [config.md, Linux mount options; mount(8)].
 *
 * One row a word: what it does to a mount. A word of a pair undoes the other ("ro" and "rw"), so that the last counts. */
#include <string.h>
#include <sys/mount.h>

#include "base/text.h"
#include "spec/spec.h"
#include "spec/words.h"

enum effect {
	SET, /* attributes of this mount */
	CLEAR,
	TREE_SET, /* and of all beneath it */
	TREE_CLEAR,
	SB_SET, /* flags of the file system */
	SB_CLEAR,
	PROPAGATE,
	PROPAGATE_TREE,
	OTHER, /* one of enum other */
};

enum other {
	DEFAULTS,
	BIND,
	RBIND,
	RO,
	RW,
	REMOUNT,
	IDMAP,
	RIDMAP,
	TMPCOPYUP,
	COPY_SYMLINK,
	SRC_NOFOLLOW,
	DEST_NOFOLLOW
};

#define ATIME MOUNT_ATTR__ATIME

static const struct {
	const char *word;
	enum effect effect;
	uint64_t value; /* bits; a propagation; enum other */
	uint64_t of;    /* the field of several bits that `value` is one of: the access-time modes */
} options[] = {
	{ "async", SB_CLEAR, MS_SYNCHRONOUS, 0 },
	{ "atime", CLEAR, MOUNT_ATTR_NOATIME, ATIME },
	{ "bind", OTHER, BIND, 0 },
	{ "copy-symlink", OTHER, COPY_SYMLINK, 0 },
	{ "defaults", OTHER, DEFAULTS, 0 },
	{ "dest-nofollow", OTHER, DEST_NOFOLLOW, 0 },
	{ "dev", CLEAR, MOUNT_ATTR_NODEV, 0 },
	{ "diratime", CLEAR, MOUNT_ATTR_NODIRATIME, 0 },
	{ "dirsync", SB_SET, MS_DIRSYNC, 0 },
	{ "exec", CLEAR, MOUNT_ATTR_NOEXEC, 0 },
	{ "idmap", OTHER, IDMAP, 0 },
	{ "iversion", SB_SET, MS_I_VERSION, 0 },
	{ "lazytime", SB_SET, MS_LAZYTIME, 0 },
	{ "loud", SB_CLEAR, MS_SILENT, 0 },
	{ "mand", SB_SET, MS_MANDLOCK, 0 },
	{ "noatime", SET, MOUNT_ATTR_NOATIME, ATIME },
	{ "nodev", SET, MOUNT_ATTR_NODEV, 0 },
	{ "nodiratime", SET, MOUNT_ATTR_NODIRATIME, 0 },
	{ "noexec", SET, MOUNT_ATTR_NOEXEC, 0 },
	{ "noiversion", SB_CLEAR, MS_I_VERSION, 0 },
	{ "nolazytime", SB_CLEAR, MS_LAZYTIME, 0 },
	{ "nomand", SB_CLEAR, MS_MANDLOCK, 0 },
	{ "norelatime", CLEAR, MOUNT_ATTR_RELATIME, ATIME },
	{ "nostrictatime", CLEAR, MOUNT_ATTR_STRICTATIME, ATIME },
	{ "nosuid", SET, MOUNT_ATTR_NOSUID, 0 },
	{ "nosymfollow", SET, MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "private", PROPAGATE, SPEC_PROPAGATION_PRIVATE, 0 },
	{ "ratime", TREE_CLEAR, MOUNT_ATTR_NOATIME, ATIME },
	{ "rbind", OTHER, RBIND, 0 },
	{ "rdev", TREE_CLEAR, MOUNT_ATTR_NODEV, 0 },
	{ "rdiratime", TREE_CLEAR, MOUNT_ATTR_NODIRATIME, 0 },
	{ "relatime", SET, MOUNT_ATTR_RELATIME, ATIME },
	{ "remount", OTHER, REMOUNT, 0 },
	{ "rexec", TREE_CLEAR, MOUNT_ATTR_NOEXEC, 0 },
	{ "ridmap", OTHER, RIDMAP, 0 },
	{ "rnoatime", TREE_SET, MOUNT_ATTR_NOATIME, ATIME },
	{ "rnodev", TREE_SET, MOUNT_ATTR_NODEV, 0 },
	{ "rnodiratime", TREE_SET, MOUNT_ATTR_NODIRATIME, 0 },
	{ "rnoexec", TREE_SET, MOUNT_ATTR_NOEXEC, 0 },
	{ "rnorelatime", TREE_CLEAR, MOUNT_ATTR_RELATIME, ATIME },
	{ "rnostrictatime", TREE_CLEAR, MOUNT_ATTR_STRICTATIME, ATIME },
	{ "rnosuid", TREE_SET, MOUNT_ATTR_NOSUID, 0 },
	{ "rnosymfollow", TREE_SET, MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "ro", OTHER, RO, 0 },
	{ "rprivate", PROPAGATE_TREE, SPEC_PROPAGATION_PRIVATE, 0 },
	{ "rrelatime", TREE_SET, MOUNT_ATTR_RELATIME, ATIME },
	{ "rro", TREE_SET, MOUNT_ATTR_RDONLY, 0 },
	{ "rrw", TREE_CLEAR, MOUNT_ATTR_RDONLY, 0 },
	{ "rshared", PROPAGATE_TREE, SPEC_PROPAGATION_SHARED, 0 },
	{ "rslave", PROPAGATE_TREE, SPEC_PROPAGATION_SLAVE, 0 },
	{ "rstrictatime", TREE_SET, MOUNT_ATTR_STRICTATIME, ATIME },
	{ "rsuid", TREE_CLEAR, MOUNT_ATTR_NOSUID, 0 },
	{ "rsymfollow", TREE_CLEAR, MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "runbindable", PROPAGATE_TREE, SPEC_PROPAGATION_UNBINDABLE, 0 },
	{ "rw", OTHER, RW, 0 },
	{ "shared", PROPAGATE, SPEC_PROPAGATION_SHARED, 0 },
	{ "silent", SB_SET, MS_SILENT, 0 },
	{ "slave", PROPAGATE, SPEC_PROPAGATION_SLAVE, 0 },
	{ "src-nofollow", OTHER, SRC_NOFOLLOW, 0 },
	{ "strictatime", SET, MOUNT_ATTR_STRICTATIME, ATIME },
	{ "suid", CLEAR, MOUNT_ATTR_NOSUID, 0 },
	{ "symfollow", CLEAR, MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "sync", SB_SET, MS_SYNCHRONOUS, 0 },
	{ "tmpcopyup", OTHER, TMPCOPYUP, 0 },
	{ "unbindable", PROPAGATE, SPEC_PROPAGATION_UNBINDABLE, 0 },
};

const char *word_mount_option(size_t index)
{
	return index < ARRAY_SIZE(options) ? options[index].word : NULL;
}

/* The access-time modes are values of one field, which the kernel wants cleared whole before one is set
 * [mount_setattr(2), MOUNT_ATTR__ATIME]; taking one away leaves the kernel's default, relatime. */
static void change(uint64_t *set, uint64_t *clear, bool sets, uint64_t bits, uint64_t of)
{
	*set = (*set & ~(of | bits)) | (sets ? bits : 0);
	*clear = (*clear & ~bits) | of | (sets ? 0 : bits);
}

static void propagate(struct spec_mount *mount, enum spec_propagation kind, bool recursive)
{
	size_t last = ARRAY_SIZE(mount->propagation) - 1;
	size_t at = mount->propagation_count <= last ? mount->propagation_count++ : last;

	mount->propagation[at] = (struct spec_propagation_word){ .kind = kind, .recursive = recursive };
}

static void set_read_only(struct spec_mount *mount, bool read_only)
{
	mount->read_only = read_only;
	change(&mount->attr_set, &mount->attr_clear, read_only, MOUNT_ATTR_RDONLY, 0);
}

static void apply_other(enum other what, struct spec_mount *mount)
{
	switch (what) {
	case DEFAULTS: /* rw, suid, dev, exec, async: what a mount is without a word */ break;
	case BIND:
	case RBIND:
		mount->bind = true;
		mount->bind_recursive = what == RBIND;
		break;
	case RO:
	case RW: set_read_only(mount, what == RO); break;
	case REMOUNT: mount->remount = true; break;
	case IDMAP:
	case RIDMAP: mount->idmap = what == IDMAP ? SPEC_IDMAP : SPEC_IDMAP_TREE; break;
	case TMPCOPYUP: mount->tmpcopyup = true; break;
	case COPY_SYMLINK: mount->copy_symlink = true; break;
	case SRC_NOFOLLOW: mount->src_nofollow = true; break;
	case DEST_NOFOLLOW: mount->dest_nofollow = true; break;
	}
}

bool word_mount_apply(const char *word, struct spec_mount *mount)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(options) && strcmp(options[i].word, word) != 0)
		i++;
	if (i == ARRAY_SIZE(options))
		return false;
	uint64_t value = options[i].value, of = options[i].of;
	switch (options[i].effect) {
	case SET:
	case CLEAR: change(&mount->attr_set, &mount->attr_clear, options[i].effect == SET, value, of); break;
	case TREE_SET:
	case TREE_CLEAR:
		change(&mount->attr_set_tree, &mount->attr_clear_tree, options[i].effect == TREE_SET, value, of);
		break;
	case SB_SET:
		mount->sb_set |= value;
		mount->sb_clear &= ~value;
		break;
	case SB_CLEAR:
		mount->sb_clear |= value;
		mount->sb_set &= ~value;
		break;
	case PROPAGATE:
	case PROPAGATE_TREE: propagate(mount, (enum spec_propagation)value, options[i].effect == PROPAGATE_TREE); break;
	case OTHER: apply_other((enum other)value, mount); break;
	}
	return true;
}

const char *word_mount_attrs(uint64_t set, uint64_t clear, char *buf, size_t size)
{
	struct text text;

	text_init(&text, buf, size);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		uint64_t bits = options[i].value, mask = options[i].of ? options[i].of : bits;
		bool named = options[i].effect == SET && bits && (set & mask) == bits;
		bool unnamed = options[i].effect == CLEAR && !options[i].of && clear & ~set & bits;
		if (named || unnamed)
			text_add(&text, "%s%s", text.len ? "," : "", options[i].word);
	}
	if ((set | clear) & MOUNT_ATTR_RDONLY)
		text_add(&text, "%s%s", text.len ? "," : "", set & MOUNT_ATTR_RDONLY ? "ro" : "rw");
	return buf;
}
