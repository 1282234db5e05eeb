#!/usr/bin/env bats
# containerd as the kubelet drives it: pods by the CRI, with the configuration of contrib/containerd.
load ../lib/containerd

setup_file() {
	local folder=$BATS_FILE_TMPDIR
	protoc --python_out="$folder" --proto_path=tests/lib cri.proto
	cp /etc/containerd/config.toml "$folder/config.before"
	{
		sed "s|/usr/local/bin/husk|$runtime_path|" contrib/containerd/config.toml
		cat <<-END
			[plugins."io.containerd.grpc.v1.cri"]
			  sandbox_image = "docker.io/library/pause:latest"
			  $(has_controllers || echo 'disable_cgroup = true')
			  restrict_oom_score_adj = $(may_lower_oom_score && echo false || echo true)
			[plugins."io.containerd.grpc.v1.cri".cni]
			  bin_dir = "/usr/lib/cni"
			  conf_dir = "$folder/cni"
			[plugins."io.containerd.grpc.v1.cri".containerd]
			  default_runtime_name = "cgroupfs"
			[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.cgroupfs]
			  runtime_type = "io.containerd.runc.v2"
			  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.cgroupfs.options]
			    BinaryName = "$runtime_path"
		END
	} >/etc/containerd/config.toml
	ip link add husk-cni0 type bridge
	mkdir "$folder/cni"
	cat >"$folder/cni/10-bridge.conflist" <<-END
		{"cniVersion": "0.4.0", "name": "husk-test", "plugins": [{
			"type": "bridge", "bridge": "husk-cni0", "isGateway": true,
			"ipam": {"type": "host-local", "dataDir": "$folder/leases", "ranges": [[{"subnet": "10.213.0.0/24"}]]}
		}]}
	END
	start_containerd
	busybox_image >"$folder/layer.tar"
	python3 tests/lib/image_archive.py docker.io/library/pause:latest sleep infinity <"$folder/layer.tar" |
		ctr -n k8s.io image import - >/dev/null
	python3 tests/lib/image_archive.py "$image" <"$folder/layer.tar" | ctr -n k8s.io image import - >/dev/null
}

teardown_file() {
	ctr -n k8s.io image rm --sync docker.io/library/pause:latest "$image" >/dev/null
	ip link del husk-cni0
	cp "$BATS_FILE_TMPDIR/config.before" /etc/containerd/config.toml
	systemctl restart containerd
}

may_lower_oom_score() { (echo -998 >/proc/self/oom_score_adj) 2>/dev/null; }

# One client makes all calls of a test.
setup() {
	prepare
	coproc client { PYTHONPATH=$BATS_FILE_TMPDIR exec python3 tests/lib/cri.py /run/containerd/containerd.sock 3>&-; }
	exec {calls}>&"${client[1]}" {answers}<&"${client[0]}" # subshells have these, but not those of coproc
}

cri() { # METHOD [REQUEST]
	local code answer
	echo "$1 ${2-{\}}" >&"$calls"
	read -r code answer <&"$answers"
	[ "$code" = 0 ] || fail "$answer" || return
	echo "$answer"
}

# Makes the test's pod, $pod, of a config that the filter may change: $pod_config.
pod() { # [JQ-FILTER [HANDLER]]
	pod_config=$(jq -nc --arg name "$name" --arg logs "$BATS_TEST_TMPDIR/logs" '{
		metadata: {name: $name, uid: $name, namespace: "default"}, hostname: "the-pod", log_directory: $logs,
		linux: {security_context: {namespace_options: {pid: "CONTAINER"}}}} | '"${1:-.}")
	pod=$(cri RunPodSandbox "$(jq -nc --argjson config "$pod_config" --arg handler "${2-husk}" \
		'{config: $config, runtime_handler: $handler}')" | jq -re .pod_sandbox_id)
	later+=("remove_pod $pod")
}
remove_pod() { # ID
	cri StopPodSandbox "{\"pod_sandbox_id\": \"$1\"}" && cri RemovePodSandbox "{\"pod_sandbox_id\": \"$1\"}"
}

