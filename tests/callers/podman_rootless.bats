#!/usr/bin/env bats
# podman as a user without privileges, with the user's own systemd and without it. podman runs its runtime as root of a user
# namespace that it made.
load ../lib/podman

user=caller

as_user() { # COMMAND...
	local runtime_dir
	runtime_dir=/run/user/$(id -u "$user")
	setpriv --reuid "$user" --regid "$user" --init-groups env -i -C / HOME="/home/$user" PATH="$PATH" XDG_RUNTIME_DIR="$runtime_dir" \
		DBUS_SESSION_BUS_ADDRESS="unix:path=$runtime_dir/bus" "$@"
}

podman() { as_user podman "$@"; }

# Pasta copies the way out of the host, so there must be one; nothing is sent there.
make_route() {
	ip link add caller0 type veth peer name caller1
	ip address add 192.0.2.2/24 dev caller0
	ip link set caller0 up
	ip link set caller1 up
	ip route add default via 192.0.2.1
}

setup_file() {
	useradd --create-home --shell /bin/bash "$user" # with ids in /etc/subuid
	loginctl enable-linger "$user"
	eventually test -S "/run/user/$(id -u "$user")/bus"
	mount --make-rshared /
	[ -n "$(ip route show default)" ] || make_route
	allow_forwarding
	as_user mkdir -p "/home/$user/.config/containers"
	containers_conf >"/home/$user/.config/containers/containers.conf"
	busybox_image | podman import --quiet - busybox
	podman run --rm busybox true # what podman makes once, and keeps
}

teardown_file() {
	podman system reset --force
	loginctl disable-linger "$user"
	! ip link show caller0 2>/dev/null || ip link del caller0
	eventually test ! -e "/run/user/$(id -u "$user")"
	userdel --remove "$user"
}

start() { podman run -d --name "$name" "$@" >/dev/null; } # AS podman run

state_of() { find "/run/user/$(id -u "$user")/$runtime" -mindepth 1 -maxdepth 1 ! -name '.*' -printf '%f\n'; }

@test "run: root inside, the user outside; output, exit code, nothing left" {
	for manager in systemd cgroupfs; do
		try podman --cgroup-manager "$manager" run --rm busybox sh -c 'id -u; tr -s " " </proc/self/uid_map; echo err >&2; exit 7'
		expect 7 $'0\n 0 '"$(id -u "$user") 1"$'\n 1 '"$(sed -n "s/^$user:\(.*\):65536/\1/p" /etc/subuid) 65536"
		[ "$stderr" = err ]
	done
	[ -z "$(state_of)" ]
}

@test "a detached container: in the user's own cgroup, its state with the user's" {
	local pid
	start busybox sh -c 'trap "exit 5" TERM; echo ready; while :; do sleep 0.1; done'
	eventually says "$name" ready
	pid=$(field "$name" .State.Pid)
	[ "$(stat -c %U "/proc/$pid")" = "$user" ]
	[[ $(cgroup_of "$pid") == "/user.slice/user-$(id -u "$user").slice/user@$(id -u "$user").service/"*"libpod-$(field "$name" .Id).scope"* ]]
	[ "$(state_of)" = "$(field "$name" .Id)" ]
	try podman exec -u 1000 "$name" sh -c 'id -u; exit 3'
	expect 3 1000
	podman pause "$name"
	eventually grep -qx 'frozen 1' "$cgroups$(cgroup_of "$pid")/cgroup.events"
	podman unpause "$name"
	[ "$(podman top "$name" user args | grep -c 'root *sh')" = 1 ]
	podman stop -t 20 "$name"
	is "$name" .State.ExitCode 5
	try podman start --attach=false "$name"
	expect 0
	podman kill "$name"
	[ "$(podman wait "$name")" = 137 ]
}

@test "without a cgroup manager: what runs is found and killed all the same" {
	podman --cgroup-manager cgroupfs run -d --name "$name" busybox sh -c 'sleep 2003 & echo ready; sleep 2003'
	eventually says "$name" ready
	podman exec "$name" true
	podman stop -t 0 "$name"
	is "$name" .State.ExitCode 137
	eventually eval '! pgrep -xf "sleep 2003"'
}

@test "keep-id, volumes, and files of the user" {
	local id
	id=$(id -u "$user")
	as_user mkdir -p "/home/$user/shared"
	try podman run --rm --userns keep-id -v "/home/$user/shared:/shared" busybox sh -c 'id -u; echo mine >/shared/file; stat -c %u /shared/file'
	expect 0 "$id"$'\n'"$id"
	[ "$(stat -c %u "/home/$user/shared/file")" = "$id" ]
	try podman run --rm --userns keep-id:uid=33,gid=33 -v "/home/$user/shared:/shared:ro" busybox sh -c 'id -u; cat /shared/file; touch /shared/x'
	expect 1 $'33\nmine'
	later+=("podman volume rm -f -t 0 $name")
	podman run --rm --user 5 -v "$name:/v:U" busybox touch /v/file
	[ "$(podman unshare stat -c %u "/home/$user/.local/share/containers/storage/volumes/$name/_data/file")" = 5 ]
	try podman run --rm --userns auto:size=1000 busybox sh -c 'tr -s " " </proc/self/uid_map'
	expect 0
	[[ $output == " 0 "*" 1000" ]]
}

