# tests/lib/husk.bash: what every bats file loads.
#
# A test gets a state root of its own, and a bundle whose root file system is busybox, read-only and shared by the tests
# of a file. Around each test the host is looked at: processes, mounts, cgroups, network links and state that were not
# there before make the test fail, whatever it was about.
# shellcheck shell=bash disable=SC2016,SC2154 # variables of jq and of bats

tree=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
HUSK=${HUSK:-$tree/build/husk}
cgroups=/sys/fs/cgroup
export HUSK_NETWORK=none # containers from images: no bridge appears on this host

# bats 1.8 has these, but we want no more of it than that: bats_require_minimum_version 1.5.0 allows `run --separate-stderr`.
bats_require_minimum_version 1.5.0

setup_file() {
	make_rootfs "$BATS_FILE_TMPDIR/rootfs"
}

setup() { setup_bundle; }

setup_bundle() {
	state=$BATS_TEST_TMPDIR/state
	bundle=$BATS_TEST_TMPDIR/bundle
	mark=husk-test-$$-$BATS_TEST_NUMBER
	id=t$$-$BATS_TEST_NUMBER
	make_bundle "$bundle"
	later=()
	host_before=$(host)
}

teardown() {
	local left command after
	for command in ${later[@]+"${later[@]}"}; do eval "$command"; done
	left=$(husk list -q) && for one in $left; do husk delete --force "$one"; done
	! compgen -G "$state/*" >&2 || fail "state is left"
	after=$(host)
	[ "$host_before" = "$after" ] || { diff <(echo "$host_before") <(echo "$after") || fail "something is left on the host"; }
}

# Whatever husk starts carries the mark, until it becomes the container's program; that one gets it from the config.
husk() { HUSK_TEST_MARK=$mark "$HUSK" --root "$state" "$@"; }

# What the test itself must take away, also when it fails.
later() { later+=("$(printf '%q ' "$@")"); } # COMMAND...

# `run husk ...` with standard error apart, in $stderr.
try() { run --separate-stderr husk "$@"; }

# A sanitized husk cannot look for leaks while strace(1) holds it.
traced() { ASAN_OPTIONS=detect_leaks=0 strace -qq "$@"; } # STRACE-OPTIONS... -- COMMAND...

fail() {
	echo "$*" >&2
	return 1
}

# What a container could leave: its mounts by their names, so that one that moved is no difference; cgroups, but not those of
# another run of these tests; links; processes. In few processes, for they are dear in the VM.
host() {
	{
		while read -r _ _ rest; do echo "mount $rest"; done </proc/self/mountinfo
		find "$cgroups" -mindepth 1 -type d ! -path '*/init*' \( -path "*/husk-$id*" -o ! -regex '.*/husk-t[0-9]+-.*' \) \
			-printf 'cgroup %p\n' 2>/dev/null
		printf 'link %s\n' /sys/class/net/*
		marked
	} | sort
}

# Processes of this test's containers, by the mark in their environment.
marked() {
	grep -lzx "HUSK_TEST_MARK=$mark" /proc/[0-9]*/environ 2>/dev/null | while IFS=/ read -r _ _ pid _; do
		echo "process $pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
	done
	return 0
}

make_rootfs() { # FOLDER
	mkdir -p "$1"/{bin,dev,etc,proc,root,sys,tmp,var}
	cp "$(command -v busybox)" "$1/bin/busybox"
	chroot "$1" /bin/busybox --install -s /bin
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:User:/home/user:/bin/sh\n' >"$1/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\n' >"$1/etc/group"
}

# The config of `husk spec`, without a terminal, marked. Its program is `true`.
make_bundle() { # FOLDER
	[ -d "$1" ] || mkdir -p "$1"
	[ ! -e "$1/config.json" ] || rm "$1/config.json"
	"$HUSK" spec --bundle "$1"
	config_of "$1" --arg mark "HUSK_TEST_MARK=$mark" --arg rootfs "$BATS_FILE_TMPDIR/rootfs" \
		'.process.terminal = false | .process.args = ["true"] | .process.env += [$mark] | .root.path = $rootfs'
}

# A root file system that the test may write to.
own_rootfs() {
	cp -a "$BATS_FILE_TMPDIR/rootfs" "$bundle/rootfs"
	config '.root.path = "rootfs" | .root.readonly = false'
}

config_of() { # FOLDER JQ-ARGUMENTS...
	local folder=$1 new
	shift
	new=$(jq "$@" "$folder/config.json") || return
	echo "$new" >"$folder/config.json"
}

config() { config_of "$bundle" "$@"; } # JQ-ARGUMENTS...

args() { # COMMAND...
	config --argjson args "$(jq -nc '$ARGS.positional' --args -- "$@")" '.process.args = $args'
}
sh_args() { args sh -c "$1"; } # SCRIPT

# Runs the script in the container; its output and exit code are the test's.
in_container() { # SCRIPT
	sh_args "$1"
	try run --id "$id" "$bundle"
}

expect() { # STATUS [OUTPUT]
	[ "$status" -eq "$1" ] || fail "exit code $status instead of $1; stdout: $output; stderr: ${stderr:-}"
	[ $# -lt 2 ] || [ "$output" = "$2" ] || fail "stdout is \"$output\" instead of \"$2\"; stderr: ${stderr:-}"
}

# One line on standard error, which holds the words.
expect_error() { # STATUS WORDS...
	expect "$1"
	shift
	[ "$(grep -c . <<<"$stderr")" -eq 1 ] || fail "not one line on stderr: $stderr"
	for words; do
		[[ $stderr == *"$words"* ]] || fail "\"$words\" is missing in: $stderr"
	done
}

status_of() { husk state "$1" | jq -r .status; } # ID
pid_of() { husk state "$1" | jq -r .pid; }       # ID

eventually() { # COMMAND...: at most half a minute, for the machine may be busy
	local i
	for ((i = 0; i < 600; i++)); do
		"$@" 2>/dev/null && return 0
		sleep 0.05
	done
	fail "still not: $*"
}

is_status() { [ "$(status_of "$1")" = "$2" ]; } # ID STATUS

# A skip says why; where everything must work, it is a failure.
lacking() { # REASON
	[ -z "${HUSK_MUST_WORK:-}" ] || fail "$1"
	skip "$1"
}

needs_controller() { # NAME...
	for controller; do
		grep -qw "$controller" "$cgroups/cgroup.controllers" || lacking "cgroup v2 has no $controller controller here"
	done
}

needs_userns() {
	unshare --user true 2>/dev/null || lacking "user namespaces are forbidden here"
}

needs_file() { # FILE
	[ -e "$1" ] || lacking "this kernel has no $1"
}
