#!/usr/bin/env bats
# What a container is called and whom it can ask, and pasta, which gives a network to those who may make none.
#
# The host of these tests is a network namespace of their own, with one address and a default route that leads nowhere.
load lib/husk

user=husk-names-user
address=192.0.2.1

in_net() { nsenter -t "$net" -n -- "$@"; } # COMMAND...: on the host of the tests

# husk as root there, and as the user.
try_net() { run --separate-stderr in_net env HUSK_TEST_MARK="$mark" "$HUSK" --root "$state" "$@" 3>&-; }
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

make_net() {
	unshare -n sleep 1000 3>&- &
	net=$!
	later kill "$net"
	eventually eval '[ "$(readlink /proc/$net/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
	in_net ip link set lo up
	in_net ip link add up0 type veth peer name down0
	in_net ip address add "$address/24" dev up0
	in_net ip link set up0 up
	in_net ip link set down0 up
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

@test "a bundle that asks for no network keeps its files, whatever its other annotations say" {
	echo image >"$bundle/rootfs/etc/hosts"
	config 'del(.annotations["org.husk.network"]) | .annotations += {"org.husk.network.dns": "192.0.2.53"}'
	sh_args 'cat /etc/hosts; ls /etc/resolv.conf /etc/hostname'
	try_net run --id "$id" "$bundle"
	[ "$output" = image ]
}

@test "hosts, hostname and resolv.conf are husk's, read-only, and nothing is left in the image but what they lie on" {
	config '.hostname = "web.example.org" | .annotations += {"org.husk.network.dns": "192.0.2.53;2001:db8::53",
		"org.husk.network.dns-search": "example.org;example.net", "org.husk.network.dns-option": "ndots:2;use-vc",
		"org.husk.network.add-hosts": "db:192.0.2.7;cache=2001:db8::7;a;b:192.0.2.8"}'
	sh_args 'cat /etc/hostname /etc/hosts /etc/resolv.conf; echo x 2>/dev/null >>/etc/hosts || echo read-only'
	try_net run --id "$id" "$bundle"
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
