#!/usr/bin/env bats
# What packets to and from containers may do, as they meet it: published ports, networks apart, false addresses, other
# firewalls beside ours, limits of bandwidth. What each rule does is looked at in tests/unit/netns/firewall_test.c.
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

# ---- published ports ----

@test "a published port is reached from outside, by the host's addresses, by localhost and by containers" {
	inside sysctl -qw net.ipv4.ip_forward=0 # whether or not the host forwards already
	serve outside 80 word-outside
	serve_in "$id" word-a --network bridge -p 8080:80
	reaches outside "$host_address" 8080 word-a
	answers inside "$host_address" 8080 word-a
	answers inside 127.0.0.1 8080 word-a
	answers "$id" "$host_address" 8080 word-a # itself
	answers "$id" "$neighbour_address" 80 word-outside
	serve_in "$id-b" word-b --network bridge
	answers "$id-b" "$host_address" 8080 word-a
	[[ $(husk port "$id") == "80/tcp -> "*":8080" ]]
	husk delete --force "$id"
	closed outside "$host_address" 8080
	closed inside 127.0.0.1 8080
}

@test "ports are published by IPv6, too" {
	husk network create --subnet 10.77.0.0/24 --subnet fd77::/64 six
	serve_in "$id" word-6 --network six -p 8080:80
	reaches outside "$host_address6" 8080 word-6
	answers outside "$host_address" 8080 word-6
	answers inside "$host_address6" 8080 word-6
	closed inside ::1 8080
}

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

@test "a port in use is refused before anything is made, by the name of who has it" {
	inside busybox nc -ll -p 8080 -e true 3>&- &
	later kill $!
	eventually eval 'inside ss -Hltn "sport = 8080" | grep -q 8080'
	args true
	try run --network bridge -p 8080:80 --id "$id-b" "$bundle"
	expect_error 125 "8080/tcp is held by busybox (pid "
	serve_in "$id" word-a --network bridge -p 8081:80
	args true
	try run --network bridge -p 8081:80 --id "$id-b" "$bundle"
	expect_error 125 "8081/tcp is published by container $id"
	try run --network bridge -p 127.0.0.1:8081:80 --id "$id-b" "$bundle"
	expect_error 125 "8081/tcp is published by container $id"
	try run --network bridge -p 198.51.100.1:8082:80 --id "$id-b" "$bundle"
	expect_error 125 "198.51.100.1: this host has no such address"
	try run --network bridge -p '[::1]:8082:80' --id "$id-b" "$bundle"
	expect 125
	[ "$(husk list -q)" = "$id" ]
}

@test "ports that are none are said in one line" {
	local port
	args true
	for port in 0 70000:80 80:70000 80/icmp x:80 192.0.2.256:80:80 80-81:80-82; do
		try run --network bridge -p "$port" --id "$id" "$bundle"
		expect_error 125 "$port"
	done
	[ ! -e "$store/networks/husk/leases" ] || [ -z "$(ls "$store/networks/husk/leases")" ]
}

@test "a range is published in its order, and free ports are chosen" {
	serve_in "$id" word-a --network bridge -p 8000-8002:79-81 -p 80
	reaches outside "$host_address" 8001 word-a
	closed outside "$host_address" 8000
	local chosen
	chosen=$(husk port "$id" | sed -n 's|^80/tcp -> .*:||p' | grep -v 8001 | head -n 1)
	answers outside "$host_address" "$chosen" word-a
}

# ---- who reaches whom ----

@test "networks are apart: by address not at all, by published ports unless one is isolated" {
	husk network create one
	husk network create two
	husk network create --isolated three
	serve_in "$id-1" word-1 --network one -p 8001:80
	serve_in "$id-2" word-2 --network two -p 8002:80
	serve_in "$id-3" word-3 --network three -p 8003:80
	reaches outside "$host_address" 8001 word-1
	reaches outside "$host_address" 8002 word-2
	reaches outside "$host_address" 8003 word-3
	closed "$id-1" "$(address_of "$id-2")" 80
	closed "$id-2" "$(address_of "$id-3")" 80
	answers "$id-1" "$host_address" 8002 word-2
	closed "$id-1" "$host_address" 8003
	closed "$id-3" "$host_address" 8001
}

