#!/usr/bin/env bats
# create, start, state, kill, delete, list: the runtime specification's operations, in their states and out of them.
load lib/husk

create() { husk create --bundle "$bundle" "$@" "$id" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null; }

@test "--pid-file leaves a device what it is" {
	mknod "$BATS_TEST_TMPDIR/null" c 1 3
	create --pid-file "$BATS_TEST_TMPDIR/null"
	[ -c "$BATS_TEST_TMPDIR/null" ]
}

@test "create makes everything but runs nothing; start runs the program" {
	sh_args 'echo started; sleep 100'
	create --pid-file "$BATS_TEST_TMPDIR/pid"
	[ "$(status_of "$id")" = created ]
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	pid=$(cat "$BATS_TEST_TMPDIR/pid")
	[ "$pid" = "$(pid_of "$id")" ]
	[ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]
	husk start "$id"
	[ "$(status_of "$id")" = running ]
	[ "$(pid_of "$id")" = "$pid" ]
	eventually grep -q started "$BATS_TEST_TMPDIR/out"
	husk kill "$id" KILL
	eventually is_status "$id" stopped
	[ "$(pid_of "$id")" = 0 ]
	husk delete "$id"
	try state "$id"
	expect_error 1 "does not exist"
}

@test "the config is frozen at create" {
	args echo before
	create
	args echo after
	rm "$bundle/config.json"
	husk start "$id"
	eventually grep -q before "$BATS_TEST_TMPDIR/out"
	husk delete --force "$id"
}

@test "state has the fields that callers rely on" {
	config '.annotations = {"org.example.key": "value"}'
	create
	try state "$id"
	expect 0
	[ -z "$stderr" ]
	jq -e --arg id "$id" --arg bundle "$bundle" '.id == $id and .bundle == $bundle and .ociVersion == "1.3.0" and
		(.rootfs | startswith("/")) and .owner == "root" and .annotations == {"org.example.key": "value"} and
		(.created | test("^20[0-9-]+T[0-9:.]+Z$")) and .status == "created" and .pid > 0' <<<"$output"
	husk delete "$id"
}

@test "a created container can be deleted, and its id used again" {
	create
	husk delete "$id"
	create
	husk delete "$id"
}

@test "what needs another state is refused, and changes nothing" {
	try start "$id"
	expect_error 1 "container \"$id\" does not exist"
	try kill "$id"
	expect_error 1 "does not exist"
	try delete "$id"
	expect_error 1 "does not exist"

	args sleep 100
	create
	husk start "$id"
	try start "$id"
	expect_error 1 "cannot start" "running"
	try delete "$id"
	expect_error 1 "not stopped" "husk delete --force"
	[ "$(status_of "$id")" = running ]

	husk kill "$id" 9
	eventually is_status "$id" stopped
	try start "$id"
	expect_error 1 "cannot start" "stopped"
	try kill "$id"
	expect_error 1 "container not running"
	husk kill --all "$id"
	husk delete "$id"
}

@test "an id in use is refused and the container in it untouched" {
	args sleep 100
	create
	try create --bundle "$bundle" "$id"
	expect_error 1 "already exists"
	try run --bundle "$bundle" "$id"
	expect_error 125 "already exists"
	[ "$(status_of "$id")" = created ]
	husk delete "$id"
}

@test "delete --force ends a running container; a missing one is fine" {
	sh_args 'trap "" TERM; sleep 100 & sleep 100'
	create
	husk start "$id"
	husk delete --force "$id"
	husk delete --force "$id"
	try delete --force "$id" other
	expect 0 ""
}

@test "signals have names and numbers, in any case, with SIG or without" {
	sh_args 'trap "echo one" USR1; trap "echo two" USR2; echo ready; while :; do sleep 0.1; done'
	create
	husk start "$id"
	eventually grep -q ready "$BATS_TEST_TMPDIR/out"
	husk kill "$id" SIGUSR1
	eventually grep -q one "$BATS_TEST_TMPDIR/out"
	husk kill "$id" usr2
	eventually grep -q two "$BATS_TEST_TMPDIR/out"
	try kill "$id" NONE
	expect_error 1 '"NONE" is no signal'
	husk kill "$id" 9
	eventually is_status "$id" stopped
	husk delete "$id"
}

@test "kill --all signals every process" {
	config 'del(.linux.namespaces[] | select(.type == "pid"))'
	sh_args 'sleep 1000 & sleep 1000 & wait'
	create
	husk start "$id"
	eventually eval '[ "$(marked | wc -l)" -eq 3 ]'
	husk kill --all "$id" KILL
	eventually eval '[ "$(marked | wc -l)" -eq 0 ]'
	husk delete "$id"
}

