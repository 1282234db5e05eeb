#!/usr/bin/env bats
# cgroup v2: what is written, and that it bites.
load lib/husk

group=$cgroups/husk-test-$$

limits() { config --argjson limits "$1" '.linux.resources += $limits'; } # JSON
value() { cat "$cgroups/husk-$id/$1"; }                                  # FILE
in_background() { # runs the bundle and waits until its program says "ready"
	husk run --id "$id" "$bundle" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" &
	job=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/out"
}
end() {
	husk delete --force "$id"
	wait "$job" || true
}
# Microseconds of CPU time that the container has used.
cpu_used() { awk '$1 == "usage_usec" { print $2 }' "$cgroups/husk-$id/cpu.stat"; }

@test "the container sits in its cgroup, which is gone with it" {
	sh_args 'echo ready; sleep 100'
	in_background
	grep -qx "$(pid_of "$id")" "$cgroups/husk-$id/cgroup.procs"
	end
	[ ! -e "$cgroups/husk-$id" ]
}

@test "cgroupsPath is made with its parents, and exactly those go away again" {
	mkdir "$group"
	later rmdir "$group"
	config --arg path "/${group##*/}/a/b/c" '.linux.cgroupsPath = $path'
	sh_args 'echo ready; sleep 100'
	in_background
	grep -qx "$(pid_of "$id")" "$group/a/b/c/cgroup.procs"
	end
	[ ! -e "$group/a" ] && [ -e "$group" ]
}

@test "slice:prefix:name without systemd's manager is a folder of that name, as BuildKit expects" {
	config --arg path "husk.slice:t:$id" '.linux.cgroupsPath = $path'
	sh_args 'echo ready; sleep 100'
	in_background
	grep -qx "$(pid_of "$id")" "$cgroups/husk.slice:t:$id/cgroup.procs"
	end
	[ ! -e "$cgroups/husk.slice:t:$id" ]
}

@test "delete --force kills everything in the cgroup, also below it" {
	config 'del(.linux.namespaces[] | select(.type == "pid"))'
	sh_args 'setsid sleep 200 & setsid sleep 200 & echo ready; sleep 200'
	in_background
	[ "$(wc -l <"$cgroups/husk-$id/cgroup.procs")" -eq 3 ]
	husk delete --force "$id"
	wait "$job" || true
	[ -z "$(marked)" ]
}

@test "a cgroup that holds processes already is refused, and left as it is" {
	mkdir "$group"
	sleep 100 3>&- &
	local pid=$!
	echo "$pid" >"$group/cgroup.procs"
	later eval "kill $pid; wait $pid; until rmdir $group; do sleep 0.05; done 2>/dev/null"
	config --arg path "/${group##*/}" '.linux.cgroupsPath = $path'
	try run --id "$id" "$bundle"
	expect_error 125 "${group##*/}" "process"
	grep -qx "$pid" "$group/cgroup.procs"
}

@test "a frozen cgroup is refused, and a path below one" {
	local path
	mkdir "$group"
	later rmdir "$group"
	echo 1 >"$group/cgroup.freeze"
	for path in "${group##*/}" "${group##*/}/a/b"; do
		config --arg path "/$path" '.linux.cgroupsPath = $path'
		try run --id "$id" "$bundle"
		expect_error 125 "the cgroup ${group##*/} is frozen" "cgroup.freeze"
	done
	[ -z "$(find "$group" -mindepth 1 -type d)" ]
}

@test "a path below a cgroup with processes of its own is an error that says so, where limits are asked for" {
	needs_controller pids memory
	mkdir "$group"
	sleep 100 3>&- &
	local pid=$!
	echo "$pid" >"$group/cgroup.procs"
	later eval "kill $pid; wait $pid; until rmdir $group; do sleep 0.05; done 2>/dev/null"
	config --arg path "/${group##*/}/a" '.linux.cgroupsPath = $path | .linux.resources.pids.limit = 5'
	try run --id "$id" "$bundle"
	expect_error 125 "the cgroup ${group##*/}/a can hold no processes" "processes of its own"
	[ ! -e "$group/a" ]
	config '.linux.resources = {"memory": {"limit": 10000000}}'
	try run --id "$id" "$bundle"
	expect_error 125 "enable the memory controller" "processes of its own"
	[ ! -e "$group/a" ]
}

