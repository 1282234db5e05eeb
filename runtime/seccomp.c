/* runtime/seccomp.c: libseccomp in front, a cache behind. */
#include "runtime/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/seccomp_internal.h"
#include "spec/spec.h"

enum {
	CACHE_FORMAT = 2,
	CACHE_NAMES = 64,
	CACHE_FILE_MAX = 4 << 20,
	TREE_FROM_RULES = 32, /* a tree costs more than it saves below [seccomp_attr_set(3), CTL_OPTIMIZE] */
	UNKNOWN_MAX = 512,    /* bytes of a list worth reading */
};

/* ---- the key: all that decides the program, as bytes ---- */

struct key {
	struct arena *arena;
	unsigned char *bytes;
	size_t len, size;
};

static void key_add(struct key *key, const void *data, size_t len)
{
	if (key->len + len > key->size) {
		unsigned char *before = key->bytes;
		key->size = (key->size + len) * 2;
		key->bytes = arena_alloc(key->arena, key->size);
		if (key->len)
			memcpy(key->bytes, before, key->len);
	}
	memcpy(key->bytes + key->len, data, len);
	key->len += len;
}

static void key_add_number(struct key *key, uint64_t number)
{
	key_add(key, &number, sizeof(number));
}

static void key_add_rule(struct key *key, const struct spec_seccomp_rule *rule)
{
	key_add_number(key, rule->action);
	key_add_number(key, rule->names.count);
	for (size_t i = 0; i < rule->names.count; i++)
		key_add(key, rule->names.items[i], strlen(rule->names.items[i]) + 1);
	key_add_number(key, rule->arg_count);
	for (size_t i = 0; i < rule->arg_count; i++) {
		key_add_number(key, rule->args[i].index);
		key_add_number(key, rule->args[i].value);
		key_add_number(key, rule->args[i].value_two);
		key_add_number(key, (uint64_t)rule->args[i].op);
	}
}

static struct key make_key(const struct spec_seccomp *seccomp, struct arena *arena)
{
	const struct scmp_version *library = seccomp_version();
	struct key key = { .arena = arena };

	key_add_number(&key, CACHE_FORMAT);
	key_add_number(&key, (uint64_t)library->major << 32 | library->minor << 16 | library->micro);
	key_add_number(&key, seccomp_arch_native());
	key_add_number(&key, seccomp->default_action);
	key_add_number(&key, seccomp_wants_stub(seccomp));
	key_add_number(&key, seccomp->architecture_count);
	for (size_t i = 0; i < seccomp->architecture_count; i++)
		key_add_number(&key, seccomp->architectures[i]);
	key_add_number(&key, seccomp->rule_count); /* counts everywhere: no key is the beginning of another */
	for (size_t i = 0; i < seccomp->rule_count; i++)
		key_add_rule(&key, &seccomp->rules[i]);
	return key;
}

/* [RFC draft-eastlake-fnv: FNV-1a] Spreads names; equality is checked on the whole key. */
static void cache_name(const struct key *key, char name[16])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < key->len; i++)
		hash = (hash ^ key->bytes[i]) * UINT64_C(0x100000001b3);
	(void)snprintf(name, 16, "%02u", (unsigned)(hash % CACHE_NAMES));
}

/* ---- the cache: key, then program ---- */

