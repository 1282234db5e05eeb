/* Archives built header by header: what is read of them, and what is refused. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <limits.h>
#include <linux/posix_acl_xattr.h>
#include <stdio.h>

#include "base/error.h"
#include "images/image/tar.h"
#include "images/image/tar_internal.h"

enum { BLOCK = 512, ARCHIVE_MAX = 64 << 10 };

struct archive {
	unsigned char bytes[ARCHIVE_MAX];
	size_t len, piece, at; /* handed over `piece` bytes at a time */
};

/* ---- building ---- */

static const char ustar[8] = { 'u', 's', 't', 'a', 'r', 0, '0', '0' },
		  gnu[8] = { 'u', 's', 't', 'a', 'r', ' ', ' ', 0 };

static unsigned char *add_header(struct archive *archive, const char *name, char type, size_t size)
{
	char *block = (char *)archive->bytes + archive->len;

	assert_true(archive->len + BLOCK < sizeof(archive->bytes));
	(void)snprintf(block, 100, "%s", name);
	(void)snprintf(block + 100, 8, "%07o", 0644);
	(void)snprintf(block + 108, 8, "%07o", 7);
	(void)snprintf(block + 116, 8, "%07o", 8);
	(void)snprintf(block + 124, 12, "%011zo", size);
	(void)snprintf(block + 136, 12, "%011o", 1000);
	block[156] = type;
	memcpy(block + 257, ustar, sizeof(ustar));
	archive->len += BLOCK;
	return (unsigned char *)block;
}

static void seal(unsigned char *block)
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += block[i];
	(void)snprintf((char *)block + 148, 8, "%06o", sum);
}

static void add_body(struct archive *archive, const void *bytes, size_t len)
{
	memcpy(archive->bytes + archive->len, bytes, len);
	archive->len += (len + BLOCK - 1) / BLOCK * BLOCK;
}

static void add(struct archive *archive, const char *name, char type, const char *link, const void *body, size_t len)
{
	unsigned char *block = add_header(archive, name, type, len);

	(void)snprintf((char *)block + 157, 100, "%s", link);
	seal(block);
	add_body(archive, body, len);
}

static void add_file(struct archive *archive, const char *name, const char *body)
{
	add(archive, name, '0', "", body, strlen(body));
}

/* One record of a pax header, and the header. */
static void add_pax(struct archive *archive, char type, const char *key, const char *value, size_t value_len)
{
	char body[4096];
	size_t len = strlen(key) + value_len + 3, digits = 1;

	for (size_t n = 10; n <= len + digits; n *= 10)
		digits++;
	size_t head = (size_t)snprintf(body, sizeof(body), "%zu %s=", len + digits, key);
	memcpy(body + head, value, value_len);
	body[head + value_len] = '\n';
	add(archive, "pax", type, "", body, head + value_len + 1);
}

/* ---- reading ---- */

static int next(void *data, const unsigned char **ret_bytes, size_t *ret_len)
{
	struct archive *archive = data;
	size_t len = archive->len - archive->at < archive->piece ? archive->len - archive->at : archive->piece;

	*ret_bytes = archive->bytes + archive->at;
	*ret_len = len;
	archive->at += len;
	return len > 0;
}

static void say_entry(struct text *text, struct tar *tar, const struct tar_entry *entry, struct error *err)
{
	static const char kinds[TAR_KINDS] = "-hlcbdp";
	const unsigned char *bytes;
	uint64_t offset;
	size_t len;

	text_add(text, "%c%o %u:%u %s", kinds[entry->kind], entry->mode, entry->uid, entry->gid, entry->path);
	if (*entry->link)
		text_add(text, " -> %s", entry->link);
	if (entry->kind == TAR_FILE)
		text_add(text, " %zu", (size_t)entry->size);
	if (entry->mtime.tv_sec != 1000)
		text_add(text, " @%lld.%09ld", (long long)entry->mtime.tv_sec, entry->mtime.tv_nsec);
	for (size_t i = 0; i < entry->xattr_count; i++)
		text_add(text, " [%s=%.*s]", entry->xattrs[i].name, (int)entry->xattrs[i].len, entry->xattrs[i].value);
	for (size_t end = 0; tar_data(tar, &bytes, &len, &offset, err) == 1; end = (size_t)offset + len) {
		if (end == 0 || offset != end)
			text_add(text, " %zu:", (size_t)offset);
		text_add(text, "%.*s", (int)len, bytes);
	}
	text_add(text, "\n");
}

