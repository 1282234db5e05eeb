# tests/lib/image.bash: an image in a store of the test's own, for the tests of run --image.
#
# The store is made once for a file, by tests/lib/store.py; each test gets a copy, whose files are links to the same.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of lib/husk and of bats

shared_store() { echo "$BATS_FILE_TMPDIR/store"; }

husk() { HUSK_TEST_MARK=$mark "$HUSK" --root "$state" --store "$store" "$@"; }

# Folders for layers: a base with busybox, and something on top of it.
setup_file() {
	local base=$BATS_FILE_TMPDIR/base top=$BATS_FILE_TMPDIR/top
	make_rootfs "$base"
	printf 'root:x:0:\nuser:x:1000:\nwheel:x:10:user\nothers:x:20:root,user\n' >"$base/etc/group"
	mkdir -p "$base/data" "$base/home/user"
	echo from the image >"$base/data/file"
	chown -R 1000:10 "$base/data" && chmod 2750 "$base/data"
	echo base >"$base/both" && echo base >"$base/gone"
	chmod 1777 "$base/tmp"
	mkdir -p "$top"
	echo top >"$top/both" && mknod "$top/gone" c 0 0
	cp "$(tool call)" "$base/bin/call"
	mkdir "$BATS_FILE_TMPDIR/rootfs" # of lib/husk's bundles, which these tests have no use for
	image box '{"Cmd": ["true"]}' "$base" "$top"
}

setup() {
	setup_bundle
	store=$BATS_TEST_TMPDIR/store
	cp -al "$(shared_store)" "$store"
}

# The program of tests/tools of that name.
tool() { echo "$tree/build/tests/tools/$1"; }

# Puts an image into the store of the file, or of the test. Its layers are those of `box` where none are given.
image() { # NAME CONFIG [TREE...]
	local name=$1 config=$2 in=${store:-$(shared_store)}
	shift 2
	printf '%s' "$config" >"$BATS_FILE_TMPDIR/config.$$"
	"$tree/tests/lib/store.py" "$in" "docker.io/library/$name:latest" "$BATS_FILE_TMPDIR/config.$$" \
		"${@:-$BATS_FILE_TMPDIR/base}" >/dev/null
}

# Runs in a container of the image: FLAGS... -- COMMAND...
boxed() { try run --image "${box:-box}" --name "$id" --env HUSK_TEST_MARK "$@"; }

# The same by a script.
boxed_sh() { # SCRIPT FLAGS...
	local script=$1
	shift
	boxed "$@" sh -c "$script"
}

planned() { husk plan --format json --image box "$@"; } # FLAGS... COMMAND...

nothing_in_store() { [ -z "$(ls "$store/containers")" ] || fail "a folder is left: $(ls "$store/containers")"; }

# All that is in the layers: names, modes, owners, sizes, times, contents.
layers_sum() {
	tar -C "$store/layers" --xattrs --xattrs-include='*' --sort=name --pax-option=exthdr.name=%d/%f,delete=atime,delete=ctime -c . | sha256sum
}
