#!/usr/bin/env bats
# Cgroups that belong to the container: what it makes in them, and a systemd of its own. In the VM.
# places: vm
load lib/husk

rw_cgroups='.mounts |= map(if .destination == "/sys/fs/cgroup" then .options -= ["ro"] else . end)'

# The guest's own Debian, in which the container may write.
debian_root() {
	[ -n "${HUSK_TEST_DEBIAN:-}" ] || lacking "HUSK_TEST_DEBIAN names no Debian root"
	mkdir "$BATS_TEST_TMPDIR"/{upper,work,root}
	mount -t overlay -o "lowerdir=$HUSK_TEST_DEBIAN,upperdir=$BATS_TEST_TMPDIR/upper,workdir=$BATS_TEST_TMPDIR/work" \
		debian "$BATS_TEST_TMPDIR/root"
	later umount "$BATS_TEST_TMPDIR/root"
	later delete_all
	config --arg root "$BATS_TEST_TMPDIR/root" '.root = {"path": $root, "readonly": false}'
}

delete_all() { for one in $(husk list -q); do husk delete --force "$one"; done; }

is_up() { # within three minutes of an emulated machine
	local i answer
	for ((i = 0; i < 90; i++)); do
		answer=$(husk exec "$id" systemctl is-system-running 2>/dev/null </dev/null) || true
		[[ $answer == running || $answer == degraded ]] && return 0
		sleep 2
	done
	fail "systemd is: $answer"
}

@test "systemd as the first process boots to multi-user, with the limits it was given" {
	debian_root
	config "$rw_cgroups"' | .process.args = ["/lib/systemd/systemd", "--system", "multi-user.target"] | .process.env += ["container=husk"] |
		.linux.resources = {"memory": {"limit": 500000000}, "pids": {"limit": 200}} |
		.mounts += [{"destination": "/run", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
			{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}]'
	husk run -d --id "$id" "$bundle" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null
	is_up
	[ "$(husk exec "$id" systemctl is-active multi-user.target </dev/null)" = active ]
	[ -d "$cgroups/husk-$id/system.slice" ]
	[ "$(cat "$cgroups/husk-$id/init.scope/cgroup.procs")" = "$(pid_of "$id")" ]
	[ "$(cat "$cgroups/husk-$id/memory.max")" -gt 499990000 ]
	[ "$(cat "$cgroups/husk-$id/pids.max")" = 200 ]
	husk exec "$id" systemctl set-property --runtime system.slice MemoryMax=100M </dev/null
	[ "$(cat "$cgroups/husk-$id/system.slice/memory.max")" = 104857600 ]
	husk kill "$id" SIGRTMIN+4
	for ((i = 0; i < 60; i++)); do is_status "$id" stopped && break || sleep 1; done
	is_status "$id" stopped
	husk delete "$id"
	[ ! -e "$cgroups/husk-$id" ]
}

@test "run.oci.delegate-cgroup: the payload starts in a cgroup of its own, below its limits" {
	config "$rw_cgroups"' | .annotations = {"run.oci.delegate-cgroup": "mine"}'
	in_container 'cat /proc/self/cgroup | tail -n 1; echo $$ >/sys/fs/cgroup/cgroup.procs; cat /proc/self/cgroup | tail -n 1; ls -d /sys/fs/cgroup/mine'
	expect 0 "0::/mine
0::/
/sys/fs/cgroup/mine"
	for name in a/b .. cgroup.procs; do
		config --arg name "$name" '.annotations = {"run.oci.delegate-cgroup": $name}'
		try run --id "$id" "$bundle"
		expect_error 125 "run.oci.delegate-cgroup" "is no name of a cgroup"
	done
}

@test "run.oci.delegate-cgroup: it belongs to the container's user" {
	own_rootfs
	config "$rw_cgroups"' | .annotations = {"run.oci.delegate-cgroup": "mine"} | .process.user = {"uid": 1000, "gid": 1000}'
	in_container 'mkdir /sys/fs/cgroup/mine/below && echo $$ >/sys/fs/cgroup/mine/below/cgroup.procs && tail -n 1 /proc/self/cgroup'
	expect 0 "0::/mine/below"
}