/* The first extended attribute of the first entry, which is an access control list, or the error. */
static void read_first_acl(struct archive *archive, char *line, size_t size)
{
	static const struct tar_limits limits = { 1 << 20, 2048 };
	const struct tar_source source = { next, archive };
	const struct tar_entry *entry;
	struct posix_acl_xattr_entry acl;
	struct error err = { 0 };
	struct text text;
	struct tar *tar;

	archive->at = 0;
	text_init(&text, line, size);
	assert_int_equal(tar_new(&source, &limits, &tar, &err), 0);
	if (tar_next(tar, &entry, &err) != TAR_ENTRY) {
		char words[1024];
		text_add(&text, "%s: %s", tar_path(tar), error_line(&err, words, sizeof(words)));
	} else {
		assert_int_equal(entry->xattr_count, 1);
		for (size_t at = sizeof(struct posix_acl_xattr_header); at < entry->xattrs[0].len; at += sizeof(acl)) {
			memcpy(&acl, entry->xattrs[0].value + at, sizeof(acl));
			text_add(&text, "%s%u:%u:", text.len ? " " : "[", acl.e_tag, acl.e_perm);
			if (acl.e_id == UINT32_MAX)
				text_add(&text, "-");
			else
				text_add(&text, "%u", acl.e_id);
		}
		text_add(&text, "]");
	}
	tar_free(tar);
}

/* A line for each entry, then how it ended; the same whatever the size of the pieces. */
static const char *read_all(struct archive *archive, size_t piece)
{
	static char buf[16384];
	static const struct tar_limits limits = { 1 << 20, 2048 };
	const struct tar_source source = { next, archive };
	const struct tar_entry *entry;
	struct error err = { 0 };
	char line[4096];
	struct text text;
	struct tar *tar;
	int r;

	archive->at = 0;
	archive->piece = piece;
	text_init(&text, buf, sizeof(buf));
	assert_int_equal(tar_new(&source, &limits, &tar, &err), 0);
	while ((r = tar_next(tar, &entry, &err)) == TAR_ENTRY)
		say_entry(&text, tar, entry, &err);
	text_add(&text, "%s",
		r == TAR_END                    ? "end"
			: r == TAR_END_UNMARKED ? "unmarked"
						: error_line(&err, line, sizeof(line)));
	tar_free(tar);
	return buf;
}

static void expect_read(struct archive *archive, const char *expected)
{
	static const size_t pieces[] = { ARCHIVE_MAX, BLOCK, 7 };

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
		assert_string_equal(read_all(archive, pieces[i]), expected);
	memset(archive, 0, sizeof(*archive));
}

static void end(struct archive *archive)
{
	archive->len += (size_t)2 * BLOCK;
}

/* ---- tests ---- */

static struct archive archive;

static void test_kinds(void **state)
{
	(void)state;
	add_file(&archive, "file", "text");
	add(&archive, "hard", '1', "file", "", 0);
	add(&archive, "soft", '2', "../x", "", 0);
	add(&archive, "fifo", '6', "", "", 0);
	add(&archive, "dir/", '5', "ignored", "", 0);
	add(&archive, "olddir/", '\0', "", "", 0);
	add(&archive, "oldfile", '\0', "", "o", 1);
	end(&archive);
	expect_read(&archive,
		"-644 7:8 file 4 0:text\n"
		"h644 7:8 hard -> file\n"
		"l644 7:8 soft -> ../x\n"
		"p644 7:8 fifo\n"
		"d644 7:8 dir/\n"
		"d644 7:8 olddir/\n"
		"-644 7:8 oldfile 1 0:o\n"
		"end");
}

static void test_prefix(void **state)
{
	(void)state;
	unsigned char *block = add_header(&archive, "name", '5', 0);
	(void)snprintf((char *)block + 345, 155, "some/prefix");
	seal(block);
	block = add_header(&archive, "gnu", '5', 0);
	memcpy(block + 257, gnu, sizeof(gnu));
	(void)snprintf((char *)block + 345, 155, "12345"); /* GNU's atime */
	seal(block);
	block = add_header(&archive, "", '5', 0);
	memset(block, 'n', 100); /* no NUL */
	seal(block);
	end(&archive);
	expect_read(&archive,
		"d644 7:8 some/prefix/name\nd644 7:8 gnu\n"
		"d644 7:8 nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
		"nnnnnnnnnnnnnnnnn\nend");
}

