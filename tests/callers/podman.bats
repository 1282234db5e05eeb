#!/usr/bin/env bats
# podman as root: its commands, its options, and its two cgroup managers.
load ../lib/podman

setup_file() {
	mkdir -p /etc/containers
	containers_conf >/etc/containers/containers.conf
	grep -q ^containers: /etc/subuid || echo containers:1000000:1000000 | tee -a /etc/subuid /etc/subgid >/dev/null
	allow_forwarding
	busybox_image | podman import --quiet - busybox
	podman run --rm busybox true # what podman makes once, and keeps
}

teardown_file() {
	podman system reset --force
}

all_capabilities() { sed -n 's/^CapBnd:\t//p' /proc/self/status; }

# buildah asks for more than where the tests run may have.
build_limits=(--ulimit nofile=1024:1024 --ulimit nproc=1024:1024)

start() { podman run -d --name "$name" "$@" >/dev/null; } # AS podman run

@test "run: output, exit code, nothing left" {
	for manager in systemd cgroupfs; do
		try podman --cgroup-manager "$manager" run --rm --name "$name" busybox sh -c 'echo out; echo err >&2; exit 7'
		expect 7 out
		[ "$stderr" = err ]
	done
	try podman run --rm -i busybox cat <<<in
	expect 0 in
}

@test "a detached container and what is executed in it are in the cgroup that podman looks at" {
	local id pid
	for manager in systemd cgroupfs; do
		podman --cgroup-manager "$manager" run -d --name "$name" busybox sleep 1000
		id=$(field "$name" .Id) pid=$(field "$name" .State.Pid)
		[[ $(cgroup_of "$pid") == *"/libpod-$id"* ]]
		[ "$(field "$name" .OCIRuntime)" = "$runtime" ]
		podman exec -d "$name" sleep 1001
		eventually pgrep -xf 'sleep 1001'
		[ "$(cgroup_of "$(pgrep -xf 'sleep 1001')")" = "$(cgroup_of "$pid")" ]
		[ "$(podman top "$name" pid args | tail -n +2 | tr -s ' ' | sed 's/ $//')" = $'1 sleep 1000\n2 sleep 1001' ]
		podman rm -f -t 0 "$name"
		gone "libpod-$id"
	done
}

@test "logs, wait, events and a second start" {
	start busybox sh -c 'echo "out $(wc -l <>/ran)"; echo err >&2; echo x >>/ran; exit 3'
	[ "$(podman wait "$name")" = 3 ]
	[ "$(podman logs "$name" 2>/dev/null)" = "out 0" ]
	[ "$(podman logs "$name" 2>&1 >/dev/null)" = err ]
	try podman start --attach "$name"
	expect 3 "out 1"
	[ "$(podman events --stream=false --since 1h --filter container="$(field "$name" .Id)" --format '{{.Status}}' | grep -v cleanup | sort | uniq -c | tr -s ' \n' ' ')" = \
		" 1 attach 1 create 2 died 2 init 2 start " ]
	is "$name" .State.ExitCode 3
}

@test "stop: the signal of the container first, SIGKILL for who ignores it" {
	start busybox sh -c 'trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.1; done'
	eventually says "$name" ready
	podman stop -t 20 "$name"
	is "$name" .State.ExitCode 5
	podman logs "$name" | grep -q bye
	podman rm "$name"

	start --stop-signal USR1 busybox sh -c 'trap "exit 6" USR1; echo ready; while :; do sleep 0.1; done'
	eventually says "$name" ready
	podman stop -t 20 "$name"
	is "$name" .State.ExitCode 6
	podman rm "$name"

	start busybox sh -c 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
	eventually says "$name" ready
	try podman stop -t 1 "$name"
	expect 0
	[[ $stderr == *"resorting to SIGKILL"* ]]
	is "$name" .State.ExitCode 137
}