@test "the network: pasta with a published port, a bridge, the host's, none" {
	start -p 127.0.0.1:8088:80 busybox sh -c 'echo page >/tmp/index.html; httpd -f -h /tmp -p 80'
	[ "$(eventually busybox wget -qO- http://127.0.0.1:8088/)" = page ]
	podman rm -f -t 0 "$name"
	podman network create "$name"
	later+=("podman network rm -f -t 0 $name")
	start --network "$name" -p 127.0.0.1:8089:80 busybox sh -c 'echo page >/tmp/index.html; httpd -f -h /tmp -p 80'
	[ "$(eventually busybox wget -qO- http://127.0.0.1:8089/)" = page ]
	try podman run --rm --network "$name" busybox wget -qO- "http://$name/"
	expect 0 page
	try podman run --rm --network host busybox sh -c 'readlink /proc/self/ns/net; ls -d /sys/class/net/lo'
	expect 0 "$(readlink /proc/self/ns/net)"$'\n/sys/class/net/lo'
	try podman run --rm --network none busybox ls /sys/class/net
	expect 0 lo
}

@test "a pod, and kube" {
	podman pod create --name "$name"
	podman create --pod "$name" --name "$name-c" busybox sh -c 'trap exit TERM; echo "from $HOSTNAME"; while :; do sleep 0.1; done'
	podman pod start "$name"
	eventually says "$name-c" "from $name"
	try podman run --rm --pod "$name" busybox hostname
	expect 0 "$name"
	podman kube generate "$name" >"$BATS_TEST_TMPDIR/pod.yaml"
	podman pod rm -f -t 0 "$name"
	podman kube play - <"$BATS_TEST_TMPDIR/pod.yaml"
	eventually says "$name-$name-c" "from $name"
	podman kube down - <"$BATS_TEST_TMPDIR/pod.yaml"
}

@test "a terminal, and keys that detach" {
	terminal 30x100 '/ #' 'echo $((6 * 7)); tty\r' /dev/pts/0 '\x10\x11' -- bash -c "$(declare -f as_user podman); user=$user; podman run -it --name $name busybox sh"
	expect 0
	[[ $output == *42* ]]
	is "$name" .State.Status running
	terminal 30x100 -- bash -c "$(declare -f as_user podman); user=$user; podman exec -it $name sh -c 'tty; until [ \"\$(stty size)\" = \"30 100\" ]; do sleep 0.1; done; exit 6'"
	expect 6
	[[ $output == *"/dev/pts/1"* ]]
}

@test "health checks, by a timer of the user's systemd" {
	start --health-cmd 'test -e /ok' --health-interval 1s --health-retries 2 busybox sleep 1000
	eventually is "$name" .State.Health.Status unhealthy
	podman exec "$name" touch /ok
	eventually is "$name" .State.Health.Status healthy
}

@test "privileged and devices: all that the user has" {
	try podman run --rm --privileged busybox sh -c 'grep CapEff /proc/self/status; test -c /dev/fuse && mount -t tmpfs none /tmp && echo mounted'
	[ "$status" -eq 0 ] && [[ $output == *mounted ]] || fail "$output $stderr"
	try podman run --rm --device /dev/fuse busybox sh -c 'stat -c %t:%T /dev/fuse'
	expect 0 a:e5
	try podman run --rm --read-only --tmpfs /x --init --ulimit nofile=50:60 --sysctl net.ipv4.ip_forward=1 --cap-drop all --security-opt no-new-privileges busybox \
		sh -c 'touch /x/y /tmp/y; ulimit -n; cat /proc/sys/net/ipv4/ip_forward; grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status; touch /y'
	expect 1 $'50\n1\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2'
}

@test "build" {
	printf 'FROM busybox\nRUN id -u >/file && chown 5:6 /file\nUSER 5\nRUN id -u >>/file\nCMD cat /file\n' |
		podman build --quiet --isolation oci --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --tag "$name-image" -
	later+=("podman rmi -f $name-image")
	try podman run --rm "$name-image"
	expect 0 $'0\n5'
}

@test "a program that is missing is 127, one that may not be executed 126" {
	try podman run --rm busybox nosuch
	expect 127
	[[ $stderr == *'not found in $PATH'* ]]
	try podman run --rm busybox /etc
	expect 126
	start busybox sleep 1000
	try podman exec "$name" nosuch
	expect 127
}

# bats test_tags=vm
@test "limits: of the controllers that the user's systemd has been given" {
	start --memory 64m --pids-limit 30 busybox sleep 1000
	local cgroup
	cgroup=$cgroups$(cgroup_of "$(field "$name" .State.Pid)")
	[ "$(cat "${cgroup%/container}/memory.max" "${cgroup%/container}/pids.max" | tr '\n' ' ')" = "67108864 30 " ]
	podman update --memory 32m "$name"
	[ "$(cat "${cgroup%/container}/memory.max")" = 33554432 ]
	[[ $(podman stats --no-stream --format '{{.PIDs}} {{.MemUsage}}' "$name") == 1\ *" / 33.55MB" ]]
}
