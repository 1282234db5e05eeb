#!/usr/bin/env bats
# husk run --image: what each flag about limits, rights, namespaces and devices does, seen from inside.
load lib/husk
load lib/image

# ---- rights ----

@test "the default container: eleven capabilities, no_new_privs, a filter, its own namespaces" {
	boxed_sh 'grep -E "Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp:" /proc/self/status; ls -l /proc/self/ns | sed -n "s/.*-> //p"'
	expect 0
	# chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service sys_chroot setfcap
	[ "$(grep -c '00000000800405fb$' <<<"$output")" -eq 3 ] || fail "$output"
	grep -qx 'CapAmb:.0000000000000000' <<<"$output" && grep -qx 'NoNewPrivs:.1' <<<"$output" && grep -qx 'Seccomp:.2' <<<"$output"
	for kind in pid net mnt ipc uts cgroup; do
		! grep -qF "$(readlink "/proc/self/ns/$kind")" <<<"$output" || fail "the host's $kind"
	done
	boxed -u user sh -c 'grep -E "Cap(Prm|Eff)" /proc/self/status | cut -f2 | xargs'
	expect 0 "0000000000000000 0000000000000000"
}

@test "the default filter refuses what containers have been left by, and nothing that programs need" {
	boxed /bin/call add_key keyctl request_key io_uring_setup io_uring_enter io_uring_register userfaultfd bpf \
		perf_event_open mount umount2 pivot_root fsopen fsconfig fsmount fspick open_tree move_mount mount_setattr setns unshare \
		init_module finit_module delete_module kexec_load swapon swapoff reboot acct quotactl settimeofday clock_settime \
		open_by_handle_at fanotify_init vhangup kcmp process_madvise syslog lookup_dcookie sethostname vmsplice
	expect 0 "$(yes 1 | head -41 | xargs)"
	boxed /bin/call clone3 9999 && expect 0 "38 38"
	# 0 is AF_UNSPEC; no personality of 32 bit address space games; clone(0) is an error of its own
	boxed /bin/call getpid sched_yield personality gettid sync umask getuid && expect 0 "0 0 0 0 0 0 0"
	boxed -u user sh -c 'echo | sed s/^/x/ | cat; mktemp; (exit 3) || true; busybox nc -l -p 1 & kill $!'
	expect 0
}

@test "no new user namespace, no mount, no socket of families that are the host's" {
	boxed_sh 'unshare -U true; unshare -m true; mount -t tmpfs none /tmp; echo x >/proc/sys/kernel/shmmax; true'
	expect 0
	[ "$(grep -ci 'not permitted\|permission denied\|read-only' <<<"$stderr")" -eq 4 ] || fail "$stderr"
}

@test "the audit socket is one that the kernel does not have, for programs that live without it" {
	boxed /bin/call socket:16:3:9 socket:16:3:0 socket:40:1:0
	expect 0 "93 0 38" # netlink: EPROTONOSUPPORT for audit, not for routes; vsock: ENOSYS
	boxed --cap-add audit_write /bin/call socket:16:3:9
	expect 0 0
}

@test "masked files and folders are empty, and read-only ones refuse" {
	boxed_sh 'for f in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug /proc/interrupts; do [ ! -e $f ] || [ -z "$(head -c 1 $f)" ] || echo $f; done
		for d in /proc/acpi /proc/scsi /sys/firmware /sys/dev/block /sys/devices/virtual/powercap; do [ ! -e $d ] || ls -A $d; done'
	expect 0 ""
	boxed --security-opt systempaths=unconfined sh -c 'ls /sys/firmware | wc -l; grep -c " /proc/sys " /proc/mounts'
	[ "${lines[1]}" = 0 ]
}

@test "--cap-add and --cap-drop, in any spelling" {
	while IFS='|' read -r flags bits; do
		# shellcheck disable=SC2086
		boxed $flags sh -c 'sed -n "s/CapEff:.00000000//p" /proc/self/status'
		expect 0 "$bits"
	done <<-'END'
		--cap-drop all|00000000
		--cap-drop ALL --cap-add chown|00000001
		--cap-drop all --cap-add CAP_NET_RAW --cap-add net_admin|00003000
		--cap-drop CAP_SETUID --cap-drop kill|8004055b
		--cap-add sys_nice|808405fb
	END
	boxed --cap-add nothing true
	expect_error 125 "--cap-add" '"nothing" is no capability'
	boxed --cap-drop cap_ true
	expect_error 125 "--cap-drop"
}