@test "kill: any signal, and only of a running container" {
	start busybox sh -c 'trap "echo got" HUP; echo ready; while :; do sleep 0.1; done'
	eventually says "$name" ready
	podman kill --signal HUP "$name"
	eventually says "$name" got
	podman kill "$name"
	[ "$(podman wait "$name")" = 137 ]
	try podman kill "$name"
	expect 125
	[[ $stderr == *"can only kill running containers"* ]]
}

@test "pause stops it all, unpause lets it go on" {
	local frozen
	for manager in systemd cgroupfs; do
		podman --cgroup-manager "$manager" run -d --name "$name" busybox sleep 1000
		podman pause "$name"
		is "$name" .State.Status paused
		frozen=$cgroups$(cgroup_of "$(field "$name" .State.Pid)")/cgroup.events
		eventually grep -qx 'frozen 1' "$frozen"
		try podman exec "$name" true
		expect 255
		podman unpause "$name"
		eventually grep -qx 'frozen 0' "$frozen"
		podman exec "$name" true
		podman rm -f -t 0 "$name"
	done
}

@test "exec: its own user, directory, environment and exit code, and the container's limits" {
	start --cap-drop all --cap-add chown --security-opt no-new-privileges busybox sleep 1000
	try podman exec -u 1000:1000 -w /tmp -e FOO=bar "$name" sh -c 'id -u; pwd; echo $FOO; exit 9'
	expect 9 $'1000\n/tmp\nbar'
	try podman exec "$name" grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status
	expect 0 $'CapEff:\t0000000000000001\nCapBnd:\t0000000000000001\nNoNewPrivs:\t1\nSeccomp:\t2'
	try podman exec --privileged "$name" grep -E '^CapEff:' /proc/self/status
	expect 0 $'CapEff:\t'"$(all_capabilities)"
	try podman exec -i "$name" cat <<<in
	expect 0 in
	try podman exec --preserve-fds 1 "$name" cat /proc/self/fd/3 3<<<three
	expect 0 three
}

@test "a terminal: its size, typing, control-C, and keys that detach and leave it running" {
	terminal 30x100 'ready' '@44x55' 'sized' 'hello\r' 'got hello' '\x03' -- podman run --rm -it --name "$name" busybox sh -c '
		until [ "$(stty size 2>&1)" = "30 100" ]; do sleep 0.1; done; tty; echo ready
		until [ "$(stty size)" = "44 55" ]; do sleep 0.1; done; echo sized
		trap "echo interrupted; exit 4" INT; read -r line; echo "got $line"; while :; do sleep 0.1; done'
	expect 4
	[[ $output == *"/dev/pts/0"*ready*sized*"got hello"*interrupted* ]] || fail "$output"

	terminal 24x80 '/ #' 'echo $((6 * 7))\r' 42 '\x10\x11' -- podman run -it --name "$name" busybox sh
	expect 0
	is "$name" .State.Status running
	terminal 20x70 '/ #' 'stty size\r' '20 70' 'exit 8\r' -- sh -c "sleep 1 && podman kill --signal WINCH $name >/dev/null; podman attach $name"
	[[ $output == *"20 70"* ]] || fail "$output"
	[ "$(podman wait "$name")" = 8 ]
}

