#!/usr/bin/env bats
# docker: what a container may and sees. Options of `docker run`, looked at from inside.
load ../lib/docker

setup_file() { docker_setup; }
teardown_file() { docker_teardown; }

# What the script prints in a container with these options. It stays a moment, for docker now and then loses what a container
# has said that ends at once: containerd's client gives up on streams that are still being opened.
seen() { # WANTED SCRIPT OPTION...
	local wanted=$1 script=$2
	shift 2
	run --separate-stderr docker run --rm "$@" busybox sh -c "$script && sleep 0.2"
	expect 0 "$wanted"
}
field() { echo "awk '/^$1:/ { print \$2 }' /proc/self/status"; } # NAME
refused() { # STATUS WORDS SCRIPT OPTION...
	local code=$1 words=$2 script=$3
	shift 3
	run docker run --rm "$@" busybox sh -c "$script"
	[[ $status = "$code" && $output == *"$words"* ]] || fail "$status: $output"
}

@test "capabilities: docker's default, --cap-add, --cap-drop, and none for a user" {
	all=$(awk '/^CapEff/ { print $2 }' /proc/self/status)
	seen 00000000a80425fb "$(field CapEff)"
	seen 00000000a80425fb "$(field CapBnd)"
	seen 0000000000000000 "$(field CapAmb)"
	seen 0000000000000400 "$(field CapEff)" --cap-drop all --cap-add net_bind_service
	seen 0000000000000000 "$(field CapEff)" --user 1000
	seen 00000000a80425fb "$(field CapBnd)" --user 1000
	seen "$all" "$(field CapEff)" --privileged
	seen "$all" "$(field CapBnd)" --cap-add all
	refused 1 "permitted" 'chown 1 /tmp' --cap-drop chown
}

@test "seccomp, no-new-privileges and systempaths" {
	seen 2 "$(field Seccomp)"
	seen 0 "$(field NoNewPrivs)"
	seen 1 "$(field NoNewPrivs)" --security-opt no-new-privileges
	seen 0 "$(field Seccomp)" --security-opt seccomp=unconfined
	seen 0 "$(field Seccomp)" --privileged
	refused 1 "permitted" 'unshare -U true'
	echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}' \
		>"$BATS_TEST_TMPDIR/profile"
	refused 1 "No space left" 'mkdir /x' --security-opt "seccomp=$BATS_TEST_TMPDIR/profile"
	refused 1 "Read-only" 'echo 1 >/proc/sys/vm/swappiness'
	seen 0 'wc -c </proc/timer_list'
	seen writable '[ -w /proc/sys/vm/swappiness ] && ! grep -q " /proc/" /proc/self/mountinfo && echo writable' \
		--security-opt systempaths=unconfined
}

@test "--privileged: the host's devices, a writable /sys" {
	seen yes '[ -c /dev/loop-control ] && [ -c /dev/net/tun ] && echo yes' --privileged
	seen rw 'awk "\$5 == \"/sys\" { print substr(\$6, 1, 2) }" /proc/self/mountinfo' --privileged
	seen ro 'awk "\$5 == \"/sys\" { print substr(\$6, 1, 2) }" /proc/self/mountinfo'
	seen mounted 'mount -t tmpfs none /tmp && echo mounted' --privileged
	refused 1 "denied" 'mount -t tmpfs none /tmp'
}

@test "/dev: docker's nodes and links and no other; --device adds one" {
	nodes='cd /dev && for node in *; do [ -c "$node" ] && [ ! -L "$node" ] && echo -n "$node " || true; done'
	seen "full null random tty urandom zero " "$nodes"
	seen "crw-rw-rw- 10, 200" 'stat -c "%A %t, %T" /dev/tuned | sed "s/a, c8/10, 200/"' --device /dev/net/tun:/dev/tuned
	seen opened 'exec 3<>/dev/net/tun && echo opened' --device /dev/net/tun
	refused 1 "permitted" 'mknod /tmp/loop c 10 237 && exec 3<>/tmp/loop'
	seen opened 'mknod /tmp/loop c 10 237 && exec 3<>/tmp/loop && echo opened' --device-cgroup-rule 'c 10:237 rwm'
	refused 1 "permitted" 'exec 3<>/dev/loop-control' --device /dev/loop-control:/dev/loop-control:m
}

