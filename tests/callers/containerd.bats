#!/usr/bin/env bats
# containerd by its ctr(8), which hands the runtime's path to the shim of runc.
load ../lib/containerd

setup_file() {
	start_containerd
	busybox_image | python3 tests/lib/image_archive.py "$image" | ctr image import - >/dev/null
}

teardown_file() {
	ctr image rm --sync "$image"
}

# `ctr run` of the test's container. It would ask for a share of the CPU, which needs a controller.
start() { # [FLAG...] -- COMMAND...
	local flags=(--runc-binary "$runtime_path" --cpu-shares 0)
	while [ "$1" != -- ]; do
		flags+=("$1")
		shift
	done
	ctr run "${flags[@]}" "${from:-$image}" "$name" "${@:2}"
}
run_once() { run --separate-stderr start --rm "$@"; } # [FLAG...] -- COMMAND...
run_on() {                                             # [FLAG...] -- COMMAND...: until the test ends
	later+=('ctr task kill -s KILL "$name"; eventually no_task; ctr container rm "$name"')
	start --detach "$@"
}
no_task() { ctr task rm --force "$name" || [[ $(ctr task ls -q) != *"$name"* ]]; }

task() { ctr task ls | awk -v name="$name" '$1 == name { print $3 }'; }
pid() { ctr task ls | awk -v name="$name" '$1 == name { print $2 }'; }
is_task() { [ "$(task)" = "$1" ]; } # STATUS
in_task() { run --separate-stderr ctr task exec --exec-id "e$((++execs))" "$@"; } # [FLAG...] NAME COMMAND...
execs=0
told() { grep -q "$1.*$name" "$BATS_TEST_TMPDIR/events"; } # TOPIC: of what `ctr events` has written there

@test "run: output, errors and exit code are the program's, and standard input is its own" {
	run_once --env A=b --cwd /tmp --hostname there -- sh -c 'echo $A; pwd; hostname; echo err >&2; exit 7'
	expect 7 $'b\n/tmp\nthere'
	[ "$stderr" = err ]
	# ctr forgets the end of an input that has ended before the task is there, with every runtime.
	run start --rm -- cat < <(eventually is_task RUNNING && echo typed)
	expect 0 typed
}

@test "run --detach: a task runs, programs run in it, a signal ends it, its exit code is told" {
	run_on -- sh -c 'trap "exit 9" TERM; echo $$ >/tmp/ready; while :; do sleep 0.1; done'
	is_task RUNNING
	in_task "$name" sh -c 'cat /proc/1/comm; exit 5'
	expect 5 sh
	in_task --cwd /etc --user 1000:1000 "$name" sh -c 'pwd; id -u; id -g'
	expect 0 $'/etc\n1000\n1000'
	ctr task exec --detach --exec-id aside "$name" sleep 98765
	[[ $(ctr task ps "$name") == *aside* ]]
	[ "$(ctr task ps "$name" | grep -c '^[0-9]')" -ge 2 ]
	eventually [ "$(nsenter -t "$(pid)" -m cat /tmp/ready)" = 1 ]
	ctr task kill -s TERM "$name"
	eventually is_task STOPPED
	run ctr task rm "$name"
	[[ $output == *"exit code 9"* ]] || fail "$status: $output"
}

@test "a program run in a task can be killed by itself" {
	run_on -- sleep 98765
	ctr task exec --detach --exec-id aside "$name" sleep 98765
	ctr task kill --exec-id aside -s KILL "$name"
	one_is_left() { [ "$(pgrep -cf '^sleep 98765$')" = 1 ]; }
	eventually one_is_left
	is_task RUNNING
}

