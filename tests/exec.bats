#!/usr/bin/env bats
# exec: another process in a container that is there.
load lib/husk

running() { husk run --detach --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null; }

setup() {
	setup_bundle
	args sleep 1000
	later husk delete --force "$id"
}

@test "exec runs a program in the container's namespaces, and its exit code is husk's" {
	running
	pid=$(pid_of "$id")
	try exec "$id" sh -c 'for n in mnt net pid ipc uts; do readlink /proc/self/ns/$n; done; hostname; exit 7'
	expect 7 "$(for n in mnt net pid ipc uts; do readlink "/proc/$pid/ns/$n"; done && echo husk)"
	[ -z "$stderr" ]
	try exec "$id" -- sh -c 'exit 8'
	expect 8
	try exec "$id" sh -c 'kill -TERM $$'
	expect 143
}

@test "exec passes its standard streams through" {
	running
	run --separate-stderr bash -c 'echo in | HUSK_TEST_MARK=$0 "$@"' "$mark" "$HUSK" --root "$state" exec "$id" sh -c 'cat; echo err >&2'
	[ "$output" = in ] && [ "$stderr" = err ]
}

@test "exec works in a created container, whose program has not run" {
	husk create --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null
	try exec "$id" hostname
	expect 0 husk
	[ "$(status_of "$id")" = created ]
	husk start "$id"
	[ "$(status_of "$id")" = running ]
}

@test "exec is refused where nothing could run, in words that callers know" {
	try exec "$id" true
	expect_error 125 "does not exist"
	running
	husk pause "$id"
	try exec "$id" true
	expect_error 125 "paused" "husk resume $id"
	husk resume "$id"
	husk kill "$id" KILL
	eventually is_status "$id" stopped
	try exec "$id" true
	expect_error 125 "container not running"
}

@test "--ignore-paused: it runs once the container is resumed" {
	running
	husk pause "$id"
	husk exec --ignore-paused --detach "$id" sh -c 'true' &
	sleep 0.3
	husk resume "$id"
	wait $!
}

@test "a program that is not there is 127, one that cannot be run 126, and no pid file is written" {
	own_rootfs
	printf '#!/nowhere\n' >"$bundle/rootfs/bin/lost" && chmod 755 "$bundle/rootfs/bin/lost"
	printf 'no program' >"$bundle/rootfs/bin/text" && chmod 755 "$bundle/rootfs/bin/text"
	running
	for case in "127 nope executable file not found in" "126 /etc permission denied" "127 lost interpreter" "126 text not a program"; do
		read -r code program words <<<"$case"
		try exec --detach --pid-file "$BATS_TEST_TMPDIR/pid" "$id" "$program"
		expect_error "$code" "exec \"$program\"" "$words"
		[ ! -e "$BATS_TEST_TMPDIR/pid" ]
	done
}

