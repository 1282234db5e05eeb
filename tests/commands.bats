#!/usr/bin/env bats
# ps, pause, resume, update, events, features, and what kill, delete and create can do besides.
load lib/husk

schemas=$BATS_TEST_DIRNAME/data/runtime-spec

running() { husk run --detach --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null; }
is_valid() { "$tree/tests/lib/validate.py" "$schemas/$1"; } # SCHEMA <DOCUMENT
own_cgroup() { echo "$cgroups$(sed -n 's/^0:://p' "/proc/$(pid_of "$id")/cgroup")"; }

setup() {
	setup_bundle
	args sleep 1000
	later husk delete --force "$id"
}

@test "the documents that husk writes are those of the specification's schemas" {
	husk features | is_valid features-schema.json
	for option in "" --rootless; do
		rm -f "$BATS_TEST_TMPDIR/spec.json"
		husk spec $option --config "$BATS_TEST_TMPDIR/spec.json"
		is_valid config-schema.json <"$BATS_TEST_TMPDIR/spec.json"
	done
	config '.annotations = {"a.b": "c"}'
	husk create --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	husk state "$id" | is_valid state-schema.json
	husk start "$id"
	husk state "$id" | is_valid state-schema.json
	husk kill "$id" KILL
	eventually is_status "$id" stopped
	husk state "$id" | is_valid state-schema.json
	echo '{"id": 5}' >"$BATS_TEST_TMPDIR/bad.json"
	run is_valid state-schema.json <"$BATS_TEST_TMPDIR/bad.json"
	[ "$status" -ne 0 ]
}

@test "features: what callers look for is there, and nothing stands on standard error" {
	try features
	expect 0
	[ -z "$stderr" ]
	jq -e '.ociVersionMin == "1.0.0" and (.ociVersionMax | test("^1\\.")) and (.hooks | length) == 6
		and (.mountOptions | index("rro") and index("ridmap") and index("tmpcopyup"))
		and (.linux.namespaces | index("user") and index("time")) and .linux.mountExtensions.idmap.enabled
		and .linux.cgroup.v2 and .linux.seccomp.enabled and (.linux.seccomp.actions | index("SCMP_ACT_NOTIFY"))
		and (.linux.capabilities | index("CAP_SYS_ADMIN")) and .linux.netDevices.enabled' <<<"$output"
}

@test "ps lists the container's processes, those below its cgroup included" {
	sh_args 'sleep 1001 & sleep 1002 & wait'
	running
	eventually eval '[ "$(husk ps -f json "$id" | jq length)" = 3 ]'
	mkdir "$(own_cgroup)/below"
	pid=$(pgrep -xf 'sleep 1001')
	echo "$pid" >"$(own_cgroup)/below/cgroup.procs"
	try ps --format json "$id"
	expect 0
	[ -z "$stderr" ]
	jq -e --argjson pid "$pid" --argjson init "$(pid_of "$id")" 'length == 3 and index($pid) and index($init)' <<<"$output"
	try ps "$id"
	expect 0
	[[ ${lines[0]} == *PID* ]] && [ "${#lines[@]}" -eq 4 ]
	try ps "$id" -o pid,args
	expect 0
	[ "$(sort <<<"$output" | grep -c 'sleep 100[12]$')" -eq 2 ]
	try ps "$id" -o args
	expect_error 1 "PID"
}

@test "pause stops every process and resume lets them go on" {
	sh_args 'while :; do echo x; sleep 0.1; done'
	running
	eventually test -s "$BATS_TEST_TMPDIR/out"
	husk pause "$id"
	[ "$(status_of "$id")" = paused ]
	husk list | grep -q "^$id .*paused"
	size=$(stat -c %s "$BATS_TEST_TMPDIR/out")
	sleep 0.5
	[ "$(stat -c %s "$BATS_TEST_TMPDIR/out")" -eq "$size" ]
	try pause "$id"
	expect_error 1 "paused already"
	husk resume "$id"
	[ "$(status_of "$id")" = running ]
	eventually eval '[ "$(stat -c %s "$BATS_TEST_TMPDIR/out")" -gt '"$size"' ]'
	try resume "$id"
	expect_error 1 "not paused"
}

