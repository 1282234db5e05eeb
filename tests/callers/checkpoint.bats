#!/usr/bin/env bats
# Checkpoint and restore by CRIU, which is in the guest; husk alone, with no caller.
# runtimes: husk
load ../lib/husk

setup_file() {
	make_rootfs "$BATS_FILE_TMPDIR/rootfs"
	ip netns add checkpoint-test && ip netns del checkpoint-test # mounts /run/netns, once
	systemctl stop netavark-dhcp-proxy.service 2>/dev/null || true # ends some time after the boot, with its cgroup
}

setup() {
	setup_bundle
	images=$BATS_TEST_TMPDIR/images
	own_rootfs
}

# A counter in the container's own file /n; whatever else the script does, it does first.
counts() { # [SCRIPT]
	sh_args "${1:-:}"'; i=0; while :; do i=$((i + 1)); echo $i >/n.new; mv /n.new /n; usleep 20000; done'
}
count() { cat "$bundle/rootfs/n"; }
counted_from() { [ "$(count)" -gt "$1" ]; } # NUMBER

# Whatever was started so has no stream of the test's.
start() { husk run -d --id "$id" "$@" "$bundle" </dev/null >/dev/null 2>&1 && eventually test -s "$bundle/rootfs/n"; }
save() {
	[[ $(count) != [0-9]* ]] || eventually counted_from 5
	husk checkpoint --image-path "$images" "$@" "$id"
	saved=$(count 2>/dev/null) || saved=0
}
restore() { husk restore --bundle "$bundle" --image-path "$images" -d "$@" "$id" </dev/null >/dev/null; }

# Has the runtime run the script of standard input as a hook.
hook() { # KIND
	cat >"$BATS_TEST_TMPDIR/hook"
	chmod +x "$BATS_TEST_TMPDIR/hook"
	config --arg kind "$1" --arg hook "$BATS_TEST_TMPDIR/hook" '.hooks[$kind] = [{path: $hook}]'
}

# It went on from where it was, which was further than a new one would be, and counts.
goes_on() {
	local at
	at=$(count)
	[ "$at" -ge "${saved:-0}" ] || fail "it was at $saved, and is at $at"
	eventually counted_from "$((at + 3))"
}

@test "a counter goes on after restore, in its cgroup, and can be looked at, signalled and deleted" {
	counts
	start
	save
	[ "$(status_of "$id")" = stopped ]
	restore
	[ "$(status_of "$id")" = running ]
	goes_on
	grep -q "^0::/husk-$id\$" "/proc/$(pid_of "$id")/cgroup"
	[ "$(husk exec "$id" cat /proc/self/cgroup | tail -n 1)" = 0::/ ]
	[ "$(husk exec "$id" cat /proc/1/comm)" = sh ]
	husk ps "$id"
	husk pause "$id" && husk resume "$id"
	husk kill "$id" KILL
	eventually is_status "$id" stopped
	husk delete "$id"
}

@test "--leave-running saves, and the container goes on" {
	counts
	start
	save --leave-running
	[ "$(status_of "$id")" = running ]
	goes_on
	husk delete --force "$id"
	restore
	goes_on
}

@test "it can be saved and restored again and again" {
	counts
	start
	for _ in 1 2 3; do
		save
		restore
		goes_on
	done
}

@test "a paused container can be saved" {
	counts
	start
	eventually counted_from 5
	husk pause "$id"
	save
	[ "$(status_of "$id")" = stopped ]
	restore
	goes_on
}

# bats test_tags=vm
@test "--pre-dump takes the memory ahead, round by round, and --parent-path leads to it" {
	counts
	start
	husk checkpoint --pre-dump --image-path "$images.1" "$id"
	goes_on
	husk checkpoint --pre-dump --parent-path ../images.1 --image-path "$images.2" "$id"
	goes_on
	save --parent-path ../images.2
	[ "$(readlink "$images/parent")" = ../images.2 ]
	restore
	goes_on
}

