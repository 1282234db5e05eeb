#!/usr/bin/env bats
# Images: sources, the store and its commands, bundles of images; what is broken, killed, full, or meant to harm.
# places: native sanitized
# shellcheck disable=SC2154,SC2317 # variables of bats; functions that are called by name
load lib/husk
export tree

setup_file() {
	make_rootfs "$BATS_FILE_TMPDIR/rootfs"
	images=$BATS_FILE_TMPDIR/images
	python3 "$tree/tests/lib/layouts.py" good "$images/layout" 4
	python3 "$tree/tests/lib/layouts.py" many "$images/many"
}

setup() {
	[ "${HUSK_TEST_PLACE:-}" = native ] || skip "what images are does not depend on the kernel"
	setup_bundle
	store=$BATS_TEST_TMPDIR/store
	images=$BATS_FILE_TMPDIR/images
	layout=oci:$images/layout:v1
	out=$BATS_TEST_TMPDIR/out
}

# With the test's own store.
i() { husk --store "$store" "$@"; }
try_i() { run --separate-stderr i "$@"; }

the_store_is_good() {
	try_i image verify --full
	expect 0
	[ -z "$(ls -A "$store/tmp")" ] || fail "something is left in tmp: $(ls -A "$store/tmp")"
}

# All that is in the store, by name, size and content of what is small.
picture() { (cd "$store" && find . ! -path './tmp*' -printf '%p %y %s\n' | sort && cat images/* names/* 2>/dev/null); }

same_tree() { # ROOT ROOT: but for the time of the root itself, which no layer says
	touch -d @0 "$1" "$2"
	python3 "$tree/tests/lib/tree_compare.py" "$1" "$2" || fail "$1 differs from $2"
}

reference_root() { # what umoci makes of the layout
	[ -e "$images/umoci" ] || umoci unpack --image "$images/layout:v1" "$images/umoci" 2>/dev/null
}

# ---- sources ----

@test "an image is pulled from a layout and prints its id alone" {
	try_i pull "$layout"
	expect 0
	[[ $output =~ ^sha256:[0-9a-f]{64}$ ]] || fail "$output"
	[ "$(grep -c '^layer [1-4] of 4: [0-9a-f]\{12\}, .*B, unpacked$' <<<"$stderr")" = 4 ] || fail "$stderr"
	[ "$(i images -q --no-trunc)" = "$output" ]
	the_store_is_good
}

@test "every source gives the same root as umoci makes of the layout" {
	local source number=0
	reference_root
	skopeo copy -q "$layout" "oci-archive:$BATS_TEST_TMPDIR/o.tar:v1"
	skopeo copy -q "$layout" "docker-archive:$BATS_TEST_TMPDIR/d.tar:web:1"
	gzip -k "$BATS_TEST_TMPDIR/o.tar" "$BATS_TEST_TMPDIR/d.tar"
	zstd -q "$BATS_TEST_TMPDIR/o.tar"
	tar -C "$images/umoci/rootfs" --xattrs --numeric-owner -cf "$BATS_TEST_TMPDIR/r.tar" .
	gzip -k "$BATS_TEST_TMPDIR/r.tar"
	i pull -q "$layout"
	for source in "$layout" "oci-archive:$BATS_TEST_TMPDIR/o.tar:v1" "oci-archive:$BATS_TEST_TMPDIR/o.tar" \
		"oci-archive:$BATS_TEST_TMPDIR/o.tar.gz" "oci-archive:$BATS_TEST_TMPDIR/o.tar.zst" \
		"docker-archive:$BATS_TEST_TMPDIR/d.tar" "docker-archive:$BATS_TEST_TMPDIR/d.tar.gz:web:1" \
		"rootfs:$images/umoci/rootfs" "rootfs:$BATS_TEST_TMPDIR/r.tar" "rootfs:$BATS_TEST_TMPDIR/r.tar.gz" localhost/layout:v1; do
		number=$((number + 1))
		i image unpack -q "$source" "$out$number"
		same_tree "$out$number/rootfs" "$images/umoci/rootfs"
		[ "$number" -gt 10 ] || i pull -q "$source"
	done
	the_store_is_good
}

@test "an archive of docker save gives the image its names, and one of several is asked for by name" {
	skopeo copy -q "$layout" "docker-archive:$BATS_TEST_TMPDIR/d.tar:web:1" --additional-tag quay.io/me/other:2
	i pull -q "docker-archive:$BATS_TEST_TMPDIR/d.tar"
	[ "$(i images --format json | jq -c '.[].Names')" = '["docker.io/library/web:1","quay.io/me/other:2"]' ]
	try_i pull -q "docker-archive:$BATS_TEST_TMPDIR/d.tar:web:2"
	expect_error 125 "it has no image docker.io/library/web:2, only docker.io/library/web:1"
}

@test "a root with everything that a file can be survives as an image" {
	local root=$BATS_TEST_TMPDIR/root
	cp -a "$BATS_FILE_TMPDIR/rootfs" "$root"
	(
		cd "$root" || exit
		mkfifo pipe && mknod null c 1 3 && ln etc/passwd etc/again && ln -s ../nowhere link && ln link link2
		chmod 4755 bin/busybox && chmod 1777 tmp && chown 1000:70000 etc/group && touch -d '1960-01-02 03:04:05.6789' var
		mkdir -p "$(printf 'd%.0s' {1..120})/$(printf 'n%.0s' {1..200})" && : >'odd	name
'
		setfattr -n user.note -v text etc/group && setcap cap_net_raw+ep bin/busybox
	)
	i image import -q "$root" root:1
	i image import -q "$root" root:2
	i image unpack -q root:1 "$out"
	same_tree "$root" "$out/rootfs"
	[ "$(i images -q | sort -u | wc -l)" = 1 ] || fail "the same root is another image"
}

@test "a root with names that only a layer may have is refused" {
	mkdir -p "$out/etc" && : >"$out/etc/.wh.passwd"
	try_i image import -q "$out"
	expect_error 125 "etc/.wh.passwd" "whiteout"
	rm "$out/etc/.wh.passwd" && mknod "$out/etc/gone" c 0 0
	try_i image import -q "$out"
	expect_error 125 "etc/gone" "whiteout"
	[ -z "$(i images -q)" ]
}

@test "the platform is this machine's, or the one that was asked for, or the next older" {
	local id
	for words in "linux/arm64 arm64v8" "arm armv7" "linux/arm/v6 armv6" "linux/arm/v8 armv7" "s390x s390x"; do
		i image unpack -q --platform "${words% *}" "oci:$images/many:v1" "$out" 2>/dev/null
		[ "$(cat "$out/rootfs/etc/arch")" = "${words#* }" ] || fail "$words"
		rm -r "$out"
	done
	try_i pull --platform linux/ppc64le "oci:$images/many:v1"
	expect_error 125 "it has nothing for linux/ppc64le, only for linux/arm64/v8"
	id=$(i pull -q --platform linux/arm64 "oci:$images/many:v1")
	[ "$(i image inspect "${id#sha256:}" | jq -r '.[0].Architecture')" = arm64 ]
	try_i pull --platform linux//x "oci:$images/many:v1"
	expect_error 125 '"linux//x" is no platform'
}

@test "two names in a layout are two images, and none of them is a guess" {
	cp -r "$images/layout" "$out"
	jq -c '.manifests += [.manifests[0] | .annotations["org.opencontainers.image.ref.name"] = "v2"]' "$out/index.json" >"$out/new"
	mv "$out/new" "$out/index.json"
	try_i pull "oci:$out"
	expect_error 125 "it has several images; name one of v1, v2"
	i pull -q "oci:$out:v2"
	i pull -q "oci:$out:v1"
	[ "$(i images --format json | jq -c '[.[].Names]')" = '[["localhost/out:v1","localhost/out:v2"]]' ]
}

# ---- what is in the store ----

@test "images are listed as docker lists them, newest first, in four forms" {
	i image import -q "$BATS_FILE_TMPDIR/rootfs" debian:13
	i pull -q "$layout"
	[ "$(i images | head -1)" = "$(printf '%-19s%-6s%-15s%-16s%s' "REPOSITORY" TAG "IMAGE ID" CREATED SIZE | sed 's/ *$//')" ] ||
		[[ $(i images | head -1) =~ ^REPOSITORY\ +TAG\ +IMAGE\ ID\ +CREATED\ +SIZE$ ]]
	[[ $(i images | sed -n 2p) =~ ^debian\ +13\ +[0-9a-f]{12}\ +.*\ ago\ +[0-9.]+MB$ ]] || fail "$(i images)"
	[[ $(i images | sed -n 3p) =~ ^localhost/layout\ +v1\ +[0-9a-f]{12}\ +.*\ ago\ +[0-9]+B$ ]]
	[[ $(i images --digests --no-trunc | sed -n 2p) =~ ^debian\ +13\ +sha256:[0-9a-f]{64}\ +sha256:[0-9a-f]{64}\  ]]
	[ "$(i images --format json | jq -r '.[1] | .Names[0], .Os, .Created, (.Size | type)' | xargs)" = \
		"localhost/layout:v1 linux 2026-01-02T03:04:05Z number" ]
	[ "$(i images --format jsonl | jq -rs '.[0] | .Repository, .Tag' | xargs)" = "debian 13" ]
	[ "$(i image ls -q | wc -l)" = 2 ]
}

@test "inspect says what the config says, in docker's words" {
	i pull -q "$layout"
	[ "$(i image inspect other:v1 2>/dev/null | jq -c .)" = '[]' ]
	try_i image inspect localhost/layout:v1 nothing:1
	expect 1
	[[ $stderr == *"the store has no image nothing:1"* ]]
	[ "$(jq -c '.[0] | [.RepoTags, .Config.Env, .Config.Entrypoint, .Config.Cmd, .Config.User, .Config.WorkingDir, (.RootFS.Layers | length)]' <<<"$output")" = \
		'[["localhost/layout:v1"],["PATH=/bin","A=b"],["/bin/sh"],["-c","true"],"0:0","/etc",4]' ]
}

@test "an image goes with its last name, and what another needs stays" {
	local before
	i image import -q "$BATS_FILE_TMPDIR/rootfs" one:1
	before=$(picture)
	i pull -q "$layout"
	i image import -q "$layout" two:1
	i image rm localhost/layout:v1 >/dev/null
	[ "$(i images --format json | jq -r '.[].Names[]' | sort | xargs)" = "docker.io/library/one:1 docker.io/library/two:1" ]
	try_i image rm --format json two:1
	expect 0
	[ "$(jq -c '[.Untagged, (.Deleted | length), .Freed > 0]' <<<"$output")" = '[["docker.io/library/two:1"],1,true]' ]
	[ "$(picture)" = "$before" ] || fail "$(diff <(echo "$before") <(picture))"
	try_i image rm two:1
	expect 1
	[[ $stderr == *"the store has no image two:1"* ]]
	the_store_is_good
}

@test "an image of several names is removed by id only with --force" {
	local id
	id=$(i image import -q "$layout" one:1)
	i image import -q "$layout" two:1
	try_i image rm "$id"
	expect 1
	[[ $stderr == *"has 2 names"* ]]
	i image rm -f "${id:7:12}" >/dev/null
	[ -z "$(i images -q)$(find "$store"/blobs "$store"/layers -mindepth 2)" ]
}

@test "prune removes what has no name, and with --all what no container uses" {
	i image import -q "$layout" a:1
	i image import -q "$BATS_FILE_TMPDIR/rootfs" a:1
	[ "$(i images -q | wc -l)" = 2 ]
	i image prune >/dev/null
	[ "$(i images --format json | jq -c '[.[].Names]')" = '[["docker.io/library/a:1"]]' ]
	i image prune --all >/dev/null
	[ -z "$(i images -q)$(find "$store"/blobs "$store"/layers -mindepth 2)" ]
	the_store_is_good
}

@test "nothing takes the layers of a running container away" {
	i image import -q "$BATS_FILE_TMPDIR/rootfs" web:1
	i run --image web:1 --name "$id" -d -- sleep 1000
	try_i image rm web:1
	expect 1
	[[ $stderr == *"the container $id uses the image"* ]] || fail "$stderr"
	i image rm --force web:1 >/dev/null
	i image prune --all >/dev/null
	[ "$(i exec "$id" cat /etc/passwd | head -1)" = "root:x:0:0:root:/root:/bin/sh" ]
	i delete --force "$id"
	i image prune >/dev/null
	[ -z "$(i images -q)$(find "$store"/layers -mindepth 2)" ]
}

@test "a short name is docker.io's, or else one that was made here" {
	i image import -q "$BATS_FILE_TMPDIR/rootfs" localhost/tool:1
	try_i image inspect tool:1 && expect 0
	try_i image inspect docker.io/library/tool:1 && expect_error 1 "tool:1"
	[ "$(i image inspect tool:1 | jq -r '.[0].RepoTags[0]')" = localhost/tool:1 ]
	i image import -q "$layout" tool:1
	[ "$(i image inspect tool:1 | jq -r '.[0].RepoTags[0]')" != localhost/tool:1 ]
	i image rm tool:1 >/dev/null
	[ "$(i image inspect tool:1 | jq -r '.[0].RepoTags[0]')" = localhost/tool:1 ]
	i image rm tool:1 >/dev/null
	try_i image inspect tool:1 && expect_error 1 "tool:1"
}

@test "limits of layers are the caller's to change" {
	local rootfs=$BATS_FILE_TMPDIR/rootfs
	try_i image import --limit entries=5 "$rootfs" small:1
	expect_error 125 "layer 1 of 1" "more than 5 entries"
	try_i image import --limit bytes=1k "$rootfs" small:1
	expect_error 125 "layer 1 of 1" "more than the 1024 bytes"
	try_i image import --limit byte=1 "$rootfs" small:1
	expect_error 125 "--limit" "did you mean bytes=NUMBER?"
	try_i image import --limit ratio=x "$rootfs" small:1
	expect_error 125 "--limit ratio" '"x"'
	try_i image import --limit entries=1m --limit depth=200 "$rootfs" small:1
	expect 0
}

@test "what is exported is byte for byte what was pulled, and others read it" {
	local blob form
	i pull -q "$layout"
	i image export localhost/layout:v1 "oci:$out:v9"
	for blob in "$out"/blobs/sha256/*; do cmp "$blob" "$images/layout/blobs/sha256/${blob##*/}"; done
	[ "$(find "$out/blobs/sha256" -type f | wc -l)" = 6 ]
	umoci list --layout "$out" | grep -qx v9
	i image export localhost/layout:v1 "$BATS_TEST_TMPDIR/o.tar"
	i image export localhost/layout:v1 - | cmp - "$BATS_TEST_TMPDIR/o.tar"
	mknod "$BATS_TEST_TMPDIR/null" c 1 3
	i image export localhost/layout:v1 "$BATS_TEST_TMPDIR/null"
	[ -c "$BATS_TEST_TMPDIR/null" ]
	i image export localhost/layout:v1 "docker-archive:$BATS_TEST_TMPDIR/d.tar"
	for form in "oci:$out:v9" "oci-archive:$BATS_TEST_TMPDIR/o.tar" "docker-archive:$BATS_TEST_TMPDIR/d.tar"; do
		skopeo copy -q "$form" "dir:$BATS_TEST_TMPDIR/dir" || fail "skopeo does not read $form"
		rm -r "$BATS_TEST_TMPDIR/dir"
	done
	[ "$(i --store "$BATS_TEST_TMPDIR/other" pull -q "oci-archive:$BATS_TEST_TMPDIR/o.tar")" = "$(i images -q --no-trunc)" ]
	try_i image export localhost/layout:v1 "oci:$out:v9"
	expect_error 125 "is a layout already"
}

