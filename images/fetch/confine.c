/* images/fetch/confine.c: see the header. */
#include "images/fetch/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/capability.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/syscalls.h"
#include "base/text.h"
#include "images/fetch_protocol.h"

enum { NOBODY = 65534 };

/* What getaddrinfo(3), its modules, OpenSSL and the loader read. */
static const char *const readable[] = {
	"/etc",
	"/usr",
	"/lib",
	"/lib64",
	"/run/systemd/resolve",
	"/run/resolvconf",
	"/run/NetworkManager",
};

static int limit(struct error *err)
{
	static const struct rlimit none = { 0, 0 }, manifest = { FETCH_MANIFEST_MAX, FETCH_MANIFEST_MAX };

	if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_FSIZE, &manifest) < 0)
		return error_sys(err, errno, "set limits");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, errno, "forbid new privileges");
	return 0;
}

/* In a user namespace there may be no nobody; who is root there is nobody outside. */
static int become_nobody(struct error *err)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return error_sys(err, errno, "drop the groups");
	if ((setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0) && errno != EINVAL)
		return error_sys(err, errno, "become nobody");
	return 0;
}

static int drop_capabilities(struct error *err)
{
	cap_t none = cap_init();
	int r = !none || cap_set_proc(none) < 0 ? -errno : 0;

	(void)cap_free(none);
	if (r == 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		r = -errno;
	return r < 0 ? error_sys(err, r, "drop the capabilities") : 0;
}

/* The kernel knows more rights than this header, in later versions; those of version 1 are everything that matters. */
static int make_rules(void)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1, /* all of version 1 */
	};

	return (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
}

static int allow_reading(int rules, const char *path)
{
	cleanup_close int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct landlock_path_beneath_attr attr = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = dir,
	};

	if (dir < 0)
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) < 0 ? -errno : 0;
}

static int restrict_files(struct error *err)
{
	cleanup_close int rules = make_rules();
	int r = 0;

	if (rules < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : error_sys(err, errno, "make Landlock rules");
	for (size_t i = 0; i < ARRAY_SIZE(readable) && r == 0; i++)
		r = allow_reading(rules, readable[i]);
	if (r == 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		r = -errno;
	return r < 0 ? error_sys(err, r, "restrict files by Landlock") : 0;
}

int fetch_confine(struct error *err)
{
	int r = limit(err);

	if (r == 0)
		r = restrict_files(err);
	if (r == 0)
		r = become_nobody(err);
	if (r == 0)
		r = drop_capabilities(err);
	if (r == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		r = error_sys(err, errno, "hide from other processes");
	return r;
}
