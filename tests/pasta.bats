#!/usr/bin/env bats
# pasta: a network for those who may make no links on the host, and what is left of it: nothing.
load lib/husk
load lib/network

user=husk-pasta-user

# As the user, on the host of the tests, with a state of its own; `aside` for what leaves a process behind, which has no part
# in the test's output.
mine() {
	inside setpriv --reuid "$uid" --regid "$uid" --clear-groups env -u XDG_RUNTIME_DIR HOME=/ \
		HUSK_TEST_MARK="$mark" "$HUSK" --root "$mine" "$@" 3>&-
}
try_mine() { run --separate-stderr mine "$@"; }
start_mine() { mine run --detach "$@" >"$BATS_TEST_TMPDIR/started" 2>&1 </dev/null || fail "$(cat "$BATS_TEST_TMPDIR/started")"; }

# A node of our own, which users may open: hosts have it so, test machines may not.
make_tun() {
	needs_file /dev/net/tun
	mknod -m 666 "$BATS_TEST_TMPDIR/tun" c 10 200
	mount --bind "$BATS_TEST_TMPDIR/tun" /dev/net/tun
	later umount /dev/net/tun
}

# Before all else that is undone.
end_mine() {
	local one
	[ -d "$mine" ] || return 0
	for one in $(mine list -q); do mine delete --force "$one"; done
}