static void test_long_names(void **state)
{
	(void)state;
	add(&archive, "././@LongLink", 'L', "", "long/name", 10);
	add(&archive, "././@LongLink", 'K', "", "long/target", 12);
	add(&archive, "cut", '2', "cut", "", 0);
	add_file(&archive, "next", "");
	end(&archive);
	expect_read(&archive, "l644 7:8 long/name -> long/target\n-644 7:8 next 0\nend");
}

static void test_pax(void **state)
{
	(void)state;
	add_pax(&archive, 'x', "path", "from/pax", 8);
	add_file(&archive, "header", "");
	add_pax(&archive, 'x', "mtime", "-1.25", 5);
	add_file(&archive, "old", "");
	add_pax(&archive, 'x', "mtime", "12.0000000019", 13);
	add_file(&archive, "fine", "");
	add_pax(&archive, 'x', "uid", "4000000000", 10);
	add_file(&archive, "far", "");
	add_pax(&archive, 'x', "SCHILY.xattr.user.a", "v\nw", 3);
	add_file(&archive, "attribute", "");
	add_pax(&archive, 'x', "LIBARCHIVE.xattr.user.%41%25", "dmFs", 4);
	add_file(&archive, "coded", "");
	add_pax(&archive, 'x', "path", "", 0); /* nothing to take back */
	add_file(&archive, "plain", "");
	add_pax(&archive, 'g', "comment", "a commit", 8);
	add_file(&archive, "after", "");
	end(&archive);
	expect_read(&archive,
		"-644 7:8 from/pax 0\n"
		"-644 7:8 old 0 @-2.750000000\n"
		"-644 7:8 fine 0 @12.000000001\n"
		"-644 4000000000:8 far 0\n"
		"-644 7:8 attribute 0 [user.a=v\nw]\n"
		"-644 7:8 coded 0 [user.A%=val]\n"
		"-644 7:8 plain 0\n"
		"-644 7:8 after 0\n"
		"end");
}

/* Each list with what comes of it: the attribute as words "tag:permissions:id", or the error. */
static void test_access_control_lists(void **state)
{
	static const struct {
		const char *list, *expected;
	} cases[] = {
		{ "user::rw-,group::r--,other::---", "[1:6:- 4:4:- 32:0:-]" },
		{ "user::rwx\ngroup:7:r-x\nuser:1000:r--\ngroup::r-x\nuser:5:-w-\nmask::rwx\nother::--x\n",
			"[1:7:- 2:2:5 2:4:1000 4:5:- 8:5:7 16:7:- 32:1:-]" },
		{ "user::rwx,user:lisa:r-x:502,group::r-x,group:toor:rwx:13,mask::r-x,other::---",
			"[1:7:- 2:5:502 4:5:- 8:7:13 16:5:- 32:0:-]" },
		{ "user::rw-,user:root:r--,group::r--,mask::r--,other::---", "[1:6:- 2:4:0 4:4:- 16:4:- 32:0:-]" },
		{ "user::rw-,user:lisa:r--,group::r--,mask::r--,other::---",
			"file: system.posix_acl_access: the user" },
		{ "user::rw-,user:4294967295:r--,group::r--,mask::r--,other::---", "has no number" },
		{ "user::rw-,user:5:r--,user:x:rwx:5,group::r--,mask::r--,other::---", "twice" },
		{ "user::rw-,user::r--,group::r--,other::---", "user comes twice" },
		{ "user::rw-,user:5:r--,group::r--,other::---", "no mask" },
		{ "user::rw-,group::r--", "does not say" },
		{ "user::rw-,group::r--,other:x:---", "other is nobody's name" },
		{ "user::rw-,group::r--,other::--", "is no entry" },
		{ "user::rw-,group::r--,other::rws", "is no entry" },
		{ "user::wrx,group::r--,other::---", "is no entry" },
		{ "user::rw-,group::r--,others::---", "is no entry" },
		{ "user:1:rw-:1:1,group::r--,other::---", "is no entry" },
		{ "u::rw-,g::r--,o::---", "is no entry" },
		{ "rubbish", "is no entry" },
	};
	char line[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		archive = (struct archive){ .piece = BLOCK };
		add_pax(&archive, 'x', "SCHILY.acl.access", cases[i].list, strlen(cases[i].list));
		add_file(&archive, "file", "");
		end(&archive);
		read_first_acl(&archive, line, sizeof(line));
		if (!strstr(line, cases[i].expected))
			fail_msg("%s: %s", cases[i].list, line);
	}
	archive.len = 0;
	memset(archive.bytes, 0, sizeof(archive.bytes));
}

