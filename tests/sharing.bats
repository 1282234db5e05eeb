#!/usr/bin/env bats
# What limits do, measured: who gets how much of a CPU, a disk, the memory. In the VM, where all controllers are.
# places: vm
load lib/husk

group=$cgroups/husk-test-$$
disk=${HUSK_TEST_DISK:-/nonexistent}

# One cgroup for the neighbours, which none of them made.
setup() {
	setup_bundle
	mkdir "$group"
	later clear_group
}

clear_group() {
	for one in $(husk list -q); do husk delete --force "$one"; done
	rmdir "$group"
}

start() { # NAME JSON SCRIPT: a container in the background, with these resources
	local folder=$BATS_TEST_TMPDIR/$1
	cp -r "$bundle" "$folder"
	config_of "$folder" --argjson resources "$2" --arg script "$3" --arg path "/${group##*/}/$1" \
		'.linux.resources = $resources | .linux.cgroupsPath = $path | .process.args = ["sh", "-c", $script]'
	husk run -d --id "$id-$1" "$folder" >"$BATS_TEST_TMPDIR/$1.out" 2>&1 </dev/null
}

number() { awk -v key="$3" '$1 == key { print $2 }' "$group/$1/$2"; } # NAME FILE KEY
between() { # LEAST NUMBER MOST: of any kind
	awk -v low="$1" -v number="$2" -v high="$3" 'BEGIN { exit !(low <= number && number <= high) }' ||
		fail "$2 is not between $1 and $3"
}

# CPU time that the containers use in the same five seconds, in microseconds; the last number is the time that passed.
use_of() { # NAME...
	local before=() after=() name began ended
	began=$(date +%s%N)
	for name; do before+=("$(number "$name" cpu.stat usage_usec)"); done
	sleep 5
	ended=$(date +%s%N)
	for name; do after+=("$(number "$name" cpu.stat usage_usec)"); done
	for i in "${!before[@]}"; do echo $((after[i] - before[i])); done
	echo $(((ended - began) / 1000))
}

@test "two that want all of a CPU get it by their weights, 1 to 3" {
	needs_controller cpu cpuset
	start a '{"cpu": {"cpus": "0"}, "unified": {"cpu.weight": "100"}}' 'while :; do :; done'
	start b '{"cpu": {"cpus": "0"}, "unified": {"cpu.weight": "300"}}' 'while :; do :; done'
	mapfile -t used < <(use_of a b)
	echo "used ${used[*]} us"
	between 2.7 "$(awk "BEGIN { print ${used[1]} / ${used[0]} }")" 3.3
}

@test "cpu.max of 20 % is kept within 5 % of it" {
	needs_controller cpu
	start a '{"cpu": {"quota": 20000, "period": 100000}}' 'while :; do :; done'
	mapfile -t used < <(use_of a)
	echo "used ${used[*]} us"
	between 0.19 "$(awk "BEGIN { print ${used[0]} / ${used[1]} }")" 0.21
}

@test "cpuset.cpus pins: all that runs, runs there" {
	needs_controller cpuset
	start a '{"cpu": {"cpus": "1", "mems": "0"}}' 'grep Cpus_allowed_list /proc/self/status; nproc; i=0; while [ $((i += 1)) -lt 40 ]; do
		cut -d " " -f 39 /proc/self/stat; done; sleep 100'
	enough() { [ "$(wc -l <"$BATS_TEST_TMPDIR/a.out")" -ge 41 ]; }
	eventually enough
	grep -Pq '^Cpus_allowed_list:\t1$' "$BATS_TEST_TMPDIR/a.out"
	[ "$(sed 1d "$BATS_TEST_TMPDIR/a.out" | sort -u)" = 1 ]
}