@test "a bundle runs in husk, crun and runc as the image says" {
	local command
	reference_root
	cp -r "$images/layout" "$out"
	i image import -q "$BATS_FILE_TMPDIR/rootfs" base:1
	i image export base:1 "oci:$BATS_TEST_TMPDIR/base:v1"
	umoci config --image "$BATS_TEST_TMPDIR/base:v1" --config.user user --config.env WHO=me --config.workingdir /var \
		--config.cmd sh --config.cmd -c --config.cmd 'echo $(id -u) $WHO $(pwd)'
	i image unpack -q "oci:$BATS_TEST_TMPDIR/base:v1" "$bundle/b"
	for command in "crun --cgroup-manager disabled --root $BATS_TEST_TMPDIR/crun run -b $bundle/b $id" \
		"runc --root $BATS_TEST_TMPDIR/runc run -b $bundle/b $id" "i run --id $id $bundle/b"; do
		[ "$($command </dev/null)" = "1000 me /var" ] || fail "$command"
	done
}

@test "a bundle goes into a new or empty folder only" {
	mkdir "$out" && : >"$out/mine"
	try_i image unpack -q "$layout" "$out"
	expect_error 125 "is not empty: it has mine"
	[ "$(ls -A "$out")" = mine ]
}

@test "a user whom the image does not know makes no bundle" {
	i image import -q "$BATS_FILE_TMPDIR/rootfs" base:1
	i image export base:1 "oci:$BATS_TEST_TMPDIR/base:v1"
	umoci config --image "$BATS_TEST_TMPDIR/base:v1" --config.user nobodyhere
	try_i image unpack -q "oci:$BATS_TEST_TMPDIR/base:v1" "$out"
	expect_error 125 nobodyhere
	[ -z "$(ls -A "$out")" ]
}

