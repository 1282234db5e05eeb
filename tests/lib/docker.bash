# tests/lib/docker.bash: a dockerd whose containers are run by $runtime, for the tests of tests/callers/docker*.bats.
#
# dockerd asks for an io weight with every container, without which crun fails where the io controller is missing: there
# runc is what husk is compared with.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of bats, and those for the tests
# shellcheck source=tests/lib/callers.bash
. "${BASH_SOURCE[0]%/*}/callers.bash"

if [ "$runtime" = crun ] && ! has_controllers; then
	runtime=runc runtime_path=$(command -v runc)
fi
daemon_json=/etc/docker/daemon.json
label=husk-test # of all containers of a test, that no other is taken away

# "runc" is a name of docker's own, which no daemon.json may explain.
docker_setup() { # [JQ-FILTER]: a daemon of the file's own, with an image
	mkdir -p /etc/docker
	daemon_with "${1:-.}"
	busybox_image | docker import --change 'CMD ["sh"]' - busybox >/dev/null
}

docker_teardown() {
	systemctl stop docker.socket docker
	rm -f "$daemon_json"
}

# (Re)starts dockerd, with its settings changed by the filter.
daemon_with() { # [JQ-FILTER]
	jq -n --arg path "$runtime_path" '{"runtimes": {"tested": {"path": $path}}, "default-runtime": "tested"}' |
		jq "${1:-.}" >"$daemon_json"
	daemon_restart
}

daemon_restart() {
	systemctl reset-failed docker.socket docker 2>/dev/null || true # a few starts in a minute are too many for it
	systemctl restart docker
}

# What containers leave where somebody forgets to take it away. Rules without their counters.
docker_host() {
	awk '$5 ~ "docker|containerd" && $5 !~ "/netns/default$" { print "mount", $5 }' /proc/self/mountinfo
	find "$cgroups" -type d \( -name 'docker-*.scope' -o -path '*/docker/*' -o -path '*buildkit*' \) -printf 'cgroup %p\n'
	find /run/docker/runtime-*/moby /run/containerd/io.containerd.runtime.v2.task/moby -mindepth 1 -maxdepth 1 \
		! -name .seccomp -printf 'state %p\n' 2>/dev/null || true
	for link in /sys/class/net/*; do echo "link $link"; done
	nft list ruleset 2>/dev/null | sed 's/counter packets [0-9]* bytes [0-9]*//'
	pgrep -a 'containerd-shim|docker-proxy' | sed 's/^[0-9]*/process/' || true
	docker ps -aq --no-trunc | sed 's/^/container /'
	docker volume ls -q | sed 's/^/volume /'
}

setup() {
	name=t$BATS_TEST_NUMBER
	later=()
	docker_host | sort >"$BATS_TEST_TMPDIR/before"
}

as_before() {
	docker_host | sort >"$BATS_TEST_TMPDIR/after"
	cmp -s "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

as_before_soon() { # dockerd takes things away after it has said so
	local i
	for i in {1..40}; do if as_before; then return; fi; sleep 0.2; done
	return 1
}

teardown() {
	local i left=()
	mapfile -t left < <(docker ps -aq)
	[ ${#left[@]} -eq 0 ] || docker rm -f -v "${left[@]}" >/dev/null
	for ((i = ${#later[@]} - 1; i >= 0; i--)); do eval "${later[i]}"; done
	as_before_soon || { diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" >&2 || fail "something is left"; }
}

# `docker run` with the test's name; quick to stop, since a shell as first process takes no SIGTERM.
docker_run() { docker run --name "$name" --stop-timeout 1 "$@"; }
try_run() { run --separate-stderr docker_run "$@"; }
try_exec() { run --separate-stderr docker exec "$@"; }
inspect() { docker inspect --format "{{$1}}" "${2:-$name}"; } # TEMPLATE [CONTAINER]
is_state() { [ "$(inspect .State.Status "${2:-$name}")" = "$1" ]; } # STATUS [CONTAINER]
logs_say() { docker logs "${2:-$name}" 2>&1 | grep -q "$1"; } # WORDS [CONTAINER]

# Runs a command on a pty of 30 rows and 100 columns, with our standard input typed into it (its end is a ^@); its lines
# end as ours do.
on_a_pty() { # COMMAND
	script -qefc "stty rows 30 cols 100; $1" /dev/null | tr -d '\r' | sed 's/\^@//'
	return "${PIPESTATUS[0]}"
}
