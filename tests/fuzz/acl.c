/* tests/fuzz/acl.c: any bytes as an access control list in words; what comes of it is no longer than they, and whole entries. */
#include <linux/posix_acl_xattr.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "images/image/tar_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct error err = { 0 };
	size_t len = 0;
	int r;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	r = acl_from_text(text, size, &len, &err);
	if (r == 0 &&
		(len > size ||
			(len - sizeof(struct posix_acl_xattr_header)) % sizeof(struct posix_acl_xattr_entry) != 0))
		abort();
	if (r < 0 && err.code != r)
		abort();
	free(text);
	return 0;
}