@test "a capability opens the calls that it means" {
	boxed --cap-add sys_admin /bin/call mount setns unshare clone3 add_key
	expect 0
	[ "${output##* }" = 1 ] && [[ $output != "1 1 1"* ]]
	boxed --cap-add sys_admin sh -c 'mount -t tmpfs none /tmp && grep -c " /tmp " /proc/mounts' && expect 0 1
}

@test "--security-opt: profiles of Docker's form and of the specification's, no-new-privileges, what is not known" {
	cat >"$BATS_TEST_TMPDIR/docker.json" <<-'END'
		{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
		 "syscalls": [
		  {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5},
		  {"names": ["sync"], "action": "SCMP_ACT_ERRNO", "errnoRet": 6, "excludes": {"caps": ["CAP_SYS_NICE"]}, "comment": "x"},
		  {"names": ["umask"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7, "includes": {"caps": ["CAP_SYS_NICE"], "arches": ["amd64"]}},
		  {"names": ["getuid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 8, "includes": {"arches": ["s390x"]}}]}
	END
	boxed --security-opt "seccomp=$BATS_TEST_TMPDIR/docker.json" /bin/call mkdirat sync umask getuid && expect 0 "5 6 0 0"
	boxed --cap-add sys_nice --security-opt "seccomp=$BATS_TEST_TMPDIR/docker.json" /bin/call mkdirat sync umask && expect 0 "5 0 7"
	echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["sync"], "action": "SCMP_ACT_ERRNO"}]}' >"$BATS_TEST_TMPDIR/oci.json"
	boxed --security-opt "seccomp:$BATS_TEST_TMPDIR/oci.json" /bin/call sync && expect 0 1
	boxed --security-opt seccomp=unconfined --security-opt no-new-privileges:false sh -c 'grep -E "NoNewPrivs|Seccomp:" /proc/self/status | cut -f2 | xargs'
	expect 0 "0 0"
	boxed --security-opt label=disable --security-opt apparmor=unconfined true && expect 0
	echo '{"defaultAction": ' >"$BATS_TEST_TMPDIR/oci.json"
	boxed --security-opt "seccomp=$BATS_TEST_TMPDIR/oci.json" true && expect_error 125 "--security-opt seccomp="
	boxed --security-opt seccomp=/nothing true && expect_error 125 "--security-opt seccomp" /nothing
	boxed --security-opt colour=red true && expect_error 125 '"colour=red" is not known'
}

@test "podman's own profile runs a container" {
	[ -e /usr/share/containers/seccomp.json ] || skip "podman is not installed"
	boxed --security-opt seccomp=/usr/share/containers/seccomp.json sh -c 'unshare -U true; echo ran'
	expect 0 ran
}

@test "--privileged gives all that husk has" {
	boxed --privileged sh -c 'grep -E "CapEff|NoNewPrivs|Seccomp:" /proc/self/status | cut -f2 | xargs; grep -c " /sys sysfs rw" /proc/mounts; ls /dev/tty1 /dev/loop-control 2>/dev/null | wc -l
		mount -t tmpfs none /tmp && echo mounted'
	expect 0
	[ "${lines[0]#* }" = "0 0" ] && [ "${lines[1]}" = 1 ] && [ "${lines[3]}" = mounted ]
	[ "$((16#${lines[0]%% *}))" -ge "$((16#00000000a80425fb))" ]
}

# ---- limits ----

value_of() { # FILE FLAGS...: what the plan writes to a file of the cgroup
	local file=$1
	shift
	planned "$@" true | jq -r --arg file "$file" '.cgroup.values[] | select(.file == $file) | .value'
}

@test "limits are planned as docker means them" {
	while IFS='|' read -r flags file value; do
		# shellcheck disable=SC2086
		[ "$(value_of "$file" $flags)" = "$value" ] || fail "$flags: $file is $(value_of "$file" $flags)"
	done <<-'END'
		-m 64m|memory.max|67108864
		-m 64m|memory.swap.max|67108864
		--memory 1.5GiB|memory.max|1610612736
		-m 64MB --memory-swap 64mib|memory.swap.max|0
		-m 64m --memory-swap 100m|memory.swap.max|37748736
		-m 64m --memory-swap -1|memory.swap.max|max
		--memory-reservation 32m|memory.low|33554432
		--cpus 1.5|cpu.max|150000 100000
		--cpus 0.01|cpu.max|1000 100000
		--cpu-quota 5000 --cpu-period 20000|cpu.max|5000 20000
		-c 2|cpu.weight|1
		--cpuset-cpus 0-3,5|cpuset.cpus|0-3,5
		--cpuset-mems 0|cpuset.mems|0
		--pids-limit 5|pids.max|5
		--pids-limit 0|pids.max|max
		--pids-limit -1|pids.max|max
		--blkio-weight 500|io.bfq.weight|500
	END
	[ "$(planned --cgroup-parent /some/parent true | jq -r .cgroup.path)" = "some/parent/husk-$(planned --name x true | jq -r .id)" ] ||
		[[ $(planned --name x --cgroup-parent /some/parent true | jq -r .cgroup.path) == *some/parent/husk-x ]]
}

@test "limits that make no sense are refused, each with its flag" {
	while IFS='|' read -r flags words; do
		# shellcheck disable=SC2086
		boxed $flags true
		expect_error 125 "$words"
	done <<-'END'
		-m 1m|--memory: "1m" is less than 6m
		-m -1|--memory: expected a size
		-m 64q|--memory: expected a size
		-m 1.5|--memory: expected a size
		-m 99999999999p|--memory: expected a size
		-m 64m --memory-swap 32m|cannot be below --memory
		--memory-swap 64m|it needs --memory
		--cpus 0|--cpus
		--cpus 0.001|--cpus
		--cpus 1.5.5|--cpus
		--cpus -1|--cpus
		--cpus 1 --cpu-quota 5000|--cpus says what
		-c 1|--cpu-shares
		--pids-limit -2|--pids-limit
		--blkio-weight 5|--blkio-weight
		--oom-score-adj 1001|--oom-score-adj
		--umask 9|--umask
		--ulimit nofile|--ulimit
		--ulimit nothing=1|there is no limit "nothing"
		--ulimit nofile=5:4|above the hard one
		--ulimit nofile=-2|--ulimit
		--stop-signal NOTHING|--stop-signal
		--sysctl key|--sysctl
		--sysctl kernel.panic=1|not namespaced
		--label =x|--label
		--userns nobody|--userns
		--uidmap 1|--uidmap
		--pid container:nothing|container "nothing" does not exist
		--pid friend|--pid: expected private
		--device /nothing|--device
		--device /etc/passwd|is no device
		--device /dev/null:/x:q|--device
		--group-add nothing|--group-add
	END
	boxed --device-cgroup-rule 'x 1:3 rwm' true
	expect_error 125 "--device-cgroup-rule"
	nothing_in_store
}

@test "a default limit is no reason to fail where there is no controller for it" {
	boxed true
	expect 0
}

@test "memory, processors and processes are limited" {
	needs_controller memory cpu pids
	boxed -m 64m --cpus 0.5 --pids-limit 20 sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max'
	expect 0 "67108864
50000 100000
20"
	boxed sh -c 'cat /sys/fs/cgroup/pids.max' && expect 0 2048
	boxed -m 16m --memory-swap 16m sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=40; echo "$?"'
	[ "$status" -ne 0 ] || [ "$output" != 0 ]
}

@test "rlimits, umask, oom score, host names and sysctls" {
	boxed --ulimit nofile=100:200 --ulimit core=0 --ulimit nofile=110:220 --umask 027 --oom-score-adj 500 --hostname there --domainname dom \
		--sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=4096 \
		sh -c 'ulimit -Sn; ulimit -Hn; ulimit -c; umask; cat /proc/self/oom_score_adj; hostname; cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax'
	expect 0 "110
220
0
0027
500
there
dom
1
4096"
}

# ---- devices ----

@test "devices of the host, under names of ours and with fewer rights" {
	needs_file /dev/loop-control
	boxed --device /dev/loop-control --device /dev/loop-control:/dev/other sh -c ': <>/dev/loop-control; ls /dev/other' && expect 0 /dev/other
	boxed --device /dev/loop-control:/dev/other:r sh -c ': </dev/other; : >/dev/other' && expect 1
	[[ $stderr == *"not permitted"* ]]
	boxed --cap-add mknod sh -c 'mknod /dev/x c 10 237 && cat /dev/x' && [[ $stderr == *"not permitted"* ]]
	boxed --cap-add mknod --device-cgroup-rule 'c 10:237 rwm' sh -c 'mknod /dev/x c 10 237 && : </dev/x' && expect 0
}

# ---- namespaces ----

@test "namespaces of the host and of another container" {
	boxed --pid host --ipc host --uts host --cgroupns host sh -c 'for n in pid ipc uts cgroup; do readlink /proc/self/ns/$n; done'
	expect 0 "$(readlink /proc/self/ns/pid /proc/self/ns/ipc /proc/self/ns/uts /proc/self/ns/cgroup)"
	husk run -d --image box --name "$id-other" --env HUSK_TEST_MARK sh -c 'hostname other 2>/dev/null; sleep 100' 3>&-
	boxed --pid "container:$id-other" --uts "container:$id-other" sh -c 'hostname; ps | grep -c "slee[p] 100"'
	expect 0
	[ "${lines[1]}" -ge 1 ]
	boxed --ipc "ns:/proc/$(pid_of "$id-other")/ns/ipc" readlink /proc/self/ns/ipc && expect 0 "$(readlink "/proc/$(pid_of "$id-other")/ns/ipc")"
	husk delete --force "$id-other"
}

@test "--userns auto: root inside is nobody outside, and layers keep their owners" {
	needs_userns
	before=$(layers_sum)
	husk run -d --image box --name "$id" --env HUSK_TEST_MARK --userns auto -v stuff:/data sh -c 'touch /new; chown 5:6 /new; rm /both; touch /data/new; sleep 100' 3>&-
	eventually husk exec "$id" test -e /data/new
	read -r inside first count < <(husk exec "$id" cat /proc/self/uid_map)
	[ "$inside" -eq 0 ] && [ "$first" -ge 1073741824 ] && [ "$count" -eq 65536 ]
	[ "$(husk exec "$id" stat -c '%u %g' /bin/busybox /data/file /new | xargs)" = "0 0 1000 10 5 6" ]
	[ "$(stat -c '%u %g' "$store/containers/$id/upper/new")" = "$((first + 5)) $((first + 6))" ]
	[ "$(stat -c '%u %g' "$store/volumes/stuff/new" "$store/volumes/stuff/file" | xargs)" = "0 10 1000 10" ]
	try run --image box --name "$id-b" --env HUSK_TEST_MARK --userns auto cat /proc/self/uid_map
	expect 0 && read -r _ second _ <<<"$output" && [ "$second" -ne "$first" ]
	husk delete --force "$id"
	[ "$before" = "$(layers_sum)" ]
	boxed --uidmap 0:70000:1000 --gidmap 0:80000:2000 sh -c 'cat /proc/self/uid_map /proc/self/gid_map; ls -n /bin/busybox'
	expect 0
	[ "$(xargs <<<"$output" | cut -d' ' -f1-6)" = "0 70000 1000 0 80000 2000" ]
}

# ---- a first process of husk's ----

@test "--init reaps, passes signals on and ends as its program does" {
	boxed --init sh -c '(sleep 0.1 &); sleep 0.5; grep -l "^State:.Z" /proc/[0-9]*/status | wc -l; exit 7'
	expect 7 0
	boxed --init nothing
	expect 127
	husk run -d --keep --image box --name "$id" --env HUSK_TEST_MARK --init sh -c 'trap "exit 9" USR1; touch /ready; while :; do sleep 0.1; done' 3>&-
	eventually husk exec "$id" test -e /ready
	husk kill "$id" USR1
	eventually is_status "$id" stopped
	[ "$(husk state "$id" | jq '.["husk.exitCode"] // .exitCode // 9')" -eq 9 ]
	husk delete "$id"
	boxed --init sh -c 'kill -9 $$' && expect 137
	boxed --init sh -c 'echo x >/dev/husk-init' && expect 1
}

# ---- without root ----

@test "a user without privileges runs an image of his own store" {
	needs_userns
	local own=$BATS_TEST_TMPDIR/own dir=$BATS_TEST_TMPDIR
	while [ "$dir" != / ]; do chmod a+x "$dir" && dir=${dir%/*} && dir=${dir:-/}; done
	mkdir "$own" "$own/state"
	cp -r "$store" "$own/store" 2>/dev/null || true
	rm -f "$own"/store/layers/sha256/*/tree/gone
	chown -R 65534:65534 "$own"
	as_user() { run --separate-stderr setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/ HUSK_TEST_MARK="$mark" \
		"$HUSK" --root "$own/state" --store "$own/store" "$@"; }
	as_user run --image box --name "$id" -v /data --env HUSK_TEST_MARK sh -c 'id -u; touch /new; rm -r /home; cat /both /data/file; cat /proc/self/uid_map | xargs'
	expect 0 "0
top
from the image
0 65534 1"
	as_user run --image box -u root --env HUSK_TEST_MARK id -u
	expect 0 0
	as_user run --image box --userns auto true
	expect_error 125 "need root"
	[ -z "$(ls "$own/store/containers")" ]
}
