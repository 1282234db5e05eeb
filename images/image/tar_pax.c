/* images/image/tar_pax.c: extended headers: records "LENGTH KEY=VALUE\n" [POSIX.1-2017 pax, Extended Header File Format].
 *
 * A record says its own length, so a value may hold anything. Keys that say nothing which is unpacked are skipped, known and
 * unknown ones alike. A key that comes twice is refused: which one counts is a matter of the reader. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "images/image/tar_internal.h"

struct record {
	char *key, *value; /* NUL-terminated; the value may hold more NULs */
	size_t len;        /* of the value */
	struct pax *pax;
	struct segments *segments;
	uint64_t *sparse_offset; /* of a pair that waits for its length */
};

static int bad_value(const struct record *record, struct error *err)
{
	return error_bad(err, EBADMSG, "pax header: %s=%.100s is not understood", record->key, record->value);
}

/* ---- values ---- */

static int read_number(const struct record *record, uint64_t *ret, struct error *err)
{
	return text_to_u64(record->value, 0, INT64_MAX, ret) < 0 || strlen(record->value) != record->len
		? bad_value(record, err)
		: 0;
}

static int read_text(const struct record *record, const char **ret, struct error *err)
{
	*ret = record->value;
	return strlen(record->value) != record->len ? bad_value(record, err) : 0;
}

/* Digits after the point beyond the ninth are cut. */
static int read_fraction(const char *digits, long *ret)
{
	size_t len = strspn(digits, "0123456789");
	long ns = 0;

	if (len == 0 || digits[len])
		return -EINVAL;
	for (size_t i = 0; i < 9; i++)
		ns = ns * 10 + (i < len ? digits[i] - '0' : 0);
	*ret = ns;
	return 0;
}

/* "-1.25" is a quarter of a second before -1: -2 s and 750000000 ns. */
static int read_time(const struct record *record, struct timespec *ret, struct error *err)
{
	bool negative = record->value[0] == '-';
	char *whole = record->value + negative, *point = strchr(whole, '.');
	long ns = 0;
	uint64_t seconds;

	if (strlen(record->value) != record->len || (point && read_fraction(point + 1, &ns) < 0))
		return bad_value(record, err);
	if (point)
		*point = '\0';
	if (text_to_u64(whole, 0, INT64_MAX - 1, &seconds) < 0)
		return bad_value(record, err);
	*ret = (struct timespec){ .tv_sec = negative ? -(time_t)seconds : (time_t)seconds, .tv_nsec = ns };
	if (negative && ns > 0)
		*ret = (struct timespec){ .tv_sec = ret->tv_sec - 1, .tv_nsec = 1000000000 - ns };
	return 0;
}

static int add_xattr(const struct record *record, const char *name, size_t len, struct error *err)
{
	struct pax *pax = record->pax;

	if (!*name)
		return error_bad(err, EBADMSG, "pax header: an extended attribute without a name");
	for (size_t i = 0; i < pax->xattr_count; i++)
		if (strcmp(pax->xattrs[i].name, name) == 0) {
			pax->xattrs[i] = (struct tar_xattr){ name, record->value, len }; /* in both spellings */
			return 0;
		}
	if (pax->xattr_count == TAR_XATTRS_MAX)
		return error_bad(err, E2BIG, "more than %d extended attributes", TAR_XATTRS_MAX);
	pax->xattrs[pax->xattr_count++] = (struct tar_xattr){ name, record->value, len };
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'    ? c - '0'
		: c >= 'A' && c <= 'F' ? c - 'A' + 10
		: c >= 'a' && c <= 'f' ? c - 'a' + 10
				       : -1;
}

/* In place: %XX. A NUL does not come out of it. */
static int decode_url(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		int high, low;
		if (*from != '%') {
			*to++ = *from;
			continue;
		}
		high = hex_digit(from[1]);
		low = high < 0 ? -1 : hex_digit(from[2]);
		if (low < 0 || high + low == 0)
			return -EINVAL;
		*to++ = (char)(high << 4 | low);
		from += 2;
	}
	*to = '\0';
	return 0;
}

/* In place; the '=' at the end may be missing, as libarchive has it. */
static int decode_base64(char *text, size_t len, size_t *ret_len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	size_t out = 0, count = 0;

	while (len > 0 && text[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
		if (!digit)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)(digit - digits);
		if (++count % 4 != 1)
			text[out++] = (char)(bits >> (6 - 2 * ((count - 1) % 4)));
	}
	*ret_len = out;
	return count % 4 == 1 ? -EINVAL : 0;
}