# Makes a container in the pod, and starts it: $container.
container() { # NAME JQ-FILTER COMMAND...
	local config='{metadata: {name: $name}, image: {image: $image}, log_path: ($name + ".log"), command: $ARGS.positional,
		linux: {security_context: {namespace_options: $pod_config.linux.security_context.namespace_options}}}'
	container=$(cri CreateContainer "$(jq -nc --argjson pod_config "$pod_config" \
		--arg pod "$pod" --arg name "$1" --arg image "$image" \
		"{pod_sandbox_id: \$pod, sandbox_config: \$pod_config, config: ($config | $2)}" \
		--args -- "${@:3}")" | jq -re .container_id)
	cri StartContainer "{\"container_id\": \"$container\"}" >/dev/null
}
of() { cri "$1" "$(jq -nc --arg id "$container" '{container_id: $id}'" + ${2:-{\}}")"; } # METHOD [REQUEST]: of $container
status() { of ContainerStatus | jq -r ".status.$1"; }                                    # MEMBER
is() { [ "$(status state)" = "CONTAINER_$1" ]; }                                        # STATE
host_pid() { ctr -n k8s.io task ls | awk -v id="${1:-$container}" '$1 == id { print $2 }'; }
log() { cut -d ' ' -f 4- "$BATS_TEST_TMPDIR/logs/$1.log"; } # NAME

# A container that ends: its output is the test's, and so is its exit code.
in_pod() { # NAME JQ-FILTER SCRIPT
	container "$1" "$2" sh -c "$3"
	eventually is EXITED
	status=$(status exit_code) output=$(log "$1")
}

exec_sync() { # SCRIPT
	of ExecSync "$(jq -nc --arg script "$1" '{cmd: ["sh", "-c", $script]}')"
}

@test "the runtime is ready, and its handler as contrib/ has it" {
	cri Status | jq -e '[.status.conditions[] | select(.type | IN("RuntimeReady", "NetworkReady")) | .status] == [true, true]'
	cri Status '{"verbose": true}' | jq -r .info.config |
		jq -e --arg path "$runtime_path" '.containerd.runtimes.husk.options | .BinaryName == $path and .SystemdCgroup'
	run cri RunPodSandbox '{"config": {"metadata": {"name": "n", "uid": "u", "namespace": "default"}}, "runtime_handler": "nobody"}'
	[[ $status -eq 1 && $output == *"nobody"* ]]
}

@test "a pod has an address; its containers share network, IPC and host name, but neither processes nor files" {
	pod
	local ip
	ip=$(cri PodSandboxStatus "{\"pod_sandbox_id\": \"$pod\"}" | jq -r .status.network.ip)
	[[ $ip == 10.213.0.* ]]
	container server . sh -c 'echo hello >/index.html; exec httpd -f -p 80'
	local first
	first=$(host_pid)
	in_pod client . 'until wget -q -O - http://127.0.0.1/; do sleep 0.1; done; hostname; ps | wc -l; test -e /index.html'
	expect 1 $'hello\nthe-pod\n4'
	[ "$(exec 3<>"/dev/tcp/$ip/80" && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && tail -n 1 <&3)" = hello ]
	container second . sleep 98765
	local kind
	for kind in net ipc uts; do
		[ "$(readlink "/proc/$first/ns/$kind")" = "$(readlink "/proc/$(host_pid)/ns/$kind")" ]
	done
	for kind in pid mnt; do
		[ "$(readlink "/proc/$first/ns/$kind")" != "$(readlink "/proc/$(host_pid)/ns/$kind")" ]
	done
}

@test "shareProcessNamespace: the containers of a pod see each other" {
	pod '.linux.security_context.namespace_options.pid = "POD"'
	container first . sleep 98765
	in_pod second . 'ps | grep -c "sleep 9876[5]"; readlink /proc/1/exe; cat /proc/1/comm'
	[ "${output##*$'\n'}" = sleep ]
	[ "${output%%$'\n'*}" = 1 ]
}

