#!/usr/bin/env bats
# husk run --image: from an image to a process: config, users, mounts, volumes, layers and their end.
load lib/husk
load lib/image

# ---- the program ----

@test "the image's entrypoint and command run; words of ours take the command's place" {
	image both '{"Entrypoint": ["echo", "entry"], "Cmd": ["cmd"]}'
	box=both boxed && expect 0 "entry cmd"
	box=both boxed -- words -x --help && expect 0 "entry words -x --help"
	box=both boxed --entrypoint printf '%s\n' one && expect 0 one
	box=both boxed --entrypoint "" echo bare && expect 0 bare
	nothing_in_store
}

@test "an image without a program needs one" {
	image none '{}'
	box=none boxed
	expect_error 125 "names no program" "husk run --image none PROGRAM"
	box=none boxed echo given
	expect 0 given
}

@test "the exit code is the program's, and what cannot be run is 126 or 127" {
	boxed sh -c 'exit 42' && expect 42
	boxed /nothing && expect_error 127 /nothing
	boxed /etc/passwd && expect_error 126 /etc/passwd
	nothing_in_store
}

@test "options end at the first word, and -h is the host name" {
	boxed -h name sh -c 'hostname; echo "$@"' - --rm -v x
	expect 0 "name
--rm -v x"
}

# ---- the environment ----

@test "variables: the image's, ours over them, by name, by prefix and from files" {
	image variables '{"Env": ["A=image", "B=image", "PATH=/bin"], "Cmd": ["env"]}'
	printf '\xef\xbb\xbf# comment\n\nFILE=a b # c \nA=file\n  KEPT=x\nGIVEN\nUNSET_ONE\n' >"$BATS_TEST_TMPDIR/env"
	export GIVEN=ours PRE_1=one PRE_2=two
	box=variables boxed --env-file "$BATS_TEST_TMPDIR/env" -e A=flag -e 'PRE_*' -e UNSET_TWO
	expect 0
	for line in A=flag B=image PATH=/bin 'FILE=a b # c ' KEPT=x GIVEN=ours PRE_1=one PRE_2=two container=husk "HOSTNAME=${id:0:12}"; do
		grep -qxF "$line" <<<"$output" || fail "no line $line in: $output"
	done
	[[ $output != *UNSET* ]]
	printf 'a b=c\n' >"$BATS_TEST_TMPDIR/env"
	boxed --env-file "$BATS_TEST_TMPDIR/env" true
	expect_error 125 --env-file "is no variable"
}

@test "HOME is that of the user in the image" {
	boxed -u user sh -c 'echo $HOME' && expect 0 /home/user
	boxed sh -c 'echo $HOME' && expect 0 /root
	boxed -u 77:77 sh -c 'echo $HOME' && expect 0 /
}

@test "the working folder is the image's or ours, and made where it is missing" {
	image dir '{"WorkingDir": "/data/../home//user", "Cmd": ["pwd"]}'
	box=dir boxed && expect 0 /home/user
	box=dir boxed -w /a/b/c && expect 0 /a/b/c
	box=dir boxed --read-only -w /a/b/c && expect 0 /a/b/c
	image relative '{"WorkingDir": "var", "Cmd": ["pwd"]}'
	box=relative boxed && expect 0 /var
	boxed -w relative pwd
	expect_error 125 "--workdir" absolute
}

# ---- the user ----

@test "users and groups by name and number, with the groups of the image" {
	while IFS='|' read -r user ids; do
		boxed -u "$user" sh -c 'id -u; id -g; id -G'
		expect 0
		[ "$(xargs <<<"$output")" = "$ids" ] || fail "$user: $output"
	done <<-'END'
		user|1000 1000 1000 10 20
		1000|1000 1000 1000 10 20
		root|0 0 0 20
		user:wheel|1000 10 10
		user:7|1000 7 7
		77|77 0 0
		77:wheel|77 10 10
		77:78|77 78 78
		4294967294:4294967294|4294967294 4294967294 4294967294
	END
	image user '{"User": "user", "Cmd": ["id", "-un"]}'
	box=user boxed && expect 0 user
	box=user boxed -u root && expect 0 root
	boxed -u 1000:1000 --group-add wheel --group-add 5 id -G && expect 0 "1000 5 10"
}