/* ---- keys ---- */

static int take_path(const struct record *record, struct error *err)
{
	return read_text(record, &record->pax->path, err);
}

static int take_link(const struct record *record, struct error *err)
{
	return read_text(record, &record->pax->link, err);
}

static int take_size(const struct record *record, struct error *err)
{
	return read_number(record, &record->pax->size, err);
}

static int take_uid(const struct record *record, struct error *err)
{
	return read_number(record, &record->pax->uid, err);
}

static int take_gid(const struct record *record, struct error *err)
{
	return read_number(record, &record->pax->gid, err);
}

static int take_mtime(const struct record *record, struct error *err)
{
	return read_time(record, &record->pax->mtime, err);
}

static int take_sparse_major(const struct record *record, struct error *err)
{
	return read_number(record, &record->pax->sparse_major, err);
}

static int take_sparse_minor(const struct record *record, struct error *err)
{
	return read_number(record, &record->pax->sparse_minor, err);
}

static int take_sparse_name(const struct record *record, struct error *err)
{
	return read_text(record, &record->pax->sparse_name, err);
}

static int take_sparse_size(const struct record *record, struct error *err)
{
	return read_number(record, &record->pax->sparse_size, err);
}

static int take_sparse_map(const struct record *record, struct error *err)
{
	if (read_text(record, &record->pax->sparse_map, err) < 0)
		return -EBADMSG;
	return segments_add_list(record->segments, record->value, err);
}

static int take_sparse_count(const struct record *record, struct error *err)
{
	return read_number(record, &record->pax->sparse_count, err);
}

static int take_sparse_offset(const struct record *record, struct error *err)
{
	if (*record->sparse_offset != UINT64_MAX)
		return error_bad(err, EBADMSG, "pax header: two GNU.sparse.offset without a GNU.sparse.numbytes");
	return read_number(record, record->sparse_offset, err);
}

static int take_sparse_bytes(const struct record *record, struct error *err)
{
	uint64_t offset = *record->sparse_offset, len;

	if (offset == UINT64_MAX)
		return error_bad(err, EBADMSG, "pax header: a GNU.sparse.numbytes without a GNU.sparse.offset");
	*record->sparse_offset = UINT64_MAX;
	return read_number(record, &len, err) < 0 ? -EBADMSG : segments_add(record->segments, offset, len, err);
}

static int take_schily_xattr(const struct record *record, struct error *err)
{
	return add_xattr(record, record->key + strlen("SCHILY.xattr."), record->len, err);
}

static int take_libarchive_xattr(const struct record *record, struct error *err)
{
	char *name = record->key + strlen("LIBARCHIVE.xattr.");
	size_t len;

	if (decode_url(name) < 0 || decode_base64(record->value, record->len, &len) < 0)
		return bad_value(record, err);
	return add_xattr(record, name, len, err);
}

static int add_acl(const struct record *record, const char *name)
{
	struct pax *pax = record->pax;

	pax->acls[pax->acl_count++] = (struct tar_xattr){ name, record->value, record->len };
	return 0;
}

static int take_acl_access(const struct record *record, struct error *err)
{
	(void)err;
	return add_acl(record, "system.posix_acl_access");
}

static int take_acl_default(const struct record *record, struct error *err)
{
	(void)err;
	return add_acl(record, "system.posix_acl_default");
}

/* A name that ends in '.' stands for all that begin with it. */
static const struct pax_rule {
	const char *name;
	enum pax_key key;
	bool repeats;
	int (*take)(const struct record *record, struct error *err);
} rules[] = {
	{ "path", PAX_PATH, false, take_path },
	{ "linkpath", PAX_LINK, false, take_link },
	{ "size", PAX_SIZE, false, take_size },
	{ "uid", PAX_UID, false, take_uid },
	{ "gid", PAX_GID, false, take_gid },
	{ "mtime", PAX_MTIME, false, take_mtime },
	{ "SCHILY.xattr.", PAX_XATTR, true, take_schily_xattr },
	{ "LIBARCHIVE.xattr.", PAX_XATTR, true, take_libarchive_xattr },
	{ "SCHILY.acl.access", PAX_ACL_ACCESS, false, take_acl_access },
	{ "SCHILY.acl.default", PAX_ACL_DEFAULT, false, take_acl_default },
	{ "GNU.sparse.major", PAX_SPARSE_MAJOR, false, take_sparse_major },
	{ "GNU.sparse.minor", PAX_SPARSE_MINOR, false, take_sparse_minor },
	{ "GNU.sparse.name", PAX_SPARSE_NAME, false, take_sparse_name },
	{ "GNU.sparse.realsize", PAX_SPARSE_SIZE, false, take_sparse_size }, /* 1.0 */
	{ "GNU.sparse.size", PAX_SPARSE_SIZE, false, take_sparse_size },     /* 0.0, 0.1 */
	{ "GNU.sparse.map", PAX_SPARSE_MAP, false, take_sparse_map },
	{ "GNU.sparse.numblocks", PAX_SPARSE_COUNT, false, take_sparse_count },
	{ "GNU.sparse.offset", PAX_SPARSE_OFFSET, true, take_sparse_offset },
	{ "GNU.sparse.numbytes", PAX_SPARSE_BYTES, true, take_sparse_bytes },
};