@test "--parent-path must be beside the checkpoint" {
	counts
	start
	for path in /tmp/first ../../first ../a/../../first .. ../ ''; do
		try checkpoint --image-path "$images" --parent-path "$path" "$id"
		expect_error 1 "--parent-path" "does not lead to a folder beside"
	done
	[ "$(status_of "$id")" = running ]
}

@test "without --detach, restore waits and ends with the exit code, and the container is gone" {
	sh_args 'i=0; while [ ! -e /end ]; do i=$((i + 1)); echo $i >/n; usleep 20000; done; echo said; exit 7'
	start
	save
	(eventually counted_from 1 && touch "$bundle/rootfs/end") &
	try restore --bundle "$bundle" --image-path "$images" "$id"
	expect 7
	wait
	try state "$id"
	expect 1
}

@test "pipes of the first process are those that restore was started with" {
	mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	sh_args 'while read -r line; do echo "heard $line"; done; echo over'
	exec 5<>"$BATS_TEST_TMPDIR/in" 6<>"$BATS_TEST_TMPDIR/out"
	sleep 100 | husk run -d --id "$id" "$bundle" 2>/dev/null 5>&- 6>&- | cat >/dev/null &
	eventually is_status "$id" running
	eventually save
	grep -q 'pipe:\[' "$images/descriptors.json"
	pkill -x sleep -P $$ || true
	(sleep 0.3; echo one; sleep 0.3) | husk restore --bundle "$bundle" --image-path "$images" "$id" 5>&- 6>&- | cat >"$BATS_TEST_TMPDIR/heard"
	exec 5>&- 6>&-
	[ "$(cat "$BATS_TEST_TMPDIR/heard")" = $'heard one\nover' ]
}

@test "a file outside as standard output is written on" {
	counts 'for i in 1 2 3; do echo line; done'
	husk run -d --id "$id" "$bundle" </dev/null >"$BATS_TEST_TMPDIR/log" 2>/dev/null
	eventually test -s "$bundle/rootfs/n"
	save
	husk restore --bundle "$bundle" --image-path "$images" -d "$id" </dev/null >>"$BATS_TEST_TMPDIR/log"
	goes_on
	[ "$(cat "$BATS_TEST_TMPDIR/log")" = $'line\nline\nline' ]
}

@test "--pid-file has the pid of the restored process, which is a child of whoever called" {
	counts
	start
	save
	python3 - "$HUSK" --root "$state" restore --bundle "$bundle" --image-path "$images" -d \
		--pid-file "$BATS_TEST_TMPDIR/pid" -no-subreaper --no-pivot "$id" <<-'END'
		import ctypes, subprocess, sys
		ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, as conmon and the shim are
		subprocess.run(sys.argv[1:], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
		pid = int(open(sys.argv[sys.argv.index("--pid-file") + 1]).read())
		parent = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()[1]
		assert int(parent) == __import__("os").getpid(), parent
	END
	[ "$(cat "$BATS_TEST_TMPDIR/pid")" = "$(pid_of "$id")" ]
	goes_on
}

@test "a bind mount of the host is the same after restore, wherever the config says it is now" {
	mkdir "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
	echo file >"$BATS_TEST_TMPDIR/hosts"
	echo a >"$BATS_TEST_TMPDIR/a/name" && echo b >"$BATS_TEST_TMPDIR/b/name"
	config --arg dir "$BATS_TEST_TMPDIR/a" --arg file "$BATS_TEST_TMPDIR/hosts" '.mounts += [
		{destination: "/data", type: "bind", source: $dir, options: ["bind", "ro"]},
		{destination: "/etc/hosts", type: "bind", source: $file, options: ["bind"]}]'
	counts
	start
	save
	config --arg dir "$BATS_TEST_TMPDIR/b" '(.mounts[] | select(.destination == "/data")).source = $dir'
	rm -rf "$bundle/rootfs/data" # another root need not have the place yet
	restore
	goes_on
	[ "$(husk exec "$id" cat /data/name /etc/hosts)" = $'b\nfile' ]
	run ! husk exec "$id" touch /data/new
}

