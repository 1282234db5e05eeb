/* runtime/state_dir.c: directories, locks and their end. */
#include "runtime/state_dir.h"
#include "runtime/end.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "namespaces/namespaces.h"
#include "runtime/notify.h"
#include "runtime/record.h"
#include "runtime/shown.h"

enum { CLAIM_TIMEOUT_MS = 1000 };

const char *state_root_path(const char *option, uid_t euid, char *buf, size_t size)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	bool given = runtime && *runtime;

	if (option)
		return option;
	if (euid == 0 && !(given && namespaces_ids_mapped()))
		return "/run/husk";
	if (!given || (size_t)snprintf(buf, size, "%s/husk", runtime) >= size)
		return NULL;
	return buf;
}

const char *store_path(const char *option, uid_t euid, char *buf, size_t size)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	int len;

	if (option)
		return option;
	if (euid == 0)
		return "/var/lib/husk";
	if (data && *data)
		len = snprintf(buf, size, "%s/husk", data);
	else if (home && *home)
		len = snprintf(buf, size, "%s/.local/share/husk", home);
	else
		return NULL;
	return (size_t)len < size ? buf : NULL;
}

int state_root_open(const char *path, bool make, int *ret_root, struct error *err)
{
	int fd;

	*ret_root = -1;
	if (!make) {
		if (access(path, F_OK) < 0 && errno == ENOENT)
			return 0;
	}
	fd = path_open_private_dir(path, err);
	if (fd < 0)
		return error_at(err, "the state root %s", path);
	*ret_root = fd;
	return 0;
}

/* ---- one container's ---- */

static int open_dir(int root, const char *id)
{
	int fd = root < 0 ? -1 : openat(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 ? fd : root < 0 ? -ENOENT : -errno;
}

int state_dir_claim(int root, const char *id, struct error *err)
{
	cleanup_close int dir = -1;
	int r;

	if (mkdirat(root, id, 0700) < 0) {
		int code = errno;
		if (code != EEXIST)
			return error_sys(err, code, "make the state of the container \"%s\"", id);
		(void)error_bad(err, code, "container \"%s\" already exists", id);
		return error_hint(err, "husk delete %s removes it once it has stopped", id);
	}
	dir = open_dir(root, id);
	if (dir < 0)
		return error_sys(err, dir, "open the state of the container \"%s\"", id);
	r = state_dir_lock(dir, id, CLAIM_TIMEOUT_MS, err); /* somebody may just be looking */
	return r < 0 ? r : fd_take(&dir);
}

int state_dir_open(int root, const char *id, struct error *err)
{
	int r = spec_check_id(id, err);

	if (r < 0)
		return r;
	r = open_dir(root, id);
	if (r == -ENOENT)
		return error_bad(err, ENOENT, "container \"%s\" does not exist", id);
	return r < 0 ? error_sys(err, r, "open the state of the container \"%s\"", id) : r;
}

/* A directory that was removed keeps its lock, and nothing else. */
static bool is_gone(int dir)
{
	struct stat st;

	return fstat(dir, &st) == 0 && st.st_nlink == 0;
}

int state_dir_lock(int dir, const char *id, unsigned timeout_ms, struct error *err)
{
	enum { PAUSE_MS = 5 };

	for (unsigned waited = 0; flock(dir, LOCK_EX | LOCK_NB) < 0; waited += PAUSE_MS) {
		const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_sys(err, errno, "lock the state of the container \"%s\"", id);
		if (waited >= timeout_ms)
			return error_bad(err, EBUSY, "another husk is at work on the container \"%s\"", id);
		(void)nanosleep(&pause, NULL);
	}
	if (is_gone(dir))
		return error_bad(err, ENOENT, "container \"%s\" does not exist", id);
	return 0;
}

void state_dir_unlock(int dir)
{
	(void)flock(dir, LOCK_UN);
}

/* A lock of its own open file, shared with nobody who asks, in the way of nobody who waits. */
bool state_dir_is_locked(int dir)
{
	cleanup_close int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return own >= 0 && flock(own, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

/* Files of another version of husk. The folder is ours alone, so whatever is in it was put there by one. */
static void remove_strangers(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);

	for (const struct dirent *entry; listing && (entry = readdir(listing));)
		(void)unlinkat(dir, entry->d_name, 0);
	if (listing)
		(void)closedir(listing);
}

int state_dir_remove(int root, const char *id, int dir, struct error *err)
{
	static const char *const files[] = {
		"network.tmp",
		"network",
		GATE_SOCKET_FILE,
		END_FILE ".tmp",
		END_FILE,
		RECORD_FILE ".tmp",
		RECORD_FILE,
	};

	int r;

	(void)unlinkat(dir, NOTIFY_FOLDER "/" NOTIFY_SOCKET, 0);
	if ((r = shown_remove(dir)) < 0)
		return error_sys(err, r, "remove what the container \"%s\" saw of its state", id);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (unlinkat(dir, files[i], 0) < 0 && errno != ENOENT)
			return error_sys(err, errno, "remove %s of the container \"%s\"", files[i], id);
	if (unlinkat(root, id, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	remove_strangers(dir);
	if (unlinkat(root, id, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_sys(err, errno, "remove the state of the container \"%s\"", id);
	return 0;
}
