#!/usr/bin/env bats
# The systemd cgroup manager, on a host whose first process is systemd. Run in the VM by `tests/run systemd`.
load ../lib/husk

# systemd comes and goes with units and mounts of its own meanwhile.
host() {
	echo "mounts:" && awk '{ print $5 }' /proc/self/mountinfo | grep -e husk -e bats
	echo "cgroups:" && find "$cgroups" -name '*husk*' | sort
	echo "links:" && ip -o link | cut -d: -f2 | sort
	echo "processes:" && marked
}

scope() { echo "husk-$id.scope"; }
group() { echo "$cgroups/system.slice/$(scope)"; }
value() { cat "$(group)/$1"; }                        # FILE
property() { systemctl show -P "$1" "${2:-$(scope)}"; } # NAME [UNIT]
is_gone() { ! systemctl --quiet list-units --all "$1" --no-legend | grep -q "$1"; } # UNIT

in_systemd() { # runs the bundle as a unit and waits until its program says "ready"
	husk --systemd-cgroup run --id "$id" "$bundle" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null &
	job=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/out" || fail "$(cat "$BATS_TEST_TMPDIR/err")"
}
end() {
	husk delete --force "$id"
	wait "$job" || true
}

@test "a container is a scope of systemd's, in system.slice, and gone with it" {
	sh_args 'echo ready; sleep 100'
	in_systemd
	[ "$(property ActiveState)" = active ]
	[ "$(property Delegate)" = yes ]
	[ "$(property Description)" = "husk container $id" ]
	grep -qx "$(pid_of "$id")" "$(group)/cgroup.procs"
	[ "$(wc -l <"$(group)/cgroup.procs")" -eq 1 ]
	end
	[ ! -e "$(group)" ]
	is_gone "$(scope)"
}

@test "slice:prefix:name says where and how it is called" {
	config '.linux.cgroupsPath = "husktest-inner.slice:pre:name"'
	later systemctl stop husktest.slice
	sh_args 'echo ready; sleep 100'
	in_systemd
	grep -qx "$(pid_of "$id")" "$cgroups/husktest.slice/husktest-inner.slice/pre-name.scope/cgroup.procs"
	end
	is_gone pre-name.scope
}

