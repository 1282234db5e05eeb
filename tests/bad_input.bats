#!/usr/bin/env bats
# What is wrong with a bundle, a config or an id is told in one clear line, and nothing is left behind (see teardown).
load lib/husk

@test "no bundle, no config.json, and a bundle that is a file" {
	try run --id "$id" "$BATS_TEST_TMPDIR/nowhere/"
	expect_error 125 "$BATS_TEST_TMPDIR/nowhere" "No such file or directory"
	rm "$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json" "No such file or directory"
	touch "$BATS_TEST_TMPDIR/file"
	try run --id "$id" "$BATS_TEST_TMPDIR/file/"
	expect_error 125 "$BATS_TEST_TMPDIR/file" "Not a directory"
}

@test "a config.json that is a folder, a fifo or too large is never read" {
	rm "$bundle/config.json"
	mkdir "$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json"
	rmdir "$bundle/config.json"
	mkfifo "$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json" "regular file"
	rm "$bundle/config.json"
	truncate -s 65M "$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json" "67108864 bytes"
}

@test "broken JSON: the line and the column" {
	printf '{\n  "ociVersion": "1.0.2",\n  "process": {]\n}\n' >"$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json" "line 3"
	for text in '' '[]' '"x"' '{"ociVersion": "1.0.2"' '{"ociVersion": "1.0.2"} {}' "{\"ociVersion\": \"1.0.2\", \"a\": nul}"; do
		printf '%s' "$text" >"$bundle/config.json"
		try run --id "$id" "$bundle/"
		expect_error 125 "config.json"
	done
}

@test "JSON nested too deep, a key given twice, a number too large" {
	{ printf '{"ociVersion": "1.0.2", "x": ' && printf '[%.0s' {1..70} && printf ']%.0s' {1..70} && printf '}'; } >"$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json" "64"
	printf '{"ociVersion": "1.0.2", "ociVersion": "1.0.2"}' >"$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect 125
	[[ $stderr == *"ociVersion"* ]]
	make_bundle "$bundle"
	config '.linux.resources.memory.limit = 4242'
	sed -i s/4242/9223372036854775808/ "$bundle/config.json"
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json: linux.resources.memory.limit" "9223372036854775808"
}

@test "wrong types at every level name the path, what was found and what is allowed" {
	while IFS='|' read -r path value words; do
		make_bundle "$bundle"
		config "$path = $value"
		try run --id "$id" "$bundle/"
		expect_error 125 "config.json: ${path#.}: " "$words"
	done <<'CASES'
.process.args|"sh"|found "sh"
.process.args|[]|at least one
.process.args[0]|5|found 5
.process.cwd|"relative"|absolute
.process.env|{}|found
.process.user.uid|-1|found -1
.process.user.uid|"root"|found "root"
.process.rlimits[0].soft|"many"|expected an unsigned integer, found "many"
.process.rlimits[0].type|"RLIMIT_NONE"|RLIMIT_NONE
.process.capabilities|[]|found
.root|"rootfs"|found "rootfs"
.root.readonly|1|found 1
.mounts|{}|found
.mounts[1].destination|7|found 7
.linux.namespaces[0].type|"pod"|"pod"
.linux.resources.pids.limit|"x"|found "x"
.linux.rootfsPropagation|"sideways"|sideways
.hostname|["a"]|found
.ociVersion|"2.0.0"|2.0.0
CASES
}

@test "all faults are told in one go, each in a line of its own" {
	config '.process.cwd = 5 | .hostname = 6 | .linux.resources.pids.limit = "x" | del(.root)'
	try run --id "$id" "$bundle/"
	expect 125
	for path in process.cwd hostname linux.resources.pids.limit root; do
		grep -q "config.json: $path: " <<<"$stderr" || fail "$path is missing in $stderr"
	done
	[ "$(wc -l <<<"$stderr")" -eq 4 ]
}

@test "text from a config is harmless for the terminal" {
	config '.process.cwd = "a\u001b[31mred\nnew line"'
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json: process.cwd"
	[[ $stderr != *$'\e'* ]]
}

@test "a rootfs that is missing, a file or a dangling link" {
	config '.root.path = "nowhere"'
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json: root.path" "$bundle/nowhere" "No such file or directory"
	config '.root.path = "config.json"'
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json: root.path" "Not a directory"
	ln -s nowhere "$bundle/link"
	config '.root.path = "link"'
	try run --id "$id" "$bundle/"
	expect_error 125 "config.json: root.path"
}

@test "an id with a slash, of 2000 characters, of dots, of other signs" {
	for bad in a/b "$(printf 'a%.0s' {1..2000})" . .. .hidden 'a b' 'ä' $'a\nb'; do
		try run --id "$bad" "$bundle/"
		expect_error 125 "id"
	done
	[ ! -e "$state" ] || [ -z "$(ls "$state")" ]
	try state ../x
	expect_error 1 "id"
}

@test "an id in use is refused, and its container lives on" {
	sh_args 'sleep 100'
	husk create --bundle "$bundle" "$id"
	for command in run create; do
		try "$command" --bundle "$bundle" "$id"
		[ "$status" -ne 0 ]
		[[ $stderr == *"$id"*"already"* ]]
	done
	is_status "$id" created
}

@test "a bundle on a read-only file system runs" {
	mkdir "$BATS_TEST_TMPDIR/ro"
	mount -t tmpfs tmpfs "$BATS_TEST_TMPDIR/ro"
	later umount "$BATS_TEST_TMPDIR/ro"
	cp -a "$bundle" "$BATS_TEST_TMPDIR/ro/"
	mount -o remount,ro "$BATS_TEST_TMPDIR/ro"
	bundle=$BATS_TEST_TMPDIR/ro/bundle
	try run --id "$id" "$bundle/"
	expect 0
}

@test "no space left for the state" {
	mkdir "$state"
	mount -t tmpfs -o mode=700,size=4k,nr_inodes=2 tmpfs "$state"
	later umount "$state"
	try run --id "$id" "$bundle/"
	expect_error 125 "No space left on device"
	mount -o remount,mode=700,size=4k,nr_inodes=50 "$state"
	dd if=/dev/zero of="$state/.full" bs=4k count=1 2>/dev/null
	try run --id "$id" "$bundle/"
	expect_error 125 "No space left on device"
	rm "$state/.full"
}

@test "a state root that cannot be made" {
	touch "$state"
	try run --id "$id" "$bundle/"
	expect_error 125 "$state"
	rm "$state"
}
