/* What CRIU is asked and answers: messages, the request from options and config, names of streams, words of its log. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/error.h"
#include "base/faults.h"
#include "base/fd.h"
#include "base/file.h"
#include "runtime/criu.h"
#include "runtime/criu_request.h"
#include "runtime/criu_streams.h"

static const struct criu_place place = { .images = 7, .work = 8, .log_file = "dump.log" };

/* ---- messages ---- */

static void a_message_is_what_criu_reads(void **state)
{
	Criu__Request request = CRIU__REQUEST__INIT;
	/* Field 1, a number: 6, NOTIFY; field 3, a number: 1 [protobuf, Encoding]. */
	static const uint8_t wanted[] = { 0x08, 6, 0x18, 1 };
	uint8_t bytes[16];

	(void)state;
	request.kind = CRIU__KIND__NOTIFY;
	request.has_notify_success = request.notify_success = true;
	assert_int_equal(criu__request__pack(&request, bytes), sizeof(wanted));
	assert_memory_equal(bytes, wanted, sizeof(wanted));
}

static void what_criu_says_is_read_and_what_is_new_is_skipped(void **state)
{
	/* NOTIFY, success, { "post-restore", pid 300 }, and a field 99 that nobody knows. */
	static const uint8_t bytes[] = "\x08\x06\x10\x01\x2a\x11\x0a\x0cpost-restore\x10\xac\x02\x98\x06\x05";
	Criu__Answer *answer = criu__answer__unpack(NULL, sizeof(bytes) - 1, bytes);

	(void)state;
	assert_non_null(answer);
	assert_int_equal(answer->kind, CRIU__KIND__NOTIFY);
	assert_true(answer->success);
	assert_string_equal(answer->notice->script, "post-restore");
	assert_int_equal(answer->notice->pid, 300);
	criu__answer__free_unpacked(answer, NULL);
	assert_null(criu__answer__unpack(NULL, 5, bytes)); /* cut */
}

/* ---- the request ---- */

static void options_become_fields(void **state)
{
	struct unit *unit = *state;
	static const char *empty[] = { "network" };
	const struct criu_options options = {
		.tcp_established = true,
		.file_locks = true,
		.cgroups_mode = 4,
		.network_lock = 2,
		.page_server = "[2001:db8::1]:9876",
		.empty_ns = { .items = empty, .count = 1 },
		.parent_path = "../first",
	};
	Criu__Options request;
	struct error err = { 0 };

	assert_int_equal(criu_request_make(&options, &place, &unit->arena, &request, &err), 0);
	assert_int_equal(request.images_dir_fd, 7);
	assert_int_equal(request.work_dir_fd, 8);
	assert_string_equal(request.log_file, "dump.log");
	assert_true(request.has_tcp_established && request.tcp_established);
	assert_true(request.has_file_locks && request.file_locks);
	assert_false(request.has_shell_job || request.has_leave_running || request.has_lazy_pages);
	assert_int_equal(request.manage_cgroups_mode, CRIU__CGROUP_MODE__CGROUPS_SOFT);
	assert_int_equal(request.network_lock, CRIU__NETWORK_LOCK__LOCK_NFTABLES);
	assert_string_equal(request.page_server->address, "2001:db8::1");
	assert_int_equal(request.page_server->port, 9876);
	assert_int_equal(request.empty_ns, CLONE_NEWNET);
	assert_string_equal(request.parent_img, "../first");
}

static void without_options_cgroups_are_left_alone(void **state)
{
	struct unit *unit = *state;
	Criu__Options request;
	struct error err = { 0 };

	assert_int_equal(criu_request_make(&(struct criu_options){ 0 }, &place, &unit->arena, &request, &err), 0);
	assert_true(request.has_manage_cgroups_mode);
	assert_int_equal(request.manage_cgroups_mode, CRIU__CGROUP_MODE__CGROUPS_IGNORE);
	assert_false(request.has_empty_ns || request.has_network_lock || request.has_status_fd);
	assert_true(request.notify_scripts && request.orphan_pts_master);
}