@test "hostNetwork, hostPID and hostIPC: the container is in the namespaces of the node" {
	pod 'del(.hostname) | .linux.security_context.namespace_options = {network: "NODE", pid: "NODE", ipc: "NODE"}'
	in_pod one . 'for kind in net pid ipc; do readlink /proc/self/ns/$kind; done'
	expect 0 "$(for kind in net pid ipc; do readlink /proc/self/ns/$kind; done)"
}

@test "exit code, log of both streams, and StopContainer with and without the program's help" {
	pod
	in_pod fails . 'echo out; echo err >&2; exit 3'
	expect 3
	[ "$(status reason)" = Error ]
	grep -qE '^[^ ]+ stdout F out$' "$BATS_TEST_TMPDIR/logs/fails.log"
	grep -qE '^[^ ]+ stderr F err$' "$BATS_TEST_TMPDIR/logs/fails.log"
	container polite . sh -c 'trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.1; done'
	up() { [ "$(log "$1")" = up ]; }
	eventually up polite
	of StopContainer '{timeout: 60}'
	[ "$(status exit_code) $(log polite)" = $'0 up\nbye' ]
	container deaf . sh -c 'trap "" TERM; echo up; while :; do sleep 0.1; done'
	eventually up deaf
	of StopContainer '{timeout: 1}'
	[ "$(status exit_code)" = 137 ]
}

@test "ExecSync: output, errors, exit code; a program that takes too long is ended, one that is missing an error" {
	pod
	container one '.envs = [{key: "A", value: "b"}] | .working_dir = "/tmp"' sleep 98765
	[ "$(exec_sync 'pwd; echo $A; echo err >&2; exit 4' | jq -c '[.stdout, .stderr, .exit_code]')" = '["/tmp\nb\n","err\n",4]' ]
	run of ExecSync '{cmd: ["sleep", "4321"], timeout: 1}'
	[[ $status -eq 1 && $output == *"timeout 1s exceeded"* ]] || fail "$output"
	[ -z "$(pgrep -fx 'sleep 4321')" ]
	run of ExecSync '{cmd: ["/missing"]}'
	[[ $status -eq 1 && $output == */missing*[Nn]"o such file or directory"* ]] || fail "$output"
	is RUNNING
}

@test "a command that is missing: the container has exit code 128 and the runtime's words" {
	pod
	run container one . /missing
	[[ $output == */missing*[Nn]"o such file or directory"* ]] || fail "$output"
	container=$(cri ListContainers | jq -r --arg pod "$pod" '.containers[] | select(.pod_sandbox_id == $pod) | .id')
	is EXITED
	[ "$(status exit_code) $(status reason)" = "128 StartError" ]
	[[ $(status message) == */missing* ]]
}

@test "securityContext: user, groups, capabilities, no new privileges, read-only, masked and read-only paths" {
	pod
	in_pod one '.linux.security_context += {run_as_user: {value: 1000}, run_as_group: {value: 1001},
		supplemental_groups: [2000, 2001], readonly_rootfs: true, no_new_privs: true, capabilities: {drop_capabilities: ["ALL"]}}' '
		id -u; id -g; id -G; touch /x 2>/dev/null || echo read-only
		grep -E "^(Cap(Prm|Bnd)|NoNewPrivs):" /proc/self/status | tr -d "\t"'
	expect 0 $'1000\n1001\n1001 2000 2001\nread-only\nCapPrm:0000000000000000\nCapBnd:0000000000000000\nNoNewPrivs:1'
	in_pod two '.linux.security_context += {capabilities: {add_capabilities: ["SYS_TIME"], drop_capabilities: ["CHOWN"]},
		masked_paths: ["/proc/uptime", "/etc"], readonly_paths: ["/proc/sys"]}' '
		cat /proc/uptime; ls /etc; echo x 2>/dev/null >/proc/sys/kernel/domainname || echo read-only
		chown 1:1 /tmp 2>/dev/null || echo no
		grep -E "^CapEff:" /proc/self/status | tr -d "\t"'
	expect 0 $'read-only\nno\nCapEff:00000000aa0425fa'
}

