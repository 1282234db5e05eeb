# tests/lib/callers.bash: what the tests of tests/callers share.
#
# Each file drives one caller (podman, containerd, docker, buildah) of the guest, whose runtime is $runtime: husk, or crun or
# runc in its place, so that what fails with both is the environment's fault. Where the cgroup controllers are missing
# (tests/vm/contained), callers are told to ask for no limits; tests about limits have the tag vm, and run in the VM only.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of bats, and those for the tests
# shellcheck source=tests/lib/husk.bash
. "${BASH_SOURCE[0]%/*}/husk.bash"

runtime=${CALLER_RUNTIME:-husk}
case $runtime in
husk) runtime_path=$HUSK ;;
*) runtime_path=$(command -v "$runtime") ;;
esac

# What a test starts is called $name; what it names in `later` is done when it ends, the last first.
setup() {
	name=t$BATS_TEST_NUMBER
	later=()
}

teardown() {
	local i
	for ((i = ${#later[@]} - 1; i >= 0; i--)); do eval "${later[i]}"; done
}

has_controllers() { grep -qw memory "$cgroups/cgroup.controllers"; }

# Standard input to the caller's `import`: a root of busybox, as a tar archive.
busybox_image() {
	[ -d "$BATS_FILE_TMPDIR/rootfs" ] || make_rootfs "$BATS_FILE_TMPDIR/rootfs"
	tar -C "$BATS_FILE_TMPDIR/rootfs" -c .
}

# Where a runtime differs from husk for a reason of its own.
not_with() { # RUNTIME REASON
	[ "$runtime" != "$1" ] || skip "$2"
}

# No process, mount or cgroup speaks of the container any more.
gone() { # NAME-OR-ID
	! grep -q "$1" /proc/self/mountinfo && [ -z "$(find "$cgroups" -type d -name "*$1*")" ] && ! pgrep -f "$1" >/dev/null
}