@test "the content of a tmpfs comes along" {
	config '.mounts += [{destination: "/scratch", type: "tmpfs", source: "tmpfs"}]'
	counts 'echo kept >/scratch/file'
	start
	save
	restore
	[ "$(husk exec "$id" cat /scratch/file)" = kept ]
}

@test "file locks need --file-locks, and are held after restore" {
	counts
	cp "$tree/build/tests/tools/lock" "$bundle/rootfs/bin/"
	config '.process.args = ["lock", "/lock"] + .process.args'
	start
	try checkpoint --image-path "$images" "$id"
	expect_error 1 "locks" "dump.log"
	[ "$(status_of "$id")" = running ]
	goes_on
	save --file-locks
	restore --file-locks
	goes_on
	run ! husk exec "$id" lock /lock true
}

@test "a terminal by --console-socket: the new one is sent, and works" {
	config '.process.terminal = true'
	sh_args 'echo up >/n; while read -r line; do echo "[$line]" >/n; done'
	local receiver='
import array, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1]); server.listen(1)
message, data, _, _ = server.accept()[0].recvmsg(256, 4096)
master = array.array("i", data[0][2][:4])[0]
open(sys.argv[1] + ".got", "wb").write(message)
while not os.path.exists(sys.argv[1] + ".type"): __import__("time").sleep(0.02)
os.write(master, b"typed\n")
__import__("time").sleep(60)'
	for round in 1 2; do
		python3 -c "$receiver" "$BATS_TEST_TMPDIR/socket.$round" </dev/null >/dev/null 2>&1 3>&- &
		later kill $!
		eventually test -S "$BATS_TEST_TMPDIR/socket.$round"
		if [ $round = 1 ]; then
			husk run -d --id "$id" --console-socket "$BATS_TEST_TMPDIR/socket.1" "$bundle" </dev/null >/dev/null
			eventually test -s "$bundle/rootfs/n"
			save
		else
			restore --console-socket "$BATS_TEST_TMPDIR/socket.2"
		fi
		eventually test -s "$BATS_TEST_TMPDIR/socket.$round.got"
	done
	touch "$BATS_TEST_TMPDIR/socket.2.type"
	eventually grep -qx '\[typed\]' "$bundle/rootfs/n"
}

@test "a container with ids of its own is restored with them" {
	needs_userns
	config '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = .linux.uidMappings'
	chown -R 100000:100000 "$bundle/rootfs"
	chmod 755 "$BATS_TEST_TMPDIR"
	counts
	start
	save
	restore
	goes_on
	[ "$(stat -c %a "$images")" = 700 ] && [ -z "$(getfattr -m - "$images" 2>/dev/null)" ]
	[ "$(awk '/^Uid:/ { print $2 }' "/proc/$(pid_of "$id")/status")" = 100000 ]
}

@test "a network namespace that the config names by its path is the same after restore" {
	ip netns add "$id"
	later ip netns del "$id"
	config --arg path "/run/netns/$id" '(.linux.namespaces[] | select(.type == "network")).path = $path'
	counts
	start
	save
	restore
	goes_on
	[ "$(stat -Lc %i "/run/netns/$id")" = "$(stat -Lc %i "/proc/$(pid_of "$id")/ns/net")" ]
}

@test "ipc and uts namespaces that the config names by their paths are the same after restore" {
	unshare --ipc --uts sh -c 'hostname pod; exec sleep 1000' </dev/null >/dev/null 2>&1 3>&- &
	local pod=$!
	later kill "$pod"
	is_apart() { [ "$(stat -Lc %i "/proc/$pod/ns/uts")" != "$(stat -Lc %i /proc/self/ns/uts)" ]; }
	eventually is_apart
	config --arg pod "/proc/$pod/ns/" 'del(.hostname)
		| .linux.namespaces |= map(if .type == "ipc" or .type == "uts" then .path = $pod + .type else . end)'
	counts
	start
	save
	restore
	goes_on
	for kind in ipc uts; do
		[ "$(stat -Lc %i "/proc/$pod/ns/$kind")" = "$(stat -Lc %i "/proc/$(pid_of "$id")/ns/$kind")" ]
	done
}

