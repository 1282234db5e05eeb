#!/usr/bin/env bats
# Networks that husk makes: links, addresses, leases, definitions, and what is left of them: nothing.
# shellcheck disable=SC2016,SC2154 # variables of jq, of bash -c, and of tests/lib
load lib/husk
load lib/network

# ---- one container ----

@test "a container in the default network has a link, an address, a route, and no IPv6" {
	in_container 'ip -o address show eth0; ip route; cat /proc/net/if_inet6' # not asked for
	expect 0
	[[ $output != *eth0* ]]
	sh_args 'ip -o address show eth0; ip route; cat /proc/net/if_inet6'
	try run --network bridge --id "$id" "$bundle"
	expect 0
	[[ $output == *" inet 10.214.0.2/16 "* && $output == *"default via 10.214.0.1 dev eth0"* ]]
	[ "$(grep -cv ' lo$' <<<"$output" | head -1)" -gt 0 ] && [[ $output != *fe80* ]]
}

@test "the annotation of a bundle asks for the same as --network" {
	config '.annotations["org.husk.network"] = "bridge:ip=10.214.7.7,interface_name=lan0,mac=02:00:00:00:00:07"'
	sh_args 'ip -o address show lan0; cat /sys/class/net/lan0/address'
	try run --id "$id" "$bundle"
	expect 0
	[[ $output == *10.214.7.7/16* && $output == *02:00:00:00:00:07* ]]
}

@test "flags win over annotations" {
	config '.annotations["org.husk.network"] = "bridge:ip=10.214.7.7"'
	sh_args 'ip -o address show eth0'
	try run --network bridge:ip=10.214.7.8 --id "$id" "$bundle"
	expect 0
	[[ $output == *10.214.7.8/16* ]]
}

@test "nothing is made for a container that does not ask" {
	args true
	try run --id "$id" "$bundle"
	expect 0
	[ ! -e "$store" ]
	[ -z "$(inside ip -o link show type bridge)" ]
	[ -z "$(inside nft list tables)" ]
}

@test "a container that joins a network namespace by path is never touched" {
	config --arg path "/proc/$neighbour/ns/net" '(.linux.namespaces[] | select(.type == "network")).path = $path'
	try run --network bridge --id "$id" "$bundle"
	expect_error 125 'annotations["org.husk.network"]' "linux.namespaces joins the network namespace"
}

@test "none, host, ns and container choose a namespace" {
	sh_args 'ip -o link | cut -d: -f2'
	try run --network none --id "$id" "$bundle"
	expect 0 " lo"
	try run --network host --id "$id" "$bundle"
	expect 0
	[[ $output == *up0* ]]
	try run --network "ns:/proc/$neighbour/ns/net" --id "$id" "$bundle"
	expect 0
	[[ $output == *up0* ]]
	args sleep 1000
	start --network bridge --id "$id-peer" "$bundle"
	sh_args 'ip -o address show eth0'
	try run --network "container:$id-peer" --id "$id" "$bundle"
	expect 0
	[[ $output == *"$(address_of "$id-peer")"* ]]
}

@test "host does not let a container change the host's sysctls" {
	config '.linux.sysctl["net.ipv4.ip_forward"] = "1"'
	try run --network host --id "$id" "$bundle"
	expect_error 125 'linux.sysctl["net.ipv4.ip_forward"]' "would change the host's value"
}

@test "a container in several networks has a link in each, and one default route" {
	husk network create --subnet 10.1.0.0/24 one
	husk network create --subnet 10.2.0.0/24 --internal two
	sh_args 'ip -o -4 address | grep -c eth; ip route | grep default; ip route | grep -c 10.2.0.0/24'
	try run --network two --network one:ip=10.1.0.9 --id "$id" "$bundle"
	expect 0 $'2\ndefault via 10.1.0.1 dev eth1 \n1'
}

