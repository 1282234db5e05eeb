/* runtime/cli/image_flags.c: see the header. */
#include "runtime/cli/image_flags.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

static bool is_given(const struct option *option, const void *target)
{
	const char *member = (const char *)target + option->offset;

	switch (option->kind) {
	case OPTION_FLAG: return *(const bool *)member;
	case OPTION_LIST: return ((const struct option_list *)member)->count > 0;
	case OPTION_NUMBER:
	case OPTION_CHOICE: return *(const unsigned *)member != 0;
	case OPTION_TEXT: break;
	}
	return *(const char *const *)member != NULL;
}

int image_flags_need_image(const struct option *options, size_t count, const void *target,
	const struct image_flags *flags, struct error *err)
{
	size_t first = (size_t)((const char *)flags - (const char *)target);

	for (size_t i = 0; i < count; i++) {
		if (options[i].offset < first || options[i].offset >= first + sizeof(*flags) ||
			!is_given(&options[i], target) || strcmp(options[i].name, "rm") == 0)
			continue;
		(void)error_bad(err, EINVAL, "--%s needs --image", options[i].name);
		return error_hint(err, "a bundle has a config.json for that");
	}
	return 0;
}