@test "the runtime's hooks run at restore, when its namespaces are there" {
	hook createRuntime <<-END
		#!/bin/sh
		jq -r '"\(.status) \(.pid)"' >"$BATS_TEST_TMPDIR/hooked"
	END
	counts
	start
	save
	rm "$BATS_TEST_TMPDIR/hooked"
	restore
	[ "$(cat "$BATS_TEST_TMPDIR/hooked")" = "creating $(pid_of "$id")" ]
}

@test "a network that the caller's hooks wire is theirs at restore, too" {
	hook prestart <<-'END'
		#!/bin/sh
		exec nsenter --net="/proc/$(jq .pid)/ns/net" ip link add wired type bridge
	END
	counts
	start
	save
	restore
	goes_on
	husk exec "$id" ip link show wired
}

@test "org.criu.config names a file of options for CRIU" {
	echo 'log-file other.log' >"$BATS_TEST_TMPDIR/criu.conf"
	config --arg file "$BATS_TEST_TMPDIR/criu.conf" '.annotations["org.criu.config"] = $file'
	counts
	start
	save
	[ -s "$images/other.log" ] && [ ! -e "$images/dump.log" ]
	restore
	goes_on
	rm "$BATS_TEST_TMPDIR/criu.conf"
	try checkpoint --image-path "$images" "$id"
	expect_error 1 "org.criu.config" "No such file"
}

@test "a container from an image goes on where it was, with what it has written" {
	local store=$BATS_TEST_TMPDIR/store
	husk() { HUSK_TEST_MARK=$mark "$HUSK" --root "$state" --store "$store" "$@"; }
	husk run -d --name "$id" -e "HUSK_TEST_MARK=$mark" --image "rootfs:$BATS_FILE_TMPDIR/rootfs" \
		sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/n; usleep 20000; done' >/dev/null
	counted() { [ "$(husk exec "$id" cat /n)" -gt "$1" ]; }
	eventually counted 10
	husk checkpoint --image-path "$images" "$id"
	husk restore --image-path "$images" -d "$id" </dev/null >/dev/null
	eventually counted 13
	husk checkpoint --image-path "$images" "$id"
	husk restore --image-path "$images" -d "$id" </dev/null >/dev/null
	husk exec "$id" touch /written
	husk delete --force "$id"
	[ -z "$(ls "$store/containers")" ]
}

@test "the network that husk made is made again" {
	store=$BATS_TEST_TMPDIR/store # also of what is done later
	husk() { HUSK_TEST_MARK=$mark "$HUSK" --root "$state" --store "$store" "$@"; }
	husk network create --subnet 10.78.0.0/24 n1
	later husk network rm n1
	counts
	start --network n1:ip=10.78.0.9
	save --tcp-established
	restore --tcp-established
	goes_on
	husk exec "$id" ip addr show dev eth0 | grep -q 'inet 10.78.0.9/24'
	husk exec "$id" ip addr show dev lo | grep -q 'inet 127.0.0.1/8'
	busybox ping -c 1 -W 2 10.78.0.9
	husk delete --force "$id"
}

# ---- with a connection ----

# The program: a server that answers each line with how many it has heard.
answers() {
	printf '#!/bin/sh\ni=0; while read -r _; do i=$((i + 1)); echo $i; done\n' >"$bundle/rootfs/bin/counting"
	chmod +x "$bundle/rootfs/bin/counting"
	args nc -l -p 5000 -e /bin/counting
}

