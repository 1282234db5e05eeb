#!/usr/bin/env bats
# process.terminal with a foreground container: a pty of its own, the caller's as its window.
# places: native sanitized
load lib/husk

# Runs husk on a pty made by script(1), of 30 rows and 100 columns, with what stands on our standard input typed into it.
on_a_tty() { # SCRIPT
	config '.process.terminal = true'
	sh_args "$1"
	run script -qefc "stty rows 30 cols 100; HUSK_TEST_MARK=$mark '$HUSK' --root '$state' run --id '$id' '$bundle'; echo \"code \$?\"" /dev/null
	output=${output//$'\r'/}
}

@test "the program has a pty that is its controlling terminal, and /dev/console" {
	on_a_tty 'tty; test -t 0 && test -t 1 && test -t 2 && echo all; stat -c %T:%t /dev/console; : >/dev/tty && echo controlling' </dev/null
	[[ $output == *"/dev/pts/0"*"all"*"controlling"*"code 0"* ]] || fail "$output"
}

@test "the pty has the size of the caller's window" {
	on_a_tty 'stty size' </dev/null
	[[ $output == *"30 100"* ]] || fail "$output"
}

@test "consoleSize is the first size where the config has it" {
	config '.process.consoleSize = {"height": 11, "width": 22}'
	on_a_tty 'stty size' </dev/null
	[[ $output == *"11 22"* ]] || fail "$output"
}

@test "a change of the window's size is passed on" {
	config '.process.terminal = true'
	sh_args 'trap "stty size; exit 3" WINCH; echo ready; i=0; while [ $((i += 1)) -lt 100 ]; do sleep 0.1; done'
	local size="$BATS_TEST_TMPDIR/size"
	# The shell that owns the terminal changes its size once the program is ready.
	run script -qefc "stty rows 30 cols 100
		(until grep -q ready '$size' 2>/dev/null; do sleep 0.1; done; stty rows 44 cols 55 </dev/tty) &
		HUSK_TEST_MARK=$mark '$HUSK' --root '$state' run --id '$id' '$bundle' | tee '$size'; echo \"code \${PIPESTATUS[0]}\"" /dev/null </dev/null
	[[ ${output//$'\r'/} == *"44 55"* ]] || fail "$output"
}

@test "what is typed arrives, and control-C is the program's to handle" {
	on_a_tty 'trap "echo interrupted; exit 4" INT; read -r line; echo "got $line"; sleep 10' < <(
		sleep 1
		echo hello
		sleep 1
		printf '\003'
		sleep 2
	)
	[[ $output == *"got hello"*"interrupted"*"code 4"* ]] || fail "$output"
}

@test "the caller's terminal is as it was afterwards" {
	config '.process.terminal = true'
	local settings=$BATS_TEST_TMPDIR/settings
	run script -qefc "stty -g >'$settings'; HUSK_TEST_MARK=$mark '$HUSK' --root '$state' run --id '$id' '$bundle'; stty -g >'$settings.after'" /dev/null </dev/null
	cmp "$settings" "$settings.after"
}

@test "a terminal in the background is refused, for nobody would hold it" {
	config '.process.terminal = true'
	try create --bundle "$bundle" "$id"
	[ "$status" -ne 0 ]
	[[ $stderr == *"terminal"* ]]
}
