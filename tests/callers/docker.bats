#!/usr/bin/env bats
# docker: the life of a container, from run to rm.
load ../lib/docker

setup_file() { docker_setup; }
teardown_file() { docker_teardown; }

@test "info: dockerd has asked the runtime what it can do, and warns of nothing" {
	[ "$(docker info --format '{{.DefaultRuntime}}')" = tested ]
	docker info --format '{{json .Runtimes}}' | jq -e --arg path "$runtime_path" '.tested.path == $path'
	docker info --format '{{index (index .Runtimes "tested").Status "org.opencontainers.runtime-spec.features"}}' |
		jq -e '.ociVersionMin == "1.0.0" and (.linux.namespaces | index("cgroup")) and .linux.seccomp.enabled'
	run journalctl -u docker --since "$(systemctl show -P ActiveEnterTimestamp docker)" --no-pager --grep 'level=warn.*runtime'
	[[ $output == *"No entries"* ]] || fail "$output"
}

@test "run: output, errors and exit code; nothing is left with --rm" {
	try_run --rm busybox sh -c 'echo out; echo err >&2; exit 7'
	expect 7 out
	[ "$stderr" = err ]
	try_run --rm -i busybox cat <<<typed
	expect 0 typed
	try_run --rm busybox sh -c 'sh -c "kill -KILL \$\$"; exit $?'
	expect 137
	run -1 docker inspect "$name"
}

