#!/usr/bin/env bats
# linux.* beyond namespaces, mounts and cgroups: network devices, memory policy, seccomp agents, sockets that are passed on.
load lib/husk

# A pair of links: one for the container, its peer to see it by.
link_pair() {
	link=h$(($$ % 100000))-$BATS_TEST_NUMBER
	ip link add "${link}a" type veth peer name "${link}b" 2>/dev/null || lacking "no veth links here"
	later ip link delete "${link}b"
	later eventually eval "! ip link show ${link}b 2>/dev/null" # a namespace is taken down behind our backs
	ip address add 10.98.76.5/24 dev "${link}a"
	ip address add 10.98.77.5/32 peer 10.98.77.9 dev "${link}a" valid_lft 1000 preferred_lft 1000
	ip -6 address add fd98:76::5/64 dev "${link}a" nodad
	ip link set "${link}a" mtu 1400 up
	mac=$(cat "/sys/class/net/${link}a/address")
}

# Without what changes by itself: the time that a lease has left, and what a link does on its own.
addresses() { ip -o address show dev "${link}a" scope global | sed 's/ valid_lft.*//'; }

agent() { # KIND
	sock=$BATS_TEST_TMPDIR/agent.sock
	rm -f "$BATS_TEST_TMPDIR/agent" # of the one before
	"$tree/tests/lib/agent.py" "$1" "$sock" >"$BATS_TEST_TMPDIR/agent" 3>&- &
	agent=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/agent"
}

@test "netDevices: a link moves with its permanent addresses and attributes, and is up" {
	link_pair
	config --arg link "${link}a" '.linux.netDevices = {($link): {}}'
	in_container "ip address show ${link}a"
	expect 0
	[[ $output == *"mtu 1400"*"$mac"*"inet 10.98.76.5/24"* && $output == *"inet6 fd98:76::5/64"* && $output == *",UP"* ]] || fail "$output"
	[[ $output != *10.98.77.5* ]] # a lease is not permanent
}

@test "netDevices: a new name, or the first free of a pattern" {
	link_pair
	config --arg link "${link}a" '.linux.netDevices = {($link): {"name": "uplink"}}'
	in_container "cat /sys/class/net/uplink/address"
	expect 0 "$mac"
	eventually eval "! ip link show ${link}b 2>/dev/null"
	link_pair
	config --arg link "${link}a" '.linux.netDevices = {($link): {"name": "eth%d"}}'
	in_container "cat /sys/class/net/eth0/address"
	expect 0 "$mac"
}

@test "netDevices: what cannot move stays as it was, and nothing is made" {
	link_pair
	before=$(addresses)
	config --arg link "${link}a" '.linux.netDevices = {($link): {"name": "lo"}}'
	try run --id "$id" "$bundle"
	expect_error 125 "linux.netDevices[\"${link}a\"]" "of that name already"
	[ "$(addresses)" = "$before" ]
	config '.linux.netDevices = {"no-such-link": {}}'
	try run --id "$id" "$bundle"
	expect_error 125 'linux.netDevices["no-such-link"]' "find the link"
	config --arg link "${link}a" '.linux.netDevices = {($link): {}} | .linux.namespaces |= map(select(.type != "network"))'
	try run --id "$id" "$bundle"
	expect_error 125 "linux.netDevices" "network namespace"
	config '.linux.netDevices = {"a/b": {}} | .linux.namespaces += [{"type": "network"}]'
	try run --id "$id" "$bundle"
	expect_error 125 "linux.netDevices" "name of a link"
}

@test "netDevices: a link goes back when the container cannot be made after all" {
	link_pair
	config --arg link "${link}a" '.linux.netDevices = {($link): {"name": "uplink"}} | .process.args = ["/does/not/exist"]'
	try run --id "$id" "$bundle"
	expect 127
	[[ $(ip address show "${link}a") == *"inet 10.98.76.5/24"*"inet6 fd98:76::5/64"* ]]
	[ "$(cat "/sys/class/net/${link}a/address")" = "$mac" ]
}

@test "memoryPolicy is set for the program" {
	[ -e /proc/self/numa_maps ] || lacking "this kernel has no NUMA"
	config '.linux.memoryPolicy = {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}'
	in_container 'head -1 /proc/self/numa_maps'
	expect 0
	[[ $output == *" bind=static:0 "* ]] || fail "$output"
	config '.linux.memoryPolicy = {"mode": "MPOL_BIND", "nodes": "63"}'
	try run --id "$id" "$bundle"
	expect_error 125 "linux.memoryPolicy" "have these nodes"
}

