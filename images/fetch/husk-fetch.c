/* images/fetch/husk-fetch.c: speaks to a registry for husk-image (images/fetch_protocol.h).
 *
 * Everything that needs rights comes first: configuration, credentials, certificates. Then it gives them up, and only then
 * answers that it is ready; all that it hears from the network is heard by a process that may do nothing but that. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "images/fetch/rights.h"
#include "images/fetch/server.h"
#include "images/fetch_protocol.h"

struct opening {
	const char *registry;
	struct site_settings site;
	const char *config;
	uint64_t parallel, retries; /* UINT64_MAX: as configured */
};

/* ---- the first message ---- */

static int set(struct opening *opening, const char *name, const char *value)
{
	const struct {
		const char *name;
		const char **text;
	} texts[] = {
		{ "authfile", &opening->site.auth_file },
		{ "creds", &opening->site.creds },
		{ "cert-dir", &opening->site.cert_dir },
		{ "config", &opening->config },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (strcmp(name, texts[i].name) == 0)
			return *texts[i].text = value, 0;
	if (strcmp(name, "tls-verify") == 0)
		return opening->site.tls_verify = *value == '1', 0;
	if (strcmp(name, "parallel") == 0)
		return text_to_u64(value, 1, 64, &opening->parallel);
	if (strcmp(name, "retries") == 0)
		return text_to_u64(value, 0, 100, &opening->retries);
	return -EINVAL;
}

/* The host comes from a command line; it becomes part of addresses and of a folder's name. */
static bool is_host(const char *host)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";

	return *host && *host != '.' && strspn(host, letters) == strlen(host) && !strstr(host, "..");
}

static int read_opening(const char *text, size_t len, struct opening *ret, struct error *err)
{
	const char *words[FETCH_WORDS_MAX];
	int count = fetch_message_split(text, len, words);
	struct opening opening = { .site.tls_verify = -1, .parallel = UINT64_MAX, .retries = UINT64_MAX };

	if (count < 2 || count % 2 != 0 || strcmp(words[0], FETCH_OPEN) != 0)
		return error_bad(err, EBADMSG, "husk-fetch was not opened properly");
	opening.registry = words[1];
	if (!is_host(opening.registry))
		return error_bad(err, EINVAL, "\"%s\" is no name of a registry", opening.registry);
	for (int i = 2; i < count; i += 2)
		if (set(&opening, words[i], words[i + 1]) < 0)
			return error_bad(err, EINVAL, "\"%s\" cannot be %s", words[i + 1], words[i]);
	*ret = opening;
	return 0;
}

/* ---- registries.conf ---- */

static int read_config(const char *path, struct arena *arena, struct registries *registries, struct error *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char *text;
	int r;

	if (fd < 0)
		return error_sys(err, errno, "open %s", path);
	r = file_read_fd(fd, path, REGISTRIES_MAX_BYTES, arena, &text, NULL, err);
	return r < 0 ? r : registries_parse(text, path, arena, registries, err);
}

/* A user's own stands for the host's. */
static int find_config(const char *named, struct arena *arena, struct registries *registries, struct error *err)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME"), *user = NULL;
	static const char host[] = "/etc/husk/registries.conf";

	if (named)
		return read_config(named, arena, registries, err);
	if (config && *config == '/')
		user = arena_printf(arena, "%s/husk/registries.conf", config);
	else if (home && *home == '/')
		user = arena_printf(arena, "%s/.config/husk/registries.conf", home);
	if (user && access(user, F_OK) == 0)
		return read_config(user, arena, registries, err);
	return access(host, F_OK) == 0 ? read_config(host, arena, registries, err) : 0;
}

/* ---- the program ---- */

static int prepare(struct fetcher *fetcher, const struct opening *opening, struct arena *arena, struct error *err)
{
	int r;

	registries_init(&fetcher->registries);
	r = find_config(opening->config, arena, &fetcher->registries, err);
	if (r < 0)
		return r;
	if (opening->parallel != UINT64_MAX)
		fetcher->registries.parallel = (unsigned)opening->parallel;
	if (opening->retries != UINT64_MAX)
		fetcher->registries.retries = (unsigned)opening->retries;
	fetcher->registry = opening->registry;
	fetcher->sites.arena = arena;
	return sites_prepare(&fetcher->sites, &fetcher->registries, &opening->site, opening->registry, err);
}

/* A connection for each download: in one that several share, a layer that is slowly unpacked would hold up the others. */
static int start_curl(struct fetcher *fetcher, struct error *err)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	(void)sigaction(SIGPIPE, &ignore, NULL); /* a reader that has gone is an error of write(2) */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(fetcher->multi = curl_multi_init()))
		return error_sys(err, ENOMEM, "start libcurl");
	(void)curl_multi_setopt(fetcher->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	return 0;
}

static int open_registry(struct fetcher *fetcher, const char *text, size_t len, struct arena *arena, struct error *err)
{
	struct opening opening = { 0 };
	int r = read_opening(text, len, &opening, err);

	if (r == 0)
		r = prepare(fetcher, &opening, arena, err);
	if (r == 0 && fetcher->sites.warning && log_open(NULL, LOG_FORMAT_TEXT, LOG_LEVEL_WARNING, err) == 0)
		log_line(LOG_LEVEL_WARNING, fetcher->sites.warning);
	if (r == 0)
		r = start_curl(fetcher, err);
	return r < 0 ? r : rights_drop(err);
}

#ifdef __SANITIZE_ADDRESS__ /* its search for leaks looks into the process from outside, which nothing may by then */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

int main(void)
{
	static char text[FETCH_MESSAGE_MAX];
	struct fetcher fetcher = { 0 };
	struct error err = { 0 };
	struct arena arena;
	ssize_t n = recv(STDIN_FILENO, text, sizeof(text), 0);
	int r;

	if (n <= 0)
		return 1; /* nobody asks: it was started by hand */
	arena_init(&arena);
	r = open_registry(&fetcher, text, (size_t)n, &arena, &err);
	if (serve_answer(STDIN_FILENO, 0, &err, "", 0) == 0 && r == 0) {
		r = serve(&fetcher, STDIN_FILENO, &err);
		if (r < 0)
			log_error(&err);
	}
	return r < 0; /* at once: tidying up would wait for look-ups of names */
}
