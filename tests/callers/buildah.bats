#!/usr/bin/env bats
# buildah, with the isolation that calls a runtime.
load ../lib/podman

setup_file() {
	mkdir -p /etc/containers
	containers_conf >/etc/containers/containers.conf
	allow_forwarding
	busybox_image | podman import --quiet - busybox
	buildah run --isolation oci "$(working busybox)" true # what podman's network makes once, and keeps
	buildah rm --all
	podman run --rm busybox true
}

teardown_file() {
	buildah rm --all
	podman system reset --force
}

# buildah asks for more than where the tests run may have.
limits=(--ulimit nofile=1024:1024 --ulimit nproc=1024:1024)

working() { buildah from "${limits[@]}" "$@"; } # AS buildah from

build() { buildah build --isolation oci "${limits[@]}" --quiet "$@"; } # AS buildah build

@test "run: output, exit code, standard input, nothing left" {
	working --name "$name" busybox
	later+=("buildah rm $name")
	try buildah run --isolation oci "$name" sh -c 'echo out; echo err >&2; exit 7'
	expect 7 out
	[[ $stderr == err* ]]
	try buildah run --isolation oci "$name" cat <<<in
	expect 0 in
	[ -z "$(find "$cgroups" -name '*buildah*')" ]
}

@test "run: user, capabilities, mounts, environment, names and network are those asked for" {
	working --name "$name" --cap-drop all --cap-add chown busybox
	later+=("buildah rm $name")
	try buildah run --isolation oci --user 1000:100 --workingdir /tmp --env FOO=bar --hostname box --network none -v "$BATS_TEST_TMPDIR:/x:ro" \
		--mount type=tmpfs,dst=/t "$name" sh -c 'id -u; pwd; echo $FOO; hostname; ls /sys/class/net; touch /t/y && echo written; touch /x/y'
	expect 1 $'1000\n/tmp\nbar\nbox\nlo\nwritten'
	[[ $stderr == *"/x/y: Read-only file system"* ]]
	try buildah run --isolation oci "$name" grep -E '^(CapEff|CapBnd|Seccomp):' /proc/self/status
	expect 0 $'CapEff:\t0000000000000001\nCapBnd:\t0000000000000001\nSeccomp:\t2'
}

@test "run -t: a terminal" {
	working --name "$name" busybox
	later+=("buildah rm $name")
	terminal 30x100 'ready' 'hello\r' -- buildah run --isolation oci -t "$name" sh -c 'tty; echo ready; read -r line; echo "got $line"; exit 5'
	expect 5
	[[ $output == */dev/pts/0*ready*"got hello"* ]] || fail "$output"
}

@test "an image from scratch" {
	working --name "$name" scratch
	later+=("buildah rm $name" "podman rmi -f $name-image")
	tar -C "$BATS_FILE_TMPDIR/rootfs" -c . | tar -C "$(buildah mount "$name")" -x
	buildah run --isolation oci "$name" touch /made
	buildah config --cmd 'stat -c %n /made' "$name"
	buildah commit --quiet "$name" "$name-image"
	try podman run --rm "$name-image"
	expect 0 /made
}

@test "build: RUN with mounts of every kind, stages, build arguments, layers" {
	tar -C "$BATS_FILE_TMPDIR/rootfs" -cf "$BATS_TEST_TMPDIR/root.tar" .
	echo bound >"$BATS_TEST_TMPDIR/bound"
	echo sekrit >"$BATS_TEST_TMPDIR/secret"
	cat >"$BATS_TEST_TMPDIR/Containerfile" <<-'END'
		FROM scratch AS first
		ADD root.tar /
		ARG WORD
		RUN --network=none ls /sys/class/net >/file && echo "$WORD" >>/file
		RUN --mount=type=bind,src=bound,target=/m cat /m >>/file && ! touch /m 2>/dev/null
		RUN --mount=type=secret,id=s cat /run/secrets/s >>/file
		RUN --mount=type=tmpfs,dst=/t --mount=type=cache,dst=/c touch /t/x /c/x && ls /t /c >/dev/null
		RUN test ! -e /t/x && test ! -e /run/secrets/s && chmod 666 /file
		FROM first
		USER 1000
		RUN id -u >>/file
		RUN --mount=type=bind,from=first,src=/,target=/m cmp /m/bin/busybox /bin/busybox
		ENTRYPOINT ["cat", "/file"]
	END
	later+=("podman rmi -f $name-image" "podman image prune -f")
	build --layers --build-arg WORD=word --secret "id=s,src=$BATS_TEST_TMPDIR/secret" --tag "$name-image" "$BATS_TEST_TMPDIR"
	try podman run --rm "$name-image"
	expect 0 $'lo\nword\nbound\nsekrit\n1000'
}

@test "what cannot be executed is said in the runtime's words" {
	working --name "$name" busybox
	later+=("buildah rm $name")
	try buildah run --isolation oci "$name" nosuch
	expect 1
	[[ $stderr == *'nosuch'*'not found in $PATH'* ]]
	try buildah run --isolation oci "$name" /etc
	expect 1
	[[ $stderr == *"/etc"* ]]
	printf 'FROM busybox\nRUN exit 9\n' >"$BATS_TEST_TMPDIR/Containerfile"
	try build "$BATS_TEST_TMPDIR"
	expect 9
}

@test "interrupted: the container is killed, nothing is left" {
	working --name "$name" busybox
	later+=("buildah rm $name")
	buildah run --isolation oci "$name" sleep 2004 </dev/null 3>&- &
	eventually pgrep -xf '(/bin/)?sleep 2004'
	pkill -INT -xf "buildah run --isolation oci $name sleep 2004"
	wait $! || true
	eventually eval '! pgrep -xf "(/bin/)?sleep 2004"'
	[ -z "$(find "$cgroups" -name '*buildah*')" ]
}
