#!/usr/bin/env bats
# process.*: who the program is and what it may do.
# places: native sanitized
load lib/husk

field() { awk -v key="$1:" '$1 == key { $1 = ""; print substr($0, 2) }' <<<"$output"; } # NAME of /proc/self/status

@test "args[0] is looked up in the container's PATH, in its order" {
	own_rootfs
	mkdir -p "$bundle/rootfs/first" "$bundle/rootfs/second"
	printf '#!/bin/sh\necho second\n' >"$bundle/rootfs/second/tool"
	echo 'not executable' >"$bundle/rootfs/first/tool"
	chmod 755 "$bundle/rootfs/second/tool"
	config '.process.env = ["PATH=/first:/second:/bin"]'
	args tool
	try run --id "$id" "$bundle"
	expect 0 second
}

@test "a program that is not there: 127, and the words that callers look for" {
	args nowhere
	try run --id "$id" "$bundle"
	expect_error 127 'config.json: process.args[0]: exec "nowhere": executable file not found in $PATH'
	args /nowhere/at/all
	try run --id "$id" "$bundle"
	expect_error 127 'exec "/nowhere/at/all": no such file or directory'
}

@test "a program that may not be executed: 126, and the words that callers look for" {
	args /etc/passwd
	try run --id "$id" "$bundle"
	expect_error 126 'exec "/etc/passwd": permission denied'
	args /bin
	try run --id "$id" "$bundle"
	expect_error 126 'exec "/bin": permission denied'
}

@test "the environment is the config's, and HOME comes from the container's passwd" {
	config '.process.env = ["A=1", "B=x y", "HUSK_TEST_MARK=m"] | .process.user.uid = 1000'
	args env
	try run --id "$id" "$bundle"
	expect 0 "A=1
B=x y
HUSK_TEST_MARK=m
HOME=/home/user"
}

@test "the working directory is the config's, and made where it is missing" {
	own_rootfs
	config '.process.cwd = "/made/for/it"'
	args pwd
	try run --id "$id" "$bundle"
	expect 0 /made/for/it
}

@test "uid, gid, groups and umask are exactly the config's" {
	config '.process.user = {"uid": 1000, "gid": 1001, "umask": 63, "additionalGids": [5, 6]}'
	in_container 'id -u; id -g; cat /proc/self/status | grep ^Groups; umask'
	expect 0 "1000
1001
Groups:	5 6 
0077"
}

@test "no groups of the caller's are kept, and the umask is 022 where none is given" {
	in_container 'grep ^Groups /proc/self/status; umask'
	expect 0 "Groups:	 
0022"
}

@test "the five capability sets are exactly the config's" {
	config '.process.capabilities = {"bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"], "permitted": ["CAP_CHOWN",
		"CAP_KILL"], "effective": ["CAP_CHOWN", "CAP_KILL"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]} |
		.process.user.uid = 1000'
	args grep ^Cap /proc/self/status
	try run --id "$id" "$bundle"
	expect 0 "CapInh:	0000000000000020
CapPrm:	0000000000000020
CapEff:	0000000000000020
CapBnd:	00000000000000a1
CapAmb:	0000000000000020"
}

@test "root in the container has the config's capabilities and no more" {
	config '.process.capabilities = {"bounding": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"]}'
	args grep -e ^CapEff -e ^CapBnd /proc/self/status
	try run --id "$id" "$bundle"
	expect 0 "CapEff:	0000000000000001
CapBnd:	0000000000000001"
	config 'del(.process.capabilities)'
	try run --id "$id" "$bundle"
	expect 0 "CapEff:	0000000000000000
CapBnd:	0000000000000000"
}

@test "an unknown capability is a warning" {
	config '.process.capabilities.bounding += ["CAP_OF_THE_FUTURE"]'
	try run --id "$id" "$bundle"
	expect_error 0 "warning" "config.json: process.capabilities.bounding" "CAP_OF_THE_FUTURE"
}

@test "no_new_privs is set when asked for" {
	args grep NoNewPrivs /proc/self/status
	config '.process.noNewPrivileges = true'
	try run --id "$id" "$bundle"
	expect 0 "NoNewPrivs:	1"
	config '.process.noNewPrivileges = false'
	try run --id "$id" "$bundle"
	expect 0 "NoNewPrivs:	0"
}

