#!/usr/bin/env bats
# Images of a user without privileges: their files belong to the ids of /etc/subuid, and whatever they belong to can be removed.
# places: native sanitized
# shellcheck disable=SC2034 # variables of lib/husk
load lib/husk

user=husk-test-images

setup_file() {
	local root=$BATS_FILE_TMPDIR/root
	make_rootfs "$root"
	mkdir -p "$root/of-100/closed" "$root/data" "$root/top"
	printf '_apt:x:100:65534::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >>"$root/etc/passwd"
	printf 'wheel:x:10:user\n' >>"$root/etc/group"
	echo secret >"$root/of-100/closed/file"
	chmod 600 "$root/of-100/closed/file"
	chown -R 100:101 "$root/of-100" && chmod 2770 "$root/of-100" && chmod 000 "$root/of-100/closed"
	chown 1000:10 "$root/data" && chmod 700 "$root/data"
	setfacl -m u:1000:r "$root/of-100/closed/file"
	bsdtar -C "$root" --numeric-owner --acls --xattrs --format pax -cf "$BATS_FILE_TMPDIR/box.tar" .
	useradd --no-create-home --shell /usr/sbin/nologin "$user" # with ids of its own in /etc/subuid
	grep -q "^$user:" /etc/subuid || usermod --add-subuids 700000-765535 --add-subgids 700000-765535 "$user"
	store_of home && as home "$HUSK" image import -q "$BATS_FILE_TMPDIR/box.tar" box >/dev/null
}

teardown_file() {
	chattr -R -i "$BATS_FILE_TMPDIR" 2>/dev/null
	userdel "$user"
}

# A home of the user's, beneath the folder of the file or of the test, in $home; its store in $store.
store_of() { # NAME
	uid=$(id -u "$user") gid=$(id -g "$user")
	first=$(awk -F: -v user="$user" '$1 == user { print $2; exit }' /etc/subuid)
	home=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/$1
	store=$home/.local/share/husk
	install -d -o "$uid" -g "$gid" -m 700 "$home"
	local dir=${home%/*}
	while [ "$dir" != / ]; do chmod a+x "$dir" && dir=${dir%/*} && dir=${dir:-/}; done
}

as() { # HOME COMMAND...
	shift
	(cd "$home" && exec setpriv --reuid "$uid" --regid "$gid" --clear-groups env -u XDG_DATA_HOME XDG_RUNTIME_DIR="$home" \
		HOME="$home" HUSK_TEST_MARK="$mark" "$@")
}

husk() { as home "$HUSK" "$@"; }
boxed() { try run --image "${box:-box}" --name "$id" --env HUSK_TEST_MARK "$@"; }

# Two tests in three only read the image: they have that of the file.
setup() {
	needs_userns
	setup_bundle
	store_of home
	cp -a --reflink=auto "$BATS_FILE_TMPDIR/home/.local" "$home/"
	state=$home/husk
}

# Everything that the tests leave is the test's own folder, whoever it belongs to; but the store must be able to let go of it.
nothing_in_store() { # FOLDER...
	local folder left
	for folder; do
		left=$(find "$store/$folder" -mindepth 1 ! -name .boot)
		[ -z "$left" ] || fail "left in $folder: $left"
	done
}

@test "files of an image belong to whom the image says, inside, and to ids of /etc/subuid outside" {
	boxed sh -c 'stat -c "%u:%g %a %n" /bin /of-100 /of-100/closed /data; cat /of-100/closed/file; tr -s " " </proc/self/uid_map'
	expect 0 "0:0 755 /bin
100:101 2770 /of-100
100:101 0 /of-100/closed
1000:10 700 /data
secret
 0 $uid 1
 1 $first 65536"
	[ "$(stat -c %u "$store"/layers/*/*/tree/of-100)" = $((first + 99)) ]
	[ "$(getfacl -cn "$store"/layers/*/*/tree/of-100/closed/file | sed -n 2p)" = "user:$((first + 999)):r--" ]
	nothing_in_store containers tmp
}

