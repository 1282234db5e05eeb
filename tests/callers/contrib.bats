#!/usr/bin/env bats
# The configuration in contrib/, by the callers' own eyes; that of containerd is what cri.bats runs with.
# runtimes: husk
load ../lib/callers

# The files name the installed husk; the guest's is where the tree has built it.
with_path() { # FILE
	sed "s|/usr/local/bin/husk|$runtime_path|" "contrib/$1" >"$BATS_TEST_TMPDIR/${1##*/}"
	echo "$BATS_TEST_TMPDIR/${1##*/}"
}

member() { # FILE PYTHON-EXPRESSION-OF-FILE
	python3 -c 'import sys, tomllib; file = tomllib.load(open(sys.argv[1], "rb")); print(eval(sys.argv[2]))' "contrib/$1" "$2"
}

setup_file() { :; }
setup() { :; }
teardown() { :; }

@test "containerd reads its file, and has the handler" {
	run containerd --config contrib/containerd/config.toml config dump
	[ "$status" -eq 0 ]
	[[ $output == *'containerd.runtimes.husk.options]'*'BinaryName = "/usr/local/bin/husk"'*'SystemdCgroup = true'* ]]
}

@test "docker reads its file" {
	run dockerd --validate --config-file "$(with_path docker/daemon.json)"
	expect 0 "configuration OK"
}

@test "podman reads its file, knows husk by name, and starts a container with it" {
	CONTAINERS_CONF=$(with_path podman/containers.conf)
	export CONTAINERS_CONF
	has_controllers || printf '[containers]\npids_limit = 0\n' >>"$CONTAINERS_CONF"
	[ "$(podman --runtime husk info --format '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Path}}')" = "husk $runtime_path" ]
	make_rootfs "$BATS_TEST_TMPDIR/rootfs"
	run podman --runtime husk run --rm --network none --rootfs "$BATS_TEST_TMPDIR/rootfs" echo in
	expect 0 in
}

@test "the files for Kubernetes, CRI-O and containerd have one name for husk" {
	[ "$(member crio/10-husk.conf 'file["crio"]["runtime"]["runtimes"]["husk"]["runtime_path"]')" = /usr/local/bin/husk ]
	grep -qx 'handler: husk' contrib/kubernetes/runtimeclass.yaml
	grep -qx '  runtimeClassName: husk' contrib/kubernetes/runtimeclass.yaml
}
