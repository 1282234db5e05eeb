/* images/fetch/credentials.h: who we are to a registry, from the files that podman and docker write.
 *
 * Looked for in this order, and the first file that knows the registry decides: --authfile or $REGISTRY_AUTH_FILE alone, else
 * $XDG_RUNTIME_DIR/containers/auth.json, $XDG_CONFIG_HOME/containers/auth.json, $DOCKER_CONFIG/config.json, ~/.docker/config.json
 * [containers-auth.json(5)]. Within a file: the entry of the registry, or of the longest part of a repository in it that fits;
 * else the helper that the file names for the registry, else its credsStore. --creds goes before all.
 * Credentials are for one host: they are never sent to another, not to a mirror either. */
#pragma once
#include <stddef.h>
struct arena;
struct error;

enum { CREDENTIALS_MAX_BYTES = 1 << 20 };

struct credentials {
	const char *user, *password; /* NULL: an identity token alone */
	const char *identity_token;  /* NULL: none */
	const char *source;          /* the file, or "--creds"; for messages */
};

struct credentials_entry {
	struct credentials_entry *next;
	const char *key; /* host[:port][/part], as images are named */
	struct credentials is;
};

struct credentials_helper {
	struct credentials_helper *next;
	const char *host; /* NULL: for all */
	const char *name; /* docker-credential-NAME */
};

struct auth_file {
	struct credentials_entry *entries;
	struct credentials_helper *helpers;
};

/* Reads the text of auth.json or config.json; pure. Texts are in the arena. -EINVAL: broken, or an entry that is no base64. */
int auth_file_parse(
	const char *text, size_t len, const char *name, struct arena *arena, struct auth_file *ret, struct error *err);

/* "USER[:PASSWORD]" as of --creds. -EINVAL without a user. */
int credentials_parse(const char *text, struct arena *arena, struct credentials *ret, struct error *err);

/* What is known of one registry, as images are named ("docker.io"): all entries for it and its parts. */
struct credentials_known {
	struct credentials_entry *entries;
	const char *warning; /* NULL, or what is wrong with the file that they are from */
};

/* Finds, reads and, where a file names a helper, asks it. `auth_file` as --authfile, or NULL. Without any: no entries, 0. */
int credentials_load(
	const char *auth_file, const char *host, struct arena *arena, struct credentials_known *ret, struct error *err);

/* The one for a repository of that registry; NULL: none. */
const struct credentials *credentials_find(
	const struct credentials_entry *entries, const char *host, const char *repository);
