#!/usr/bin/env bats
# What a container with a network of husk's is called, whom it knows by name, and whom it asks.
load lib/husk
load lib/network

setup() {
	setup_bundle
	make_hosts
	own_rootfs
	network bridge
}

network() { config --arg mode "$1" '.annotations["org.husk.network"] = $mode'; } # MODE

@test "a bundle that asks for no network keeps its files, and may not ask for names in one" {
	echo image >"$bundle/rootfs/etc/hosts"
	config 'del(.annotations)'
	in_container 'cat /etc/hosts; ls /etc/resolv.conf /etc/hostname'
	[ "$output" = image ]
	try run --dns 192.0.2.53 --id "$id" "$bundle"
	expect_error 125 'annotations["org.husk.network.dns"]' "only in a network that husk makes"
	try run --network host --add-host db:192.0.2.7 --id "$id" "$bundle"
	expect_error 125 'annotations["org.husk.network.add-hosts"]' "only in a network that husk makes"
}

@test "hosts, hostname and resolv.conf are husk's, read-only, and nothing is left in the image but what they lie on" {
	network bridge:ip=10.214.0.9
	config '.hostname = "web.example.org" | .annotations += {"org.husk.network.dns": "192.0.2.53;2001:db8::53",
		"org.husk.network.dns-search": "example.org;example.net", "org.husk.network.dns-option": "ndots:9"}'
	sh_args 'cat /etc/hostname /etc/hosts /etc/resolv.conf; echo x 2>/dev/null >>/etc/hosts || echo read-only'
	try run --dns-option ndots:2 --dns-option use-vc --add-host db:192.0.2.7 --add-host cache=2001:db8::7 \
		--add-host "a;b:host-gateway" --id "$id" "$bundle"
	expect 0 "web.example.org
127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
192.0.2.7	db
2001:db8::7	cache
10.214.0.1	a
10.214.0.1	b
10.214.0.9	web.example.org web
10.214.0.1	host.containers.internal host.docker.internal
# made by husk
nameserver 192.0.2.53
nameserver 2001:db8::53
search example.org example.net
options ndots:2 use-vc
read-only"
	[ ! -s "$bundle/rootfs/etc/hosts" ] && [ ! -s "$bundle/rootfs/etc/resolv.conf" ]
}

@test "a mount of the config at one of these places wins" {
	echo mine >"$BATS_TEST_TMPDIR/hosts"
	config --arg hosts "$BATS_TEST_TMPDIR/hosts" '.mounts += [{"destination": "/etc//hosts", "type": "bind", "source": $hosts, "options": ["bind"]}]'
	in_container 'cat /etc/hosts; grep -c . /etc/hostname'
	expect 0 "mine
1"
}

@test "--dns none leaves resolv.conf to the image" {
	echo "nameserver 192.0.2.99" >"$bundle/rootfs/etc/resolv.conf"
	args cat /etc/resolv.conf
	try run --dns none --id "$id" "$bundle"
	expect 0 "nameserver 192.0.2.99"
}

@test "links of an image lead nowhere: what is husk's lies on them, and the host's files stay as they are" {
	mkdir -p "$BATS_TEST_TMPDIR/host"
	echo host >"$BATS_TEST_TMPDIR/host/file"
	ln -s "../../../../../../..$BATS_TEST_TMPDIR/host/new" "$bundle/rootfs/etc/hosts"
	ln -s "$BATS_TEST_TMPDIR/host/file" "$bundle/rootfs/etc/resolv.conf"
	ln -s ../run/systemd/resolve/stub-resolv.conf "$bundle/rootfs/etc/hostname"
	config '.annotations["org.husk.network.dns"] = "192.0.2.53"'
	in_container 'grep -c localhost /etc/hosts; grep nameserver /etc/resolv.conf; cat /etc/hostname'
	expect 0 "2
nameserver 192.0.2.53
husk"
	[ "$(ls "$BATS_TEST_TMPDIR/host")" = file ] && [ "$(cat "$BATS_TEST_TMPDIR/host/file")" = host ]
}

@test "an image whose /etc is a link to a folder of the host's is given its files inside" {
	mkdir -p "$BATS_TEST_TMPDIR/host"
	rm -rf "$bundle/rootfs/etc"
	ln -s "$BATS_TEST_TMPDIR/host" "$bundle/rootfs/etc"
	mkdir -p "$bundle/rootfs$BATS_TEST_TMPDIR/host"
	in_container 'grep -c localhost /etc/hosts'
	expect 0 2
	[ -z "$(ls "$BATS_TEST_TMPDIR/host")" ]
}

@test "a root file system that cannot be written to and lacks the file is an error that says what to do" {
	mount --bind "$bundle/rootfs" "$bundle/rootfs"
	mount -o remount,bind,ro "$bundle/rootfs"
	later umount "$bundle/rootfs"
	in_container true
	expect_error 125 "/etc/hosts" "Read-only file system" "make it in the image"
}