static void test_sparse(void **state)
{
	(void)state;
	add_pax(&archive, 'x', "GNU.sparse.map", "0,2,600,3,1000,0", 16);
	add_file(&archive, "no size", "abcde");
	end(&archive);
	expect_read(&archive, "GNU.sparse headers of no known form");

	add(&archive, "pax", 'x', "",
		"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n21 GNU.sparse.name=s\n27 GNU.sparse.realsize=900\n", 92);
	unsigned char *block = add_header(&archive, "GNUSparseFile.0/s", '0', BLOCK + 5);
	seal(block);
	add_body(&archive, "3\n0\n2\n600\n3\n900\n0\n", 18);
	add_body(&archive, "abcde", 5);
	add_file(&archive, "next", "x");
	end(&archive);
	expect_read(&archive, "-644 7:8 s 900 0:ab 600:cde\n-644 7:8 next 1 0:x\nend");
}

static void test_ends(void **state)
{
	(void)state;
	expect_read(&archive, "unmarked");
	add_file(&archive, "a", "1");
	expect_read(&archive, "-644 7:8 a 1 0:1\nunmarked");
	add_file(&archive, "a", "1");
	archive.len += BLOCK;
	expect_read(&archive, "-644 7:8 a 1 0:1\nend");
	add_file(&archive, "a", "1");
	archive.len -= 1;
	expect_read(&archive, "-644 7:8 a 1 0:1\nthe archive ends after 1023 bytes, in the middle of an entry");
	end(&archive);
	archive.bytes[archive.len - 1] = 1;
	expect_read(&archive, "something follows the end of the archive");
	add_pax(&archive, 'x', "path", "x", 1);
	expect_read(&archive, "the archive ends after an extended header");
}

static void expect_number(const char *field, size_t size, int result, int64_t expected)
{
	int64_t value = 0;

	assert_int_equal(tar_number((const unsigned char *)field, size, &value), result);
	assert_true(value == expected);
}

static void test_numbers(void **state)
{
	(void)state;
	expect_number("0000644\0", 8, 0, 0644);
	expect_number("  644 \0 ", 8, 0, 0644);
	expect_number("00000644", 8, 0, 0644);
	expect_number("\0\0\0\0\0\0\0\0", 8, 0, 0);
	expect_number("12\0junk ", 8, 0, 012);
	expect_number("12 3    ", 8, -EINVAL, 0);
	expect_number("0000648\0", 8, -EINVAL, 0);
	expect_number("-000001\0", 8, -EINVAL, 0);
	expect_number("777777777777", 12, 0, 0777777777777);
	expect_number("\x80\0\0\0\0\0\1\0", 8, 0, 256);
	expect_number("\xff\xff\xff\xff\xff\xff\xff\xfe", 8, 0, -2);
	expect_number("\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12, 0, INT64_MAX);
	expect_number("\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", 12, 0, INT64_MIN);
	expect_number("\x80\0\0\0\x80\0\0\0\0\0\0\0", 12, -ERANGE, 0);
	expect_number("\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, -ERANGE, 0);
}

/* Old archives summed signed bytes. */
static void test_signed_checksum(void **state)
{
	unsigned char *block = add_header(&archive, "caf\xc3\xa9", '5', 0);
	int sum = 0;

	(void)state;
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (signed char)block[i];
	(void)snprintf((char *)block + 148, 8, "%06o", (unsigned)sum);
	end(&archive);
	expect_read(&archive, "d644 7:8 caf\xc3\xa9\nend");
}

static void test_limits(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text));
	seal(add_header(&archive, "big", '0', (1 << 20) + 1));
	expect_read(&archive, "a file of 1048577 bytes where 1048576 are allowed");
	seal(add_header(&archive, "pax", 'x', 2049));
	expect_read(&archive, "a pax header of 2049 bytes where 2048 are allowed");
	seal(add_header(&archive, "long", 'L', PATH_MAX + 1));
	expect_read(&archive, "a name of 4097 bytes");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_kinds),
	cmocka_unit_test(test_prefix),
	cmocka_unit_test(test_long_names),
	cmocka_unit_test(test_pax),
	cmocka_unit_test(test_access_control_lists),
	cmocka_unit_test(test_sparse),
	cmocka_unit_test(test_ends),
	cmocka_unit_test(test_numbers),
	cmocka_unit_test(test_signed_checksum),
	cmocka_unit_test(test_limits),
};
UNIT_MAIN(tests)