@test "securityContext: seccomp profiles, the runtime's own and one of the node" {
	pod
	in_pod default '.linux.security_context.seccomp = {profile_type: "RuntimeDefault"}' '
		grep Seccomp: /proc/self/status; unshare -U true 2>&1'
	expect 1 $'Seccomp:\t2\nunshare: unshare(0x10000000): Operation not permitted'
	local profile=$BATS_TEST_TMPDIR/profile.json
	echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}' >"$profile"
	in_pod local ".linux.security_context.seccomp = {profile_type: \"Localhost\", localhost_ref: \"$profile\"}" 'mkdir /x 2>&1'
	[[ $status -eq 1 && $output == *"not supported"* ]] || fail "$output"
	in_pod none '.linux.security_context.seccomp = {profile_type: "Unconfined"}' 'grep Seccomp: /proc/self/status'
	expect 0 $'Seccomp:\t0'
}

@test "a privileged container has all capabilities, all devices and /sys for writing" {
	pod '.linux.security_context.privileged = true'
	in_pod one '.linux.security_context.privileged = true' '
		sed -n "s/^CapEff:.//p" /proc/self/status; [ -c /dev/fuse ] && grep -c " /sys sysfs rw" /proc/mounts'
	expect 0 "$(awk '/CapBnd/ { print $2 }' /proc/self/status)"$'\n1'
}