# Asks it without end, and fails where an answer is not the next number.
peer_of() { # ADDRESS COMMAND-BEFORE-PYTHON...
	local address=$1
	shift
	cat >"$BATS_TEST_TMPDIR/peer.py" <<-'END'
		import os, socket, sys, time
		for _ in range(200):
		    try: peer = socket.create_connection((sys.argv[1], 5000), timeout=60); break
		    except OSError: time.sleep(0.02)
		answers, expected, gap, last = peer.makefile("r"), 1, 0, time.monotonic()
		while not os.path.exists(sys.argv[2] + ".stop"):
		    peer.sendall(b"next\n")
		    assert int(answers.readline()) == expected
		    now = time.monotonic()
		    gap, last, expected = max(gap, now - last), now, expected + 1
		    open(sys.argv[2] + ".new", "w").write(str(expected))
		    os.rename(sys.argv[2] + ".new", sys.argv[2])
		    time.sleep(0.005)
		print(f"{expected - 1} answers, the longest wait {gap * 1000:.0f} ms")
	END
	"$@" python3 "$BATS_TEST_TMPDIR/peer.py" "$address" "$BATS_TEST_TMPDIR/seen" \
		>"$BATS_TEST_TMPDIR/peer" 2>&1 </dev/null 3>&- &
	peer=$!
}

seen() { [ "$(cat "$BATS_TEST_TMPDIR/seen")" -gt "$1" ]; } # NUMBER

# It has got answers since, and ends well.
peer_is_content() {
	eventually seen "$(($(cat "$BATS_TEST_TMPDIR/seen") + 20))"
	touch "$BATS_TEST_TMPDIR/seen.stop"
	wait "$peer"
	grep answers "$BATS_TEST_TMPDIR/peer"
}

# The newest kernels have CRIU 4.1 fail at a TCP socket: they refuse to tell its SO_PASSSEC.
# bats test_tags=vm
@test "a connection through husk's own network goes on after restore" {
	store=$BATS_TEST_TMPDIR/store # also of what is done later
	husk() { HUSK_TEST_MARK=$mark "$HUSK" --root "$state" --store "$store" "$@"; }
	husk network create --subnet 10.78.0.0/24 n1
	later husk network rm n1
	answers
	husk run -d --id "$id" --network n1:ip=10.78.0.9 "$bundle" </dev/null >/dev/null 2>&1
	peer_of 10.78.0.9 env
	eventually seen 20
	save --tcp-established
	restore --tcp-established
	peer_is_content
	husk delete --force "$id"
}

# bats test_tags=vm
@test "limits are in place again after restore, also where CRIU sees to cgroups" {
	needs_controller memory pids
	# CRIU mounts cgroup2 for itself, and with that takes options away from the host's.
	later mount -o remount,nsdelegate,memory_recursiveprot "$cgroups"
	config '.linux.resources.memory.limit = 67108864 | .linux.resources.pids.limit = 20'
	counts
	start
	for mode in ignore soft; do
		save --manage-cgroups-mode $mode
		restore --manage-cgroups-mode $mode
		goes_on
		[ "$(cat "$cgroups/husk-$id/memory.max")" = 67108864 ]
		[ "$(cat "$cgroups/husk-$id/pids.max")" = 20 ]
		grep -q "^0::/husk-$id\$" "/proc/$(pid_of "$id")/cgroup"
	done
}

# ---- to another host ----

# A namespace for the container's network, on the bridge of the one of the peer; always the same addresses. Nothing comes
# through before the link is let up: where there is no socket yet, the kernel would answer that the connection is none.
make_network() { # NAME
	ip netns add "$1"
	ip -n "$1" link set lo up
	ip -n "$1" link add eth0 address 02:00:0a:4d:00:02 type veth peer name "$1" netns "$id-peer"
	ip -n "$1" addr add 10.77.0.2/24 dev eth0
	ip -n "$id-peer" link set "$1" master bridge
	ip -n "$1" link set eth0 up
}

# Another host has another state root and another network; the container's own is named in the bundle.
on() { # HOST COMMAND...
	local host=$1
	shift
	HUSK_TEST_MARK=$mark nsenter --net="/run/netns/$id-host-$host" "$HUSK" --root "$state-$host" "$@"
}

