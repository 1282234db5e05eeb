/* Limits of rates, measured by iperf3 between a container and its host. */
#include "tests/unit/netns/world.h"

#include "base/error.h"
#include "netns/shape.h"

static int host, a;

static void make_world(void)
{
	host = world_ns();
	a = world_ns();
	world_do(host,
		"ip link add husk0 type bridge && ip link set husk0 up && ip addr add 10.88.0.1/24 dev husk0 && "
		"ip link add hva type veth peer name eth0 netns /proc/self/fd/%d && ip link set hva master husk0 up",
		a);
	world_do(a, "ip link set eth0 up && ip addr add 10.88.0.2/24 dev eth0");
	if (fork() == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!freopen("/dev/null", "w", stdout))
			_exit(126);
		(void)execlp("iperf3", "iperf3", "--server", "--bind", "10.88.0.1", NULL);
		_exit(127);
	}
}

static int setup(void **state)
{
	(void)unit_setup(state);
	if (geteuid() != 0)
		skip();
	if (world_host < 0)
		make_world();
	return 0;
}

static void apply(uint64_t in, uint64_t out)
{
	struct error err = { 0 };
	char line[2048];

	if (shape_apply("hva", "husk:a", &(struct rates){ .in = in, .out = out }, &err) < 0)
		fail_msg("%s", error_line(&err, line, sizeof(line)));
}

static bool server_listens(void)
{
	return strstr(world_output(host, "ss -Hltn 'sport = 5201'"), "5201") != NULL;
}

/* Mbit/s that get through; `how` is --reverse for what the container receives. The first second is left out: a bucket is
 * full at the beginning. */
static double measure(const char *how)
{
	char command[256];

	for (int i = 0; i < 100 && !server_listens(); i++)
		(void)usleep(20000);
	(void)snprintf(command, sizeof(command),
		"iperf3 --client 10.88.0.1 --time 2 --omit 1 --json %s | jq '.end.sum_received.bits_per_second / 1000000'",
		how);
	return strtod(world_output(a, command), NULL);
}

static void assert_about(double measured, double expected)
{
	if (measured < 0.9 * expected || measured > 1.1 * expected)
		fail_msg("%.1f Mbit/s instead of %.1f", measured, expected);
}

static void each_direction_has_its_own_limit(void **state)
{
	(void)state;
	apply(2500000, 5000000); /* 20 and 40 Mbit/s */
	assert_about(measure("--reverse"), 20);
	assert_about(measure(""), 40);
	assert_non_null(strstr(world_output(host, "ip link show hia"), "alias husk:a"));
	apply(25000000, 0); /* 200 Mbit/s, and none: the ifb goes */
	assert_about(measure("--reverse"), 200);
	assert_int_equal(if_nametoindex("hia"), 0);
	apply(0, 12500000);
	apply(0, 12500000);
	assert_about(measure(""), 100);
}

static void removing_leaves_nothing(void **state)
{
	struct error err = { 0 };

	(void)state;
	apply(1000000, 1000000);
	assert_true(if_nametoindex("hia") > 0);
	assert_int_equal(shape_remove("hva", &err), 0);
	assert_int_equal(shape_remove("hva", &err), 0);
	assert_int_equal(if_nametoindex("hia"), 0);
	apply(0, 0);
	assert_null(strstr(world_output(host, "tc qdisc show dev hva"), "tbf"));
	assert_null(strstr(world_output(host, "tc qdisc show dev hva"), "ingress"));
}

static void a_link_that_is_not_there_is_an_error(void **state)
{
	struct error err = { 0 };
	char line[2048];

	(void)state;
	assert_true(shape_apply("hvx", NULL, &(struct rates){ .in = 1000 }, &err) < 0);
	assert_string_equal(error_line(&err, line, sizeof(line)), "limit the rate of hvx: No such device");
}

#define SHAPE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, unit_teardown)

static const struct CMUnitTest tests[] = {
	SHAPE_TEST(each_direction_has_its_own_limit),
	SHAPE_TEST(removing_leaves_nothing),
	SHAPE_TEST(a_link_that_is_not_there_is_an_error),
};
UNIT_MAIN(tests)