@test "a process becomes another user, with his groups, and gives files away" {
	boxed sh -c 'su nobody -c "id -u"; su user -c "id -u; id -G; touch /data/x /tmp/x; ls /of-100 2>&1 | tail -1"; chown 77:78 /data/x; stat -c %u:%g /data/x'
	expect 0 "65534
1000
1000 10
ls: can't open '/of-100': Permission denied
77:78"
	boxed -u user:10 --group-add 5 sh -c 'id -u; id -g; id -G'
	expect 0 "1000
10
10 5"
	boxed -u 70000 true
	expect_error 125 "no mapping in the user namespace"
	nothing_in_store containers
}

@test "what a container has written as others goes with it, also by force, and when its name is used again" {
	try run -d --image box --name "$id" --env HUSK_TEST_MARK sh -c 'mkdir -p /top/a/b; echo x >/top/a/b/c; chown -R 5:5 /top; chmod 0 /top/a; sleep 1000'
	expect 0
	eventually test -d "$store/containers/$id/upper/top/a"
	eventually eval '[ "$(stat -c %a "$store/containers/$id/upper/top/a")" = 0 ]'
	husk exec "$id" sh -c 'touch /top/by-exec'
	husk delete --force "$id"
	nothing_in_store containers
	as home mkdir -p "$store/containers/$id" # what was left, and belongs to others
	as home "$HUSK" unshare sh -c 'mkdir -p "$0/upper/x" && touch "$0/upper/x/y" && chown -R 9:9 "$0/upper" && chmod 0 "$0/upper"' \
		"$store/containers/$id"
	boxed true
	expect 0
	nothing_in_store containers
}

@test "volumes keep their owners, and what the image has there is theirs" {
	boxed -v data:/of-100 -v other:/v sh -c 'chown 100:100 /v && touch /v/x && chown 7:7 /v/x && stat -c %u:%g:%a /of-100'
	expect 0 100:101:2770
	boxed -v data:/of-100 -v other:/v sh -c 'stat -c %u:%g /of-100/closed/file /v /v/x'
	expect 0 "100:101
100:100
7:7"
	husk unshare rm -rf "$store/volumes/data" "$store/volumes/other"
	nothing_in_store volumes containers
}

@test "removing the image leaves nothing of it on the disk, nor does prune" {
	[ "$(husk image verify --full 2>/dev/null)" = "1 images, 1 layers, 3 blobs, 1 names: good" ]
	husk image rm box >/dev/null
	nothing_in_store blobs/sha256 layers/sha256 images names tmp
	husk image import -q "$BATS_FILE_TMPDIR/box.tar" box >/dev/null
	husk image prune --all >/dev/null
	nothing_in_store blobs/sha256 layers/sha256 images names tmp
}

@test "a layer deletes and hides what others own in the one below" {
	local layout=$BATS_TEST_TMPDIR/layout upper=$BATS_TEST_TMPDIR/upper
	mkdir -p "$upper/data" "$upper/of-100" "$layout"
	touch "$upper/data/.wh..wh..opq" "$upper/of-100/.wh.closed" "$upper/data/new"
	chown 1000:10 "$upper/data" && chown 100:101 "$upper/of-100" && chown 33:33 "$upper/data/new"
	tar -C "$upper" --numeric-owner -cf "$BATS_TEST_TMPDIR/upper.tar" .
	python3 "$tree/tests/lib/layer_layout.py" "$layout" v1 "$BATS_FILE_TMPDIR/box.tar" "$BATS_TEST_TMPDIR/upper.tar"
	chmod -R a+rX "$layout"
	box=$(husk pull -q "oci:$layout:v1")
	boxed sh -c 'ls -A /of-100 /data; stat -c %u:%g /data /data/new /of-100'
	expect 0 "/data:
new

/of-100:
1000:10
33:33
100:101"
	husk image prune --all >/dev/null
	nothing_in_store layers/sha256 tmp
}

@test "a bundle of a user's runs as it is, and unshare removes it" {
	husk image unpack -q "rootfs:$BATS_FILE_TMPDIR/box.tar" b 2>/dev/null
	[ "$(stat -c %u "$home/b/rootfs/of-100")" = $((first + 99)) ]
	jq --arg mark "HUSK_TEST_MARK=$mark" '.process.args = ["sh", "-c", "cat /of-100/closed/file; su user -c \"id -G\""] | .process.env += [$mark]' \
		"$home/b/config.json" >"$BATS_TEST_TMPDIR/config.json"
	cat "$BATS_TEST_TMPDIR/config.json" >"$home/b/config.json"
	try run --id "$id" b/
	expect 0 "secret
1000 10"
	as home rm -rf b 2>/dev/null || true
	[ -e "$home/b/rootfs/of-100/closed" ]
	husk unshare rm -rf b
	[ ! -e "$home/b" ]
}

