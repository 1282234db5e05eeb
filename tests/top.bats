#!/usr/bin/env bats
# husk top, as it is seen and steered on a terminal: tmux(1) has the screen.
# places: native sanitized
load lib/husk

# A server for each screen: one that has just been told to end is in the way of the next.
mux() { env -u HUSK_TEST_MARK tmux -L "husk-$id${way:+-$way}" -f /dev/null "$@"; } # COMMAND...

# On a screen of its own; what the terminal was like before and after goes to files.
top_on() { # COLUMNS ROWS
	LC_ALL=C.UTF-8 mux new-session -d -x "$1" -y "$2" "cd $BATS_TEST_TMPDIR; stty -g >before
		$HUSK --root $state top; echo \$? >ended; stty -g >after; exec sleep 1000" 3>&-
	later eval "mux kill-server 2>/dev/null || true"
}
screen() { mux capture-pane -p; }
shows() { screen | grep -q -- "$1"; }   # PATTERN
row() { screen | grep -n "^$id-$1 " | cut -d: -f1; } # NAME
press() { mux send-keys "$@"; }         # KEY...

start() { # NAME SCRIPT
	sh_args "$2"
	husk run -d --id "$id-$1" "$bundle" >/dev/null 2>&1 </dev/null
}

delete_all() { for one in $(husk list -q); do husk delete --force "$one"; done; }

@test "top shows each container in 80 by 24, the busiest first, and sorts by name" {
	start a 'sleep 100'
	start z 'while :; do :; done'
	top_on 80 24
	eventually shows "^$id-z *running.*|||"
	shows '^husk: 2 containers, CPU .*, by CPU'
	[ "$(row z)" = 3 ] && [ "$(row a)" = 4 ]
	[ "$(screen | wc -l)" -le 24 ]
	[ "$(screen | LC_ALL=C.UTF-8 wc -L)" -le 80 ]
	shows 'q: quit'
	press n
	eventually shows 'by name'
	[ "$(row a)" = 3 ] && [ "$(row z)" = 4 ]
	eventually shows '^CPU .*[▃▄▅▆▇█]'
	delete_all
	eventually shows '^husk: 0 containers'
}

@test "top: pause, resume, update and kill from the keyboard, each after a y" {
	start a 'sleep 100'
	top_on 80 24
	eventually shows "^$id-a *running"
	press P
	eventually shows "pause $id-a? (y/n)"
	press n
	is_status "$id-a" running
	press P y
	eventually is_status "$id-a" paused
	eventually shows "^$id-a *paused"
	press R y
	eventually is_status "$id-a" running
	press U
	eventually shows 'update .* with'
	press -l -- '--memory nonsense'
	press Enter y
	eventually shows 'memory: expected a size'
	press K y
	eventually is_status "$id-a" stopped
	eventually shows "^$id-a *stopped"
	delete_all
}

@test "top: the screen may change its size" {
	start a 'sleep 100'
	top_on 80 24
	eventually shows "^$id-a *running"
	mux resize-window -x 120 -y 40
	wide() { [ "$(screen | sed -n 40p | grep -c 'q: quit')" = 1 ]; }
	eventually wide
	mux resize-window -x 60 -y 12
	small() { [ "$(screen | sed -n 12p | grep -c 'c m i p n')" = 1 ]; }
	eventually small
	eventually shows "^$id-a *running"
	[ "$(row a)" = 3 ]
	shows '^CPU'
	delete_all
}

@test "top leaves the terminal as it was, however it ends" {
	local way
	for way in q TERM INT HUP; do
		rm -f "$BATS_TEST_TMPDIR"/{before,after,ended}
		top_on 80 24
		eventually shows 'q: quit'
		if [ "$way" = q ]; then
			press q
		else
			pkill -"$way" -f "husk-top .* $state"
		fi
		eventually test -s "$BATS_TEST_TMPDIR/after" || fail "$way: $(screen)"
		cmp "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
		[ "$(cat "$BATS_TEST_TMPDIR/ended")" = "$(case $way in q) echo 0 ;; TERM) echo 143 ;; INT) echo 130 ;; HUP) echo 129 ;; esac)" ]
		! shows 'q: quit'
		mux kill-server
	done
}

@test "top without a terminal says so" {
	try top
	expect_error 1 "needs a terminal" "husk stats"
}