@test "a program that cannot be executed: start says why, the container has stopped" {
	own_rootfs
	printf '#!/nowhere/interpreter\n' >"$bundle/rootfs/bin/script"
	chmod 755 "$bundle/rootfs/bin/script"
	args script
	create
	try start "$id"
	expect_error 127 'config.json: process.args[0]: exec "script"' "interpreter"
	eventually is_status "$id" stopped
	husk delete "$id"
}

@test "two starts at once: one wins, the other is refused" {
	args sleep 100
	create
	husk start "$id" 2>"$BATS_TEST_TMPDIR/1" & first=$!
	husk start "$id" 2>"$BATS_TEST_TMPDIR/2" & second=$!
	good=0
	wait $first && good=$((good + 1))
	wait $second && good=$((good + 1))
	[ "$good" -eq 1 ]
	grep -q "cannot start" "$BATS_TEST_TMPDIR/1" "$BATS_TEST_TMPDIR/2"
	husk delete --force "$id"
}

@test "list shows containers as a table, as JSON and as ids" {
	try list
	expect 0
	[ "$(wc -l <<<"$output")" -eq 1 ]
	try list --format json
	expect 0 "[]"
	create
	try list
	[[ $output == *"$id"*created*"$bundle"*root* ]]
	try list -q
	expect 0 "$id"
	[ "$(husk list -f json | jq -r '.[0].id, .[0].status')" = "$id"$'\n'created ]
	husk delete "$id"
}

@test "husk runs from an overlay that nobody can write to, not from a copy of itself" {
	grep -qw overlay /proc/filesystems || lacking "this kernel has no overlays"
	husk create --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	[ "$(readlink "/proc/$(pid_of "$id")/exe")" = /husk-runtime ]
}

@test "the container does not end with the husk that created it" {
	args sleep 100
	setsid bash -c "HUSK_TEST_MARK=$mark $HUSK --root $state create -b $bundle $id </dev/null >/dev/null 2>&1"
	[ "$(status_of "$id")" = created ]
	husk start "$id"
	[ "$(status_of "$id")" = running ]
	husk delete --force "$id"
}

@test "a foreground run that is killed leaves its container to be found and deleted" {
	args sleep 100
	husk run --id "$id" "$bundle" &
	eventually is_status "$id" running
	pkill -KILL -f -- "--root $state run"
	wait $! || true
	[ "$(status_of "$id")" = running ]
	husk delete --force "$id"
}

@test "the state root is made, private, and refused where others can write" {
	args true
	try run --id "$id" "$bundle"
	expect 0
	[ "$(stat -c %a "$state")" = 700 ]
	chmod 777 "$state"
	try run --id "$id" "$bundle"
	expect_error 125 "can be written by others"
	chmod 700 "$state"
}

# ---- why it ended ----

ended() { husk state "$id" | jq -c .husk; }
has_ended() { [ "$(ended)" = "$1" ]; } # DOCUMENT
detach() { # SCRIPT
	sh_args "$1"
	husk run -d --id "$id" "$bundle" >/dev/null 2>&1 </dev/null
}
keepers() { pgrep -f "husk --root $state .*run -d"; }
no_keeper() { [ -z "$(keepers)" ]; }

@test "run --detach: state and list say how it ended" {
	detach 'exit 3'
	eventually is_status "$id" stopped
	eventually has_ended '{"exitCode":3,"oom":false}'
	[[ $(husk list) == *"stopped (3)"* ]]
	[ "$(husk list --format json | jq -c '.[0].husk')" = '{"exitCode":3,"oom":false}' ]
	husk delete "$id"
	detach 'exec sleep 100'
	[ "$(ended)" = null ]
	husk kill "$id" TERM
	husk kill "$id" KILL
	eventually is_status "$id" stopped
	eventually has_ended '{"exitCode":137,"signal":"SIGKILL","oom":false}'
	[[ $(husk list) == *"stopped (SIGKILL)"* ]]
}

@test "run --keep: state says how it ended" {
	sh_args 'exit 4'
	try run --keep --id "$id" "$bundle"
	expect 4
	[ "$(ended)" = '{"exitCode":4,"oom":false}' ]
}

@test "a container that was killed for lack of memory says so" {
	needs_controller memory
	config '.linux.resources = {"memory": {"limit": 20000000, "swap": 20000000}}'
	detach 'exec tail /dev/zero'
	eventually is_status "$id" stopped
	eventually has_ended '{"exitCode":137,"signal":"SIGKILL","oom":true}'
	[[ $(husk list) == *"stopped (oom)"* ]]
	husk delete "$id"
	husk create --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	husk start "$id"
	eventually is_status "$id" stopped
	eventually has_ended '{"oom":true}'
}