@test "memoryPolicy: contradictions are faults" {
	for policy in '{"mode": "MPOL_DEFAULT", "nodes": "0"}' '{"mode": "MPOL_BIND"}' '{"mode": "MPOL_NONE"}' '{"nodes": "0"}' \
		'{"mode": "MPOL_BIND", "nodes": "0-"}' '{"mode": "MPOL_BIND", "nodes": "0", "flags": ["X"]}' '{"mode": "MPOL_BIND", "nodes": "5000"}'; do
		config --argjson policy "$policy" '.linux.memoryPolicy = $policy'
		try run --id "$id" "$bundle"
		expect_error 125 "config.json: linux.memoryPolicy"
	done
}

@test "intelRdt where resctrl is not mounted is an error" {
	[ ! -e /sys/fs/resctrl/schemata ] || skip "resctrl is mounted here"
	config '.linux.intelRdt = {"closID": "a", "schemata": ["L3:0=f"]}'
	try run --id "$id" "$bundle"
	expect_error 125 "linux.intelRdt" "resctrl is not mounted"
	config '.linux.intelRdt = {"memBwSchema": "L3:0=f"}'
	try run --id "$id" "$bundle"
	expect_error 125 "linux.intelRdt.memBwSchema" "MB:"
}

@test "mountLabel where there is no SELinux is an error, never ignored" {
	[ ! -e /sys/fs/selinux/enforce ] || skip "SELinux is enabled here"
	config '.linux.mountLabel = "system_u:object_r:container_file_t:s0"'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: mounts["
	[[ $stderr == *context* ]]
}

# mkdir(2) is asked about; the agent answers ENOMEDIUM.
asking() { # FILTER
	config --arg sock "$BATS_TEST_TMPDIR/agent.sock" '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": $sock,
		"listenerMetadata": "words", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}]} | '"${1:-.}"
}

@test "SCMP_ACT_NOTIFY: an agent gets the listener with the state, and answers for the kernel" {
	for privileges in true false; do
		rm -f "$BATS_TEST_TMPDIR/agent.sock"
		agent seccomp
		asking ".process.noNewPrivileges = $privileges"
		in_container 'mkdir /tmp/x; echo after'
		expect 0 after
		[[ $stderr == *"No medium found"* ]]
		wait "$agent"
		sed -n 2p "$BATS_TEST_TMPDIR/agent" | jq -e --arg id "$id" '.fds == ["seccompFd"] and .metadata == "words" and
			.pid > 0 and .state.id == $id and .state.status == "creating" and (.ociVersion | type) == "string"'
	done
}

@test "SCMP_ACT_NOTIFY works through create and start, and for exec" {
	agent seccomp
	asking
	args sleep 1000
	husk create --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	husk start "$id"
	eventually eval '[ "$(sed -n 2p "$BATS_TEST_TMPDIR/agent" | jq -r .state.status)" = created ]'
	rm "$BATS_TEST_TMPDIR/agent.sock"
	agent seccomp
	try exec "$id" mkdir /tmp/x
	expect 1
	[[ $stderr == *"No medium found"* ]]
	[ "$(sed -n 2p "$BATS_TEST_TMPDIR/agent" | jq -r .state.status)" = running ]
	husk delete --force "$id"
}

@test "SCMP_ACT_NOTIFY without an agent is an error, and nothing is left" {
	asking
	try run --id "$id" "$bundle"
	expect_error 125 "linux.seccomp.listenerPath" "agent.sock"
	husk create --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	try start "$id"
	expect_error 1 "linux.seccomp.listenerPath"
	husk delete --force "$id"
	config 'del(.linux.seccomp.listenerPath)'
	try run --id "$id" "$bundle"
	expect_error 125 "linux.seccomp.listenerPath" "required"
	config --arg sock /not/there '.annotations = {"run.oci.seccomp.receiver": $sock}'
	try run --id "$id" "$bundle"
	expect_error 125 "linux.seccomp.listenerPath" "/not/there"
}