static void what_makes_no_sense_is_an_error(void **state)
{
	struct unit *unit = *state;
	static const char *const servers[] = { "here", ":1", "a:0", "a:65536", "a:1x" };
	static const char *empty[] = { "pid" };
	struct criu_options options = { .empty_ns = { .items = empty, .count = 1 } };
	Criu__Options request;
	struct error err = { 0 };

	assert_int_equal(criu_request_make(&options, &place, &unit->arena, &request, &err), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		options = (struct criu_options){ .page_server = servers[i] };
		assert_int_equal(criu_request_make(&options, &place, &unit->arena, &request, &err), -EINVAL);
	}
}

static void lists_grow(void **state)
{
	struct unit *unit = *state;
	Criu__Options request;

	criu__options__init(&request);
	for (int i = 0; i < 5; i++) {
		criu_request_add_external(&request, arena_printf(&unit->arena, "mnt[/%d]:/%d", i, i), &unit->arena);
		criu_request_add_inherited(&request, "pipe:[1]", i, &unit->arena);
	}
	assert_int_equal(request.n_external, 5);
	assert_string_equal(request.external[4], "mnt[/4]:/4");
	assert_int_equal(request.n_inherit_fd, 5);
	assert_int_equal(request.inherit_fd[3]->fd, 3);
}

static void a_parent_is_beside_or_below(void **state)
{
	static const char *const near[] = { "../first", "first", "../first/second", "a/b" };
	static const char *const far[] = { "", "/first", "..", "../", "../..", "../../first", "a/../..", "../a/../b", "..//a" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(near); i++)
		assert_true(criu_parent_is_near(near[i]));
	for (size_t i = 0; i < ARRAY_SIZE(far); i++)
		assert_false(criu_parent_is_near(far[i]));
}

/* ---- what of the view comes from the host ---- */

static const struct view_external *find(const struct view_external *externals, size_t count, const char *target)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(externals[i].target, target) == 0)
			return &externals[i];
	return NULL;
}

static void mounts_of_the_host_are_known_from_the_plan(void **state)
{
	struct unit *unit = *state;
	static const char config[] = "{ \"ociVersion\": \"1.2.0\", \"root\": { \"path\": \"rootfs\" },"
				     "\"process\": { \"args\": [\"true\"], \"cwd\": \"/\", \"user\": {\"uid\":0,\"gid\":0} },"
				     "\"mounts\": [ { \"destination\": \"/data\", \"type\": \"bind\", \"source\": \"here\","
				     "\"options\": [\"bind\"] }, { \"destination\": \"/tmp\", \"type\": \"tmpfs\", \"source\": \"t\" } ],"
				     "\"linux\": { \"namespaces\": [{\"type\":\"mount\"}], \"maskedPaths\": [\"/proc/keys\"] } }";
	static const struct plan_request request = { .id = "box", .bundle = "/b", .gate = GATE_PAIR };
	const struct view_external *found;
	struct view_external *externals;
	struct faults faults;
	struct spec *spec;
	struct plan plan;
	struct error err = { 0 };
	size_t count;

	faults_init(&faults, &unit->arena, NULL);
	assert_int_equal(spec_parse(config, strlen(config), &unit->arena, &spec, &faults, &err), 0);
	assert_int_equal(faults.count, 0);
	assert_int_equal(plan_make(spec, &request, &unit->arena, &plan, &faults), 0);
	count = view_externals(&plan.steps, false, &unit->arena, &externals);
	found = find(externals, count, "/data");
	assert_non_null(found);
	assert_string_equal(found->source, "/b/here");
	found = find(externals, count, "/proc/keys");
	assert_true(found && found->is_mask);
	assert_null(find(externals, count, "/tmp"));
}

/* ---- streams ---- */

struct folder_of_images {
	char path[sizeof("/tmp/husk-criu-test-XXXXXX")];
	int dir;
};

/* With descriptors.json, unless NULL. */
static struct folder_of_images folder_with(const char *text)
{
	struct folder_of_images folder = { "/tmp/husk-criu-test-XXXXXX", -1 };

	assert_non_null(mkdtemp(folder.path));
	folder.dir = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(folder.dir >= 0);
	if (text)
		assert_int_equal(
			file_replace_at(folder.dir, "descriptors.json", text, strlen(text), 0600, NULL), 0);
	return folder;
}