@test "a cgroup path that escapes is refused" {
	for path in /../x a/../../x ..; do
		config --arg path "$path" '.linux.cgroupsPath = $path'
		try run --id "$id" "$bundle"
		expect_error 125 "config.json: linux.cgroupsPath"
	done
}

@test "a limit whose controller is missing is an error that names it" {
	! grep -qw memory "$cgroups/cgroup.controllers" || skip "all controllers are here"
	limits '{"memory": {"limit": 1000000}}'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: linux.resources.memory.limit" "memory controller" "("
}

@test "without limits a container runs where there are no controllers" {
	config 'del(.linux.resources)'
	args echo fine
	try run --id "$id" "$bundle"
	expect 0 fine
}

@test "device rules: what is denied fails, what is allowed works" {
	config '.linux.devices = [{"path": "/dev/log", "type": "c", "major": 1, "minor": 11, "fileMode": 438}] |
		.linux.resources.devices = [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1,
		"minor": 11, "access": "w"}]'
	in_container 'head -c 1 /dev/zero | wc -c; (: >/dev/log) && echo written; (: </dev/log) 2>&1; echo "and $?"'
	expect 0 "1
written
sh: can't open /dev/log: Operation not permitted
and 1"
}

@test "device rules: the last one that matches decides" {
	config '.linux.devices = [{"path": "/dev/log", "type": "c", "major": 1, "minor": 11, "fileMode": 438}] |
		.linux.resources.devices = [{"allow": true, "access": "rwm"}, {"allow": false, "type": "c", "major": 1,
		"minor": 11, "access": "rw"}]'
	in_container '(: >/dev/log) 2>/dev/null || echo denied'
	expect 0 denied
	config '.linux.resources.devices += [{"allow": true, "type": "c", "major": 1, "access": "w"}]'
	try run --id "$id" "$bundle"
	expect 0 ""
}

@test "what is asked for is what the kernel has" {
	needs_controller cpu cpuset memory io pids
	limits '{"cpu": {"shares": 2048, "quota": 50000, "period": 200000, "burst": 10000, "cpus": "0", "mems": "0"}, "memory":
		{"limit": 67108864, "reservation": 33554432, "swap": 100663296}, "pids": {"limit": 42}, "blockIO": {"weight": 500},
		"unified": {"memory.high": "50331648", "cgroup.max.depth": "3"}}'
	sh_args 'echo ready; sleep 100'
	in_background
	[ "$(value cpu.max)" = "50000 200000" ]
	[ "$(value cpu.max.burst)" = 10000 ]
	[ "$(value cpuset.cpus)" = 0 ] && [ "$(value cpuset.mems)" = 0 ]
	[ "$(value memory.max)" = 67108864 ] && [ "$(value memory.low)" = 33554432 ]
	[ ! -e "$cgroups/husk-$id/memory.swap.max" ] || [ "$(value memory.swap.max)" = 33554432 ]
	[ "$(value pids.max)" = 42 ] && [ "$(value memory.high)" = 50331648 ] && [ "$(value cgroup.max.depth)" = 3 ]
	[ "$(value cpu.weight)" -gt 100 ]
	[[ $(value io.weight 2>/dev/null || value io.bfq.weight) == *"default "* ]]
	end
}