@test "a folder becomes an image: the user's own files are root's, those of his ids theirs, and those of strangers root's" {
	install -d -o "$uid" -g "$gid" "$home/tree" "$home/tree/bin"
	cp "$BATS_FILE_TMPDIR/root/bin/busybox" "$home/tree/bin/" && ln -s busybox "$home/tree/bin/stat"
	echo x >"$home/tree/root" && echo x >"$home/tree/five"
	chown "$uid:$gid" "$home/tree/bin/busybox" && chown $((first + 4)):$((first + 5)) "$home/tree/five"
	husk image import -q tree folder >/dev/null
	box=folder boxed /bin/stat -c %u:%g /bin/busybox /root /five
	expect 0 "0:0
0:0
5:6"
}

@test "unshare runs a command where the user's ids are his, and hands on how it ends" {
	try unshare sh -c 'id -u; tr -s " " </proc/self/gid_map; cat "$0"/layers/*/*/tree/of-100/closed/file; mount -t tmpfs none /tmp; exit 7' "$store"
	expect 7 "0
 0 $gid 1
 1 $first 65536
secret"
	try unshare /not/there
	expect_error 127 "run /not/there: No such file or directory"
	try unshare /etc/passwd
	expect_error 126 "run /etc/passwd: Permission denied"
	SHELL=/bin/pwd try unshare
	expect 0 "$home"
	run --separate-stderr "$HUSK" unshare true
	expect_error 125 "unshare is for users"
}

@test "without ids, or without newuidmap, an image has one owner, and one line says what is missing" {
	local nobody=(setpriv --reuid 64321 --regid 64321 --clear-groups env -u XDG_DATA_HOME "HOME=$BATS_TEST_TMPDIR/other" "XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/other")
	install -d -o 64321 -g 64321 "$BATS_TEST_TMPDIR/other"
	run --separate-stderr "${nobody[@]}" "$HUSK" image import -q "$BATS_FILE_TMPDIR/box.tar" box
	expect_error 0 "all files of the image will belong to one user: no ids for 64321 in /etc/subuid (usermod --add-subuids"
	[ -z "$(find "$BATS_TEST_TMPDIR/other" ! -user 64321)" ]
	run --separate-stderr "${nobody[@]}" HUSK_TEST_MARK="$mark" "$HUSK" run --image box --name "$id" --env HUSK_TEST_MARK stat -c %u /of-100
	expect 0 0
	[ -z "$stderr" ]
	"${nobody[@]}" "$HUSK" image prune --all >/dev/null
	mkdir "$BATS_TEST_TMPDIR/bin"
	run --separate-stderr as home PATH="$BATS_TEST_TMPDIR/bin" "$HUSK" image import -q "$BATS_FILE_TMPDIR/box.tar" poor
	expect_error 0 "newuidmap is not there" "install uidmap"
}

@test "ids that were given, taken or changed since an image was unpacked: it is unpacked once more, by itself" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	run --separate-stderr as home PATH="$BATS_TEST_TMPDIR/bin" "$HUSK" run -q --image box --name "$id" --env HUSK_TEST_MARK \
		/bin/stat -c %u /of-100 /bin
	expect 0 "0
0"
	[ -z "$stderr" ]
	sed -i "s/ $first / 4000000000 /" "$store"/layers/*/*/ids
	boxed -q stat -c %u /of-100
	expect 0 100
	(cd "$store/layers/sha256" && for layer in *; do [[ $layer == *.* ]] || rm "$layer/ids"; done) # as of a husk that knew one id
	boxed -q stat -c %u /of-100
	expect 0 100
	[ "$(find "$store/layers/sha256" -mindepth 1 -maxdepth 1 | wc -l)" = 3 ]
	husk image rm box >/dev/null
	nothing_in_store layers/sha256 tmp containers
}