@test "the ports of a network with a VLAN are in it, and its containers reach each other" {
	husk network create --vlan 7 --subnet 10.3.0.0/24 tagged
	if ! husk run --detach --network tagged --id "$id" "$bundle" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null; then
		grep -q CONFIG_BRIDGE_VLAN_FILTERING "$BATS_TEST_TMPDIR/out" || fail "$(cat "$BATS_TEST_TMPDIR/out")"
		lacking "bridges of this kernel know no VLANs"
	fi
	sh_args "$(serving 80 hello)"
	start --network tagged --id "$id-b" "$bundle"
	local bridge
	bridge=$(husk network inspect tagged | jq -r '.[0].bridge')
	inside ip -d link show "$bridge" | grep -q 'vlan_filtering 1 .*vlan_default_pvid 7'
	[ "$(inside bridge -j vlan show | jq -c "[.[] | select(.ifname | startswith(\"hv\")) | .vlans[].vlan] | unique")" = "[7]" ]
	reaches "$id" "$(address_of "$id-b")" 80 hello
	husk delete --force "$id"
	husk delete --force "$id-b"
}

@test "a network of IPv6 gives addresses that can be used at once" {
	husk network create --subnet fd00:1::/64 --subnet 10.1.0.0/24 web
	sh_args 'ip -o -6 address show eth0; ip -6 route | grep default; cat /proc/sys/net/ipv6/conf/eth0/accept_ra'
	try run --network web:ip6=fd00:1::7 --id "$id" "$bundle"
	expect 0
	[[ $output == *fd00:1::7/64* && $output != *'fd00:1::7/64 scope global tentative'* ]]
	[[ $output == *"default via fd00:1::1"* && ${lines[-1]} = 0 ]]
}

@test "macvlan and ipvlan share a link of the host's" {
	inside ip link add probe link up0 type macvlan || lacking "this kernel has no macvlan"
	inside ip link delete probe
	sh_args 'ip -o address show eth0; ip route | grep default'
	try run --network macvlan:up0:ip=192.0.2.77/24,gateway=192.0.2.2 --id "$id" "$bundle"
	expect 0
	[[ $output == *192.0.2.77/24* && $output == *"default via 192.0.2.2"* ]]
	inside ip link add probe link up0 type ipvlan || lacking "this kernel has no ipvlan"
	inside ip link delete probe
	try run --network ipvlan:up0:ip=192.0.2.78/24,gateway=192.0.2.2 --id "$id" "$bundle"
	expect 0
	[[ $output == *192.0.2.78/24* ]]
}

@test "a container in a user namespace gets its network from root" {
	needs_userns
	config '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 1000}]
		| .linux.gidMappings = .linux.uidMappings'
	own_rootfs
	chown -R 100000:100000 "$bundle"
	chmod 755 "$BATS_TEST_TMPDIR" "$bundle"
	sh_args 'ip -o address show eth0'
	try run --network bridge --id "$id" "$bundle"
	expect 0
	[[ $output == *10.214.0.2/16* ]]
}

@test "husk plan shows links and ports" {
	try plan --network bridge:ip=10.214.0.9 -p 8080:80 --network-rate in=1mbit "$bundle"
	expect 0
	[[ $output == *'join the network "husk", address 10.214.0.9'* && $output == *"publish 8080:80/tcp"* ]]
	[[ $output == *"125000 bytes a second"* ]]
	try plan --format json --network bridge -p 8080:80 "$bundle"
	[ "$(jq -r '.networks[0].network, .ports[0]' <<<"$output")" = $'husk\n8080:80/tcp' ]
	[ ! -e "$store" ]
}

@test "stats counts what goes through a container's link" {
	sh_args 'nc -ll -p 9 -e head -c 100000 /dev/zero'
	start --network bridge --id "$id" "$bundle"
	has_counted() {
		inside busybox nc -w 5 "$(address_of "$id")" 9 -e sh -c 'cat >/dev/null' 3>&-
		[ "$(husk stats --no-stream --format json "$id" | jq '.[0].network.sentBytes')" -gt 100000 ]
	}
	soon has_counted
}

# ---- leases ----

@test "an address goes back with its container, and the next one gets another" {
	start --network bridge --id "$id-1" "$bundle"
	[ "$(address_of "$id-1")" = 10.214.0.2 ]
	husk delete --force "$id-1"
	[ -z "$(ls "$store/networks/husk/leases")" ]
	start --network bridge --id "$id-2" "$bundle"
	[ "$(address_of "$id-2")" = 10.214.0.3 ]
}

@test "a container that asks for an address gets it each time, with the same hardware address" {
	start --network bridge --ip 10.214.0.99 --id "$id" "$bundle"
	local before
	before=$(mac_of "$id")
	husk delete --force "$id"
	start --network bridge --ip 10.214.0.99 --id "$id" "$bundle"
	[ "$(address_of "$id") $(mac_of "$id")" = "10.214.0.99 $before" ]
	try run --network bridge --ip 10.214.0.99 --id "$id-2" "$bundle"
	expect_error 125 "10.214.0.99" "is held by the container \"$id\""
	[ ! -e "$state/$id-2" ]
}

@test "a full network is an error, and has room again when a container goes" {
	husk network create --subnet 10.1.0.0/29 small # .2 to .6
	local n
	for n in 1 2 3 4 5; do start --network small --id "$id-$n" "$bundle"; done
	try run --network small --id "$id" "$bundle"
	expect_error 125 'the network "small" has no free address'
	husk delete --force "$id-3"
	start --network small --id "$id" "$bundle"
	[ "$(address_of "$id")" = 10.1.0.4 ]
}

@test "leases of another boot, and of containers that are gone, are void" {
	local lease=$store/networks/small/leases
	husk network create --subnet 10.1.0.0/29 small # .2 to .6
	echo '{"id":"x","state":"/run/husk/x","boot":"another","names":[]}' | tee "$lease"/10.1.0.{2,3,4} >/dev/null
	echo '{"id":"x","state":"/run/husk/x","boot":"'"$(cat /proc/sys/kernel/random/boot_id)"'","names":[]}' >"$lease/10.1.0.5"
	mkdir "$BATS_TEST_TMPDIR/alive"
	sed "s|/run/husk/x|$BATS_TEST_TMPDIR/alive|" "$lease/10.1.0.5" >"$lease/10.1.0.6"
	start --network small:ip=10.1.0.5 --id "$id-1" "$bundle"
	start --network small --id "$id-2" "$bundle"
	try run --network small:ip=10.1.0.6 --id "$id" "$bundle"
	expect_error 125 'is held by the container "x"'
	rmdir "$BATS_TEST_TMPDIR/alive"
	[ "$(husk network prune)" = "3 addresses given back, 0 networks removed" ]
}

@test "a damaged lease is nobody's to take until prune removes it" {
	husk network create --subnet 10.1.0.0/24 web
	echo '{"id":' >"$store/networks/web/leases/10.1.0.2"
	try run --network web:ip=10.1.0.2 --id "$id" "$bundle"
	expect_error 125 'the lease of 10.1.0.2 in the network "web" is damaged' "husk network prune"
	start --network web --id "$id" "$bundle"
	[ "$(address_of "$id")" = 10.1.0.3 ]
	husk network prune
	[ ! -e "$store/networks/web/leases/10.1.0.2" ]
}

@test "200 containers start at once: every address once, every link gone after them" {
	local n
	husk network create --disable-dns web
	for ((n = 0; n < 200; n++)); do echo "$id-$n"; done |
		inside env HUSK_TEST_MARK="$mark" xargs -P 40 -I '{}' "$HUSK" --root "$state" --store "$store" \
			run --detach --network web --bundle "$bundle" '{}' 3>&- >"$BATS_TEST_TMPDIR/out" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/out")"
	[ "$(jq -r '.links[0].addresses[0]' "$state"/*/network | sort -u | wc -l)" -eq 200 ]
	[ "$(find "$store/networks/web/leases" -type f | wc -l)" -eq 200 ]
	[ "$(links | sort -u | wc -l)" -eq 200 ]
	husk list -q | inside xargs -P 40 -n 5 "$HUSK" --root "$state" --store "$store" delete --force 3>&-
	[ -z "$(links)" ]
}

# ---- definitions ----

@test "networks are made, listed, inspected and removed" {
	try network create --subnet 10.1.0.0/24 --gateway 10.1.0.254 --ip-range 10.1.0.128/28 --mtu 1400 --label a=b web
	expect 0 web
	start --network web:alias=www --id "$id" "$bundle"
	[ "$(address_of "$id")" = 10.1.0.128 ]
	try network ls
	[[ ${lines[1]} == web*husk0*10.1.0.0/24*1 ]]
	try network ls --format json
	[ "$(jq -r '.[0] | .name, .mtu, .labels.a' <<<"$output")" = $'web\n1400\nb' ]
	try network inspect web
	[ "$(jq -r '.[0].containers[0] | .id, .address, .names[1]' <<<"$output")" = "$id"$'\n10.1.0.128\nwww' ]
	[ "$(husk exec "$id" cat /sys/class/net/eth0/mtu)" = 1400 ]
	try network rm web
	expect_error 1 'the network "web" is in use by the container "'"$id"'"'
	husk delete --force "$id"
	try network rm web
	expect 0
	[ -z "$(husk network ls -q)" ]
	[ -z "$(inside ip -o link show type bridge)" ]
}

@test "subnets that overlap are refused, by name" {
	husk network create --subnet 10.1.0.0/24 --subnet fd00:1::/64 web
	try network create --subnet 10.1.0.128/25 other
	expect_error 1 'the subnet 10.1.0.128/25 overlaps 10.1.0.0/24 of the network "web"'
	try network create --subnet fd00:1::/48 other
	expect_error 1 'overlaps fd00:1::/64 of the network "web"'
	try network create --subnet 192.0.2.128/25 other
	expect_error 1 "overlaps 192.0.2.0/24, to which the host has a route"
	husk network create free
	inside ip route add 10.215.0.0/16 via 192.0.2.2
	husk network create next
	[ "$(husk network inspect free next | jq -r '.[].subnets[0].subnet' | tr '\n' ' ')" = "10.214.0.0/16 10.216.0.0/16 " ]
}

@test "what is wrong with a network is said in one line" {
	local words arguments
	while IFS='|' read -r arguments words; do
		# shellcheck disable=SC2086 # words
		try network create $arguments
		expect_error 1 "$words"
	done <<'BAD'
a/b|is no name of a network
--subnet 10.1.0.0 web|expected a subnet as 10.1.0.0/24
--subnet 10.1.0.0/31 web|has no room
--subnet 10.1.0.0/33 web|expected a subnet
--subnet 10.1.0.0/24 --subnet 10.2.0.0/24 web|one of each version
--subnet 10.1.0.0/24 --gateway 10.2.0.1 web|none of the subnets
--subnet 10.1.0.0/24 --gateway 10.1.0.255 web|no address of a host
--subnet 10.1.0.0/24 --ip-range 10.1.0.0/23 web|none of the subnets
--mtu 40 web|--mtu: expected 68
--vlan 5000 web|--vlan: expected 1
-o color=red web|is no option of a network
--dns example.com web|--dns: expected an address
--driver macvlan web|--driver: there is bridge
BAD
	[ -z "$(ls "$store/networks" 2>/dev/null)" ]
}

@test "what is wrong with --network is said in one line, and nothing is left behind" {
	local words arguments
	while IFS='|' read -r arguments words; do
		# shellcheck disable=SC2086 # words
		try run $arguments --id "$id" "$bundle"
		expect_error 125 "$words"
		[ ! -e "$state/$id" ] || fail "the container is left"
		[ -z "$(links)" ] || fail "links are left"
	done <<'BAD'
--network web|network "web" does not exist
--network bridge:ip=10.9.9.9|is not in the subnet 10.214.0.0/16
--network bridge:ip=10.214.0.1|is the gateway's
--network bridge:ip6=fd00::1|has no IPv6 subnet
--network bridge:ip=here|ip: expected an IPv4 address
--network bridge:interface_name=eth0123456789012|the name of a link, 1 to 15 characters
--network bridge:interface_name=../x|the name of a link
--network bridge:mac=ff:ff:ff:ff:ff:ff|mac: expected the address of one host
--network bridge:alias=a;b|
--network bridge:colour=red|is no option of a network
--network bridge:ipp=10.0.0.1|did you mean "ip"
--network host --network bridge|exclude other networks
--network bridge --network husk|is given twice
--network none:ip=1|none takes no options
--network ns:netns|expected an absolute path
--network container:nobody|container "nobody" does not exist
--network macvlan:nowhere|find the link nowhere
--network macvlan|needs a link of the host's
-p 70000|is no port
-p 0|is no port
-p 80:80/icmp|
-p x:80|is no port
--network none -p 80|ports can be published
--network-rate fast|
BAD
}

@test "a damaged definition is named, and rm --force removes it" {
	husk network create web
	echo '{' >"$store/networks/web/network"
	try run --network web --id "$id" "$bundle"
	expect_error 125 'the definition of the network "web" is damaged'
	try network ls -q
	expect 0 ""
	try network rm --force web
	expect 0
	[ ! -e "$store/networks/web" ]
}

@test "a link that has the bridge's name is not taken over" {
	husk network create web
	inside ip link add husk0 type veth peer name husk0-peer
	try run --network web --id "$id" "$bundle"
	expect_error 125 'the network "web" wants the bridge husk0, but that link is no bridge'
	inside ip link delete husk0
}

@test "without CAP_NET_ADMIN a network is refused in one line" {
	husk network create web
	run --separate-stderr inside env HUSK_TEST_MARK="$mark" setpriv --bounding-set -net_admin --inh-caps -net_admin \
		"$HUSK" --root "$state" --store "$store" run --network web --id "$id" "$bundle" 3>&-
	expect_error 125 "Operation not permitted" "CAP_NET_ADMIN"
	[ ! -e "$state/$id" ]
}

@test "a kernel without nf_tables is told in one line, and nothing is left behind" {
	husk network create web
	husk_traced() { run --separate-stderr inside env HUSK_TEST_MARK="$mark" ASAN_OPTIONS=detect_leaks=0 strace -qq -f -e trace=socket "$@" -o "$BATS_TEST_TMPDIR/trace" \
		"$HUSK" --root "$state" --store "$store" run --network web --id "$id" "$bundle" 3>&-; }
	args true
	husk_traced && expect 0 # makes the bridge
	husk_traced && expect 0
	local first # of those that its process opens
	first=$(awk '{ nth[$1]++ } /NETLINK_NETFILTER/ { print nth[$1]; exit }' "$BATS_TEST_TMPDIR/trace")
	husk_traced -e "inject=socket:error=EPROTONOSUPPORT:when=$first"
	expect_error 125 "nf_tables"
	[ ! -e "$state/$id" ]
}

# ---- live ----

@test "a running container joins and leaves a network" {
	husk network create --subnet 10.1.0.0/24 web
	start --network bridge --id "$id" "$bundle"
	try network connect "$id" web:ip=10.1.0.7,alias=www
	expect 0
	[[ $(husk exec "$id" ip -o address show eth1) == *10.1.0.7/24* ]]
	grep -qw www "$state/$id/hosts"
	try network connect "$id" web
	expect_error 1 "is in the network \"web\" already"
	try network disconnect "$id" web
	expect 0
	run ! husk exec "$id" ip link show eth1
	run ! grep -qw www "$state/$id/hosts"
	[ -z "$(ls "$store/networks/web/leases")" ]
	try network disconnect "$id" web
	expect_error 1 'is not in the network "web"'
}

@test "a container without a network of its own cannot join one" {
	start --network host --id "$id" "$bundle"
	husk network create web
	try network connect "$id" web
	expect_error 1 "has no network namespace of its own"
}

@test "a bridge that was deleted by hand comes back, with the next container and with repair" {
	sh_args "$(serving 80 word)"
	start --network bridge --id "$id-1" "$bundle"
	reaches inside "$(address_of "$id-1")" 80 word
	inside ip link delete husk0
	try network check
	expect 1
	[[ $output == *"the bridge husk0 is gone"* ]]
	husk network repair
	reaches inside "$(address_of "$id-1")" 80 word
	inside ip link delete husk0
	start --network bridge --id "$id-2" "$bundle"
	reaches inside "$(address_of "$id-2")" 80 word
	husk network check
}

@test "a container that renames, moves or deletes its link does not keep its network from ending" {
	config '.process.capabilities |= map_values(. + ["CAP_NET_ADMIN"])'
	start --network bridge --id "$id-1" "$bundle"
	start --network bridge --id "$id-2" "$bundle"
	husk exec "$id-1" sh -c 'ip link set eth0 down; ip link set eth0 name other'
	husk exec "$id-2" ip link delete eth0
	husk delete --force "$id-1"
	husk delete --force "$id-2"
	[ -z "$(links)" ]
}