static const struct pax_rule *find_rule(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		size_t len = strlen(rules[i].name);
		if (strncmp(key, rules[i].name, len) == 0 && (rules[i].name[len - 1] == '.' || key[len] == '\0'))
			return &rules[i];
	}
	return NULL;
}

/* ---- records ---- */

static int take_record(const struct record *record, bool global, struct error *err)
{
	const struct pax_rule *rule = find_rule(record->key);
	struct pax *pax = record->pax;

	if (!rule)
		return 0;
	if (global) /* containerd ignores it, GNU tar applies it, and what it says holds for entries that come later */
		return error_bad(err, ENOTSUP, "a global pax header that sets %s for all that follows", record->key);
	if (pax_has(pax, rule->key) && !rule->repeats)
		return error_bad(err, EBADMSG, "pax header: %s comes twice", record->key);
	if (record->len == 0 && rule->key != PAX_XATTR) /* takes back what a global one said: nothing [POSIX] */
		return 0;
	pax->has |= 1U << rule->key;
	return rule->take(record, err);
}

/* Splits the record at *text off; its newline and its '=' become NULs. */
static int split_record(char **text, size_t *left, struct record *record)
{
	size_t digits = strspn(*text, "0123456789");
	char *at = *text, *equals;
	uint64_t len;

	if (digits == 0 || digits > 10 || at[digits] != ' ' || at[0] == '0')
		return -EBADMSG;
	at[digits] = '\0';
	if (text_to_u64(at, digits + 3, *left, &len) < 0 || at[len - 1] != '\n')
		return -EBADMSG;
	at[len - 1] = '\0';
	record->key = at + digits + 1;
	equals = strchr(record->key, '=');
	if (!equals || equals == record->key)
		return -EBADMSG;
	*equals = '\0';
	record->value = equals + 1;
	record->len = (size_t)(at + len - 1 - record->value);
	*text += len;
	*left -= len;
	return 0;
}

int pax_read(char *text, size_t len, bool global, struct pax *pax, struct segments *segments, struct error *err)
{
	uint64_t sparse_offset = UINT64_MAX;
	struct record record = { .pax = pax, .segments = segments, .sparse_offset = &sparse_offset };
	int r = 0;

	while (len > 0 && r == 0) {
		if (split_record(&text, &len, &record) < 0)
			return error_bad(err, EBADMSG, "pax header: a record that is none");
		r = take_record(&record, global, err);
	}
	if (r == 0 && sparse_offset != UINT64_MAX)
		return error_bad(err, EBADMSG, "pax header: the last GNU.sparse.offset has no GNU.sparse.numbytes");
	return r;
}

/* ---- access control lists ---- */

static bool has_xattr(const struct pax *pax, const char *name)
{
	for (size_t i = 0; i < pax->xattr_count; i++)
		if (strcmp(pax->xattrs[i].name, name) == 0)
			return true;
	return false;
}

int pax_take_acls(struct pax *pax, struct error *err)
{
	for (size_t i = 0; i < pax->acl_count; i++) {
		const struct tar_xattr *acl = &pax->acls[i];
		size_t len = 0;
		if (has_xattr(pax, acl->name))
			continue;
		if (acl_from_text((char *)acl->value, acl->len, &len, err) < 0)
			return error_at(err, "%s", acl->name);
		if (pax->xattr_count == TAR_XATTRS_MAX)
			return error_bad(err, E2BIG, "more than %d extended attributes", TAR_XATTRS_MAX);
		pax->xattrs[pax->xattr_count++] = (struct tar_xattr){ acl->name, acl->value, len };
	}
	return 0;
}