static bool find_cached(const struct key *key, int cache, struct arena *arena, struct seccomp_program *program)
{
	char name[16], *bytes;
	size_t len, rest;

	cache_name(key, name);
	if (cache < 0 || file_read_at(cache, name, CACHE_FILE_MAX, arena, &bytes, &len, NULL) < 0)
		return false;
	if (len <= key->len || memcmp(bytes, key->bytes, key->len) != 0)
		return false;
	rest = len - key->len;
	if (rest % sizeof(struct sock_filter) != 0 || rest / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return false;
	program->insns = ARENA_ARRAY(arena, rest / sizeof(struct sock_filter), struct sock_filter);
	memcpy(program->insns, bytes + key->len, rest);
	program->count = (unsigned short)(rest / sizeof(struct sock_filter));
	return true;
}

static void keep(struct key *key, int cache, const struct seccomp_program *program)
{
	char name[16];

	cache_name(key, name);
	key_add(key, program->insns, program->count * sizeof(*program->insns));
	if (cache >= 0)
		(void)file_replace_at(cache, name, key->bytes, key->len, 0600, NULL); /* or next time again */
}

/* ---- compiling ---- */

static int add_call(scmp_filter_ctx ctx, const struct spec_seccomp_rule *rule, int call)
{
	struct scmp_arg_cmp args[6];
	bool seen[6] = { false }, twice = false;
	int r = 0;

	for (size_t i = 0; i < rule->arg_count; i++) {
		twice = twice || seen[rule->args[i].index];
		seen[rule->args[i].index] = true;
	}
	if (!twice) {
		for (size_t i = 0; i < rule->arg_count; i++)
			args[i] = (struct scmp_arg_cmp){ rule->args[i].index, (enum scmp_compare)rule->args[i].op,
				rule->args[i].value, rule->args[i].value_two };
		return seccomp_rule_add_array(ctx, rule->action, call, (unsigned)rule->arg_count, args);
	}
	/* One comparison an argument is all a rule can have; several of one argument are alternatives, as everywhere. */
	for (size_t i = 0; i < rule->arg_count && r == 0; i++) {
		args[0] = (struct scmp_arg_cmp){ rule->args[i].index, (enum scmp_compare)rule->args[i].op,
			rule->args[i].value, rule->args[i].value_two };
		r = seccomp_rule_add_array(ctx, rule->action, call, 1, args);
	}
	return r;
}

static int add_rules(scmp_filter_ctx ctx, const struct spec_seccomp *seccomp, struct text *unknown, struct error *err)
{
	for (size_t i = 0; i < seccomp->rule_count; i++) {
		const struct spec_seccomp_rule *rule = &seccomp->rules[i];
		if (rule->action == seccomp->default_action)
			continue;
		for (size_t n = 0; n < rule->names.count; n++) {
			int call = seccomp_syscall_resolve_name(rule->names.items[n]), r = 0;
			if (call == __NR_SCMP_ERROR)
				text_add(unknown, "%s%s", unknown->len ? ", " : "", rule->names.items[n]);
			else
				r = add_call(ctx, rule, call);
			if (r < 0 && r != -EEXIST) {
				(void)error_sys(err, r, "add the rule for %s", rule->names.items[n]);
				return error_at(err, "%s", rule->origin);
			}
		}
	}
	return 0;
}

static int add_architectures(scmp_filter_ctx ctx, const struct spec_seccomp *seccomp, struct error *err)
{
	for (size_t i = 0; i < seccomp->architecture_count; i++) {
		int r = seccomp_arch_add(ctx, seccomp->architectures[i]);
		if (r < 0 && r != -EEXIST) {
			(void)error_sys(err, r, "add an architecture to the filter");
			return error_at(err, "linux.seccomp.architectures[%zu]", i);
		}
	}
	return 0;
}

static int export(scmp_filter_ctx ctx, struct arena *arena, struct seccomp_program *program, struct error *err)
{
	cleanup_close int fd = memfd_create("husk-seccomp", MFD_CLOEXEC);
	char *bytes;
	size_t len;
	int r;

	if (fd < 0)
		return error_sys(err, errno, "make a file for the seccomp filter");
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, r < 0 ? r : errno, "compile the seccomp filter");
	r = file_read_fd(fd, "the seccomp filter", CACHE_FILE_MAX, arena, &bytes, &len, err);
	if (r < 0)
		return r;
	if (len / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return error_bad(err, E2BIG, "the filter has %zu instructions; the kernel takes %d",
			len / sizeof(struct sock_filter), BPF_MAXINSNS);
	program->insns = (struct sock_filter *)(void *)bytes; /* the arena's memory is aligned for any type */
	program->count = (unsigned short)(len / sizeof(struct sock_filter));
	return 0;
}

static size_t count_calls(const struct spec_seccomp *seccomp)
{
	size_t count = 0;

	for (size_t i = 0; i < seccomp->rule_count; i++)
		count += seccomp->rules[i].names.count;
	return count;
}

static int compile(
	const struct spec_seccomp *seccomp, struct arena *arena, struct seccomp_program *program, struct error *err)
{
	scmp_filter_ctx ctx = seccomp_init(seccomp->default_action);
	struct text unknown;
	int r;

	if (!ctx)
		return error_sys(err, ENOMEM, "make a seccomp filter");
	text_init(&unknown, arena_alloc(arena, UNKNOWN_MAX), UNKNOWN_MAX);
	if (count_calls(seccomp) > TREE_FROM_RULES)
		(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = add_architectures(ctx, seccomp, err);
	if (r == 0)
		r = add_rules(ctx, seccomp, &unknown, err);
	if (r == 0)
		r = export(ctx, arena, program, err);
	if (r == 0 && seccomp_wants_stub(seccomp))
		r = seccomp_add_stub(seccomp, arena, program);
	if (r == -E2BIG && !err->code)
		(void)error_bad(
			err, E2BIG, "the filter is longer than the kernel takes, %d instructions", BPF_MAXINSNS);
	seccomp_release(ctx);
	program->unknown = unknown.len ? unknown.buf : NULL;
	if (r == 0 && program->strict && program->unknown)
		return error_bad(err, EINVAL, "system calls unknown to this libseccomp: %s", program->unknown);
	return r;
}

int seccomp_compile(const struct spec_seccomp *seccomp, int cache, struct arena *arena,
	struct seccomp_program *ret_program, struct error *err)
{
	struct key key = make_key(seccomp, arena);
	int r;

	*ret_program = (struct seccomp_program){
		.strict = ret_program->strict,
		/* As runtimes do where nothing is said: a profile is no reason to lose speculation [prctl(2)]. */
		.flags = seccomp->has_flags ? seccomp->flags : SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		.notifies = seccomp->notifies,
	};
	if (seccomp->notifies) /* of one thread; and the kernel takes either [seccomp(2)] */
		ret_program->flags =
			(ret_program->flags & ~(unsigned)SECCOMP_FILTER_FLAG_TSYNC) | SECCOMP_FILTER_FLAG_NEW_LISTENER;
	if (!ret_program->strict && find_cached(&key, cache, arena, ret_program))
		return 0;
	r = compile(seccomp, arena, ret_program, err);
	if (r < 0 && !err->where[0])
		(void)error_at(err, "linux.seccomp");
	if (r < 0)
		return r;
	keep(&key, cache, ret_program);
	return 0;
}

int seccomp_install(const struct seccomp_program *program)
{
	struct sock_fprog fprog = { .len = program->count, .filter = program->insns };

	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, program->flags, &fprog);

	return r < 0 ? -errno : (int)r;
}