leave_hosts() {
	local host
	for host in a b; do on "$host" delete --force "$id"; done
	for host in peer host-a host-b a b; do ip netns del "$id-$host" 2>/dev/null || true; done
}

# bats test_tags=vm
@test "a server moves to another host, and its peer on the other end of a connection does not notice" {
	local host ahead=''
	for host in peer host-a host-b; do
		ip netns add "$id-$host"
	done
	later leave_hosts
	ip -n "$id-peer" link set lo up
	ip -n "$id-peer" link add bridge up type bridge
	ip -n "$id-peer" addr add 10.77.0.1/24 dev bridge
	make_network "$id-a"
	ip -n "$id-peer" link set "$id-a" up
	answers
	config --arg path "/run/netns/$id-a" '(.linux.namespaces[] | select(.type == "network")).path = $path'
	on a run -d --id "$id" "$bundle" </dev/null >/dev/null 2>&1
	peer_of 10.77.0.2 nsenter --net="/run/netns/$id-peer"
	eventually seen 20

	if criu check --feature mem_dirty_track >/dev/null 2>&1; then
		on a checkpoint --pre-dump --tcp-established --image-path "$images.1" "$id"
		on a checkpoint --pre-dump --tcp-established --parent-path ../images.1 --image-path "$images.2" "$id"
		ahead=../images.2
	fi
	local begin=${EPOCHREALTIME/./}
	on a checkpoint --tcp-established ${ahead:+--parent-path "$ahead"} --image-path "$images" "$id"
	local saved=${EPOCHREALTIME/./}
	ip -n "$id-peer" link del "$id-a"
	make_network "$id-b"
	cp -a "$bundle" "$bundle-b"
	config_of "$bundle-b" --arg path "/run/netns/$id-b" --arg id "$id" \
		'(.linux.namespaces[] | select(.type == "network")).path = $path | .linux.cgroupsPath = "/husk-\($id)-b"'
	on b restore -d --tcp-established --bundle "$bundle-b" --image-path "$images" "$id" </dev/null >/dev/null
	ip -n "$id-peer" link set "$id-b" up
	local end=${EPOCHREALTIME/./}
	on a delete "$id"

	peer_is_content
	echo "# moved: saved in $(((saved - begin) / 1000)) ms, restored $(((end - saved) / 1000)) ms later," \
		"$([ -n "$ahead" ] && echo with || echo without) memory ahead; the peer: $(cat "$BATS_TEST_TMPDIR/peer")" >&3
}

# ---- what goes wrong ----

@test "a container that is not running cannot be saved, and one that is cannot be restored" {
	counts
	husk create --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	try checkpoint --image-path "$images" "$id"
	expect_error 1 "cannot checkpoint the container \"$id\": it is created"
	husk start "$id"
	eventually test -s "$bundle/rootfs/n"
	save --leave-running
	try restore --bundle "$bundle" --image-path "$images" -d "$id"
	expect_error 1 "$id" "exists"
	husk kill "$id" KILL
	eventually is_status "$id" stopped
	try checkpoint --image-path "$images" "$id"
	expect_error 1 "cannot checkpoint the container \"$id\": it is stopped"
	try checkpoint "$id-other"
	expect_error 1 "does not exist"
}

@test "without CRIU, or with one that is too old, the message says so" {
	counts
	start
	mkdir "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/criu" <<-'END'
		#!/usr/bin/python3
		import socket, sys
		peer = socket.socket(fileno=int(sys.argv[2]))
		peer.recv(4096)
		peer.send(b"\x08\x0a\x10\x01\x52\x04\x08\x02\x10\x05")
	END
	chmod +x "$BATS_TEST_TMPDIR/bin/criu"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH try checkpoint --image-path "$images" "$id"
	expect_error 1 "is version 2.5, and husk needs 3.16 or newer"
	mount --bind /dev/null /usr/sbin/criu
	later umount /usr/sbin/criu
	try checkpoint --image-path "$images" "$id"
	expect_error 1 "criu: executable file not found in \$PATH" "install the package criu"
	[ "$(status_of "$id")" = running ]
}

