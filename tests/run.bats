#!/usr/bin/env bats
# husk run: the main job.
# places: native sanitized
load lib/husk

@test "run ends with the program's exit code" {
	in_container 'exit 42'
	expect 42
}

@test "run ends with 128 plus the signal that killed the program" {
	in_container 'kill -KILL $$; sleep 9'
	expect 0 # a first process ignores a signal that it sends to itself [pid_namespaces(7)]
	sh_args 'sleep 100'
	husk run --id "$id" "$bundle" &
	eventually is_status "$id" running
	husk kill "$id" KILL
	wait $! || code=$?
	[ "$code" -eq 137 ]
}

@test "run takes a bundle by its path and names the container after the folder" {
	sh_args 'cat /proc/sys/kernel/hostname; sleep 100'
	husk run "$bundle/" >"$BATS_TEST_TMPDIR/out" &
	eventually is_status bundle running
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = husk ]
	husk kill bundle KILL
	wait $! || true
}

@test "run takes a bundle by the name of its folder" {
	cd "$BATS_TEST_TMPDIR"
	args echo hello
	try run bundle
	expect 0 hello
}

@test "run takes an id and --bundle, as crun and runc do" {
	args echo hello
	try run --bundle "$bundle" "$id"
	expect 0 hello
	cd "$bundle"
	try run "$id"
	expect 0 hello
}

@test "run passes standard input, output and error through unchanged" {
	sh_args 'cat; echo error >&2'
	run --separate-stderr husk run --id "$id" "$bundle" < <(printf 'a\0b' | base64)
	expect 0 "$(printf 'a\0b' | base64)"
	[ "$stderr" = error ]
}

@test "a large output comes through whole" {
	sh_args 'dd if=/dev/zero bs=1M count=64 2>/dev/null'
	[ "$(husk run --id "$id" "$bundle" | wc -c)" -eq 67108864 ]
}

@test "run forwards signals to the program" {
	sh_args 'trap "echo got it; exit 3" HUP; echo ready; while :; do sleep 0.1; done'
	husk run --id "$id" "$bundle" >"$BATS_TEST_TMPDIR/out" &
	eventually grep -q ready "$BATS_TEST_TMPDIR/out"
	kill -HUP "$(pgrep -P $! -x husk || echo $!)"
	wait $! || code=$?
	[ "$code" -eq 3 ]
	grep -q 'got it' "$BATS_TEST_TMPDIR/out"
}

@test "run leaves nothing on standard error" {
	try run --id "$id" "$bundle"
	expect 0 ""
	[ -z "$stderr" ]
}

@test "run --detach leaves the container running" {
	args sleep 100
	husk run --detach --pid-file "$BATS_TEST_TMPDIR/pid" --id "$id" "$bundle" </dev/null >/dev/null 2>&1
	[ "$(status_of "$id")" = running ]
	[ "$(cat "$BATS_TEST_TMPDIR/pid")" = "$(pid_of "$id")" ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/pid")" -eq 0 ]
	husk delete --force "$id"
}

@test "run --keep leaves the stopped container to be deleted" {
	try run --keep --id "$id" "$bundle"
	expect 0
	[ "$(status_of "$id")" = stopped ]
	husk delete "$id"
}

@test "what the program leaves behind ends with it" {
	config 'del(.linux.namespaces[] | select(.type == "pid"))'
	in_container 'sleep 1000 & exit 0'
	expect 0
}

@test "the program sees only the descriptors it was given" {
	exec 7<"$bundle" 8<"$bundle/config.json"
	in_container 'ls /proc/self/fd | tr "\n" " "'
	expect 0 "0 1 2 3 " # 3 is the folder that ls reads
}

@test "--preserve-fds passes descriptors on" {
	sh_args 'cat <&3'
	run husk run --preserve-fds 1 --id "$id" "$bundle" 3<<<through
	expect 0 through
}

@test "--preserve-fds of a descriptor that is not open is refused" {
	try run --preserve-fds 64 --id "$id" "$bundle"
	expect_error 125 "descriptor" "is not open"
}

@test "husk works with standard descriptors closed" {
	args sh -c 'ls /proc/self/fd | wc -l'
	husk run --id "$id" "$bundle" <&- 2>&-
	husk run --id "$id" "$bundle" >&- 2>&- <&-
}

@test "a Debian made by mmdebstrap runs apt-get under husk" {
	debian=${HUSK_TEST_DEBIAN:-$("$tree/tests/vm/root")}
	config --arg root "$debian" '.root.path = $root'
	args bash -c 'apt-get --version'
	try run --id "$id" "$bundle"
	expect 0
	[[ $output == "apt "* ]]
}

@test "fifty containers at once have nothing to do with each other" {
	args sh -c 'echo $$ $(hostname)'
	for i in $(seq 50); do
		husk run --id "$id-$i" "$bundle" >"$BATS_TEST_TMPDIR/out.$i" 2>&1 &
	done
	wait
	[ "$(cat "$BATS_TEST_TMPDIR"/out.* | sort | uniq -c | sed 's/^ *//')" = "50 1 husk" ]
}
