#!/usr/bin/env bats
# What a container is called and whom it can ask, and pasta, which gives a network to those who may make none.
#
# The host of these tests is a network namespace of their own, with one address and a default route to another one.
load lib/husk

user=husk-names-user
address=192.0.2.1

outside() { nsenter -t "$out" -n -- "$@"; } # COMMAND...: there
in_net() { nsenter -t "$net" -n -- "$@"; } # COMMAND...: on the host of the tests

# husk as root there, and as the user.
try_net() { run --separate-stderr in_net env HUSK_TEST_MARK="$mark" "$HUSK" --root "$state" "$@" 3>&-; }
husk_net_aside() {
	in_net env HUSK_TEST_MARK="$mark" "$HUSK" --root "$state" "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null 3>&- ||
		fail "$(cat "$BATS_TEST_TMPDIR/out")"
}
as_user() {
	run --separate-stderr in_net setpriv --reuid "$uid" --regid "$uid" --clear-groups env -u XDG_RUNTIME_DIR HOME=/ \
		HUSK_TEST_MARK="$mark" timeout 60 "$HUSK" --root "$mine" "$@" 3>&-
}

# The same for what leaves a process behind: it has no part in the test's output.
as_user_aside() {
	in_net setpriv --reuid "$uid" --regid "$uid" --clear-groups env -u XDG_RUNTIME_DIR HOME=/ \
		HUSK_TEST_MARK="$mark" "$HUSK" --root "$mine" "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null 3>&-
}

# The first line that a server says. A client that says nothing itself need not close half of a connection.
hear="-e sh -c 'read -r -t 5 line; echo \$line >&2'"
ask() { eval "in_net busybox nc -w 5 $1 $2 $hear" 2>&1 </dev/null; } # ADDRESS PORT

# A server of the host's that says a word.
serve() { # PORT WORD
	in_net busybox nc -ll -p "$1" -e echo "$2" 3>&- &
	later kill $!
	eventually eval '[ "$(ask "$address" '"$1"')" = '"$2"' ]'
}

new_net() {
	unshare -n sleep 1000 3>&- &
	later kill $!
	eventually eval '[ "$(readlink /proc/'$!'/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
}

make_net() {
	new_net && net=$!
	new_net && out=$!
	in_net ip link set lo up
	in_net ip link add up0 type veth peer name up0 netns "$out"
	in_net ip address add "$address/24" dev up0
	in_net ip link set up0 up
	outside ip address add 192.0.2.254/24 dev up0
	outside ip link set up0 up
	in_net ip route add default via 192.0.2.254
}

# A node of our own, which users may open: hosts have it so, test machines may not.
make_tun() {
	needs_file /dev/net/tun
	mknod -m 666 "$BATS_TEST_TMPDIR/tun" c 10 200
	mount --bind "$BATS_TEST_TMPDIR/tun" /dev/net/tun
	later umount /dev/net/tun
}

# The containers of the user: before all else that is undone.
end_mine() {
	local one
	[ -d "$mine" ] || return 0
	for one in $(ls "$mine"); do in_net "$HUSK" --root "$mine" delete --force "$one"; done
}

