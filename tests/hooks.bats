#!/usr/bin/env bats
# Hooks of all six kinds: when, where, in which order, with what; and what follows from one that fails [config.md, Hooks].
# places: native sanitized
load lib/husk

create() { husk create --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null; }

# A hook that is a shell script of the host's.
hook() { # KIND SCRIPT
	config --arg kind "$1" --arg script "$2" \
		'.hooks[$kind] += [{"path": "/bin/sh", "args": ["sh", "-c", $script]}]'
}

# Each kind appends its name and the state that it was given to a file of its own.
hook_each() { # KIND...
	local kind
	for kind; do hook "$kind" "echo $kind >>$BATS_TEST_TMPDIR/order; cat >$BATS_TEST_TMPDIR/$kind"; done
}

state_given_to() { jq -r "$2" "$BATS_TEST_TMPDIR/$1"; } # KIND FILTER

@test "hooks run in the order of the lifecycle, each with the state of its moment" {
	args sleep 100
	hook_each poststop poststart createRuntime prestart
	create
	[ "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/order")" = "prestart createRuntime " ]
	pid=$(pid_of "$id")
	for kind in prestart createRuntime; do
		[ "$(state_given_to "$kind" '.status, .id, .pid, .bundle' | tr '\n' ' ')" = "creating $id $pid $bundle " ]
	done
	husk start "$id"
	[ "$(state_given_to poststart '.status, .pid' | tr '\n' ' ')" = "running $pid " ]
	husk delete --force "$id"
	[ "$(state_given_to poststop '.status, .id' | tr '\n' ' ')" = "stopped $id " ]
	[ "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/order")" = "prestart createRuntime poststart poststop " ]
}

@test "hooks of one kind run in their order" {
	for i in 1 2 3; do hook createRuntime "echo $i >>$BATS_TEST_TMPDIR/order"; done
	try run --id "$id" "$bundle"
	expect 0
	[ "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/order")" = "1 2 3 " ]
}

@test "createRuntime runs in the runtime's namespaces, createContainer in the container's, both before pivot" {
	hook createRuntime "readlink /proc/self/ns/mnt /proc/self/ns/net >$BATS_TEST_TMPDIR/runtime; pwd >>$BATS_TEST_TMPDIR/runtime"
	hook createContainer "readlink /proc/self/ns/mnt /proc/self/ns/net >$BATS_TEST_TMPDIR/container; jq -r .pid >>$BATS_TEST_TMPDIR/container; pwd >>$BATS_TEST_TMPDIR/container"
	args sleep 100
	create
	readlink /proc/self/ns/mnt /proc/self/ns/net >"$BATS_TEST_TMPDIR/here"
	diff <(cat "$BATS_TEST_TMPDIR/here" && echo "$bundle") "$BATS_TEST_TMPDIR/runtime"
	pid=$(pid_of "$id")
	diff <(readlink "/proc/$pid/ns/mnt" "/proc/$pid/ns/net" && echo 1 && echo "$bundle") "$BATS_TEST_TMPDIR/container"
	husk delete --force "$id"
}

@test "what createContainer mounts on the root's path is in the container, and not on the host" {
	own_rootfs
	hook createContainer "mkdir -p rootfs/from-hook && mount -t tmpfs hook rootfs/from-hook && echo mounted >rootfs/from-hook/file"
	in_container 'cat /from-hook/file; mount | grep -c " /proc "'
	expect 0 "mounted
1"
	[ ! -e "$bundle/rootfs/from-hook/file" ]
}