@test "a user without privileges has a store of his own, and everything in it is his" {
	local user=(setpriv --reuid 4321 --regid 4321 --clear-groups env "HOME=$BATS_TEST_TMPDIR/home" "XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/home")
	needs_userns
	mkdir -p "$BATS_TEST_TMPDIR/home" && chown 4321:4321 "$BATS_TEST_TMPDIR/home"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR"
	"${user[@]}" "$HUSK" pull -q "$layout"
	"${user[@]}" "$HUSK" image import -q "$BATS_FILE_TMPDIR/rootfs" web:1
	store=$BATS_TEST_TMPDIR/home/.local/share/husk
	[ -z "$(find "$store" ! -user 4321)" ]
	[ "$("${user[@]}" "$HUSK" image verify --full)" = "2 images, 5 layers, 9 blobs, 2 names: good" ]
	"${user[@]}" "$HUSK" image unpack -q "$layout" "$BATS_TEST_TMPDIR/home/b"
	[ "$(cat "$BATS_TEST_TMPDIR/home/b/rootfs/etc/base")$(cd "$BATS_TEST_TMPDIR/home/b/rootfs/etc" && echo *)" = \
		"basebase layer-1 layer-2 layer-3" ]
	"${user[@]}" "$HUSK" image prune --all >/dev/null
	[ -z "$(find "$store"/blobs "$store"/layers -mindepth 2)" ]
}