@test "a paused container can be killed and deleted" {
	running
	husk pause "$id"
	husk delete --force "$id"
	try state "$id"
	expect_error 1 "does not exist"
	running
	husk pause "$id"
	husk kill "$id" KILL
	eventually is_status "$id" stopped
}

@test "pause, resume, update, events and exec of a container that has stopped, or has no cgroup, say so" {
	running
	husk kill "$id" KILL
	eventually is_status "$id" stopped
	for command in pause resume "update --pids-limit 5" events "events --stats"; do
		# shellcheck disable=SC2086 # words
		try $command "$id"
		expect_error 1 "container not running"
	done
	try ps --format json "$id"
	expect 0 "[]"
	husk delete "$id"
	try pause "$id"
	expect_error 1 "does not exist"
	husk --cgroup-manager disabled run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	try pause "$id"
	expect_error 1 "it has no cgroup"
	try ps --format json "$id"
	expect 0 "[$(pid_of "$id")]"
}

@test "update changes what is given and leaves the rest" {
	needs_controller cpu memory pids
	config '.linux.resources = {"memory": {"limit": 67108864}, "cpu": {"quota": 50000, "period": 200000}, "pids": {"limit": 100}}'
	running
	cgroup=$(own_cgroup)
	husk update --memory 128m --cpu-quota 60000 "$id"
	[ "$(cat "$cgroup/memory.max")" = 134217728 ] && [ "$(cat "$cgroup/cpu.max")" = "60000 200000" ]
	[ "$(cat "$cgroup/pids.max")" = 100 ]
	husk update --cpu-period 100000 --pids-limit -1 "$id"
	[ "$(cat "$cgroup/cpu.max")" = "60000 100000" ] && [ "$(cat "$cgroup/pids.max")" = max ]
	husk update --memory-swap 256m --cpu-share 512 "$id"
	[ "$(cat "$cgroup/memory.swap.max")" = 134217728 ] && [ "$(cat "$cgroup/cpu.weight")" = 59 ]
	echo '{"memory": {"limit": -1}, "unified": {"memory.high": "1000000000"}, "devices": [{"allow": false, "access": "rwm"}]}' |
		husk update --resources - "$id"
	[ "$(cat "$cgroup/memory.max")" = max ] && [ "$(cat "$cgroup/memory.high")" = 999997440 ]
	[ "$(husk exec "$id" sh -c 'echo x >/dev/null && echo works')" = works ]
}

@test "update: each flag is its file's value, and may be taken back" {
	needs_controller cpu cpuset memory io pids
	running
	cgroup=$(own_cgroup)
	weight=$cgroup/io.bfq.weight
	[ -e "$weight" ] || weight=$cgroup/io.weight
	husk update --blkio-weight 500 --cpu-share 2048 --cpu-quota 50000 --cpu-period 200000 --cpu-burst 10000 --cpuset-cpus 0 \
		--cpuset-mems 0 --memory 64m --memory-reservation 32m --memory-swap 96m --pids-limit 42 "$id"
	[[ $(head -n 1 "$weight") == "default "@(500|4950) ]]
	[ "$(cat "$cgroup"/cpu.{weight,max,max.burst} "$cgroup"/cpuset.{cpus,mems} "$cgroup"/memory.{max,low,swap.max} \
		"$cgroup/pids.max" | tr '\n' ' ')" = "174 50000 200000 10000 0 0 67108864 33554432 33554432 42 " ]
	husk update --cpu-quota 5000 --cpu-burst 0 --cpu-idle 1 "$id"
	[ "$(cat "$cgroup"/cpu.{max,max.burst,idle} | tr '\n' ' ')" = "5000 200000 0 1 " ]
	husk update --cpu-idle 0 --cpu-share 1024 --cpu-quota -1 --memory -1 --memory-reservation -1 --pids-limit -1 "$id"
	[ "$(cat "$cgroup"/cpu.{idle,weight,max} "$cgroup"/memory.{max,low,swap.max} "$cgroup/pids.max" | tr '\n' ' ')" = \
		"0 100 max 200000 max max max max " ]
}

