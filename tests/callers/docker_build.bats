#!/usr/bin/env bats
# docker build: by BuildKit, which runs the `runc` of dockerd's PATH whatever daemon.json says, and by the old builder,
# which makes containers of the default runtime.
load ../lib/docker

setup_file() {
	ln -s "$runtime_path" /usr/local/sbin/runc
	docker_setup
}

teardown_file() {
	docker builder prune --all --force >/dev/null
	docker_teardown
	rm /usr/local/sbin/runc
}

# Builds the Dockerfile on standard input as the image $name.
build() { # OPTION...
	mkdir -p "$BATS_TEST_TMPDIR/context"
	cat >"$BATS_TEST_TMPDIR/context/Dockerfile"
	run docker build --progress plain -t "$name" "$@" "$BATS_TEST_TMPDIR/context"
	later+=("docker rmi -f $name >/dev/null 2>&1 || true")
}

@test "a build of two stages, with another user, folder and a health check" {
	build <<-'END'
		FROM busybox AS first
		RUN mkdir /out && id >/out/id && echo "$((6 * 7))" >/out/sum
		FROM busybox
		RUN chmod 1777 /tmp
		COPY --from=first /out /out
		USER user
		WORKDIR /home/user
		ENV GREETING="hello there"
		RUN echo "$(id -un) $PWD $GREETING" >/tmp/who
		HEALTHCHECK --interval=200ms CMD test -e /out/sum
		CMD ["cat", "/out/sum", "/tmp/who"]
	END
	expect 0
	run -0 docker run --rm "$name"
	expect 0 "42
user /home/user hello there"
	docker_run -d "$name" sleep 1000
	eventually eval '[ "$(inspect .State.Health.Status)" = healthy ]'
}

@test "the runtime that built is the one in the PATH" {
	[ "$runtime" = husk ] || skip "husk is told by the file system of its masks"
	build --no-cache <<-'END'
		FROM busybox
		RUN grep -q ' - tmpfs mask ' /proc/self/mountinfo
	END
	expect 0
}

@test "a step that fails says its code, and leaves nothing" {
	build <<-'END'
		FROM busybox
		RUN echo words; exit 3
	END
	expect 1
	[[ $output == *words* && $output == *"exit code: 3"* ]]
	build <<-'END'
		FROM busybox
		RUN ["/no/such"]
	END
	expect 1
	[[ $output == *"/no/such"* ]]
}

@test "RUN --mount: a cache that stays, a secret, a tmpfs, and the context" {
	echo hidden >"$BATS_TEST_TMPDIR/secret"
	for round in 1 2; do
		build --build-arg "ROUND=$round" --secret "id=s,src=$BATS_TEST_TMPDIR/secret" <<-'END'
			FROM busybox
			ARG ROUND
			RUN --mount=type=cache,target=/cache echo >>/cache/rounds; wc -l </cache/rounds >/rounds
			RUN --mount=type=secret,id=s sha256sum </run/secrets/s >/secret
			RUN --mount=type=tmpfs,target=/scratch grep ' /scratch ' /proc/self/mountinfo | grep -c tmpfs >/scratched
			RUN --mount=type=bind,target=/context cp /context/Dockerfile /copied
		END
		expect 0
	done
	run -1 --separate-stderr docker run --rm "$name" sh -c 'cat /rounds /secret /scratched; head -n 1 /copied; ls -d /run/secrets/s /cache/rounds'
	expect 1 "2
$(sha256sum <"$BATS_TEST_TMPDIR/secret")
1
FROM busybox"
}

@test "RUN --network none, default and host" {
	build <<-'END'
		FROM busybox
		RUN --network=none ls /sys/class/net >/none
		RUN ls /sys/class/net >/default
	END
	expect 0
	run -0 docker run --rm "$name" cat /none /default
	[[ $output == "lo
eth0"* ]]
	build --network host --no-cache <<-'END'
		FROM busybox
		RUN readlink /proc/self/ns/net >/host
	END
	expect 0
	[ "$(docker run --rm "$name" cat /host)" = "$(readlink /proc/1/ns/net)" ]
}

@test "a build step is as confined as a container" {
	build <<-'END'
		FROM busybox
		RUN grep -E '^(CapEff|CapBnd|Seccomp|NoNewPrivs):' /proc/self/status >/status
	END
	expect 0
	[ "$(docker run --rm "$name" cat /status)" = \
		"$(docker run --rm "$name" grep -E '^(CapEff|CapBnd|Seccomp|NoNewPrivs):' /proc/self/status)" ]
}

@test "a build that is interrupted stops its step" {
	mkdir "$BATS_TEST_TMPDIR/context"
	printf 'FROM busybox\nRUN sleep 4321\n' >"$BATS_TEST_TMPDIR/context/Dockerfile"
	docker build "$BATS_TEST_TMPDIR/context" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	eventually pgrep -xf 'sleep 4321'
	kill -INT $!
	wait $! || true
	eventually eval '! pgrep -xf "sleep 4321"'
}

@test "the old builder" {
	export DOCKER_BUILDKIT=0
	mkdir "$BATS_TEST_TMPDIR/context"
	printf 'FROM busybox\nRUN echo built >/by; chmod 1777 /tmp\nUSER user\nRUN id -un >/tmp/who\nCMD ["cat", "/by", "/tmp/who"]\n' \
		>"$BATS_TEST_TMPDIR/context/Dockerfile"
	docker build -t "$name" "$BATS_TEST_TMPDIR/context"
	later+=("docker rmi $name >/dev/null")
	run -0 docker run --rm "$name"
	expect 0 "built
user"
	printf 'FROM busybox\nRUN exit 5\n' >"$BATS_TEST_TMPDIR/context/Dockerfile"
	run -5 docker build "$BATS_TEST_TMPDIR/context"
	[[ $output == *"non-zero code: 5"* ]]
}
