#!/usr/bin/env bats
# What goes through the networks that husk makes, and what does not: containers, their host, its neighbour.
# shellcheck disable=SC2016,SC2154 # variables of jq, of bash -c, and of tests/lib
load lib/husk
load lib/network

@test "a container reaches the neighbour of its host, which sees the host" {
	serve outside 7000 word
	start --network bridge --id "$id" "$bundle"
	reaches "$id" "$neighbour_address" 7000 word
	outside busybox nc -l -p 7001 -e sh -c 'cat /proc/net/tcp /proc/net/tcp6 >'"$BATS_TEST_TMPDIR"'/seen; echo word' 3>&- &
	later kill $!
	reaches "$id" "$neighbour_address" 7001 word
	grep -qi '020200C0:1B59 [0-9A-F]*010200C0:' "$BATS_TEST_TMPDIR/seen"
}

@test "an internal network has no way out, and none in" {
	husk network create --internal --subnet 10.1.0.0/24 web
	serve outside 7000 word
	sh_args "$(serving 80 word)"
	start --network web --id "$id-1" "$bundle"
	start --network web -p 8080:80 --id "$id-2" "$bundle"
	reaches "$id-1" "$(address_of "$id-2")" 80 word
	refuses "$id-1" "$neighbour_address" 7000
	refuses outside "$host_address" 8080
}

@test "a published port is reached from outside, the host, localhost and the container itself" {
	sh_args "$(serving 80 word)"
	start -p 8080:80 --id "$id" "$bundle"
	reaches outside "$host_address" 8080 word
	reaches inside "$host_address" 8080 word
	reaches inside 127.0.0.1 8080 word
	reaches "$id" "$host_address" 8080 word
	[ "$(husk port "$id")" = "80/tcp -> 0.0.0.0:8080" ]
	husk delete --force "$id"
	refuses outside "$host_address" 8080
}

@test "a port published for one address is no other's, and a container's address is nobody's from outside" {
	sh_args "$(serving 80 word)"
	start -p 127.0.0.1:8080:80 -p 192.0.2.1:8081:80 --id "$id" "$bundle"
	reaches inside 127.0.0.1 8080 word
	reaches outside "$host_address" 8081 word
	refuses outside "$host_address" 8080
	outside ip route add 10.214.0.0/16 via "$host_address"
	outside ip route add 127.0.0.1 via "$host_address" table 7
	refuses outside "$(address_of "$id")" 80
}

@test "ranges and UDP are published" {
	sh_args "$(serving 81 word)"
	start -p 8080-8082:80-82 -p 5353:53/udp --id "$id" "$bundle"
	reaches outside "$host_address" 8081 word
	serve_udp "$(pid_of "$id")" 53 word
	soon answers_udp outside "$host_address" 5353 word
	answers_udp inside 127.0.0.1 5353 word
}

@test "a network of both versions publishes for both" {
	husk network create --subnet 10.1.0.0/24 --subnet fd00:1::/64 web
	sh_args "$(serving 80 word)"
	serve outside 7000 word
	start --network web -p 8080:80 --id "$id" "$bundle"
	start --network web --id "$id-2" "$bundle"
	reaches outside "$host_address" 8080 word
	reaches outside "$host_address6" 8080 word
	reaches "$id-2" "$(address_of "$id" 1)" 80 word
	reaches "$id-2" "$neighbour_address6" 7000 word
}

@test "a port that is taken is an error before anything is made" {
	start -p 8080:80 --id "$id-1" "$bundle"
	try run -p 8080:80 --id "$id-2" "$bundle"
	expect_error 125 "8080/tcp is published by container $id-1"
	[ ! -e "$state/$id-2" ] && [ "$(links | wc -l)" -eq 1 ]
	serve inside 8081 word
	eventually eval 'inside ss -ltn | grep -q :8081'
	try run -p 8081:80 --id "$id-2" "$bundle"
	expect_error 125 "8081/tcp is held by" "(pid "
	[ ! -e "$state/$id-2" ]
	start -p 80 --id "$id-3" "$bundle" # any that is free
	[[ $(husk port "$id-3") =~ ^"80/tcp -> 0.0.0.0:"[1-9] ]]
}