@test "run -d: inspect says what runs, and the runtime is the one that was asked for" {
	docker_run -d busybox sleep 1000
	is_state running
	[ "$(inspect .HostConfig.Runtime)" = tested ]
	id=$(inspect .Id) pid=$(inspect .State.Pid)
	[ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" = "sleep 1000 " ]
	[[ $(readlink "/proc/$(awk '{ print $4 }' "/proc/$pid/stat")/exe") == *containerd-shim* ]] # whose child it is
	run -0 "$runtime_path" --root /run/docker/runtime-runc/moby state "$id"
	[ "$(jq -r .status <<<"$output")" = running ]
	[[ $(grep ^0:: "/proc/$pid/cgroup") == */docker-$id.scope ]]
	[ "$(systemctl show -P Description "docker-$id.scope")" != "docker-$id.scope" ]
	docker kill "$name"
	[ "$(docker wait "$name")" = 137 ]
	is_state exited
	gone "docker-$id.scope"
}

@test "run -it: a terminal with the client's size, which follows it" {
	script='stty size; touch /ready; until [ "$(stty size)" = "40 90" ]; do sleep 0.1; done; tty; stty size; exit 5'
	resize="until docker exec $name test -e /ready; do sleep 0.1; done 2>/dev/null; stty rows 40 cols 90 </dev/tty"
	run -5 on_a_pty "($resize) & docker run --name $name -it busybox sh -c '$script'" </dev/null
	expect 5 "30 100
/dev/pts/0
40 90"
	run -0 on_a_pty "docker run --rm -it busybox sh" <<<$'echo typed $((6 * 7))\nexit\n'
	[[ $output == *"typed 42"* ]]
}

@test "attach: its input reaches the container; detaching leaves it running" {
	docker_run -dit busybox sh
	run -1 on_a_pty "docker attach $name" < <(sleep 1 && printf 'echo sum $((40 + 2))\n' && sleep 1 && printf '\020\021')
	[[ $output == *"sum 42"*"read escape sequence"* ]]
	is_state running
	docker kill "$name"
	docker create --name "${name}p" -i busybox sh -c 'read line; echo "got $line"; exit 3'
	run docker start -ai "${name}p" <<<words
	expect 3 "got words"
}

@test "exec: codes, input, user, folder, environment, and in the background" {
	docker_run -d busybox sleep 1000
	try_exec "$name" sh -c 'echo out; echo err >&2; exit 9'
	expect 9 out
	[ "$stderr" = err ]
	try_exec -i "$name" cat <<<typed
	expect 0 typed
	try_exec -u user -w /tmp -e A=1 -e B="x y" "$name" sh -c 'id -un; pwd; echo "$A,$B"'
	expect 0 "user
/tmp
1,x y"
	try_exec -u 12:34 "$name" sh -c 'id -u; id -g; id -G'
	expect 0 "12
34
34"
	docker exec -d "$name" sh -c 'echo later >/tmp/said; sleep 500'
	eventually docker exec "$name" grep -q later /tmp/said
	docker top "$name" | grep 'sleep 500'
	try_exec "$name" sh -c 'kill -TERM $$'
	expect 143
}

@test "exec: the same rights, namespaces and cgroup as the container's" {
	docker_run -d --cap-drop all --cap-add chown --security-opt no-new-privileges --pids-limit -1 busybox sleep 1000
	for field in CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp; do
		[ "$(docker exec "$name" grep "^$field:" /proc/self/status)" = "$(docker exec "$name" grep "^$field:" /proc/1/status)" ]
	done
	[ "$(docker exec "$name" sh -c 'cd /proc/self/ns && readlink cgroup ipc mnt net pid uts')" = \
		"$(docker exec "$name" sh -c 'cd /proc/1/ns && readlink cgroup ipc mnt net pid uts')" ]
	docker exec -d "$name" sleep 500
	eventually eval '[ "$(wc -l <"$cgroups/system.slice/docker-$(inspect .Id).scope/cgroup.procs")" -eq 2 ]'
	try_exec --privileged "$name" grep ^CapEff: /proc/self/status
	[[ $output == *"$(awk '/^CapEff/ { print $2 }' /proc/self/status)" ]]
}

@test "exec -it: a terminal of its own" {
	docker_run -d busybox sleep 1000
	run -6 on_a_pty "docker exec -it $name sh -c 'tty; stty size; exit 6'" </dev/null
	expect 6 "/dev/pts/0
30 100"
}

@test "logs: all that was written, to both streams, also after the end" {
	docker_run -d busybox sh -c 'echo out; echo err >&2; sleep 1000'
	eventually logs_say out
	docker kill "$name"
	run --separate-stderr docker logs "$name"
	expect 0 out
	[ "$stderr" = err ]
	docker run --rm --log-driver none busybox sh -c 'seq 20000' | md5sum | grep "$(seq 20000 | md5sum)"
}

@test "stop: SIGTERM is heard; who ignores it is killed; --signal and kill --signal" {
	docker_run -d busybox sh -c 'trap "echo heard; exit 4" TERM; touch /ready; while :; do sleep 0.1; done'
	eventually docker exec "$name" test -e /ready
	docker stop "$name"
	[ "$(inspect .State.ExitCode)" = 4 ]
	[ "$(docker logs "$name")" = heard ]
	docker rm "$name"

	docker_run -d busybox sh -c 'trap "" TERM; trap "echo usr1" USR1; touch /ready; while :; do sleep 0.1; done'
	eventually docker exec "$name" test -e /ready
	docker kill --signal USR1 "$name"
	eventually logs_say usr1
	docker stop --time 1 "$name"
	[ "$(inspect .State.ExitCode)" = 137 ]
	run -1 docker kill "$name"
	[[ $output == *"is not running"* ]]
}

@test "pause: nothing moves until unpause; a paused container can be killed" {
	docker_run -d busybox sh -c 'while :; do date +%N; sleep 0.05; done'
	id=$(inspect .Id)
	docker pause "$name"
	is_state paused
	grep -qx 'frozen 1' "$cgroups/system.slice/docker-$id.scope/cgroup.events"
	run -1 docker exec "$name" true
	[[ $output == *"is paused"* ]]
	docker unpause "$name"
	is_state running
	docker exec "$name" true
	docker pause "$name"
	docker rm -f "$name"
	gone "docker-$id.scope"
}

@test "restart, start of a stopped one, rename and wait" {
	docker_run -d busybox sh -c 'echo up; exec sleep 1000'
	first=$(inspect .State.Pid)
	docker restart --time 1 "$name"
	[ "$(inspect .State.Pid)" != "$first" ]
	eventually eval '[ "$(docker logs "$name" | grep -c up)" = 2 ]'
	docker stop --time 1 "$name"
	docker start "$name"
	is_state running
	docker wait "$name" >"$BATS_TEST_TMPDIR/code" 3>&- &
	docker kill "$name"
	wait $!
	[ "$(cat "$BATS_TEST_TMPDIR/code")" = 137 ]
}

@test "--restart: on-failure gives up in time, always comes back, also when dockerd does" {
	docker_run -d --restart on-failure:2 busybox sh -c 'echo try; exit 1'
	eventually eval '[ "$(inspect .State.Status)/$(inspect .RestartCount)" = exited/2 ]'
	[ "$(docker logs "$name" | grep -c try)" = 3 ]
	docker run -d --name "${name}a" --stop-timeout 1 --restart always busybox sleep 1000
	kill -KILL "$(inspect .State.Pid "${name}a")"
	eventually eval '[ "$(inspect .RestartCount "${name}a")" = 1 ] && is_state running "${name}a"'
	daemon_restart
	eventually is_state running "${name}a"
	docker exec "${name}a" true
}

@test "top: docker's ps of the container's processes" {
	docker_run -d busybox sh -c 'sleep 1001 & sleep 1002'
	eventually eval 'docker top "$name" | grep -q "sleep 1001" && docker top "$name" | grep -q "sleep 1002"'
	[ "$(docker top "$name" -o pid,args | wc -l)" = 3 ]
}

@test "health checks: from starting to healthy to unhealthy" {
	docker_run -d --health-cmd 'test -e /well' --health-interval 200ms --health-retries 2 busybox sh -c 'touch /well; exec sleep 1000'
	eventually eval '[ "$(inspect .State.Health.Status)" = healthy ]'
	docker exec "$name" rm /well
	eventually eval '[ "$(inspect .State.Health.Status)" = unhealthy ]'
	[ "$(docker inspect "$name" | jq '.[0].State.Health.Log[-1].ExitCode')" = 1 ]
}

@test "cp, diff and commit" {
	docker_run -d busybox sh -c 'echo new >/tmp/new; exec sleep 1000'
	eventually docker exec "$name" test -s /tmp/new
	echo in >"$BATS_TEST_TMPDIR/in"
	docker cp "$BATS_TEST_TMPDIR/in" "$name:/root/in"
	[ "$(docker exec "$name" cat /root/in)" = in ]
	docker cp "$name:/tmp/new" - | tar -xO | grep -x new
	docker diff "$name" | grep -x 'A /tmp/new'
	docker commit -c 'CMD ["cat", "/root/in"]' "$name" "$name"
	later+=("docker rmi $name >/dev/null")
	[ "$(docker run --rm "$name")" = in ]
}

@test "events tell of each step" {
	since=$(date +%s)
	docker_run --rm busybox true
	run -0 docker events --since "$since" --until "$(($(date +%s) + 1))" --filter "container=$name" --format '{{.Action}}'
	for action in create attach start die destroy; do grep -x "$action" <<<"$output"; done
}