@test "a layer that takes its parents from below is shared by no image with another base" {
	local name mode
	for name in open:0755 closed:0700; do
		python3 - "$out" "${name%:*}" "${name#*:}" <<-'END'
			import sys, os, io, tarfile
			sys.path.insert(0, os.environ["tree"] + "/tests/lib")
			import layouts
			folder, name, mode = sys.argv[1:]
			image, out = layouts.Image(1), io.BytesIO()
			with tarfile.open(fileobj=out, mode="w") as archive:
			    info = tarfile.TarInfo("etc")
			    info.type, info.mode = tarfile.DIRTYPE, int(mode, 8)
			    archive.addfile(info)
			image.tars = [out.getvalue(), layouts.tar({"etc/x": b"x"})]
			image.config["rootfs"]["diff_ids"] = [layouts.sha256(data) for data in image.tars]
			layout = layouts.Layout(f"{folder}/{name}")
			layout.index([layouts.named(image.write(layout))])
		END
		i pull -q "oci:$out/${name%:*}:v1" >/dev/null
	done
	[ "$(jq -rs '[.[].layers[1].diffId] | unique | length' "$store"/images/*)" = 1 ]
	[ "$(jq -rs '[.[].layers[1].id] | unique | length' "$store"/images/*)" = 2 ]
	for name in open:755 closed:700; do
		mode=$(i image inspect "localhost/${name%:*}:v1" | jq -r '.[0].Digest')
		mode=$(jq -r '.layers[1].id | ltrimstr("sha256:")' "$store/images/${mode#sha256:}")
		[ "$(stat -c %a "$store/layers/sha256/$mode/tree/etc")" = "${name#*:}" ] || fail "$name"
	done
	the_store_is_good
}