@test "a user that is none is refused, and never becomes root" {
	for user in nobody: nobody user:nobody -1 +1 " 1" 0x0 1e3 4294967295 4294967296 18446744073709551616 1:4294967295 \
		1:-1 :1 user:user:user "00 " $'0\n'; do
		boxed -u "$user" id
		[ "$status" -eq 125 ] && [[ $stderr == *--user* ]] || fail "\"$user\": $status $stderr"
	done
	nothing_in_store
}

# A bomb of passwd(5) as the topmost layer.
bomb() { # NAME: makes $BATS_TEST_TMPDIR/NAME/etc
	mkdir -p "$BATS_TEST_TMPDIR/$1/etc"
	cd "$BATS_TEST_TMPDIR/$1/etc" || return
}

@test "an /etc/passwd that was made to harm its reader is refused or read as if it were not there" {
	export TIMEFORMAT=%R
	bomb fifo && mkfifo passwd
	bomb dir && mkdir passwd
	bomb zero && ln -s /dev/zero passwd
	bomb loop && ln -s passwd passwd
	bomb sparse && truncate -s 4G passwd
	bomb line && head -c 10485760 /dev/zero | tr '\0' a >passwd
	bomb nul && printf 'evil:x:0:0\0:::\nuser:x:1000:1000::/:\n' >passwd
	cd "$BATS_TEST_TMPDIR"
	for name in fifo dir zero loop sparse line nul; do
		image "$name" '{"User": "evil", "Cmd": ["id", "-u"]}' "$BATS_FILE_TMPDIR/base" "$BATS_TEST_TMPDIR/$name"
		run --separate-stderr timeout 10 "$HUSK" --root "$state" --store "$store" run --image "$name" --name "$id"
		expect_error 125 "the image's User" "/etc/passwd"
		# what needs no such file runs, and whose HOME cannot be known is /
		box=$name boxed -u 0:0 /bin/busybox env
		expect 0 && grep -qx HOME=/ <<<"$output"
	done
	bomb odd && printf 'root:x:-1:-1\nevil:x:4294967296:0\nevil:x::\nevil:x:+0:0\nevil\n:x:0:0\nlast:x:7:7::/:' >passwd
	cd "$BATS_TEST_TMPDIR"
	image odd '{"User": "evil", "Cmd": ["id", "-u"]}' "$BATS_FILE_TMPDIR/base" "$BATS_TEST_TMPDIR/odd"
	box=odd boxed
	expect_error 125 'no user "evil"'
	box=odd boxed -u last && expect 0 7
	nothing_in_store
}

@test "a million groups are refused in a moment, and as many as the kernel takes are given" {
	bomb groups && awk 'BEGIN { for (i = 0; i < 1000000; i++) print "g:x:" i ":user" }' >group
	bomb many && awk 'BEGIN { for (i = 0; i < 1000; i++) print "g:x:" i + 5000 ":user" }' >group
	cd "$BATS_TEST_TMPDIR"
	for name in groups many; do
		image "$name" '{"User": "user", "Cmd": ["id", "-G"]}' "$BATS_FILE_TMPDIR/base" "$BATS_TEST_TMPDIR/$name"
	done
	box=groups boxed
	expect_error 125 "/etc/group is larger than"
	box=many boxed && expect 0 && [ "$(wc -w <<<"$output")" -eq 1001 ]
}

# ---- what images say that they should not ----

@test "hostile image configs are refused with one line" {
	while IFS='|' read -r config words; do
		image hostile "$config"
		box=hostile boxed sh -c 'id -u'
		expect_error 125 "$words"
	done <<-'END'
		{"User": "4294967295"}|out of range
		{"User": "-1"}|no user "-1"
		{"User": "0:4294967296"}|out of range
		{"Env": ["NOTHING"]}|Env[0]: expected NAME=VALUE
		{"Env": ["=x"]}|Env[0]: expected NAME=VALUE
		{"Volumes": {"": {}}}|expected an absolute path
		{"Volumes": {"/": {}}}|expected an absolute path
		{"Volumes": {"/./..": {}}}|expected an absolute path
		{"Volumes": {"/../etc": {}}}|expected an absolute path
		{"Volumes": {"/a/..": {}}}|expected an absolute path
		{"Volumes": {"relative": {}}}|expected an absolute path
		{"Volumes": {"/a:/b": {}}}|holds a colon
		{"StopSignal": "SIGNOTHING"}|is no signal
		{"StopSignal": "99"}|is no signal
		{"WorkingDir": "/proc/self/fd/7"}|process.cwd
	END
	nothing_in_store
}