static void forget(struct folder_of_images *folder)
{
	(void)unlinkat(folder->dir, "descriptors.json", 0);
	(void)rmdir(folder->path);
	fd_closep(&folder->dir);
}

static void streams_are_written_and_read(void **state)
{
	struct unit *unit = *state;
	const struct criu_streams streams = { .names = { NULL, "pipe:[12]", "file[2f:9a1]" } };
	struct folder_of_images folder = folder_with(NULL);
	struct criu_streams read;
	struct error err = { 0 };

	assert_int_equal(criu_streams_write(folder.dir, &streams, &err), 0);
	assert_int_equal(criu_streams_read(folder.dir, &unit->arena, &read, &err), 0);
	assert_null(read.names[0]);
	assert_string_equal(read.names[1], "pipe:[12]");
	assert_string_equal(read.names[2], "file[2f:9a1]");
	forget(&folder);
}

static void names_of_streams_are_checked(void **state)
{
	struct unit *unit = *state;
	static const char *const broken[] = { "", "{}", "7", "[", "\"pipe:[1]\"" };
	struct folder_of_images folder =
		folder_with("[\"/dev/null\", \"pipe:[12]:extra\", \"net[4026531840]\", \"pipe:[9]\"]");
	struct criu_streams read;
	struct error err = { 0 };

	assert_int_equal(criu_streams_read(folder.dir, &unit->arena, &read, &err), 0);
	for (int i = 0; i < CRIU_STREAMS; i++)
		assert_null(read.names[i]);
	forget(&folder);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		folder = folder_with(broken[i]);
		assert_int_equal(criu_streams_read(folder.dir, &unit->arena, &read, &err), -EINVAL);
		forget(&folder);
	}
}

static void a_checkpoint_without_names_has_none(void **state)
{
	struct unit *unit = *state;
	struct folder_of_images folder = folder_with(NULL);
	struct criu_streams read;
	struct error err = { 0 };

	assert_int_equal(criu_streams_read(folder.dir, &unit->arena, &read, &err), 0);
	assert_null(read.names[1]);
	forget(&folder);
}

static void a_pipe_of_a_process_is_seen(void **state)
{
	struct unit *unit = *state;
	struct criu_streams streams;
	int pipes[2], saved = dup(STDIN_FILENO);

	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(dup2(pipes[0], STDIN_FILENO), STDIN_FILENO);
	criu_streams_look(getpid(), &unit->arena, &streams);
	(void)dup2(saved, STDIN_FILENO);
	assert_non_null(streams.names[0]);
	assert_memory_equal(streams.names[0], "pipe:[", 6);
	for (size_t i = 0; i < 2; i++)
		(void)close(pipes[i]);
	(void)close(saved);
}

/* ---- its log ---- */

static void the_last_complaints_of_a_log_are_its_words(void **state)
{
	struct unit *unit = *state;

	assert_string_equal(criu_errors("", &unit->arena), "");
	assert_string_equal(criu_errors("(0.1) all is well\n", &unit->arena), "");
	assert_string_equal(criu_errors("(0.1) Error (criu/a.c:1): first\n(0.2)  1: Error (criu/b.c:2): second\n"
					"x\n(0.3) Error (criu/c.c:3): third\n(0.4) Error (criu/cr-restore.c:9): Restoring FAILED.\n",
				    &unit->arena),
		"second; third");
	assert_string_equal(criu_errors("(0.1) Error (criu/a.c:1): only", &unit->arena), "only");
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(a_message_is_what_criu_reads),
	UNIT_TEST(what_criu_says_is_read_and_what_is_new_is_skipped),
	UNIT_TEST(options_become_fields),
	UNIT_TEST(without_options_cgroups_are_left_alone),
	UNIT_TEST(what_makes_no_sense_is_an_error),
	UNIT_TEST(lists_grow),
	UNIT_TEST(a_parent_is_beside_or_below),
	UNIT_TEST(mounts_of_the_host_are_known_from_the_plan),
	UNIT_TEST(streams_are_written_and_read),
	UNIT_TEST(names_of_streams_are_checked),
	UNIT_TEST(a_checkpoint_without_names_has_none),
	UNIT_TEST(a_pipe_of_a_process_is_seen),
	UNIT_TEST(the_last_complaints_of_a_log_are_its_words),
};

UNIT_MAIN(tests)
