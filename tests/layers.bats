#!/usr/bin/env bats
# What becomes of the layers of images, the hostile ones first.
# places: native sanitized

load lib/husk

# The store and the folder beside it, where an archive could put something.
setup() {
	setup_bundle
	work=$BATS_TEST_TMPDIR/work
	store=$work/store
	mkdir -p "$work"
	echo untouched >"$work/witness"
}

image() { husk --store "$store" image "$@"; } # COMMAND...
try_image() { run --separate-stderr image "$@"; }

# Every name in the store with its type, but for locks, and what lies beside it.
contents() { (cd "$work" && find . ! -path './store/tmp/.husk-*' -printf '%p %y %l\n' | sort && cat witness); }

compare() { python3 "$tree/tests/lib/tree_compare.py" "$@"; } # [--without WHAT] A B

# All images of a folder of layers, in one layout each.
layout() { python3 "$tree/tests/lib/layer_layout.py" "$@"; } # FOLDER REF LAYER...

# A root with everything that an archive can carry.
make_source() { # FOLDER
	local long i
	long=$(printf 'n%.0s' {1..90})
	mkdir -p "$1"/d/sub "$1/$long/$long" "$1/e"
	cd "$1" || return
	echo content >d/file && ln d/file d/hard && : >d/empty
	ln -s ../d/file e/link && ln -s "$long$long" e/longlink
	mkfifo e/fifo && mknod e/null c 1 3 && mknod e/block b 7 300
	echo deep >"$long/$long/f$long"
	head -c 300000 /dev/urandom >d/big
	chown 12:34 d/file && chown -h 1000:2000 e/link && chmod 4755 d/big && chmod 6711 e && chmod 1777 d/sub && chmod 2775 d
	: >"$(printf 'caf\303\251')" && : >"$(printf 'odd\nname')"
	for i in 0 5 11 37; do printf 'data%d' "$i" | dd of=e/sparse bs=64K seek="$i" conv=notrunc status=none; done
	for ((i = 0; i < 60; i++)); do printf 'x%d' "$i" | dd of=e/pieces bs=8K seek=$((i * 2)) conv=notrunc status=none; done
	truncate -s 3M e/sparse e/hole
	setfattr -n user.comment -v 'some value' d/file
	setfattr -n user.bytes -v 0x000a00ff3d d/big
	setcap cap_net_raw+ep d/big
	touch -d '1969-12-31 23:59:58 UTC' d/empty
	touch -d '2031-01-02 03:04:05.123456789 UTC' d/big
	touch -d '2001-02-03 04:05:06 UTC' d/sub e d .
	cd "$OLDPWD" || return
}

unpack_and_compare() { # TAR WITHOUT SOURCE
	image import --quiet "$1" source >/dev/null || return
	image unpack --quiet source "$work/out" || return
	compare --without "$2" "$3" "$work/out/rootfs" || return
	rm -rf "$work/out"
}

# ---- hostile ones ----

@test "a hostile layer is refused with one line, and nothing of it is left" {
	local name words before file bad=0
	mkdir "$work/archives"
	python3 "$tree/tests/lib/hostile.py" write "$work/archives"
	image import --quiet "$work/archives/absolute.tar" first >/dev/null
	before=$(contents)
	while IFS=$'\t' read -r name words; do
		[ "$words" != - ] || continue
		file=$(echo "$work/archives/$name".*)
		try_image import --quiet "$file" evil
		if [ "$status" -eq 0 ] || [ "$(grep -c . <<<"$stderr")" -ne 1 ] || [[ $stderr != *"$words"* || $stderr != *"$name"* ]]; then
			echo "$name: exit code $status, not \"$words\": $stderr" >&2
			bad=1
		fi
		[ "$(contents)" = "$before" ] || fail "$name: something is left: $(diff <(echo "$before") <(contents))"
	done < <(python3 "$tree/tests/lib/hostile.py" list)
	[ "$bad" -eq 0 ]
}