@test "update: --resources takes a file, and then other options do not count" {
	echo '{"unified": {"cgroup.max.depth": "7"}}' >"$BATS_TEST_TMPDIR/resources"
	running
	husk update --resources "$BATS_TEST_TMPDIR/resources" --pids-limit 5 "$id"
	[ "$(cat "$(own_cgroup)/cgroup.max.depth")" = 7 ]
}

@test "an update that fails leaves every value as it was" {
	running
	cgroup=$(own_cgroup)
	echo 9 >"$cgroup/cgroup.max.depth"
	echo '{"unified": {"cgroup.max.depth": "7", "cgroup.max.descendants": "8", "cgroup.pressure": "nonsense"}}' >"$BATS_TEST_TMPDIR/r"
	try update --resources "$BATS_TEST_TMPDIR/r" "$id"
	expect_error 1 'linux.resources.unified["cgroup.pressure"]' "nonsense"
	[ "$(cat "$cgroup/cgroup.max.depth")" = 9 ] && [ "$(cat "$cgroup/cgroup.max.descendants")" = max ]
}

@test "update: when the third of five writes fails, the first two are taken back" {
	needs_controller cpu memory pids
	running
	cgroup=$(own_cgroup)
	values() { (cd "$cgroup" && grep -H . pids.max memory.high cpu.weight memory.low cpu.max); }
	husk update --pids-limit 60 --cpu-quota 50000 "$id"
	local before
	before=$(values)
	echo '{"unified": {"pids.max": "50", "memory.high": "50M", "cpu.weight": "99999", "memory.low": "1M", "cpu.max": "10000"}}' >"$BATS_TEST_TMPDIR/r"
	try update --resources "$BATS_TEST_TMPDIR/r" "$id"
	expect_error 1 'linux.resources.unified["cpu.weight"]' "99999"
	diff <(echo "$before") <(values)
}

@test "update: memory.checkBeforeUpdate refuses a limit below what is used" {
	needs_controller memory
	sh_args 'head -c 20m /dev/zero >/dev/shm/x; echo full; sleep 1000'
	running
	eventually grep -q full "$BATS_TEST_TMPDIR/out"
	echo '{"memory": {"limit": 1048576, "checkBeforeUpdate": true}}' >"$BATS_TEST_TMPDIR/r"
	try update --resources "$BATS_TEST_TMPDIR/r" "$id"
	expect_error 1 "linux.resources.memory.limit" "below what is used"
	[ "$(cat "$(own_cgroup)/memory.max")" = max ]
	[ "$(status_of "$id")" = running ]
}

@test "update: what is wrong is told before anything is written" {
	running
	for case in "--memory 5x|--memory" "--memory 99999999999g|--memory" "--cpu-quota many|--cpu-quota" \
		"--cpu-period 5|cpu.period" "--cpu-rt-period 5|cgroup v2 has nothing like it" "--kernel-memory 1m|cgroup v2" \
		"--resources /not/there|/not/there" "--blkio-weight 5|blockIO.weight" "--l3-cache-schema L3:0=f|resctrl"; do
		# shellcheck disable=SC2086 # words
		try update ${case%%|*} "$id"
		expect_error 1 "${case#*|}"
	done
	try update --resources - "$id" <<<'{"pids": {"limit": "x"}}'
	expect_error 1 "pids.limit"
	try update --resources - "$id" <<<'{"unified": {"../x": "1"}}'
	expect_error 1 "unified"
}

@test "events --stats prints one event with what the container uses" {
	sh_args 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; sleep 1000'
	running
	eventually grep -q 'done' "$BATS_TEST_TMPDIR/out"
	try events --stats "$id"
	expect 0
	[ -z "$stderr" ] && [ "${#lines[@]}" -eq 1 ]
	jq -e --arg id "$id" '.type == "stats" and .id == $id and .data.cpu.usage.total > 0 and
		(.data.cpu.usage.total >= .data.cpu.usage.user) and (.data | has("memory") and has("pids") and has("blkio") and
		has("hugetlb") and has("intel_rdt")) and .data.network_interfaces[0].Name == "lo"' <<<"$output"
}