@test "exec on a terminal" {
	start busybox sleep 1000
	terminal 33x77 ready '@40x60' -- podman exec -it "$name" sh -c '
		until [ "$(stty size 2>&1)" = "33 77" ]; do sleep 0.1; done; tty
		trap "stty size; exit 6" WINCH; echo ready; while :; do sleep 0.1; done'
	expect 6
	[[ $output == */dev/pts/*ready*"40 60"* ]] || fail "$output"
}

@test "health checks: by hand, and by a timer of systemd" {
	start --health-cmd 'test -e /ok' --health-interval 1s --health-retries 2 --health-start-period 0s busybox sleep 1000
	try podman healthcheck run "$name"
	expect 1
	eventually is "$name" .State.Health.Status unhealthy
	podman exec "$name" touch /ok
	podman healthcheck run "$name"
	eventually is "$name" .State.Health.Status healthy
}

@test "a pod: one infra container holds the namespaces that the others share" {
	podman pod create --name "$name" --share net,ipc,uts,pid --hostname pod
	podman run -d --pod "$name" --name "$name-web" busybox sh -c 'echo page >/tmp/index.html; httpd -f -h /tmp -p 80'
	local infra web
	infra=/proc/$(field "$(podman pod inspect "$name" --format '{{.InfraContainerID}}')" .State.Pid)/ns web=/proc/$(field "$name-web" .State.Pid)/ns
	for kind in net ipc uts pid; do
		[ "$(readlink "$infra/$kind")" = "$(readlink "$web/$kind")" ] || fail "$kind is not shared"
	done
	[ "$(readlink "$infra/mnt")" != "$(readlink "$web/mnt")" ]
	eventually podman exec "$name-web" test -e /tmp/index.html
	try podman run --rm --pod "$name" busybox sh -c 'hostname; wget -qO- http://127.0.0.1/'
	expect 0 $'pod\npage'
	podman pod pause "$name"
	is "$name-web" .State.Status paused
	podman pod unpause "$name"
	podman pod stop -t 0 "$name"
	podman pod start "$name"
	is "$name-web" .State.Status running
}

@test "kube: a pod is written as YAML and made again from it" {
	podman pod create --name "$name"
	podman create --pod "$name" --name "$name-c" --read-only busybox sh -c 'trap exit TERM; echo "from $HOSTNAME"; while :; do sleep 0.1; done'
	podman kube generate "$name" >"$BATS_TEST_TMPDIR/pod.yaml"
	podman pod rm -f "$name"
	podman kube play "$BATS_TEST_TMPDIR/pod.yaml"
	eventually says "$name-$name-c" "from $name"
	podman kube down "$BATS_TEST_TMPDIR/pod.yaml"
	[ -z "$(podman ps -aq)" ]
}

@test "--userns=auto: ids of the container's own, for its files, volumes and processes" {
	start --userns auto:size=4096 -v "$name:/v:U" -v "$BATS_TEST_TMPDIR:/mapped:idmap" busybox sh -c 'touch /v/file /mapped/file; sleep 1000'
	later+=("podman volume rm -f -t 0 $name")
	eventually test -e "$BATS_TEST_TMPDIR/file"
	local first
	first=$(stat -c %u "/proc/$(field "$name" .State.Pid)")
	[ "$first" -ge 1000000 ]
	[ "$(podman exec "$name" cat /proc/self/uid_map | tr -s ' ')" = " 0 $first 4096" ]
	[ "$(stat -c %u "$(podman volume inspect --format '{{.Mountpoint}}' "$name")/file")" = "$first" ]
	[ "$(stat -c %u "$BATS_TEST_TMPDIR/file")" = 0 ]
	[ "$(podman top "$name" huser user | tail -n 1 | tr -s ' ')" = "$first root" ]
	[ "$(podman exec "$name" stat -c %u:%g / /bin /v /mapped | sort -u)" = 0:0 ]
}

@test "a bridge: addresses, published ports, names" {
	podman network create "$name"
	later+=("podman network rm -f $name")
	start --network "$name" -p 127.0.0.1:8080:80 busybox sh -c 'echo page >/tmp/index.html; httpd -f -h /tmp -p 80'
	[ "$(eventually busybox wget -qO- http://127.0.0.1:8080/)" = page ]
	[ "$(podman port "$name")" = "80/tcp -> 127.0.0.1:8080" ]
	try podman run --rm --network "$name" busybox sh -c "cat /etc/hosts >&2; wget -qO- http://$name/"
	expect 0 page
	try podman run --rm --network "container:$name" busybox wget -qO- http://127.0.0.1/
	expect 0 page
	try podman run --rm --network none busybox sh -c 'ls /sys/class/net'
	expect 0 lo
}

@test "volumes: named, anonymous, read-only, one within another" {
	later+=("podman volume rm -f -t 0 $name")
	podman run --rm -v "$name:/v" busybox sh -c 'echo data >/v/file'
	try podman run --rm -v "$name:/v:ro" -v /anonymous busybox sh -c 'cat /v/file; touch /anonymous/x; touch /v/x'
	expect 1 data
	[[ $stderr == *"/v/x: Read-only file system"* ]]
	mkdir "$BATS_TEST_TMPDIR/outer"
	try podman run --rm -v "$BATS_TEST_TMPDIR/outer:/o:ro" -v "$name:/o/inner" busybox sh -c 'cat /o/inner/file; touch /o/inner/new; touch /o/new'
	expect 1 data
	try podman run --rm --mount "type=bind,src=$BATS_TEST_TMPDIR,dst=/b,ro,bind-propagation=rslave" --mount "type=volume,src=$name,dst=/sub,subpath=." busybox \
		sh -c 'grep " /b " /proc/self/mountinfo | grep -o master; test -e /sub/new && touch /b/x'
	expect 1
	[ "$(podman volume ls -q)" = "$name" ]
}

@test "--read-only, --tmpfs and --init" {
	try podman run --rm --read-only --tmpfs /scratch:size=64k,mode=750 --tmpfs /made busybox sh -c '
		stat -c %a /scratch /made; touch /scratch/x /tmp/x /run/x /made/x && echo written; touch /etc/x /dev/x'
	expect 1 $'750\n1777\nwritten'
	[[ $stderr == *"/etc/x: Read-only file system"* && $stderr != *"/dev/x"* ]]
	try podman run --rm --read-only --read-only-tmpfs=false busybox sh -c 'touch /tmp/x /dev/x /dev/shm/x 2>&1 | grep -c Read-only; echo >/dev/null && echo null'
	expect 0 $'3\nnull'
	try podman run --rm --user 1000 --tmpfs /made busybox touch /made/x
	expect 0
	try podman run --rm --init busybox sh -c 'sleep 0 & readlink /proc/1/exe; cat /proc/1/cmdline | tr "\0" " "'
	expect 0
	[[ $output == *podman-init* ]]
}

@test "devices: the ones asked for, by the name and with the rights asked for" {
	try podman run --rm --device /dev/fuse:/dev/foo:r --device /dev/net/tun busybox sh -c '
		stat -c "%F %t:%T %a" /dev/foo /dev/net/tun; : </dev/foo && echo read; (: >/dev/foo) && echo write'
	[[ $output == *"character special file a:e5"*"character special file a:c8"* ]] || fail "$output $stderr"
	[[ $output == *read* && $output != *write* ]]
	[[ $stderr == *"Operation not permitted"* ]]
	try podman run --rm busybox sh -c 'mknod /x c 1 3; : </x && echo may; mknod /y c 10 229 && : </y'
	[ "$status" -ne 0 ]
	try podman run --rm --privileged busybox sh -c 'test -c /dev/fuse && mknod /y c 10 229 && : </y && echo open'
	expect 0 open
}

@test "secrets: as a file and in the environment" {
	printf sekrit | podman secret create "$name" -
	later+=("podman secret rm $name")
	try podman run --rm --secret "$name,mode=0400" --secret "$name,type=env,target=FOO" busybox sh -c "cat /run/secrets/$name; echo \" \$FOO\"; stat -c %a /run/secrets/$name"
	expect 0 $'sekrit sekrit\n400'
}

@test "capabilities, no-new-privileges, seccomp, masks" {
	try podman run --rm --cap-drop all --cap-add net_raw --cap-add sys_time --security-opt no-new-privileges busybox \
		grep -E '^(CapEff|CapBnd|CapInh|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status
	expect 0 $'CapInh:\t0000000000000000\nCapEff:\t0000000002002000\nCapBnd:\t0000000002002000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2'
	try podman run --rm --user 1000 --cap-add net_raw busybox grep -E '^Cap(Inh|Eff|Amb):' /proc/self/status
	expect 0 $'CapInh:\t0000000000002000\nCapEff:\t0000000000002000\nCapAmb:\t0000000000002000'
	try podman run --rm --privileged busybox sh -c 'grep -E "^(CapEff|Seccomp):" /proc/self/status; grep -c " /proc/acpi " /proc/self/mountinfo'
	expect 1 $'CapEff:\t'"$(all_capabilities)"$'\nSeccomp:\t0\n0'
	try podman run --rm --security-opt unmask=/proc/acpi:/proc/keys busybox sh -c 'cut -d" " -f5 /proc/self/mountinfo | grep -E "^/proc/(acpi|keys|timer_list)"'
	expect 0 /proc/timer_list
	jq -n '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 99}]}' >"$BATS_TEST_TMPDIR/seccomp.json"
	try podman run --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/seccomp.json" busybox mkdir /made
	expect 1
	[[ $stderr == *"Cannot assign requested address"* ]]
}

@test "limits of the process, sysctls, names, umask, groups, personality" {
	try podman run --rm --ulimit nofile=100:200 --ulimit core=0 --sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=4000 --hostname box --umask 0077 \
		--user 1000:100 --group-add 55 --oom-score-adj 500 --env FOO=bar --workdir /tmp busybox sh -c '
		ulimit -Sn; ulimit -Hn; cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax; hostname; umask; id -u; id -G; cat /proc/self/oom_score_adj; echo $FOO; pwd'
	expect 0 $'100\n200\n1\n4000\nbox\n0077\n1000\n100 55\n500\nbar\n/tmp'
	try podman run --rm --personality=LINUX32 busybox uname -m
	expect 0 i686
}

@test "namespaces of the host, and an annotation" {
	try podman run --rm --pid host --ipc host --uts host --network host --cgroupns host --annotation foo=bar busybox sh -c '
		for kind in pid ipc uts net cgroup mnt; do readlink /proc/self/ns/$kind; done'
	expect 0 "$(for kind in pid ipc uts net cgroup; do readlink "/proc/self/ns/$kind"; done)"$'\n'"${lines[5]}"
	[ "${lines[5]}" != "$(readlink /proc/self/ns/mnt)" ]
	start --pid host --annotation foo=bar busybox sh -c 'sleep 2002 & wait'
	[ "$(field "$name" '.Config.Annotations.foo')" = bar ]
	eventually pgrep -xf 'sleep 2002'
	podman rm -f -t 0 "$name"
	eventually test -z "$(pgrep -xf 'sleep 2002')"
}

@test "cgroups disabled, split and without one for conmon" {
	local place
	place=$(cgroup_of self)
	start --cgroups disabled busybox sleep 1000
	[ "$(cgroup_of "$(field "$name" .State.Pid)")" = "$place" ]
	podman exec "$name" true
	podman rm -f -t 0 "$name"
	start --cgroups no-conmon busybox sleep 1000
	[ "$(cgroup_of "$(field "$name" .State.ConmonPid)")" = "$place" ]
	podman rm -f -t 0 "$name"
	systemd-run --quiet --wait --pipe --collect -p Delegate=yes podman run --rm --cgroups split --name "$name" busybox true
}

@test "--pidfile, --preserve-fds, --rootfs, --restart and --rm" {
	start --pidfile "$BATS_TEST_TMPDIR/pid" busybox sleep 1000
	is "$name" .State.Pid "$(cat "$BATS_TEST_TMPDIR/pid")"
	podman rm -f -t 0 "$name"
	try podman run --rm --preserve-fds 2 busybox sh -c 'cat <&3; cat <&4' 3<<<three 4<<<four
	expect 0 $'three\nfour'
	try podman run --rm --rootfs "$BATS_FILE_TMPDIR/rootfs:O" sh -c 'touch /new && echo ran'
	expect 0 ran
	[ ! -e "$BATS_FILE_TMPDIR/rootfs/new" ]
	start --restart on-failure:2 busybox sh -c 'exit 3'
	eventually is "$name" .RestartCount 2
	[ "$(podman wait "$name")" = 3 ]
	podman rm "$name"
	podman run -d --rm --name "$name" busybox true
	eventually eval '! podman container exists "$name"'
}

@test "commit, diff, cp, clone, rename, export" {
	start busybox sh -c 'echo new >/new; rm /etc/group; touch /done; sleep 1000'
	eventually podman exec "$name" test -e /done
	[ "$(podman diff "$name" | sort | tr '\n' ' ')" = "A /done A /new C /etc D /etc/group " ]
	podman commit -q "$name" "$name-image"
	later+=("podman rmi -f $name-image")
	try podman run --rm "$name-image" cat /new
	expect 0 new
	echo copied >"$BATS_TEST_TMPDIR/file"
	podman cp "$BATS_TEST_TMPDIR/file" "$name:/tmp/file"
	[ "$(podman exec "$name" cat /tmp/file)" = copied ]
	podman cp "$name:/new" "$BATS_TEST_TMPDIR/back"
	[ "$(cat "$BATS_TEST_TMPDIR/back")" = new ]
	podman container clone "$name" "$name-clone"
	podman start "$name-clone"
	eventually podman exec "$name-clone" test -e /done
	podman rename "$name-clone" "$name-other"
	podman exec "$name-other" true
	[ "$(podman export "$name" | tar -xO new)" = new ]
}

@test "build: what RUN makes is in the image, and RUN is confined as ever" {
	cat >"$BATS_TEST_TMPDIR/Containerfile" <<-'END'
		FROM busybox
		ENV FOO=bar
		WORKDIR /work
		RUN echo "$FOO" >file && grep -E '^(CapEff|Seccomp):' /proc/self/status >status
		RUN --mount=type=tmpfs,dst=/t --mount=type=cache,dst=/c touch /t/x /c/x && id -u >>file && chmod 1777 /tmp
		USER 1000
		RUN id -u >>/tmp/user
		CMD cat file /tmp/user status
	END
	podman build --quiet --isolation oci "${build_limits[@]}" --tag "$name-image" --file "$BATS_TEST_TMPDIR/Containerfile" "$BATS_TEST_TMPDIR"
	later+=("podman rmi -f $name-image")
	try podman run --rm "$name-image"
	expect 0 $'bar\n0\n1000\nCapEff:\t00000000800405fb\nSeccomp:\t2'
	printf 'FROM busybox\nRUN exit 9\n' >"$BATS_TEST_TMPDIR/Containerfile"
	try podman build --quiet --isolation oci "${build_limits[@]}" --file "$BATS_TEST_TMPDIR/Containerfile" "$BATS_TEST_TMPDIR"
	expect 9
	[[ $stderr == *"exit status 9"* ]]
}

@test "fifty containers at a time" {
	seq 50 | timeout 300 xargs -P 16 -I{} podman run -d --network none --name "$name-{}" busybox sh -c 'echo "I am {}"; exec sleep 1000'
	[ "$(podman ps -q | wc -l)" = 50 ]
	eventually eval '[ "$(pgrep -cxf "sleep 1000")" = 50 ]'
	says "$name-37" "I am 37"
	podman rm -f -t 0 --all
	[ -z "$(pgrep -xf 'sleep 1000')" ]
}

@test "a program that is missing is 127, one that may not be executed 126, in podman's words" {
	try podman run --rm busybox nosuch
	expect 127
	[[ $stderr == *'nosuch'*'not found in $PATH'*"OCI runtime attempted to invoke a command that was not found"* ]]
	try podman run --rm busybox /no/such
	expect 127
	for program in /etc /etc/passwd; do
		try podman run --rm busybox "$program"
		expect 126
		[[ $stderr == *"$program"*"OCI permission denied"* ]]
	done
	try podman run -d --name "$name-d" busybox nosuch
	expect 127
	start busybox sleep 1000
	try podman exec "$name" nosuch
	expect 127
	[[ $stderr == *'nosuch'*'not found in $PATH'* ]]
	for program in /etc /etc/passwd; do
		try podman exec "$name" "$program"
		expect 126
	done
	try podman exec -w /no/such "$name" true
	expect 127
	podman exec "$name" true
}

@test "options that are wrong: the error says which" {
	try podman run --rm --sysctl net.no.such=1 busybox true
	expect 127
	[[ $stderr == *"/proc/sys/net/no/such"* ]]
	jq -n '{defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_NONSENSE"}]}' >"$BATS_TEST_TMPDIR/seccomp.json"
	try podman run --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/seccomp.json" busybox true
	[ "$status" -ne 0 ]
	[[ $stderr == *SCMP_ACT_NONSENSE* || $stderr == *seccomp* ]]
	try podman run --rm --tmpfs /x:size=nonsense busybox true
	[ "$status" -ne 0 ]
	[[ $stderr == *tmpfs* ]]
	try podman run --rm -v "$BATS_TEST_TMPDIR/seccomp.json:/etc" busybox true
	[ "$status" -ne 0 ]
}

@test "state on a full disk: the error says so, nothing is left, and the next run works" {
	mkdir -p "/run/$runtime"
	mount -t tmpfs -o size=8k,mode=700 tmpfs "/run/$runtime"
	later+=("! mountpoint -q /run/$runtime || umount /run/$runtime")
	dd if=/dev/zero of="/run/$runtime/full" 2>/dev/null || true
	try podman run --name "$name" busybox true
	[ "$status" -ne 0 ]
	[[ $stderr == *"No space left on device"* ]]
	[ "$(ls "/run/$runtime")" = full ]
	podman rm "$name"
	umount "/run/$runtime"
	podman run --rm busybox true
}

@test "conmon is killed: rm --force takes everything away" {
	local id conmon
	start busybox sleep 1000
	id=$(field "$name" .Id) conmon=$(field "$name" .State.ConmonPid)
	kill -KILL "$conmon"
	eventually test ! -d "/proc/$conmon"
	podman ps --all >/dev/null
	# podman's first try stops it, and finds nobody to tell the exit code; the second removes it.
	try podman rm -f -t 0 "$name"
	expect 125
	[[ $stderr == *"conmon exited prematurely"* ]]
	podman rm -f -t 0 "$name"
	eventually gone "libpod-$id"
	eventually gone "$id"
	start busybox sleep 1000
}

@test "systemd in a container boots, answers, and ends by its own signal" {
	for manager in systemd cgroupfs; do
		podman --cgroup-manager "$manager" run -d --name "$name" --systemd always --network none --rootfs "$HUSK_TEST_DEBIAN:O" \
			/lib/systemd/systemd --unit=basic.target
		try timeout 100 podman exec "$name" sh -c 'until systemctl --no-pager is-active basic.target; do sleep 0.2; done'
		[[ $output == *active ]] || fail "$output $stderr"
		try podman exec "$name" systemd-run --quiet --wait --pipe sh -c 'cat /proc/self/cgroup | grep ^0; systemctl is-active systemd-journald'
		expect 0
		[[ $output == *"/system.slice/run-"*active ]] || fail "$output"
		podman stop -t 60 "$name"
		is "$name" .State.ExitCode 0 || is "$name" .State.ExitCode 130
		podman rm "$name"
	done
}

# bats test_tags=vm
@test "limits: in the cgroup, updated while it runs, told by stats" {
	local cgroup
	for manager in systemd cgroupfs; do
		podman --cgroup-manager "$manager" run -d --name "$name" --memory 64m --memory-swap 64m --cpus 0.5 --pids-limit 30 --cpu-shares 512 busybox \
			sh -c 'sleep 1000 & sleep 1000'
		cgroup=$cgroups$(cgroup_of "$(field "$name" .State.Pid)")
		[ "$(cd "$cgroup" && cat memory.max memory.swap.max cpu.max pids.max)" = $'67108864\n0\n50000 100000\n30' ]
		podman update --memory 32m --cpus 0.25 --pids-limit 20 "$name"
		[ "$(cd "$cgroup" && cat memory.max cpu.max pids.max)" = $'33554432\n25000 100000\n20' ]
		[[ $(podman stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' "$name") == "$(cat "$cgroup/pids.current") "*"B / 33.55MB" ]]
		podman rm -f -t 0 "$name"
	done
}

# bats test_tags=vm
@test "out of memory: exit code 137, and podman says why" {
	# systemd takes a dead container's cgroup away, now and then before conmon has read there why it died.
	podman --cgroup-manager cgroupfs run -d --name "$name" --memory 16m --memory-swap 16m busybox dd if=/dev/zero of=/dev/null bs=100M count=1
	[ "$(podman wait "$name")" = 137 ]
	is "$name" .State.OOMKilled true
}

# A counter, and what it has come to.
count() { podman exec "$1" cat /count; } # CONTAINER

counter='i=0; while :; do i=$((i + 1)); echo $i >/count.new; mv /count.new /count; sleep 0.1; done'

above() { [ "$(count "$1")" -gt "$2" ]; } # CONTAINER NUMBER

# crun has CRIU see to cgroups, which mounts their file system without its options, and takes them from the host's, too.
needs_checkpoints() {
	"$runtime_path" checkpoint --help >/dev/null 2>&1 || skip "$runtime has no checkpoints"
	[ "$runtime" = husk ] || later mount -o remount,nsdelegate,memory_recursiveprot /sys/fs/cgroup
}

# bats test_tags=vm
@test "checkpoint and restore: it goes on where it was" {
	needs_checkpoints
	start busybox sh -c "$counter"
	eventually above "$name" 3
	podman container checkpoint "$name"
	is "$name" .State.Checkpointed true
	podman container restore "$name"
	eventually above "$name" 4
	podman container checkpoint --leave-running --export "$BATS_TEST_TMPDIR/image.tar" "$name"
	is "$name" .State.Status running
	podman rm -f -t 0 "$name"
	podman container restore --import "$BATS_TEST_TMPDIR/image.tar" --name "$name-other"
	eventually above "$name-other" 5
	podman container checkpoint --pre-checkpoint "$name-other"
	is "$name-other" .State.Status running
	podman container checkpoint --with-previous "$name-other"
	podman container restore "$name-other"
	eventually above "$name-other" 6
}

# bats test_tags=vm
@test "checkpoint with an established connection: it goes on" {
	needs_checkpoints
	podman run -d --name "$name-keep" busybox sleep 1000 # or the bridge, and the host's way to it, would go
	start busybox nc -l -p 90 -e cat
	mkfifo "$BATS_TEST_TMPDIR/in"
	eventually podman exec "$name" sh -c 'grep -q ":005A .* 0A " /proc/net/tcp*'
	busybox nc "$(field "$name" .NetworkSettings.IPAddress)" 90 <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 3>&- &
	exec 9>"$BATS_TEST_TMPDIR/in"
	echo before >&9
	eventually grep -qx before "$BATS_TEST_TMPDIR/out"
	podman container checkpoint --tcp-established "$name"
	podman container restore --tcp-established "$name"
	echo after >&9
	eventually grep -qx after "$BATS_TEST_TMPDIR/out"
	exec 9>&-
}
