/* tests/fuzz/layer.c: any bytes as the blob of a layer: decompressed, read, put into a tree, merged and removed.
 *
 * Works in a folder of its own in /dev/shm. What lies beside that folder may not change: a file and a folder are looked at after each
 * run. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/tree.h"
#include "images/image/layer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int top = -1;
static char path[] = "/dev/shm/husk-fuzz.XXXXXX";

static void must(int result)
{
	if (result < 0)
		abort();
}

static void remove_top(void)
{
	cleanup_close int shm = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error err = { 0 };

	(void)tree_erase(shm, path + strlen("/dev/shm/"), &err);
}

static void open_top(void)
{
	if (!mkdtemp(path) || atexit(remove_top) != 0)
		abort();
	top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(top);
	must(mknodat(top, "witness", S_IFREG | 0600, 0));
}

static void check_witness(void)
{
	struct stat st;

	must(fstatat(top, "witness", &st, AT_SYMLINK_NOFOLLOW));
	if (st.st_mode != (S_IFREG | 0600) || st.st_size != 0 || st.st_nlink != 1 || st.st_uid != geteuid())
		abort();
	must(fstat(top, &st));
	if (st.st_mode != (S_IFDIR | 0700) || st.st_nlink > 4)
		abort();
}

static int make_tree(const char *name)
{
	struct error err = { 0 };
	int fd;

	must(tree_erase(top, name, &err));
	must(mkdirat(top, name, 0700));
	fd = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct layer_limits limits = { 1 << 20, 1000, 16, 8192, 100, 0 };
	struct layer_result result;
	struct error err = { 0 };

	if (top < 0)
		open_top();
	int blob = memfd_create("blob", MFD_CLOEXEC), tree = make_tree("tree"), lower = make_tree("lower");
	must(blob);
	if (write(blob, data, size) != (ssize_t)size)
		abort();
	must((int)lseek(blob, 0, SEEK_SET));
	const struct layer_request request = { .name = "fuzz",
		.stream = blob,
		.keep = -1,
		.tree = tree,
		.lower = &lower,
		.lower_count = 1,
		.limits = &limits };
	int r = layer_unpack(&request, &result, &err);
	if (r < 0 && !err.what[0])
		abort();
	if (r == 0 && layer_merge(lower, tree, "fuzz", &err) < 0)
		abort();
	check_witness();
	(void)close(blob);
	(void)close(tree);
	(void)close(lower);
	return 0;
}