@test "events: memory and pids are the cgroup's numbers" {
	needs_controller memory pids
	config '.linux.resources = {"memory": {"limit": 67108864, "swap": 67108864}, "pids": {"limit": 30}}'
	running
	try events --stats "$id"
	jq -e '.data.memory.usage.limit == 67108864 and .data.memory.usage.usage > 0 and .data.memory.swap.limit == 67108864
		and .data.pids == {"current": 1, "limit": 30} and (.data.memory.raw | has("anon")) and
		(.data.memory.kernel.limit | . > 1e19)' <<<"$output"
}

@test "events goes on until the container ends, and tells of a kill for lack of memory" {
	needs_controller memory
	config '.linux.resources = {"memory": {"limit": 33554432, "swap": 33554432}}'
	sh_args 'while [ ! -e /dev/shm/go ]; do sleep 0.1; done; tail /dev/zero; echo survived; sleep 2'
	running
	husk events --interval 1s "$id" >"$BATS_TEST_TMPDIR/events" &
	watcher=$!
	eventually grep -q stats "$BATS_TEST_TMPDIR/events"
	husk exec "$id" touch /dev/shm/go
	wait $watcher
	jq -e 'select(.type == "oom")' "$BATS_TEST_TMPDIR/events"
	try events --interval never "$id"
	expect_error 1 "--interval"
}

@test "kill takes names and numbers in every spelling; --all reaches every process" {
	sh_args 'trap "echo usr1" USR1; echo ready; while :; do sleep 0.1; done'
	running
	eventually grep -q ready "$BATS_TEST_TMPDIR/out"
	local count=0
	for signal in USR1 SIGUSR1 sigusr1 10; do
		husk kill "$id" $signal
		eventually eval '[ "$(grep -c usr1 "$BATS_TEST_TMPDIR/out")" -eq '$((count += 1))' ]'
	done
	try kill "$id" SIGNOTHING
	expect_error 1 "is no signal"
	husk kill --all "$id" KILL
	eventually is_status "$id" stopped
	husk kill --all "$id" KILL
	try kill "$id" KILL
	expect_error 1 "container not running"
}

@test "KILL of a container without a pid namespace of its own ends all of it" {
	config '.linux.namespaces |= map(select(.type != "pid"))'
	sh_args 'sleep 1003 & wait'
	running
	eventually pgrep -xf "sleep 1003"
	husk kill "$id" KILL
	eventually eval '! pgrep -xf "sleep 1003"'
}

@test "--regex: kill and delete of all whose ids match" {
	for n in 1 2; do husk run --detach --bundle "$bundle" "$id-r$n" >/dev/null 2>&1 </dev/null; done
	running
	husk kill --regex "$id-r." KILL
	eventually is_status "$id-r1" stopped
	eventually is_status "$id-r2" stopped
	[ "$(status_of "$id")" = running ]
	husk delete --regex "^$id-r"
	[ "$(husk list -q)" = "$id" ]
	try delete --regex "("
	expect_error 1 "no regular expression"
}

@test "create --config: another file than the bundle's" {
	cp "$bundle/config.json" "$BATS_TEST_TMPDIR/other.json"
	rm "$bundle/config.json"
	husk create --bundle "$bundle" --config "$BATS_TEST_TMPDIR/other.json" "$id" >/dev/null 2>&1 </dev/null
	[ "$(status_of "$id")" = created ]
	[ "$(husk state "$id" | jq -r .bundle)" = "$bundle" ]
}

@test "checkpoint is claimed to be supported, as callers ask" {
	husk checkpoint --help >/dev/null
	try restore --lsm-mount-context
	expect_error 1 "requires an argument"
}