@test "what is asked for of huge pages, rdma and misc is what the kernel has, and idle is" {
	needs_controller cpu hugetlb misc rdma
	[ -e /sys/kernel/mm/hugepages/hugepages-2048kB ] || lacking "there are no huge pages of 2 MB"
	limits '{"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}], "cpu": {"idle": 1}, "unified": {"hugetlb.2MB.max": "6291456"}}'
	sh_args 'echo ready; sleep 100'
	in_background
	[ "$(value hugetlb.2MB.rsvd.max)" = 4194304 ] && [ "$(value hugetlb.2MB.max)" = 6291456 ]
	[ "$(value cpu.idle)" = 1 ]
	end
	limits '{"unified": {"misc.max": "nonsense 5"}}'
	try run --id "$id" "$bundle"
	expect_error 125 'config.json: linux.resources.unified["misc.max"]'
	limits '{"unified": {}, "rdma": {"nonsense": {"hcaHandles": 3}}}'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: linux.resources.rdma" "nonsense"
}

@test "a value that the kernel refuses is an error with the file and the path" {
	needs_controller cpuset
	limits '{"cpu": {"cpus": "4000"}}'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: linux.resources.cpu.cpus" "cpuset.cpus"
	limits '{"unified": {"no.such": "1"}}'
	config 'del(.linux.resources.cpu)'
	try run --id "$id" "$bundle"
	expect_error 125 'config.json: linux.resources.unified["no.such"]'
}

