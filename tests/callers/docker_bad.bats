#!/usr/bin/env bats
# docker: what goes wrong, and what dockerd makes of it: exit codes, words, and nothing that is left.
load ../lib/docker

setup_file() { docker_setup; }
teardown_file() { docker_teardown; }

# `run` takes a 127 for a mistake in the test.
docker_says() { # ARGUMENT-OF-RUN...
	status=0
	output=$(docker_run "$@" 2>&1) || status=$?
}
refused() { # STATUS WORDS ARGUMENT-OF-RUN...
	docker_says "${@:3}"
	[[ $status = "$1" && $output == *"$2"* ]] || fail "$status: $output"
	if docker inspect "$name" >/dev/null 2>&1; then
		[ "$(inspect .State.Status)" = created ]
		docker rm "$name" >/dev/null
	fi
}
says_more_than() { [ "$(docker logs "$name" | wc -l)" -gt "$1" ]; } # LINES
# A program of the image's own.
program() { # NAME CONTENT
	docker create --name "${name}c" busybox true >/dev/null
	printf '%b' "$2" >"$BATS_TEST_TMPDIR/$1" && chmod 755 "$BATS_TEST_TMPDIR/$1"
	docker cp "$BATS_TEST_TMPDIR/$1" "${name}c:/bin/$1"
	docker commit "${name}c" "$name" >/dev/null
	docker rm "${name}c" >/dev/null
	later+=("docker rmi $name >/dev/null")
}

@test "a program that is not there: 127 and the usual words" {
	refused 127 'executable file not found in $PATH' busybox nosuch
	refused 127 'no such file or directory' busybox /no/such
	refused 127 'no such file or directory' busybox ./nosuch
	docker_run -d busybox sleep 1000
	try_exec "$name" nosuch
	[ "$status" -eq 126 ] || [ "$status" -eq 127 ] # 26.1 has one code for all that exec cannot start
	[[ $output == *"executable file not found in \$PATH"* ]]
}

@test "a program that may not be run, a folder: 126 and the usual words" {
	refused 126 'permission denied' busybox /etc/passwd
	refused 126 'permission denied' busybox /etc
	docker_run -d busybox sleep 1000
	try_exec "$name" /etc/passwd
	expect 126
	[[ $output == *"permission denied"* ]]
}

@test "a program without its interpreter, or for another machine, is named" {
	program lost '#!/no/interpreter\n'
	docker_says "$name" lost
	[ "$status" -ne 0 ] && [[ $output == *exec*lost*"no such file or directory"* ]] || fail "$output"
	docker rm "$name"
	program text 'no program\n'
	docker_says "$name" text
	[ "$status" -ne 0 ] && [[ $output == *exec*text*"exec format error"* ]] || fail "$output"
}

@test "a folder, a user, a device, a runtime or a capability that is not there" {
	refused 125 "is not a directory" -w /etc/passwd busybox true
	refused 125 "unable to find user nobody-here" -u nobody-here busybox true
	refused 125 'unknown capability: "CAP_NONE"' --cap-add none busybox true
	refused 125 "unknown or invalid runtime name" --runtime none busybox true
	refused 125 'could not select device driver "" with capabilities: [[gpu]]' --gpus all busybox true
	refused 127 "error gathering device information" --device /dev/none busybox true
	docker_run -d busybox sleep 1000
	try_exec -w /none "$name" true
	[ "$status" -ne 0 ] && [[ $output == *cwd*/none*"o such file or directory"* ]] || fail "$output"
	try_exec -u nobody-here "$name" true
	[ "$status" -ne 0 ]
	[[ $stderr$output == *"unable to find user nobody-here"* ]]
}

@test "a mount that cannot be: docker's own hint" {
	echo >"$BATS_TEST_TMPDIR/file"
	refused 125 "Are you trying to mount a directory onto a file" -v "$BATS_TEST_TMPDIR:/etc/passwd" busybox true
	refused 125 "bind source path does not exist" --mount type=bind,source=/none,target=/x busybox true
	docker_says --sysctl net.none=1 busybox true
	[ "$status" -ne 0 ] && [[ $output == *net/none* ]] || fail "$output"
}

