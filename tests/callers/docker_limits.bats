#!/usr/bin/env bats
# docker: limits and numbers. In the VM only, which has the controllers.
load ../lib/docker

setup_file() { docker_setup; }
teardown_file() { docker_teardown; }

# crun has them one cgroup further below, too.
value() { # FILE
	local scope=$cgroups/system.slice/docker-$id.scope
	[ ! -d "$scope/container" ] || scope+=/container
	cat "$scope/$1"
}

# bats test_tags=vm
@test "limits: each is in its file, and update changes it" {
	id=$(docker_run -d --memory 64m --memory-reservation 32m --memory-swap 96m --cpus 1.5 --cpu-shares 512 --cpuset-cpus 0 \
		--pids-limit 50 --blkio-weight 300 busybox sleep 1000)
	[ "$(value memory.max) $(value memory.low) $(value memory.swap.max)" = "67108864 33554432 33554432" ]
	[ "$(value cpu.max) $(value cpuset.cpus) $(value pids.max)" = "150000 100000 0 50" ]
	[ "$(docker exec "$name" nproc)" = 1 ]
	docker update --memory 80m --memory-swap 160m --cpus 0.5 --pids-limit 60 "$name"
	[ "$(value memory.max) $(value memory.swap.max) $(value cpu.max) $(value pids.max)" = "83886080 83886080 50000 100000 60" ]
	systemctl daemon-reload
	[ "$(value memory.max) $(value pids.max)" = "83886080 60" ]
}

# bats test_tags=vm
@test "too much memory: OOMKilled and 137; too many processes: fork fails" {
	# The shim looks for the event only once `start` has come back.
	run docker_run --memory 16m --memory-swap 16m busybox sh -c 'sleep 3; dd if=/dev/zero of=/dev/null bs=100M; exit $?'
	expect 137
	eventually eval '[ "$(inspect .State.OOMKilled)" = true ]'
	run docker run --rm --pids-limit 4 busybox sh -c 'for i in 1 2 3 4 5; do sleep 1 & done'
	[[ $output == *"can't fork"* ]]
}

# bats test_tags=vm
@test "stats: memory, processes and the network, and CPU of one that spins" {
	docker_run -d --memory 64m busybox sh -c 'while :; do :; done'
	run -0 docker stats --no-stream --format '{{.Name}} {{.PIDs}} {{.MemUsage}} {{.CPUPerc}} {{.NetIO}}' "$name"
	read -r who pids _ _ limit cpu _ <<<"$output"
	[ "$who $pids $limit" = "$name 1 64MiB" ] || fail "$output"
	[ "${cpu%%.*}" -gt 20 ] || fail "$output"
}

# bats test_tags=vm
@test "info: no warning at all" {
	docker info --format '{{json .Warnings}}' | grep -x null
}