@test "--console-socket: create and run hand the terminal over and do not keep it" {
	config '.process.terminal = true | .process.consoleSize = {"height": 12, "width": 34}'
	sh_args 'stty size; tty; echo over'
	sock=$BATS_TEST_TMPDIR/console.sock
	"$tree/tests/lib/agent.py" console "$sock" >"$BATS_TEST_TMPDIR/agent" 3>&- &
	agent=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/agent"
	husk create --console-socket "$sock" --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null
	husk start "$id"
	wait $agent
	[ "$(cat "$BATS_TEST_TMPDIR/agent")" = "ready
12 34
/dev/pts/0
over" ]
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	husk delete --force "$id"
	try create --bundle "$bundle" "$id"
	expect_error 1 "needs --console-socket"
	try run --detach --bundle "$bundle" "$id"
	expect_error 125 "needs --console-socket"
	try create --console-socket /not/there --bundle "$bundle" "$id"
	expect_error 1 "--console-socket" "/not/there"
	config '.process.terminal = false'
	try create --console-socket "$sock" --bundle "$bundle" "$id"
	expect_error 1 "process.terminal is not true"
}

@test "a console socket with a path longer than a socket address holds" {
	config '.process.terminal = true'
	sh_args 'echo over'
	deep=$BATS_TEST_TMPDIR/$(printf 'd%.0s' {1..120})
	mkdir "$deep"
	(cd "$deep" && exec "$tree/tests/lib/agent.py" console s) >"$BATS_TEST_TMPDIR/agent" 3>&- &
	agent=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/agent"
	husk run --detach --console-socket "$deep/s" --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	wait $agent
	grep -q over "$BATS_TEST_TMPDIR/agent"
}

@test "--pidfd-socket and its annotation: the pidfd of the container's first process" {
	for way in option annotation; do
		sock=$BATS_TEST_TMPDIR/$way.sock
		"$tree/tests/lib/agent.py" pidfd "$sock" >"$BATS_TEST_TMPDIR/agent" 3>&- &
		agent=$!
		eventually grep -q ready "$BATS_TEST_TMPDIR/agent"
		[ $way = option ] || config --arg sock "$sock" '.annotations = {"run.oci.pidfd_receiver": $sock}'
		options=() && [ $way = annotation ] || options=(--pidfd-socket "$sock")
		husk create "${options[@]}" --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
		wait $agent
		[ "$(sed -n 2p "$BATS_TEST_TMPDIR/agent")" = "$(pid_of "$id")" ]
		husk delete --force "$id"
	done
}

@test "--log syslog:NAME is accepted, and errors still go to standard error" {
	try --log syslog:husk-test state none
	expect_error 1 "does not exist"
	try --log journald:husk-test state none
	expect_error 1 "does not exist"
}

@test "--no-pivot runs a container whose root was not pivoted into" {
	husk run --no-pivot --id "$id" --detach --keep "$bundle" >/dev/null 2>&1 </dev/null
	[ "$(husk exec "$id" ls / | head -1)" = bin ]
}

# ---- stats ----

stats_of() { husk stats --format json "$@"; } # ID...

@test "stats: a row for each container that runs, numbers for each that is named" {
	sh_args 'sleep 100'
	husk run -d --id "$id" "$bundle" >/dev/null 2>&1 </dev/null
	husk create --bundle "$bundle" "$id-2" >/dev/null 2>&1 </dev/null
	try stats
	expect 0
	[[ ${lines[0]} == "ID "*"CPU %"*"MEM USAGE / LIMIT"*"MEM %"*"NET I/O"*"BLOCK I/O"*"PIDS"*"PRESSURE"* ]]
	[ "$(awk '{ print $1 }' <<<"$output" | sort | tail -n +2 | tr '\n' ' ')" = "$id $id-2 " ]
	[ "$(awk '{ print index($0, $2) }' <<<"${lines[1]}")" = "$(awk '{ print index($0, $2) }' <<<"${lines[2]}")" ]
	[ "$(stats_of "$id" | jq -r '.[].id')" = "$id" ]
	husk kill "$id" KILL
	eventually is_status "$id" stopped
	[ "$(stats_of | jq -r '.[].id')" = "$id-2" ]
	[ "$(stats_of --all | jq -r '.[].id' | wc -l)" = 2 ]
	try stats "$id-3"
	expect_error 1 "$id-3" "does not exist"
}

@test "stats: the numbers are those of the cgroup and of the links" {
	needs_controller memory pids
	config '.linux.resources = {"memory": {"limit": 67108864}, "pids": {"limit": 50}}'
	sh_args 'head -c 20000000 /dev/zero | tail -c 20000000 >/tmp/file; sleep 100'
	config '.mounts += [{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}]'
	husk run -d --id "$id" "$bundle" >/dev/null 2>&1 </dev/null
	enough() { [ "$(stats_of "$id" | jq '.[0].memory.usage')" -gt 20000000 ]; }
	eventually enough
	[ "$(stats_of "$id" | jq '.[0].memory.limit')" = 67108864 ]
	[ "$(stats_of "$id" | jq '.[0].pids.limit')" = 50 ]
	[ "$(stats_of "$id" | jq '.[0].memory.percent > 29 and .[0].cpu.usageMicroseconds > 0')" = true ]
}

@test "stats --stream: CPU % is of the last interval, until interrupted" {
	sh_args 'while :; do :; done'
	husk run -d --id "$id" "$bundle" >/dev/null 2>&1 </dev/null
	"$HUSK" --root "$state" stats --stream --interval 300ms --format json "$id" >"$BATS_TEST_TMPDIR/out" 3>&- &
	local pid=$!
	rounds() { [ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -ge 3 ]; }
	eventually rounds
	kill "$pid"
	wait "$pid" || true
	head -n 3 "$BATS_TEST_TMPDIR/out" | jq -es 'map(.[0].cpu.percent) | max > 10 and max < 130'
	husk kill "$id" KILL
}

@test "stats --format openmetrics is what promtool(1) takes" {
	sh_args 'sleep 100'
	husk run -d --id "$id" "$bundle" >/dev/null 2>&1 </dev/null
	try stats --format openmetrics
	expect 0
	[[ $output == *"# TYPE husk_container_cpu_usage_seconds_total counter"*"{id=\"$id\"}"*"# EOF" ]]
	PATH=$PATH:$tree/build/tests/tools promtool check metrics <<<"$output"
}

@test "update: a device may be named by its path" {
	sh_args 'sleep 100'
	husk run -d --id "$id" "$bundle" >/dev/null 2>&1 </dev/null
	try update --device-read-bps /dev/null:1mb "$id"
	expect_error 1 "--device-read-bps" "/dev/null is no block device"
	try update --device-read-bps /dev/sda "$id"
	expect_error 1 "DEVICE:VALUE"
	try update --device-write-iops "$BATS_TEST_TMPDIR/none:5" "$id"
	expect_error 1 "none: No such file"
	try update --device-read-bps 8:0:many "$id"
	expect_error 1 "a size as 512m"
	needs_controller io
	local device
	device=$(mountpoint -d "$HUSK_TEST_DISK")
	husk update --device-read-bps /dev/vda:10mb --device-write-bps "$device:20mb" --device-write-iops /dev/vda:30 "$id"
	[ "$(cat "$cgroups/husk-$id/io.max")" = "$device rbps=10485760 wbps=20971520 riops=max wiops=30" ]
	husk update --device-read-bps "$device:0" "$id"
	[ "$(cat "$cgroups/husk-$id/io.max")" = "$device rbps=max wbps=20971520 riops=max wiops=30" ]
}

@test "a weight on one disk is for the scheduler that the disk has, or an error that says it has none" {
	needs_controller io
	needs_file "$cgroups/io.cost.qos"
	sh_args 'sleep 100'
	husk run -d --id "$id" "$bundle" >/dev/null 2>&1 </dev/null
	local device
	device=$(mountpoint -d "$HUSK_TEST_DISK")
	try update --blkio-weight 300 --blkio-weight-device /dev/vda:200 "$id"
	expect_error 1 "blockIO.weightDevice" "neither the scheduler bfq nor io.cost"
	[ "$(cat "$cgroups/husk-$id/io.weight")" = "default 100" ]
	echo "$device enable=1" >"$cgroups/io.cost.qos"
	later eval "echo $device enable=0 >$cgroups/io.cost.qos"
	husk update --blkio-weight-device /dev/vda:200 "$id"
	grep -qx "$device 1920" "$cgroups/husk-$id/io.weight"
}
