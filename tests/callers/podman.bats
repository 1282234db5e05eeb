#!/usr/bin/env bats
# podman as root, with the systemd manager and with its own.
load ../lib/callers

setup_file() {
	mkdir -p /etc/containers
	cat >/etc/containers/containers.conf <<-END
		[containers]
		$(has_controllers || echo 'pids_limit = 0')
		[engine]
		runtime = "$runtime"
		runtime_supports_json = ["crun", "runc", "husk"]
		runtime_supports_nocgroups = ["crun", "husk"]
		[engine.runtimes]
		$runtime = ["$runtime_path"]
	END
	busybox_image | podman import --quiet - busybox
}

teardown_file() {
	podman system reset --force
}

@test "run: output, exit code, nothing left" {
	run --separate-stderr podman run --rm --name "$name" busybox sh -c 'echo out; echo err >&2; exit 7'
	expect 7 out
	[ "$stderr" = err ]
	gone "libpod-$name"
}
