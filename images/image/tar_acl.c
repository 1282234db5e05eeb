/* images/image/tar_acl.c: access control lists in words, as star and GNU tar write them into extended headers.
 *
 *	user::rwx,user:lisa:r-x:502,group::r-x,mask::r-x,other::---
 *
 * between commas or newlines; the number at the end is of star and libarchive; GNU tar writes one in place of a name only for who
 * has none. A name alone says nobody's number: it is refused, for without its list the file would be open to others than meant. The kernel takes the list as the value of an extended attribute, in one order. [acl(5); star(5), SCHILY.acl.access] */
#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "images/image/tar_internal.h"

enum { ENTRIES_MAX = 512, FIELDS_MAX = 4 };
enum { TAG, QUALIFIER, PERMISSIONS, NUMBER };

struct list {
	struct posix_acl_xattr_entry entries[ENTRIES_MAX];
	size_t count;
	uint32_t tags; /* that have come: ACL_* are bits */
};

static const struct word {
	const char *word;
	uint16_t owner, named; /* 0: it names nobody */
} words[] = {
	{ "user", ACL_USER_OBJ, ACL_USER },
	{ "group", ACL_GROUP_OBJ, ACL_GROUP },
	{ "mask", ACL_MASK, 0 },
	{ "other", ACL_OTHER, 0 },
};

/* ---- one entry ---- */

static const struct word *find_word(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i].word, text) == 0)
			return &words[i];
	return NULL;
}

/* "rwx", with '-' for what is not allowed; or -EINVAL. */
static int read_permissions(const char *text, uint16_t *ret)
{
	static const char letters[] = "rwx"; /* ACL_READ is 4, ACL_WRITE 2, ACL_EXECUTE 1 */

	*ret = 0;
	if (strlen(text) != strlen(letters))
		return -EINVAL;
	for (size_t i = 0; letters[i]; i++) {
		if (text[i] != letters[i] && text[i] != '-')
			return -EINVAL;
		*ret = (uint16_t)(*ret << 1 | (text[i] != '-'));
	}
	return 0;
}

static int read_id(char *const *fields, size_t count, uint32_t *ret, struct error *err)
{
	const char *text = count > NUMBER ? fields[NUMBER] : fields[QUALIFIER];
	uint64_t id = 0;

	if (text_to_u64(text, 0, UINT32_MAX - 1, &id) < 0 && strcmp(text, "root") != 0) {
		(void)error_bad(err, EINVAL, "the %s \"%.64s\" has no number", fields[TAG], text);
		return error_hint(err, "pack it by bsdtar or star, which write numbers, too");
	}
	*ret = (uint32_t)id;
	return 0;
}

static int add_entry(struct list *list, char *text, struct error *err)
{
	char *fields[FIELDS_MAX], *rest = text;
	const struct word *word;
	uint16_t permissions, tag;
	uint32_t id = (uint32_t)ACL_UNDEFINED_ID;
	size_t count = 0;

	while (rest && count < FIELDS_MAX)
		fields[count++] = strsep(&rest, ":");
	word = find_word(fields[TAG]);
	if (rest || count <= PERMISSIONS || !word || read_permissions(fields[PERMISSIONS], &permissions) < 0)
		return error_bad(err, EINVAL, "\"%.64s\" is no entry of an access control list", text);
	tag = *fields[QUALIFIER] ? word->named : word->owner;
	if (tag == 0)
		return error_bad(err, EINVAL, "%s is nobody's name", fields[TAG]);
	if (tag == word->named && read_id(fields, count, &id, err) < 0)
		return -EINVAL;
	if (tag == word->owner && list->tags & tag)
		return error_bad(err, EINVAL, "%s comes twice", fields[TAG]);
	if (list->count == ENTRIES_MAX)
		return error_bad(err, E2BIG, "more than %d entries", ENTRIES_MAX);
	list->tags |= tag;
	list->entries[list->count++] =
		(struct posix_acl_xattr_entry){ htole16(tag), htole16(permissions), htole32(id) };
	return 0;
}

/* ---- all ---- */

static int by_tag_and_id(const void *left, const void *right)
{
	const struct posix_acl_xattr_entry *a = left, *b = right;

	if (a->e_tag != b->e_tag)
		return le16toh(a->e_tag) < le16toh(b->e_tag) ? -1 : 1;
	return le32toh(a->e_id) < le32toh(b->e_id) ? -1 : le32toh(a->e_id) > le32toh(b->e_id);
}

/* What the kernel would refuse without words. */
static int check(struct list *list, struct error *err)
{
	static const uint32_t needed = ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER;

	if ((list->tags & needed) != needed)
		return error_bad(err, EINVAL, "it does not say what user, group and other may");
	if (list->tags & (ACL_USER | ACL_GROUP) && !(list->tags & ACL_MASK))
		return error_bad(err, EINVAL, "it names somebody and has no mask");
	qsort(list->entries, list->count, sizeof(*list->entries), by_tag_and_id);
	for (size_t i = 1; i < list->count; i++)
		if (by_tag_and_id(&list->entries[i - 1], &list->entries[i]) == 0)
			return error_bad(err, EINVAL, "it names somebody twice");
	return 0;
}

int acl_from_text(char *text, size_t len, size_t *ret_len, struct error *err)
{
	const struct posix_acl_xattr_header header = { htole32(POSIX_ACL_XATTR_VERSION) };
	struct list list = { .count = 0 };
	char *rest = text;
	size_t size;
	int r = strlen(text) == len ? 0 : error_bad(err, EINVAL, "it has a NUL in it");

	for (char *entry; r == 0 && (entry = strsep(&rest, ",\n"));)
		if (*entry)
			r = add_entry(&list, entry, err);
	if (r == 0)
		r = check(&list, err);
	if (r < 0)
		return r;
	size = list.count * sizeof(*list.entries);
	if (sizeof(header) + size > len) /* never: each entry of words has 9 bytes, and there are three at least */
		return error_bad(err, EINVAL, "it is too short");
	memcpy(text, &header, sizeof(header));
	memcpy(text + sizeof(header), list.entries, size);
	*ret_len = sizeof(header) + size;
	return 0;
}