@test "rlimits are exact, also above our own and below what husk itself needs" {
	args cat /proc/self/limits
	most=$(cat /proc/sys/fs/nr_open)
	(ulimit -n "$most") 2>/dev/null || most=$(ulimit -Hn) # this root may not raise a limit
	config --argjson most "$most" '.process.rlimits = [{"type": "RLIMIT_NOFILE", "soft": 4, "hard": $most}, {"type": "RLIMIT_CORE", "soft": 0,
		"hard": 4242}, {"type": "RLIMIT_NPROC", "soft": 7, "hard": 8}]'
	sed -i s/4242/18446744073709551615/ "$bundle/config.json" # jq would round it
	try run --id "$id" "$bundle"
	expect 0
	grep -qE "^Max open files +4 +$most" <<<"$output"
	grep -qE '^Max core file size +0 +unlimited' <<<"$output"
	grep -qE '^Max processes +7 +8' <<<"$output"
}

@test "oom_score_adj is the config's, and untouched where there is none" {
	args cat /proc/self/oom_score_adj
	config '.process.oomScoreAdj = 321'
	try run --id "$id" "$bundle"
	expect 0 321
	config 'del(.process.oomScoreAdj)'
	try run --id "$id" "$bundle"
	expect 0 "$(cat /proc/self/oom_score_adj)"
}

@test "scheduler, IO priority and personality are applied" {
	config '.process.scheduler = {"policy": "SCHED_BATCH", "nice": 5} | .process.ioPriority = {"class": "IOPRIO_CLASS_IDLE",
		"priority": 0} | .linux.personality = {"domain": "LINUX32"}'
	in_container 'cut -d" " -f19,41 /proc/1/stat; ionice -p 1; uname -m'
	expect 0 "5 3
idle
i686"
}

@test "signals that the caller ignores are not ignored by the program" {
	args grep SigIgn /proc/self/status
	(
		trap '' HUP INT USR1 PIPE
		husk run --id "$id" "$bundle" >"$BATS_TEST_TMPDIR/out"
	)
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = "SigIgn:	0000000000000000" ]
	args grep SigBlk /proc/self/status
	try run --id "$id" "$bundle"
	expect 0 "SigBlk:	0000000000000000"
}

@test "seccomp: a call is refused with the errno asked for" {
	config '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"],
		"action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}'
	in_container 'mkdir /tmp/x'
	expect 1
	[[ $stderr == *"No space left on device"* ]]
}

@test "seccomp: a call is told apart by its arguments" {
	# kill(2) with signal 0 works, with any other it does not
	config '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["kill"], "action":
		"SCMP_ACT_ERRNO", "errnoRet": 13, "args": [{"index": 1, "value": 0, "op": "SCMP_CMP_NE"}]}]}'
	in_container 'kill -0 1 && echo fine; kill -USR1 1'
	expect 1 fine
	[[ $stderr == *"Permission denied"* ]]
}

@test "seccomp: a killed program ends with SIGSYS" {
	config '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["uname"], "action":
		"SCMP_ACT_KILL_PROCESS"}]}'
	args uname
	try run --id "$id" "$bundle"
	expect 159
}

@test "seccomp works with no_new_privs and without, for root and for users" {
	config '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action":
		"SCMP_ACT_ERRNO"}]}'
	for nnp in true false; do
		for uid in 0 1000; do
			config ".process.noNewPrivileges = $nnp | .process.user.uid = $uid"
			in_container 'grep -e ^CapEff -e ^Seccomp: /proc/self/status; mkdir /tmp/x'
			expect 1
			[[ $stderr == *"Operation not permitted"* ]]
			[[ $output == *"Seccomp:	2"* ]]
			[ "$uid" -eq 0 ] || [[ $output == *"CapEff:	0000000000000000"* ]]
		done
	done
}

@test "seccomp: a call this libseccomp does not know is a warning, an unknown action a fault" {
	config '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["call_of_the_future", "mkdir"],
		"action": "SCMP_ACT_ERRNO"}]}'
	try run --id "$id" "$bundle"
	expect 0
	[[ $stderr == *"warning: config.json: linux.seccomp"*call_of_the_future* ]]
	config '.linux.seccomp.syscalls[0].action = "SCMP_ACT_MAYBE"'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: linux.seccomp.syscalls[0].action" "SCMP_ACT_MAYBE"
}

@test "an AppArmor profile where there is no AppArmor is an error, never ignored" {
	[ ! -d /sys/kernel/security/apparmor ] || skip "AppArmor is here"
	config '.process.apparmorProfile = "some-profile"'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: process.apparmorProfile" "apparmor"
}

@test "husk's own program cannot be overwritten from where a container could reach it" {
	args sleep 1000
	local before
	before=$(sha256sum "$HUSK-runtime")
	husk create --bundle "$bundle" "$id"
	exec 9<"/proc/$(pid_of "$id")/exe"
	husk delete --force "$id"
	# Nobody runs it now, so no "text file busy" stands in the way.
	run bash -c 'echo overwritten >>/proc/self/fd/9'
	exec 9<&-
	[ "$status" -ne 0 ]
	[ "$before" = "$(sha256sum "$HUSK-runtime")" ]
}
