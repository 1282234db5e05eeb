#!/usr/bin/env bats
# linux.namespaces, user namespace mappings, host names, sysctls, time offsets.
load lib/husk


link() { readlink "/proc/${2:-self}/ns/$1"; } # NAME [PID]
of_container() { # NAME...: prints each link as the container sees its own
	sh_args "for name in $*; do readlink /proc/self/ns/\$name; done"
	husk run --id "$id" "$bundle"
}

# A process in new namespaces, to join by path; it ends with the test.
holder() { # UNSHARE-OPTIONS...
	unshare "$@" sh -c 'echo $$ >"$1"; exec sleep 1000' - "$BATS_TEST_TMPDIR/holder" 3>&- &
	holder_job=$!
	later kill -KILL "$holder_job"
	eventually test -s "$BATS_TEST_TMPDIR/holder"
}

@test "each namespace of the config is a new one" {
	run of_container pid net mnt ipc uts cgroup
	expect 0
	for name in pid net mnt ipc uts cgroup; do
		[[ $output == *"$name:["* ]]
		[[ $output != *"$(link "$name")"* ]] || fail "$name is the host's"
	done
}

@test "a namespace that the config does not name is the host's" {
	config 'del(.linux.namespaces[] | select(.type != "mount" and .type != "pid")) | del(.hostname)'
	run of_container net ipc uts cgroup user
	expect 0 "$(for name in net ipc uts cgroup user; do link "$name"; done)"
}

@test "without a pid namespace the program sees the host's processes, and none outlives it" {
	config 'del(.linux.namespaces[] | select(.type == "pid"))'
	in_container 'sleep 1000 & test -d /proc/1 && [ $$ != 1 ] && echo seen'
	expect 0 seen
	[ -z "$(marked)" ] || fail "a process outlives the container: $(marked)"
}

@test "a namespace is joined by its path" {
	holder --uts --ipc --net
	local there=/proc/$holder_job/ns
	config --arg there "$there" '(.linux.namespaces[] | select(.type == "network")).path = $there + "/net" |
		(.linux.namespaces[] | select(.type == "ipc")).path = $there + "/ipc" |
		(.linux.namespaces[] | select(.type == "uts")).path = $there + "/uts" | del(.hostname)'
	run of_container net ipc uts
	expect 0 "$(for name in net ipc uts; do link "$name" "$holder_job"; done)"
}

@test "a bind-mounted namespace file is joined, as callers of netns do" {
	: >"$BATS_TEST_TMPDIR/netns"
	unshare --net="$BATS_TEST_TMPDIR/netns" true
	local inode
	inode=$(stat -c %i "$BATS_TEST_TMPDIR/netns")
	config --arg path "$BATS_TEST_TMPDIR/netns" '(.linux.namespaces[] | select(.type == "network")).path = $path'
	run of_container net
	umount "$BATS_TEST_TMPDIR/netns"
	expect 0 "net:[$inode]"
}