@test "seccomp: a profile that leaves its errno open answers ENOSYS for calls newer than it names, EPERM for others" {
	[ "$(uname -m)" = x86_64 ] || skip "the numbers are those of x86-64"
	own_rootfs
	cp "$tree/build/tests/tools/call" "$bundle/rootfs/bin/call"
	names=$(jq -nc '["read", "write", "close", "fstat", "newfstatat", "ioctl", "exit_group", "uname", "readlink", "set_tid_address", "set_robust_list", "rseq", "prlimit64", "getrandom", "mprotect", "brk", "arch_prctl", "execve", "rt_sigaction", "rt_sigprocmask", "close_range", "munmap", "mmap", "writev", "fstat", "lseek"]')
	config --argjson names "$names" '.linux.seccomp = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": $names, "action": "SCMP_ACT_ALLOW"}]}'
	args call 460 165
	try run --id "$id" "$bundle"
	expect 0 "38 1"
	config '.linux.seccomp.defaultErrnoRet = 5'
	try run --id "$id" "$bundle"
	expect 0 "5 5"
}

@test "run.oci.seccomp_fail_unknown_syscall makes a call that is not known an error" {
	config '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["no_such_call"], "action": "SCMP_ACT_ERRNO"}]}
		| .annotations = {"run.oci.seccomp_fail_unknown_syscall": "1"}'
	try run --id "$id" "$bundle"
	expect_error 125 "linux.seccomp" "no_such_call"
}

@test "LISTEN_FDS: sockets of a service manager come first, then --preserve-fds" {
	sh_args 'echo $LISTEN_FDS $LISTEN_PID $$ $LISTEN_FDNAMES; cat <&3; cat <&4; cat <&5; ls /proc/self/fd | wc -l'
	LISTEN_FDS=2 LISTEN_FDNAMES=a:b run --separate-stderr husk run --preserve-fds 1 --id "$id" "$bundle" 3<<<three 4<<<four 5<<<five 6<<<six
	expect 0 "2 1 1 a:b
three
four
five
7"
	LISTEN_FDS=9 try run --id "$id" "$bundle"
	expect_error 125 "not open"
}

ready_from_inside() { # as the container would: its socket is a folder of the state
	/usr/bin/python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(sys.argv[2].encode(), sys.argv[1])' \
		"$state/$id/notify/notify.sock" "$1"
}

@test "NOTIFY_SOCKET: readiness is passed on with the container's pid, and nothing about other processes" {
	agent notify
	own_rootfs
	sh_args 'echo $NOTIFY_SOCKET; ls /run/notify; sleep 1000'
	NOTIFY_SOCKET=$sock husk create --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null
	NOTIFY_SOCKET=$sock husk start "$id" &
	starting=$!
	eventually grep -q notify.sock "$BATS_TEST_TMPDIR/out"
	kill -0 $starting # it waits
	eventually ready_from_inside $'STATUS=fine\nMAINPID=1\nREADY=1'
	wait $starting
	wait "$agent"
	[ "$(cat "$BATS_TEST_TMPDIR/agent")" = "ready
STATUS=fine
READY=1
MAINPID=$(pid_of "$id")" ]
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = "/run/notify/notify.sock
notify.sock" ]
	husk delete --force "$id"
}

@test "NOTIFY_SOCKET: run waits in the background until the container is ready, or has ended" {
	agent notify
	own_rootfs
	args sleep 1000
	NOTIFY_SOCKET=$sock husk run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null &
	running=$!
	eventually ready_from_inside READY=1
	wait $running
	wait "$agent"
	grep -q READY=1 "$BATS_TEST_TMPDIR/agent"
	husk delete --force "$id"
	args true
	NOTIFY_SOCKET=$sock husk run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	husk delete "$id"
}

@test "standard streams that are the host's null device become the container's own" {
	sh_args 'stat -Lc %d /proc/self/fd/0 /dev/null | uniq | wc -l; chmod 600 /proc/self/fd/0'
	before=$(stat -c %a /dev/null)
	run --separate-stderr husk run --id "$id" "$bundle" </dev/null
	expect 0 1
	[ "$(stat -c %a /dev/null)" = "$before" ]
}

@test "run.oci.keep_original_groups: the caller's groups stay" {
	config '.annotations = {"run.oci.keep_original_groups": "1"}'
	args id -G
	HUSK_TEST_MARK=$mark run setpriv --groups 4242 "$HUSK" --root "$state" run --id "$id" "$bundle"
	expect 0 "0 4242"
}
