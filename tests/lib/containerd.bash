# tests/lib/containerd.bash: what the tests of containerd, by ctr(8) and by the CRI, share.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of bats, and those for the tests
# shellcheck source=tests/lib/callers.bash
. "${BASH_SOURCE[0]%/*}/callers.bash"

# An overlay cannot be the upper folder of another: where the guest's root is one, containerd gets a tmpfs.
start_containerd() {
	if [ "$(stat -f -c %T /var/lib/containerd)" = overlayfs ]; then
		systemctl stop containerd
		mount -t tmpfs tmpfs /var/lib/containerd
	fi
	systemctl restart containerd
}

image=docker.io/library/busybox:latest

setup() { prepare; }

prepare() {
	name=husk-ctr-$BATS_TEST_NUMBER
	later=()
	left_before=$(left)
}

teardown() {
	local i
	for ((i = ${#later[@]} - 1; i >= 0; i--)); do eval "${later[i]}"; done
	eventually nothing_new || { diff <(echo "$left_before") <(left) >&2 || fail "something is left in the guest"; }
}

# What containers could leave: mounts, cgroups of theirs, links, shims and what they run, names of network namespaces, state.
left() {
	{
		while read -r _ _ rest; do echo "mount $rest"; done </proc/self/mountinfo
		find "$cgroups" -type d \( -name '*husk-ctr*' -o -name '*cri-containerd*' -o -name '*husk-pod*' \)
		printf '%s\n' /sys/class/net/* /run/netns/*
		pgrep -a containerd-shim
		find /run/containerd/runc /run/containerd/io.containerd.runtime.v2.task \
			-mindepth 2 -maxdepth 2 ! -name '.*' 2>/dev/null
	} | sort
}
nothing_new() { [ "$left_before" = "$(left)" ]; }