@test "a CRIU that says what makes no sense, or nothing, is an error, and the container goes on" {
	counts
	start
	mkdir "$BATS_TEST_TMPDIR/bin"
	for answer in 'b"\xff\xff\xff"' 'b"\x08\x0a\x10\x00"' 'b"\x08\x63\x10\x01"' 'b"x" * 100000' 'b""'; do
		cat >"$BATS_TEST_TMPDIR/bin/criu" <<-END
			#!/usr/bin/python3
			import socket, sys
			peer = socket.socket(fileno=int(sys.argv[2]))
			peer.recv(4096)
			peer.send($answer)
		END
		chmod +x "$BATS_TEST_TMPDIR/bin/criu"
		PATH=$BATS_TEST_TMPDIR/bin:$PATH try checkpoint --image-path "$images" "$id"
		expect_error 1 criu
	done
	goes_on
}

@test "a failed restore leaves nothing, and says why" {
	counts
	start
	save
	husk delete "$id"
	for file in "$images"/{core-1.img,pages-1.img,files.img,mountpoints-*.img,inventory.img}; do
		mv "$file" "$BATS_TEST_TMPDIR/away"
		try restore --bundle "$bundle" --image-path "$images" -d "$id"
		expect_error 1 "restore the container \"$id\": criu: " "restore.log"
		[ -z "$(husk list -q)" ] && [ ! -d "$cgroups/husk-$id" ]
		mv "$BATS_TEST_TMPDIR/away" "$file"
	done
	try restore --bundle "$bundle" --image-path "$images-none" -d "$id"
	expect_error 1 "--image-path" "No such file"
}

@test "damaged images are an error of CRIU's, and leave nothing" {
	counts
	start
	save
	husk delete "$id"
	cp -a "$images" "$images.good"
	for file in core-1.img pstree.img mm-1.img fs-1.img files.img; do
		head -c 2000 /dev/urandom >"$images/$file"
		try restore --bundle "$bundle" --image-path "$images" -d "$id"
		expect_error 1 "restore the container \"$id\""
		cp -a "$images.good/$file" "$images/$file"
	done
	echo '{"a": [' >"$images/descriptors.json"
	try restore --bundle "$bundle" --image-path "$images" -d "$id"
	expect_error 1 "descriptors.json of the checkpoint is no list"
}

@test "links in a checkpoint from elsewhere are refused" {
	counts
	start
	save
	husk delete "$id"
	echo precious >"$BATS_TEST_TMPDIR/precious"
	ln -s "$BATS_TEST_TMPDIR/precious" "$images/restore.log"
	try restore --bundle "$bundle" --image-path "$images" -d "$id"
	expect_error 1 "refused: restore.log of the checkpoint is a link"
	rm "$images/restore.log"
	ln -s ../../precious "$images/parent"
	try restore --bundle "$bundle" --image-path "$images" -d "$id"
	expect_error 1 "refused: parent of the checkpoint is a link"
	rm "$images/parent"
	mkfifo "$images/fifo.img"
	try restore --bundle "$bundle" --image-path "$images" -d "$id"
	expect_error 1 "refused: fifo.img of the checkpoint is no file"
	[ "$(cat "$BATS_TEST_TMPDIR/precious")" = precious ]
}

