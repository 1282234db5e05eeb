/* spec/words.c: the words of signals, capabilities, limits, namespaces, hooks and states. */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>
#include <sys/resource.h>

#include "base/text.h"
#include "spec/spec.h"

const char *const spec_hook_names[SPEC_HOOK_KINDS] = {
	[SPEC_HOOK_PRESTART] = "prestart",
	[SPEC_HOOK_CREATE_RUNTIME] = "createRuntime",
	[SPEC_HOOK_CREATE_CONTAINER] = "createContainer",
	[SPEC_HOOK_START_CONTAINER] = "startContainer",
	[SPEC_HOOK_POSTSTART] = "poststart",
	[SPEC_HOOK_POSTSTOP] = "poststop",
};

const char *const spec_namespace_names[SPEC_NAMESPACES] = {
	[SPEC_NS_USER] = "user",
	[SPEC_NS_PID] = "pid",
	[SPEC_NS_NETWORK] = "network",
	[SPEC_NS_MOUNT] = "mount",
	[SPEC_NS_IPC] = "ipc",
	[SPEC_NS_UTS] = "uts",
	[SPEC_NS_CGROUP] = "cgroup",
	[SPEC_NS_TIME] = "time",
};

const char *const spec_status_names[SPEC_STATUSES] = {
	[SPEC_CREATING] = "creating",
	[SPEC_CREATED] = "created",
	[SPEC_RUNNING] = "running",
	[SPEC_PAUSED] = "paused",
	[SPEC_STOPPED] = "stopped",
};

/* ---- signals ---- */

#define SIGNAL(name) [SIG##name] = "SIG" #name
static const char *const signals[] = {
	SIGNAL(HUP),
	SIGNAL(INT),
	SIGNAL(QUIT),
	SIGNAL(ILL),
	SIGNAL(TRAP),
	SIGNAL(ABRT),
	SIGNAL(BUS),
	SIGNAL(FPE),
	SIGNAL(KILL),
	SIGNAL(USR1),
	SIGNAL(SEGV),
	SIGNAL(USR2),
	SIGNAL(PIPE),
	SIGNAL(ALRM),
	SIGNAL(TERM),
	SIGNAL(CHLD),
	SIGNAL(CONT),
	SIGNAL(STOP),
	SIGNAL(TSTP),
	SIGNAL(TTIN),
	SIGNAL(TTOU),
	SIGNAL(URG),
	SIGNAL(XCPU),
	SIGNAL(XFSZ),
	SIGNAL(PROF),
	SIGNAL(VTALRM),
	SIGNAL(IO),
	SIGNAL(PWR),
	SIGNAL(SYS),
	SIGNAL(WINCH),
#ifdef SIGSTKFLT
	SIGNAL(STKFLT),
#endif
};

/* Other names of the same signals [signal(7)]. */
static const struct {
	const char *name;
	int signal;
} signal_aliases[] = { { "IOT", SIGABRT }, { "CLD", SIGCHLD }, { "POLL", SIGIO } };

const char *word_signal_name(int signal)
{
	return signal > 0 && (size_t)signal < ARRAY_SIZE(signals) ? signals[signal] : NULL;
}

/* "RTMIN", "RTMIN+3", "RTMAX-1". */
static int realtime_signal(const char *word)
{
	bool from_min = strncasecmp(word, "RTMIN", 5) == 0;
	uint64_t offset = 0;

	if (!from_min && strncasecmp(word, "RTMAX", 5) != 0)
		return -1;
	word += 5;
	if (*word &&
		(*word != (from_min ? '+' : '-') ||
			text_to_u64(word + 1, 0, (uint64_t)(SIGRTMAX - SIGRTMIN), &offset) < 0))
		return -1;
	return from_min ? SIGRTMIN + (int)offset : SIGRTMAX - (int)offset;
}

int word_signal(const char *word)
{
	uint64_t number;

	if (text_to_u64(word, 0, (uint64_t)SIGRTMAX, &number) == 0)
		return (int)number;
	if (strncasecmp(word, "SIG", 3) == 0)
		word += 3;
	for (size_t i = 1; i < ARRAY_SIZE(signals); i++)
		if (signals[i] && strcasecmp(signals[i] + 3, word) == 0)
			return (int)i;
	for (size_t i = 0; i < ARRAY_SIZE(signal_aliases); i++)
		if (strcasecmp(signal_aliases[i].name, word) == 0)
			return signal_aliases[i].signal;
	return realtime_signal(word);
}

/* ---- capabilities, by libcap's table ---- */

enum { CAPABILITY_MAX = 63, CAPABILITY_NAME_SIZE = 40 };

/* libcap has names in lower case and numbers for what it does not know; both are no words of the specification. */
int word_capability(const char *word)
{
	char name[CAPABILITY_NAME_SIZE] = "";
	cap_value_t cap;

	if (!text_starts_with(word, "CAP_") || strlen(word) >= sizeof(name))
		return -1;
	for (size_t i = 0; word[i]; i++) {
		if (islower((unsigned char)word[i]))
			return -1;
		name[i] = (char)tolower((unsigned char)word[i]);
	}
	return cap_from_name(name, &cap) == 0 && cap >= 0 && cap <= CAPABILITY_MAX ? cap : -1;
}

static const char *read_capability_name(int cap, char *buf)
{
	char *name = cap_to_name(cap);

	if (name && text_starts_with(name, "cap_") && strlen(name) < CAPABILITY_NAME_SIZE)
		for (size_t i = 0; name[i]; i++)
			buf[i] = (char)toupper((unsigned char)name[i]);
	(void)cap_free(name);
	return *buf ? buf : NULL;
}

const char *word_capability_name(int cap)
{
	static char names[CAPABILITY_MAX + 1][CAPABILITY_NAME_SIZE];

	if (cap < 0 || cap > CAPABILITY_MAX)
		return NULL;
	return *names[cap] ? names[cap] : read_capability_name(cap, names[cap]);
}

int word_capability_last(void)
{
	int cap = CAP_LAST_CAP; /* at least what the headers know; libcap may know more */

	while (word_capability_name(cap + 1))
		cap++;
	return cap;
}

/* ---- resource limits ---- */

#define RLIMIT(name) [RLIMIT_##name] = "RLIMIT_" #name
static const char *const rlimits[RLIM_NLIMITS] = {
	RLIMIT(AS),
	RLIMIT(CORE),
	RLIMIT(CPU),
	RLIMIT(DATA),
	RLIMIT(FSIZE),
	RLIMIT(LOCKS),
	RLIMIT(MEMLOCK),
	RLIMIT(MSGQUEUE),
	RLIMIT(NICE),
	RLIMIT(NOFILE),
	RLIMIT(NPROC),
	RLIMIT(RSS),
	RLIMIT(RTPRIO),
	RLIMIT(RTTIME),
	RLIMIT(SIGPENDING),
	RLIMIT(STACK),
};

int word_rlimit(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(rlimits); i++)
		if (rlimits[i] && strcmp(rlimits[i], word) == 0)
			return (int)i;
	return -1;
}

const char *word_rlimit_name(int resource)
{
	return resource >= 0 && resource < RLIM_NLIMITS ? rlimits[resource] : NULL;
}