@test "a volume through a link of the image stays in the container" {
	mkdir -p "$BATS_TEST_TMPDIR/links" && ln -s ../../../../../etc "$BATS_TEST_TMPDIR/links/vol"
	ln -s "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/links/out"
	image links '{"Volumes": {"/vol/deep": {}}}' "$BATS_FILE_TMPDIR/base" "$BATS_TEST_TMPDIR/links"
	image out '{"Volumes": {"/out/x": {}}}' "$BATS_FILE_TMPDIR/base" "$BATS_TEST_TMPDIR/links"
	before=$(ls /etc)
	box=links boxed touch /etc/deep/file && expect 0
	box=out boxed true && expect_error 125 "/out/x" "symbolic link"
	[ "$before" = "$(ls /etc)" ] && [ ! -e "$BATS_TEST_TMPDIR/x" ]
}

@test "labels become annotations, those that husk and others act on do not" {
	image labels '{"Labels": {"a": "1", "org.opencontainers.image.author": "label", "org.husk.network.ports": "80", "run.oci.x": "y",
		"org.systemd.property.DefaultDependencies": "no"}, "ExposedPorts": {"80/tcp": {}, "53/udp": {}}, "StopSignal": "SIGINT",
		"author": "config", "created": "2026-01-01T00:00:00Z"}'
	husk create --image labels --label b=2 -l bare --annotation c=3 "$id" true
	husk state "$id" | jq -S '.annotations | del(.["org.husk.network"])' >"$BATS_TEST_TMPDIR/annotations"
	diff "$BATS_TEST_TMPDIR/annotations" - <<-'END'
		{
		  "a": "1",
		  "b": "2",
		  "bare": "",
		  "c": "3",
		  "org.opencontainers.image.architecture": "amd64",
		  "org.opencontainers.image.author": "label",
		  "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
		  "org.opencontainers.image.exposedPorts": "80/tcp,53/udp",
		  "org.opencontainers.image.os": "linux",
		  "org.opencontainers.image.stopSignal": "SIGINT"
		}
	END
	husk delete --force "$id"
}

# ---- layers ----

@test "upper layers hide lower ones" {
	boxed sh -c 'cat /both; ls /gone'
	[ "$status" -eq 1 ] && [ "$output" = top ]
}

@test "containers share layers, and neither another container nor the store sees what one writes" {
	before=$(layers_sum)
	husk run -d --image box --name "$id" --env HUSK_TEST_MARK sh -c 'echo mine >/both; rm -r /etc /data; chmod 700 /home; mv /home /moved;
		chown 5:5 /bin/busybox; touch /new; sleep 100' 3>&-
	eventually husk exec "$id" test -e /new
	try run --image box --name "$id-b" --env HUSK_TEST_MARK sh -c 'cat /both; ls -d /etc /data /home; echo other >/both; rm -rf /bin /home'
	expect 0 "top
/data
/etc
/home"
	[ "$(husk exec "$id" cat /both)" = mine ]
	[ "$before" = "$(layers_sum)" ]
	[ "$(cat "$store/containers/$id/upper/both")" = mine ]
	husk delete --force "$id"
	[ "$before" = "$(layers_sum)" ]
	nothing_in_store
}

@test "the host never sees the container's root" {
	husk run -d --image box --name "$id" --env HUSK_TEST_MARK sleep 100 3>&-
	[ "$(grep -c overlay /proc/self/mountinfo)" -eq "$(grep -c overlay <<<"$host_before")" ]
	[ -z "$(ls "$store/containers/$id/rootfs")" ]
	[ "$(stat -c %a "$store/containers/$id" "$store/containers" | xargs)" = "700 700" ]
	husk delete --force "$id"
}