@test "a pid namespace is joined by its path, and the container is not its first process" {
	holder --pid --fork --kill-child
	local inside
	inside=$(cat /proc/"$holder_job"/task/*/children)
	config --arg path "/proc/${inside% }/ns/pid" '(.linux.namespaces[] | select(.type == "pid")).path = $path'
	in_container 'readlink /proc/self/ns/pid; [ $$ != 1 ] && echo "not the first"'
	expect 0 "$(link pid "${inside% }")
not the first"
}

@test "a namespace file of another kind is an error" {
	config '(.linux.namespaces[] | select(.type == "network")).path = "/proc/self/ns/uts"'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: linux.namespaces" "/proc/self/ns/uts" "uts"
	config '(.linux.namespaces[] | select(.type == "network")).path = "/etc/passwd"'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: linux.namespaces" "/etc/passwd"
	config '(.linux.namespaces[] | select(.type == "network")).path = "/nowhere"'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: linux.namespaces" "/nowhere" "No such file or directory"
}

@test "lo is up in a new network namespace, and is the only link" {
	in_container 'ip -o link | wc -l; ip -o addr show dev lo | grep -o "127.0.0.1/8"; 
		echo pong | nc -l -p 7 & until nc 127.0.0.1 7 2>/dev/null </dev/null; do sleep 0.1; done'
	expect 0 "1
127.0.0.1/8
pong"
}

@test "hostname and domainname are the container's and not the host's" {
	local before
	before=$(uname -n)
	config '.hostname = "box" | .domainname = "example.org"'
	in_container 'hostname; cat /proc/sys/kernel/domainname'
	expect 0 "box
example.org"
	[ "$(uname -n)" = "$before" ]
}

@test "a hostname without a uts namespace of its own is refused, for it would be the host's" {
	config 'del(.linux.namespaces[] | select(.type == "uts")) | .hostname = "box"'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: hostname" "uts"
}

@test "sysctls of the container's namespaces are set, in both spellings" {
	config '.linux.sysctl = {"net.ipv4.ip_forward": "1", "net/ipv4/conf/lo/forwarding": "0", "kernel.msgmax": "4096",
		"fs.mqueue.msg_max": "7"}'
	in_container 'cd /proc/sys && cat net/ipv4/ip_forward net/ipv4/conf/lo/forwarding kernel/msgmax fs/mqueue/msg_max'
	expect 0 "1
0
4096
7"
}

@test "a sysctl that is the host's is refused" {
	config '.linux.sysctl = {"kernel.panic": "1"}'
	try run --id "$id" "$bundle"
	expect_error 125 'config.json: linux.sysctl["kernel.panic"]'
	config '.linux.sysctl = {"net.ipv4.ip_forward": "1"} | del(.linux.namespaces[] | select(.type == "network"))'
	try run --id "$id" "$bundle"
	expect_error 125 'config.json: linux.sysctl["net.ipv4.ip_forward"]' "network"
	config '.linux.sysctl = {"kernel.shm/../panic": "1"}'
	try run --id "$id" "$bundle"
	expect_error 125 'config.json: linux.sysctl["kernel.shm/../panic"]'
}

@test "a time namespace has the config's offsets" {
	needs_file /proc/self/ns/time
	config '.linux.namespaces += [{"type": "time"}] | .linux.timeOffsets = {"boottime": {"secs": 1000000, "nanosecs": 5},
		"monotonic": {"secs": 2000000}}'
	in_container 'cut -d. -f1 /proc/uptime; cat /proc/self/timens_offsets'
	expect 0
	[ "${lines[0]}" -ge 1000000 ]
	grep -qE '^monotonic +2000000 +0' <<<"$output"
	grep -qE '^boottime +1000000 +5' <<<"$output"
}

@test "a user namespace maps ids as the config says" {
	needs_userns
	own_rootfs
	chown -R 100000:200000 "$bundle/rootfs"
	chmod 711 "$BATS_TEST_TMPDIR" "$bundle"
	config '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size":
		65536}] | .linux.gidMappings = [{"containerID": 0, "hostID": 200000, "size": 65536}]'
	in_container 'tr -s " " </proc/self/uid_map; tr -s " " </proc/self/gid_map; id -u; touch /made; stat -c %u:%g /made'
	expect 0 " 0 100000 65536
 0 200000 65536
0
0:0"
	[ "$(stat -c %u:%g "$bundle/rootfs/made")" = 100000:200000 ]
}

@test "root of a user namespace owns the message queues of its IPC namespace" {
	needs_userns
	config '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 1000}]
		| .linux.gidMappings = .linux.uidMappings'
	in_container 'stat -c "%u %g" /dev/mqueue; readlink /proc/self/ns/ipc'
	expect 0
	[ "${lines[0]}" = "0 0" ] && [ "${lines[1]}" != "$(readlink /proc/self/ns/ipc)" ]
}

@test "a user namespace without mappings, and mappings without a user namespace, are faults" {
	config '.linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}]'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: linux.uidMappings" "user"
}

@test "a caller without privileges is told what is missing" {
	own_rootfs
	chmod 711 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR"
	mkdir -m 700 "$BATS_TEST_TMPDIR/run"
	chown 1000:1000 "$BATS_TEST_TMPDIR/run"
	run --separate-stderr setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs env \
		XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/run" HUSK_TEST_MARK="$mark" "$HUSK" run --id "$id" "$bundle"
	expect_error 125 "linux.namespaces" "without root a user namespace is required" "husk spec --rootless"
	[ ! -e "$BATS_TEST_TMPDIR/run/husk" ]
}
