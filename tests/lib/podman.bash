# tests/lib/podman.bash: what the tests that drive podman and buildah share.
#
# A test starts containers and pods as it likes: teardown removes them all, and looks whether the host is as it was.
# shellcheck shell=bash disable=SC2034,SC2154 # variables for the tests, and of bats and callers.bash
# shellcheck source=tests/lib/callers.bash
. "${BASH_SOURCE[0]%/*}/callers.bash"

# containers.conf(5) with the runtime under test.
containers_conf() {
	cat <<-END
		[containers]
		$(has_controllers || echo 'pids_limit = 0')
		[engine]
		runtime = "$runtime"
		runtime_supports_json = ["crun", "runc", "husk"]
		runtime_supports_nocgroup = ["crun", "husk"]
		[engine.runtimes]
		$runtime = ["$runtime_path"]
	END
}

# Docker's rules for forwarding are for its own bridge only; bridges of others need a word.
allow_forwarding() { iptables -w -P FORWARD ACCEPT; }

try() { run --separate-stderr "$@"; } # COMMAND...

terminal() { run "$tree/tests/lib/terminal.py" "$@"; } # as tests/lib/terminal.py: its output and exit code are the test's

field() { podman inspect --format "{{$2}}" "$1"; } # CONTAINER FIELD

is() { [ "$(field "$1" "$2")" = "$3" ]; } # CONTAINER FIELD VALUE

says() { podman logs "$1" 2>&1 | grep -q -- "$2"; } # CONTAINER WORDS

cgroup_of() { sed -n 's/^0:://p' "/proc/$1/cgroup"; } # PID

# What containers could leave.
host_of_podman() {
	cut -d' ' -f4- /proc/self/mountinfo | sed 's/^/mount /'
	find "$cgroups" -type d -name '*libpod*' ! -name libpod_parent -printf 'cgroup %P\n'
	printf 'link %s\n' /sys/class/net/*
	nft list ruleset 2>/dev/null | sed -E 's/counter packets [0-9]+ bytes [0-9]+//; s/^/rule /'
	pgrep -a 'conmon|catatonit|aardvark-dns|pasta|slirp4netns|rootlessport' | sed 's/^/process /'
	systemctl list-units --all --no-legend --plain '*.timer' '*.scope' | grep -oE '^\S*[0-9a-f]{64}\S*' | sed 's/^/unit /'
	find "/run/$runtime" -mindepth 1 -maxdepth 1 ! -name '.*' -printf 'state %P\n' 2>/dev/null
	return 0
}

setup() {
	name=t$BATS_TEST_NUMBER
	later=()
	eventually eval '! pgrep -x conmon >/dev/null' # one of a container that has just been removed
	host_before=$(host_of_podman)
}

# What goes away in its own time, as units of systemd do, is given some.
unchanged() {
	local i
	for ((i = 0; i < 40; i++)); do
		[ "$(host_of_podman)" != "$host_before" ] || return 0
		sleep 0.25
	done
	diff <(echo "$host_before") <(host_of_podman)
}

teardown() {
	local i
	for ((i = ${#later[@]} - 1; i >= 0; i--)); do eval "${later[i]}"; done
	podman pod rm --all --force --time 0 >/dev/null
	podman rm --all --force --time 0 >/dev/null
	unchanged
}