@test "two hundred layers are one root" {
	local trees=("$BATS_FILE_TMPDIR/base") i
	for ((i = 0; i < 200; i++)); do
		mkdir -p "$BATS_TEST_TMPDIR/l$i" && echo $i >"$BATS_TEST_TMPDIR/l$i/file-$i" && echo $i >"$BATS_TEST_TMPDIR/l$i/last"
		trees+=("$BATS_TEST_TMPDIR/l$i")
	done
	image many '{}' "${trees[@]}"
	box=many boxed sh -c 'cat /last; ls / | grep -c file-; cat /file-0 /file-199; grep -o "^[^,]*" /proc/mounts | head -1'
	expect 0
	[ "$(sed -n 1,4p <<<"$output" | xargs)" = "199 200 0 199" ]
}

@test "layers on a kernel that takes them only all at once" {
	strace -qq -o /dev/null true 2>/dev/null || lacking "strace cannot trace here"
	box_traced() { run --separate-stderr traced -o "$BATS_TEST_TMPDIR/trace" "$@" -- "$HUSK" --root "$state" --store "$store" \
		run --image box --name "$id" cat /both; }
	box_traced
	expect 0 top
	local at
	at=$(grep fsconfig "$BATS_TEST_TMPDIR/trace" | grep -n 'lowerdir+' | head -1 | cut -d: -f1)
	box_traced --inject="fsconfig:error=EINVAL:when=$at"
	expect 0 top
	grep -q '"lowerdir", "[0-9]*:[0-9]*"' "$BATS_TEST_TMPDIR/trace"
}

@test "--read-only and --volatile" {
	boxed --read-only --tmpfs /tmp sh -c 'touch /x || touch /tmp/x' && expect 0
	[[ $stderr == *"Read-only file system"* ]]
	boxed --volatile sh -c 'grep -c " / overlay .*volatile" /proc/mounts' && expect 0 1
	# what goes at the end needs no syncing either
	boxed sh -c 'grep -c " / overlay .*volatile" /proc/mounts' && expect 0 1
	husk run -d --image box --name "$id" --env HUSK_TEST_MARK sleep 100 3>&-
	[ "$(husk exec "$id" grep -c " / overlay .*volatile" /proc/mounts)" -eq 0 ]
	husk delete --force "$id"
}

@test "nothing of the image is a device on the root" {
	mkdir -p "$BATS_TEST_TMPDIR/dev" && mknod "$BATS_TEST_TMPDIR/dev/disk" c 1 3
	image device '{}' "$BATS_FILE_TMPDIR/base" "$BATS_TEST_TMPDIR/dev"
	box=device boxed --cap-add mknod sh -c 'cat /disk; mknod /other c 1 3; cat /other'
	[ "$(grep -c 'Permission denied' <<<"$stderr")" -eq 2 ] || fail "$stderr"
}

# ---- volumes and mounts ----

@test "a volume of the image begins with what the image has there, and goes with the container" {
	image volumes '{"Volumes": {"/data": {}, "/empty/one": {}}}'
	husk run -d --image volumes --name "$id" --env HUSK_TEST_MARK sh -c 'echo new >/data/new; sleep 100' 3>&-
	eventually husk exec "$id" test -e /data/new
	[ "$(husk exec "$id" stat -c '%a %u %g' /data)" = "2750 1000 10" ]
	[ "$(husk exec "$id" cat /data/file)" = "from the image" ]
	husk exec "$id" grep -q ' /empty/one ext4\| /empty/one ' /proc/mounts
	[ -d "$store/containers/$id/volumes/0" ] && [ -d "$store/containers/$id/volumes/1" ] && [ ! -e "$store/containers/$id/volumes/2" ]
	[ ! -e "$store/containers/$id/upper/data/new" ]
	husk delete --force "$id"
	nothing_in_store
}