@test "--detach returns once the program runs; the pid file holds its pid and nothing else" {
	running
	husk exec --detach --pid-file "$BATS_TEST_TMPDIR/pid" "$id" sleep 500 >/dev/null 2>&1 </dev/null
	pid=$(cat "$BATS_TEST_TMPDIR/pid")
	[ "$(tail -c1 "$BATS_TEST_TMPDIR/pid")" = "${pid: -1}" ]
	[ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" = "sleep 500 " ]
	[ "$(readlink "/proc/$pid/ns/pid")" = "$(readlink "/proc/$(pid_of "$id")/ns/pid")" ]
	[ "$(awk '{ print $6 }' "/proc/$pid/stat")" = "$pid" ] # a session of its own
	husk kill "$id" KILL
	eventually eval "! [ -d /proc/$pid ]" # a pid namespace ends with its first process
}

@test "the process is in the container's cgroup, or beneath it with --cgroup" {
	running
	own=$(sed -n 's/^0:://p' "/proc/$(pid_of "$id")/cgroup")
	husk exec --detach --pid-file "$BATS_TEST_TMPDIR/pid" "$id" sleep 500 >/dev/null 2>&1 </dev/null
	[ "$(sed -n 's/^0:://p' "/proc/$(cat "$BATS_TEST_TMPDIR/pid")/cgroup")" = "$own" ]
	mkdir "$cgroups$own/below"
	husk exec --cgroup below --detach --pid-file "$BATS_TEST_TMPDIR/pid" "$id" sleep 500 >/dev/null 2>&1 </dev/null
	[ "$(sed -n 's/^0:://p' "/proc/$(cat "$BATS_TEST_TMPDIR/pid")/cgroup")" = "$own/below" ]
	try exec --cgroup ../.. "$id" true
	expect_error 125 "--cgroup"
	try exec --cgroup none "$id" true
	expect_error 125 "no cgroup"
}

@test "-u, -g, -e, --cwd: who runs it, with what, where" {
	config '.process.env += ["KEPT=1", "CHANGED=1"]'
	running
	try exec -u 1000:1001 -g 7 -g 8 -e CHANGED=2 --env NEW=3 --cwd /tmp "$id" \
		sh -c 'id -u; id -g; id -G; echo $KEPT $CHANGED $NEW; pwd'
	expect 0 "1000
1001
1001 7 8
1 2 3
/tmp"
	try exec -u root "$id" true
	expect_error 125 "--user" "UID:GID"
	try exec -u 1000:-1 "$id" true
	expect_error 125 "--user"
	try exec -u "" "$id" true
	expect_error 125 "--user"
	try exec -e =x "$id" true
	expect_error 125 "--env"
	try exec --cwd relative "$id" true
	expect_error 125 "--cwd"
	try exec --cwd /not/there "$id" true
	expect_error 125 "cwd" "No such file"
}

@test "-c adds a capability, also for a user who is not root; the rest is as the container's" {
	running
	caps() { sed -n 's/^CapEff:\t//p' <<<"$output"; }
	try exec "$id" cat /proc/self/status
	expect 0
	plain=$(caps)
	[ "$plain" = "$(sed -n 's/^CapEff:\t//p' "/proc/$(pid_of "$id")/status")" ]
	try exec -c CAP_SYS_TIME "$id" cat /proc/self/status
	[ $((0x$(caps))) -eq $((0x$plain | 1 << 25)) ]
	try exec -u 1000 -c CAP_SYS_TIME "$id" cat /proc/self/status
	[ $((0x$(caps))) -eq $((1 << 25)) ]
	try exec -c CAP_NONE "$id" true
	expect_error 125 "CAP_NONE"
}

@test "no_new_privs: as the config says, and --no-new-privs" {
	config '.process.noNewPrivileges = false'
	running
	try exec "$id" grep NoNewPrivs /proc/self/status
	expect 0 "NoNewPrivs:	0"
	try exec --no-new-privs "$id" grep NoNewPrivs /proc/self/status
	expect 0 "NoNewPrivs:	1"
}

@test "the container's seccomp filter holds for it" {
	config '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 123}]}'
	running
	try exec "$id" sh -c 'grep "^Seccomp:" /proc/self/status; mkdir /tmp/x'
	expect 1 "Seccomp:	2"
	[[ $stderr == *"No medium found"* ]]
}

@test "--process: everything from a document, on a file or standard input" {
	running
	cat >"$BATS_TEST_TMPDIR/process.json" <<-'END'
		{"args": ["sh", "-c", "id -u; umask; ulimit -n; awk '{ print $19 }' /proc/self/stat; cat /proc/self/oom_score_adj; echo $A; pwd; grep CapBnd /proc/self/status"],
		 "env": ["PATH=/bin", "A=b"], "cwd": "/tmp", "user": {"uid": 5, "gid": 6, "umask": 63},
		 "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 100}], "oomScoreAdj": 77,
		 "scheduler": {"policy": "SCHED_OTHER", "nice": 7}, "capabilities": {"bounding": ["CAP_KILL"]}}
	END
	want="5
0077
100
7
77
b
/tmp
CapBnd:	0000000000000020"
	try exec --process "$BATS_TEST_TMPDIR/process.json" "$id"
	expect 0 "$want"
	run --separate-stderr husk exec --process - "$id" <"$BATS_TEST_TMPDIR/process.json"
	expect 0 "$want"
	echo '{"args": ["true"]}' >"$BATS_TEST_TMPDIR/process.json"
	try exec --process "$BATS_TEST_TMPDIR/process.json" "$id"
	expect_error 125 "process.json: cwd: " "required"
	try exec --process /not/there "$id"
	expect_error 125 "/not/there"
	try exec "$id"
	expect_error 125 "requires an argument"
}

@test "a process without a user or capabilities in its document has the container's" {
	config '.process.user = {"uid": 1000, "gid": 1001}'
	running
	echo '{"args": ["id", "-u"], "cwd": "/", "env": ["PATH=/bin"]}' >"$BATS_TEST_TMPDIR/p"
	try exec --process "$BATS_TEST_TMPDIR/p" "$id"
	expect 0 1000
	echo '{"args": ["grep", "CapEff", "/proc/self/status"], "cwd": "/", "env": ["PATH=/bin"]}' >"$BATS_TEST_TMPDIR/p"
	try exec --process "$BATS_TEST_TMPDIR/p" "$id"
	expect 0 "CapEff:	$(sed -n 's/^CapEff:\t//p' "/proc/$(pid_of "$id")/status")"
}

@test "execCPUAffinity: the last list is what it runs on" {
	[ "$(nproc)" -ge 2 ] || lacking "one processor"
	running
	for last in 0 1; do
		echo '{"args": ["grep", "Cpus_allowed_list", "/proc/self/status"], "cwd": "/", "env": ["PATH=/bin"],
			"execCPUAffinity": {"initial": "0-1", "final": "'$last'"}}' >"$BATS_TEST_TMPDIR/p"
		try exec --process "$BATS_TEST_TMPDIR/p" "$id"
		expect 0 "Cpus_allowed_list:	$last"
	done
	echo '{"args": ["true"], "cwd": "/", "execCPUAffinity": {"initial": "x"}}' >"$BATS_TEST_TMPDIR/p"
	try exec --process "$BATS_TEST_TMPDIR/p" "$id"
	expect_error 125 "execCPUAffinity.initial"
}