# ---- progress and words ----

@test "progress is a line a layer, JSON, bars on a terminal, or nothing" {
	try_i pull --quiet "$layout" && [ -z "$stderr" ]
	try_i --store "$out-1" pull --progress none "$layout" && [ -z "$stderr" ]
	try_i --store "$out-2" pull --progress json "$layout"
	[ "$(jq -rs 'map(select(.status == "done")) | length' <<<"$stderr")" = 4 ] || fail "$stderr"
	TERM=xterm script -qec "$HUSK --store $out-3 pull $layout" /dev/null >"$out" </dev/null
	[ "$(grep -ac 'unpacked' "$out")" -ge 4 ] && grep -aq $'\033\[4A' "$out" || fail "$(cat -v "$out")"
	try_i pull "$layout"
	expect 0
	[ -z "$stderr" ] || fail "layers that are there were unpacked again: $stderr"
}

@test "what is not understood is said with the way out" {
	try_i pull
	expect_error 125 "requires an argument" "husk pull --help"
	try_i image inspekt x
	expect_error 125 'unknown command "image inspekt"' "did you mean image inspect"
	try_i pull "Web"
	expect_error 125 "it must be lower-case"
	try_i pull oci:/nowhere:v1
	expect_error 125 "open /nowhere: No such file or directory"
	try_i image import /nowhere
	expect_error 125 "/nowhere" "husk pull"
	try_i image unpack --platfrom x "$layout" "$out"
	expect_error 125 "did you mean --platform"
	[[ $(i image --help) == *"  verify   "* ]]
	[[ $(i image rm --help) == "Usage: husk image rm [OPTIONS] IMAGE..."* ]]
}