@test "every limit is systemd's, too, and stands after daemon-reload" {
	config '.linux.devices = [{"path": "/dev/log", "type": "c", "major": 1, "minor": 11, "fileMode": 438}] |
		.linux.resources += {
		"cpu": {"shares": 512, "quota": 12345, "period": 50000, "cpus": "0", "mems": "0"},
		"memory": {"limit": 104857600, "reservation": 52428800, "swap": 209715200},
		"pids": {"limit": 77},
		"blockIO": {"throttleReadBpsDevice": [{"major": 254, "minor": 0, "rate": 1048576}]},
		"unified": {"memory.high": "90M", "memory.min": "1M", "memory.oom.group": "1"},
		"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "w"}]}'
	sh_args 'echo ready; while :; do (: >/dev/log) && ! (: </dev/log) && echo kept; sleep 0.2; done 2>/dev/null'
	in_systemd
	[ "$(property CPUWeight)" = 59 ]
	[ "$(property MemoryMax)" = 104857600 ]
	[ "$(property MemoryLow)" = 52428800 ]
	[ "$(property MemoryHigh)" = 94371840 ]
	[ "$(property MemorySwapMax)" = 104857600 ]
	[ "$(property TasksMax)" = 77 ]
	[ "$(property AllowedCPUs)" = 0 ]
	limits() { (cd "$(group)" && grep -H . cpu.weight cpu.max cpuset.cpus cpuset.mems memory.{max,low,high,min,swap.max,oom.group} pids.max io.max); }
	local before
	before=$(limits)
	grep -qx "cpu.max:12345 50000" <<<"$before"
	grep -qx "io.max:254:0 rbps=1048576 wbps=max riops=max wiops=max" <<<"$before"
	systemctl daemon-reload
	systemctl set-property --runtime "$(scope)" CPUWeight=59 # writes all that it knows of the CPU
	eventually systemctl is-active --quiet "$(scope)"
	sleep 1
	diff <(echo "$before") <(limits)
	: >"$BATS_TEST_TMPDIR/out"
	eventually grep -q kept "$BATS_TEST_TMPDIR/out"
	end
}

@test "update needs no flag: the record knows whose the cgroup is" {
	sh_args 'echo ready; sleep 100'
	in_systemd
	husk update --memory 64m --pids-limit 9 --cpu-quota 30000 "$id"
	[ "$(value memory.max)" = 67108864 ]
	[ "$(property MemoryMax)" = 67108864 ]
	[ "$(property TasksMax)" = 9 ]
	systemctl daemon-reload
	[ "$(value pids.max)" = 9 ]
	[ "$(value cpu.max)" = "30000 100000" ]
	end
}

@test "an update that systemd does not take is taken back" {
	sh_args 'echo ready; sleep 100'
	in_systemd
	husk update --pids-limit 9 "$id"
	python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
time.sleep(100)' "$BATS_TEST_TMPDIR/bus" 3>&- &
	later eval "kill $!; wait $!"
	eventually test -S "$BATS_TEST_TMPDIR/bus"
	DBUS_SYSTEM_BUS_ADDRESS=unix:path=$BATS_TEST_TMPDIR/bus try update --pids-limit 20 --memory 64m "$id"
	expect_error 1 "systemd gave no answer within 5 s"
	[ "$(value pids.max)" = 9 ] && [ "$(value memory.max)" = max ]
	end
}

@test "an idle container is idle for systemd, too, until it is not" {
	sh_args 'echo ready; sleep 100'
	in_systemd
	husk update --cpu-idle 1 "$id"
	systemctl daemon-reload
	[ "$(value cpu.idle)" = 1 ] && [ "$(property CPUWeight)" = idle ]
	husk update --cpu-idle 0 "$id"
	systemctl daemon-reload
	[ "$(value cpu.idle)" = 0 ]
	end
}

@test "a limit of one process is kept from the first one on" {
	config '.linux.resources.pids = {"limit": 1}'
	sh_args 'echo ready; exec sleep 100'
	in_systemd
	[ "$(value pids.max)" = 1 ]
	[ "$(property TasksMax)" = 1 ]
	try exec "$id" true
	[ "$status" -ne 0 ]
	end
}

@test "a scope that exists is refused, and left as it is" {
	systemd-run --quiet --scope --unit="husk-$id" sleep 100 3>&- &
	later eval "systemctl stop $(scope); wait $!"
	eventually systemctl is-active --quiet "$(scope)"
	try --systemd-cgroup run --id "$id" "$bundle"
	expect_error 125 "$(scope) exists already" "linux.cgroupsPath"
	systemctl is-active --quiet "$(scope)"
}

@test "a failed unit of the same name is no obstacle" {
	systemd-run --quiet --unit="$(scope)" --scope false || true
	args echo fine
	try --systemd-cgroup run --id "$id" "$bundle"
	expect 0 fine
}

@test "annotations set properties of the unit" {
	config '.annotations = {"org.systemd.property.TimeoutStopSec": "uint64 7", "org.systemd.property.After":
		"[\u0027dbus.service\u0027]", "org.systemd.property.Description": "\u0027mine\u0027"}'
	sh_args 'echo ready; sleep 100'
	in_systemd
	[ "$(property TimeoutStopUSec)" = 7s ]
	[[ "$(property After)" == *dbus.service* ]]
	[ "$(property Description)" = mine ]
	end
}

@test "what systemd refuses is its own words, and leaves nothing" {
	config '.annotations = {"org.systemd.property.CollectMode": "\u0027nonsense\u0027"}'
	try --systemd-cgroup run --id "$id" "$bundle"
	expect_error 125 "start the unit $(scope)"
	is_gone "$(scope)"
}

@test "a unit that systemd stops ends the container; delete takes the rest away" {
	config '.annotations = {"org.systemd.property.TimeoutStopSec": "uint64 1"}' # a first process takes no SIGTERM
	sh_args 'echo ready; sleep 100'
	husk --systemd-cgroup run -d --id "$id" "$bundle" >/dev/null 2>&1 </dev/null
	systemctl stop "$(scope)"
	eventually is_status "$id" stopped
	husk delete "$id"
}

@test "a husk that is killed while systemd starts the unit leaves what delete --force removes" {
	sh_args 'sleep 100'
	for delay in 0.01 0.03 0.05 0.08 0.12; do
		timeout -s KILL "$delay" "$HUSK" --root "$state" --systemd-cgroup create --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null || true
		husk delete --force "$id"
		is_gone "$(scope)"
	done
}

@test "create, exec, pause, kill and delete with systemd" {
	sh_args 'sleep 100'
	husk --systemd-cgroup create --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	husk start "$id"
	[ "$(husk exec "$id" cat /proc/self/cgroup)" = "0::/" ]
	husk pause "$id"
	is_status "$id" paused
	husk resume "$id"
	husk kill "$id" KILL
	eventually is_status "$id" stopped
	husk delete "$id"
	is_gone "$(scope)"
}

