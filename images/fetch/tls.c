/* images/fetch/tls.c: certificates for one host, from where podman and docker look for them [containers-certs.d(5)].
 *
 *	HOST:PORT/NAME.crt	authorities that are trusted besides the system's
 *	HOST:PORT/NAME.cert	who we are, with its key in NAME.key */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "images/fetch/site.h"

enum { PEM_MAX = 1 << 20, FILES_MAX = 256 };

/* Links are followed: certificates are often kept elsewhere, and the folder is the host's. */
static int read_pem(int dir, const char *name, const char *shown, struct arena *arena, char **ret, struct error *err)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, errno, "open %s", shown);
	if (!S_ISREG(st.st_mode))
		return error_bad(err, EINVAL, "%s is not a regular file", shown);
	return file_read_fd(fd, shown, PEM_MAX, arena, ret, NULL, err);
}

static int read_ca(
	int dir, const char *name, const char *shown, struct arena *arena, struct tls *tls, struct error *err)
{
	char *text = "";
	int r = read_pem(dir, name, shown, arena, &text, err);

	if (r < 0)
		return r;
	if (!strstr(text, "-----BEGIN"))
		return error_bad(err, EINVAL, "%s holds no certificate in PEM form", shown);
	tls->ca = arena_printf(arena, "%s%s\n", tls->ca, text);
	return 0;
}

static int read_pair(
	int dir, const char *name, const char *shown, struct arena *arena, struct tls *tls, struct error *err)
{
	size_t stem = strlen(name) - strlen(".cert"), folder = strlen(shown) - strlen(name);
	const char *key_name = arena_printf(arena, "%.*s.key", (int)stem, name);
	const char *key_shown = arena_printf(arena, "%.*s%s", (int)folder, shown, key_name);
	char *cert = "", *key = "";
	int r = read_pem(dir, name, shown, arena, &cert, err);

	if (r == 0)
		r = read_pem(dir, key_name, key_shown, arena, &key, err);
	if (r < 0)
		return r;
	tls->cert = cert;
	tls->key = key;
	return 0;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && strcmp(name + len - end_len, end) == 0;
}

static int read_folder(DIR *dir, const char *path, struct arena *arena, struct tls *tls, struct error *err)
{
	const struct dirent *entry;
	unsigned count = 0;
	int r = 0;

	while (r == 0 && (entry = readdir(dir))) {
		const char *shown = arena_printf(arena, "%s/%s", path, entry->d_name);
		if (++count > FILES_MAX)
			return error_bad(err, E2BIG, "%s holds more than %d files", path, FILES_MAX);
		if (ends_with(entry->d_name, ".crt"))
			r = read_ca(dirfd(dir), entry->d_name, shown, arena, tls, err);
		else if (ends_with(entry->d_name, ".cert"))
			r = read_pair(dirfd(dir), entry->d_name, shown, arena, tls, err);
	}
	return r;
}

/* 1: read; 0: there is no such folder. */
static int try_folder(const char *path, struct arena *arena, struct tls *tls, struct error *err)
{
	DIR *dir = opendir(path);
	int r;

	if (!dir)
		return errno == ENOENT || errno == ENOTDIR ? 0 : error_sys(err, errno, "open %s", path);
	r = read_folder(dir, path, arena, tls, err);
	(void)closedir(dir);
	return r < 0 ? r : 1;
}

static int try_known_folders(const char *host, struct arena *arena, struct tls *tls, struct error *err)
{
	const char *home = getenv("HOME");
	const char *const folders[] = {
		arena_printf(arena, "%s/.config/containers/certs.d", home && *home == '/' ? home : ""),
		"/etc/containers/certs.d",
		"/etc/docker/certs.d",
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(folders) && r == 0; i++)
		r = try_folder(arena_printf(arena, "%s/%s", folders[i], host), arena, tls, err);
	return r;
}

int tls_load(
	const char *host, const char *cert_dir, const char *ca, struct arena *arena, struct tls *ret, struct error *err)
{
	struct tls tls = { "", "", "" };
	int r = cert_dir ? try_folder(cert_dir, arena, &tls, err) : try_known_folders(host, arena, &tls, err);

	if (cert_dir && r == 0)
		return error_sys(err, ENOENT, "open %s", cert_dir);
	if (r >= 0 && ca)
		r = read_ca(AT_FDCWD, ca, ca, arena, &tls, err);
	if (r < 0)
		return r;
	*ret = tls;
	return 0;
}
