#!/usr/bin/env bats
# docker checkpoint, which dockerd has only as an experiment.
load ../lib/docker

setup_file() { docker_setup '. + {"experimental": true}'; }
teardown_file() { docker_teardown; }

counter() { # OPTION...: a container that counts into its log
	docker_run -d --security-opt seccomp=unconfined "$@" busybox sh -c 'i=0; while :; do echo "n $((i += 1))"; sleep 0.1; done'
	eventually logs_say "n 5"
}
count() { docker logs "$name" | sed -n '$s/n //p'; }
counted_past() { [ "$(count)" -gt "$1" ]; } # NUMBER
# With runc, the container is paused for a while yet. dockerd may find what it uploads to containerd already there, for
# the checkpoint itself has put it there and is not cleaned up yet: then it can be asked again.
restart_from() { # CHECKPOINT
	eventually is_state exited
	at=$(count)
	eventually docker start --checkpoint "$1" "$name"
	eventually counted_past "$at"
	[ "$(docker logs "$name" | grep -cx 'n 1')" = 1 ]
	docker exec "$name" true
}

@test "checkpoint ends the container; start --checkpoint goes on where it was" {
	counter --network none
	docker checkpoint create "$name" one
	[ "$(docker checkpoint ls "$name" | tail -n +2)" = one ]
	restart_from one
	docker stop --time 1 "$name"
}

@test "checkpoint of one that is wired: it has its address again" {
	counter
	address=$(docker exec "$name" ip -o -4 addr show eth0 | awk '{ print $4 }')
	docker checkpoint create "$name" one
	restart_from one
	[ "$(docker exec "$name" ip -o -4 addr show eth0 | awk '{ print $4 }')" = "$address" ]
}

@test "checkpoint --leave-running" {
	counter --network none
	pid=$(inspect .State.Pid)
	docker checkpoint create --leave-running "$name" one
	is_state running
	[ "$(inspect .State.Pid)" = "$pid" ]
	at=$(count)
	eventually counted_past "$at"
	docker checkpoint rm "$name" one
}