@test "--ulimit, --sysctl, --shm-size, --oom-score-adj" {
	seen "10
20" 'ulimit -Sn; ulimit -Hn' --ulimit nofile=10:20
	seen 123 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start' --sysctl net.ipv4.ip_unprivileged_port_start=123
	seen 2222 'cat /proc/sys/kernel/shmmni' --sysctl kernel.shmmni=2222
	seen size=1024k 'grep " /dev/shm " /proc/self/mountinfo | grep -o "size=[0-9]*k"' --shm-size 1m
	seen 321 'cat /proc/self/oom_score_adj' --oom-score-adj 321
}

@test "who and where: --user, --group-add, --workdir, --entrypoint, --env, --hostname, --add-host" {
	seen "1000
1000
1000 5 6" 'id -u; id -g; id -G' --user user --group-add 5 --group-add 6
	seen /made/for/it pwd --workdir /made/for/it
	seen "a b" 'echo "$X"' --env "X=a b"
	seen "some.where" 'hostname' --hostname some.where
	seen "within" 'cat /proc/sys/kernel/domainname' --domainname within
	seen "10.9.8.7 elsewhere" 'tr "\t" " " </etc/hosts | grep elsewhere' --add-host elsewhere:10.9.8.7
	run --separate-stderr docker run --rm --entrypoint echo busybox said
	expect 0 said
	seen /home/user 'echo $HOME' --user 1000
}

@test "--init: a first process that takes SIGTERM and buries orphans" {
	docker_run -d --init busybox sh -c '(sleep 0.1 &) ; exec sleep 1000'
	[ "$(docker exec "$name" cat /proc/1/comm)" = docker-init ]
	sleep 0.5
	[[ $(docker exec "$name" ps -o stat) != *Z* ]]
	docker stop --time 20 "$name"
	[ "$(inspect .State.ExitCode)" = 143 ]
}

@test "--read-only with --tmpfs" {
	refused 1 "Read-only" 'echo >/etc/new' --read-only
	seen "in" 'echo in >/run/new && cat /run/new' --read-only --tmpfs /run
	seen "size=1024k,mode=700" 'grep " /scratch " /proc/self/mountinfo | grep -o "size=.*"' --tmpfs /scratch:size=1m,mode=700
	seen noexec 'grep " /scratch " /proc/self/mountinfo | grep -o noexec' --tmpfs /scratch
}

@test "namespaces: pid, ipc, uts and cgroup of the host, of another, and private" {
	docker_run -d --ipc shareable busybox sh -c 'sleep 1001 & exec sleep 1002'
	for kind in pid ipc uts; do
		seen "$(readlink "/proc/1/ns/$kind")" "readlink /proc/self/ns/$kind" "--$kind" host
	done
	for kind in pid ipc; do
		seen "$(docker exec "$name" readlink "/proc/1/ns/$kind")" "readlink /proc/self/ns/$kind" "--$kind" "container:$name"
	done
	seen yes 'ps | grep -q "sleep 1001" && echo yes' --pid "container:$name"
	seen / 'sed -n s/^0:://p /proc/self/cgroup' --cgroupns private
	run -0 docker run --rm --cgroupns host busybox sed -n s/^0:://p /proc/self/cgroup
	[[ $output == */docker-*.scope ]]
	seen yes 'touch /dev/shm/x 2>/dev/null || echo yes' --ipc none
}