@test "an odd layer is unpacked inside its own root" {
	local name words file
	mkdir "$work/archives"
	python3 "$tree/tests/lib/hostile.py" write "$work/archives"
	while IFS=$'\t' read -r name words; do
		[ "$words" = - ] || continue
		file=$(echo "$work/archives/$name".*)
		image import --quiet "$file" "$name" >/dev/null || fail "$name is refused"
		image unpack --quiet "$name" "$work/out-$name" || fail "$name is not unpacked"
		[ -f "$work/out-$name/rootfs/kept" ] || fail "$name: its first file is missing"
	done < <(python3 "$tree/tests/lib/hostile.py" list)
	[ ! -e /etc/husk-outside ]
	[ "$(cat "$work/out-absolute/rootfs/etc/husk-outside")" = inside ]
	[ "$(cat "$work/out-link_then_write/rootfs/target/husk-outside")" = inside ]
	[ "$(cat "$work/out-final_link_replaced/rootfs/x")" = inside ]
	[ "$(readlink "$work/out-hard_link_to_a_link/rootfs/x")" = /etc/husk-outside ]
	[ "$(stat -c %a "$work/out-folder_over_link/rootfs/d")" = 700 ]
	[ "$(stat -c '%s' "$work/out-pax_size_counts/rootfs/x")" = 600 ]
	[ ! -e "$work/out-pax_size_counts/rootfs/smuggled" ]
	[ ! -e "$work/out-aufs/rootfs/.wh..wh.plnk" ]
	[ -p "$work/out-fifo_then_file/rootfs/x" ]
	[ "$(getfattr -d -m - "$work/out-foreign_labels/rootfs/f" 2>/dev/null)" = "" ]
	[ "$(find "$work/out-gzip_members/rootfs" -name 'f*' | wc -l)" = 200 ]
}

@test "a hostile layer in the middle of an image is named, with its image" {
	mkdir "$work/archives"
	python3 "$tree/tests/lib/hostile.py" write "$work/archives" absolute whiteout_dotdot odd_names
	layout "$work/layout" v1 "$work"/archives/{absolute,whiteout_dotdot,odd_names}.tar
	before=$(contents)
	try_image import --quiet "oci:$work/layout:v1" evil
	expect_error 125 "v1" "layer 2 of 3" ".wh...: a whiteout that names nothing in its folder"
	[ "$(contents | grep -v '^./store')" = "$(grep -v '^./store' <<<"$before")" ]
	[ -z "$(find "$store/images" "$store/names" -type f)" ]
}

@test "a fault in a name cannot act on the terminal" {
	python3 - "$work/evil.tar" <<'END'
import sys
sys.path.insert(0, "tests/lib")
import hostile
open(sys.argv[1], "wb").write(hostile.archive(hostile.file(b"a\x1b[2Jb\nc/../d")))
END
	try_image import --quiet "$work/evil.tar" evil
	expect_error 125 'a\x1B[2Jb\x0Ac/../d: ".." in a path'
}

# ---- faithful ones ----

@test "archives of GNU tar, in each of its formats, are unpacked as they were packed" {
	local format
	make_source "$work/source"
	for format in --format=posix "--format=posix --sparse --sparse-version=0.0" "--format=posix --sparse --sparse-version=0.1" \
		"--format=posix --sparse --sparse-version=1.0"; do
		# shellcheck disable=SC2086 # words
		tar -C "$work/source" $format --xattrs '--xattrs-include=*' -cf "$work/source.tar" .
		unpack_and_compare "$work/source.tar" none "$work/source"
	done
	for format in "--format=gnu" "--format=gnu --sparse" "--format=oldgnu --sparse"; do
		# shellcheck disable=SC2086 # words
		tar -C "$work/source" $format -cf "$work/source.tar" .
		unpack_and_compare "$work/source.tar" xattr,mtime "$work/source"
	done
	rm -r "$work"/source/n* "$work/source/e/longlink" "$work/source/d/empty"
	tar -C "$work/source" --format=ustar -cf "$work/source.tar" .
	unpack_and_compare "$work/source.tar" xattr,mtime "$work/source"
	rm "$work"/source/e/{fifo,null,block}
	tar -C "$work/source" --format=v7 -cf "$work/source.tar" .
	unpack_and_compare "$work/source.tar" xattr,mtime "$work/source"
}

@test "archives of bsdtar and of Python are unpacked as they were packed" {
	make_source "$work/source"
	touch "$work/source/d/empty" && touch -d '2001-02-03 04:05:06 UTC' "$work/source/d" # bsdtar 3.6 writes no negative fractions
	bsdtar -C "$work/source" --format=pax --xattrs -cf "$work/source.tar" .
	unpack_and_compare "$work/source.tar" none "$work/source"
	bsdtar -C "$work/source" --format=gnutar -cf "$work/source.tar" .
	unpack_and_compare "$work/source.tar" xattr,mtime "$work/source"
	for format in PAX_FORMAT GNU_FORMAT; do
		python3 -c 'import sys, tarfile
with tarfile.open(sys.argv[1], "w", format=getattr(tarfile, sys.argv[3])) as tar:
	tar.add(sys.argv[2], ".")' "$work/source.tar" "$work/source" "$format"
		unpack_and_compare "$work/source.tar" xattr,mtime "$work/source"
	done
}

