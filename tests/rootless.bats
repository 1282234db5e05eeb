#!/usr/bin/env bats
# A user without privileges runs containers: in a user namespace, with its own id or with those of /etc/subuid.
load lib/husk

user=husk-test-user

# As the user, with a state of its own.
as_user() { # COMMAND...
	run --separate-stderr setpriv --reuid "$uid" --regid "$uid" --clear-groups env -u XDG_RUNTIME_DIR HOME=/ \
		HUSK_TEST_MARK="$mark" "$HUSK" --root "$mine" "$@"
}

# The same for what leaves a process behind: it has no part in the test's output.
as_user_aside() { # COMMAND...
	setpriv --reuid "$uid" --regid "$uid" --clear-groups env -u XDG_RUNTIME_DIR HOME=/ \
		HUSK_TEST_MARK="$mark" "$HUSK" --root "$mine" "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null 3>&-
}

rootless_config() { config_of "$bundle" "$@"; }

setup() {
	needs_userns
	setup_bundle
	uid=$(id -u "$user" 2>/dev/null) || {
		useradd --no-create-home --shell /usr/sbin/nologin "$user" # with ids of its own in /etc/subuid
		uid=$(id -u "$user")
	}
	grep -q "^$user:" /etc/subuid || usermod --add-subuids 700000-765535 --add-subgids 700000-765535 "$user"
	later userdel "$user"
	mine=$BATS_TEST_TMPDIR/mine
	cp -a "$BATS_FILE_TMPDIR/rootfs" "$bundle/rootfs"
	chown -R "$uid:$uid" "$bundle"
	mkdir -m 700 "$mine"
	chown "$uid:$uid" "$mine"
	local dir=$BATS_TEST_TMPDIR
	while [ "$dir" != / ]; do chmod a+x "$dir" && dir=${dir%/*} && dir=${dir:-/}; done
	rm "$bundle/config.json"
	setpriv --reuid "$uid" --regid "$uid" --clear-groups "$HUSK" spec --rootless --bundle "$bundle"
	rootless_config --arg mark "HUSK_TEST_MARK=$mark" '.process.terminal = false | .process.env += [$mark] | .root.readonly = false'
}

# uid 0 is the user's own, the others come from /etc/subuid.
with_subids() {
	local first
	first=$(awk -F: -v user="$user" '$1 == user { print $2; exit }' /etc/subuid)
	rootless_config --argjson first "$first" '.linux.uidMappings += [{"containerID": 1, "hostID": $first, "size": 65536}]
		| .linux.gidMappings += [{"containerID": 1, "hostID": $first, "size": 65536}]'
}

@test "husk spec --rootless and husk run: root inside, the user outside" {
	sh_args 'id -u; cat /proc/self/uid_map | tr -s " "; echo inside >/file; hostname; [ -c /dev/null ] && echo x >/dev/null && echo devices'
	as_user run --id "$id" "$bundle/"
	expect 0 "0
 0 $uid 1
husk
devices"
	[ -z "$stderr" ]
	[ "$(stat -c %u "$bundle/rootfs/file")" = "$uid" ]
}

@test "create, start, state, exec, ps, kill, delete of one's own" {
	args sleep 1000
	as_user_aside create --bundle "$bundle" "$id"
	as_user start "$id"
	as_user state "$id"
	[ "$(jq -r .status,.owner <<<"$output")" = "running
$user" ]
	as_user exec "$id" sh -c 'id -u; readlink /proc/1/exe; exit 5'
	expect 5 "0
/bin/busybox"
	as_user ps --format json "$id"
	[ "$(jq length <<<"$output")" -eq 1 ]
	as_user kill "$id" KILL
	eventually eval 'as_user state "$id"; [ "$(jq -r .status <<<"$output")" = stopped ]'
	as_user delete "$id"
	as_user list -q
	expect 0 ""
	[ -z "$(ls "$mine")" ]
}

@test "ids of /etc/subuid are mapped by newuidmap, and groups can be set" {
	with_subids
	rootless_config '.process.user = {"uid": 5, "gid": 6, "additionalGids": [7, 8]}'
	sh_args 'id -u; id -g; id -G'
	as_user run --id "$id" "$bundle/"
	expect 0 "5
6
6 7 8"
}

@test "exec joins as root and as another user of the map" {
	with_subids
	args sleep 1000
	as_user_aside run --detach --id "$id" "$bundle/"
	as_user exec -u 5:6 "$id" id -u
	expect 0 5
	as_user exec -t "$id" tty
	expect 0
	as_user delete --force "$id"
	expect 0
}

@test "ids that are not the user's are refused, with where to look" {
	rootless_config '.linux.uidMappings += [{"containerID": 1, "hostID": 5, "size": 10}]'
	as_user run --id "$id" "$bundle/"
	expect_error 125 "linux.uidMappings" "newuidmap" "/etc/subuid"
	[ -z "$(ls "$mine")" ]
}

@test "additional groups without a map for them are an error" {
	rootless_config '.process.user.additionalGids = [5]'
	as_user run --id "$id" "$bundle/"
	expect_error 125 "process.user"
	[ -z "$(ls "$mine")" ]
}

@test "a bind of what is there works, one of what is not is an error with its place" {
	echo content >"$bundle/file"
	rootless_config --arg file "$bundle/file" '.mounts += [{"destination": "/bound", "type": "bind", "source": $file, "options": ["bind", "ro"]}]'
	sh_args 'cat /bound; echo x >/bound'
	as_user run --id "$id" "$bundle/"
	expect 1 content
	rootless_config '.mounts[-1].source = "/not/there"'
	as_user run --id "$id" "$bundle/"
	expect_error 125 "config.json: mounts[" "/not/there: No such file or directory"
}

@test "sysfs without a network namespace of its own is the host's, read-only" {
	rootless_config '.mounts |= map(select(.destination != "/sys")) + [{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev"]}]'
	sh_args 'ls /sys/kernel >/dev/null && ! echo x 2>/dev/null >/sys/kernel/x && grep -c " /sys ro" /proc/mounts >/dev/null; ls -d /sys/kernel'
	as_user run --id "$id" "$bundle/"
	expect 0 /sys/kernel
}

@test "a network namespace of one's own has its loopback" {
	rootless_config '.linux.namespaces += [{"type": "network"}]'
	sh_args 'ip -o address show lo | grep -c 127.0.0.1'
	as_user run --id "$id" "$bundle/"
	expect 0 1
}

@test "hooks run as the user, createContainer inside" {
	rootless_config --arg out "$BATS_TEST_TMPDIR/mine" '.hooks = {
		"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "id -u >\($out)/runtime"]}],
		"createContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "id -u >\($out)/container"]}]}'
	args true
	as_user run --id "$id" "$bundle/"
	expect 0
	[ "$(cat "$mine/runtime")" = "$uid" ] && [ "$(cat "$mine/container")" = 0 ]
	rm "$mine/runtime" "$mine/container"
}

@test "limits that no cgroup of the user's could hold are an error, and none are fine" {
	rootless_config '.linux.resources = {"unified": {"cgroup.max.depth": "5"}}'
	args true
	as_user run --id "$id" "$bundle/"
	expect 125
	[ -z "$(ls "$mine")" ]
}

@test "exec from where no common cgroup is the user's says so" {
	local group=$cgroups/husk-test-$$
	mkdir -p "$group/husk"
	later rmdir "$group/husk" "$group"
	chown "$uid" "$group" "$group"/cgroup.{procs,subtree_control,threads} "$group/husk" "$group/husk/cgroup.procs"
	rootless_config --arg path "/${group##*/}/own" '.linux.cgroupsPath = $path'
	rootless_config '.linux.resources.devices = [{"allow": false, "access": "rwm"}]' # no user could load the program for it
	args sleep 500
	(echo "$BASHPID" >"$group/husk/cgroup.procs" && as_user_aside run --detach --id "$id" "$bundle/")
	grep -q . "$group/own/cgroup.procs"
	as_user exec "$id" true
	expect_error 125 "put a process into the cgroup ${group##*/}/own: Permission denied" "where the container was started"
	(echo "$BASHPID" >"$group/husk/cgroup.procs" && as_user exec "$id" true && expect 0)
	(echo "$BASHPID" >"$group/husk/cgroup.procs" && as_user_aside delete --force "$id")
	eventually eval "! grep -q populated.1 $group/cgroup.events"
}

