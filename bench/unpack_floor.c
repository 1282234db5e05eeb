/* bench/unpack_floor.c: the least that unpacking layers can take on one processor: gzip to memory by ISA-L, then the same files
 * written from memory, with no hashing, no checks, no way back.
 *
 *	unpack_floor FOLDER LAYER.tar.gz...
 *
 * Trusts its input, which bench/images made. Exits with 99 where something failed, which is all it says. */
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 512, MEMORY = 1 << 30, NAME = 4096 };

struct name {
	char text[NAME];
	bool given;
};

static void must(long result)
{
	if (result < 0)
		_exit(99);
}

static uint64_t octal(const unsigned char *field, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size && field[i]; i++)
		if (field[i] >= '0' && field[i] <= '7')
			value = value << 3 | (uint64_t)(field[i] - '0');
	return value;
}

static size_t inflate_all(const char *path, unsigned char *out)
{
	static struct inflate_state state;
	int fd = open(path, O_RDONLY);
	struct stat st;

	must(fd);
	must(fstat(fd, &st));
	unsigned char *in = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (in == MAP_FAILED)
		_exit(99);
	isal_inflate_init(&state);
	state.crc_flag = ISAL_GZIP;
	state.next_in = in;
	state.avail_in = (uint32_t)st.st_size;
	state.next_out = out;
	state.avail_out = MEMORY;
	if (isal_inflate(&state) != ISAL_DECOMP_OK)
		_exit(99);
	(void)munmap(in, (size_t)st.st_size);
	(void)close(fd);
	return MEMORY - state.avail_out;
}

static void take_name(struct name *name, const unsigned char *from, size_t size)
{
	size = size < NAME - 1 ? size : NAME - 1;
	memcpy(name->text, from, size);
	name->text[size] = '\0';
	name->given = true;
}

/* path= and linkpath= of a pax header. */
static void take_pax(const unsigned char *at, size_t size, struct name *path, struct name *link)
{
	for (const unsigned char *end = at + size; at < end;) {
		size_t len = strtoul((const char *)at, NULL, 10);
		const unsigned char *key = memchr(at, ' ', len);
		if (!key || len == 0)
			_exit(99);
		if (memcmp(++key, "path=", 5) == 0)
			take_name(path, key + 5, (size_t)(at + len - 1 - key - 5));
		else if (memcmp(key, "linkpath=", 9) == 0)
			take_name(link, key + 9, (size_t)(at + len - 1 - key - 9));
		at += len;
	}
}

static void write_file(const char *path, const unsigned char *bytes, uint64_t size, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	must(fd);
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);
		must(n);
		bytes += n;
		size -= (uint64_t)n;
	}
	must(close(fd));
}

/* Where the name is taken, by the layer below. */
static void make_link(unsigned char type, const char *path, const char *target)
{
	for (int tries = 0; tries < 2; tries++) {
		if ((type == '2' ? symlink(target, path) : linkat(AT_FDCWD, target, AT_FDCWD, path, 0)) == 0)
			return;
		must(unlink(path));
	}
	_exit(99);
}

static void make(
	unsigned char type, const char *path, const char *link, mode_t mode, const unsigned char *body, uint64_t size)
{
	if (type == '5') /* both layers have some */
		(void)mkdir(path, mode);
	else if (type == '2' || type == '1')
		make_link(type, path, link);
	else if (type == '0')
		write_file(path, body, size, mode);
}

static void unpack(const unsigned char *at, const unsigned char *end)
{
	static struct name path, link;

	while (at + BLOCK <= end && *at) {
		const unsigned char *body = at + BLOCK;
		uint64_t size = octal(at + 124, 12);
		unsigned char type = at[156];
		if (type == 'x') {
			take_pax(body, size, &path, &link);
		} else if (type == 'L' || type == 'K') {
			take_name(type == 'L' ? &path : &link, body, size);
		} else {
			if (!path.given)
				take_name(&path, at, 100);
			if (!link.given)
				take_name(&link, at + 157, 100);
			make(type, path.text, link.text, octal(at + 100, 8) & 07777, body, size);
			path.given = link.given = false;
		}
		at = body + ((size + BLOCK - 1) & ~(uint64_t)(BLOCK - 1));
	}
}

int main(int argc, char **argv)
{
	unsigned char *memory =
		mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int start = open(".", O_RDONLY | O_DIRECTORY);

	if (argc < 3 || memory == MAP_FAILED)
		return 99;
	(void)umask(0);
	for (int i = 2; i < argc; i++) {
		must(fchdir(start));
		size_t size = inflate_all(argv[i], memory);
		must(chdir(argv[1]));
		unpack(memory, memory + size);
	}
	return 0;
}
