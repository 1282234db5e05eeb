#!/usr/bin/env bats
# What is typed and what is printed: options, help, messages, the config and the plan that husk writes.
# places: native sanitized
load lib/husk

commands="run create start state list kill delete spec plan"

# ---- help and versions ----

@test "--help and help name every command, on standard output" {
	for words in --help help -h; do
		try $words
		expect 0
		[ -z "$stderr" ]
		for command in $commands; do [[ $output == *"  $command "* ]] || fail "no $command in $words"; done
	done
}

@test "every command has help with an example" {
	for command in $commands; do
		try "$command" --help
		expect 0
		[[ $output == "Usage: husk $command "* && $output == *"Examples:
  "* ]] || fail "$output"
		[ "$output" = "$(husk help "$command")" ]
	done
}

@test "--version names husk, its commit and the specification" {
	try --version
	expect 0
	[[ ${lines[0]} =~ ^husk\ version\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	[[ ${lines[1]} == "commit: "* ]]
	[[ ${lines[2]} =~ ^spec:\ 1\.[0-9]+\.[0-9]+$ ]]
}

# ---- mistakes ----

@test "a mistyped command or option is an error that names the nearest" {
	try rnu
	expect_error 125 'unknown command "rnu"' "did you mean run?"
	try run --bunlde x
	expect_error 125 "--bunlde" "--bundle"
	try list --formt json
	expect_error 1 "--formt" "--format"
}

@test "a missing or superfluous argument is an error with the usage" {
	try kill
	expect_error 1 "kill requires an argument" "ID [SIGNAL]"
	try list one
	expect_error 1 'unexpected argument "one"'
	try
	expect_error 125 "a command is missing"
}

@test "a value that an option does not know is an error with those it knows" {
	try list --format xml
	expect_error 1 "--format" "table, json" '"xml"'
	try --log-format xml list
	expect_error 125 "text, json"
	try run --preserve-fds many "$bundle"
	expect_error 125 "--preserve-fds" '"many"'
}

@test "options may be spelled with = and after the arguments, and end at --" {
	expect_list() { [ "$(husk "$@")" = "[]" ]; }
	expect_list list --format=json
	expect_list list -f json
	expect_list list -fjson
	husk create --bundle="$bundle" "$id"
	husk delete "$id" --force
	try state -- --help
	expect_error 1
}

# ---- messages ----

@test "messages go to standard error, and to the log as well" {
	try --log "$BATS_TEST_TMPDIR/log" state nobody
	expect_error 1 'husk: container "nobody" does not exist'
	grep -q 'container "nobody" does not exist' "$BATS_TEST_TMPDIR/log"
}

@test "the log in JSON has a line an event, which callers parse" {
	try --log "$BATS_TEST_TMPDIR/log" --log-format json state nobody
	expect 1
	[ "$(jq -r .level "$BATS_TEST_TMPDIR/log")" = error ]
	[[ $(jq -r .msg "$BATS_TEST_TMPDIR/log") == *'container "nobody" does not exist'* ]]
	jq -re .time "$BATS_TEST_TMPDIR/log"
}

@test "what a config holds cannot write escape sequences on the terminal" {
	args $'\e]0;title\a'
	try run --id "$id" "$bundle"
	expect_error 127 '\x1B]0;title\x07'
	[[ $stderr != *$'\e'* ]]
}

@test "a command whose output cannot be written says so" {
	[ -e /dev/full ] || skip "no /dev/full"
	run -1 bash -c "'$HUSK' --root '$state' list -f json 2>&1 >/dev/full"
	[[ $output == *"No space left on device"* ]]
	run -1 bash -c "'$HUSK' plan '$bundle' 2>&1 >/dev/full"
	[[ $output == *"No space left on device"* ]]
}

# ---- spec ----

@test "spec writes a config that runs as it is" {
	mkdir "$BATS_TEST_TMPDIR/new"
	cp -a "$BATS_FILE_TMPDIR/rootfs" "$BATS_TEST_TMPDIR/new/rootfs"
	husk spec --bundle "$BATS_TEST_TMPDIR/new"
	run script -qefc "HUSK_TEST_MARK=$mark '$HUSK' --root '$state' run '$BATS_TEST_TMPDIR/new'" /dev/null < <(echo 'echo $((6 * 7)); exit 5')
	[ "$status" -eq 5 ]
	[[ $output == *42* ]]
}

@test "spec does not overwrite a config" {
	before=$(cat "$bundle/config.json")
	try spec --bundle "$bundle"
	expect_error 1 "config.json exists already"
	[ "$before" = "$(cat "$bundle/config.json")" ]
}

@test "spec --rootless maps the caller's ids" {
	mkdir "$BATS_TEST_TMPDIR/new"
	husk spec --rootless --bundle "$BATS_TEST_TMPDIR/new"
	jq -e --argjson uid "$(id -u)" '.linux.uidMappings == [{"containerID": 0, "hostID": $uid, "size": 1}] and
		([.linux.namespaces[].type] | contains(["user"]) and (contains(["network"]) | not))' "$BATS_TEST_TMPDIR/new/config.json" ||
		fail "$(jq -c .linux "$BATS_TEST_TMPDIR/new/config.json")"
}

# ---- plan ----

@test "plan says what run would do, for anybody, and touches nothing" {
	config '.hostname = "box" | .linux.resources.memory.limit = 1048576 | .linux.cgroupsPath = "/a/b"'
	local public
	public=$(mktemp -d "$TMPDIR/public.XXXXXX") && later rm -rf "$public"
	chmod 755 "$public" && cp "$bundle/config.json" "$public"
	run traced -f -o "$BATS_TEST_TMPDIR/trace" -- setpriv --reuid 65534 --regid 65534 --clear-groups "$HUSK" plan --id web "$public"
	expect 0
	[[ $output == *"container: web"*"cgroup: a/b"*'write "1048576" to memory.max'*"mount proc on /proc  [mounts[0]]"*"set the host name to box  [hostname]"*'exec "true"'* ]] || fail "$output"
	# Since the last exec, for the launcher tries to make a copy of its own that nobody can change.
	changes=$(tac "$BATS_TEST_TMPDIR/trace" | sed '/ exec[a-z]*(/q' |
		grep -E ' (mkdir|mkdirat|mount|move_mount|fsopen|unshare|setns|clone3|bpf|pivot_root|unlinkat|renameat2)\(' || true)
	[ -z "$changes" ] || fail "plan touched the system: $changes"
}

@test "plan --format json has the same steps as data" {
	try plan --format json "$bundle"
	expect 0
	jq -e '.steps | map(select(.kind == "mount" and .origin == "mounts[0]" and .what == "mount proc on /proc")) | length == 1' <<<"$output"
	jq -e '.namespaces | map(select(.type == "pid").action) == ["new"]' <<<"$output"
	jq -e '.steps[-1].kind == "exec"' <<<"$output"
	[ "$(jq '.steps | length' <<<"$output")" -eq "$(husk plan "$bundle" | grep -c '^ *[0-9]\+  ')" ]
}

@test "plan lists every fault of the config at once, in lines of their own" {
	config '.process.rlimits[0].soft = "many" | .hostname = 7 | .linux.namespaces[0].type = "pidd"'
	try plan "$bundle"
	expect 1 ""
	[ "${#stderr_lines[@]}" -ge 3 ]
	[[ $stderr == *'config.json: process.rlimits[0].soft: expected an unsigned integer, found "many"'* ]] || fail "$stderr"
	[[ $stderr == *'config.json: hostname: '* ]]
	[[ $stderr == *'config.json: linux.namespaces[0].type: '*'pidd'* ]]
}

# ---- completion ----

# What bash would offer for the last word.
completed() { # WORD...
	# shellcheck source=/dev/null
	source "$tree/contrib/husk.bash"
	COMP_WORDS=(husk "$@") COMP_CWORD=$#
	_husk "$HUSK" "${!#}"
	echo "${COMPREPLY[*]}"
}

@test "completion offers commands, options and ids" {
	[ "$(completed pl)" = plan ]
	[ "$(completed --log-f)" = --log-format ]
	[ "$(completed run --det)" = --detach ]
	[ "$(completed --root "$state" delete "")" = "" ]
	husk create --bundle "$bundle" "$id"
	[ "$(completed --root "$state" delete "")" = "$id" ]
	[ "$(completed --log-level debug sta)" = "start state stats" ]
}

@test "a word of docker's is answered with husk's" {
	try rm web
	expect_error 125 'unknown command "rm" (here it is husk delete)'
	try inspect web
	expect_error 125 'here it is husk state or husk image inspect'
}