@test "what is no name, no address or no option is a fault with its place" {
	local bad
	for bad in 'dns": "192.0.2.300' 'dns": "192.0.2.5\noptions x' 'dns-search": "a b' 'dns-option": "ndots 2' \
		'add-hosts": "db:192.0.2.7\n192.0.2.8 other' 'add-hosts": "-db:192.0.2.7' 'add-hosts": "db' 'add-hosts": "db:'; do
		config "del(.annotations) | .annotations = {\"org.husk.network\": \"bridge\", \"org.husk.network.$bad\"}"
		try run --id "$id" "$bundle"
		expect_error 125 "annotations[\"org.husk.network.${bad%%\"*}\"]" "expected"
	done
	config 'del(.annotations)'
	try run --network bridge --dns none --dns-search example.org --id "$id" "$bundle"
	expect_error 125 "none"
}

@test "users without capabilities may ping, unless the config says which" {
	in_container 'tr "\t" " " </proc/sys/net/ipv4/ping_group_range'
	expect 0 "0 2147483647"
	config '.linux.sysctl["net.ipv4.ping_group_range"] = "5 6"'
	try run --id "$id" "$bundle"
	expect 0 "5 6"
}

# ---- each other ----

# The address in a network of a container that knows itself there.
address_in() { husk exec "$1" sed -n "/^# network $2\$/,/^# end/s/\t$1\( .*\)*\$//p" /etc/hosts; } # ID NETWORK
# Who is in the network, as the container sees it.
others() { husk exec "$1" sed -n "/^# network $2\$/,/^# end/p" /etc/hosts | grep -v '^#' | tr '\t' ' ' | tr '\n' ';'; } # ID NETWORK

networks() { # NAME...
	local name
	config 'del(.annotations) | .hostname = "box"'
	sh_args "$(serving 80 word)"
	for name; do husk network create "$name" >/dev/null; done
}

@test "containers of a network find each other by id and alias, from the moment that they are in it until they are not" {
	networks web
	start --network web:alias=db,alias=store --id "$id-a" "$bundle"
	start --network web --id "$id-b" "$bundle"
	local a b
	a=$(address_in "$id-a" web) b=$(address_in "$id-b" web)
	[ "$(others "$id-a" web)" = "$a $id-a db store;$b $id-b;" ] || fail "$(others "$id-a" web)"
	[ "$(others "$id-b" web)" = "$a $id-a db store;$b $id-b;" ]
	reaches "$id-b" db 80 word
	reaches "$id-a" "$id-b" 80 word
	reaches "$id-a" box 80 word # itself
	[ "$(husk exec "$id-a" sed -n 's/\tbox$//p' /etc/hosts)" = "$a" ]
	husk delete --force "$id-a"
	[ "$(others "$id-b" web)" = "$b $id-b;" ]
	refuses "$id-b" db 80
}

@test "a container of two networks knows those of both, and forgets one that it leaves" {
	networks web data
	start --network web --id "$id-a" "$bundle"
	start --network data:alias=db --id "$id-b" "$bundle"
	husk network connect "$id-a" data
	[ "$(others "$id-b" data)" = "$(address_in "$id-b" data) $id-b db;$(address_in "$id-a" data) $id-a;" ] || fail "$(others "$id-b" data)"
	reaches "$id-a" db 80 word
	husk network disconnect "$id-a" data
	[ "$(others "$id-b" data)" = "$(address_in "$id-b" data) $id-b db;" ]
	[ -z "$(others "$id-a" data)" ]
	[ "$(others "$id-a" web)" = "$(address_in "$id-a" web) $id-a;" ]
}

@test "a reader of hosts never finds it empty, and always finds itself, while others come and go" {
	networks web
	sh_args 'while [ ! -e /stop ]; do grep -q "^127.0.0.1.localhost" /etc/hosts && grep -q "	box$" /etc/hosts || echo torn >>/torn; done'
	start --network web --id "$id-a" "$bundle"
	args sleep 1000
	for _ in 1 2 3 4 5; do
		start --network web:alias=a-name-that-makes-the-file-longer,alias=and-one-more --id "$id-b" "$bundle"
		husk delete --force "$id-b"
	done
	[ ! -e "$bundle/rootfs/torn" ]
	touch "$bundle/rootfs/stop"
	eventually is_status "$id-a" stopped
}

@test "an internal network has no name server, unless it is given one; a network may have its own" {
	networks
	husk network create --internal inner >/dev/null
	husk network create --dns 192.0.2.53 outer >/dev/null
	sh_args 'grep nameserver /etc/resolv.conf | grep -v "^#" || echo none'
	[ "$(husk run --network inner --id "$id" "$bundle")" = none ]
	[ "$(husk run --network inner --dns 192.0.2.54 --id "$id" "$bundle")" = "nameserver 192.0.2.54" ]
	[ "$(husk run --network outer --id "$id" "$bundle")" = "nameserver 192.0.2.53" ]
}