@test "an internal network has no outside" {
	serve outside 80 word-outside
	husk network create --internal --subnet 10.78.0.0/24 in
	serve_in "$id" word-a --network in
	husk exec "$id" ip route add default via 10.78.0.1
	closed "$id" "$neighbour_address" 80
	outside ip route add 10.78.0.0/24 via "$host_address"
	closed outside 10.78.0.2 80
}

@test "a container speaks with its own addresses only" {
	serve outside 80 word-outside
	serve_in "$id" word-a --network bridge
	reaches "$id" "$neighbour_address" 80 word-outside
	local ip mac
	ip=$(address_of "$id") mac=$(mac_of "$id")
	husk exec "$id" sh -c "ip address add ${ip%.*}.200/16 dev eth0; ip route change default via ${ip%.*.*}.0.1 src ${ip%.*}.200"
	closed "$id" "$neighbour_address" 80
	husk exec "$id" sh -c "ip route change default via ${ip%.*.*}.0.1 src $ip"
	answers "$id" "$neighbour_address" 80 word-outside
	husk exec "$id" ip link set eth0 address 02:00:00:00:00:66
	closed "$id" "$neighbour_address" 80
	husk exec "$id" ip link set eth0 address "$mac"
	answers "$id" "$neighbour_address" 80 word-outside
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

# ---- beside others, and after them ----

@test "what somebody flushed is missed by check, and comes back with repair and with the next container" {
	serve_in "$id" word-a --network bridge -p 8080:80
	reaches outside "$host_address" 8080 word-a
	inside nft flush ruleset
	closed outside "$host_address" 8080
	try network check
	[ "$status" -ne 0 ]
	husk network repair
	answers outside "$host_address" 8080 word-a
	try network check
	expect 0
	inside nft flush ruleset
	serve_in "$id-b" word-b --network bridge -p 8081:80
	reaches outside "$host_address" 8081 word-b
}

@test "a drop of Docker's is named, and repaired where it is asked for" {
	serve_in "$id" word-a --network bridge -p 8080:80
	reaches outside "$host_address" 8080 word-a
	inside nft 'table ip filter { chain DOCKER-USER { return; }; chain FORWARD {
		type filter hook forward priority 0; policy drop; jump DOCKER-USER; }; }'
	closed outside "$host_address" 8080
	try network check
	[[ $output$stderr == *"ip filter FORWARD (policy drop, Docker)"* ]]
	husk network repair --with-docker
	answers outside "$host_address" 8080 word-a
	husk delete --force "$id"
	husk network rm husk
	[[ $(inside nft list ruleset) != *husk* ]]
}

@test "limits of bandwidth hold in both directions" {
	args sleep 1000
	start --network bridge --network-rate in=20mbit,out=40mbit --id "$id" "$bundle"
	inside iperf3 --server >/dev/null 3>&- &
	later kill $!
	eventually eval 'inside ss -Hltn "sport = 5201" | grep -q 5201'
	local ip rate pid
	ip=$(address_of "$id") pid=$(pid_of "$id")
	rate() { # OPTIONS OF IPERF3...: Mbit/s
		nsenter -t "$pid" -n iperf3 --client "${ip%.*.*}.0.1" --time 2 --omit 1 --json "$@" |
			jq '.end.sum_received.bits_per_second / 1000000 | round'
	}
	rate=$(rate --reverse)
	[ "$rate" -ge 18 ] && [ "$rate" -le 22 ]
	rate=$(rate)
	[ "$rate" -ge 36 ] && [ "$rate" -le 44 ]
}