@test "gzip, zstd and plain archives give the same tree, whatever they are called" {
	make_source "$work/source"
	tar -C "$work/source" --format=posix --xattrs '--xattrs-include=*' -cf "$work/plain" .
	gzip -c "$work/plain" >"$work/gzip"
	zstd -q -c "$work/plain" >"$work/zstd"
	zstd -q -c --ultra -22 --long=27 "$work/plain" >"$work/window"
	for file in plain gzip zstd window; do
		layout "$work/layout-$file" v1 "$work/$file"
		image unpack --quiet "oci:$work/layout-$file:v1" "$work/out"
		compare "$work/source" "$work/out/rootfs"
		rm -rf "$work/out"
	done
}

@test "POSIX ACLs are kept, and a folder's default ACL changes nothing in it" {
	mkdir -p "$work/source/d"
	setfacl -d -m u:77:rwx,g:88:rx "$work/source/d"
	echo x >"$work/source/plain" && setfacl -m u:77:r "$work/source/plain"
	echo x >"$work/source/x" && chmod 604 "$work/source/x" && mv "$work/source/x" "$work/source/d/x"
	python3 - "$work/source" "$work/source.tar" <<'END'
import os, sys, tarfile
def add(info):
	path = os.path.join(sys.argv[1], info.name)
	for name in os.listxattr(path):
		info.pax_headers["SCHILY.xattr." + name] = os.getxattr(path, name).decode("utf-8", "surrogateescape")
	return info
with tarfile.open(sys.argv[2], "w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape") as tar:
	tar.add(sys.argv[1], ".", filter=add)
END
	unpack_and_compare "$work/source.tar" mtime "$work/source"
}

@test "access control lists in words, of tar --acls, are those that getfacl shows" {
	mkdir -p "$work/source/d"
	setfacl -m u:77:rwx,g:88:rx -d -m u:77:rwx,g:88:rx,o::- "$work/source/d"
	echo x >"$work/source/plain" && setfacl -m u:77:r,u:78:rw,g::-,m::r "$work/source/plain"
	tar -C "$work/source" --acls -cf "$work/source.tar" . # these ids have no names here
	grep -qa SCHILY.acl.access "$work/source.tar"
	unpack_and_compare "$work/source.tar" mtime "$work/source"
	image unpack --quiet source "$work/out"
	diff <(cd "$work/source" && getfacl -nR .) <(cd "$work/out/rootfs" && getfacl -nR .)
	rm -rf "$work/out"
	setfacl -m u:nobody:r "$work/source/plain"
	bsdtar -C "$work/source" --acls --format pax -cf "$work/both.tar" . # names and numbers
	unpack_and_compare "$work/both.tar" mtime "$work/source"
	tar -C "$work/source" --acls -cf "$work/named.tar" .
	layout "$work/named" v1 "$work/named.tar"
	run --separate-stderr image unpack --quiet "oci:$work/named:v1" "$work/refused"
	expect_error 125 "./plain: system.posix_acl_access: the user \"nobody\" has no number (pack it by bsdtar or star"
}