@test "start says why a program cannot be executed, with systemd, too" {
	own_rootfs
	echo 'no program' >"$bundle/rootfs/bin/text" && chmod 755 "$bundle/rootfs/bin/text"
	config '.linux.cgroupsPath = "system.slice:husk:\($id)"' --arg id "$id"
	args text
	husk --systemd-cgroup create --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	try start "$id"
	expect_error 126 'config.json: process.args[0]: exec "text": exec format error'
}

@test "run.oci.systemd.subgroup: the container is below its unit, with the same limits" {
	config '.annotations = {"run.oci.systemd.subgroup": "container", "run.oci.delegate-cgroup": "mine"} |
		.linux.resources = {"memory": {"limit": 50000000}, "cpu": {"quota": 12345, "period": 50000}}'
	sh_args 'tail -n 1 /proc/self/cgroup; echo ready; exec sleep 100'
	in_systemd
	grep -qx '0::/mine' "$BATS_TEST_TMPDIR/out"
	grep -qx "$(pid_of "$id")" "$(group)/container/mine/cgroup.procs"
	[ "$(property MemoryMax)" = 50000000 ]
	systemctl daemon-reload
	[ "$(value container/cpu.max)" = "12345 50000" ]
	husk update --memory 40m "$id"
	[ "$(value container/memory.max)" = 41943040 ]
	[ "$(property MemoryMax)" = 41943040 ]
	end
	[ ! -e "$(group)" ]
}

# ---- the user's own systemd ----

user() { # COMMAND...: as uid 1000, in a session of its own
	env -i PATH="$PATH" HOME=/tmp "HUSK_TEST_MARK=$mark" XDG_RUNTIME_DIR=/run/user/1000 \
		setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all "$@"
}

@test "without root, the container is a scope of the user's systemd" {
	useradd --uid 1000 --no-create-home tester 2>/dev/null || true
	echo "tester:100000:65536" | tee /etc/subuid >/etc/subgid
	systemctl start user@1000.service
	later systemctl stop user@1000.service user-runtime-dir@1000.service
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
	local own=/run/user/1000/bundle
	user mkdir "$own"
	user "$HUSK" spec --rootless --bundle "$own"
	jq --arg rootfs "$BATS_FILE_TMPDIR/rootfs" '.process.terminal = false | .process.args = ["sh", "-c", "cat /proc/self/cgroup; exec sleep 100"]
		| .root.path = $rootfs | .linux.resources = {"pids": {"limit": 50}} | del(.linux.cgroupsPath)
		| .linux.namespaces |= map(select(.type != "cgroup"))' \
		"$own/config.json" >"$own/new.json"
	user "$HUSK" --systemd-cgroup run -d --config "$own/new.json" --id "$id" "$own" >"$BATS_TEST_TMPDIR/out" </dev/null
	eventually grep -q "user@1000.service/user.slice/$(scope)" "$BATS_TEST_TMPDIR/out"
	[ "$(cat "$cgroups/user.slice/user-1000.slice/user@1000.service/user.slice/$(scope)/pids.max")" = 50 ]
	user "$HUSK" update --pids-limit 40 "$id"
	[ "$(user systemctl --user show -P TasksMax "$(scope)")" = 40 ]
	# We are not in the user's slice, so only systemd may move a process there.
	[ "$(user "$HUSK" exec "$id" cat /proc/self/cgroup </dev/null)" = "0::/user.slice/user-1000.slice/user@1000.service/user.slice/$(scope)" ]
	user mkdir "$cgroups/user.slice/user-1000.slice/user@1000.service/user.slice/$(scope)/below"
	[[ $(user "$HUSK" exec --cgroup below "$id" cat /proc/self/cgroup </dev/null) == *"/$(scope)/below" ]]
	user "$HUSK" delete --force "$id"
	[ ! -e "$cgroups/user.slice/user-1000.slice/user@1000.service/user.slice/$(scope)" ]
}

@test "without a session of systemd's, the message says what to do" {
	useradd --uid 1000 --no-create-home tester 2>/dev/null || true
	"$HUSK" spec --rootless --bundle "$BATS_TEST_TMPDIR"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
	jq --arg rootfs "$BATS_FILE_TMPDIR/rootfs" '.process.terminal = false | .root.path = $rootfs' \
		"$BATS_TEST_TMPDIR/config.json" >"$BATS_TEST_TMPDIR/new.json"
	mkdir "$BATS_TEST_TMPDIR/own"
	chown 1000 "$BATS_TEST_TMPDIR/own"
	run --separate-stderr user "$HUSK" --root "$BATS_TEST_TMPDIR/own" --systemd-cgroup run --config "$BATS_TEST_TMPDIR/new.json" --id "$id" "$BATS_TEST_TMPDIR"
	expect_error 125 "no systemd session for uid 1000" "enable-linger"
}