@test "network devices of the host and containers without a user namespace are for root" {
	rootless_config '.linux.netDevices = {"eth0": {}} | .linux.namespaces += [{"type": "network"}]'
	as_user run --id "$id" "$bundle/"
	expect_error 125 "linux.netDevices" "only root"
	rootless_config 'del(.linux.netDevices, .linux.uidMappings, .linux.gidMappings) | .linux.namespaces |= map(select(.type != "user"))'
	as_user run --id "$id" "$bundle/"
	expect_error 125 "without root a user namespace is required" "husk spec --rootless"
}

@test "a host that forbids user namespaces is told of, with what to change" {
	run --separate-stderr unshare --user --map-root-user --mount bash -c \
		'echo 0 >/proc/sys/user/max_user_namespaces && HUSK_TEST_MARK=$0 "$1" --root "$2/forbidden" run --id "$3" "$4"' \
		"$mark" "$HUSK" "$BATS_TEST_TMPDIR" "$id" "$bundle"
	expect_error 125 "user.max_user_namespaces is 0"
}

@test "root of a user namespace that another program made: its state is that user's, devices are bound" {
	local as_root_inside=(setpriv --reuid "$uid" --regid "$uid" --clear-groups env XDG_RUNTIME_DIR="$mine" HOME=/ HUSK_TEST_MARK="$mark"
		unshare --user --map-root-user --map-auto --mount)
	make_bundle "$BATS_TEST_TMPDIR/plain"
	config_of "$BATS_TEST_TMPDIR/plain" --arg rootfs "$bundle/rootfs" '.root.path = $rootfs | .root.readonly = false
		| .process.args = ["sh", "-c", "id -u; echo x >/dev/null && echo null; grep -c \" /sys.* - sysfs\" /proc/self/mountinfo
			ls /sys/kernel/debug; grep -c \" /dev/null rw,nosuid,noexec[^:]* - \" /proc/self/mountinfo; sleep 1000"]'
	"${as_root_inside[@]}" "$HUSK" run --detach --id "$id" "$BATS_TEST_TMPDIR/plain" >"$BATS_TEST_TMPDIR/out" 3>&-
	later "${as_root_inside[@]}" "$HUSK" delete --force "$id"
	eventually eval '[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -eq 4 ]'
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = $'0\nnull\n1\n1' ]
	[ -d "$mine/husk/$id" ]
	run --separate-stderr "${as_root_inside[@]}" "$HUSK" delete --force "$id"
	expect 0
	[ ! -e "$mine/husk/$id" ]
}