@test "a named volume is seeded once and outlives its containers" {
	boxed -v stuff:/data sh -c 'cat /data/file; echo changed >/data/file; rm -f /data/none; echo more >/data/more' && expect 0 "from the image"
	boxed -v stuff:/data:ro sh -c 'cat /data/file /data/more; touch /data/x'
	[ "$output" = "changed
more" ] && [[ $stderr == *"Read-only"* ]]
	[ "$(cat "$store/volumes/stuff/more")" = more ]
	boxed --mount type=volume,src=bare,dst=/data,volume-nocopy ls -A /data && expect 0 ""
	boxed -v /data sh -c 'cat /data/file' && expect 0 "from the image"
}

@test "binds: paths as they are written, read-only with what is below, and never made by mistake" {
	mkdir -p "$BATS_TEST_TMPDIR/src/below" && echo file >"$BATS_TEST_TMPDIR/src/file"
	unshare -m sh -c "mount -t tmpfs none '$BATS_TEST_TMPDIR/src/below' && touch '$BATS_TEST_TMPDIR/src/below/inside' &&
		HUSK_TEST_MARK=$mark '$HUSK' --root '$state' --store '$store' run --image box --name $id -v '$BATS_TEST_TMPDIR/src:/mnt:ro' \
		sh -c 'ls /mnt/below; touch /mnt/x; touch /mnt/below/x; cat /mnt/file'" >"$BATS_TEST_TMPDIR/out" 2>&1
	[ "$(grep -c Read-only "$BATS_TEST_TMPDIR/out")" -eq 2 ] && grep -qx inside "$BATS_TEST_TMPDIR/out" && grep -qx file "$BATS_TEST_TMPDIR/out"
	cd "$BATS_TEST_TMPDIR"
	boxed -v ./src:/mnt -v "$PWD/src/file:/one" sh -c 'cat /one; echo new >/mnt/new; grep " /mnt " /proc/mounts | grep -c nosuid,nodev' && expect 0 "file
1"
	[ "$(cat src/new)" = new ]
	boxed -v ./missing:/mnt true
	expect_error 125 "--volume: the source" missing "bind-create-src"
	[ ! -e missing ]
	boxed --mount "type=bind,src=$PWD/missing,dst=/mnt,bind-create-src" touch /mnt/x && expect 0
	[ -e missing/x ]
}

@test "a mount that lies in another comes after it, whatever the order of the flags" {
	mkdir -p "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
	boxed -v "$BATS_TEST_TMPDIR/b:/mnt/b" --tmpfs /mnt touch /mnt/b/x && expect 0
	[ -e "$BATS_TEST_TMPDIR/b/x" ]
}

@test "tmpfs by its two flags, and the size of /dev/shm" {
	boxed --tmpfs /a:size=1m,mode=1770 --mount type=tmpfs,dst=/b,tmpfs-size=2m,tmpfs-mode=700 --mount type=tmpfs,dst=/data,tmpcopyup \
		--shm-size 3m sh -c 'df -k /a /b /dev/shm | awk "NR > 1 { print \$2 }"; stat -c %a /a /b; cat /data/file; grep " /a " /proc/mounts'
	expect 0
	[ "$(sed -n 1,5p <<<"$output" | xargs)" = "1024 2048 3072 1770 700" ]
	[ "$(sed -n 6p <<<"$output")" = "from the image" ]
	[[ $output == *nosuid,nodev,noexec* ]]
}

@test "mounts that make no sense are refused, each with its flag" {
	while IFS='|' read -r flag value words; do
		boxed "$flag" "$value" true
		expect_error 125 "$words"
	done <<-END
		-v|/a:relative|--volume
		-v|/tmp:/|--volume
		-v|/tmp:/mnt:rox|"rox" is no option
		-v|bad/name:/mnt|is no name of a volume
		-v|..:|--volume
		--mount|type=bind,dst=/mnt|needs a src
		--mount|type=nothing,dst=/mnt|type=bind, volume or tmpfs
		--mount|type=tmpfs,src=x,dst=/mnt|has no source
		--mount|type=tmpfs|--mount
		--mount|type=tmpfs,dst=/mnt,colour=red|there is no key "colour"
		--mount|type=tmpfs,dst=/mnt,ro=perhaps|"perhaps"
		--mount|type=tmpfs,dst=/mnt,tmpfs-size=lots|a size as 512m
		--tmpfs|relative|--tmpfs
		--shm-size|-1|--shm-size
	END
	boxed -v /tmp:/mnt --tmpfs /mnt true
	expect_error 125 "something else goes to /mnt"
	nothing_in_store
}

# ---- the end ----

@test "delete removes what a container has made, however deep and odd" {
	husk run -d --image box --name "$id" --env HUSK_TEST_MARK --cap-add linux_immutable sh -c 'i=0; while [ $i -lt 400 ]; do mkdir -p d/d/d/d/d; cd d/d/d/d/d; i=$((i + 1)); done;
		cd /; mkdir odd; cd odd; mkdir .0 .1; touch .0/a .1/.0 "$(printf "a\nb")"; mkfifo pipe; ln -s / link; chmod 0 .0; touch /done; sleep 100' 3>&-
	eventually test -e "$store/containers/$id/upper/done"
	husk delete --force "$id"
	nothing_in_store
}

@test "what is immutable is named, and deleted once it is not" {
	husk create --image box "$id" true
	touch "$store/containers/$id/upper/fixed"
	chattr +i "$store/containers/$id/upper/fixed" 2>/dev/null || { husk delete --force "$id" && lacking "no immutable files here"; }
	try delete --force "$id"
	expect_error 1 "upper" "Operation not permitted" "chattr -R -i" || { chattr -i "$store/containers/$id/upper/fixed"; false; }
	chattr -i "$store/containers/$id/upper/fixed"
	husk delete --force "$id"
	nothing_in_store
}

@test "run and create are killed at many system calls, and delete --force takes everything away" {
	strace -qq -o /dev/null true 2>/dev/null || lacking "strace cannot trace here"
	local call number killed=0 before
	before=$(layers_sum)
	HUSK_TEST_MARK=$mark traced -o "$BATS_TEST_TMPDIR/trace" -- "$HUSK" --root "$state" --store "$store" create --image box -v /data "$id" sleep 100
	husk delete --force "$id"
	sed -n 's/^\([a-z0-9_]*\)(.*/\1/p' "$BATS_TEST_TMPDIR/trace" | awk '$1 != "exit_group" && NR % 3 == 0 { print $1, ++seen[$1]; next } { ++seen[$1] }' \
		>"$BATS_TEST_TMPDIR/calls"
	while read -r call number; do
		(HUSK_TEST_MARK=$mark traced -o /dev/null --inject="$call:signal=SIGKILL:when=$number" -- \
			"$HUSK" --root "$state" --store "$store" create --image box -v /data "$id" sleep 100 || exit) >"$BATS_TEST_TMPDIR/out" 2>&1 || ((killed += 1))
		husk delete --force "$id" || fail "delete --force after a kill at $call $number"
		[ -z "$(ls "$store/containers")$(husk list -q)$(marked)" ] && [ ! -e "$state/$id" ] ||
			fail "killed at $call $number left: $(find "$store/containers" "$state"; marked)"
	done <"$BATS_TEST_TMPDIR/calls"
	echo "# killed at $killed calls" >&3
	[ "$killed" -ge 30 ]
	[ "$before" = "$(layers_sum)" ]
}

@test "folders that an earlier boot left are removed; that of another state root is not" {
	local left boot=00000000-0000-0000-0000-000000000000
	for left in "$id" other; do
		mkdir -p "$store/containers/$left/upper" && echo old >"$store/containers/$left/upper/old"
		echo "$boot $state" >"$store/containers/$left/holder"
	done
	echo $boot >"$store/containers/.boot"
	boxed ls /old
	expect 1
	[ ! -e "$store/containers/other" ]
	husk create --image box "$id" true
	run --separate-stderr "$HUSK" --root "$BATS_TEST_TMPDIR/other" --store "$store" --cgroup-manager disabled run --image box --name "$id" true
	expect_error 125 "belongs to a container of another --root"
	[ "$(husk list -q)" = "$id" ] && [ -e "$store/containers/$id/upper" ]
	[ ! -e "$BATS_TEST_TMPDIR/other/$id" ]
	husk delete --force "$id"
}

# ---- other commands ----

@test "create --image, start, exec and delete" {
	husk create --image box --env HUSK_TEST_MARK -w /data "$id" -- sh -c 'echo started >/out; sleep 100' 3>&-
	[ "$(status_of "$id")" = created ]
	husk start "$id"
	eventually husk exec "$id" test -e /out
	[ "$(husk exec "$id" pwd)" = /data ]
	[ "$(husk state "$id" | jq -r .bundle)" = "$store/containers/$id" ]
	jq -e '.process.cwd == "/data"' "$store/containers/$id/config.json"
	husk delete --force "$id"
	try create --image box
	expect_error 1 "create requires an argument"
}

@test "create --image: start says why the program cannot be executed" {
	local top=$BATS_TEST_TMPDIR/top
	mkdir -p "$top/bin"
	printf '#!/nowhere/interpreter\n' >"$top/bin/script"
	chmod 755 "$top/bin/script"
	image scripted '{"Cmd": ["/bin/script"]}' "$BATS_FILE_TMPDIR/base" "$top"
	husk create --image scripted --env HUSK_TEST_MARK "$id" 3>&-
	try start "$id"
	expect_error 127 'config.json: process.args[0]: exec "/bin/script"' "interpreter"
	husk delete --force "$id"
}

@test "run -d prints the id, and holds nothing of its caller's" {
	id_of=$(husk run -d --image box --env HUSK_TEST_MARK -- sh -c 'echo said; sleep 100') # would wait for the end of a pipe
	[[ $id_of =~ ^[0-9a-f]{12}$ ]]
	[ "$(husk list -q)" = "$id_of" ]
	[ "$(husk exec "$id_of" hostname)" = "$id_of" ]
	husk delete --force "$id_of"
	try run --image box --name "$id" --cidfile "$BATS_TEST_TMPDIR/cid" true
	expect 0 && [ "$(cat "$BATS_TEST_TMPDIR/cid")" = "$id" ]
	try run --image box --name "$id" --cidfile "$BATS_TEST_TMPDIR/cid" true
	expect_error 125 --cidfile "File exists"
}

@test "standard input is passed on with -i alone" {
	[ "$(echo hello | husk run --image box cat)" = "" ]
	[ "$(echo hello | husk run -i --image box cat)" = hello ]
	boxed -it sh </dev/null
	expect_error 125 "standard input is not a terminal" "use -i"
	run script -qec "HUSK_TEST_MARK=$mark $HUSK --root $state --store $store run -it --image box --name $id sh -c 'tty; echo \$TERM'" /dev/null
	[[ $output == */dev/pts/* ]]
}

@test "an image that is not there" {
	try run --image nothing --pull never true
	expect_error 125 'the image "nothing" is not in the store' "husk pull nothing"
	try run --image box --pull sometimes true
	expect_error 125 --pull
	try run --image 'UPPER/../case' true
	[ "$status" -eq 125 ] && [ -n "$stderr" ]
	try run --image "" true
	[ "$status" -eq 125 ]
}

@test "an image that is not in the store is pulled, once; one of a folder is read each time" {
	[ -x "${HUSK%/*}/husk-image" ] || lacking "husk-image is not built"
	make_rootfs "$BATS_TEST_TMPDIR/own"
	echo one >"$BATS_TEST_TMPDIR/own/version"
	try run --image "rootfs:$BATS_TEST_TMPDIR/own" -q --env HUSK_TEST_MARK cat /version && expect 0 one
	[ -z "$stderr" ]
	echo two >"$BATS_TEST_TMPDIR/own/version"
	try run --image "rootfs:$BATS_TEST_TMPDIR/own" --env HUSK_TEST_MARK cat /version && expect 0 two
	[[ $stderr == *unpacked* ]]
	try run --image localhost/own --env HUSK_TEST_MARK cat /version && expect 0 two
	try run --image "rootfs:$BATS_TEST_TMPDIR/nothing" true
	[ "$status" -eq 125 ] && [ "$(grep -c . <<<"$stderr")" -eq 1 ]
	try run --image "rootfs:$BATS_TEST_TMPDIR/own" --pull never true && expect_error 125 "is not in the store"
	nothing_in_store
}

@test "flags of images are for images" {
	while read -r flag value; do
		# shellcheck disable=SC2086
		try run "$flag" $value "$bundle"
		expect_error 125 "$flag needs --image" "config.json"
	done <<-'END'
		--memory 64m
		--privileged
		--env A=b
		--volume /a:/b
	END
	try run --image box --bundle "$bundle" true
	expect_error 125 "--image and --bundle"
	try run --image box --memroy 5 true
	expect_error 125 "unknown option --memroy" "did you mean --memory?"
}

@test "husk plan --image shows the plan, and what was given up" {
	try plan --image box --privileged --pid host --security-opt seccomp=unconfined true
	expect 0
	for words in "take 2 layers" "given up:" "the filter of system calls" "masked and read-only paths" "no_new_privs" "(--pid host)"; do
		[[ $output == *"$words"* ]] || fail "$words is missing"
	done
	[ "$(planned true | jq -c .givenUp)" = "[]" ]
	nothing_in_store
}
