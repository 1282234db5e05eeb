/* spec/decode_hooks.c: programs of the host's that hear of a container's life [config.md, POSIX-platform Hooks]. */
#include "base/text.h"
#include "spec/decode.h"
#include "spec/json.h"

static const struct field hook_fields[] = {
	FIELD("path", decode_string, struct spec_hook, path, .required = true, .rule = &rule_absolute_path),
	FIELD("args", decode_strings, struct spec_hook, args, .max = SPEC_MAX_ARGS),
	FIELD("env", decode_strings, struct spec_hook, env, .max = SPEC_MAX_ARGS, .rule = &rule_environment,
		.given = MARK(struct spec_hook, has_env)),
	FIELD("timeout", decode_u32, struct spec_hook, timeout_s, .min = 1, .max = INT32_MAX),
};

static const struct object_type hook_type = {
	FIELDS(hook_fields),
	.size = sizeof(struct spec_hook),
	.origin = MARK(struct spec_hook, origin),
};

/* The list of one kind in spec.hooks, seen as one struct. */
struct all_hooks {
	struct spec_hooks of[SPEC_HOOK_KINDS];
};
#define HOOKS(name, kind)                                                                                              \
	LIST(name, decode_list, struct all_hooks, of[kind].items, of[kind].count, SPEC_MAX_HOOKS, .type = &hook_type)

static const struct field hooks_fields[SPEC_HOOK_KINDS] = {
	HOOKS("prestart", SPEC_HOOK_PRESTART),
	HOOKS("createRuntime", SPEC_HOOK_CREATE_RUNTIME),
	HOOKS("createContainer", SPEC_HOOK_CREATE_CONTAINER),
	HOOKS("startContainer", SPEC_HOOK_START_CONTAINER),
	HOOKS("poststart", SPEC_HOOK_POSTSTART),
	HOOKS("poststop", SPEC_HOOK_POSTSTOP),
};

const struct object_type hooks_type = { FIELDS(hooks_fields) };