@test "layers that delete, replace and hide are seen as the specification says" {
	local seed
	for ((seed = 0; seed < 8; seed++)); do
		rm -rf "$work/stack" "$work/layout" "$work/out"
		mkdir "$work/stack"
		python3 "$tree/tests/lib/stack.py" write "$seed" "$work/stack"
		layout "$work/layout" "v$seed" "$work"/stack/*.tar
		image unpack --quiet "oci:$work/layout:v$seed" "$work/out"
		diff "$work/stack/tree.json" <(python3 "$tree/tests/lib/stack.py" read "$work/out/rootfs") || fail "merged, seed $seed"
	done
}

@test "overlayfs shows the layers of the store as the specification says" {
	local seed id lower
	mkdir "$work/merged"
	for ((seed = 100; seed < 108; seed++)); do
		rm -rf "$work/stack" "$work/layout"
		mkdir "$work/stack"
		python3 "$tree/tests/lib/stack.py" write "$seed" "$work/stack"
		layout "$work/layout" "v$seed" "$work"/stack/*.tar
		image import --quiet "oci:$work/layout:v$seed" "stack:v$seed" >/dev/null
		lower=
		for id in $(jq -r '.layers | reverse[].id | sub(":"; "/")' "$store/images/$(tail -c +8 "$store/names/"*"stack:v$seed")"); do
			lower=$lower:$store/layers/$id/tree
		done
		mount -t overlay overlay -o "lowerdir=${lower#:}" "$work/merged"
		python3 "$tree/tests/lib/stack.py" read "$work/merged" >"$work/seen"
		umount "$work/merged"
		diff "$work/stack/tree.json" "$work/seen" || fail "seed $seed"
	done
}

@test "a folder that a layer only passes through, and a hard link to a file below, are as they are below" {
	mkdir -p "$work"/base/{t,deep/er} "$work/upper"
	echo below >"$work/base/deep/er/file" && chown 7:8 "$work/base/deep/er/file" && chmod 2750 "$work/base/deep"
	setfattr -n user.kept -v yes "$work/base/deep/er/file"
	chmod 1777 "$work/base/t" && touch -d '2001-02-03 UTC' "$work/base/t" "$work/base/deep"
	tar -C "$work/base" --xattrs '--xattrs-include=*' --format=posix -cf "$work/0.tar" .
	python3 - "$work/1.tar" <<'END'
import sys
sys.path.insert(0, "tests/lib")
import hostile
open(sys.argv[1], "wb").write(hostile.archive(hostile.file(b"t/new", b"1"), hostile.hard(b"deep/link", b"deep/er/file")))
END
	layout "$work/layout" v1 "$work/0.tar" "$work/1.tar"
	image unpack --quiet "oci:$work/layout:v1" "$work/out"
	run stat -c '%a %u:%g %Y' "$work"/out/rootfs/{t,deep}
	expect 0 "$(stat -c '%a %u:%g %Y' "$work"/base/{t,deep})"
	cmp "$work/out/rootfs/deep/link" "$work/base/deep/er/file"
	run stat -c '%a %u:%g %y' "$work/out/rootfs/deep/link"
	expect 0 "$(stat -c '%a %u:%g %y' "$work/base/deep/er/file")"
	[ "$(getfattr --only-values -n user.kept "$work/out/rootfs/deep/link")" = yes ]
}

@test "an image of this host's own files is unpacked by husk as by umoci" {
	command -v umoci >/dev/null || lacking "umoci is not installed"
	tar -C / --format=posix --xattrs '--xattrs-include=*' --exclude='*/__pycache__' -cf "$work/0.tar" \
		bin sbin etc usr/bin/passwd usr/bin/perl usr/lib/os-release usr/share/perl usr/share/zoneinfo var/lib/dpkg/info var/mail \
		--no-recursion usr usr/bin usr/lib usr/share var var/lib var/lib/dpkg
	mkdir -p "$work/upper/etc/apt" "$work/upper/usr/share/perl" && cp -a /etc/passwd "$work/upper/etc/"
	: >"$work/upper/etc/.wh.apt" && : >"$work/upper/usr/share/perl/.wh..wh..opq" && rmdir "$work/upper/etc/apt"
	tar -C "$work/upper" --format=posix -cf "$work/1.tar" etc/passwd etc/.wh.apt usr/share/perl
	layout "$work/layout" v1 "$work/0.tar" "$work/1.tar"
	image unpack --quiet "oci:$work/layout:v1" "$work/ours"
	umoci unpack --image "$work/layout:v1" "$work/theirs" >/dev/null 2>&1
	compare --without root "$work/theirs/rootfs" "$work/ours/rootfs"
	[ ! -e "$work/ours/rootfs/etc/apt" ] && [ -e "$work/ours/rootfs/etc/dpkg" ] && [ -z "$(ls "$work/ours/rootfs/usr/share/perl")" ]
}

# ---- bounded ones ----

@test "a large layer takes little memory, and is read behind every wall there is" {
	local importer
	[[ $HUSK != */san/* ]] || skip "sanitizers take memory, and make calls that the walls forbid"
	mkdir "$work/source" && head -c 400M /dev/zero | tr '\0' x >"$work/source/large"
	tar -C "$work/source" -cf "$work/large.tar" . && rm -r "$work/source"
	HUSK_TEST_MARK=$mark "$HUSK" --store "$store" image import --quiet "$work/large.tar" large >"$work/id" &
	importer=$!
	until confined "$importer" "$work/status"; do kill -0 "$importer" || fail "it has ended before it was looked at"; done
	wait "$importer"
	grep -x "NoNewPrivs:	1" "$work/status"
	# CHOWN DAC_OVERRIDE FOWNER FSETID MKNOD SETFCAP, and SYS_ADMIN for trusted.overlay.opaque
	grep -x "CapEff:	000000008820001b" "$work/status"
	grep -x "CapBnd:	000000008820001b" "$work/status"
	run python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 64 << 10)' "$HUSK" --store "$store" image unpack --quiet large "$work/out"
	expect 0 True
}

# husk-image is behind its walls, and its status is in the file.
confined() { # PID FILE
	cp "/proc/$1/status" "$2" 2>/dev/null && grep -qx "Name:	husk-image" "$2" && grep -qx "Seccomp:	2" "$2"
}