@test "a full disk of the runtime's state" {
	mount -t tmpfs -o size=4m,mode=711 full /run/docker/runtime-runc/moby
	later+=("umount /run/docker/runtime-runc/moby")
	docker_run -d busybox sleep 1000
	dd if=/dev/zero of=/run/docker/runtime-runc/moby/filler bs=64k 2>/dev/null || true
	run docker run --name "${name}x" busybox true
	[ "$status" -eq 125 ] || fail "$status: $output"
	[ "$runtime" != husk ] || [[ $output == *"No space left on device"* ]] || fail "$output" # runc has lost the reason
	docker exec "$name" true
	docker rm -f "$name" "${name}x"
	rm /run/docker/runtime-runc/moby/filler
	[ -z "$(find /run/docker/runtime-runc/moby -mindepth 1 -maxdepth 1 ! -name .seccomp)" ]
	docker run --rm busybox true
}

@test "a shim that is killed: docker notices, and rm leaves nothing" {
	docker_run -d busybox sh -c 'sleep 1001 & exec sleep 1002'
	id=$(inspect .Id)
	kill -KILL "$(awk '{ print $4 }' "/proc/$(inspect .State.Pid)/stat")"
	eventually is_state exited
	[ "$(inspect .State.ExitCode)" = 137 ]
	eventually gone "docker-$id.scope"
	[ ! -e "/run/docker/runtime-runc/moby/$id" ]
	docker start "$name"
	docker exec "$name" true
	docker rm -f "$name"
}

@test "a first process that is killed from outside, and a cgroup that is" {
	docker_run -d busybox sh -c 'sleep 1001 & exec sleep 1002'
	kill -KILL "$(inspect .State.Pid)"
	eventually is_state exited
	[ "$(inspect .State.ExitCode)" = 137 ]
	docker start "$name"
	echo 1 >"$cgroups/system.slice/docker-$(inspect .Id).scope/cgroup.kill"
	eventually is_state exited
	[ "$(inspect .State.ExitCode)" = 137 ]
}

@test "dockerd is killed: containers end with the next one, or with live-restore live on" {
	docker_run -d --stop-timeout 1 busybox sleep 1000
	kill -KILL "$(pidof dockerd)"
	daemon_restart
	eventually is_state exited
	docker rm "$name"

	daemon_with '. + {"live-restore": true}'
	later+=("daemon_with")
	docker_run -d busybox sh -c 'i=0; while :; do echo "line $((i += 1))"; sleep 0.1; done'
	pid=$(inspect .State.Pid)
	kill -KILL "$(pidof dockerd)"
	daemon_restart
	is_state running
	[ "$(inspect .State.Pid)" = "$pid" ]
	docker exec "$name" true
	said=$(docker logs "$name" | wc -l)
	eventually says_more_than "$said"
	docker pause "$name" && docker unpause "$name"
	docker stop --time 1 "$name"
	[ "$(inspect .State.ExitCode)" = 137 ]
}

@test "containerd is restarted under dockerd" {
	docker_run -d busybox sleep 1000
	systemctl restart containerd
	eventually docker exec "$name" true
	is_state running
	docker rm -f "$name"
}

@test "thirty containers at once" {
	pids=()
	for i in {1..30}; do
		docker run --rm --name "$name-$i" busybox sh -c "echo $i; sleep 2; exit $i" >"$BATS_TEST_TMPDIR/$i" 2>&1 3>&- &
		pids+=($!)
	done
	for i in {1..30}; do
		status=0
		wait "${pids[i - 1]}" || status=$?
		output=$(cat "$BATS_TEST_TMPDIR/$i")
		expect "$i" "$i"
	done
}

@test "runtimeArgs: a runtime by a wrapper of docker's, with options before the command" {
	daemon_with '. + {"runtimes": {"tested": {"path": .runtimes.tested.path, "runtimeArgs": ["--debug"]}}}'
	later+=("daemon_with")
	try_run --rm busybox sh -c 'echo out; exit 4'
	expect 4 out
	[ -z "$stderr" ]
}

@test "the cgroupfs driver" {
	daemon_with '. + {"exec-opts": ["native.cgroupdriver=cgroupfs"]}'
	later+=("daemon_with")
	[ "$(docker info --format '{{.CgroupDriver}}')" = cgroupfs ]
	docker_run -d busybox sleep 1000
	grep -qx "$(inspect .State.Pid)" "$cgroups/docker/$(inspect .Id)/cgroup.procs"
	docker pause "$name" && docker unpause "$name"
	docker exec "$name" true
	docker rm -f "$name"
	[ -z "$(find "$cgroups/docker" -mindepth 1 -type d)" ]
}