@test "memory.max kills what goes over it" {
	needs_controller memory
	limits '{"memory": {"limit": 16777216, "swap": 16777216}}'
	in_container 'echo before; tail -c 64m /dev/zero >/dev/null; echo "ended with $?"; cat /sys/fs/cgroup/memory.events'
	expect 0
	[[ $output == "before
ended with 137"* ]]
	grep -qx 'oom_kill [1-9][0-9]*' <<<"$output"
}

@test "cpu.max throttles what wants more" {
	needs_controller cpu
	limits '{"cpu": {"quota": 10000, "period": 100000}}'
	sh_args 'echo ready; while :; do :; done'
	in_background
	local start used
	start=$(date +%s%N)
	used=$(cpu_used)
	sleep 5
	used=$((($(cpu_used) - used) * 1000))
	# a tenth of a CPU is asked for: less than a fifth is what a slow machine may count, a whole one without the limit
	[ $((used * 5)) -lt $(($(date +%s%N) - start)) ] || fail "$used ns of CPU time were used"
	[ "$(awk '$1 == "nr_throttled" { print $2 }' "$cgroups/husk-$id/cpu.stat")" -gt 5 ]
	end
}

@test "pids.max refuses one process too many" {
	needs_controller pids
	limits '{"pids": {"limit": 5}}'
	in_container 'for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; echo "not reached"'
	expect 2 ""
	[[ $stderr == *"fork"* ]]
	[[ $stderr == *"Resource temporarily unavailable"* ]]
}

@test "io.max slows what writes faster" {
	needs_controller io
	[ -n "${HUSK_TEST_DISK:-}" ] || lacking "HUSK_TEST_DISK names no disk of the tests' own"
	local device
	device=$(mountpoint -d "$HUSK_TEST_DISK")
	config --arg source "$HUSK_TEST_DISK" '.mounts += [{"destination": "/var", "source": $source, "options": ["bind"]}]'
	config --arg major "${device%:*}" --arg minor "${device#*:}" '.linux.resources.blockIO = {"throttleWriteBpsDevice":
		[{"major": ($major | tonumber), "minor": ($minor | tonumber), "rate": 1048576}]}'
	local start
	start=$(date +%s)
	in_container 'cat /sys/fs/cgroup/io.max; dd if=/dev/zero of=/var/file bs=64k count=64 oflag=direct 2>/dev/null; rm /var/file'
	expect 0
	[[ $output == "$device rbps=max wbps=1048576 riops=max wiops=max" ]]
	[ $(($(date +%s) - start)) -ge 3 ] || fail "4 MiB at 1 MiB/s took less than 3 s"
}

@test "a cgroup that the container can write to is its user's; any other stays the host's" {
	own_rootfs
	config '.process.user = {"uid": 1000, "gid": 1000} | .mounts |= map(if .destination == "/sys/fs/cgroup" then .options -= ["ro"] else . end)'
	in_container 'mkdir /sys/fs/cgroup/mine && echo $$ >/sys/fs/cgroup/mine/cgroup.procs && cat /proc/self/cgroup | tail -n 1; touch /sys/fs/cgroup/cgroup.freeze 2>/dev/null; stat -c %u /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/cgroup.freeze'
	expect 0 "0::/mine
1000
0"
	config '.mounts |= map(if .destination == "/sys/fs/cgroup" then .options += ["ro"] else . end)'
	in_container 'stat -c %u /sys/fs/cgroup/cgroup.procs'
	expect 0 0
}

@test "a cgroup that vanished under a container is told of in one line, and the container can be deleted" {
	sh_args 'echo ready; sleep 100'
	in_background
	local pid
	pid=$(pid_of "$id")
	mkdir "$group"
	echo "$pid" >"$group/cgroup.procs"
	rmdir "$cgroups/husk-$id"
	[ "$(husk state "$id" | jq -r .status)" = running ]
	echo '{"unified": {"cgroup.max.depth": "7"}}' >"$BATS_TEST_TMPDIR/r"
	try pause "$id"
	expect_error 1 "husk-$id"
	try update --resources "$BATS_TEST_TMPDIR/r" "$id"
	expect_error 1 "husk-$id"
	try events --stats "$id"
	expect_error 1 "husk-$id"
	try exec "$id" true
	expect_error 125 "husk-$id"
	try stats
	expect 0
	end
	rmdir "$group"
}

# ---- the systemd cgroup manager, as far as it needs no systemd; the rest is tests/systemd ----

@test "a systemd that does not answer is an error in time, and leaves nothing" {
	config 'del(.linux.resources)'
	python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
time.sleep(60)' "$BATS_TEST_TMPDIR/bus" 3>&- &
	later eval "kill $!; wait $!"
	eventually test -S "$BATS_TEST_TMPDIR/bus"
	DBUS_SYSTEM_BUS_ADDRESS=unix:path=$BATS_TEST_TMPDIR/bus try --systemd-cgroup run --id "$id" "$bundle"
	expect_error 125 "systemd gave no answer within 5 s"
}

@test "without systemd, its cgroup manager says what to do instead" {
	[ ! -e /run/systemd/private ] || skip "systemd is here"
	config 'del(.linux.resources)'
	DBUS_SYSTEM_BUS_ADDRESS=unix:path=$BATS_TEST_TMPDIR/none try --systemd-cgroup run --id "$id" "$bundle"
	expect_error 125 "cannot reach systemd" "--cgroup-manager cgroupfs"
}

@test "paths and properties for systemd are checked before anything is made" {
	local path
	for path in /a/b name a-.slice:p:n a--b.slice:p:n -a.slice:p:n ../x.slice:p:n a.slice:p:n/m a.slice:p:n.slice; do
		config --arg path "$path" '.linux.cgroupsPath = $path'
		try --systemd-cgroup run --id "$id" "$bundle"
		expect_error 125 "config.json: linux.cgroupsPath"
	done
	config 'del(.linux.cgroupsPath) | .annotations = {"org.systemd.property.ExecStart": "\u0027/bin/sh\u0027"}'
	try --systemd-cgroup run --id "$id" "$bundle"
	expect_error 125 'annotations["org.systemd.property.ExecStart"]' "ExecStart"
}

@test "plan shows the unit that systemd would be asked for" {
	config '.linux.cgroupsPath = "machine.slice:libpod:abc" | .linux.resources = {"pids": {"limit": 7}}'
	try --systemd-cgroup plan "$bundle"
	expect 0
	[[ $output == *"systemd unit: libpod-abc.scope"* && $output == *"TasksMax=7"* && $output == *"Slice=machine.slice"* ]]
}