make_user() {
	local dir=$BATS_TEST_TMPDIR
	uid=$(id -u "$user" 2>/dev/null) || {
		useradd --no-create-home --shell /usr/sbin/nologin "$user"
		uid=$(id -u "$user")
	}
	later userdel "$user"
	mine=$BATS_TEST_TMPDIR/mine
	chown -R "$uid:$uid" "$bundle"
	mkdir -m 700 "$mine"
	chown "$uid:$uid" "$mine"
	while [ "$dir" != / ]; do chmod a+x "$dir" && dir=${dir%/*} && dir=${dir:-/}; done
	rm "$bundle/config.json"
	setpriv --reuid "$uid" --regid "$uid" --clear-groups "$HUSK" spec --rootless --bundle "$bundle"
	config --arg mark "HUSK_TEST_MARK=$mark" '.process.terminal = false | .process.env += [$mark] | .root.readonly = false'
}

network() { config --arg mode "$1" '.annotations["org.husk.network"] = $mode'; } # MODE

setup() {
	command -v pasta >/dev/null || skip "pasta (Debian's package passt) is not installed here"
	setup_bundle
	mine=
	later end_mine
	make_tun
	make_hosts
	inside ip route add default via "$neighbour_address"
	own_rootfs
	network pasta
	args sleep 1000
}

serves_pasta() { marked | grep -q ' pasta '; }
no_pasta() { ! serves_pasta; }
# Answers datagrams, in the network of a process.
echo_datagrams() { # PID ADDRESS
	nsenter -t "$1" -n python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 53))
while True: s.sendto(b"datagram\n", s.recvfrom(100)[1])' "$2" 3>&- &
	later kill $!
}
hears_datagram() { # ADDRESS PORT
	bash -c 'exec 4<>"/dev/udp/$1/$2" && echo >&4 && [ "$(timeout 1 dd bs=64 count=1 status=none <&4)" = datagram ]' _ "$@"
}

@test "a user's container reaches a server of the host's network, and a published port reaches it" {
	needs_userns
	make_user
	serve outside 7000 hello
	reaches inside "$neighbour_address" 7000 hello
	sh_args "$(serving 80 word)"
	start_mine --network pasta -p 8080:80 --id "$id" "$bundle/"
	[ "$(mine exec "$id" readlink /proc/self/ns/net)" = "$(readlink "/proc/$(mine state "$id" | jq .pid)/ns/net")" ] # which the config does not ask for
	eventually eval '[ "$(mine exec "$id" sh -c "$hear" ask "$neighbour_address" 7000)" = hello ]'
	reaches inside 127.0.0.1 8080 word
	try_mine exec "$id" cat /proc/sys/net/ipv4/ping_group_range
	expect 0 "0	0"
	try_mine delete --force "$id"
	expect 0
	[ -z "$(marked)" ] && [ -z "$(ls "$mine")" ]
}

@test "it serves root, too; -p publishes on an address, a free one of a range, and UDP" {
	serve inside 8080 taken
	reaches inside 127.0.0.1 8080 taken
	sh_args "$(serving 80 word)"
	start -p 127.0.0.1:8080-8082:80 -p "$host_address:5353:53/udp" --id "$id" "$bundle"
	reaches inside 127.0.0.1 8081 word
	refuses inside "$host_address" 8081
	echo_datagrams "$(pid_of "$id")" 0.0.0.0
	eventually outside "$(command -v bash)" -c "$(declare -f hears_datagram); hears_datagram $host_address 5353"
	husk delete --force "$id"
	[ -z "$(marked)" ]
}

@test "what the container's loopback and the gateway's address show is not the host's" {
	serve inside 7000 secret
	reaches inside 127.0.0.1 7000 secret
	start --id "$id" "$bundle"
	[[ $(ask_from "$id" 127.0.0.1 7000) != *secret* ]]
	[[ $(ask_from "$id" "$neighbour_address" 7000) != *secret* ]]
	husk delete --force "$id"
	start --network pasta:--map-gw --id "$id" "$bundle"
	reaches "$id" "$neighbour_address" 7000 secret
	[[ $(ask_from "$id" 127.0.0.1 7000) != *secret* ]]
}

@test "a name server on the host's loopback is asked by pasta, and left out where nobody can" {
	echo "nameserver 127.0.0.53" >"$BATS_TEST_TMPDIR/resolv"
	mount --bind "$BATS_TEST_TMPDIR/resolv" /etc/resolv.conf
	later umount /etc/resolv.conf
	echo_datagrams "$host_net" 127.0.0.53
	start --id "$id" "$bundle"
	[ "$(husk exec "$id" grep nameserver /etc/resolv.conf)" = "nameserver 169.254.1.1" ]
	eventually nsenter -t "$(pid_of "$id")" -n "$(command -v bash)" -c "$(declare -f hears_datagram); hears_datagram 169.254.1.1 53"
	husk delete --force "$id"
	sh_args 'grep -c "^nameserver" /etc/resolv.conf'
	[ -e /run/systemd/resolve/resolv.conf ] || [ "$(husk run --network bridge --id "$id" "$bundle")" = 0 ]
}

@test "pasta ends with the container, also one that nobody deletes" {
	start --id "$id" "$bundle"
	serves_pasta
	husk kill "$id" KILL
	eventually no_pasta
	eventually is_status "$id" stopped
	husk delete "$id"
	husk create --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/started" 2>&1 </dev/null
	serves_pasta
	husk delete --force "$id"
	no_pasta
}

@test "husk is killed at each system call from the start of pasta on, and delete --force leaves none of it" {
	local call number killed=0 stride=${HUSK_TEST_STRIDE:-1}
	strace -qq -o /dev/null true 2>/dev/null || lacking "strace cannot trace here"
	create_traced() { # STRACE-OPTIONS...
		inside env HUSK_TEST_MARK="$mark" ASAN_OPTIONS=detect_leaks=0 strace -qq "$@" \
			"$HUSK" --root "$state" --store "$store" create --bundle "$bundle" "$id" 3>&-
	}
	create_traced -o "$BATS_TEST_TMPDIR/trace"
	husk delete --force "$id"
	while read -r call number; do
		(create_traced -o /dev/null --inject="$call:signal=SIGKILL:when=$number" || exit) >"$BATS_TEST_TMPDIR/out" 2>&1 ||
			((killed += 1))
		husk delete --force "$id"
		eventually no_pasta || fail "killed at $call $number: $(marked)"
		[ -z "$(marked)" ] && [ -z "$(ls "$state")" ] || fail "killed at $call $number: $(marked) $(ls "$state")"
	done < <(sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' "$BATS_TEST_TMPDIR/trace" | awk -v stride="$stride" '{ seen[$1]++ }
		$1 == "symlinkat" { on = 1 } on && $1 != "exit_group" && NR % stride == 0 { print $1, seen[$1] }')
	[ "$killed" -ge $((15 / stride)) ]
}

@test "pasta that cannot start is an error that says why, and leaves nothing" {
	local without=$BATS_TEST_TMPDIR/without
	serve inside 8080 taken
	reaches inside 127.0.0.1 8080 taken
	try run -p 8080:80 --id "$id" "$bundle"
	expect_error 125 "pasta" "8080" "in use"
	try run -p 80/sctp --id "$id" "$bundle"
	expect_error 125 "tcp and udp only"
	inside ip route del default
	try run --id "$id" "$bundle"
	expect_error 125 "pasta" "default route"
	mkdir "$without"
	run --separate-stderr inside env PATH="$without" HUSK_TEST_MARK="$mark" "$HUSK" --root "$state" run --id "$id" "$bundle"
	expect_error 125 "run pasta: No such file or directory" "package passt"
	[ -z "$(ls "$state")" ] && [ -z "$(marked)" ]
}

@test "options that do not concern the network are refused, those that do are pasta's" {
	local option
	for option in --pid,/tmp/x -P,/tmp/x --log-file=/tmp/x --pcap,/tmp/x --runas,0 --netns,/proc/1/ns/net x; do
		network "pasta:--mtu,1500,$option"
		try run --id "$id" "$bundle"
		expect_error 125 'annotations["org.husk.network"]' "no option of pasta's" "${option%%[,=]*}"
	done
	network pasta:--mtu
	try run --id "$id" "$bundle"
	expect_error 125 "--mtu needs a value"
	network pasta:-I,tap0,--mtu=1400
	args cat /sys/class/net/tap0/mtu
	try run --id "$id" "$bundle"
	expect 0 1400
}

@test "husk plan says what pasta is started with, and which files of husk's are bound" {
	try plan --network pasta:--mtu,1400 -p 8080:80 -p 53/udp "$bundle"
	[[ $output == *"start pasta --mtu 1400, publish 8080:80/tcp, :53/udp"* ]] || fail "$output"
	[[ $output == *"bind hosts of the container's state on /etc/hosts (nodev,noexec,nosuid,ro)"* ]]
	try plan --network pasta --format json "$bundle"
	[ "$(jq -c .pasta <<<"$output")" = '{"options":[],"ports":[]}' ]
}

@test "host-gateway is an error where the host has no address of its own" {
	try run --add-host host:host-gateway --id "$id" "$bundle"
	expect_error 125 "host-gateway" "no way to the host"
}