# ---- what is broken or hostile ----

@test "hostile layouts are refused with one line, and the store is as before" {
	local name words before
	i image import -q "$BATS_FILE_TMPDIR/rootfs" base:1
	before=$(picture)
	while IFS=$'\t' read -r name words; do
		try_i pull -q "oci:$out/$name:v1"
		expect_error 125 "oci:$out/$name:v1" "$words"
	done < <(python3 "$tree/tests/lib/layouts.py" hostile "$out")
	[ "$(picture)" = "$before" ] || fail "the store has changed: $(diff <(echo "$before") <(picture))"
	the_store_is_good
}

@test "a document that is large inside is refused in bounded memory" {
	[[ $HUSK != */san/* ]] || skip "sanitizers take memory"
	cp -r "$images/layout" "$out"
	python3 -c 'print("{\"schemaVersion\":2,\"manifests\":[" + "0," * 2000000 + "0]}")' >"$out/index.json"
	run --separate-stderr bash -c 'ulimit -v 262144 && exec "$@"' - "$HUSK" --store "$store" pull "oci:$out:v1"
	expect_error 125 "not enough memory"
	i pull -q "$layout"
	the_store_is_good
}

@test "verify finds what is damaged, and the next pull mends what it can" {
	local blob layer
	i pull -q "$layout"
	blob=$(find "$store/blobs/sha256" -size 1 -type f | head -1)
	layer=$(find "$store/layers/sha256" -mindepth 1 -maxdepth 1 | head -1)
	rm -r "$layer"
	try_i image verify
	expect 1
	[[ $output == *"open the layer"*"damaged"* ]] || fail "$output"
	i pull -q "$layout"
	the_store_is_good
	printf x >>"$blob"
	try_i image verify --format json
	expect 1
	[ "$(jq -c '[.Good, (.Faults | length >= 1)]' <<<"$output")" = '[false,true]' ]
	echo "sha256:$(printf '0%.0s' {1..64})" >"$store/names/lost:1"
	try_i image verify
	[[ $output == *"names/lost:1: it names an image that is not there"* ]]
	echo '{}' >"$store/images/$(printf 'a%.0s' {1..64})"
	try_i image prune
	expect_error 125 "the record is damaged"
}

# ---- at the same time, killed, full ----

@test "a store that many begin at once is one store" {
	local round process processes
	for round in {1..20}; do
		processes=()
		for _ in 1 2 3 4; do
			"$HUSK" --store "$BATS_TEST_TMPDIR/new-$round" images >/dev/null 2>>"$BATS_TEST_TMPDIR/faults" &
			processes+=($!)
		done
		for process in "${processes[@]}"; do wait "$process" || fail "$(cat "$BATS_TEST_TMPDIR/faults")"; done
		[ "$(cat "$BATS_TEST_TMPDIR/new-$round/version")" = 1 ]
	done
}

@test "two pulls of one image do the work once" {
	local one two
	i pull "$layout" 2>"$out-1" >/dev/null &
	one=$!
	i pull "$layout" 2>"$out-2" >/dev/null &
	two=$!
	wait "$one"
	wait "$two"
	[ "$(cat "$out"-[12] | grep -c ', unpacked$')" = 4 ] || fail "$(cat "$out"-[12])"
	the_store_is_good
}

@test "pulls, removals and prunes at the same time leave a good store" {
	local n jobs=()
	for n in 1 2 3 4; do
		(for _ in 1 2 3 4 5; do
			i pull -q "$layout" >/dev/null
			i image rm localhost/layout:v1 >/dev/null 2>&1 || : # another may have been faster
			i image import -q "$BATS_FILE_TMPDIR/rootfs" "n$n:1" >/dev/null
			i image prune >/dev/null 2>&1
		done) &
		jobs+=($!)
	done
	for n in "${jobs[@]}"; do wait "$n"; done
	[ "$(i images --format json | jq '[.[].Names[] | select(startswith("docker.io/library/n"))] | length')" = 4 ]
	the_store_is_good
}

# The calls that a command makes, as in crash.bats, in all of its threads.
calls_of() { # COMMAND...
	traced -f -o "$BATS_TEST_TMPDIR/trace" -- "${HUSK%/*}/husk-image" --store "$store" "$@" >/dev/null
	sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' "$BATS_TEST_TMPDIR/trace" |
		grep -xE 'openat|openat2|mkdirat|renameat|renameat2|unlinkat|write|fsync|syncfs|flock|linkat|splice|utimensat|fchmod' |
		awk '{ count[$1]++ } END { for (call in count) for (n = 1; n <= count[call]; n += 1 + int(count[call] / 8)) print call, n }'
}

killed_at() { # SIGNAL CALL NUMBER COMMAND...
	local signal=$1 call=$2 number=$3
	shift 3
	(traced -f -o /dev/null --inject="$call:signal=$signal:when=$number" -- \
		"${HUSK%/*}/husk-image" --store "$store" "$@" || exit) >"$BATS_TEST_TMPDIR/killed" 2>&1
}

at_each_call() { # COMMAND...: killed there, the store is good, and the next one works
	local call number killed=0
	calls_of "$@" >"$BATS_TEST_TMPDIR/calls"
	while read -r call number; do
		rm -rf "$store" "$out"
		[ -z "${prepare:-}" ] || $prepare
		killed_at SIGKILL "$call" "$number" "$@" || ((killed += 1))
		try_i image verify
		expect 0 || fail "killed at $call $number"
		rm -rf "$out"
		i "$@" >/dev/null || fail "after it was killed at $call $number"
		[ -z "$(ls -A "$store/tmp")" ] || fail "killed at $call $number: $(ls -A "$store/tmp")"
	done <"$BATS_TEST_TMPDIR/calls"
	echo "# $1: killed at $killed of its calls" >&3
	[ "$killed" -ge 15 ]
	the_store_is_good
}

@test "pull is killed at its system calls" {
	at_each_call pull -q "$layout"
}

@test "image rm is killed at its system calls" {
	prepare=pulled
	pulled() { i pull -q "$layout" >/dev/null; }
	pulled
	calls_of image rm localhost/layout:v1 >"$BATS_TEST_TMPDIR/calls"
	while read -r call number; do
		pulled
		killed_at SIGKILL "$call" "$number" image rm localhost/layout:v1 || :
		try_i image verify
		expect 0
	done <"$BATS_TEST_TMPDIR/calls"
	i image prune --all >/dev/null
	[ -z "$(find "$store"/blobs "$store"/layers "$store"/names "$store"/images -mindepth 2 ! -name sha256 ! -name sha512)" ]
	the_store_is_good
}

@test "ctrl-C ends a pull with 130, and the store is good" {
	i images -q
	local status=0
	(traced -f -o /dev/null --inject="mkdirat:signal=SIGINT:when=8" -- "$HUSK" --store "$store" pull -q "$layout" || exit) || status=$?
	[ "$status" = 130 ] || fail "$status"
	try_i image verify
	expect 0
	i pull -q "$layout"
	the_store_is_good
}

@test "a full disk at any point leaves a good store" {
	local kib
	mkdir "$BATS_TEST_TMPDIR/small"
	later umount -l "$BATS_TEST_TMPDIR/small"
	mount -t tmpfs -o size=64m tmpfs "$BATS_TEST_TMPDIR/small"
	store=$BATS_TEST_TMPDIR/small/store
	i image import -q "$layout" first:1
	for kib in 0 4 12 40 200 1000 2000 4000; do
		mount -o "remount,size=$(($(df --output=used -k "$BATS_TEST_TMPDIR/small" | tail -1) + kib))k" "$BATS_TEST_TMPDIR/small"
		try_i image import -q "$BATS_FILE_TMPDIR/rootfs" second:1
		[ "$status" = 0 ] || expect_error 125 ""
		mount -o remount,size=64m "$BATS_TEST_TMPDIR/small"
		the_store_is_good
		i image rm second:1 >/dev/null 2>&1 || :
	done
	i image import -q "$BATS_FILE_TMPDIR/rootfs" second:1
}
