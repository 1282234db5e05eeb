#!/usr/bin/env bats
# What is wrong with a bundle, a config or an id is told in one clear line, and nothing is left behind (see teardown).
# places: native sanitized
load lib/husk

@test "no bundle, no config.json, and a bundle that is a file" {
	try run --id "$id" "$BATS_TEST_TMPDIR/nowhere/"
	expect_error 125 "$BATS_TEST_TMPDIR/nowhere" "No such file or directory"
	rm "$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json" "No such file or directory"
	touch "$BATS_TEST_TMPDIR/file"
	try run --id "$id" "$BATS_TEST_TMPDIR/file/"
	expect_error 125 "$BATS_TEST_TMPDIR/file" "Not a directory"
}

@test "a config.json that is a folder, a fifo or too large is never read" {
	rm "$bundle/config.json"
	mkdir "$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json"
	rmdir "$bundle/config.json"
	mkfifo "$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json" "regular file"
	rm "$bundle/config.json"
	truncate -s 65M "$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json" "67108864 bytes"
}

@test "broken JSON: the line and the column" {
	printf '{\n  "ociVersion": "1.0.2",\n  "process": {]\n}\n' >"$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json" "line 3"
	for text in '' '[]' '"x"' '{"ociVersion": "1.0.2"' '{"ociVersion": "1.0.2"} {}' "{\"ociVersion\": \"1.0.2\", \"a\": nul}"; do
		printf '%s' "$text" >"$bundle/config.json"
		try run --id "$id" "$bundle/"
		expect_error 125 "config.json"
	done
}

@test "JSON nested too deep, a key given twice, a number too large" {
	{ printf '{"ociVersion": "1.0.2", "x": ' && printf '[%.0s' {1..70} && printf ']%.0s' {1..70} && printf '}'; } >"$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json" "64"
	printf '{"ociVersion": "1.0.2", "ociVersion": "1.0.2"}' >"$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect 125
	[[ $stderr == *"ociVersion"* ]]
	make_bundle "$bundle"
	config '.linux.resources.memory.limit = 4242'
	sed -i s/4242/9223372036854775808/ "$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json: linux.resources.memory.limit" "9223372036854775808"
}

@test "wrong types at every level name the path, what was found and what is allowed" {
	while IFS='|' read -r path value words; do
		make_bundle "$bundle"
		config "$path = $value"
		try run --id "$id" "$bundle/"
		expect_error 125 "config.json: ${path#.}: " "$words"
	done <<'CASES'
.process.args|"sh"|found "sh"
.process.args|[]|at least one
.process.args[0]|5|found 5
.process.cwd|"relative"|absolute
.process.env|{}|found
.process.user.uid|-1|found -1
.process.user.uid|"root"|found "root"
.process.rlimits[0].soft|"many"|expected an unsigned integer, found "many"
.process.rlimits[0].type|"RLIMIT_NONE"|RLIMIT_NONE
.process.capabilities|[]|found
.root|"rootfs"|found "rootfs"
.root.readonly|1|found 1
.mounts|{}|found
.mounts[1].destination|7|found 7
.linux.namespaces[0].type|"pod"|"pod"
.linux.resources.pids.limit|"x"|found "x"
.linux.rootfsPropagation|"sideways"|sideways
.hostname|["a"]|found
.ociVersion|"2.0.0"|2.0.0
CASES
}

@test "all faults are told in one go, each in a line of its own" {
	config '.process.cwd = 5 | .hostname = 6 | .linux.resources.pids.limit = "x" | del(.root)'
	try run --id "$id" "$bundle/"
	expect 125
	for path in process.cwd hostname linux.resources.pids.limit root; do
		grep -q "config.json: $path: " <<<"$stderr" || fail "$path is missing in $stderr"
	done
	[ "$(wc -l <<<"$stderr")" -eq 4 ]
}

@test "text from a config is harmless for the terminal" {
	config '.process.cwd = "a\u001b[31mred\nnew line"'
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json: process.cwd"
	[[ $stderr != *$'\e'* ]]
}

@test "a rootfs that is missing, a file or a dangling link" {
	config '.root.path = "nowhere"'
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json: root.path" "$bundle/nowhere" "No such file or directory"
	config '.root.path = "config.json"'
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json: root.path" "Not a directory"
	ln -s nowhere "$bundle/link"
	config '.root.path = "link"'
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json: root.path"
}

@test "an id with a slash, of 2000 characters, of dots, of other signs" {
	for bad in a/b "$(printf 'a%.0s' {1..2000})" . .. .hidden 'a b' 'ä' $'a\nb'; do
		try run --id "$bad" "$bundle/"
		expect_error 125 "id"
	done
	[ ! -e "$state" ] || [ -z "$(ls "$state")" ]
	try state ../x
	expect_error 1 "id"
}

@test "an id in use is refused, and its container lives on" {
	sh_args 'sleep 100'
	husk create --bundle "$bundle" "$id"
	for command in run create; do
		try "$command" --bundle "$bundle" "$id"
		[ "$status" -ne 0 ]
		[[ $stderr == *"$id"*"already"* ]]
	done
	is_status "$id" created
}