@test "a checkpoint gives no more than the config does: capabilities, privileges, filter, masks, read-only mounts" {
	mkdir "$BATS_TEST_TMPDIR/data"
	config --arg dir "$BATS_TEST_TMPDIR/data" \
		'.mounts += [{destination: "/data", type: "bind", source: $dir, options: ["bind", "rw"]}]
		| .process.noNewPrivileges = false | .linux.maskedPaths = [] | .linux.readonlyPaths = [] | del(.linux.seccomp)'
	counts
	start
	save
	husk delete "$id"
	cp "$bundle/config.json" "$BATS_TEST_TMPDIR/config.json"
	refused() { # JQ WORDS
		cp "$BATS_TEST_TMPDIR/config.json" "$bundle/config.json"
		config "$1"
		try restore --bundle "$bundle" --image-path "$images" -d "$id"
		expect_error 1 "refused" "$2"
		[ -z "$(husk list -q)" ]
	}
	refused '.process.capabilities |= map_values([])' "capabilities that the config does not give"
	refused '.process.noNewPrivileges = true' "may get new privileges"
	refused '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["reboot"], action: "SCMP_ACT_ERRNO"}]}' \
		"no seccomp filter"
	refused '.linux.maskedPaths = ["/proc/keys"]' "/proc/keys"
	refused '.linux.readonlyPaths = ["/proc/sys"]' "/proc/sys"
	refused '(.mounts[] | select(.destination == "/data")).options = ["bind", "ro"]' "/data can be written"
	refused '.root.readonly = true' "/ can be written"
	cp "$BATS_TEST_TMPDIR/config.json" "$bundle/config.json"
	restore
	goes_on
}

@test "husk killed in the middle of a restore: delete --force finds everything" {
	hook createRuntime <<-END
		#!/bin/sh
		[ ! -e "$BATS_TEST_TMPDIR/hang" ] || { touch "$BATS_TEST_TMPDIR/hung"; exec sleep 1000; }
	END
	counts
	start
	save
	husk delete "$id"
	touch "$BATS_TEST_TMPDIR/hang"
	HUSK_TEST_MARK=$mark "$HUSK" --root "$state" restore --bundle "$bundle" --image-path "$images" -d "$id" \
		</dev/null >/dev/null 2>&1 3>&- &
	eventually test -e "$BATS_TEST_TMPDIR/hung"
	kill -KILL $!
	wait $! || true
	husk delete --force "$id"
	rm "$BATS_TEST_TMPDIR/hang"
	restore
	goes_on
}

@test "husk killed in the middle of a checkpoint: the container goes on" {
	counts
	start
	for _ in 1 2 3 4 5; do
		HUSK_TEST_MARK=$mark "$HUSK" --root "$state" checkpoint --image-path "$images" --leave-running "$id" \
			</dev/null >/dev/null 2>&1 3>&- &
		sleep "0.0$((RANDOM % 9))"
		kill -KILL $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		goes_on
	done
	husk delete --force "$id"
}

@test "a signal undoes a restore" {
	hook createRuntime <<-END
		#!/bin/sh
		touch "$BATS_TEST_TMPDIR/hooked"
		[ ! -e "$BATS_TEST_TMPDIR/wait" ] || sleep 0.5
	END
	counts
	start
	save
	husk delete "$id"
	rm "$BATS_TEST_TMPDIR/hooked"
	touch "$BATS_TEST_TMPDIR/wait"
	HUSK_TEST_MARK=$mark "$HUSK" --root "$state" restore --bundle "$bundle" --image-path "$images" -d "$id" \
		</dev/null >/dev/null 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	eventually test -e "$BATS_TEST_TMPDIR/hooked"
	kill -TERM $!
	local code=0
	wait $! || code=$?
	[ "$code" = 143 ] && grep -q 'interrupted by SIGTERM' "$BATS_TEST_TMPDIR/err"
	[ -z "$(husk list -q)" ]
}

@test "callers' probes: help, options with and without values, features" {
	husk checkpoint --help >/dev/null
	try restore --lsm-mount-context
	expect_error 1 "requires an argument"
	try checkpoint --manage-cgroups-mode some "$id"
	expect_error 1 "--manage-cgroups-mode: expected one of"
	try checkpoint --page-server nowhere "$id"
	expect 1
	husk features | jq -e '.annotations["org.opencontainers.runc.checkpoint.enabled"] == "true"
		and (.potentiallyUnsafeConfigAnnotations | index("org.criu.config"))'
}