@test "--cgroup-parent is a slice of systemd's" {
	docker_run -d --cgroup-parent husktest.slice busybox sleep 1000
	later+=("systemctl stop husktest.slice")
	grep -qx "$(inspect .State.Pid)" "$cgroups/husktest.slice/docker-$(inspect .Id).scope/cgroup.procs"
	docker rm -f "$name"
	[ -z "$(find "$cgroups/husktest.slice" -name 'docker-*')" ]
}

@test "volumes: named, anonymous, bound, read-only, and those of another container" {
	docker volume create "$name"
	later+=("docker volume rm $name >/dev/null")
	seen "" 'echo kept >/data/file' -v "$name:/data"
	seen kept 'cat /data/file' -v "$name:/data"
	seen root 'stat -c %U /root' -v "$name:/root" # what the image has there is copied
	refused 1 "Read-only" 'echo >/data/new' -v "$name:/data:ro"
	mkdir "$BATS_TEST_TMPDIR/host"
	seen "" 'echo here >/mnt/file' -v "$BATS_TEST_TMPDIR/host:/mnt"
	[ "$(cat "$BATS_TEST_TMPDIR/host/file")" = here ]
	seen here 'cat /etc/one' --mount "type=bind,source=$BATS_TEST_TMPDIR/host/file,target=/etc/one,readonly"
	docker_run -d -v /anonymous busybox sh -c 'echo shared >/anonymous/file; exec sleep 1000'
	eventually docker exec "$name" test -s /anonymous/file
	seen shared 'cat /anonymous/file' --volumes-from "$name"
	docker rm -f -v "$name"
}

@test "mounts: propagation, recursive read-only, tmpfs" {
	mkdir "$BATS_TEST_TMPDIR/tree"
	mount -t tmpfs tree "$BATS_TEST_TMPDIR/tree"
	later+=("umount -R $BATS_TEST_TMPDIR/tree")
	mount --make-shared "$BATS_TEST_TMPDIR/tree"
	mkdir "$BATS_TEST_TMPDIR"/tree/{sub,late}
	mount -t tmpfs sub "$BATS_TEST_TMPDIR/tree/sub"
	docker_run -d --mount "type=bind,source=$BATS_TEST_TMPDIR/tree,target=/tree,bind-propagation=rslave" busybox sleep 1000
	mount -t tmpfs late "$BATS_TEST_TMPDIR/tree/late"
	docker exec "$name" grep -q ' /tree/late ' /proc/self/mountinfo
	refused 1 "Read-only" 'echo >/tree/sub/new' -v "$BATS_TEST_TMPDIR/tree:/tree:ro"
	seen new 'echo new >/tree/sub/new; cat /tree/sub/new' \
		--mount "type=bind,source=$BATS_TEST_TMPDIR/tree,target=/tree,readonly,bind-recursive=writable"
	seen size=2048k 'grep " /t " /proc/self/mountinfo | grep -o "size=[0-9]*k"' --mount type=tmpfs,target=/t,tmpfs-size=2m
}

@test "userns-remap: root in the container is nobody on the host" {
	grep -q ^dockremap: /etc/subuid || { useradd -r dockremap && echo dockremap:500000:65536 | tee -a /etc/subuid >>/etc/subgid; }
	daemon_with '. + {"userns-remap": "dockremap"}'
	later+=("daemon_with")
	busybox_image | docker import - remapped
	docker_run -d remapped sleep 1000
	[ "$(stat -c %u "/proc/$(inspect .State.Pid)")" = 500000 ]
	[ "$(docker exec "$name" awk '{ print $1, $2, $3 }' /proc/self/uid_map)" = "0 500000 65536" ]
	docker exec "$name" sh -c 'chown user /root && echo x >/dev/null && mkdir /made && hostname'
	run -1 docker exec "$name" mount -t tmpfs none /tmp
	run -0 docker run --rm --userns host remapped cat /proc/self/uid_map
	[[ $output == *4294967295 ]]
	docker rm -f "$name"
}