@test "io.max of 1 MB/s is kept within 15 %" {
	needs_controller io
	local device seconds
	device=$(mountpoint -d "$disk")
	mkdir "$disk/io"
	later rm -rf "$disk/io"
	config --arg disk "$disk/io" '.mounts += [{"destination": "/tmp", "type": "none", "source": $disk, "options": ["bind"]}]'
	start a "$(jq -nc --arg device "$device" '$device | split(":") | map(tonumber) |
		{blockIO: {throttleWriteBpsDevice: [{major: .[0], minor: .[1], rate: 1000000}]}}')" \
		'dd if=/dev/zero of=/tmp/file bs=50000 count=20 conv=fsync 2>&1; began=$(cut -d " " -f 1 /proc/uptime)
		dd if=/dev/zero of=/tmp/file bs=50000 count=160 conv=fsync 2>&1; echo "took $began $(cut -d " " -f 1 /proc/uptime)"; sleep 100'
	ended() { grep -q took "$BATS_TEST_TMPDIR/a.out"; }
	eventually ended || eventually ended
	seconds=$(awk '/took/ { print $3 - $2 }' "$BATS_TEST_TMPDIR/a.out")
	echo "8 MB took $seconds s"
	between 6.8 "$seconds" 9.2
}

@test "memory.high holds back, and kills nobody" {
	needs_controller memory
	start a '{"memory": {"limit": 100000000}, "unified": {"memory.high": "20000000", "memory.swap.max": "0"}}' \
		'head -c 30000000 /dev/zero | tail -c 30000000 >/dev/null; echo "ended $?"; sleep 100'
	held() { [ "$(number a memory.events high)" -gt 0 ]; }
	eventually held
	[ "$(number a memory.events oom_kill)" = 0 ]
	is_status "$id-a" running
}

@test "memory.max kills, and events tells of it within 100 ms" {
	needs_controller memory
	start a '{"memory": {"limit": 30000000, "swap": 30000000}}' 'until [ -e /dev/shm/go ]; do sleep 0.1; done
		head -c 100000000 /dev/zero | tail -c 100000000 >/dev/null; cut -d " " -f 1 /proc/uptime; sleep 100'
	"$HUSK" --root "$state" events --interval 1h "$id-a" </dev/null 2>&1 3>&- | while read -r line; do
		read -r now _ </proc/uptime
		echo "$now $line"
	done >"$BATS_TEST_TMPDIR/events" &
	eventually grep -q stats "$BATS_TEST_TMPDIR/events"
	husk exec "$id-a" touch /dev/shm/go
	eventually grep -q '"oom"' "$BATS_TEST_TMPDIR/events"
	eventually test -s "$BATS_TEST_TMPDIR/a.out"
	local killed told
	killed=$(tail -n 1 "$BATS_TEST_TMPDIR/a.out")
	told=$(awk '/"oom"/ { print $1; exit }' "$BATS_TEST_TMPDIR/events")
	echo "killed before $killed, told at $told"
	between -100 "$(awk "BEGIN { print $told - $killed }")" 0.1
	husk delete --force "$id-a"
	wait
}

@test "pids.max stops a fork bomb, and the host goes on" {
	needs_controller pids
	start a '{"pids": {"limit": 40}}' 'bomb() { bomb | bomb & }; while :; do bomb; sleep 0.1; done 2>/dev/null'
	full() { [ "$(number a pids.events max)" -gt 0 ]; }
	eventually full
	[ "$(cat "$group/a/pids.current")" -le 40 ]
	timeout 10 bash -c 'for i in 1 2 3 4 5; do true | true; done'
	husk delete --force "$id-a"
	[ ! -e "$group/a" ]
}

@test "memory.low protects from a neighbour who wants all" {
	needs_controller memory io
	mkdir "$disk/low"
	later rm -rf "$disk/low"
	head -c 40000000 /dev/zero >"$disk/low/a"
	head -c 120000000 /dev/zero >"$disk/low/b"
	sync "$disk/low/a" "$disk/low/b"
	echo 3 >/proc/sys/vm/drop_caches
	echo 100000000 >"$group/memory.max"
	config --arg disk "$disk/low" '.mounts += [{"destination": "/tmp", "type": "none", "source": $disk, "options": ["bind", "ro"]}]'
	start a '{"memory": {"reservation": 60000000}}' 'cat /tmp/a >/dev/null; echo ready; sleep 100'
	eventually grep -q ready "$BATS_TEST_TMPDIR/a.out"
	between 38000000 "$(number a memory.stat file)" 60000000
	start b '{"unified": {"memory.low": "0"}}' 'cat /tmp/b /tmp/b >/dev/null; echo ready; sleep 100'
	eventually grep -q ready "$BATS_TEST_TMPDIR/b.out"
	between 36000000 "$(number a memory.stat file)" 60000000
	[ "$(number b memory.stat file)" -lt 65000000 ]
}