@test "--userns keep-id: the user is himself inside, and files of the image belong to whom it says" {
	boxed -q --userns keep-id -v "$home:/mine" sh -c 'id -u; id -g; stat -c "%u:%g %a %n" / /bin /of-100 /data /mine; touch /mine/x /tmp/x; ! touch /y 2>/dev/null'
	expect 0 "$uid
$gid
0:0 755 /
0:0 755 /bin
100:101 2770 /of-100
1000:10 700 /data
$uid:$gid 700 /mine"
	[ "$(stat -c %U:%G "$home/x")" = "$user:$(id -gn "$user")" ]
	boxed -q --userns keep-id:uid=1000,gid=10 -v data:/data sh -c 'id -u; id -g; touch /data/x; stat -c %u:%g /data /data/x'
	expect 0 "1000
10
1000:10
1000:10"
	boxed -q --userns keep-id -u 0 -v data:/data sh -c 'touch /y && chown 100:101 /y && stat -c %u:%g /y /bin'
	expect 0 "100:101
0:0"
	nothing_in_store containers tmp
	husk unshare rm -rf "$store/volumes/data"
	husk image prune --all >/dev/null
	nothing_in_store layers/sha256 tmp
}

@test "--userns keep-id that cannot be says why" {
	local words
	while IFS='|' read -r mode words; do
		boxed --userns "$mode" true
		expect_error 125 "--userns keep-id: $words"
	done <<-END
		keep-id:uid=70000|the id 70000 needs 70000 subordinate ids, not 65536
		keep-id:uid=-1|expected uid=N or gid=N, found "uid=-1"
		keep-id:1000|expected uid=N or gid=N, found "1000"
		keep-id:uid|expected uid=N or gid=N, found "uid"
		keep-id:gid=4294967295|expected uid=N or gid=N
	END
	mkdir "$BATS_TEST_TMPDIR/bin"
	run --separate-stderr as home PATH="$BATS_TEST_TMPDIR/bin" "$HUSK" run --image box --userns keep-id true
	expect_error 125 "--userns keep-id: newuidmap is not there" "install uidmap"
	nothing_in_store containers
}

@test "killed at any moment, an import leaves a store that is good and can be emptied" {
	local i
	for i in 0.02 0.04 0.06 0.09 0.13; do
		husk image import -q "$BATS_FILE_TMPDIR/box.tar" "killed-$i" >/dev/null 2>&1 3>&- &
		sleep "$i"
		pkill -KILL -P $! 2>/dev/null || true
		kill -KILL $! 2>/dev/null || true
		wait $! || true
		husk image verify --full >/dev/null 2>&1 || fail "not good after $i"
	done
	husk image prune --all >/dev/null
	nothing_in_store blobs/sha256 layers/sha256 images names tmp
}

# $pid is the husk-image of the user that has given up what it does not need; another one is on its way there.
is_confined() {
	for pid in $(pgrep -u "$uid" -x husk-image); do
		! grep -qP '^CapBnd:\t000000008800001b$' "/proc/$pid/status" || return 0
	done
	return 1
}

@test "in its namespace husk-image has six capabilities and its filter" {
	local layout=$BATS_TEST_TMPDIR/layout port status pid
	python3 "$tree/tests/lib/layout.py" "$layout" 1 1000
	python3 "$tree/tests/lib/registry.py" "$layout" /dev/null >"$BATS_TEST_TMPDIR/port" 2>/dev/null 3>&- &
	later kill -9 $! && disown
	eventually test -s "$BATS_TEST_TMPDIR/port"
	port=$(cat "$BATS_TEST_TMPDIR/port")
	husk pull -q "127.0.0.1:$port/hang/x:v1" >/dev/null 2>&1 3>&- &
	eventually is_confined
	[[ $HUSK == */san/* ]] || eventually grep -qP '^Seccomp:\t2' "/proc/$pid/status" # a sanitized one has no filter
	eventually grep -qP '^NoNewPrivs:\t1' "/proc/$pid/status"
	status=$(cat "/proc/$pid/status")
	later eval "kill -9 $pid 2>/dev/null; true"
	grep -qP '^CapEff:\t000000008800001b$' <<<"$status" || fail "$status"
	[ "$(readlink "/proc/$pid/ns/user")" != "$(readlink /proc/self/ns/user)" ]
}
