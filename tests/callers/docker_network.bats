#!/usr/bin/env bats
# docker: networks. The namespace is the runtime's to make, before docker wires it between create and start.
load ../lib/docker

setup_file() { docker_setup; }
teardown_file() { docker_teardown; }

network() { # NAME [OPTION...]
	docker network create "${@:2}" "$1" >/dev/null
	later+=("docker network rm $1 >/dev/null")
}
# A container that says its name to whoever connects to port 80.
server() { # NAME OPTION...
	docker run -d --name "$1" "${@:2}" busybox sh -c "while :; do echo i am $1 | nc -l -p 80; done" >/dev/null
}
asks() { # HOST OPTION...: from a container of its own
	run --separate-stderr docker run --rm "${@:2}" busybox sh -c "i=0; until nc -w 2 $1 80 || [ \$((i += 1)) = 20 ]; do sleep 0.1; done"
}
answers() { [ "$(python3 -c 'import socket, sys; print(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5).makefile().read(), end="")' "$1")" = "$2" ]; } # PORT WORDS

@test "the default bridge: an address, a route, a name for itself" {
	docker_run -d busybox sleep 1000
	address=$(inspect .NetworkSettings.IPAddress)
	docker exec "$name" ip -o -4 addr show eth0 | grep -q " $address/"
	docker exec "$name" ip route | grep -q "default via $(inspect .NetworkSettings.Gateway)"
	docker exec "$name" cat /etc/hosts | grep -q "^$address.*$(inspect .Config.Hostname)"
	server "${name}s"
	docker exec "$name" ping -c 1 -W 5 "$(inspect .NetworkSettings.IPAddress "${name}s")"
	docker exec "$name" ip link show lo | grep -q UP
}

@test "a network of one's own: containers find each other by name and alias, strangers do not" {
	network "$name"
	server "${name}s" --network "$name" --network-alias other
	asks "${name}s" --network "$name"
	expect 0 "i am ${name}s"
	asks other --network "$name"
	expect 0 "i am ${name}s"
	run -1 docker run --rm --dns 127.0.0.1 busybox nslookup "${name}s"
	docker run --rm --network "$name" busybox cat /etc/resolv.conf | grep -q '^nameserver 127.0.0.11$'
}

@test "connect and disconnect while it runs" {
	network "$name" --internal
	docker_run -d busybox sleep 1000
	docker network connect --alias joined "$name" "$name"
	docker exec "$name" ip -o link show eth1
	docker run --rm --network "$name" busybox nslookup joined
	docker network disconnect "$name" "$name"
	run ! docker exec "$name" ip -o link show eth1
	docker network disconnect bridge "$name"
	[ "$(docker exec "$name" ls /sys/class/net)" = lo ]
}

@test "-p: a published port answers, and is free again afterwards" {
	server "$name" -p 127.0.0.1:18080:80 -p 127.0.0.1::80
	eventually answers 18080 "i am $name"
	eventually answers "$(docker port "$name" 80 | sed -n 's/.*://p' | grep -v 18080)" "i am $name"
	docker rm -f "$name"
	server "$name" -p 127.0.0.1:18080:80
	run -125 docker run --rm -p 127.0.0.1:18080:80 busybox true
	[[ $output == *"already allocated"* ]]
}

@test "none, host, and the network of another container" {
	run -0 docker run --rm --network none busybox ls /sys/class/net
	[ "$output" = lo ]
	run -0 docker run --rm --network host busybox readlink /proc/self/ns/net
	[ "$output" = "$(readlink /proc/1/ns/net)" ]
	server "$name"
	asks 127.0.0.1 --network "container:$name"
	expect 0 "i am $name"
	run -0 docker run --rm --network "container:$name" busybox hostname
	[ "$output" = "$(docker exec "$name" hostname)" ]
}

@test "a restarted container is in its network again" {
	network "$name"
	server "${name}s" --network "$name"
	docker restart --time 0 "${name}s"
	asks "${name}s" --network "$name"
	expect 0 "i am ${name}s"
}