@test "after create the caller knows how it ended, and husk does not guess" {
	sh_args 'exit 3'
	husk create --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	husk start "$id"
	eventually is_status "$id" stopped
	eventually has_ended null # reaped by now
}

@test "after create, until its parent has reaped the first process, state says how it ended" {
	sh_args 'exit 3'
	# A parent that reaps nobody: orphans come to it [prctl(2), PR_SET_CHILD_SUBREAPER].
	python3 -c '
import ctypes, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1)
subprocess.run(sys.argv[1:], check=True, stdin=subprocess.DEVNULL)
open("/proc/self/fd/1", "w").write("ready\n")
time.sleep(1000)' env "HUSK_TEST_MARK=$mark" "$HUSK" --root "$state" create --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	later eval "kill $!; wait $!"
	eventually grep -q ready "$BATS_TEST_TMPDIR/out"
	husk start "$id"
	eventually is_status "$id" stopped
	[ "$(ended)" = '{"exitCode":3,"oom":false}' ]
	[[ $(husk list) == *"stopped (3)"* ]]
	husk delete "$id"
}

@test "run --detach leaves a keeper, which holds nothing and ends with the container" {
	detach 'exec sleep 100'
	local keeper
	keeper=$(keepers)
	[ "$(find "/proc/$keeper/fd" -type l -printf '%l\n' | sort -u | grep -vc -e /dev/null -e pidfd -e "$state/$id" -e socket)" = 0 ]
	[ "$(readlink "/proc/$keeper/cwd")" = / ]
	[ "$(awk '{ print $6 }' "/proc/$keeper/stat")" = "$keeper" ]
	husk delete --force "$id"
	no_keeper
}

@test "a keeper that is killed takes nothing along" {
	detach 'exec sleep 100'
	kill -KILL "$(keepers)"
	eventually no_keeper
	is_status "$id" running
	husk kill "$id" KILL
	eventually is_status "$id" stopped
	eventually has_ended null
}

@test "run --detach that is asked to end, or killed, while it makes the container undoes it" {
	config '.hooks.createRuntime = [{"path": "/bin/sleep", "args": ["sleep", "5"]}]'
	sh_args 'sleep 100'
	local signal
	for signal in TERM KILL; do
		HUSK_TEST_MARK=$mark "$HUSK" --root "$state" run -d --id "$id" "$bundle" >/dev/null 2>&1 </dev/null 3>&- &
		eventually pgrep -f "^sleep 5$"
		kill -"$signal" $!
		wait $! || true
		eventually no_keeper
		[ "$signal" = TERM ] || husk delete --force "$id"
		[ -z "$(husk list -q)" ]
	done
}

@test "stop asks with TERM, and kills what does not listen; each id is printed when it has ended" {
	sh_args 'trap "exit 3" TERM; touch /tmp/ready; while :; do sleep 0.05; done'
	config '.mounts += [{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}]'
	later husk delete --force listens deaf
	husk run --detach --id listens "$bundle" >"$BATS_TEST_TMPDIR/out" 2>&1
	args sleep 1000 # as the first process of its pid namespace it ignores what it has no handler for
	husk run --detach --id deaf "$bundle" >"$BATS_TEST_TMPDIR/out" 2>&1
	eventually husk exec listens test -e /tmp/ready
	try stop --time 500ms listens missing deaf
	expect 1 "listens
deaf"
	[[ $stderr == *'"missing" does not exist'* ]]
	try wait listens deaf
	expect 0 "3
137"
	try stop listens
	expect 0 listens
}

@test "stop: the signal of the image, of --signal, and what makes no sense" {
	config '.annotations = {"org.opencontainers.image.stopSignal": "SIGUSR1"}
		| .mounts += [{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}]'
	sh_args 'trap "exit 10" USR1; trap "exit 12" USR2; touch /tmp/ready; while :; do sleep 0.05; done'
	later husk delete --force own given paused
	for one in own given paused; do
		husk run --detach --id "$one" "$bundle" >"$BATS_TEST_TMPDIR/out" 2>&1
		eventually husk exec "$one" test -e /tmp/ready
	done
	husk stop own
	husk stop --signal USR2 given
	husk pause paused
	husk stop --all
	try wait own given paused
	expect 0 "10
12
10"
	try stop --signal FOO own
	expect_error 1 '--signal: "FOO" is no signal'
	try stop --time soon own
	expect_error 1 '--time: expected a time as 5s, found "soon"'
	try stop
	expect_error 1 'stop'
}

@test "wait returns when the container ends, with its exit code" {
	sh_args 'sleep 0.3; exit 7'
	husk run --detach --id "$id" "$bundle" >"$BATS_TEST_TMPDIR/out" 2>&1
	try wait "$id"
	expect 0 7
}