@test "a bundle on a read-only file system runs" {
	mkdir "$BATS_TEST_TMPDIR/ro"
	mount -t tmpfs tmpfs "$BATS_TEST_TMPDIR/ro"
	later umount "$BATS_TEST_TMPDIR/ro"
	cp -a "$bundle" "$BATS_TEST_TMPDIR/ro/"
	mount -o remount,ro "$BATS_TEST_TMPDIR/ro"
	bundle=$BATS_TEST_TMPDIR/ro/bundle
	try run --id "$id" "$bundle/"
	expect 0
}

@test "no space left for the state" {
	mkdir "$state"
	mount -t tmpfs -o mode=700,size=4k,nr_inodes=2 tmpfs "$state"
	later umount "$state"
	try run --id "$id" "$bundle/"
	expect_error 125 "No space left on device"
	mount -o remount,mode=700,size=4k,nr_inodes=50 "$state"
	dd if=/dev/zero of="$state/.full" bs=4k count=1 2>/dev/null
	try run --id "$id" "$bundle/"
	expect_error 125 "No space left on device"
	rm "$state/.full"
}

@test "a state root that cannot be made" {
	touch "$state"
	try run --id "$id" "$bundle/"
	expect_error 125 "$state"
	rm "$state"
}

@test "what contradicts something else, or asks for what cannot be, is refused with its path before anything is made" {
	while IFS='~' read -r filter words more; do
		make_bundle "$bundle"
		config "$filter"
		try create --bundle "$bundle" "$id"
		expect 1
		[[ $stderr == *"config.json: $words"* && $stderr == *"$more"* ]] || fail "$filter: $stderr"
		[ ! -e "$state/$id" ]
	done <<'CASES'
del(.ociVersion)~ociVersion: ~required
.ociVersion = "1.0"~ociVersion: ~
del(.root)~root: ~required
del(.root.path)~root.path: ~required
del(.process)~process: ~required
del(.process.args)~process.args: ~required
del(.process.cwd)~process.cwd: ~required
.process.env = ["NOEQUALS"]~process.env[0]: ~
.process.user.umask = 4096~process.user.umask: ~
.process.rlimits = [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}, {"type": "RLIMIT_CPU", "soft": 1, "hard": 1}]~process.rlimits[1]~before
.process.rlimits = [{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]~process.rlimits[0].soft: ~above the hard limit
.process.oomScoreAdj = 1001~process.oomScoreAdj: ~
.process.scheduler = {"nice": 3}~process.scheduler.policy: ~required
.process.scheduler = {"policy": "SCHED_SOMETIMES"}~process.scheduler.policy: ~
.process.scheduler = {"policy": "SCHED_OTHER", "nice": 20}~process.scheduler.nice: ~
.process.scheduler = {"policy": "SCHED_OTHER", "priority": 5}~process.scheduler~
.process.scheduler = {"policy": "SCHED_FIFO", "priority": 5, "runtime": 1}~process.scheduler~
.process.scheduler = {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_NONE"]}~process.scheduler.flags[0]: ~
.process.ioPriority = {"class": "IOPRIO_CLASS_RT", "priority": 8}~process.ioPriority.priority: ~
.process.ioPriority = {"priority": 1}~process.ioPriority.class: ~required
.process.execCPUAffinity = {"initial": "a-b"}~process.execCPUAffinity.initial: ~
.process.consoleSize = {"height": 5}~process.consoleSize.width: ~required
.process.apparmorProfile = 5~process.apparmorProfile: ~
.mounts[0] = {"destination": "/x", "type": "bind", "options": ["bind"]}~mounts[0].source: ~required
.mounts[0] = {"destination": "/x", "type": "bind", "source": "/tmp"}~mounts[0].options: ~
.mounts[0] |= del(.destination)~mounts[0].destination: ~required
.mounts[0] = {"destination": "/x", "source": "/tmp", "type": "bind", "options": ["bind", "idmap"]}~mounts[0]: ~uidMappings
.hostname = "a" | .linux.namespaces |= map(select(.type != "uts"))~hostname: ~uts namespace
.domainname = "a" | .linux.namespaces |= map(select(.type != "uts"))~domainname: ~uts namespace
.domainname = "a" | .linux.sysctl = {"kernel.domainname": "b"}~domainname: ~contradicts
.linux.sysctl = {"kernel.hostname": "b"}~linux.sysctl["kernel.hostname"]: ~hostname
.linux.sysctl = {"vm.swappiness": "1"}~linux.sysctl["vm.swappiness"]: ~not namespaced
.linux.sysctl = {"user.max_user_namespaces": "1"}~linux.sysctl["user.max_user_namespaces"]: ~user namespace
.linux.namespaces += [{"type": "pid"}]~linux.namespaces[~before
.linux.namespaces += [{"type": "user", "path": "relative"}]~linux.namespaces[~absolute
.linux.namespaces += [{"type": "user"}]~linux.uidMappings: ~required
.linux.uidMappings = [{"containerID": 0, "hostID": 1, "size": 1}]~linux.uidMappings: ~user namespace
.linux.uidMappings = [{"containerID": 0, "hostID": 1, "size": 0}]~linux.uidMappings[0].size: ~
.linux.timeOffsets = {"monotonic": {"secs": 1}}~linux.timeOffsets: ~time namespace
.linux.devices = [{"type": "x", "path": "/dev/x"}]~linux.devices[0].type: ~
.linux.devices = [{"type": "c", "path": "dev/x", "major": 1, "minor": 1}]~linux.devices[0].path: ~absolute
.linux.devices = [{"type": "c", "path": "/dev/x", "major": 1}]~linux.devices[0].minor: ~required
.linux.cgroupsPath = "../x"~linux.cgroupsPath~
.linux.resources = {"memory": {"limit": 100000, "swap": 99999}}~linux.resources.memory.swap: ~below memory.limit
.linux.resources = {"memory": {"swap": 99999}}~linux.resources.memory.swap: ~memory.limit
.linux.resources = {"memory": {"swappiness": 5}}~linux.resources.memory.swappiness: ~cgroup v2
.linux.resources = {"memory": {"kernel": 5}}~linux.resources.memory.kernel: ~cgroup v2
.linux.resources = {"memory": {"disableOOMKiller": true}}~linux.resources.memory.disableOOMKiller: ~cgroup v2
.linux.resources = {"cpu": {"realtimeRuntime": 5}}~linux.resources.cpu.realtimeRuntime: ~cgroup v2
.linux.resources = {"cpu": {"quota": 2000, "burst": 3000}}~linux.resources.cpu.burst: ~above the quota
.linux.resources = {"cpu": {"cpus": "0-"}}~linux.resources.cpu.cpus: ~
.linux.resources = {"network": {"classID": 5}}~linux.resources.network.classID: ~cgroup v2
.linux.resources = {"blockIO": {"weight": 5}}~linux.resources.blockIO.weight: ~
.linux.resources = {"blockIO": {"leafWeight": 50}}~linux.resources.blockIO.leafWeight: ~cgroup v2
.linux.resources = {"hugepageLimits": [{"pageSize": "2mb", "limit": 1}]}~linux.resources.hugepageLimits[0].pageSize: ~
.linux.resources = {"rdma": {"mlx5": {}}}~linux.resources.rdma~
.linux.resources = {"unified": {"a/b": "1"}}~linux.resources.unified["a/b"]: ~
.linux.resources = {"devices": [{"allow": true, "access": "rwx"}]}~linux.resources.devices[0].access: ~
.linux.seccomp = {}~linux.seccomp.defaultAction: ~required
.linux.seccomp = {"defaultAction": "SCMP_ACT_NONE"}~linux.seccomp.defaultAction: ~
.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 5}~linux.seccomp.defaultErrnoRet: ~
.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_ERRNO"}]}~linux.seccomp.syscalls[0].names: ~
.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_KILL", "errnoRet": 5}]}~linux.seccomp.syscalls[0].errnoRet: ~
.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_Z80"]}~linux.seccomp.architectures[0]: ~
.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "flags": ["X"]}~linux.seccomp.flags[0]: ~
.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]}]}~linux.seccomp.syscalls[0].args[0].index: ~
.linux.seccomp = {"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/x"}~linux.seccomp.defaultAction: ~
.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "x"}~linux.seccomp.listenerPath: ~required
.linux.personality = {"domain": "BSD"}~linux.personality.domain: ~
.linux.personality = {"domain": "LINUX", "flags": ["X"]}~linux.personality.flags: ~
.linux.intelRdt = {"closID": "a/b"}~linux.intelRdt.closID: ~
.linux.intelRdt = {"schemata": ["a\nb"]}~linux.intelRdt.schemata[0]: ~
.linux.maskedPaths = ["relative"]~linux.maskedPaths[0]: ~absolute
.linux.readonlyPaths = ["relative"]~linux.readonlyPaths[0]: ~absolute
.annotations = {"": "x"}~annotations~
.annotations = {"a": 5}~annotations~
CASES
}

@test "what the system refuses is told with its path, and nothing is left" {
	own_rootfs
	ln -s /tmp "$bundle/rootfs/dev/null" 2>/dev/null
	mkdir -p "$bundle/rootfs/devices" && touch "$bundle/rootfs/devices/taken"
	config '.linux.devices = [{"type": "c", "path": "/devices/taken", "major": 1, "minor": 3}]'
	try create --bundle "$bundle" "$id"
	expect_error 1 "config.json: linux.devices[0]: " "something else is there already"
	make_bundle "$bundle"
	config '.mounts += [{"destination": "/mnt", "type": "nosuchfs", "source": "x"}]'
	try create --bundle "$bundle" "$id"
	expect_error 1 "config.json: mounts[7]: mount nosuchfs on /mnt" "No such device"
	make_bundle "$bundle"
	config '.process.selinuxLabel = "system_u:system_r:container_t:s0"'
	[ -e /sys/fs/selinux/enforce ] || { try create --bundle "$bundle" "$id" && expect_error 1 "config.json: process.selinuxLabel"; }
	[ ! -e "$state/$id" ]
}