@test "startContainer runs at start, inside, as the user and in the environment of the program" {
	own_rootfs
	mkdir -m 777 "$bundle/rootfs/shared"
	config '.process.user = {"uid": 1000, "gid": 1000} | .root.readonly = false | .process.env += ["NAME=value"]'
	hook startContainer 'cat >/shared/state; id -u >/shared/id; echo $NAME >>/shared/id; hostname >>/shared/id'
	args sleep 100
	create
	[ ! -e "$bundle/rootfs/shared/id" ]
	husk start "$id"
	[ "$(cat "$bundle/rootfs/shared/id")" = "1000
value
husk" ]
	[ "$(jq -r '.status, .pid' "$bundle/rootfs/shared/state" | tr '\n' ' ')" = "created 1 " ]
	husk delete --force "$id"
}

@test "a hook has exactly the arguments and the environment that it asks for" {
	cat >"$BATS_TEST_TMPDIR/hook" <<-END
		#!/bin/sh
		{ tr '\0' ' ' </proc/\$\$/cmdline; tr '\0' ' ' </proc/\$\$/environ; } >$BATS_TEST_TMPDIR/seen
	END
	chmod +x "$BATS_TEST_TMPDIR/hook"
	config --arg path "$BATS_TEST_TMPDIR/hook" \
		'.hooks.prestart = [{"path": $path, "args": ["zero", "one", "t w o"], "env": ["A=1", "B=2"]}]'
	try run --id "$id" "$bundle"
	expect 0
	[ "$(cat "$BATS_TEST_TMPDIR/seen")" = "/bin/sh $BATS_TEST_TMPDIR/hook one t w o A=1 B=2 " ]
}

@test "a hook without an environment has the runtime's" {
	hook prestart "echo \$HUSK_TEST_MARK >$BATS_TEST_TMPDIR/seen"
	try run --id "$id" "$bundle"
	expect 0
	[ "$(cat "$BATS_TEST_TMPDIR/seen")" = "$mark" ]
}

@test "a hook that fails before start: an error with its output, no container, and poststop has run" {
	for kind in prestart createRuntime createContainer; do
		make_bundle "$bundle"
		rm -f "$BATS_TEST_TMPDIR/order"
		hook "$kind" 'echo to stdout; echo the reason >&2; exit 3'
		hook_each poststop
		try create --bundle "$bundle" "$id"
		expect_error 1 "config.json: hooks.${kind}[0]: run the hook /bin/sh" "exit code 3: the reason"
		[ ! -e "$state/$id" ]
		[ "$(cat "$BATS_TEST_TMPDIR/order")" = poststop ]
	done
}

@test "the first hook that fails is the last that runs" {
	hook prestart "exit 1"
	hook prestart "touch $BATS_TEST_TMPDIR/ran"
	hook createRuntime "touch $BATS_TEST_TMPDIR/ran"
	try run --id "$id" "$bundle"
	expect_error 125 "hooks.prestart[0]"
	[ ! -e "$BATS_TEST_TMPDIR/ran" ]
}

@test "a startContainer hook that fails: start is an error, the program never runs, and the container is gone" {
	own_rootfs
	sh_args 'touch /ran'
	hook startContainer 'echo not today; exit 4'
	hook_each poststop
	create
	try start "$id"
	expect_error 1 "config.json: hooks.startContainer[0]" "exit code 4: not today"
	[ ! -e "$bundle/rootfs/ran" ] && [ ! -e "$state/$id" ]
	[ "$(cat "$BATS_TEST_TMPDIR/order")" = poststop ]
}

@test "a poststart hook that fails: start is an error, the program is ended, and the container is gone" {
	args sleep 100
	hook poststart 'exit 5'
	hook_each poststop
	create
	try start "$id"
	expect_error 1 "config.json: hooks.poststart[0]" "exit code 5"
	[ ! -e "$state/$id" ] && [ "$(cat "$BATS_TEST_TMPDIR/order")" = poststop ]
	try run --id "$id" "$bundle"
	expect_error 125 "hooks.poststart[0]"
}

@test "a poststop hook that fails is a warning, and the rest runs" {
	hook poststop 'exit 6'
	hook_each poststop
	try --log-level warning run --id "$id" "$bundle"
	expect 0
	[[ $stderr == "husk: warning: hooks.poststop[0]: "*"exit code 6"* ]]
	[ "$(cat "$BATS_TEST_TMPDIR/order")" = poststop ]
}

@test "a hook that takes too long is killed with its children" {
	config '.hooks.prestart = [{"path": "/bin/sh", "args": ["sh", "-c", "sleep 1000; true"], "timeout": 1}]'
	try run --id "$id" "$bundle"
	expect_error 125 "hooks.prestart[0]" "killed after its timeout"
	[ -z "$(marked)" ]
}

@test "a hook that is not there, not a program, or ended by a signal" {
	config '.hooks.prestart = [{"path": "/does/not/exist"}]'
	try run --id "$id" "$bundle"
	expect_error 125 "hooks.prestart[0]: run the hook /does/not/exist: No such file or directory"
	config '.hooks.prestart = [{"path": "/etc/passwd"}]'
	try run --id "$id" "$bundle"
	expect_error 125 "hooks.prestart[0]: run the hook /etc/passwd: Permission denied"
	config '.hooks.prestart = [{"path": "/bin/sh", "args": ["sh", "-c", "kill -9 $$"]}]'
	try run --id "$id" "$bundle"
	expect_error 125 "hooks.prestart[0]" "ended by signal 9"
	config '.hooks = {"startContainer": [{"path": "/does/not/exist"}]}'
	try run --id "$id" "$bundle"
	expect_error 125 "hooks.startContainer[0]: run the hook /does/not/exist: No such file or directory"
}

@test "a hook that does not read its input, with a state larger than a pipe" {
	config '.annotations = {"big": ("x" * 200000)}'
	hook prestart true
	hook createRuntime "jq -r '.annotations.big | length' >$BATS_TEST_TMPDIR/length"
	try run --id "$id" "$bundle"
	expect 0
	[ "$(cat "$BATS_TEST_TMPDIR/length")" = 200000 ]
}

@test "a hook that leaves a child with its output open does not hold up the container" {
	hook prestart 'sleep 3111 & echo done'
	later pkill -xf "sleep 3111"
	try run --id "$id" "$bundle"
	expect 0
	pgrep -xf "sleep 3111"
}

@test "annotations send what hooks write to files" {
	config --arg out "$BATS_TEST_TMPDIR/out" --arg err "$BATS_TEST_TMPDIR/err" \
		'.annotations = {"run.oci.hooks.stdout": $out, "run.oci.hooks.stderr": $err}'
	hook prestart 'echo one; echo two >&2'
	hook poststop 'echo three'
	try run --id "$id" "$bundle"
	expect 0
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = "one
three" ] && [ "$(cat "$BATS_TEST_TMPDIR/err")" = two ]
}

@test "the network namespace is there for createRuntime, as libnetwork-setkey finds it" {
	hook createRuntime "readlink /proc/\$(jq -r .pid)/ns/net >$BATS_TEST_TMPDIR/net"
	args sleep 100
	create
	[ "$(cat "$BATS_TEST_TMPDIR/net")" = "$(readlink "/proc/$(pid_of "$id")/ns/net")" ]
	husk delete --force "$id"
}

@test "hooks with faults are refused before anything is made" {
	config '.hooks = {"prestart": [{"path": "relative"}], "poststart": [{"args": ["x"]}], "poststop": [{"path": "/x", "timeout": 0}]}'
	try create --bundle "$bundle" "$id"
	expect 1
	[[ $stderr == *"hooks.prestart[0].path: "*"absolute"* ]]
	[[ $stderr == *"hooks.poststart[0].path: "*"required"* ]]
	[[ $stderr == *"hooks.poststop[0].timeout: "* ]]
	[ ! -e "$state/$id" ]
}
