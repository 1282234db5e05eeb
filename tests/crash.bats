#!/usr/bin/env bats
# husk is killed at each of its system calls in turn; what it leaves behind, `husk delete --force` takes away.
load lib/husk

# Every call on a machine that is fast enough, every so many-th on one that is not.
stride=${HUSK_TEST_STRIDE:-1}

# The calls that a command makes: "openat 1", "openat 2", "fstat 1"...
calls_of() { # COMMAND...
	HUSK_TEST_MARK=$mark traced -o "$BATS_TEST_TMPDIR/trace" -- "$HUSK" --root "$state" "$@"
	sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' "$BATS_TEST_TMPDIR/trace" | awk -v stride="$stride" \
		'$1 != "exit_group" && NR % stride == 0 { print $1, ++seen[$1]; next } { ++seen[$1] }'
}

killed_at() { # CALL NUMBER COMMAND...
	local call=$1 number=$2
	shift 2
	# In a shell of its own, which keeps its word on who was killed to itself.
	(HUSK_TEST_MARK=$mark traced -o /dev/null --inject="$call:signal=SIGKILL:when=$number" -- \
		"$HUSK" --root "$state" "$@" || exit) >"$BATS_TEST_TMPDIR/out" 2>&1
}

nothing_is_left() {
	[ -z "$(husk list -q)" ] && [ ! -e "$state/$id" ] && [ ! -e "$cgroups/husk-$id" ] && [ -z "$(marked)" ]
}

# Prepares, kills, deletes, looks; for each call of COMMAND.
at_each_call() { # PREPARATION COMMAND...
	local prepare=$1 call number killed=0
	shift
	"$prepare"
	calls_of "$@" >"$BATS_TEST_TMPDIR/calls"
	husk delete --force "$id"
	while read -r call number; do
		"$prepare"
		killed_at "$call" "$number" "$@" || ((killed += 1))
		husk delete --force "$id" || fail "delete --force after $* was killed at $call $number"
		nothing_is_left || fail "$* killed at $call $number left: $(find "$state" "$cgroups/husk-$id" 2>&1; marked)"
	done <"$BATS_TEST_TMPDIR/calls"
	echo "# $1: killed at $killed of its calls" >&3
	[ "$killed" -ge $((20 / stride)) ]
}

setup() {
	strace -qq -o /dev/null true 2>/dev/null || lacking "strace cannot trace here"
	setup_bundle
	args sleep 1000
}

nothing() { :; }
a_created_one() { husk create --bundle "$bundle" "$id"; }
a_running_one() { husk run --detach --bundle "$bundle" "$id"; }

@test "create is killed at each system call" {
	at_each_call nothing create --bundle "$bundle" "$id"
}

@test "run is killed at each system call" {
	at_each_call nothing run --detach --bundle "$bundle" "$id"
}

@test "run in a user namespace is killed at each system call" {
	needs_userns
	config '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 1000}]
		| .linux.gidMappings = .linux.uidMappings'
	own_rootfs
	chown -R 100000:100000 "$bundle"
	chmod 755 "$BATS_TEST_TMPDIR" "$bundle"
	at_each_call nothing run --detach --bundle "$bundle" "$id"
}

@test "start is killed at each system call" {
	at_each_call a_created_one start "$id"
}

@test "delete --force is killed at each system call" {
	at_each_call a_running_one delete --force "$id"
}

@test "exec is killed at each system call" {
	at_each_call a_running_one exec --detach "$id" sleep 500
}

@test "create and start with hooks of every kind are killed at each system call" {
	local kind
	for kind in prestart createRuntime createContainer startContainer poststart; do
		config --arg kind $kind '.hooks[$kind] = [{"path": "/bin/true"}]'
	done
	config '.hooks.startContainer[0].path = "/bin/busybox" | .hooks.startContainer[0].args = ["true"]'
	at_each_call nothing create --bundle "$bundle" "$id"
	at_each_call a_created_one start "$id"
}

@test "the container's first process dies before its program runs, and husk takes everything away" {
	local call
	# With -f; husk itself makes none of these calls.
	for call in pivot_root sethostname setgroups capset; do
		(HUSK_TEST_MARK=$mark traced -f -o /dev/null --inject="$call:signal=SIGKILL:when=1" -- \
			"$HUSK" --root "$state" run --bundle "$bundle" "$id" || exit) >"$BATS_TEST_TMPDIR/out" 2>&1 && fail "not killed at $call"
		grep -q 'husk: .*first process' "$BATS_TEST_TMPDIR/out" || fail "at $call: $(cat "$BATS_TEST_TMPDIR/out")"
		nothing_is_left || fail "killed at $call: something is left"
	done
}
