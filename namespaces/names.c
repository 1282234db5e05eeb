/* namespaces/names.c: what the container is called, and its sysctls.
 *
 * Sysctls are written through the private procfs, whose /proc/sys shows the namespaces of whoever opens it; the words
 * were checked against what is namespaced by spec/. [proc(5), uts_namespaces(7)] */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/text.h"
#include "namespaces/namespaces_internal.h"

struct sysctl_args {
	const char *path; /* "sys/net/ipv4/ip_forward" */
	const char *value;
};

static void hostname_say(const struct step *step, struct text *text)
{
	text_add(text, "set the host name to %s", (const char *)step->args);
}

static int hostname_apply(const struct step *step, struct walk *walk)
{
	(void)walk;
	return sethostname(step->args, strlen(step->args)) < 0 ? -errno : 0;
}

static void domainname_say(const struct step *step, struct text *text)
{
	text_add(text, "set the domain name to %s", (const char *)step->args);
}

static int domainname_apply(const struct step *step, struct walk *walk)
{
	(void)walk;
	return setdomainname(step->args, strlen(step->args)) < 0 ? -errno : 0;
}

static void sysctl_say(const struct step *step, struct text *text)
{
	const struct sysctl_args *args = step->args;

	text_add(text, "write \"%s\" to /proc/%s", args->value, args->path);
}

static int sysctl_apply(const struct step *step, struct walk *walk)
{
	const struct sysctl_args *args = step->args;
	cleanup_close int fd = path_open_beneath(walk->procfs, args->path, O_WRONLY);

	return fd < 0 ? fd : file_write_all(fd, args->value, strlen(args->value));
}

static const struct step_kind hostname_step = { .name = "hostname", .say = hostname_say, .apply = hostname_apply };
static const struct step_kind domainname_step = {
	.name = "domainname",
	.say = domainname_say,
	.apply = domainname_apply,
};
static const struct step_kind sysctl_step = { .name = "sysctl", .say = sysctl_say, .apply = sysctl_apply };

/* "net.ipv4.ip_forward" and "net/ipv4/conf/eth0.100/x" to a path; the first separator tells which form it is
 * [sysctl(8)]. */
static char *sysctl_path(const char *key, struct arena *arena)
{
	char *path = arena_printf(arena, "sys/%s", key);
	char separator = key[strcspn(key, "./")];

	for (char *c = path + strlen("sys/"); *c; c++)
		if (*c == separator && separator == '.')
			*c = '/';
		else if (*c == '/' && separator == '.')
			*c = '.';
	return path;
}

void names_steps(const struct spec *spec, struct steps *steps)
{
	if (spec->hostname)
		steps_add(steps, &hostname_step, "hostname", arena_strdup(steps->arena, spec->hostname));
	if (spec->domainname)
		steps_add(steps, &domainname_step, "domainname", arena_strdup(steps->arena, spec->domainname));
	for (size_t i = 0; i < spec->linux_.sysctl_count; i++) {
		struct sysctl_args *args = ARENA_NEW(steps->arena, struct sysctl_args);
		args->path = sysctl_path(spec->linux_.sysctl[i].key, steps->arena);
		args->value = spec->linux_.sysctl[i].value;
		steps_add(steps, &sysctl_step, "linux.sysctl", args);
	}
}
