/* runtime/criu_request.h: from what the command line and the plan say to what CRIU is asked. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/options.h"
#include "namespaces/namespaces.h"
#include "runtime/criu.pb-c.h"
#include "runtime/criu_streams.h"
struct arena;
struct error;

/* Of `checkpoint` and `restore`. */
struct criu_options {
	const char *image_path, *work_path, *parent_path;
	bool leave_running, pre_dump;
	bool tcp_established, tcp_skip_in_flight, tcp_close, ext_unix_sk, shell_job, file_locks, link_remap, auto_dedup;
	bool lazy_pages;
	unsigned status_fd;      /* 0 = none */
	const char *page_server; /* ADDRESS:PORT */
	struct option_list empty_ns;
	unsigned cgroups_mode, network_lock; /* indices of the lists below; 0 = not said */
	const char *lsm_profile, *lsm_mount_context;
};

extern const char *const criu_cgroups_modes[], *const criu_network_locks[];

/* Namespaces that the config names by their paths, and that CRIU therefore must not make: by what it knows them. */
struct criu_namespace {
	enum spec_namespace kind;
	const char *word, *key; /* "net", "extRootNetNS" */
};
extern const struct criu_namespace criu_namespaces[];
extern const size_t criu_namespace_count;

/* What both directions say. `config_file`: more options, of whoever runs the host; NULL. */
struct criu_place {
	int images, work;
	const char *log_file, *config_file;
	bool wires_network; /* see plan_wires_network() */
};

int criu_request_make(const struct criu_options *options, const struct criu_place *place, struct arena *arena,
	Criu__Options *ret, struct error *err);

/* One more thing of the host's. */
void criu_request_add_external(Criu__Options *request, const char *text, struct arena *arena);
void criu_request_add_inherited(Criu__Options *request, const char *key, int fd, struct arena *arena);

/* --parent-path, and what an archive has in its place: beside the images or below them, and nowhere else. */
bool criu_parent_is_near(const char *path);