# ctr tells the size after the start.
on_a_tty() { # CTR-ARGUMENTS...
	run script -qefc "stty rows 30 cols 100; ctr $* sh -c '
		tty; for i in \$(seq 100); do [ \"\$(stty size)\" = \"30 100\" ] && exit 4; sleep 0.1; done'" /dev/null </dev/null
	[[ $status -eq 4 && ${output//$'\r'/} == */dev/pts/0* ]] || fail "$status: $output"
}

@test "run and exec --tty: the program has a terminal of the caller's size" {
	on_a_tty run --rm --tty --runc-binary "$runtime_path" --cpu-shares 0 "$image" "$name"
	run_on -- sleep 98765
	on_a_tty task exec --tty --exec-id e "$name"
}

@test "pause: nothing runs, and programs are refused, until resume" {
	run_on -- sh -c 'while :; do echo x >>/tmp/ticks; sleep 0.02; done'
	ticks() { wc -l <"/proc/$(pid)/root/tmp/ticks"; }
	ctr task pause "$name"
	is_task PAUSED
	local before
	before=$(ticks)
	sleep 0.2
	[ "$(ticks)" = "$before" ]
	in_task "$name" true
	[[ $status -ne 0 && $stderr == *paused* ]] || fail "$status: $stderr"
	ctr task resume "$name"
	is_task RUNNING
	more() { [ "$(ticks)" -gt "$before" ]; }
	eventually more
}

@test "a container whose task has ended is started again, with the files it had" {
	later+=('ctr task rm "$name"; ctr container rm "$name"')
	start --detach -- sh -c 'echo x >>/count; exit $(wc -l </count)'
	eventually is_task STOPPED
	run ctr task rm "$name"
	run ctr task start "$name"
	expect 2
}

@test "limits of rights: user, capabilities, read-only, no new privileges, seccomp" {
	run_once --user 1000:1000 --read-only --seccomp -- sh -c '
		id -u; id -g; touch /x || echo read-only; grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status'
	expect 0 $'1000\n1000\nread-only\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2'
	run_once --cap-drop CAP_CHOWN --cap-add CAP_SYS_TIME --allow-new-privs -- sh -c '
		chown 1:1 /tmp 2>&1; grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status'
	expect 0 $'chown: /tmp: Operation not permitted\nCapEff:\t00000000aa0425fa\nNoNewPrivs:\t0\nSeccomp:\t0'
}

@test "run --privileged: all capabilities, the host's devices, and /sys for writing" {
	run_once --privileged -- sh -c '
		[ -c /dev/fuse ] && sed -n "s/^CapEff:.//p" /proc/self/status && grep -c " /sys sysfs rw" /proc/mounts'
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "$(awk '/CapBnd/ { print $2 }' /proc/self/status)" ]
}

@test "run --net-host and --with-ns: the container is in the namespaces it was sent to" {
	run_once --net-host -- readlink /proc/self/ns/net
	expect 0 "$(readlink /proc/self/ns/net)"
	run_once --with-ns "ipc:/proc/$$/ns/ipc" -- sh -c 'readlink /proc/self/ns/ipc; ls /sys/class/net'
	expect 0 "$(readlink /proc/self/ns/ipc)"$'\nlo'
}

@test "run --uidmap: root in the container is another user of the host" {
	run_on --uidmap 0:100000:1000 --gidmap 0:200000:1000 -- sleep 98765
	[ "$(stat -c '%u %g' "/proc/$(pid)")" = "100000 200000" ]
	in_task "$name" sh -c 'id -u; touch /made; tr -s " " </proc/self/uid_map'
	expect 0 $'0\n 0 100000 1000'
	[ "$(stat -c '%u %g' "/proc/$(pid)/root/made")" = "100000 200000" ]
}

@test "run --rootfs and --mount: a folder as the root, folders of the host as volumes" {
	from=$BATS_TEST_TMPDIR/rootfs
	cp -a "$BATS_FILE_TMPDIR/rootfs" "$from"
	mkdir "$BATS_TEST_TMPDIR/volume"
	run_once --rootfs --mount "type=bind,src=$BATS_TEST_TMPDIR/volume,dst=/volume,options=rbind:rw" \
		--mount "type=bind,src=$BATS_TEST_TMPDIR/volume,dst=/fixed,options=rbind:ro" \
		--mount type=tmpfs,dst=/scratch,options=size=64k -- /bin/sh -c '
			PATH=/bin; echo in >/volume/file; touch /fixed/x || cat /fixed/file; echo root >/made
			df -k /scratch | tail -1 | tr -s " " | cut -d " " -f 2'
	expect 0 $'in\n64'
	[ "$(cat "$BATS_TEST_TMPDIR/volume/file")" = in ]
	[ "$(cat "$from/made")" = root ]
	run_once --rootfs --no-pivot -- /bin/sh -c '/bin/cat /made; /bin/ls /..'
	expect 0 $'root\n'"$(ls "$from")"
}

@test "run --device: the device is there" {
	run_once --device /dev/fuse -- ls -l /dev/fuse
	[[ $status -eq 0 && $output == c*"10, 229 "* ]] || fail "$output"
}

@test "run --cgroup: with cgroupfs the path, with systemd a scope in the slice; both gone in the end" {
	run_on --cgroup "/husk-ctr/$name" -- sleep 98765
	[ "$(grep ^0: "/proc/$(pid)/cgroup")" = "0::/husk-ctr/$name" ]
	ctr task kill -s KILL "$name"
	eventually no_task
	[ ! -e "$cgroups/husk-ctr/$name" ]
	rmdir "$cgroups/husk-ctr" || true
	ctr container rm "$name"

	start --detach --runc-systemd-cgroup --cgroup "system.slice:husk-ctr:$name" -- sleep 98765
	[[ $(grep ^0: "/proc/$(pid)/cgroup") == "0::/system.slice/husk-ctr-$name.scope"* ]]
	[ "$(systemctl show -P ActiveState "husk-ctr-$name.scope")" = active ]
	in_task "$name" true
	expect 0
	ctr task kill -s KILL "$name"
	eventually no_task
	[ "$(systemctl show -P LoadState "husk-ctr-$name.scope")" = not-found ]
}

@test "events tell of create, start, exec, exit and delete" {
	ctr events >"$BATS_TEST_TMPDIR/events" &
	later+=("kill $!")
	ready() { ctr namespaces label default a=$((++labels)) && grep -q /namespaces/update "$BATS_TEST_TMPDIR/events"; }
	eventually ready
	run_once -- sh -c 'exit 3'
	expect 3
	eventually told /tasks/delete
	[ "$(grep -o '/tasks/[a-z]*' "$BATS_TEST_TMPDIR/events" | tr '\n' ' ')" = \
		"/tasks/create /tasks/start /tasks/exit /tasks/delete " ]
	grep -q '/tasks/exit.*"exit_status":3' "$BATS_TEST_TMPDIR/events"
}

@test "twenty containers at a time" {
	local i
	for i in {1..20}; do
		name=$name-$i start --rm -- sh -c "exit $i" &
		pids[i]=$!
	done
	for i in {1..20}; do
		ended=0
		wait "${pids[i]}" || ended=$?
		[ "$ended" -eq "$i" ]
	done
}

@test "a program that is missing or may not be run: ctr says so, and nothing is left" {
	run_once -- /missing
	expect 1
	[[ $stderr == *"OCI runtime create failed"*/missing*[Nn]"o such file or directory"* ]] || fail "$stderr"
	run_once -- /etc/passwd
	[[ $status -eq 1 && $stderr == *"/etc/passwd"*": unknown" ]] || fail "$stderr"
	run_on -- sleep 98765
	in_task "$name" /missing
	[[ $status -eq 1 && $stderr == */missing*[Nn]"o such file or directory"* ]] || fail "$stderr"
	is_task RUNNING
}

@test "a signal that the program ignores does not end it, SIGKILL does" {
	run_on -- sh -c 'trap "" TERM; touch /tmp/ready; while :; do sleep 0.1; done'
	eventually test -e "/proc/$(pid)/root/tmp/ready"
	ctr task kill -s TERM "$name"
	sleep 0.3
	is_task RUNNING
	ctr task kill -s KILL "$name"
	eventually is_task STOPPED
	run ctr task rm "$name"
	[[ $output == *"exit code 137"* ]] || fail "$output"
}

@test "a shim that was killed: containerd cleans up after it" {
	run_on -- sleep 98765
	local init
	init=$(pid)
	kill -KILL "$(pgrep -f "containerd-shim-runc-v2 .*-id $name ")"
	ended() { ! [ -e "/proc/$init" ]; }
	eventually ended
	eventually [ -z "$(find "$cgroups" -name "*$name*")" ]
	eventually no_task
}

@test "containerd is killed and started again: containers run on, and are in its hands again" {
	run_on -- sh -c 'trap "exit 9" TERM; while :; do sleep 0.1; done'
	local init
	init=$(pid)
	systemctl kill --signal=KILL --kill-whom=main containerd
	systemctl reset-failed containerd
	systemctl restart containerd
	is_task RUNNING
	[ "$(pid)" = "$init" ]
	in_task "$name" sh -c 'exit 6'
	expect 6
	ctr task kill "$name"
	eventually is_task STOPPED
}

@test "a full disk under the runtime's state: ctr says so, and nothing is left" {
	mkdir "$BATS_TEST_TMPDIR/full"
	mount -t tmpfs -o size=256k tmpfs "$BATS_TEST_TMPDIR/full"
	later+=('umount "$BATS_TEST_TMPDIR/full"')
	dd if=/dev/zero of="$BATS_TEST_TMPDIR/full/fill" bs=4k 2>/dev/null || true
	run_once --runc-root "$BATS_TEST_TMPDIR/full" -- true
	[[ $status -eq 1 && $stderr == *"No space left on device"* ]] || fail "$status: $stderr"
	rm "$BATS_TEST_TMPDIR/full/fill"
	run_once --runc-root "$BATS_TEST_TMPDIR/full" -- true
	expect 0
}

@test "a task is saved in an image, restored from it, and goes on where it was" {
	# crun wants a work folder that the shim does not make.
	[ "$runtime" != crun ] || runtime_path=$(type -P runc)
	run_on -- sh -c 'exec >/dev/null 2>&1; i=0; while :; do echo $((i += 1)) >/count.new; mv /count.new /count; sleep 0.05; done'
	count() { cat "/proc/$(pid)/root/count"; }
	counted_from() { [ "$(count)" -gt "$1" ]; } # NUMBER
	eventually counted_from 5
	later+=('ctr image rm --sync checkpoint:1')
	ctr container checkpoint --image --rw --task "$name" checkpoint:1
	is_task RUNNING
	eventually counted_from "$(count)"
	ctr task kill -s KILL "$name"
	eventually no_task
	ctr container rm "$name"

	ctr container restore --rw --live "$name" checkpoint:1
	is_task RUNNING
	eventually counted_from 5
	"$runtime_path" --root /run/containerd/runc/default state "$name" | jq -e '.status == "running"'
	in_task "$name" cat /count
	[[ $status -eq 0 && $output -gt 5 ]]

	ctr task checkpoint --exit --image-path "$BATS_TEST_TMPDIR/image" --work-path "$BATS_TEST_TMPDIR/work" "$name"
	eventually is_task STOPPED
	[ -e "$BATS_TEST_TMPDIR/image/inventory.img" ]
}

# bats test_tags=vm
@test "limits: memory and CPU are the kernel's, metrics tell them, the end of memory is told" {
	start --detach --memory-limit 67108864 --cpus 0.5 -- sleep 98765
	later+=('ctr task rm --force "$name"; ctr container rm "$name"')
	local cgroup
	cgroup=$cgroups$(sed -n 's/^0:://p' "/proc/$(pid)/cgroup")
	[ "$(cat "$cgroup/memory.max")" = 67108864 ]
	[ "$(cat "$cgroup/cpu.max")" = "50000 100000" ]
	ctr task metrics "$name" >"$BATS_TEST_TMPDIR/metrics"
	grep -q 'memory.usage_limit *67108864' "$BATS_TEST_TMPDIR/metrics"
	grep -qE 'pids.current +1\b' "$BATS_TEST_TMPDIR/metrics"
	ctr events >"$BATS_TEST_TMPDIR/events" &
	later+=("kill $!")
	in_task "$name" dd if=/dev/zero of=/dev/null bs=200M count=1
	expect 137
	eventually told /tasks/oom
}