@test "networks do not reach each other but by published ports; isolated ones not even so" {
	husk network create --subnet 10.1.0.0/24 one
	husk network create --subnet 10.2.0.0/24 two
	husk network create --subnet 10.3.0.0/24 --isolated apart
	sh_args "$(serving 80 word)"
	start --network one -p 8080:80 --id "$id-1" "$bundle"
	start --network two --id "$id-2" "$bundle"
	start --network apart -p 8083:80 --id "$id-3" "$bundle"
	refuses "$id-2" "$(address_of "$id-1")" 80
	reaches "$id-2" "$host_address" 8080 word
	refuses "$id-2" "$(address_of "$id-3")" 80
	refuses "$id-2" "$host_address" 8083
	refuses "$id-3" "$host_address" 8080
	reaches outside "$host_address" 8083 word
}

@test "a container speaks with its own addresses only" {
	config '.process.capabilities |= map_values(. + ["CAP_NET_ADMIN", "CAP_NET_RAW"])'
	husk network create --subnet 10.1.0.0/24 --subnet fd00:1::/64 web
	sh_args "$(serving 80 word)"
	start --network web --id "$id-1" "$bundle"
	start --network web --id "$id-2" "$bundle"
	reaches "$id-1" "$(address_of "$id-2")" 80 word
	local victim
	victim=$(address_of "$id-2")
	# Another one's address, told to everybody; a hardware address that is not its own.
	husk exec "$id-1" ip address add "$victim/24" dev eth0
	husk exec "$id-1" arping -c 2 -U -I eth0 "$victim" >/dev/null 2>&1 || true
	reaches inside "$victim" 80 word
	[ "$(inside ip neighbour show "$victim" dev husk0 | sed -n 's/.*lladdr \([^ ]*\).*/\1/p')" = "$(mac_of "$id-2")" ]
	husk exec "$id-1" ip address delete "$victim/24" dev eth0
	husk exec "$id-1" sh -c 'ip link set eth0 address 02:00:00:00:00:99'
	refuses "$id-1" "$victim" 80
}

@test "containers of a network find each other by name and alias, also those that come later" {
	husk network create web
	sh_args "$(serving 80 word)"
	start --network web:alias=db --id "${id}a" "$bundle"
	start --network web --id "${id}b" "$bundle"
	reaches "${id}b" db 80 word
	reaches "${id}b" "${id}a" 80 word
	reaches "${id}a" "${id}b" 80 word
	husk delete --force "${id}b"
	run ! husk exec "${id}a" grep -q "${id}b" /etc/hosts
}

@test "rules that somebody flushed come back with the next container, and with repair" {
	sh_args "$(serving 80 word)"
	start -p 8080:80 --id "$id-1" "$bundle"
	reaches outside "$host_address" 8080 word
	inside nft flush ruleset
	refuses outside "$host_address" 8080
	try network check
	expect 1
	[[ $output == *"rules of husk's are missing"* ]]
	husk network repair
	reaches outside "$host_address" 8080 word
	husk network check
}

@test "a firewall that drops what is forwarded is named, and repair --with-docker asks it to let pass" {
	sh_args "$(serving 80 word)"
	start -p 8080:80 --id "$id" "$bundle"
	reaches outside "$host_address" 8080 word
	inside nft -f - <<'NFT'
table ip filter {
	chain DOCKER-USER { }
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
		jump DOCKER-USER
	}
}
NFT
	refuses outside "$host_address" 8080
	try network check
	expect 1
	[[ $output == *"forwarding from husk0 is dropped by ip filter FORWARD"*"husk network repair --with-docker"* ]]
	husk network repair --with-docker
	reaches outside "$host_address" 8080 word
	husk delete --force "$id"
	husk network rm husk
	[[ $(inside nft list chain ip filter DOCKER-USER) != *husk0* ]]
	inside nft flush ruleset
}

@test "the rates of --network-rate hold within a tenth, in both directions" {
	command -v iperf3 >/dev/null || lacking "iperf3 is not installed"
	start --network bridge --network-rate in=80mbit,out=40mbit --id "$id" "$bundle"
	local pid address
	pid=$(pid_of "$id") address=$(address_of "$id")
	nsenter -t "$pid" -n iperf3 --server --port 5201 >/dev/null 2>&1 3>&- &
	later kill $!
	measure() { # ARGUMENTS...: megabits a second that arrive
		inside timeout 20 iperf3 --client "$address" --json --time 3 --omit 1 "$@" 3>&- | jq '.end.sum_received.bits_per_second / 1000000 | floor'
	}
	local in out
	eventually eval 'in=$(measure) && [ "${in:-0}" -gt 0 ]'
	out=$(measure --reverse)
	echo "# in $in of 80, out $out of 40 Mbit/s" >&3
	[ "$in" -ge 72 ] && [ "$in" -le 88 ]
	[ "$out" -ge 36 ] && [ "$out" -le 44 ]
}