make_user() {
	local dir=$BATS_TEST_TMPDIR
	uid=$(id -u "$user" 2>/dev/null) || {
		useradd --no-create-home --shell /usr/sbin/nologin "$user"
		uid=$(id -u "$user")
	}
	later userdel "$user"
	mine=$BATS_TEST_TMPDIR/mine
	cp -a "$BATS_FILE_TMPDIR/rootfs" "$bundle/rootfs"
	chown -R "$uid:$uid" "$bundle"
	mkdir -m 700 "$mine"
	chown "$uid:$uid" "$mine"
	while [ "$dir" != / ]; do chmod a+x "$dir" && dir=${dir%/*} && dir=${dir:-/}; done
	rm "$bundle/config.json"
	setpriv --reuid "$uid" --regid "$uid" --clear-groups "$HUSK" spec --rootless --bundle "$bundle"
	config --arg mark "HUSK_TEST_MARK=$mark" '.process.terminal = false | .process.env += [$mark] | .root.readonly = false
		| .linux.namespaces += [{"type": "network"}]'
}

network() { config --arg mode "$1" '.annotations["org.husk.network"] = $mode'; } # MODE

setup() {
	command -v pasta >/dev/null || lacking "pasta is not installed here"
	setup_bundle
	mine=
	later end_mine
	make_tun
	make_net
	own_rootfs
	network pasta
}

@test "a bundle that asks for no network keeps its files, and may not ask for names in one" {
	echo image >"$bundle/rootfs/etc/hosts"
	config 'del(.annotations)'
	sh_args 'cat /etc/hosts; ls /etc/resolv.conf /etc/hostname'
	try_net run --id "$id" "$bundle"
	[ "$output" = image ]
	try_net run --dns 192.0.2.53 --id "$id" "$bundle"
	expect_error 125 'annotations["org.husk.network.dns"]' "only in a network that husk makes"
	try_net run --network host --add-host db:192.0.2.7 --id "$id" "$bundle"
	expect_error 125 'annotations["org.husk.network.add-hosts"]' "only in a network that husk makes"
}

@test "hosts, hostname and resolv.conf are husk's, read-only, and nothing is left in the image but what they lie on" {
	config '.hostname = "web.example.org" | .annotations += {"org.husk.network.dns": "192.0.2.53;2001:db8::53",
		"org.husk.network.dns-search": "example.org;example.net", "org.husk.network.dns-option": "ndots:9"}'
	sh_args 'cat /etc/hostname /etc/hosts /etc/resolv.conf; echo x 2>/dev/null >>/etc/hosts || echo read-only'
	try_net run --dns-option ndots:2 --dns-option use-vc --add-host db:192.0.2.7 --add-host cache=2001:db8::7 \
		--add-host "a;b:192.0.2.8" --id "$id" "$bundle"
	expect 0 "web.example.org
127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
192.0.2.7	db
2001:db8::7	cache
192.0.2.8	a
192.0.2.8	b
127.0.1.1	web.example.org web
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
	sh_args 'cat /etc/hosts; grep -c . /etc/hostname'
	try_net run --id "$id" "$bundle"
	expect 0 "mine
1"
}

@test "--dns none leaves resolv.conf to the image" {
	echo "nameserver 192.0.2.99" >"$bundle/rootfs/etc/resolv.conf"
	config '.annotations["org.husk.network.dns"] = "none"'
	sh_args 'cat /etc/resolv.conf'
	try_net run --id "$id" "$bundle"
	expect 0 "nameserver 192.0.2.99"
}

@test "links of an image lead nowhere: what is husk's lies on them, and the host's files stay as they are" {
	mkdir -p "$BATS_TEST_TMPDIR/host"
	echo host >"$BATS_TEST_TMPDIR/host/file"
	ln -s "../../../../../../..$BATS_TEST_TMPDIR/host/new" "$bundle/rootfs/etc/hosts"
	ln -s "$BATS_TEST_TMPDIR/host/file" "$bundle/rootfs/etc/resolv.conf"
	ln -s ../run/systemd/resolve/stub-resolv.conf "$bundle/rootfs/etc/hostname"
	config '.annotations["org.husk.network.dns"] = "192.0.2.53"'
	sh_args 'grep -c localhost /etc/hosts; grep nameserver /etc/resolv.conf; cat /etc/hostname'
	try_net run --id "$id" "$bundle"
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
	sh_args 'grep -c localhost /etc/hosts'
	try_net run --id "$id" "$bundle"
	expect 0 2
	[ -z "$(ls "$BATS_TEST_TMPDIR/host")" ]
}

@test "a root file system that cannot be written to and lacks the file is an error that says what to do" {
	mount --bind "$bundle/rootfs" "$bundle/rootfs"
	mount -o remount,bind,ro "$bundle/rootfs"
	later umount "$bundle/rootfs"
	args true
	try_net run --id "$id" "$bundle"
	expect_error 125 "/etc/hosts" "Read-only file system" "make it in the image"
}

@test "what is no name, no address or no option is a fault with its place" {
	local bad
	for bad in 'dns": "192.0.2.300' 'dns": "192.0.2.5\noptions x' 'dns-search": "a b' 'dns-option": "ndots 2' \
		'add-hosts": "db:192.0.2.7\n192.0.2.8 other' 'add-hosts": "-db:192.0.2.7' 'add-hosts": "db' 'add-hosts": "db:'; do
		config "del(.annotations) | .annotations = {\"org.husk.network\": \"pasta\", \"org.husk.network.$bad\"}"
		try_net run --id "$id" "$bundle"
		expect_error 125 "annotations[\"org.husk.network.${bad%%\"*}\"]" "expected"
	done
	config 'del(.annotations) | .annotations = {"org.husk.network": "pasta", "org.husk.network.dns": "none", "org.husk.network.dns-search": "example.org"}'
	try_net run --id "$id" "$bundle"
	expect_error 125 "none"
}

@test "users without capabilities may ping, unless the config says which" {
	sh_args 'tr "\t" " " </proc/sys/net/ipv4/ping_group_range'
	try_net run --id "$id" "$bundle"
	expect 0 "0 2147483647"
	config '.linux.sysctl["net.ipv4.ping_group_range"] = "5 6"'
	try_net run --id "$id" "$bundle"
	expect 0 "5 6"
}

@test "pasta: a user's container reaches a server of the host's network, and a published port reaches it" {
	make_user
	network pasta:-t,8080:80
	serve 7000 hello
	in_net ip address add 192.0.2.2/24 dev up0
	args nc -ll -p 80 -e echo inside
	as_user_aside run --detach --id "$id" "$bundle/"
	as_user exec "$id" sh -c "nc -w 5 192.0.2.2 7000 $hear 2>&1"
	expect 0 hello
	eventually eval '[ "$(ask 127.0.0.1 8080)" = inside ]'
	as_user exec "$id" cat /proc/sys/net/ipv4/ping_group_range
	expect 0 "0	0"
	as_user delete --force "$id"
	expect 0
	[ -z "$(marked)" ] && [ -z "$(ls "$mine")" ]
}

# ---- pasta ----

serves_pasta() { marked | grep -q ' pasta '; }
no_pasta() { ! serves_pasta; }

@test "pasta serves root, too; -p publishes on an address, a free one of a range, and UDP" {
	config 'del(.annotations)'
	args nc -ll -p 80 -e echo inside
	in_net busybox nc -ll -p 8080 -e echo taken 3>&- &
	later kill $!
	eventually eval '[ "$(ask 127.0.0.1 8080)" = taken ]'
	husk_net_aside run --network pasta -p 127.0.0.1:8080-8082:80 -p "$address:5353:53/udp" --detach --id "$id" "$bundle"
	eventually eval '[ "$(ask 127.0.0.1 8081)" = inside ]'
	[ "$(ask "$address" 8081)" != inside ]
	nsenter -t "$(pid_of "$id")" -n python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 53))
while True: s.sendto(b"datagram\n", s.recvfrom(100)[1])' 3>&- &
	later kill $!
	eventually outside bash -c "exec 4<>/dev/udp/$address/5353 && echo >&4 && [ \"\$(timeout 1 dd bs=64 count=1 status=none <&4)\" = datagram ]"
	husk delete --force "$id"
	[ -z "$(marked)" ]
}

@test "pasta: what the container's loopback and the gateway's address show is not the host's" {
	serve 7000 secret
	sh_args "for at in 127.0.0.1 192.0.2.254; do nc -w 2 \$at 7000 $hear 2>&1; done; true"
	try_net run --id "$id" "$bundle"
	[[ $output != *secret* ]]
	network pasta:--map-gw
	try_net run --id "$id" "$bundle"
	[[ $output == *secret* ]] || fail "$output $stderr"
}

@test "husk is killed at each system call from the start of pasta on, and delete --force leaves none of it" {
	local call number killed=0
	strace -qq -o /dev/null true 2>/dev/null || lacking "strace cannot trace here"
	args sleep 1000
	in_net env HUSK_TEST_MARK="$mark" strace -qq -o "$BATS_TEST_TMPDIR/trace" "$HUSK" --root "$state" create --bundle "$bundle" "$id" 3>&-
	husk delete --force "$id"
	while read -r call number; do
		(in_net env HUSK_TEST_MARK="$mark" ASAN_OPTIONS=detect_leaks=0 strace -qq -o /dev/null \
			--inject="$call:signal=SIGKILL:when=$number" "$HUSK" --root "$state" create --bundle "$bundle" "$id" 3>&- ||
			exit) >"$BATS_TEST_TMPDIR/out" 2>&1 || ((killed += 1))
		husk delete --force "$id"
		eventually no_pasta || fail "killed at $call $number: $(marked)"
		[ -z "$(marked)" ] && [ -z "$(ls "$state")" ] || fail "killed at $call $number: $(marked) $(ls "$state")"
	done < <(sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' "$BATS_TEST_TMPDIR/trace" | awk '{ seen[$1]++ }
		$1 == "symlinkat" { on = 1 } on && $1 != "exit_group" { print $1, seen[$1] }')
	[ "$killed" -ge 15 ]
}

@test "pasta ends with the container, also one that nobody deletes" {
	args sleep 1000
	husk_net_aside run --detach --id "$id" "$bundle"
	serves_pasta
	husk kill "$id" KILL
	eventually no_pasta
	[ "$(status_of "$id")" = stopped ]
	husk delete "$id"
	husk_net_aside create --bundle "$bundle" "$id"
	serves_pasta
	husk delete --force "$id"
	no_pasta
}

@test "pasta that cannot start is an error that says why, and leaves nothing" {
	local without=$BATS_TEST_TMPDIR/without
	in_net busybox nc -ll -p 8080 -e echo taken 3>&- &
	later kill $!
	eventually eval '[ "$(ask 127.0.0.1 8080)" = taken ]'
	try_net run --network pasta -p 8080:80 --id "$id" "$bundle"
	expect_error 125 "pasta" "8080" "in use"
	try_net run --network pasta -p 80/sctp --id "$id" "$bundle"
	expect_error 125 "tcp and udp only"
	in_net ip route del default
	try_net run --id "$id" "$bundle"
	expect_error 125 "pasta" "default route"
	mkdir "$without"
	ln -s "$(command -v sleep)" "$without/sleep"
	run --separate-stderr in_net env PATH="$without" HUSK_TEST_MARK="$mark" "$HUSK" --root "$state" run --id "$id" "$bundle" 3>&-
	expect_error 125 "run pasta: No such file or directory" "package passt"
	[ -z "$(ls "$state")" ] && [ -z "$(marked)" ]
}

@test "pasta: options that do not concern the network are refused" {
	local option
	for option in --pid,/tmp/x -P,/tmp/x --log-file=/tmp/x --pcap,/tmp/x --runas,0 --netns,/proc/1/ns/net --fd,3 x; do
		network "pasta:--mtu,1500,$option"
		try_net run --id "$id" "$bundle"
		expect_error 125 'annotations["org.husk.network"]' "no option of pasta's" "${option%%[,=]*}"
	done
	network pasta:--mtu
	try_net run --id "$id" "$bundle"
	expect_error 125 "--mtu needs a value"
	network pasta:-I,tap0,--mtu=1400
	sh_args 'cat /sys/class/net/tap0/mtu'
	try_net run --id "$id" "$bundle"
	expect 0 1400
}

@test "husk plan says what pasta is started with, and which files of husk's are bound" {
	try plan --network pasta:--mtu,1400 -p 8080:80 -p 53/udp "$bundle"
	[[ $output == *"start pasta --mtu 1400, publish 8080:80/tcp, :53/udp"* ]] || fail "$output"
	[[ $output == *"bind hosts of the container's state on /etc/hosts (nodev,noexec,nosuid,ro)"* ]]
	try plan --network pasta --format json "$bundle"
	[ "$(jq -c .pasta <<<"$output")" = '{"options":[],"ports":[]}' ]
}

@test "pasta without a host address of its own cannot give one to host-gateway" {
	try_net run --add-host host:host-gateway --id "$id" "$bundle"
	expect_error 125 "host-gateway"
}

# ---- networks ----

# A second bundle, whose program waits.
waiting() { # ID OPTIONS...
	local id=$1
	shift
	husk_net_aside --store "$BATS_TEST_TMPDIR/store" run --detach --id "$id" "$@" "$bundle"
}
husk_net() { in_net env HUSK_TEST_MARK="$mark" "$HUSK" --root "$state" --store "$BATS_TEST_TMPDIR/store" "$@" 3>&-; }
address_of() { husk exec "$1" ip -4 -o address show "${2:-eth0}" | sed 's|.*inet \([0-9.]*\)/.*|\1|'; } # ID [LINK]
# Who is in the network, as the container sees it.
others() { husk exec "$1" sed -n "/^# network $2\$/,/^# end/p" /etc/hosts | grep -v '^#' | tr '\t' ' ' | tr '\n' ';'; }

# Whether a container reaches the one that it knows by a name.
reaches() { [ "$(husk exec "$1" sh -c "nc -w 5 $2 80 $hear 2>&1")" = box ]; } # ID NAME

networks() {
	config 'del(.annotations) | .hostname = "box"'
	args nc -ll -p 80 -e hostname
	husk_net network create web >/dev/null
}

@test "containers of a network find each other by id and alias, from the moment that they are in it until they are not" {
	networks
	waiting "$id-a" --network web:alias=db,alias=store
	waiting "$id-b" --network web
	local a b
	a=$(address_of "$id-a") b=$(address_of "$id-b")
	[ "$(others "$id-a" web)" = "$a $id-a db store;$b $id-b;" ] || fail "$(others "$id-a" web)"
	[ "$(others "$id-b" web)" = "$a $id-a db store;$b $id-b;" ]
	reaches "$id-b" db
	reaches "$id-a" "$id-b"
	reaches "$id-a" box # itself
	[ "$(husk exec "$id-a" sed -n 's/\tbox$//p' /etc/hosts)" = "$a" ]
	[ "$(husk exec "$id-a" sed -n 's/\thost.containers.internal host.docker.internal$//p' /etc/hosts)" = "${a%.*}.1" ]
	husk delete --force "$id-a"
	[ "$(others "$id-b" web)" = "$b $id-b;" ]
	! reaches "$id-b" db || fail "a name stayed"
	husk delete --force "$id-b"
}

@test "a container of two networks knows those of both, and forgets one that it leaves" {
	networks
	husk_net network create data >/dev/null
	waiting "$id-a" --network web
	waiting "$id-b" --network data:alias=db
	husk_net network connect "$id-a" data
	[ "$(others "$id-b" data)" = "$(address_of "$id-b") $id-b db;$(address_of "$id-a" eth1) $id-a;" ] || fail "$(others "$id-b" data)"
	reaches "$id-a" db
	husk_net network disconnect "$id-a" data
	[ "$(others "$id-b" data)" = "$(address_of "$id-b") $id-b db;" ]
	[ -z "$(others "$id-a" data)" ]
	[ "$(others "$id-a" web)" = "$(address_of "$id-a") $id-a;" ]
	husk delete --force "$id-a"
	husk delete --force "$id-b"
}

@test "a reader of hosts never finds it empty, and always finds itself, while others come and go" {
	networks
	args sh -c 'while [ ! -e /stop ]; do grep -q "^127.0.0.1.localhost" /etc/hosts && grep -q "	box$" /etc/hosts || echo torn >>/torn; done'
	waiting "$id-a" --network web
	args sleep 1000
	local round
	for round in 1 2 3 4 5; do
		waiting "$id-b" --network web:alias=a-name-that-makes-the-file-longer,alias=and-one-more
		husk delete --force "$id-b"
	done
	[ ! -e "$bundle/rootfs/torn" ]
	touch "$bundle/rootfs/stop"
	eventually is_status "$id-a" stopped
	husk delete "$id-a"
}

@test "an internal network has no name server, unless it is given one" {
	networks
	husk_net network create --internal inner >/dev/null
	husk_net network create --dns 192.0.2.53 outer >/dev/null
	sh_args 'grep nameserver /etc/resolv.conf || echo none'
	[ "$(husk_net run --network inner --id "$id" "$bundle")" = none ]
	[ "$(husk_net run --network inner --dns 192.0.2.54 --id "$id" "$bundle")" = "nameserver 192.0.2.54" ]
	[ "$(husk_net run --network outer --id "$id" "$bundle")" = "nameserver 192.0.2.53" ]
}

@test "a name server on the host's loopback is asked by pasta, and left out where nobody can" {
	echo "nameserver 127.0.0.53" >"$BATS_TEST_TMPDIR/resolv"
	mount --bind "$BATS_TEST_TMPDIR/resolv" /etc/resolv.conf
	later umount /etc/resolv.conf
	in_net python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.53", 53))
while True: s.sendto(b"datagram\n", s.recvfrom(100)[1])' 3>&- &
	later kill $!
	args sleep 1000
	husk_net_aside run --detach --id "$id" "$bundle"
	[ "$(husk exec "$id" grep nameserver /etc/resolv.conf)" = "nameserver 169.254.1.1" ]
	eventually nsenter -t "$(pid_of "$id")" -n bash -c 'exec 4<>/dev/udp/169.254.1.1/53 && echo >&4 && [ "$(timeout 1 dd bs=64 count=1 status=none <&4)" = datagram ]'
	husk delete --force "$id"
	networks
	sh_args 'grep -c "^nameserver" /etc/resolv.conf'
	[ -e /run/systemd/resolve/resolv.conf ] || [ "$(husk_net run --network web --id "$id" "$bundle")" = 0 ]
}
