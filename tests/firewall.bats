#!/usr/bin/env bats
# What attackers beside the host and in containers try, and which ports are published. What works is in network_traffic.bats,
# what each rule does in tests/unit/netns/firewall_test.c.
load lib/husk
load lib/network

# A container that says WORD at port 80, and what its root may do to its own network.
serve_in() { # ID WORD OPTIONS OF RUN...
	args nc -ll -p 80 -e echo "$2"
	config '.process.capabilities |= map_values(. + ["CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_NET_BIND_SERVICE"] | unique)'
	start --id "$1" "${@:3}" "$bundle"
}

# Nobody answers, so a second must do.
closed() { hear=${hear//3/1} refuses "$@"; } # inside|outside|ID ADDRESS PORT

@test "a port of one address of the host is closed at all others, also for those who add a route" {
	serve_in "$id" word-a --network bridge -p 127.0.0.1:8080:80 -p "$host_address":8081:80
	reaches inside 127.0.0.1 8080 word-a
	answers outside "$host_address" 8081 word-a
	closed outside "$host_address" 8080
	closed inside 127.0.0.1 8081
	outside ip route add 10.0.0.0/8 via "$host_address"
	closed outside "$(address_of "$id")" 80
	outside ip address del 127.0.0.1/8 dev lo
	outside sysctl -qw net.ipv4.conf.up0.route_localnet=1
	outside ip route add 127.0.0.1 via "$host_address" src "$neighbour_address"
	closed outside 127.0.0.1 8080
}

@test "a published port is not taken from what the host forwards for others" {
	serve outside 80 word-outside
	outside ip address add 203.0.113.1/32 dev lo
	inside ip route add 203.0.113.1 via "$neighbour_address"
	serve_in "$id" word-a --network bridge -p 80:80
	reaches outside "$host_address" 80 word-a
	answers "$id" 203.0.113.1 80 word-outside
}

@test "a range is published in its order, and a free port is chosen" {
	serve_in "$id" word-a --network bridge -p 8000-8002:79-81 -p 80
	reaches outside "$host_address" 8001 word-a
	closed outside "$host_address" 8000
	local chosen
	chosen=$(husk port "$id" | sed -n 's|^80/tcp -> .*:||p' | grep -v 8001 | head -n 1)
	answers outside "$host_address" "$chosen" word-a
}

@test "a container cannot say that the gateway or another container is where it is" {
	serve_in "$id-a" word-a --network bridge
	serve_in "$id-b" word-b --network bridge
	local a gateway
	a=$(address_of "$id-a") gateway=${a%.*.*}.0.1
	eventually husk exec "$id-b" ping -c 1 -w 1 "$gateway"
	husk exec "$id-b" ping -c 1 -w 1 "$a"
	local before
	before=$(husk exec "$id-b" cat /proc/net/arp | awk '{ print $1, $4 }' | sort)
	husk exec "$id-a" sh -c "ip address add $gateway/16 dev eth0; arping -U -c 2 -w 2 -I eth0 -s $gateway $gateway; true"
	[ "$(husk exec "$id-b" cat /proc/net/arp | awk '{ print $1, $4 }' | sort)" = "$before" ]
}
