/* runtime/shown.c: see the header. */
#include "runtime/shown.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "netns/netns.h"
#include "runtime/notify.h"
#include "runtime/plan.h"

/* The container's users read them, whoever they are in its user namespace. */
enum { FOLDER_MODE = 0755, FILE_MODE = 0644 };

static const struct {
	const char *name; /* in the state directory */
	const char *place, *what;
	bool is_folder;
	bool yields; /* to a mount of the config's */
} kinds[SHOWN_KINDS] = {
	[SHOWN_NOTIFY] = { NOTIFY_FOLDER, NOTIFY_PLACE, "a folder of the container's state", .is_folder = true },
	[SHOWN_HOSTS] = { NAMES_HOSTS_FILE, "/etc/hosts", NAMES_HOSTS_FILE " of the container's state",
		.yields = true },
	[SHOWN_HOSTNAME] = { "hostname", "/etc/hostname", "hostname of the container's state", .yields = true },
	[SHOWN_RESOLV] = { "resolv.conf", "/etc/resolv.conf", "resolv.conf of the container's state", .yields = true },
};

void shown_plan(bool notify, const struct names_plan *names, struct view_extra ret_extras[SHOWN_KINDS])
{
	const bool wanted[SHOWN_KINDS] = {
		[SHOWN_NOTIFY] = notify,
		[SHOWN_HOSTS] = names != NULL,
		[SHOWN_HOSTNAME] = names != NULL,
		[SHOWN_RESOLV] = names && !names->keeps_resolv,
	};

	for (size_t i = 0; i < SHOWN_KINDS; i++)
		ret_extras[i] = (struct view_extra){
			.what = kinds[i].what,
			.place = wanted[i] ? kinds[i].place : NULL,
			.yields = kinds[i].yields,
		};
}

static int make_one(int dir, size_t kind)
{
	cleanup_close int fd = -1;

	if (kinds[kind].is_folder)
		return mkdirat(dir, kinds[kind].name, FOLDER_MODE) < 0 ? -errno : 0;
	fd = openat(dir, kinds[kind].name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	return fd < 0 || fchmod(fd, FILE_MODE) < 0 ? -errno : 0; /* whatever the umask */
}

int shown_make(struct plan *plan, int dir, struct error *err)
{
	char path[PATH_MAX];
	int r = path_of_fd(dir, path, sizeof(path));

	if (r < 0)
		return error_sys(err, r, "find the path of the container's state");
	for (size_t i = 0; i < SHOWN_KINDS; i++) {
		struct step *step = &plan->steps.items[plan->extras[i].step];
		if (plan->extras[i].step == 0)
			continue;
		if ((r = make_one(dir, i)) < 0)
			return error_sys(err, r, "make %s", kinds[i].what);
		view_set_extra_source(step, arena_printf(plan->arena, "%s/%s", path, kinds[i].name));
		if (!plan->child_opens && (r = step->kind->open(step, err)) < 0)
			return r;
	}
	return 0;
}

int shown_write(const struct plan *plan, int dir, enum shown which, const char *text, struct error *err)
{
	cleanup_close int fd = -1;
	int r;

	if (plan->extras[which].step == 0)
		return 0;
	fd = openat(dir, kinds[which].name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : file_write_all(fd, text, strlen(text));
	return r < 0 ? error_sys(err, r, "write %s", kinds[which].what) : 0;
}

int shown_remove(int dir)
{
	for (size_t i = 0; i < SHOWN_KINDS; i++)
		if (unlinkat(dir, kinds[i].name, kinds[i].is_folder ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT)
			return -errno;
	return 0;
}
