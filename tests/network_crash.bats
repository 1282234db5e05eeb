#!/usr/bin/env bats
# husk is killed at its system calls while it makes or ends a container with a network; what it leaves behind, `husk delete
# --force` takes away. As crash.bats, but at every so many-th call: most of them are the same as there.
# shellcheck disable=SC2016,SC2154 # variables of jq, of bash -c, and of tests/lib
load lib/husk
load lib/network

stride=${HUSK_TEST_STRIDE:-9}

husk_traced() { # STRACE-OPTIONS... -- ARGUMENTS...
	local options=()
	while [ "$1" != -- ]; do options+=("$1") && shift; done
	shift
	inside env HUSK_TEST_MARK="$mark" ASAN_OPTIONS=detect_leaks=0 strace -qq "${options[@]}" "$HUSK" --root "$state" --store "$store" \
		"$@" 3>&-
}

nothing_is_left() {
	[ ! -e "$state/$id" ] && [ -z "$(links)" ] && [ -z "$(ls "$store/networks/husk/leases")" ] &&
		! inside nft list ruleset | grep -q "$id" && ! marked | grep -qv 'sleep 1000'
}

at_calls() { # PREPARATION ARGUMENTS...
	local prepare=$1 call number killed=0
	shift
	"$prepare"
	husk_traced -o "$BATS_TEST_TMPDIR/trace" -- "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null
	sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' "$BATS_TEST_TMPDIR/trace" | awk -v stride="$stride" \
		'$1 != "exit_group" && NR % stride == 0 { print $1, ++seen[$1]; next } { ++seen[$1] }' >"$BATS_TEST_TMPDIR/calls"
	husk delete --force "$id"
	while read -r call number; do
		"$prepare"
		(husk_traced -o /dev/null --inject="$call:signal=SIGKILL:when=$number" -- "$@" || exit) \
			>"$BATS_TEST_TMPDIR/out" 2>&1 </dev/null || ((killed += 1))
		husk delete --force "$id" || fail "delete --force after $* was killed at $call $number"
		nothing_is_left || fail "$* killed at $call $number left: $(links; ls "$store"/networks/husk/leases; inside nft list ruleset | grep "$id")"
	done <"$BATS_TEST_TMPDIR/calls"
	echo "# $1: killed at $killed of its calls" >&3
	[ "$killed" -ge $((100 / stride)) ]
}

nothing() { :; }
a_running_one() { start -p 8080:80 -p 53:53/udp --network-rate out=1mbit --bundle "$bundle" "$id"; }

setup() {
	strace -qq -o /dev/null true 2>/dev/null || lacking "strace cannot trace here"
	setup_bundle
	make_hosts
	args sleep 1000
}

@test "create with a network and ports is killed at its system calls" {
	at_calls nothing create -p 8080:80 -p 53:53/udp --network-rate out=1mbit --bundle "$bundle" "$id"
}

@test "delete --force of a container with a network is killed at its system calls" {
	at_calls a_running_one delete --force "$id"
}