@test "mounts: read-only, and those of the host that come later, and those that go back to it" {
	local folder=$BATS_TEST_TMPDIR/shared
	mkdir -p "$folder/in" "$folder/out"
	mount -t tmpfs tmpfs "$folder"
	mount --make-shared "$folder"
	mkdir "$folder/in" "$folder/out"
	later+=("umount -R '$folder'")
	pod '.linux.security_context.privileged = true'
	container one ".linux.security_context.privileged = true | .mounts = [
		{host_path: \"$folder\", container_path: \"/fixed\", readonly: true},
		{host_path: \"$folder\", container_path: \"/from\", propagation: \"PROPAGATION_HOST_TO_CONTAINER\"},
		{host_path: \"$folder\", container_path: \"/both\", propagation: \"PROPAGATION_BIDIRECTIONAL\"}]" sleep 98765
	mount -t tmpfs in "$folder/in"
	touch "$folder/in/file"
	run exec_sync 'touch /fixed/x 2>/dev/null; [ -e /fixed/in/file ]; echo $?; ls /from/in /both/in; mount -t tmpfs none /both/out'
	jq -e '[.stdout, .exit_code] == ["1\n/both/in:\nfile\n\n/from/in:\nfile\n", 0]' <<<"$output"
	mountpoint -q "$folder/out"
}

@test "sysctls of a pod are those of its namespaces" {
	pod '.linux.sysctls = {"net.ipv4.ip_unprivileged_port_start": "80", "kernel.shm_rmid_forced": "1"}'
	in_pod one '.linux.security_context.run_as_user.value = 1000' '
		cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced'
	expect 0 $'80\n1'
}

@test "devices: the node of the host is there, with its numbers" {
	pod
	in_pod one '.devices = [{host_path: "/dev/fuse", container_path: "/dev/other", permissions: "rw"}]' 'stat -c %t:%T /dev/other'
	expect 0 a:e5
}

@test "a pod with a user namespace: root in it is nobody on the node" {
	local map='[{"host_id": 300000, "container_id": 0, "length": 65536}]'
	pod ".linux.security_context.namespace_options.userns_options = {mode: \"POD\", uids: $map, gids: $map}"
	container one . sleep 98765
	[ "$(stat -c '%u %g' "/proc/$(host_pid)")" = "300000 300000" ]
	[ "$(readlink "/proc/$(host_pid)/ns/user")" = "$(readlink "/proc/$(host_pid "$pod")/ns/user")" ]
	[ "$(exec_sync 'id -u; touch /made; stat -c %u /made /dev/mqueue' | jq -r .stdout)" = $'0\n0\n0' ]
}

@test "TARGET: a container for debugging sees the processes of another" {
	pod
	container one . sleep 98765
	in_pod debug ".linux.security_context.namespace_options = {pid: \"TARGET\", target_id: \"$container\"}" '
		ps | grep -c "sleep 9876[5]"'
	expect 0 1
}

@test "containerd is started again: pods run on and are in its hands" {
	pod
	container one . sh -c 'trap "exit 5" TERM; echo up; while :; do sleep 0.1; done'
	systemctl restart containerd
	eventually cri Version # the client's connection is over
	is RUNNING
	[ "$(exec_sync 'echo in' | jq -r .stdout)" = in ]
	of StopContainer '{timeout: 60}'
	[ "$(status exit_code)" = 5 ]
}

@test "the shim of a pod is killed: its pod is over, and removing it leaves nothing" {
	pod
	container one . sleep 98765
	local init
	init=$(host_pid)
	kill -KILL "$(pgrep -f "containerd-shim-runc-v2 .*-id $pod ")"
	ended() { ! [ -e "/proc/$init" ]; }
	eventually ended
	not_ready() { [ "$(cri PodSandboxStatus "{\"pod_sandbox_id\": \"$pod\"}" | jq -r .status.state)" = SANDBOX_NOTREADY ]; }
	eventually not_ready
}

# What a pod of the node's cgroup driver gets: the kubelet makes the parent, the runtime all below it.
cgroup_of() { sed -n "s|^0::|$cgroups|p" "/proc/$(host_pid "$@")/cgroup"; } # [ID]

# bats test_tags=vm
@test "resources: limits are the kernel's, changed while it runs, counted, and the end of memory has its reason" {
	later+=('systemctl stop huskpod.slice') # after the pod, or it would wait for its programs
	pod '.linux.cgroup_parent = "huskpod.slice"'
	container one '.linux.resources = {cpu_period: 100000, cpu_quota: 50000, cpu_shares: 512, memory_limit_in_bytes: 67108864,
		oom_score_adj: 999, unified: {"memory.low": "1048576"}}' sh -c 'trap "exit 0" TERM; while :; do sleep 0.5; done'
	local cgroup
	cgroup=$(cgroup_of)
	[[ $cgroup == "$cgroups/huskpod.slice/cri-containerd-$container.scope"* ]]
	[ "$(cat "$cgroup"/{cpu.max,memory.max,memory.low} "/proc/$(host_pid)/oom_score_adj" | tr '\n' ' ')" = \
		"50000 100000 67108864 1048576 999 " ]

	of UpdateContainerResources '{linux: {cpu_period: 100000, cpu_quota: 20000, memory_limit_in_bytes: 134217728}}'
	systemctl daemon-reload
	[ "$(cat "$cgroup"/{cpu.max,memory.max} | tr '\n' ' ')" = "20000 100000 134217728 " ]

	of ContainerStats | jq -e '.stats | [.cpu.usage_core_nano_seconds, .memory.usage_bytes] | all(.value | tonumber > 0)'
	cri ListContainerStats | jq -e --arg id "$container" 'any(.stats[]; .attributes.id == $id)'
	of StopContainer '{timeout: 60}'

	container greedy '.linux.resources = {memory_limit_in_bytes: 33554432, memory_swap_limit_in_bytes: 33554432}' \
		sh -c 'dd if=/dev/zero of=/dev/null bs=200M count=1; sleep 5' # the shim hears of it while the cgroup is there
	oom_killed() { [ "$(status reason)" = OOMKilled ]; }
	eventually oom_killed
}

# bats test_tags=vm
@test "cgroupDriver cgroupfs: the pod's cgroup holds those of its containers" {
	mkdir "$cgroups/husk-pod"
	later+=("rmdir '$cgroups/husk-pod'")
	pod '.linux.cgroup_parent = "/husk-pod"' cgroupfs
	container one '.linux.resources = {cpu_shares: 512, memory_limit_in_bytes: 67108864}' sleep 98765
	[ "$(cgroup_of)" = "$cgroups/husk-pod/$container" ]
	[ "$(cgroup_of "$pod")" = "$cgroups/husk-pod/$pod" ]
	[ "$(cat "$cgroups/husk-pod/$container/memory.max")" = 67108864 ]
}