@test "the container's program runs on all processors, whatever its caller was bound to" {
	[ "$(nproc)" -ge 2 ] || lacking "one processor"
	args grep Cpus_allowed_list /proc/self/status
	all=$(taskset -cp 1 | sed 's/.*: //')
	HUSK_TEST_MARK=$mark run taskset -c 0 "$HUSK" --root "$state" run --id "$id" "$bundle"
	[[ $output == "Cpus_allowed_list:	0-"* ]] || fail "$output, all are $all"
}

@test "--preserve-fds passes descriptors on, and nothing else" {
	running
	run --separate-stderr husk exec --preserve-fds 1 "$id" sh -c 'cat <&3; ls /proc/self/fd | wc -l' 3<<<three 4<<<four
	expect 0 "three
5"
	try exec --preserve-fds 5 "$id" true
	expect_error 125 "not open"
}

@test "-t gives it a terminal of the container's own, of the size of the caller's" {
	running
	run script -qec "stty rows 33 cols 44; HUSK_TEST_MARK=$mark $HUSK --root $state exec -t $id sh -c 'tty; stty size; test -t 0 && test -t 2 && echo all'" /dev/null </dev/null
	[[ $(tr -d '\r' <<<"$output") == *"/dev/pts/0
33 44
all"* ]] || fail "$output"
}

@test "-t with --console-socket: the master goes to the socket, and a process in the background needs one" {
	running
	sock=$BATS_TEST_TMPDIR/console.sock
	"$tree/tests/lib/agent.py" console "$sock" >"$BATS_TEST_TMPDIR/agent" 3>&- &
	agent=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/agent"
	husk exec -t -d --console-socket "$sock" "$id" sh -c 'echo over the terminal' </dev/null >/dev/null 2>&1
	wait $agent
	[ "$(cat "$BATS_TEST_TMPDIR/agent")" = "ready
over the terminal" ]
	try exec -t -d "$id" true
	expect_error 125 "--console-socket"
	try exec --console-socket "$sock" "$id" true
	expect_error 125 "--tty"
}

@test "--pidfd-socket: the pidfd of the process goes to the socket" {
	running
	sock=$BATS_TEST_TMPDIR/pidfd.sock
	"$tree/tests/lib/agent.py" pidfd "$sock" >"$BATS_TEST_TMPDIR/agent" 3>&- &
	agent=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/agent"
	husk exec -d --pidfd-socket "$sock" --pid-file "$BATS_TEST_TMPDIR/pid" "$id" sleep 100 </dev/null >/dev/null 2>&1
	wait $agent
	[ "$(sed -n 2p "$BATS_TEST_TMPDIR/agent")" = "$(cat "$BATS_TEST_TMPDIR/pid")" ]
}

@test "exec joins user, time and cgroup namespaces, too" {
	needs_userns
	needs_file /proc/self/ns/time
	own_rootfs
	chown -R 100000:100000 "$bundle/rootfs"
	chmod 755 "$BATS_TEST_TMPDIR" "$bundle"
	config '.linux.namespaces += [{"type": "user"}, {"type": "time"}, {"type": "cgroup"}] | .linux.namespaces |= unique
		| .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 1000}] | .linux.gidMappings = .linux.uidMappings
		| .linux.timeOffsets = {"boottime": {"secs": 1000000, "nanosecs": 0}}'
	running
	pid=$(pid_of "$id")
	try exec "$id" sh -c 'for n in user time cgroup; do readlink /proc/self/ns/$n; done; id -u; cat /proc/self/uid_map | tr -s " "; [ $(cut -d. -f1 /proc/uptime) -ge 1000000 ] && echo later'
	expect 0 "$(for n in user time cgroup; do readlink "/proc/$pid/ns/$n"; done)
0
 0 100000 1000
later"
}

@test "a process that was started by exec ends with its container" {
	running
	husk exec -d --pid-file "$BATS_TEST_TMPDIR/pid" "$id" sleep 500 </dev/null >/dev/null 2>&1
	husk delete --force "$id"
	[ ! -d "/proc/$(cat "$BATS_TEST_TMPDIR/pid")" ]
}

@test "signals go to the process, and exec ends as it does" {
	running
	husk exec "$id" sh -c 'trap "echo got it; exit 9" TERM; echo ready; while :; do sleep 0.1; done' >"$BATS_TEST_TMPDIR/out" 2>&1 &
	shell=$!
	eventually grep -q ready "$BATS_TEST_TMPDIR/out"
	pkill -TERM -P $shell -f 'husk.*exec' || kill -TERM $shell
	code=0 && wait $shell || code=$?
	[ "$code" -eq 9 ] && grep -q "got it" "$BATS_TEST_TMPDIR/out"
}

@test "the pid that a record names is never taken for a later process" {
	running
	husk kill "$id" KILL
	eventually is_status "$id" stopped
	# somebody else's
	{ head -n 1 "$state/$id/record" | jq -c --argjson pid $$ '.init.pid = $pid' && tail -n +2 "$state/$id/record"; } >"$BATS_TEST_TMPDIR/record"
	cp "$BATS_TEST_TMPDIR/record" "$state/$id/record"
	try exec "$id" true
	expect_error 125 "container not running"
}

@test "from inside nothing of husk's can be reached through a first process that waits for start" {
	config '.process.capabilities |= map_values(. + ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE"])'
	husk create --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null
	try exec "$id" sh -c 'ls /proc/1/fd 2>/dev/null; for f in /proc/1/fd/*; do [ -d $f/. ] && echo "a folder: $f"; done; ls /proc/1/cwd/ 2>/dev/null | grep -c husk'
	[[ $output != *folder* ]] || fail "$output"
	[ "$(find "/proc/$(pid_of "$id")/fd" -lname '/*' ! -lname '/dev/null' ! -lname /null ! -lname "$BATS_RUN_TMPDIR*" ! -lname "$state/*" | wc -l)" -eq 0 ]
}

@test "from inside a process that is about to be run by exec cannot be looked into" {
	running
	husk exec -d "$id" sh -c 'while :; do for p in /proc/[0-9]*; do for f in $p/fd/*/etc/hostname $p/fd/*/../etc/hostname $p/cwd/etc/hostname; do
		[ -e $f ] && [ "$(readlink /proc/1/root)" != "$(readlink $p/root)" ] && echo "out by $f"; done; done; done' >"$BATS_TEST_TMPDIR/attacker" 2>/dev/null </dev/null
	for ((i = 0; i < 100; i++)); do husk exec "$id" true; done
	[ ! -s "$BATS_TEST_TMPDIR/attacker" ] || fail "$(head -3 "$BATS_TEST_TMPDIR/attacker")"
}

@test "exec into a container that ends at any moment ends, too, and says so" {
	local i code
	for ((i = 0; i < 30; i++)); do
		running
		(sleep "0.00$((i % 8))" && husk kill "$id" KILL) 2>/dev/null &
		code=0
		HUSK_TEST_MARK=$mark timeout 20 "$HUSK" --root "$state" exec "$id" sleep 10 2>"$BATS_TEST_TMPDIR/err" || code=$?
		wait $!
		[ $code -eq 137 ] || { [ $code -eq 125 ] && grep -q "container not running" "$BATS_TEST_TMPDIR/err"; } ||
			fail "code $code: $(cat "$BATS_TEST_TMPDIR/err")"
		husk delete --force "$id"
	done
}
