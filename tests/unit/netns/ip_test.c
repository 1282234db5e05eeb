/* Addresses and subnets as values. */
#include "tests/unit/unit.h"

#include "netns/ip.h"

static struct subnet subnet_of(const char *text)
{
	struct subnet subnet;

	assert_true(subnet_parse(text, &subnet));
	return subnet;
}

static struct ip ip_of(const char *text)
{
	struct ip ip;

	assert_true(ip_parse(text, &ip));
	return ip;
}

static void only_whole_addresses_are_read(void **state)
{
	static const char *const bad[] = { "", "10.0.0", "10.0.0.256", "10.0.0.1/33", "10.0.0.1/", "10.0.0.1/ 8",
		"fd00::/129", "::g", "10.0.0.1/-1", "1111111111111111111111111111111111111111111111111111/8" };
	struct subnet subnet;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(subnet_parse(bad[i], &subnet));
}

static void the_ends_of_a_subnet_follow_from_its_prefix(void **state)
{
	static const char *const cases[][3] = {
		{ "10.1.2.3/24", "10.1.2.0", "10.1.2.255" },
		{ "10.1.2.3/9", "10.0.0.0", "10.127.255.255" },
		{ "10.1.2.3/32", "10.1.2.3", "10.1.2.3" },
		{ "fd00:1::7/63", "fd00:1::", "fd00:1:0:1:ffff:ffff:ffff:ffff" },
	};
	char text[IP_TEXT];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct subnet subnet = subnet_of(cases[i][0]);
		struct ip first = subnet_first(&subnet), last = subnet_last(&subnet);
		assert_string_equal(ip_text(&first, text), cases[i][1]);
		assert_string_equal(ip_text(&last, text), cases[i][2]);
	}
}

static void overlapping_goes_both_ways(void **state)
{
	const struct subnet wide = subnet_of("10.1.0.0/16"), narrow = subnet_of("10.1.7.0/24"),
			    other = subnet_of("10.2.0.0/16"), six = subnet_of("fd00::/8");

	(void)state;
	assert_true(subnet_overlaps(&wide, &narrow) && subnet_overlaps(&narrow, &wide));
	assert_false(subnet_overlaps(&wide, &other) || subnet_overlaps(&other, &wide));
	assert_false(subnet_overlaps(&wide, &six) || subnet_overlaps(&six, &wide));
}

static void the_lowest_and_the_broadcast_address_are_no_host(void **state)
{
	const struct subnet four = subnet_of("10.1.0.0/24"), six = subnet_of("fd00::/120");
	const struct ip low = ip_of("10.1.0.0"), high = ip_of("10.1.0.255"), good = ip_of("10.1.0.254"),
			six_low = ip_of("fd00::"), six_high = ip_of("fd00::ff");

	(void)state;
	assert_false(subnet_has_host(&four, &low) || subnet_has_host(&four, &high) || subnet_has_host(&six, &six_low));
	assert_true(subnet_has_host(&four, &good) && subnet_has_host(&six, &six_high));
}

static void adding_carries(void **state)
{
	struct ip ip = ip_of("10.0.255.255"), six = ip_of("fd00::ffff:ffff");
	char text[IP_TEXT];

	(void)state;
	ip = ip_plus(&ip, 2);
	six = ip_plus(&six, 1);
	assert_string_equal(ip_text(&ip, text), "10.1.0.1");
	assert_string_equal(ip_text(&six, text), "fd00::1:0:0");
}

static void a_hardware_address_follows_from_the_address(void **state)
{
	const struct ip four = ip_of("10.1.0.7"), six = ip_of("fd00::7"), next = ip_of("fd00::8");
	uint8_t a[ETH_ALEN], b[ETH_ALEN];
	char text[MAC_TEXT];

	(void)state;
	mac_of_ip(&four, a);
	assert_string_equal(mac_text(a, text), "02:68:0a:01:00:07");
	mac_of_ip(&six, a);
	mac_of_ip(&next, b);
	assert_true(memcmp(a, b, sizeof(a)) != 0 && (a[0] & 3) == 2);
}

static const struct CMUnitTest tests[] = {
	UNIT_TEST(only_whole_addresses_are_read),
	UNIT_TEST(the_ends_of_a_subnet_follow_from_its_prefix),
	UNIT_TEST(overlapping_goes_both_ways),
	UNIT_TEST(the_lowest_and_the_broadcast_address_are_no_host),
	UNIT_TEST(adding_carries),
	UNIT_TEST(a_hardware_address_follows_from_the_address),
};
UNIT_MAIN(tests)
